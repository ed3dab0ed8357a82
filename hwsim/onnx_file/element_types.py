"""Element types of a graph's tensors: what its inputs and constants declare, and what operators make of them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.network.number_format import BF16, FP16, FP32, FP64, NumberFormat, integer

if TYPE_CHECKING:
    from hwsim.onnx_file.graph import Node

REAL: dict[str, NumberFormat] = {"FLOAT": FP32, "DOUBLE": FP64, "FLOAT16": FP16, "BFLOAT16": BF16}
"""Formats of real numbers, by ONNX's names."""

INTEGER: dict[str, NumberFormat] = {
    "BOOL": integer(1, signed=False),
    **{f"INT{n}": integer(n) for n in (2, 4, 8, 16, 32, 64)},
    **{f"UINT{n}": integer(n, signed=False) for n in (2, 4, 8, 16, 32, 64)},
}
"""Formats of whole numbers, by ONNX's names."""

STANDARD_DOMAINS = ("", "ai.onnx")

MICROSOFT = "com.microsoft"
"""Domain of the operators that onnxruntime has beside ONNX's own."""

ZERO_POINTS = {"QGemm": 8, "QLinearConcat": 1, "QLinearConv": 7, "QLinearMatMul": 7, "QLinearAdd": 7, "QLinearMul": 7}
"""Of operators that make codes, which input is their zero point; of any other of that kind it is the fifth."""

SHAPES = ("Shape", "Size")
"""Operators that make whole numbers of 64 bits, whatever they read."""

UINT8 = 2
"""ONNX's number for the format that codes have unless said."""


def type_name(number: int) -> str:
    """ONNX's name of an element type; empty for a number that is none."""
    import onnx

    names: dict[int, str] = {value: name for name, value in onnx.TensorProto.DataType.items()}
    return names.get(number, "")


def real_format(array: npt.NDArray[np.generic]) -> NumberFormat:
    """The format of an array of real numbers; fp32 for any other."""
    named = {"float16": FP16, "bfloat16": BF16, "float64": FP64}
    return named.get(array.dtype.name, FP32)


def element_types(nodes: Iterable["Node"], given: Mapping[str, str]) -> dict[str, str]:
    """The element type of every tensor, by name; empty where it is not known.

    Parameters
    ----------
    nodes : iterable of Node
        Each after those that it reads.
    given : mapping
        The types of inputs and initializers.
    """
    types = dict(given)
    for node in nodes:
        if node.operator == "RequantShift" and types.get(node.inputs[0]) in INTEGER and node.inputs[0] not in given:
            types[node.inputs[0]] = "INT32"  # sums, whatever they are made of
        types.update(dict.fromkeys(node.outputs, _made(node, types)))
    return types


def _made(node: "Node", types: Mapping[str, str]) -> str:
    """The type of what a node makes: that of what it reads first, unless its operator says otherwise."""

    def read(number: int) -> str:
        return types.get(node.inputs[number], "") if len(node.inputs) > number else ""

    if node.domain not in (*STANDARD_DOMAINS, MICROSOFT):
        return read(0)
    if node.operator == "Cast":
        return type_name(int(node.attributes.get("to", 0)))
    if node.operator in SHAPES:
        return "INT64"
    if node.operator in ("Constant", "ConstantOfShape"):
        return _stated(node)
    if node.operator == "QuantizeLinear":
        return read(2) or type_name(int(node.attributes.get("output_dtype", 0)) or UINT8)
    if node.operator == "DequantizeLinear":
        return type_name(int(node.attributes.get("output_dtype", 0))) or read(1)
    if node.operator in ZERO_POINTS or node.operator.startswith("QLinear"):
        return read(ZERO_POINTS.get(node.operator, 4)) or ("FLOAT" if node.operator == "QGemm" else "UINT8")
    if node.operator == "RequantShift":
        return "INT8" if np.any(node.attributes.get("signed", 1)) else "UINT8"
    if node.operator in ("ConvInteger", "MatMulInteger"):
        return "INT32"
    return read(0)


def _stated(node: "Node") -> str:
    if any(each in node.attributes for each in ("value_int", "value_ints")):
        return "INT64"
    value = node.attributes.get("value")
    name = "float32" if value is None else np.asarray(value).dtype.name
    return {"float32": "FLOAT", "float64": "DOUBLE"}.get(name, name.upper())
