"""Gemm, MatMul and Conv: layers with weights."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.network.canonical import values_of, weight_terms
from hwsim.network.layers import Conv2d, Dense, Layer, Pad2d, Synaptic, Weight
from hwsim.network.layers.window import padding_pairs, pair
from hwsim.network.number_format import BF16, NumberFormat
from hwsim.network.signals import Signal
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of
from hwsim.onnx_file.coded import Coded, Constant, value_of
from hwsim.onnx_file.element_types import real_format
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.operators.geometry import Pads, geometry_of, pads_of
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.quant_nodes import quant
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor, transposed

Make = Callable[[tuple[Weight, ...], Array | None], Layer]


@reads("Gemm")
def gemm(builder: Builder, node: Node) -> Tensor:
    """Alpha x (input x weight) + beta x bias."""
    if node.attributes.get("transA", 0):
        raise Refused("transA mixes frames")
    weight, bias = builder.constant(node, 1, "weight"), builder.constant(node, 2, "bias")
    alpha, beta = (float(node.attributes.get(each, 1.0)) for each in ("alpha", "beta"))
    if weight is not None and node.attributes.get("transB", 0):
        weight = _turned(weight)
    if beta != 1 and bias is not None:
        bias = value_of(bias) * np.float32(beta)
    declared = node.inputs[1] in builder.declared
    return dense(builder, node.name, builder.tensor(node, 0), weight, bias, alpha, declared)


@reads("MatMul")
def matmul(builder: Builder, node: Node) -> Tensor:
    """Input x weight."""
    if builder.is_constant(node.inputs[0]):
        raise Refused("its first factor is a constant; expected the weight to be the second")
    weight, declared = builder.constant(node, 1, "weight"), node.inputs[1] in builder.declared
    return dense(builder, node.name, builder.tensor(node, 0), weight, None, declared=declared)


@reads("Conv")
def conv(builder: Builder, node: Node) -> Tensor:
    """Convolution along one or two axes."""
    weight, bias = builder.constant(node, 1, "weight"), builder.constant(node, 2, "bias")
    return convolution(builder, node, builder.tensor(node, 0), weight, bias)


def dense(
    builder: Builder,
    name: str,
    read: Tensor,
    weight: Constant | None,
    bias: Constant | None,
    alpha: float = 1.0,
    declared: bool = False,
) -> Tensor:
    """A Dense layer on frames that are vectors; weight (n_in, n_out), whose format the file may declare to be real."""
    if weight is None or weight.ndim != 2 or weight.shape[0] != read.shape[-1]:
        shape = None if weight is None else weight.shape
        raise Refused(f"its weight has shape {shape}; expected ({read.shape[-1]}, outputs)")
    if len(read.shape) > 1:
        return _at_every_place(builder, name, read, weight, declared)
    read = builder.as_vector(builder.make(read, keep_factor=True))
    made = _synaptic(builder, name, read, weight, lambda terms, given: Dense(name, terms=terms, bias=given), declared)
    result = replace(made, shape=(weight.shape[1],), places=(0,))
    if alpha != 1:
        result = builder.affine(result, name, alpha, 0.0)
    return _biased(builder, name, result, bias, 1)


def _at_every_place(builder: Builder, name: str, read: Tensor, weight: Constant, declared: bool) -> Tensor:
    """The same matrix for every vector along the last axis: a convolution of one tap."""
    n_axis = len(read.shape)
    image = builder.as_image(builder.make(transposed(read, (n_axis - 1, *range(n_axis - 1))), keep_factor=True))
    kernel = _as_kernel(_turned(weight))

    def make(terms: tuple[Weight, ...], given: Array | None) -> Layer:
        return Conv2d(name, terms=terms, bias=given)

    made = _synaptic(builder, name, image, kernel, make, declared)
    shape = (weight.shape[1], *read.shape[:-1])
    made = replace(made, shape=shape, places=(0, 2) if n_axis == 2 else (0, 1, 2))
    return transposed(made, (*range(1, n_axis), 0))


def convolution(builder: Builder, node: Node, read: Tensor, weight: Constant | None, bias: Constant | None) -> Tensor:
    """A Conv2d layer; weight (C_out, C_in / groups, [kH,] kW)."""
    if weight is None or weight.ndim not in (3, 4) or weight.ndim != len(read.shape) + 1:
        shape = None if weight is None else weight.shape
        raise Refused(
            f"it reads frames of shape {read.shape} with a weight of shape {shape}; convolutions of one "
            "and two axes are supported"
        )
    read = builder.as_image(builder.make(read, keep_factor=True))
    window = geometry_of(node, weight.shape[2:], (read.shape[1], read.shape[2]))
    sequence = weight.ndim == 3
    if sequence:
        weight = _as_image_weight(weight)
    read, padding = _with_pad(builder, read, window.padding)

    def make(terms: tuple[Weight, ...], given: Array | None) -> Layer:
        groups = int(node.attributes.get("group", 1))
        return Conv2d(node.name, (), terms, given, None, window.stride, padding, window.dilation, groups)

    made = _synaptic(builder, node.name, read, weight, make, node.inputs[1] in builder.declared)
    frame = builder.signal(made).shape
    if sequence:
        made = replace(made, shape=(frame[0], frame[2]), places=(0, 2))
    else:
        made = replace(made, shape=frame, places=(0, 1, 2))
    return _biased(builder, node.name, made, bias, 2 if sequence else 3)


def _with_pad(builder: Builder, read: Tensor, padding: Pads) -> tuple[Tensor, Pads]:
    """A border of zeros that only this layer reads becomes its own padding."""
    pad = builder.layers.get(read.layer)
    if not isinstance(pad, Pad2d) or not read.is_alone or pad.value != 0:
        return read, padding
    builder.remove(read.layer)
    (top, bottom), (left, right) = pad.padding  # type: ignore[misc]
    whole = ((padding[0][0] + top, padding[0][1] + bottom), (padding[1][0] + left, padding[1][1] + right))
    (source,) = pad.inputs
    return replace(read, layer=source, shape=builder.signals[source].shape), whole


def _turned(weight: Constant) -> Constant:
    return weight.moved(np.transpose) if isinstance(weight, Coded) else weight.T


def _as_kernel(weight: Constant) -> Constant:
    """(n_out, n_in) as (n_out, n_in, 1, 1)."""
    return weight.moved(_with_two_axes) if isinstance(weight, Coded) else _with_two_axes(weight)


def _with_two_axes(array: Array) -> Array:
    return array[:, :, None, None]


def _as_image_weight(weight: Constant) -> Constant:
    return weight.moved(_with_height) if isinstance(weight, Coded) else _with_height(weight)


def _with_height(array: Array) -> Array:
    return array[:, :, None]


def _synaptic(builder: Builder, name: str, read: Tensor, weight: Constant, make: Make, declared: bool) -> Tensor:
    """The layer without its bias: integers where codes meet codes, else real numbers."""
    signal = builder.signal(read)
    factor = factor_of(read.chain) if read.chain else 1.0
    if factor is None:
        raise Refused("it reads what several layers still wait behind")
    terms = _coded(builder, name, weight, declared) if signal.format.is_real or not signal.step.ndim else None
    if terms is not None:
        terms = tuple(replace(term, scale=np.asarray(term.scale) * factor) for term in terms)
        return replace(read, layer=builder.add(make(terms, None), read.layer), chain=(), is_alone=True)
    if not signal.format.is_real:
        builder.remarks.append(f"{name}: codes times real weights, in real arithmetic")
    format = signal.format if signal.format.is_real else real_format(value_of(weight))
    with np.errstate(over="ignore"):  # which Weight refuses
        term = Weight((value_of(weight) * np.float64(factor)).astype(np.float32), format)
    return replace(read, layer=builder.add(make((term,), None), read.layer), chain=(), is_alone=True)


def _coded(builder: Builder, name: str, weight: Constant, declared: bool) -> tuple[Weight, ...] | None:
    """Weights as codes: those that the file declares, or whose values are those of codes where it declares nothing."""
    if isinstance(weight, Coded):
        parameters = weight.by_channel(1 if weight.ndim == 2 else 0)
        if parameters is None:
            builder.remarks.append(
                f"{name}: {weight.format} weights whose scales differ along its inputs are taken as real numbers"
            )
            return None
        return (Weight(weight.code, weight.format, *parameters),)
    if weight.dtype in (np.int8, np.uint8, np.int16, np.uint16):
        format = NumberFormat("integer", weight.dtype.itemsize * 8, signed=weight.dtype.kind == "i")
        return (Weight(weight.astype(np.int64), format),)
    value = weight.astype(np.float32) if real_format(weight) == BF16 else weight  # which numpy counts to no kind
    terms = None if declared or builder.keep_real else weight_terms(value)
    if terms is not None:
        kind = "two ternary terms" if len(terms) == 2 else f"{terms[0].format} codes"
        builder.remarks.append(
            f"{name}: weights of the values {values_of(terms)}, for which the file declares no format, are read as "
            f"{kind} with a scale; --keep-real (in Python keep_real=True) keeps them real"
        )
    return terms


def _biased(builder: Builder, name: str, made: Tensor, bias: Constant | None, n_axis: int) -> Tensor:
    """With a bias per output channel."""
    if bias is None:
        return made
    value = value_of(bias)
    n_channel = made.shape[0]
    if value.size not in (1, n_channel):
        raise Refused(f"its bias has shape {value.shape}; expected ({n_channel},)")
    if isinstance(bias, Coded):  # codes of sums, of which float32 would lose the last bits
        value = np.asarray(bias.code * np.asarray(bias.scale, np.float64))
        builder.stated[made.layer] = bias.format.bit_width
    offset = np.asarray(value, np.float64).reshape(-1, *(1,) * (n_axis - 1))
    return builder.affine(made, f"{name}_bias", 1.0, offset)


def _weight_node(nodes: Nodes, term: Weight, scale: npt.NDArray[np.float64], number: str) -> str:
    """A term's weights in the layer's layout: in QONNX codes of their format, else values."""
    across = (-1, 1, 1, 1) if term.code.ndim == 4 else (1, -1)
    spread = scale.reshape(across) if scale.ndim else scale
    values = nodes.constant(term.code * spread, f"weight{number}")
    if not nodes.qonnx or term.format.is_real:
        return values
    zero_point = np.asarray(term.zero_point)
    if np.any(zero_point != zero_point.flat[0]):
        raise NoEquivalent("its weights have a zero point for each channel; write plain ONNX, which holds their values")
    return quant(nodes, values, term.format, spread, int(zero_point.flat[0]), "ROUND", f"weight{number}_codes")


def _weights(nodes: Nodes, layer: Synaptic, read: Signal) -> list[str]:
    """Of each term; the second of two in the ratio to the first that is executed."""
    numbers = ("",) if len(layer.terms) == 1 else ("0", "1")
    scales = [np.asarray(term.scale, np.float64) for term in layer.terms]
    if len(scales) == 2 and not layer.is_real(read):
        scales[1] = scales[0] * layer.merge.multiplier / 2.0**layer.merge.shift
    return [_weight_node(nodes, *each) for each in zip(layer.terms, scales, numbers, strict=True)]


def _real_bias(layer: Synaptic, read: Signal) -> npt.NDArray[np.float64] | None:
    """As real values; None where there is none, or where it is zero."""
    if layer.bias is None or not np.any(layer.bias):
        return None
    value = np.asarray(layer.bias, np.float64)
    return value if layer.is_real(read) else np.asarray(value * read.step * layer.terms[0].scale)


@writes(Dense)
def dense_nodes(nodes: Nodes, layer: Dense) -> str:
    """A product for each term, their sum, and the bias."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape = nodes.network.signals[layer.name].shape
    sums = [nodes.node("MatMul", (tensor, each), "product", shape) for each in _weights(nodes, layer, read)]
    if len(sums) == 2:
        sums = [nodes.node("Add", tuple(sums), "terms", shape)]
    bias = _real_bias(layer, read)
    return sums[0] if bias is None else nodes.node("Add", (sums[0], nodes.constant(bias, "bias")), "sum", shape)


@writes(Conv2d)
def conv_nodes(nodes: Nodes, layer: Conv2d) -> str:
    """A convolution for each term, the first with the bias."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape, bias = nodes.network.signals[layer.name].shape, _real_bias(layer, read)
    options: dict[str, Any] = {
        "kernel_shape": layer.kernel,
        "strides": pair(layer.stride, "stride"),
        "dilations": pair(layer.dilation, "dilation"),
        "pads": pads_of(padding_pairs(layer.padding)),
        "group": layer.groups,
    }
    sums = []
    for k, weight in enumerate(_weights(nodes, layer, read)):
        given = () if bias is None or k else (nodes.constant(bias, "bias"),)
        sums.append(nodes.node("Conv", (tensor, weight, *given), "sum", shape, **options))
    return sums[0] if len(sums) == 1 else nodes.node("Add", tuple(sums), "terms", shape)
