"""Frames in .npy, .csv and .wav files, and paths that lead nowhere."""

import os
import struct
import sys
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

from hwsim.datasets import Preprocessing, has_splits, load_dataset
from hwsim.errors import DataError, HwsimError


def refused(*arguments, **options):
    with pytest.raises(HwsimError) as error:
        load_dataset(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- .npy


@pytest.mark.parametrize(
    ("dtype", "kept"), [("uint8", "uint8"), ("bool", "uint8"), ("int64", "int64"), (">i2", "int16"), ("f8", "float32")]
)
def test_rows_of_an_npy_are_frames(tmp_path, dtype, kept):
    inputs = np.random.default_rng(0).integers(0, 2, (5, 3, 8)).astype(dtype)
    np.save(tmp_path / "mine.npy", inputs)
    data = load_dataset(tmp_path / "mine.npy")
    assert data.inputs.any()
    assert np.array_equal(data.inputs, inputs)
    assert (data.inputs.dtype.name, data.labels, data.step) == (kept, None, 1)
    assert (data.order, data.name) == ("file", "mine.npy")
    assert len(load_dataset(str(tmp_path / "mine.npy"), frames=2)) == 2


def test_an_npy_takes_a_step_and_preprocessing(tmp_path):
    np.save(tmp_path / "mine.npy", np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3))
    data = load_dataset(tmp_path / "mine.npy", step=0.5, preprocessing=Preprocessing(source_layout="NHWC"))
    assert (data.step, data.shape) == (0.5, (3, 2, 2))
    assert data.inputs[0, 0].tolist() == [[0, 3], [6, 9]]


def test_files_that_are_no_array(tmp_path):
    path = tmp_path / "mine.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    assert "no array, or cut short" in refused(path)
    np.save(path, np.zeros((4, 100)))
    path.write_bytes(path.read_bytes()[:-8])
    assert "no array, or cut short" in refused(path)
    path.write_bytes(b"")
    assert "no array, or cut short" in refused(path)
    np.save(path, np.zeros(4))
    assert "inputs of shape (4,); expected one frame or more" in refused(path)
    np.save(path, np.array([["a"]]))
    assert "inputs are <U1" in refused(path)


# --- .csv


@examples(100)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=width, max_size=width),
            min_size=1,
            max_size=5,
        )
    ),
    st.integers(0, 4),
    st.booleans(),
)
def test_rows_of_a_csv_are_frames_and_label_is_none_of_the_inputs(tmp_path_factory, rows, place, is_windows):
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    end = "\r\n" if is_windows else "\n"
    lines = [[f"x{k}" for k in range(len(rows[0]))], *([repr(each) for each in row] for row in rows)]
    for k, line in enumerate(lines):
        line.insert(place, "label" if k == 0 else str(k % 3))
    path.write_bytes(end.join(",".join(line) for line in lines).encode("utf-8-sig"))
    data = load_dataset(path)
    assert data.inputs.dtype == np.float32
    assert data.inputs.tolist() == rows
    assert data.labels.tolist() == [k % 3 for k in range(1, len(lines))]


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [((0, 255), "uint8"), ((-1, 127), "int8"), ((0, 256), "uint16"), ((-129, 5), "int16"), ((-1, 2**31 - 1), "int32")],
)
def test_with_a_step_numbers_of_a_csv_are_the_narrowest_codes(tmp_path, numbers, kind):
    (tmp_path / "mine.csv").write_text("a,b\n" + ",".join(map(str, numbers)) + "\n")
    data = load_dataset(tmp_path / "mine.csv", step=0.25)
    assert (data.inputs.tolist(), data.format.name, data.step, data.labels) == ([list(numbers)], kind, 0.25, None)


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("1,2\n3,4\n", None, "line 1 names no columns; write a header, such as x0,x1,label"),
        ("", None, "line 1 names no columns"),
        ("a,b\n", None, "no rows; expected a frame in each line"),
        ("a,b\n1,2\n1,x\n", None, "could not convert string 'x'"),
        ("a,b\n1,2\n1,2,3\n", None, "the number of columns changed from 2 to 3"),
        ("a\n1,2\n", None, "2 numbers in a row under 1 names; give each column a name"),
        ("a,label\n1,0\n1,0.5\n", None, "label 0.5 in row 1 after the header; expected whole numbers"),
        ("label,a,label\n1,0,1\n", None, "line 1: 2 columns are named label; keep one"),
        ("a,b\n1,0.5\n", 1.0, "codes 0.5 in row 0 after the header; expected whole numbers"),
        ("a,b\n1,nan\n", 1.0, "codes nan in row 0"),
        ("a,b\n1,5e9\n", 1.0, "codes 1 ... 5e+09; expected 32 bits at most"),
        ("a,b\n1,nan\n", None, "NaN or infinity in frame 0"),
        ("a,b\n1,1e39\n", None, "NaN or infinity in frame 0"),
        ("label\n1\n", None, "expected one frame or more"),
    ],
)
def test_tables_that_are_no_data(tmp_path, text, step, expected):
    (tmp_path / "mine.csv").write_text(text)
    assert expected in refused(tmp_path / "mine.csv", step=step)


