"""ONNX's own quantizers, QuantizeLinear and DequantizeLinear, and what works on their codes.

Nothing is written with them: layers of codes are written as QONNX (``quantization``).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.network.layers import Quantize
from hwsim.network.number_format import NumberFormat
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded, Constant, Quantizer
from hwsim.onnx_file.element_types import INTEGER
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.operators.quantization import required
from hwsim.onnx_file.operators.synaptic import convolution, dense
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.quantizing import quantized
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

UINT8 = 2
"""ONNX's number for the format that codes have unless said."""

WIDTHS = {np.dtype(np.int8): 8, np.dtype(np.uint8): 8, np.dtype(np.int16): 16, np.dtype(np.uint16): 16}
"""Formats that QuantizeLinear makes, with their widths. [bits]"""


@dataclass(frozen=True, eq=False)
class Levels(Tensor):
    """What a QuantizeLinear leaves: the tensor, and the scale and zero point that its codes were made with."""

    scale: Array = field(default_factory=lambda: np.ones(()))
    zero_point: Array = field(default_factory=lambda: np.zeros((), np.int8))


def with_codes(codes: str, read: Tensor, made: Tensor) -> Tensor:
    """What a node makes of a tensor: codes of the same scale where it reads such, and keeps them.

    Raises
    ------
    Refused
        When it would compute with codes as if they were values.
    """
    if not isinstance(read, Levels) or codes == "read":
        return made
    if codes == "refused":
        raise Refused("it computes with the codes of a QuantizeLinear; expected a DequantizeLinear before it")
    return _levels(made, read.scale, read.zero_point)


@reads("QuantizeLinear", of_constants=True)
def quantize_linear(builder: Builder, node: Node) -> Tensor | Coded:
    """ONNX's QuantizeLinear: codes, which a DequantizeLinear of the same scale makes values again."""
    scale, zero_point = _parameters(builder, node, 1)
    axis = int(node.attributes.get("axis", 1))
    if builder.is_constant(node.inputs[0]):
        value = builder.numbers(node, 0, "input")
        assert value is not None
        return _linear(_spread(scale, value.ndim, axis), zero_point, node).of_constant(value)
    tensor = builder.tensor(node, 0)
    quantizer = _linear(_spread(scale, len(tensor.shape) + 1, axis), zero_point, node)
    return _levels(quantized(builder, tensor, quantizer, node.name), scale, zero_point)


def _spread(scale: Array, n_axis: int, axis: int) -> Array:
    """One number, or one for each place along an axis, as it lies beside an array of so many axes."""
    if scale.size == 1:
        return np.asarray(scale.ravel()[0], np.float64)
    along = [1] * n_axis
    along[axis] = -1
    return np.asarray(scale, np.float64).reshape(along)


def _levels(made: Tensor, scale: Array, zero_point: Array) -> Levels:
    return Levels(made.layer, made.shape, made.places, made.chain, made.is_alone, scale, zero_point)


@reads("DequantizeLinear", of_constants=True, codes="read")
def dequantize_linear(builder: Builder, node: Node) -> Tensor | Coded:
    """ONNX's DequantizeLinear, of constants or right after a QuantizeLinear."""
    scale, zero_point = _parameters(builder, node, 1)
    if builder.is_constant(node.inputs[0]):
        return _constant(builder, node, 0, scale, zero_point)
    tensor = builder.tensor(node, 0)
    if not isinstance(tensor, Levels):
        return _values(builder, node, tensor, scale, zero_point)
    if not np.array_equal(tensor.scale, scale) or not np.array_equal(tensor.zero_point, zero_point):
        raise Refused("its scale and zero point are not those of the QuantizeLinear before it")
    return Tensor(tensor.layer, tensor.shape, tensor.places, tensor.chain, tensor.is_alone)


def _values(builder: Builder, node: Node, tensor: Tensor, scale: Array, zero_point: Array) -> Tensor:
    """What whole numbers stand for that the graph's input holds: (code - zero point) x scale."""
    if builder.graph.types[node.inputs[0]] not in INTEGER:
        raise Refused("it reads what no QuantizeLinear made")
    if node.attributes.get("block_size", 0):
        raise Refused("scales per block")
    axis, n_axis = int(node.attributes.get("axis", 1)), len(tensor.shape) + 1
    factor, zero = (_spread(each, n_axis, axis) for each in (scale, zero_point))
    if np.any(zero) and not (builder.is_real(tensor) or tensor.chain or zero.ndim):
        tensor, zero = _around(builder, tensor, int(zero), node.name), np.zeros(())
    return builder.affine(tensor, f"{node.name}_factor", factor, -zero * factor)


def _around(builder: Builder, tensor: Tensor, zero_point: int, name: str) -> Tensor:
    """Codes as they arrive, which stand for what they are more than their zero point."""
    read = builder.signal(tensor).format
    layer = Quantize(
        name, bit_width=read.bit_width, signed=read.signed, zero_point=zero_point, offset=-float(zero_point)
    )
    return replace(tensor, layer=builder.add(layer, tensor.layer))


