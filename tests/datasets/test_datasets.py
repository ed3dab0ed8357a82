"""Data sets: what they hold, how they are cut, where they come from, and what is said when they cannot be had."""

import functools
import gzip
import hashlib
import http.server
import os
import pickle
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.datasets import Dataset, as_dataset, dataset_names, files, load_dataset, temporal_order
from hwsim.errors import DataError, HwsimError, UnknownNameError

FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def ramp(n_frame=6, streams=(0, 2, 6)):
    inputs = np.arange(3 * n_frame, dtype=np.uint8).reshape(n_frame, 1, 3)
    return Dataset(inputs, 0.5, np.array(streams), np.arange(n_frame) + 10, "ramp", "test", "file")


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def write_small_mnist(folder, n_image=5):
    rng = np.random.default_rng(n_image)
    images, labels = rng.integers(0, 256, (n_image, 28, 28), np.uint8), rng.integers(0, 10, n_image, np.uint8)
    write_idx(folder / FILES[0], images)
    write_idx(folder / FILES[1], labels)
    return images, labels


# --- what a data set holds


def test_holds_what_it_is_given():
    data = ramp()
    assert (len(data), data.shape, data.format.name, data.step) == (6, (1, 3), "uint8", 0.5)
    assert (data.name, data.split, data.order) == ("ramp", "test", "file")
    assert data.stream_start.tolist() == [0, 2, 6]
    assert data.stream_start.dtype == data.labels.dtype == np.int64
    assert repr(data) == "<Dataset ramp test: 6 frames of (1, 3) uint8, step 0.5, 2 stream(s), file order>"
    with pytest.raises(AttributeError):
        data.step = 1.0


def test_one_stream_and_no_labels_unless_given():
    data = Dataset(np.zeros((4, 2), np.int8))
    assert data.stream_start.tolist() == [0, 4]
    assert data.labels is None
    assert data[1:].labels is None


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("u1", "uint8"), ("i1", "int8"), ("u2", "uint16"), ("i4", "int32"), ("i8", "int64"), ("f4", "fp32")],
)
def test_format_follows_the_dtype(dtype, name):
    assert Dataset(np.ones((2, 3), dtype)).format.name == name


def test_values_are_codes_times_step():
    codes = np.arange(256, dtype=np.uint8).reshape(2, 128)
    value = Dataset(codes, 1 / 255).values()
    assert value.dtype == np.float32
    assert np.array_equal(value, codes.astype(np.float32) / np.float32(255))
    assert np.array_equal(Dataset(codes.astype(np.float32)).values(), codes.astype(np.float32))


def test_arrays_are_brought_into_one_form():
    strange = np.arange(12, dtype=">i4").reshape(4, 3)[:, ::-1]
    strange.flags.writeable = False
    inputs = Dataset(strange).inputs
    assert inputs.dtype.isnative
    assert inputs.flags.c_contiguous
    assert inputs.flags.writeable
    assert np.array_equal(inputs, strange)


