"""What element-wise layers make of real values."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import ELU, Affine, HardTanh, Layer, LeakyReLU, ReLU, Sigmoid, Tanh
from hwsim.network.signals import FloatArray


def evaluate(layers: Sequence[Layer], value: FloatArray) -> FloatArray:
    """What element-wise layers make of real values, in float64. (C, ...) in and out"""
    for layer in layers:
        value = _FUNCTIONS[type(layer)](layer, value)
    return value


def along(parameter: npt.ArrayLike, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One number, or one per channel, beside values whose first axis are the channels."""
    parameter = np.asarray(parameter)
    return parameter.reshape(-1, *(1,) * (value.ndim - 1)) if parameter.ndim else parameter


def _affine(layer: Affine, value: FloatArray) -> FloatArray:
    return np.asarray(along(layer.scale, value) * value + along(layer.offset, value))


_FUNCTIONS: dict[type[Layer], Callable[..., FloatArray]] = {
    Affine: _affine,
    ReLU: lambda layer, value: np.maximum(value, 0),
    HardTanh: lambda layer, value: np.clip(value, layer.lowest, layer.highest),
    LeakyReLU: lambda layer, value: np.where(value >= 0, value, layer.slope * value),
    Sigmoid: lambda layer, value: np.where(value >= 0, 1, np.exp(-abs(value))) / (1 + np.exp(-abs(value))),
    Tanh: lambda layer, value: np.tanh(value),
    ELU: lambda layer, value: layer.scale * np.where(value >= 0, value, layer.alpha * np.expm1(np.minimum(value, 0))),
}
