"""Images of ImageNet, scaled and cropped as SqueezeNet reads them. Needs Pillow: the extra `images`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.files import find
from hwsim.datasets.image_folder import visible
from hwsim.errors import DataError
from hwsim.files.plain_file import open_plain

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = 227
"""Height and width. [pixels]"""

PLACE = "squeezenet/imagenet_sample_227"


def read_imagenet_sample(name: str, split: str, folder: Path | None) -> Dataset:
    """JPEG files named ``<class, 4 digits>_<synset>.jpg``, as RGB codes of step 1, in the order of their names."""
    if split != "test":
        raise DataError(f"data set {name!r}: no split {split!r}; it has only 'test'")
    place = find(name, PLACE, folder)
    paths = visible(place)
    if not paths:
        raise DataError(f"data set {name!r}: {place} is empty; expected images named such as 0004_n01484850.jpg")
    inputs = np.empty((len(paths), 3, SIZE, SIZE), np.uint8)
    labels = np.empty(len(paths), np.int64)
    for k, path in enumerate(paths):
        labels[k] = _label(path)
        inputs[k] = _pixels(path)
    return Dataset(inputs, 1.0, labels=labels, name=name, split=split, order="file")


def _label(path: Path) -> int:
    match = re.fullmatch(r"(\d{4})_n\d{8}\.jpg", path.name)
    if match is None or int(match[1]) > 999:
        raise DataError(
            f"{path}: expected an image named by its class, 0000 to 0999, and synset, such as 0004_n01484850.jpg"
        )
    return int(match[1])


def _pixels(path: Path) -> npt.NDArray[np.uint8]:
    """Red, green and blue planes of a JPEG file. (3, 227, 227)"""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise DataError("images need Pillow; pip install 'hwsim[images]'") from None
    file, _ = open_plain(path, DataError)
    try:
        with file, Image.open(file, formats=("JPEG",)) as image:
            _check(path, image)
            return np.asarray(image).transpose(2, 0, 1)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # what Pillow raises for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a JPEG file ({reason})") from None


def _check(path: Path, image: "Image") -> None:
    if image.size != (SIZE, SIZE) or image.mode != "RGB":
        raise DataError(
            f"{path}: {image.mode} of width {image.width} and height {image.height}; expected RGB of {SIZE} by {SIZE}"
        )
