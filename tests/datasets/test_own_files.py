"""Data of one's own: .npz files and folders of images, and what is said of those that are none."""

import subprocess
import sys

import numpy as np
import pytest

from hwsim.datasets import Preprocessing, has_splits, load_dataset
from hwsim.errors import DataError, HwsimError


def refused(*arguments, **options):
    with pytest.raises(HwsimError) as error:
        load_dataset(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def frames(n=6, shape=(1, 4, 4), dtype=np.uint8):
    return np.random.default_rng(n).integers(0, 100, (n, *shape)).astype(dtype)


# --- .npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_holds_codes_labels_streams_and_a_step(tmp_path, save):
    inputs = frames()
    save(tmp_path / "mine.npz", inputs=inputs, labels=np.arange(6, dtype=np.uint8), stream_start=[0, 2, 6], step=0.5)
    data = load_dataset(tmp_path / "mine.npz")
    assert np.array_equal(data.inputs, inputs)
    assert (data.step, data.format.name, data.name, data.split) == (0.5, "uint8", "mine.npz", "")
    assert (data.labels.tolist(), data.stream_start.tolist()) == (list(range(6)), [0, 2, 6])
    assert np.array_equal(load_dataset(str(tmp_path / "mine.npz"), frames=3).inputs, inputs[:3])


@pytest.mark.parametrize(
    ("dtype", "kept"), [("bool", "uint8"), ("int64", "int64"), ("float64", "float32"), ("float16", "float32")]
)
def test_what_inputs_become(tmp_path, dtype, kept):
    np.savez(tmp_path / "mine.npz", inputs=frames(dtype=dtype))
    data = load_dataset(tmp_path / "mine.npz")
    assert (data.inputs.dtype.name, data.step, data.labels) == (kept, 1.0, None)
    assert np.array_equal(data.inputs, frames(dtype=dtype))


def test_a_step_given_beside_the_file(tmp_path):
    np.savez(tmp_path / "bare.npz", inputs=frames())
    np.savez(tmp_path / "stated.npz", inputs=frames(), step=0.5)
    assert load_dataset(tmp_path / "bare.npz", step=0.25).step == 0.25
    assert load_dataset(tmp_path / "stated.npz", step=0.5).step == 0.5
    assert "it states step 0.5, and 0.25 is given; leave step out" in refused(tmp_path / "stated.npz", step=0.25)


def test_temporal_order_of_an_npz(tmp_path):
    np.savez(tmp_path / "mine.npz", inputs=frames(40), labels=np.arange(40))
    data = load_dataset(tmp_path / "mine.npz", order="temporal")
    assert sorted(data.labels.tolist()) == list(range(40))
    assert np.array_equal(data.inputs, frames(40)[data.labels])
    np.savez(tmp_path / "streams.npz", inputs=frames(), stream_start=[0, 2, 6])
    assert "its 2 streams have one order" in refused(tmp_path / "streams.npz", order="temporal")


class Payload:
    """Would write a file if it were ever unpickled."""

    def __reduce__(self):
        return (open, ("unpickled", "w"))


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"images": np.zeros((2, 3))}, "inputs: missing; expected 2 axes or more"),
        ({"inputs": np.zeros(3)}, "inputs: shape (3,); expected 2 axes or more"),
        ({"inputs": np.zeros((2, 3)), "targets": np.zeros(2)}, "targets: unknown array"),
        ({"inputs": np.array([[Payload()]], object)}, "inputs: a pickle, which is never loaded"),
        ({"inputs": np.zeros((2, 3), complex)}, "inputs: dtype complex128"),
        ({"inputs": np.array([["a"]])}, "inputs: dtype <U1"),
        ({"inputs": np.zeros((2, 3)), "labels": np.zeros((2, 1), int)}, "labels: shape (2, 1); expected a vector"),
        ({"inputs": np.zeros((2, 3)), "labels": np.zeros(2)}, "labels: dtype float64"),
        ({"inputs": np.zeros((2, 3)), "labels": np.zeros(3, int)}, "3 labels for 2 frames"),
        ({"inputs": np.zeros((2, 3)), "stream_start": np.array([0, 3])}, "stream_start [0, 3]"),
        ({"inputs": np.zeros((2, 3), int), "step": -1.0}, "step -1.0; expected one positive finite number"),
        ({"inputs": np.zeros((2, 3)), "step": 0.5}, "real values have step 1"),
        ({"inputs": np.array([[1.0, np.nan]])}, "NaN or infinity in frame 0"),
        ({"inputs": np.zeros((0, 3))}, "expected one frame or more"),
    ],
)
def test_an_npz_that_is_no_data(tmp_path, monkeypatch, arrays, expected):
    monkeypatch.chdir(tmp_path)
    np.savez("mine.npz", **arrays)
    message = refused("mine.npz")
    assert expected in message
    assert "mine.npz" in message
    assert not (tmp_path / "unpickled").exists()