def test_travels_between_processes():
    copy = pickle.loads(pickle.dumps(ramp()))
    assert np.array_equal(copy.inputs, ramp().inputs)
    assert copy.stream_start.tolist() == [0, 2, 6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.zeros((0, 3), np.uint8)}, "shape (0, 3)"),
        ({"inputs": np.zeros((3, 0), np.uint8)}, "shape (3, 0)"),
        ({"inputs": np.zeros(3, np.uint8)}, "shape (3,)"),
        ({"inputs": np.zeros((2, 3))}, "inputs are float64"),
        ({"inputs": np.zeros((2, 3), np.uint64)}, "inputs are uint64"),
        ({"inputs": np.zeros((2, 3), bool)}, "inputs are bool"),
        ({"inputs": np.array([["a", "b"]])}, "inputs are <U1"),
        ({"inputs": np.array([[0, 1], [2, np.nan]], np.float32), "step": 1}, "NaN or infinity in frame 1"),
        ({"inputs": np.array([[np.inf, 1]], np.float32), "step": 1}, "NaN or infinity in frame 0"),
        ({"inputs": np.ones((6, 1, 3), np.float32)}, "step 0.5 with float32"),
        ({"step": 0}, "step 0;"),
        ({"step": -1.0}, "step -1.0"),
        ({"step": np.nan}, "step nan"),
        ({"step": "1/255"}, "step '1/255'"),
        ({"step": np.ones(3)}, "one positive finite number"),
        ({"labels": np.arange(5)}, "5 labels for 6 frames"),
        ({"labels": np.zeros(6)}, "labels of float64"),
        ({"labels": np.zeros((6, 1), int)}, "labels of int64 and shape (6, 1)"),
        ({"stream_start": [0]}, "stream_start [0]"),
        ({"stream_start": [0, 5]}, "stream_start [0, 5]"),
        ({"stream_start": [1, 6]}, "stream_start [1, 6]"),
        ({"stream_start": [0, 3, 3, 6]}, "stream_start [0, 3, 3, 6]"),
        ({"stream_start": [0.0, 6.0]}, "stream_start of float64"),
        ({"stream_start": None}, "stream_start of object"),
    ],
)
def test_wrong_parts_are_refused_in_one_line(change, message):
    data = ramp()
    part = {"inputs": data.inputs, "step": 0.5, "stream_start": data.stream_start, "labels": data.labels}
    with pytest.raises(DataError) as error:
        Dataset(**(part | change), name="ramp")
    assert one_line(error).startswith("data set 'ramp': ")
    assert message in str(error.value)


# --- cutting


@examples(60)
@given(
    border=st.sets(st.integers(1, 11)),
    start=st.none() | st.integers(-14, 14),
    stop=st.none() | st.integers(-14, 14),
    step=st.none() | st.integers(-3, 3).filter(bool),
)
def test_slices_leave_frames_in_their_streams(border, start, stop, step):
    whole = ramp(12, [0, *sorted(border), 12])
    kept = list(range(12))[start:stop:step]
    if not kept:
        with pytest.raises(DataError, match="one frame or more"):
            whole[start:stop:step]
        return
    data = whole[start:stop:step]
    assert np.array_equal(data.inputs, whole.inputs[kept])
    assert np.array_equal(data.labels, whole.labels[kept])
    stream_of = [sum(frame >= first for first in border) for frame in kept]
    begins = [i for i in range(len(kept)) if i == 0 or stream_of[i] != stream_of[i - 1]]
    assert data.stream_start.tolist() == [*begins, len(kept)]
    assert (data.step, data.name, data.split, data.order) == (0.5, "ramp", "test", "file")


@pytest.mark.parametrize("frames", [[3, 1, 2], np.array([5, 5, 0]), (np.arange(6) % 2 == 0), [-1, 0]])
def test_a_list_makes_one_stream_in_its_order(frames):
    data = ramp()[frames]
    assert np.array_equal(data.inputs, ramp().inputs[frames])
    assert np.array_equal(data.labels, ramp().labels[frames])
    assert data.stream_start.tolist() == [0, len(data)]
    assert data.order == "given"


@pytest.mark.parametrize("frame", [0, 4, -1, np.int64(3)])
def test_a_number_gives_one_frame(frame):
    data = ramp()[frame]
    assert np.array_equal(data.inputs[0], ramp().inputs[frame])
    assert data.labels.tolist() == [ramp().labels[frame]]
    assert data.stream_start.tolist() == [0, 1]


def test_iterating_gives_every_frame_once():
    assert [int(frame.labels[0]) for frame in ramp()] == list(range(10, 16))


@pytest.mark.parametrize("frame", [6, -7, [0, 6], 1.5, None, [[0, 1]], (0, 1), np.zeros(5, bool)])
def test_frames_that_do_not_exist(frame):
    with pytest.raises(IndexError):
        ramp()[frame]


def test_a_slice_shares_memory():
    data = ramp()
    assert np.shares_memory(data[2:4].inputs, data.inputs)


# --- arrays in place of data sets


def test_integer_arrays_are_codes_of_step_1():
    data = as_dataset(np.array([[1, 200], [3, 4]], np.uint8))
    assert (data.step, data.format.name, data.stream_start.tolist()) == (1.0, "uint8", [0, 2])
    assert as_dataset([[1, -2]]).format.name == "int64"


