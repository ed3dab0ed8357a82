"""Quantizers of QONNX and of FINN, as which all layers that make codes are written."""

from dataclasses import replace

import numpy as np

from hwsim.network.layers import MultiThreshold, Quantize, Sign
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of, with_affine
from hwsim.onnx_file.coded import Coded, Quantizer
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.pairs import QONNX, reads, writes
from hwsim.onnx_file.quant_nodes import channels, quant, times
from hwsim.onnx_file.quantizing import quantized, reach
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import absorbed

ROUNDINGS = {"half_even": "ROUND", "floor": "FLOOR", "half_up": "HALF_UP"}
"""QONNX's names of roundings."""


@reads("IntQuant", "Quant", domain=QONNX, of_constants=True)
def int_quant(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's Quant and IntQuant: x, scale, zero point, bit width."""
    scale, zero_point, bit_width = (
        required(builder, node, number, what) for number, what in ((1, "scale"), (2, "zero point"), (3, "bit width"))
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


@reads("BipolarQuant", domain=QONNX, of_constants=True)
def bipolar_quant(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's BipolarQuant: scale where x >= 0, else -scale."""
    scale = np.asarray(required(builder, node, 1, "scale"), np.float64)
    return _applied(builder, node, Quantizer(scale, 0, 1, signed=True, narrow=False, rounding="ROUND"))


@reads("Round", "Floor", "Ceil")
def round_without_limits(builder: Builder, node: Node) -> Tensor:
    """Refused: any other is read as the Quant that it is."""
    raise Refused("it rounds numbers whose limits nothing states; put a Clip right before or behind it")


def _applied(builder: Builder, node: Node, quantizer: Quantizer) -> Tensor | Coded:
    if builder.is_constant(node.inputs[0]):
        value = builder.numbers(node, 0, "input")
        assert value is not None
        return quantizer.of_constant(value)
    return quantized(builder, builder.tensor(node, 0), quantizer, node.name)


@writes(Quantize)
def quantize_nodes(nodes: Nodes, layer: Quantize) -> str:
    """Quant; half up is QONNX's HALF_UP (away from zero) where no code is negative, else a half more and FLOOR."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    if not nodes.qonnx:
        raise NoEquivalent("a quantizer; write QONNX")
    if layer.rounding == "half_even" and layer.zero_point % 2:
        raise NoEquivalent("half_even around an odd zero point, which moves its ties")
    scale, offset = np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
    if not read.format.is_real:
        ratio = layer.ratio(read)
        tensor = times(nodes, tensor, ratio.multiplier / 2.0**ratio.shift / (read.step * scale), "ratio", read)
        offset = ratio.added / 2.0**ratio.shift
    if np.any(offset):
        constant = nodes.constant(channels(offset / scale, read), "offset")
        tensor = nodes.node("Add", (tensor, constant), "with_offset", read.shape)
    rounding = ROUNDINGS[layer.rounding]
    if layer.rounding == "half_up" and layer.signed:
        rounding, half = "FLOOR", nodes.constant(channels(0.5 / scale, read), "half")
        tensor = nodes.node("Add", (tensor, half), "and_half", read.shape)
    step = channels(1 / scale, read)
    return quant(nodes, tensor, layer.format, step, layer.zero_point, rounding, "codes", read.shape)


@writes(Sign)
def sign_nodes(nodes: Nodes, layer: Sign) -> str:
    """BipolarQuant."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    if not nodes.qonnx:
        raise NoEquivalent("ONNX's Sign makes 0 of 0, this one 1; write QONNX")
    return nodes.node("BipolarQuant", (tensor, nodes.constant(1.0, "scale")), "codes", read.shape, QONNX)


@reads("Trunc", domain=QONNX)
def trunc(builder: Builder, node: Node) -> Tensor | Coded:
    """QONNX's Trunc: the highest bits of codes; in its first version they keep the scale that they had."""
    if len(node.inputs) > 5:
        return _trunc_to(builder, node)
    given = [required(builder, node, number, "parameter") for number in (1, 2, 3, 4)]
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


def _trunc_to(builder: Builder, node: Node) -> Tensor:
    """Its second version: codes of a width and a scale of their own, which lies a power of two above that of x."""
    given = [required(builder, node, number, "parameter") for number in (1, 2, 4, 5)]
    scale, made_scale = (np.asarray(given[number], np.float64) for number in (0, 2))
    if _whole(given[1], "zero point") or scale.size != 1 or made_scale.size != 1:
        raise Refused("only codes of one scale and no zero point are supported")
    tensor = builder.tensor(node, 0)
    if builder.is_real(tensor):
        raise Refused("Trunc of real numbers; expected codes")
    step = scale.reshape(()) * 2.0 ** np.round(np.log2(made_scale.reshape(()) / scale.reshape(())))
    signed, narrow = (bool(node.attributes.get(*each)) for each in (("signed", 1), ("narrow", 0)))
    rounding = str(node.attributes.get("rounding_mode", "FLOOR")).upper()
    whole = Quantizer(np.asarray(step), 0, _whole(given[3], "bit width"), signed, narrow, rounding)
    made = quantized(builder, tensor, whole, node.name)
    return replace(made, chain=with_affine(made.chain, f"{node.name}_factor", made_scale.reshape(()) / step, 0.0))


def _truncated_width(lowest: float, highest: float, stated: int) -> int:
    """The stated width, or what holds every code that can occur: Trunc itself clips nothing. [bits]"""
    # whatever the rounding; float64's own is none
    least, most = int(np.floor(lowest + 2.0**-20)), int(np.ceil(highest - 2.0**-20))
    if lowest >= 0:
        return max(stated, most.bit_length())
    return max(stated, most.bit_length() + 1, (-least - 1).bit_length() + 1)


@reads("MultiThreshold", domain=QONNX)
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


@writes(MultiThreshold)
def multi_threshold_nodes(nodes: Nodes, layer: MultiThreshold) -> str:
    """MultiThreshold; of codes with thresholds half a code below the first that reaches each."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    if not nodes.qonnx:
        raise NoEquivalent("thresholds; write QONNX")
    levels = np.asarray(layer.levels(read), np.float64)
    if not read.format.is_real:
        levels = (levels - 0.5) * np.atleast_1d(read.step)[:, None]
    options = {"out_scale": layer.scale, "out_bias": layer.offset, "out_dtype": "FLOAT32"}
    constant = nodes.constant(levels, "thresholds")
    return nodes.node("MultiThreshold", (tensor, constant), "codes", read.shape, QONNX, **options)


def required(builder: Builder, node: Node, number: int, what: str) -> Array:
    """The numbers of an input that must be there, and a constant."""
    value = builder.numbers(node, number, what)
    if value is None:
        raise Refused(f"its {what} is missing")
    return value


def _whole(value: Array, what: str) -> int:
    flat = np.asarray(value, np.float64).ravel()
    if flat.size == 0 or np.any(flat != flat[0]) or not np.isfinite(flat[0]) or flat[0] != np.round(flat[0]):
        raise Refused(f"its {what} is {np.unique(flat)[:4].tolist()}; expected one whole number")
    return int(flat[0])