def test_damaged_npz_files(tmp_path):
    path = tmp_path / "mine.npz"
    assert "cannot be read (No such file or directory)" in refused(path)
    np.savez_compressed(path, inputs=frames(100))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "not an npz file, or cut short" in refused(path)
    path.write_bytes(whole[:200] + bytes(100) + whole[300:])
    assert "inputs: damaged, or no array" in refused(path)


def test_a_shape_that_the_file_cannot_fill_takes_no_memory(tmp_path):
    import io
    import zipfile

    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("inputs.npy", member.getvalue() + bytes(100))
    assert "needs more than the 100 bytes there are" in refused(tmp_path / "huge.npz")


# --- folders of images

CLASSES = ("cat", "dog")


def write_images(folder, size=(6, 5), mode="RGB", n=2, suffix="png"):
    """Images by class, as written: {(class, file): pixels}."""
    from PIL import Image

    rng, written = np.random.default_rng(1), {}
    for each in CLASSES:
        (folder / each).mkdir(parents=True)
        for k in reversed(range(n)):  # not in the order of names
            shape = (*size, 3) if mode == "RGB" else size
            written[each, f"{k}.{suffix}"] = pixels = rng.integers(0, 256, shape).astype(np.uint8)
            Image.fromarray(pixels).save(folder / each / f"{k}.{suffix}")
    return written


@pytest.mark.images
def test_classes_are_sub_folders_in_sorted_order(tmp_path):
    written = write_images(tmp_path / "pets")
    (tmp_path / "pets" / ".hidden").write_text("")
    data = load_dataset(tmp_path / "pets")
    assert (data.shape, data.step, data.format.name, data.name) == ((3, 6, 5), 1 / 255, "uint8", "pets")
    assert (data.labels.tolist(), data.class_names) == ([0, 0, 1, 1], CLASSES)
    for frame, key in zip(data.inputs, sorted(written), strict=True):
        assert np.array_equal(frame, np.moveaxis(written[key], -1, 0))
    assert data[2:].class_names == CLASSES
    assert load_dataset(tmp_path / "pets", frames=3).labels.tolist() == [0, 0, 1]
    assert load_dataset(tmp_path / "pets", step=1.0).step == 1


@pytest.mark.images
def test_grey_images_have_one_channel_and_a_folder_without_classes_no_labels(tmp_path):
    written = write_images(tmp_path / "pets", mode="L")
    data = load_dataset(tmp_path / "pets" / "cat")
    assert (data.shape, data.labels, data.class_names) == ((1, 6, 5), None, ())
    assert np.array_equal(data.inputs[1, 0], written["cat", "1.png"])


@pytest.mark.images
def test_colours_are_kept_where_some_images_have_them(tmp_path):
    from PIL import Image

    written = write_images(tmp_path / "pets")
    Image.new("L", (5, 6), 77).save(tmp_path / "pets" / "dog" / "2.png")
    Image.new("RGBA", (5, 6), (1, 2, 3, 0)).save(tmp_path / "pets" / "dog" / "3.png")
    data = load_dataset(tmp_path / "pets")
    assert data.inputs[-2:, :, 0, 0].tolist() == [[77, 77, 77], [1, 2, 3]]
    grey = load_dataset(tmp_path / "pets", preprocessing=Preprocessing(grey=True))
    assert grey.shape == (1, 6, 5)
    pixels = Image.fromarray(written["cat", "0.png"]).convert("L")
    assert np.array_equal(grey.inputs[0, 0], np.asarray(pixels))


