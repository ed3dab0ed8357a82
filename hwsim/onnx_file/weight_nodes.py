"""Layers with weights as nodes: products, convolutions, and in QONNX the formats of their weights."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import Conv2d, Dense, Synaptic, Weight
from hwsim.network.layers.window import padding_pairs, pair
from hwsim.network.signals import Signal
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.quant_nodes import quant


def _weight(nodes: Nodes, term: Weight, scale: npt.NDArray[np.float64], number: str) -> str:
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
    return [_weight(nodes, *each) for each in zip(layer.terms, scales, numbers, strict=True)]


def _bias(layer: Synaptic, read: Signal) -> npt.NDArray[np.float64] | None:
    """As real values; None where there is none, or where it is zero."""
    if layer.bias is None or not np.any(layer.bias):
        return None
    value = np.asarray(layer.bias, np.float64)
    return value if layer.is_real(read) else np.asarray(value * read.step * layer.terms[0].scale)


def dense(nodes: Nodes, layer: Dense) -> str:
    """A product for each term, their sum, and the bias."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape = nodes.network.signals[layer.name].shape
    sums = [nodes.node("MatMul", (tensor, each), "product", shape) for each in _weights(nodes, layer, read)]
    if len(sums) == 2:
        sums = [nodes.node("Add", tuple(sums), "terms", shape)]
    bias = _bias(layer, read)
    return sums[0] if bias is None else nodes.node("Add", (sums[0], nodes.constant(bias, "bias")), "sum", shape)


def conv(nodes: Nodes, layer: Conv2d) -> str:
    """A convolution for each term, the first with the bias."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape, bias = nodes.network.signals[layer.name].shape, _bias(layer, read)
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


def pads_of(pads: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    (top, bottom), (left, right) = pads
    return top, left, bottom, right
