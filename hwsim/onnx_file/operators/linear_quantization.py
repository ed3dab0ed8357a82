"""ONNX's own quantizers, QuantizeLinear and DequantizeLinear, under both names that onnxruntime writes them.

Nothing is written with them: layers of codes are written as QONNX (``quantization``).
"""

import numpy as np

from hwsim.network.number_format import NumberFormat
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of
from hwsim.onnx_file.coded import Coded, Quantizer
from hwsim.onnx_file.element_types import INTEGER, MICROSOFT
from hwsim.onnx_file.graph import Array, Node, operators_behind
from hwsim.onnx_file.levels import Levels, Unlimited, levels
from hwsim.onnx_file.operators.quantization import required
from hwsim.onnx_file.pairs import reads
from hwsim.onnx_file.quantizing import around, quantized
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

UINT8 = 2
"""ONNX's number for the format that codes have unless said."""

WIDEST = 16
"""Codes that QuantizeLinear makes. [bits]"""


@reads("QuantizeLinear", of_constants=True)
@reads("QuantizeLinear", domain=MICROSOFT, of_constants=True)
def quantize_linear(builder: Builder, node: Node) -> Tensor | Coded:
    """ONNX's QuantizeLinear: codes, which a DequantizeLinear of the same scale makes values again."""
    scale, zero_point = parameters(builder, node, 1)
    if node.attributes.get("block_size", 0):
        raise Refused("scales per block of what is quantized; scales per channel are supported")
    axis = int(node.attributes.get("axis", 1))
    if builder.is_constant(node.inputs[0]):
        value = builder.numbers(node, 0, "input")
        assert value is not None
        return _linear(_spread(scale, value.ndim, axis), zero_point).of_constant(value)
    tensor = builder.tensor(node, 0)
    if node.inputs[0] in builder.rounded:
        return levels(tensor, scale, zero_point)
    if operators_behind(builder.graph, node) == ["Clip"]:
        quantizer = _linear(_spread(scale, len(tensor.shape) + 1, axis), zero_point)
        seen = levels(tensor, scale, zero_point)
        return Unlimited(**vars(seen), quantizer=quantizer, name=node.name)
    return to_levels(builder, tensor, node.name, scale, zero_point, axis)


def to_levels(builder: Builder, tensor: Tensor, name: str, scale: Array, zero_point: Array, axis: int = 1) -> Levels:
    """What a tensor is quantized to."""
    quantizer = _linear(_spread(scale, len(tensor.shape) + 1, axis), zero_point)
    return levels(quantized(builder, tensor, quantizer, name), scale, zero_point)


def each_to_levels(builder: Builder, tensors: list[Tensor], name: str, scale: Array, zero_point: Array) -> list[Tensor]:
    """What tensors are quantized to, one by one; those that are such codes already stay as they are."""
    format, step = _format(zero_point), float(scale.ravel()[0])

    def is_such(tensor: Tensor) -> bool:
        signal, factor = builder.signal(tensor), factor_of(tensor.chain)
        alike = (signal.format, signal.zero_point) == (format, int(zero_point.ravel()[0]))
        return alike and factor is not None and bool(np.all(np.isclose(signal.step * factor, step, 1e-9, 0)))

    return [
        each if is_such(each) else to_levels(builder, each, f"{name}_{k}", scale, zero_point).values
        for k, each in enumerate(tensors)
    ]


def _spread(scale: Array, n_axis: int, axis: int) -> Array:
    """One number, or one for each place along an axis, as it lies beside an array of so many axes. float64"""
    if scale.size == 1:
        return np.asarray(scale.ravel()[0], np.float64)
    along = [1] * n_axis
    along[axis] = -1
    return np.asarray(scale, np.float64).reshape(along)


@reads("DequantizeLinear", of_constants=True, codes="read")
@reads("DequantizeLinear", domain=MICROSOFT, of_constants=True, codes="read")
def dequantize_linear(builder: Builder, node: Node) -> Tensor | Coded:
    """ONNX's DequantizeLinear, of constants, of codes that arrive, or behind a QuantizeLinear."""
    scale, zero_point = parameters(builder, node, 1)
    axis, block = int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0))
    if builder.is_constant(node.inputs[0]):
        if block:
            return _of_blocks(builder, node, scale, zero_point, axis, block)
        return coded(builder, node, 0, scale, zero_point, axis)
    if block:
        raise Refused("scales per block of what is computed; scales per channel are supported")
    return values(builder, node, 0, scale, zero_point, axis)


