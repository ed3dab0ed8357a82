"""What element-wise layers make of real values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import ElementWise
from hwsim.network.signals import FloatArray


def evaluate(layers: Sequence[ElementWise], value: FloatArray) -> FloatArray:
    """What element-wise layers make of real values, in float64. (C, ...) in and out"""
    value = np.moveaxis(np.asarray(value, np.float64), 0, -1)
    for layer in layers:
        value = layer.apply(value)
    return np.moveaxis(value, -1, 0)


def along(parameter: npt.ArrayLike, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One number, or one per channel, beside values whose first axis are the channels."""
    parameter = np.asarray(parameter)
    return parameter.reshape(-1, *(1,) * (value.ndim - 1)) if parameter.ndim else parameter
