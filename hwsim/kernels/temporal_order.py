"""The order of Temporal-MNIST: always the nearest image of a small buffer next."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel


@kernel
def _distance(one: npt.NDArray[Any], other: npt.NDArray[Any], zero: Any) -> Any:
    """L1 distance, summed from zero in zero's arithmetic.

    The larger minus the smaller, never a negative difference: unsigned numbers do not wrap, and LLVM takes
    the difference in the width of the data before it widens the sum (32 pixels at a time for bytes). Leaving early,
    when a part of the sum already exceeds the smallest distance so far, was tried and saves nothing.
    """
    total = zero
    for value in range(one.shape[0]):
        total += max(one[value], other[value]) - min(one[value], other[value])
    return total


@kernel
def find_temporal_order(
    image: npt.NDArray[Any], zero: Any, buffer: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> None:
    """Order images so that each is followed by the nearest one of a buffer (O'Connor & Welling 2017, App. D).

    The first image comes first and the buffer holds the next ones. Whichever of the buffer has the smallest L1 distance
    to the current image follows it (the lowest slot among equals), and the next image of the file takes its slot,
    until none is left and the slot stays empty. Takes n_image x n_slot x n_value differences.

    Parameters
    ----------
    image : ndarray (n_image, n_value) of unsigned integers, int64 or float64
        One image per row, in the order of the file.
    zero : int64 or float64
        Zero in the arithmetic of the distances: int64 for integer images, so that ties are exact, float64 for others.
    buffer : ndarray (n_slot,) int64
        Scratch: the image in each slot, -1 for an empty one. The paper's buffer has 1000 slots.
    order : ndarray (n_image,) int64
        Written: the images, every one exactly once.
    """
    n_image = image.shape[0]
    n_slot = buffer.shape[0]
    for slot in range(n_slot):
        buffer[slot] = slot + 1 if slot + 1 < n_image else -1
    current = 0
    for position in range(n_image):
        order[position] = current
        nearest = -1
        smallest = zero
        for slot in range(n_slot):
            if buffer[slot] < 0:
                continue
            distance = _distance(image[current], image[buffer[slot]], zero)
            if nearest < 0 or distance < smallest:
                nearest = slot
                smallest = distance
        if nearest >= 0:
            current = buffer[nearest]
            fresh = position + n_slot + 1
            buffer[nearest] = fresh if fresh < n_image else -1
