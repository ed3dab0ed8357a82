"""Quantizers: of QONNX, of FINN, and ONNX's own QuantizeLinear and DequantizeLinear."""

from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.network.layers import MultiThreshold
from hwsim.network.number_format import NumberFormat
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of, with_affine
from hwsim.onnx_file.coded import Coded, Constant, Quantizer
from hwsim.onnx_file.element_types import INTEGER
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.operators.synaptic import convolution, dense
from hwsim.onnx_file.quantizing import quantized, reach
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import absorbed

UINT8 = 2
"""ONNX's number for the format that codes have unless said."""

WIDTHS = {np.dtype(np.int8): 8, np.dtype(np.uint8): 8, np.dtype(np.int16): 16, np.dtype(np.uint16): 16}
"""Formats that QuantizeLinear makes, with their widths. [bits]"""


@dataclass(frozen=True, eq=False)
class Levels(Tensor):
    """What a QuantizeLinear leaves: the tensor, and the scale and zero point that its codes were made with."""

    scale: Array = field(default_factory=lambda: np.ones(()))
    zero_point: Array = field(default_factory=lambda: np.zeros((), np.int8))


READ_CODES = ("DequantizeLinear", "QLinearConv", "QLinearMatMul")
"""Operators that know the codes of a QuantizeLinear for what they are."""

