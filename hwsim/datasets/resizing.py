"""Images brought to one size: scaled to cover it, with their proportions kept, and what sticks out cut off evenly."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import DataError

Size: TypeAlias = int | tuple[int, int]
"""Height and width, or one number for both. [pixels]"""


def height_and_width(size: object) -> tuple[int, int]:
    """A size as two numbers; DataError for what is none. [pixels]"""
    both: tuple[object, ...] = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    pixels = [each for each in both if isinstance(each, int) and not isinstance(each, bool) and 1 <= each < 2**14]
    if not len(both) == len(pixels) == 2:
        raise DataError(f"size {size!r}; expected one number of pixels, 1 to 16383, or (height, width)")
    return pixels[0], pixels[1]


def covering(given: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width to which an image is scaled so that it just covers a size. [pixels]"""
    scale = max(size[0] / given[0], size[1] / given[1])
    return max(size[0], math.floor(given[0] * scale + 0.5)), max(size[1], math.floor(given[1] * scale + 0.5))


def resized(planes: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Planes (..., H, W) scaled and cropped to a size, bilinear, averaging over what becomes one pixel.

    The weights are a triangle, one output pixel wide on either side (two input pixels at least in all), as in Pillow's
    BILINEAR and torch's ``interpolate(antialias=True)``. Sums are float64; integers are rounded half up at the end, so
    that codes stay codes. Returns the dtype given.
    """
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    reach = covering((height, width), size)
    down = _weights(height, reach[0], size[0])
    across = _weights(width, reach[1], size[1])
    value = down @ planes.astype(np.float64) @ across.T
    if planes.dtype.kind == "f":
        return value.astype(planes.dtype)
    limits = np.iinfo(planes.dtype)
    return np.clip(np.floor(value + 0.5), limits.min, limits.max).astype(planes.dtype)


def _weights(n_in: int, n_covering: int, n_out: int) -> npt.NDArray[np.float64]:
    """What each input adds to each output along one axis. (n_out, n_in)"""
    ratio = n_in / n_covering
    first = (n_covering - n_out) // 2  # what is cut off before
    centre = (np.arange(first, first + n_out) + 0.5) * ratio
    distance = np.abs(np.arange(n_in) + 0.5 - centre[:, None]) / max(ratio, 1.0)
    weight = np.maximum(0.0, 1.0 - distance)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float64)