def test_a_csv_of_other_bytes(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    assert "expected numbers and commas" in refused(tmp_path / "mine.csv")


def test_splits_may_be_any_files(tmp_path):
    (tmp_path / "train.csv").write_text("a,label\n1,0\n2,1\n")
    np.save(tmp_path / "test.npy", np.zeros((3, 1)))
    assert has_splits(str(tmp_path))
    assert [len(load_dataset(tmp_path, split=split)) for split in ("train", "test")] == [2, 3]


# --- .wav


def write_wav(path, channels, n_byte):
    """Samples by channel, byte by byte: the lowest first, and around 128 where there is only one."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(n_byte)
        file.setframerate(16000)
        for samples in zip(*channels, strict=True):
            for sample in samples:
                packed = struct.pack("<i", sample)[:n_byte] if n_byte > 1 else bytes([sample + 128])
                file.writeframes(packed)


@pytest.mark.parametrize(("n_byte", "kind"), [(1, "int8"), (2, "int16"), (3, "int32"), (4, "int32")])
def test_a_recording_is_one_frame_of_codes(tmp_path, n_byte, kind):
    top = 2 ** (8 * n_byte - 1)
    channels = [[0, 1, -1, top - 1, -top], [5, -7, 100, -100, 3]]
    write_wav(tmp_path / "mine.wav", channels, n_byte)
    data = load_dataset(tmp_path / "mine.wav")
    assert (data.inputs.tolist(), data.format.name, data.step) == ([channels], kind, 1 / top)
    assert data.values()[0, 0, 4] == -1
    assert load_dataset(tmp_path / "mine.wav", step=1.0).step == 1


def test_recordings_that_are_none(tmp_path):
    path = tmp_path / "mine.wav"
    path.write_bytes(b"RIFF")
    assert "no recording (it ends too soon); expected PCM samples" in refused(path)
    write_wav(path, [[]], 2)
    assert "0 samples for 1 channels" in refused(path)
    write_wav(path, [[1, 2]], 2)
    content = bytearray(path.read_bytes())
    content[20] = 3  # samples of floating point
    path.write_bytes(content)
    assert "no recording (unknown format: 3); expected PCM samples" in refused(path)
    write_wav(path, [[1, 2], [3, 4]], 2)
    path.write_bytes(path.read_bytes()[:-2])
    assert "3 samples for 2 channels" in refused(path)


# --- paths


@pytest.mark.parametrize("name", ["mine.npy", "mine.csv", "mine.wav", "mine.npz", "mine.mp4", "no/folder"])
def test_a_path_that_leads_nowhere_is_said_to_and_nothing_else(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "av", None)
    assert "cannot be read (No such file or directory); write the path of" in refused(tmp_path / name)


def test_a_misspelt_path_is_answered_with_what_lies_beside_it(tmp_path):
    np.save(tmp_path / "recordings.npy", np.zeros((1, 2)))
    expected = f"cannot be read (No such file or directory); did you mean {tmp_path / 'recordings.npy'}?"
    assert expected in refused(tmp_path / "recording.np")


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".wav"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_not_opened(tmp_path, suffix):
    os.mkfifo(tmp_path / f"endless{suffix}")
    assert "is a pipe, no plain file" in refused(tmp_path / f"endless{suffix}")


@pytest.mark.parametrize("name", ["notes.txt", "model.onnx", "plan.yaml"])
def test_a_text_is_no_video(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / name).write_text("hello")
    expected = "no data that hwsim reads; expected .npz, .npy, .csv, .wav, a folder of images, or a video file"
    assert expected in refused(tmp_path / name)
    (tmp_path / "model.dat").write_bytes(bytes([28, 0, 0, 0]) + b"TFL3" + bytes(20))
    with pytest.raises(DataError, match="a TensorFlow Lite model"):
        load_dataset(tmp_path / "model.dat")