def test_truth_values_become_uint8():
    data = as_dataset(np.array([[True, False]]))
    assert data.inputs.dtype == np.uint8
    assert data.inputs.tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_other_arrays_are_real_values(dtype):
    data = as_dataset(np.array([[0.5, -1.25]], dtype))
    assert data.inputs.dtype == np.float32
    assert (data.step, data.format.name) == (1.0, "fp32")


def test_a_dataset_stays_itself():
    data = ramp()
    assert as_dataset(data) is data


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1.0, np.nan]], "NaN or infinity in frame 0"),
        ([[1e300]], "NaN or infinity in frame 0"),
        ([[1, 2], [3]], "inhomogeneous"),
        ("mnist", "inputs are <U5"),
        (np.ones((2, 2), complex), "inputs are complex128"),
        (3.5, "shape ()"),
        ([], "shape (0,)"),
    ],
)
def test_arrays_that_make_no_dataset(array, message):
    with pytest.raises(DataError) as error:
        as_dataset(array, name="mine")
    assert "data set 'mine'" in one_line(error)
    assert message in str(error.value)


# --- digits


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, target = load_digits(return_X_y=True)
    train, test = load_dataset("digits", split="train"), load_dataset("digits")
    assert (len(train), len(test)) == (898, 899)
    assert train.shape == test.shape == (1, 8, 8)
    assert (test.step, test.format.name, test.order, test.split) == (1 / 16, "uint8", "file", "test")
    assert np.array_equal(np.concatenate([train.inputs, test.inputs]).reshape(1797, 64), images)
    assert np.array_equal(np.concatenate([train.labels, test.labels]), target)
    assert test.inputs.max() == 16


def test_digits_in_temporal_order_are_the_same_frames():
    data, ordered = load_dataset("digits"), load_dataset("digits", order="temporal")
    order = temporal_order(data.inputs)
    assert ordered.order == "temporal"
    assert ordered.stream_start.tolist() == [0, 899]
    assert sorted(order.tolist()) == list(range(899))
    assert np.array_equal(ordered.inputs, data.inputs[order])
    assert np.array_equal(ordered.labels, data.labels[order])

    def change(inputs):
        return np.abs(np.diff(inputs.astype(int), axis=0)).sum()

    assert change(ordered.inputs) < 0.7 * change(data.inputs)


def test_only_the_first_frames_in_the_order_asked_for():
    for order in ("file", "temporal"):
        data, whole = load_dataset("digits", order=order, frames=20), load_dataset("digits", order=order)
        assert np.array_equal(data.inputs, whole.inputs[:20])
        assert (len(data), data.order) == (20, order)
    assert len(load_dataset("digits", frames=10_000)) == 899
    for frames in (0, -1, 2.5, True):
        with pytest.raises(DataError, match="expected a number from 1"):
            load_dataset("digits", frames=frames)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint16, np.float32])
def test_temporal_order_is_of_the_values_whatever_their_dtype(dtype):
    images = np.random.default_rng(3).integers(-128, 128, (50, 2, 3))
    if dtype == np.uint16:
        images += 128
    expected = temporal_order(images, 8)
    assert temporal_order(images.astype(dtype), 8).tolist() == expected.tolist()


def test_temporal_order_needs_a_buffer():
    with pytest.raises(DataError, match="buffer of 0 images"):
        temporal_order(np.zeros((3, 2), np.uint8), 0)


# --- names


def test_names():
    assert dataset_names() == ["cifar-10", "digits", "fashion-mnist", "imagenet-sample", "mnist"]
    assert hwsim.load_dataset is load_dataset
    assert hwsim.Dataset is Dataset