@reads("QLinearConv", codes="read")
def q_linear_conv(builder: Builder, node: Node) -> Tensor:
    """DequantizeLinear of all inputs, Conv, QuantizeLinear."""
    read, weight, scale, zero_point = _q_linear(builder, node)
    in_scale, weight_scale = (builder.numbers(node, number, "scale") for number in (1, 4))
    codes, bias = builder.numbers(node, 8, "bias"), None
    if codes is not None:
        assert in_scale is not None
        assert weight_scale is not None
        step = np.float64(in_scale.ravel()[0]) * weight_scale.ravel().astype(np.float64)
        bias = Coded(codes.astype(np.int64), step, NumberFormat("integer", codes.dtype.itemsize * 8))
    made = convolution(builder, node, read, weight, bias)
    return _levels(quantized(builder, made, _linear(scale, zero_point, node), f"{node.name}_codes"), scale, zero_point)


@reads("QLinearMatMul", codes="read")
def q_linear_matmul(builder: Builder, node: Node) -> Tensor:
    """DequantizeLinear of both factors, MatMul, QuantizeLinear."""
    read, weight, scale, zero_point = _q_linear(builder, node)
    made = dense(builder, node.name, read, weight, None)
    return _levels(quantized(builder, made, _linear(scale, zero_point, node), f"{node.name}_codes"), scale, zero_point)


def _q_linear(builder: Builder, node: Node) -> tuple[Tensor, Coded, Array, Array]:
    """What is read, the weight, and the scale and zero point of the result."""
    own = [np.asarray(builder.numbers(node, number, "parameter")) for number in (1, 2, 4, 5, 6, 7)]
    read = builder.tensor(node, 0)
    if (
        not isinstance(read, Levels)
        or not np.array_equal(read.scale, own[0])
        or not np.array_equal(read.zero_point, own[1])
    ):
        raise Refused("it reads what no QuantizeLinear of its scale and zero point made")
    if own[4].size != 1:
        raise Refused("a scale per channel of what is computed")
    # one scale per column of a matrix, or per output channel of a kernel
    weight = _coded(builder, node, 3, own[2], own[3], int(node.operator == "QLinearMatMul"))
    return Tensor(read.layer, read.shape, read.places, read.chain, read.is_alone), weight, own[4], own[5]


def _linear(scale: Array, zero_point: Array, node: Node) -> Quantizer:
    if zero_point.dtype not in WIDTHS:
        raise Refused(f"codes of {zero_point.dtype}; 8 and 16 bits are supported")
    if np.any(zero_point != zero_point.ravel()[0]):
        raise Refused("a zero point per channel")
    if node.attributes.get("block_size", 0):
        raise Refused("scales per block")
    scale = np.asarray(scale, np.float64)
    if scale.size == 1:
        scale = scale.reshape(())
    signed = zero_point.dtype.kind == "i"
    return Quantizer(scale, int(zero_point.ravel()[0]), WIDTHS[zero_point.dtype], signed, False, "ROUND", True)


def _constant(builder: Builder, node: Node, number: int, scale: Array, zero_point: Array) -> Coded:
    if node.attributes.get("block_size", 0):
        raise Refused("scales per block")
    return _coded(builder, node, number, scale, zero_point, int(node.attributes.get("axis", 1)))


def _coded(builder: Builder, node: Node, number: int, scale: Array, zero_point: Array, axis: int) -> Coded:
    """A constant of codes, less its zero point, with its scale."""
    constant: Constant | None = builder.constant(node, number, "input")
    if isinstance(constant, Coded):  # of a QuantizeLinear of a constant
        return constant
    assert constant is not None
    if constant.dtype.kind not in "iu":
        raise Refused(f"codes of {constant.dtype}; expected integers")
    spread = _spread(scale, constant.ndim, axis)
    if not np.all(np.isfinite(spread) & (spread > 0)):
        raise Refused("its scale is not a positive finite number everywhere")
    zero = np.asarray(_spread(zero_point, constant.ndim, axis), np.int64)
    code = constant.astype(np.int64) - zero
    format = NumberFormat("integer", constant.dtype.itemsize * 8, signed=constant.dtype.kind == "i")
    if np.all(zero == 128) and format == NumberFormat("integer", 8, signed=False):
        return Coded(code, spread, NumberFormat("integer", 8))  # the same bits, but for the first
    return Coded(code, spread, format, zero)


def _parameters(builder: Builder, node: Node, first: int) -> tuple[Array, Array]:
    scale = required(builder, node, first, "scale")
    zero_point = builder.numbers(node, first + 1, "zero point")
    if zero_point is None and node.attributes.get("output_dtype", UINT8) not in (0, UINT8):
        raise Refused("its codes' format is given by output_dtype; give it a zero point of that format")
    return scale, np.zeros((), np.uint8) if zero_point is None else zero_point
