"""Quant nodes, and factors that are one number or one per channel."""

import numpy as np
import numpy.typing as npt

from hwsim.network.number_format import NumberFormat
from hwsim.network.signals import Signal
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.pairs import QONNX


def quant(
    nodes: Nodes,
    tensor: str,
    format: NumberFormat,
    scale: npt.ArrayLike,
    zero_point: int,
    rounding: str,
    part: str,
    shape: tuple[int, ...] | None = None,
) -> str:
    """QONNX's Quant, or BipolarQuant; of a constant where no shape of frames is given."""
    if format.kind == "binary":
        return nodes.node("BipolarQuant", (tensor, nodes.constant(scale, f"{part}_scale")), part, shape, QONNX)
    if format.kind == "power-of-two":
        raise NoEquivalent("its weights are powers of two; write plain ONNX, which holds their values (--onnx)")
    if format.signed and format.bit_width == 1:
        raise NoEquivalent("codes of -1 and 0; there, signed ones of one bit are -1 and 1")
    parameters = (
        nodes.constant(scale, f"{part}_scale"),
        nodes.constant(float(zero_point), f"{part}_zero_point"),
        nodes.constant(float(format.bit_width), f"{part}_bit_width"),
    )
    narrow = format.narrow_range or format.kind == "ternary"
    options = {"signed": int(format.signed), "narrow": int(narrow), "rounding_mode": rounding}
    return nodes.node("Quant", (tensor, *parameters), part, shape, QONNX, **options)


def channels(value: npt.ArrayLike, signal: Signal) -> npt.NDArray[np.float64]:
    """One number, or one per channel as it is spread over frames."""
    array = np.asarray(value, np.float64)
    return array.reshape(1, -1, *(1 for _ in signal.shape[1:])) if array.ndim else array


def times(nodes: Nodes, tensor: str, factor: npt.ArrayLike, part: str, signal: Signal) -> str:
    """A tensor times a factor; itself where that is 1 as float32."""
    spread = channels(factor, signal)
    if np.all(spread.astype(np.float32) == 1):
        return tensor
    return nodes.node("Mul", (tensor, nodes.constant(spread, f"{part}_factor")), part, signal.shape)
