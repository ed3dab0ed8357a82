"""Images of ImageNet from JPEG files: pixels, labels from names, and what is said of other files."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from hwsim.datasets import load_dataset
from hwsim.errors import DataError

PLACE = "squeezenet/imagenet_sample_227"


def write_image(folder, name, size=(227, 227), mode="RGB", format="JPEG"):
    from PIL import Image

    place = folder / PLACE
    place.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (200, 100, 30) if mode == "RGB" else 5).save(place / name, format, quality=95, subsampling=0)
    return place / name


def refused(folder):
    with pytest.raises(DataError) as error:
        load_dataset("imagenet-sample", folder=folder)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.images
def test_images_are_rgb_codes_in_order_of_names(tmp_path):
    for name in ("0007_n01514859.jpg", "0003_n01491361.jpg"):
        write_image(tmp_path, name)
    (tmp_path / PLACE / ".hidden").write_text("")
    data = load_dataset("imagenet-sample", folder=tmp_path)
    assert (len(data), data.shape, data.step, data.format.name) == (2, (3, 227, 227), 1.0, "uint8")
    assert (data.labels.tolist(), data.stream_start.tolist(), data.order) == ([3, 7], [0, 2], "file")
    assert np.abs(data.inputs.mean(axis=(0, 2, 3)) - (200, 100, 30)).max() < 2


@pytest.mark.images
@pytest.mark.parametrize("name", ["cat.jpg", "1000_n01514859.jpg", "0001_n01514859.png", "1_n01514859.jpg"])
def test_a_name_without_a_class(tmp_path, name):
    path = write_image(tmp_path, name, format="PNG" if name.endswith("png") else "JPEG")
    assert refused(tmp_path).startswith(f"{path}: expected an image named by its class")


@pytest.mark.images
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"size": (227, 200)}, "RGB of width 227 and height 200; expected RGB of 227 by 227"),
        ({"mode": "L"}, "L of width 227 and height 227"),
        ({"format": "PNG"}, "cannot be read as a JPEG file"),
    ],
)
def test_an_image_of_another_kind(tmp_path, image, expected):
    path = write_image(tmp_path, "0001_n01514859.jpg", **image)
    message = refused(tmp_path)
    assert message.startswith(f"{path}: ")
    assert expected in message


@pytest.mark.images
def test_a_damaged_image(tmp_path):
    path = write_image(tmp_path, "0001_n01514859.jpg")
    path.write_bytes(path.read_bytes()[:700])
    assert "cannot be read as a JPEG file" in refused(tmp_path)
    path.write_bytes(b"")
    assert "cannot be read as a JPEG file" in refused(tmp_path)


def test_no_folder_or_an_empty_one(tmp_path):
    assert f"there is no {tmp_path / PLACE}" in refused(tmp_path)
    (tmp_path / PLACE).mkdir(parents=True)
    assert "is empty" in refused(tmp_path)


def test_there_is_no_training_split(tmp_path):
    with pytest.raises(DataError, match="no split 'train'; it has only 'test'"):
        load_dataset("imagenet-sample", split="train", folder=tmp_path)


def test_without_pillow_one_line_names_the_extra(tmp_path):
    place = tmp_path / PLACE
    place.mkdir(parents=True)
    (place / "0001_n01514859.jpg").write_bytes(b"")
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        f"from hwsim.datasets import load_dataset; load_dataset('imagenet-sample', folder={str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DataError: images need Pillow; pip install 'hwsim[images]'" in done.stderr.splitlines()[-1]


@pytest.mark.data
@pytest.mark.images
def test_the_real_images():
    data = load_dataset("imagenet-sample")
    assert data.labels.tolist() == list(range(0, 1000, 4))
    pixels = np.ascontiguousarray(data.inputs.transpose(0, 2, 3, 1))
    # as stated beside the images, for Pillow with libjpeg-turbo
    expected = "e84f45a73dc3a437b3bf5d7499e5d419318eb7e9e7c4303f9ad78d245e0176c9"
    assert hashlib.sha256(pixels).hexdigest() == expected
