"""The smallest number that is enough, among whole numbers or all float32 in their order."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hwsim.network.signals import FloatArray, IntArray

LARGEST = int(np.asarray(np.finfo(np.float32).max).view(np.int32))
"""Place of the largest float32 in their order."""


def number(place: IntArray) -> FloatArray:
    """The float32 at a place in their order; that of zero is 0."""
    magnitude = np.abs(place).astype(np.uint32).view(np.float32).astype(np.float64)
    return np.asarray(np.where(place < 0, -magnitude, magnitude))


def bisected(enough: Callable[[IntArray], npt.NDArray[np.bool_]], shape: tuple[int, int], bound: int) -> IntArray:
    """The smallest number from -bound to bound that is enough; bound + 1 where none is."""
    below = np.full(shape, -bound - 1, np.int64)
    reached = np.full(shape, bound + 1, np.int64)
    while np.any(reached - below > 1):
        middle = (below + reached) // 2
        inside = reached - below > 1
        good = enough(middle)
        reached = np.where(inside & good, middle, reached)
        below = np.where(inside & ~good, middle, below)
    return reached