def test_unknown_names_split_and_order():
    with pytest.raises(UnknownNameError) as error:
        load_dataset("mnits")
    assert "did you mean mnist" in one_line(error)
    with pytest.raises(DataError) as error:
        load_dataset("digits", split="validation")
    assert one_line(error) == "data set 'digits': no split 'validation'; write 'test' or 'train'"
    with pytest.raises(DataError) as error:
        load_dataset("digits", order="random")
    assert one_line(error) == "data set 'digits': no order 'random'; write 'file' or 'temporal'"


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, hwsim.datasets\n"
        "heavy = {'sklearn', 'pooch', 'requests', 'numba', 'pandas', 'torch', 'av', 'PIL'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- idx files from a folder


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files_are_read_from_hwsim_data(name, tmp_path, monkeypatch):
    images, labels = write_small_mnist(tmp_path / name)
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path))
    data = load_dataset(name)
    assert np.array_equal(data.inputs, images[:, None])
    assert np.array_equal(data.labels, labels)
    assert (data.name, data.split, data.step, data.format.name) == (name, "test", 1 / 255, "uint8")
    monkeypatch.delenv("HWSIM_DATA")
    assert np.array_equal(load_dataset(name, folder=tmp_path).inputs, images[:, None])


def test_a_stated_folder_without_the_file_is_an_error(tmp_path):
    with pytest.raises(DataError) as error:
        load_dataset("mnist", split="train", folder=tmp_path)
    assert str(tmp_path / "mnist" / "train-images-idx3-ubyte.gz") in one_line(error)