KEEP_CODES = ("Flatten", "GlobalMaxPool", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that do the same to codes and to what they stand for."""


def with_codes(node: Node, read: Tensor, made: Tensor) -> Tensor:
    """What a node makes of a tensor: codes of the same scale where it reads such.

    Raises
    ------
    Refused
        When it computes with codes as if they were values.
    """
    if not isinstance(read, Levels) or node.operator in READ_CODES:
        return made
    if node.operator not in KEEP_CODES:
        raise Refused("it computes with the codes of a QuantizeLinear; expected a DequantizeLinear before it")
    return _levels(made, read.scale, read.zero_point)


def quant(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's Quant and IntQuant: x, scale, zero point, bit width."""
    scale, zero_point, bit_width = (
        _given(builder, node, number, what) for number, what in ((1, "scale"), (2, "zero point"), (3, "bit width"))
    )
    quantizer = Quantizer(
        scale=np.asarray(scale, np.float64),
        zero_point=_whole(zero_point, "zero point"),
        bit_width=_whole(bit_width, "bit width"),
        signed=bool(node.attributes.get("signed", 1)),
        narrow=bool(node.attributes.get("narrow", 1)),
        rounding=str(node.attributes.get("rounding_mode", "ROUND")).upper(),
    )
    return _applied(builder, node, quantizer)


def bipolar_quant(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's BipolarQuant: scale where x >= 0, else -scale."""
    scale = np.asarray(_given(builder, node, 1, "scale"), np.float64)
    return _applied(builder, node, Quantizer(scale, 0, 1, signed=True, narrow=False, rounding="ROUND"))


def _applied(builder: Builder, node: Node, quantizer: Quantizer) -> Tensor | Coded:
    if builder.is_constant(node.inputs[0]):
        value = builder.numbers(node, 0, "input")
        assert value is not None
        return quantizer.of_constant(value)
    return quantized(builder, builder.tensor(node, 0), quantizer, node.name)


def trunc(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's Trunc: the highest bits of codes; in its first version they keep the scale that they had."""
    if len(node.inputs) > 5:
        raise Refused("Trunc with an output scale (its second version); the first is supported")
    given = [_given(builder, node, number, "parameter") for number in (1, 2, 3, 4)]
    scale, zero_point = np.asarray(given[0], np.float64), _whole(given[1], "zero point")
    n_dropped = _whole(given[2], "bit width") - _whole(given[3], "bit width")
    if n_dropped < 0 or zero_point or scale.size != 1:
        raise Refused("only the highest bits of codes of one scale and no zero point are supported")
    rounding = str(node.attributes.get("rounding_mode", "FLOOR")).upper()
    if builder.is_constant(node.inputs[0]):
        raise Refused("Trunc of a constant")
    tensor = builder.tensor(node, 0)
    if builder.is_real(tensor):
        raise Refused("Trunc of real numbers; expected codes")
    lowest, highest = (each / float(scale.ravel()[0]) / 2.0**n_dropped for each in reach(builder, tensor))
    signed = lowest < 0
    n_bit = _truncated_width(lowest, highest, _whole(given[3], "bit width"))
    if n_bit > _whole(given[3], "bit width"):
        builder.remarks.append(f"{node.name}: codes of {n_bit} bits, since it may round beyond those that it states")
    whole = Quantizer(scale * 2.0**n_dropped, 0, n_bit, signed, False, rounding)
    made = quantized(builder, tensor, whole, node.name)
    return replace(made, chain=with_affine(made.chain, f"{node.name}_factor", 2.0**-n_dropped, 0.0))


def _truncated_width(lowest: float, highest: float, stated: int) -> int:
    """The stated width, or what holds every code that can occur: Trunc itself clips nothing. [bits]"""
    # whatever the rounding; float64's own is none
    least, most = int(np.floor(lowest + 2.0**-20)), int(np.ceil(highest - 2.0**-20))
    if lowest >= 0:
        return max(stated, most.bit_length())
    return max(stated, most.bit_length() + 1, (-least - 1).bit_length() + 1)


def multi_threshold(builder: Builder, node: Node) -> Tensor:
    """FINN's MultiThreshold: how many thresholds x reaches, times out_scale, plus out_bias."""
    tensor = builder.tensor(node, 0)
    thresholds = builder.numbers(node, 1, "thresholds")
    layout = str(node.attributes.get("data_layout", "")) or "NCHW"[: len(tensor.shape) + 1]
    channel = layout.index("C") if "C" in layout else 1
    assert thresholds is not None
    if thresholds.shape[0] > 1 and tensor.places[channel - 1] != 0:
        raise Refused(f"its channels (layout {layout}) are not those of the layer before it")
    scale, offset = (
        float(node.attributes.get(each, default)) for each, default in (("out_scale", 1.0), ("out_bias", 0.0))
    )
    ascending = np.sort(np.asarray(thresholds, np.float64), axis=1)
    # codes around zero, or those of one threshold from -a to a
    is_binary = ascending.shape[1] == 1 and 2 * offset == -scale
    exact = scale > 0 and (is_binary or offset / scale == np.round(offset / scale))
    layer = MultiThreshold(
        node.name, thresholds=ascending, scale=scale if exact else 1.0, offset=offset if exact else 0.0
    )
    taken_in = _of_one_bit(builder, tensor, layer) if layer.n_threshold == 1 else None
    if taken_in is None:
        tensor = builder.make(tensor)
        taken_in = Tensor(builder.add(layer, tensor.layer), tensor.shape, tensor.places)
    return taken_in if exact else builder.affine(taken_in, f"{node.name}_affine", scale, offset)


def _of_one_bit(builder: Builder, tensor: Tensor, layer: MultiThreshold) -> Tensor | None:
    """One threshold and what waits before it, as one threshold of integers; None where nothing waits, or it cannot."""
    if builder.is_real(tensor) or factor_of(tensor.chain) is not None:
        return None
    above = np.asarray(layer.thresholds)[:, 0]
    at_zero = replace(tensor, chain=with_affine(tensor.chain, f"{layer.name}_from", 1.0, -above))
    sign = Quantizer(np.ones(()), 0, 1, signed=True, narrow=False, rounding="ROUND")
    made = absorbed(builder, at_zero, sign, sign.scale, layer.name)
    if made is None:
        return None
    moved = builder.layers[made.layer]
    builder.change(replace(moved, scale=layer.scale, offset=layer.offset))  # type: ignore[call-arg]
    return Tensor(made.layer, tensor.shape, tensor.places)


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
    return builder.affine(tensor, node.name, factor, -zero * factor)


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
    scale = _given(builder, node, first, "scale")
    zero_point = builder.numbers(node, first + 1, "zero point")
    if zero_point is None and node.attributes.get("output_dtype", UINT8) not in (0, UINT8):
        raise Refused("its codes' format is given by output_dtype; give it a zero point of that format")
    return scale, np.zeros((), np.uint8) if zero_point is None else zero_point


def _given(builder: Builder, node: Node, number: int, what: str) -> Array:
    value = builder.numbers(node, number, what)
    if value is None:
        raise Refused(f"its {what} is missing")
    return value


def _whole(value: Array, what: str) -> int:
    flat = np.asarray(value, np.float64).ravel()
    if flat.size == 0 or np.any(flat != flat[0]) or not np.isfinite(flat[0]) or flat[0] != np.round(flat[0]):
        raise Refused(f"its {what} is {np.unique(flat)[:4].tolist()}; expected one whole number")
    return int(flat[0])