def values(builder: Builder, node: Node, number: int, scale: Array, zero_point: Array, axis: int = 1) -> Tensor:
    """What the codes that a node reads stand for: those of a QuantizeLinear, or whole numbers of the graph's input."""
    tensor = builder.tensor(node, number)
    if not isinstance(tensor, Levels):
        return _arrived(builder, node, number, scale, zero_point, axis)
    if not tensor.is_of(scale, zero_point):
        raise Refused("its scale and zero point are not those of the QuantizeLinear before it; give both the same")
    return tensor.values


def _arrived(builder: Builder, node: Node, number: int, scale: Array, zero_point: Array, axis: int) -> Tensor:
    """(Code - zero point) x scale, of whole numbers."""
    tensor = builder.tensor(node, number)
    if builder.graph.types[node.inputs[number]] not in INTEGER:
        raise Refused("it reads what no QuantizeLinear made; put one before it, or give the graph an input of integers")
    n_axis = len(tensor.shape) + 1
    factor, zero = (_spread(each, n_axis, axis) for each in (scale, zero_point))
    if np.any(zero) and not (builder.is_real(tensor) or tensor.chain or zero.ndim):
        tensor, zero = around(builder, tensor, int(zero), node.name), np.zeros(())
    return builder.affine(tensor, node.name, factor, -zero * factor)


def _format(codes: Array) -> NumberFormat:
    """Of an array of codes."""
    format = INTEGER.get(codes.dtype.name.upper())
    if format is None:
        raise Refused(f"codes of {codes.dtype}; expected integers")
    return format


def _linear(scale: Array, zero_point: Array) -> Quantizer:
    format = _format(zero_point)
    if format.bit_width > WIDEST:
        raise Refused(f"codes of {format}; up to {WIDEST} bits are supported")
    zero = zero_point.astype(np.int64).ravel()
    if np.any(zero != zero[0]):
        raise Refused("a zero point per channel; quantize with one for all channels")
    return Quantizer(scale, int(zero[0]), format.bit_width, format.signed, False, "ROUND", True)


def coded(builder: Builder, node: Node, number: int, scale: Array, zero_point: Array, axis: int) -> Coded:
    """A constant of codes, less its zero point, with its scale: one, or one for each place along an axis."""
    code, format = stored(builder, node, number)
    return of_codes(code, format, _spread(scale, code.ndim, axis), _spread(zero_point, code.ndim, axis))


def stored(builder: Builder, node: Node, number: int) -> tuple[Array, NumberFormat]:
    """Codes that a node reads, and their format: as the file has them, or as nodes before have made them."""
    constant = builder.constant(node, number, "input")
    if isinstance(constant, Coded):
        return constant.code + constant.zero_point, constant.format
    assert constant is not None
    return constant.astype(np.int64), _format(constant)


def _of_blocks(builder: Builder, node: Node, scale: Array, zero_point: Array, axis: int, block: int) -> Coded:
    """The same, with a scale and a zero point for each so many numbers along an axis."""
    code, format = stored(builder, node, 0)

    def whole(each: Array) -> Array:
        spread = np.repeat(each, block, axis).take(range(code.shape[axis]), axis) if each.ndim else each
        return np.asarray(np.broadcast_to(spread, code.shape), np.float64)

    return of_codes(code, format, whole(scale), whole(zero_point))


def of_codes(code: Array, format: NumberFormat, scale: Array, zero_point: Array) -> Coded:
    """(Code - zero point) x scale; around the middle of codes without a sign they have one, and the same bits."""
    zero = np.asarray(zero_point, np.int64)
    if not np.all(np.isfinite(scale) & (scale >= 0)):  # 0 of a channel of zeros
        raise Refused("its scale is not a positive finite number everywhere")
    if np.all(zero == 2 ** (format.bit_width - 1)) and not format.signed:
        return Coded(code - zero, scale, NumberFormat("integer", format.bit_width))
    return Coded(code - zero, scale, format, zero)


def parameters(builder: Builder, node: Node, first: int) -> tuple[Array, Array]:
    """A scale and the zero point after it, which is 0 of uint8 where it is left out."""
    scale = required(builder, node, first, "scale")
    zero_point = builder.numbers(node, first + 1, "zero point")
    if zero_point is None and node.attributes.get("output_dtype", UINT8) not in (0, UINT8):
        raise Refused("its codes' format is given by output_dtype; give it a zero point of that format")
    return scale, np.zeros((), np.uint8) if zero_point is None else zero_point
