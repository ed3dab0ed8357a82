"""An order for independent images in which each is near the one before it."""

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import as_dataset
from hwsim.errors import DataError
from hwsim.network.signals import IntArray


def temporal_order(inputs: npt.ArrayLike, buffer_size: int = 1000) -> IntArray:
    """The order of Temporal-MNIST for independent images; ``data[temporal_order(data.inputs)]`` applies it.

    Each image is followed by the one nearest to it (L1 distance of the codes, the lowest slot among equals) in a
    buffer of the next ones of the file (O'Connor & Welling 2017, App. D: 1000). Distances are exact for integer codes,
    summed in float64 for real values. Returns the frames, each once, in their new order: (n_frame,) int64. A
    DataError is raised for inputs that make no data set and for a buffer without room.
    """
    from hwsim.kernels.temporal_order import find_temporal_order

    if buffer_size < 1:
        raise DataError(f"temporal order: a buffer of {buffer_size} images; expected 1 or more")
    image = as_dataset(inputs).inputs
    arithmetic = np.float64 if image.dtype.kind == "f" else np.int64
    wide = image if image.dtype.kind == "u" else image.astype(arithmetic)  # see the kernel
    order = np.empty(len(image), np.int64)
    find_temporal_order(wide.reshape(len(image), -1), arithmetic(0), np.empty(buffer_size, np.int64), order)
    return order