def damaged(kind, content):
    return {
        "truncated gzip": content[: len(content) // 2],
        "no gzip": b"hello",
        "empty": b"",
        "flipped bits": content[:40] + bytes(255 - byte for byte in content[40:80]) + content[80:],
        "other header": gzip.compress(struct.pack(">4i", 2049, 5, 28, 28) + bytes(5 * 784)),
        "short header": gzip.compress(struct.pack(">2i", 2051, 5)),
        "too short": gzip.compress(struct.pack(">4i", 2051, 6, 28, 28) + bytes(5 * 784)),
        "too long": gzip.compress(struct.pack(">4i", 2051, 4, 28, 28) + bytes(5 * 784)),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["truncated gzip", "no gzip", "empty", "flipped bits", "other header", "short header", "too short", "too long"],
)
def test_a_damaged_file_is_one_clear_line(kind, tmp_path):
    write_small_mnist(tmp_path / "mnist")
    path = tmp_path / "mnist" / FILES[0]
    path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(DataError) as error:
        load_dataset("mnist", folder=tmp_path)
    assert one_line(error).startswith(f"{path}: ")


def test_labels_of_another_length_are_an_error(tmp_path):
    write_small_mnist(tmp_path / "mnist", 5)
    write_idx(tmp_path / "mnist" / FILES[1], np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="4 labels for 5 frames"):
        load_dataset("mnist", folder=tmp_path)


# --- downloads, from a server of our own


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and writes no log."""

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder served at the address where MNIST is fetched, a cache of its own, and no HWSIM_DATA."""
    served, cache = tmp_path / "served", tmp_path / "cache"
    images, _ = write_small_mnist(served)
    handler = functools.partial(QuietHandler, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.delenv("HWSIM_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache / name)
    nowhere = f"http://127.0.0.1:{server.server_port}/nowhere/"
    monkeypatch.setitem(files._MIRRORS, "mnist", (nowhere, f"http://127.0.0.1:{server.server_port}/"))
    for file in FILES:
        md5 = hashlib.md5((served / file).read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setitem(files._MD5, f"mnist/{file}", md5)
    yield served, cache, images
    server.shutdown()
    server.server_close()
    thread.join()


def test_downloads_from_the_second_mirror_and_keeps_the_file(mirror):
    served, cache, images = mirror
    assert np.array_equal(load_dataset("mnist").inputs, images[:, None])
    for file in FILES:
        (served / file).unlink()
        assert (cache / "hwsim" / "mnist" / file).is_file()
    assert np.array_equal(load_dataset("mnist").inputs, images[:, None])


def test_downloads_when_hwsim_data_lacks_the_file(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "elsewhere"))
    assert len(load_dataset("mnist")) == 5


@pytest.mark.parametrize("terminal", [False, True])
def test_a_download_is_announced_on_a_terminal_only(mirror, terminal, monkeypatch, caplog):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    log = pooch.get_logger()
    log.addHandler(caplog.handler)  # pooch's log does not propagate
    try:
        load_dataset("mnist")
    finally:
        log.removeHandler(caplog.handler)
    assert any("Downloading data" in message for message in caplog.messages) == terminal
    assert not log.filters


def test_another_file_than_expected_is_refused(mirror, tmp_path, monkeypatch):
    served, cache, _ = mirror
    write_idx(served / FILES[0], np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(DataError) as error:
        load_dataset("mnist")
    assert "another MD5 than expected" in one_line(error)
    assert not list((cache / "hwsim" / "mnist").iterdir())


def test_no_way_to_the_file_is_one_line_that_says_what_to_do(mirror, tmp_path, monkeypatch):
    served, _, _ = mirror
    (served / FILES[0]).unlink()
    with pytest.raises(HwsimError) as error:
        load_dataset("mnist")
    assert isinstance(error.value, DataError)
    message = one_line(error)
    assert "HWSIM_DATA is not set, and t10k-images-idx3-ubyte.gz cannot be downloaded (127.0.0.1" in message
    assert message.endswith("set HWSIM_DATA to a folder that holds mnist/t10k-images-idx3-ubyte.gz")
    monkeypatch.setenv("HWSIM_DATA", str(tmp_path / "mine"))
    with pytest.raises(DataError) as error:
        load_dataset("mnist")
    assert f"no file {tmp_path / 'mine' / 'mnist' / FILES[0]}, and " in one_line(error)


def test_no_connection_at_all(mirror, monkeypatch):
    monkeypatch.setitem(files._MIRRORS, "mnist", ("http://127.0.0.1:9/",))
    with pytest.raises(DataError, match=r"\(127\.0\.0\.1:9: \w+\)"):
        load_dataset("mnist")


# --- MNIST itself


@pytest.mark.data
def test_mnist_equals_a_hand_written_reader():
    folder = Path(os.environ["HWSIM_DATA"]) / "mnist"
    for split, prefix, n_image in (("test", "t10k", 10000), ("train", "train", 60000)):
        images = gzip.decompress((folder / f"{prefix}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((folder / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())
        assert struct.unpack(">4i", images[:16]) == (2051, n_image, 28, 28)
        assert struct.unpack(">2i", labels[:8]) == (2049, n_image)
        data = load_dataset("mnist", split=split)
        assert data.inputs.shape == (n_image, 1, 28, 28)
        assert data.inputs.tobytes() == images[16:]
        assert bytes(data.labels.tolist()) == labels[8:]


@pytest.fixture(scope="module")
def temporal_mnist():
    return load_dataset("mnist", order="temporal")


@pytest.mark.data
def test_temporal_mnist_is_the_published_permutation(temporal_mnist):
    data = load_dataset("mnist")
    first = [0, 494, 941, 254, 917, 705, 852, 26, 410, 262, 83, 585]
    assert np.array_equal(temporal_mnist[:12].inputs, data[first].inputs)
    assert np.array_equal(temporal_mnist[:12].labels, data.labels[first])
    assert (temporal_mnist.order, temporal_mnist.stream_start.tolist()) == ("temporal", [0, 10000])
    # the same labelled images, each as often
    keys = [
        sorted(zip((frame.tobytes() for frame in each.inputs), each.labels.tolist(), strict=True))
        for each in (data, temporal_mnist)
    ]
    assert keys[0] == keys[1]


@pytest.mark.data
@pytest.mark.parametrize(
    ("scale", "rounding", "in_file_order", "in_temporal_order"),
    [(1, 105.24, 130.77, 57.06), (2, 208.61, 256.64, 113.05), (4, 417.14, 510.52, 225.36)],
)
def test_first_layer_events_of_temporal_mnist(temporal_mnist, scale, rounding, in_file_order, in_temporal_order):
    """Mean sum of |s| per image of the 10,000 test images, in numpy alone."""

    def signal(data):
        return np.floor(data.inputs.reshape(len(data), -1) / 255.0 * scale + 0.5)

    def mean_change(data):
        return np.abs(np.diff(signal(data), axis=0, prepend=0)).sum() / len(data)

    data = load_dataset("mnist")
    assert np.abs(signal(data)).sum() / len(data) == pytest.approx(rounding, abs=0.005)
    assert mean_change(data) == pytest.approx(in_file_order, abs=0.005)
    assert mean_change(temporal_mnist) == pytest.approx(in_temporal_order, abs=0.005)
