"""A folder of images, with a sub-folder for each class or none. Needs Pillow: the extra `images`."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.resizing import Size, height_and_width, resized
from hwsim.errors import DataError
from hwsim.files.memory import expect_memory
from hwsim.files.plain_file import open_plain

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")
Pixels: TypeAlias = npt.NDArray[np.uint8]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The kinds of image files that are read, as Pillow names them."""

LARGE = 2**22
"""Smaller images may be all of one colour, which a few bytes say. [pixels]"""

MOST_PIXELS_OF_A_BYTE = 4096
"""Of a larger image; formats that compress most get to about as many where nothing is in the picture. [pixels]"""

GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX")
"""Modes of 8 bits, as Pillow names them; transparency is left out of account."""


def read_image_folder(
    folder: Path, size: Size | None = None, grey: bool = False, frames: int | None = None, step: float | None = None
) -> Dataset:
    """Read a folder of images, or of sub-folders of images, each a class; both in the sorted order of their names.

    Codes are uint8 of step 1/255 unless given: (3, H, W) red, green and blue, or (1, H, W) where all images are grey
    or `grey` asks for it. Images of unequal sizes need `size`; all are then scaled and cropped as `resized` does. Only
    the first so many `frames` are read. Labels are the numbers of sub-folders, whose names become `class_names`.

    Raises
    ------
    DataError
        When Pillow is not installed, there is no image, or a file is none.
    """
    wanted = None if size is None else height_and_width(size)
    paths, labels, names = _listed(folder)
    paths = paths[:frames]
    shapes, modes = zip(*(_with_image(path, lambda image: (image.size, image.mode)) for path in paths), strict=True)
    if wanted is None:
        for path, shape in zip(paths, shapes, strict=True):
            if shape != shapes[0]:
                raise DataError(
                    f"{path}: {shape[0]} wide and {shape[1]} high, but {paths[0].name} is {shapes[0][0]} wide and "
                    f"{shapes[0][1]} high; choose one size for all (size: 224, or --size 224)"
                )
        wanted = (shapes[0][1], shapes[0][0])
    mode = "L" if grey or all(mode in GREY_MODES for mode in modes) else "RGB"
    shape = (len(paths), 1 if mode == "L" else 3, *wanted)
    expect_memory(math.prod(shape), f"{folder}: frames of shape {shape}", "give --frames, or --size", DataError)
    inputs = np.empty(shape, np.uint8)
    for k, path in enumerate(paths):
        inputs[k] = resized(_with_image(path, lambda image: _planes(image, mode)), wanted)
    of_frames = None if labels is None else np.asarray(labels[:frames], np.int64)
    return Dataset(
        inputs,
        1 / 255 if step is None else step,
        labels=of_frames,
        name=folder.name or str(folder),
        order="file",
        class_names=names,
    )


def _listed(folder: Path) -> tuple[list[Path], list[int] | None, tuple[str, ...]]:
    """Image files, the class of each or None, and the names of the classes."""
    inside = visible(folder)
    classes = [path for path in inside if path.is_dir()]
    if not classes:
        paths, labels = inside, None
    else:
        if len(classes) < len(inside):
            stray = next(path for path in inside if path not in classes)
            raise DataError(f"{stray}: a file beside folders of classes; move it into one, or elsewhere")
        found = [(path, k) for k, each in enumerate(classes) for path in visible(each)]
        paths, labels = [path for path, _ in found], [k for _, k in found]
    if not paths:
        raise DataError(f"{folder}: no images in it; expected image files, or a sub-folder of them for each class")
    return paths, labels, tuple(path.name for path in classes)


def visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, but for hidden files; DataError where it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from None


def _with_image(path: Path, use: "Callable[[Image], Result]") -> Result:
    """Open an image, and what is made of it; DataError for a file that is none."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise DataError("images need Pillow; pip install 'hwsim[images]'") from None
    if path.is_dir():
        raise DataError(f"{path}: a folder within a class; put its images into the class's own folder")
    file, size = open_plain(path, DataError)
    try:
        with file, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                if image.mode not in (*GREY_MODES, *COLOUR_MODES):
                    raise DataError(f"{path}: pixels of mode {image.mode}; expected 8 bits each: use an .npz file")
                check_pixels(path, image.size, size)
                return use(image)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as an image ({reason}); expected one of {', '.join(FORMATS)}"
        ) from None


def check_pixels(path: Path, pixels: tuple[int, int], n_byte: int) -> None:
    """Refuse a large image that its file cannot hold, before there is memory for it; width and height. [pixels]

    Raises
    ------
    DataError
        When its header promises so much.
    """
    n = math.prod(pixels)
    if n > LARGE and n > MOST_PIXELS_OF_A_BYTE * n_byte:
        raise DataError(f"{path}: {n_byte:,} bytes cannot hold {pixels[0]:,} by {pixels[1]:,} pixels; make it again")


def _planes(image: "Image", mode: str) -> npt.NDArray[Any]:
    """(1 or 3, H, W)"""
    pixels: Pixels = np.asarray(image.convert(mode), np.uint8)
    return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)