@pytest.mark.images
def test_unequal_sizes_need_a_size(tmp_path):
    from PIL import Image

    write_images(tmp_path / "pets")
    Image.new("RGB", (12, 10), (9, 8, 7)).save(tmp_path / "pets" / "dog" / "5.png")
    message = refused(tmp_path / "pets")
    assert "12 wide and 10 high, but 0.png is 5 wide and 6 high; choose one size for all" in message
    data = load_dataset(tmp_path / "pets", preprocessing=Preprocessing(size=(5, 5), mean=0.5))
    assert (data.shape, data.format.name) == ((3, 5, 5), "fp32")
    assert data.inputs[-1, :, 2, 2] == pytest.approx(np.array([9, 8, 7]) / 255 - 0.5, abs=1e-6)


@pytest.mark.images
def test_splits_are_folders_or_files_named_so(tmp_path):
    for split in ("train", "test"):
        write_images(tmp_path / "images" / split, n=2 if split == "train" else 1)
    assert has_splits(str(tmp_path / "images"))
    data = load_dataset(tmp_path / "images", split="train")
    assert (len(data), data.name, data.split, data.class_names) == (4, "images", "train", CLASSES)
    assert len(load_dataset(tmp_path / "images")) == 2
    (tmp_path / "arrays").mkdir()
    for n, split in ((5, "train"), (3, "test")):
        np.savez(tmp_path / "arrays" / f"{split}.npz", inputs=frames(n))
    assert [len(load_dataset(tmp_path / "arrays", split=split)) for split in ("train", "test")] == [5, 3]
    assert not has_splits(str(tmp_path / "images" / "train"))
    assert "no splits, so no 'train'" in refused(tmp_path / "images" / "train", split="train")


@pytest.mark.images
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("cat/notes.txt", b"hello", "cannot be read as an image"),
        ("cat/empty.png", b"", "cannot be read as an image"),
        ("notes.txt", b"hello", "a file beside folders of classes"),
        ("cat/deep/x.png", b"", "a folder within a class"),
    ],
)
def test_what_is_no_image(tmp_path, name, content, expected):
    write_images(tmp_path / "pets")
    path = tmp_path / "pets" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert expected in refused(tmp_path / "pets")


@pytest.mark.images
def test_images_of_more_than_8_bits_and_images_cut_short(tmp_path):
    from PIL import Image

    (tmp_path / "deep").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep" / "a.png")
    assert "pixels of mode I;16; expected 8 bits each" in refused(tmp_path / "deep")
    write_images(tmp_path / "pets", size=(40, 40))
    path = tmp_path / "pets" / "cat" / "0.png"
    path.write_bytes(path.read_bytes()[:1500])
    assert refused(tmp_path / "pets").startswith(f"{path}: cannot be read as an image")


@pytest.mark.images
def test_an_image_that_would_fill_the_memory(tmp_path, monkeypatch):
    from PIL import Image

    write_images(tmp_path / "pets")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # 6 x 5 are a warning, which is taken for an error
    assert "exceeds limit of 20 pixels" in refused(tmp_path / "pets")


def test_an_empty_folder_and_none(tmp_path):
    assert "no images in it" in refused(tmp_path)
    (tmp_path / "a").mkdir()
    assert "no images in it" in refused(tmp_path)
    assert "no data set named 'nowhere'" in refused("nowhere")


def test_without_pillow_one_line_names_the_extra(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        f"from hwsim.datasets import load_dataset; load_dataset({str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DataError: images need Pillow; pip install 'hwsim[images]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.mp4", "videos need PyAV; pip install 'hwsim[video]'"), ("none.mp4", "No such file")]
)
def test_without_pyav_one_line_names_the_extra_unless_there_is_no_such_video(tmp_path, monkeypatch, name, expected):
    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    assert expected in refused(tmp_path / name)


def test_class_names_and_labels_fit():
    from hwsim.datasets import Dataset

    with pytest.raises(DataError, match=r"labels 0 \.\.\. 2 of 2 classes; expected 0 to 1"):
        Dataset(np.zeros((3, 2), np.uint8), labels=np.arange(3), class_names=("a", "b"))
