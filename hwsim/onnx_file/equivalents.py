"""What each layer is in ONNX or QONNX: one table from layers to functions that add its nodes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from hwsim.network.layers import (
    ELU,
    Add,
    Affine,
    AvgPool2d,
    Axis,
    Concat,
    Conv2d,
    Dense,
    Divide,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    LeakyReLU,
    MaxPool2d,
    Multiply,
    MultiThreshold,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Window,
)
from hwsim.network.layers.window import padding_pairs
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.quant_nodes import DOMAIN, channels, quant, times
from hwsim.onnx_file.weight_nodes import conv, dense, pads_of

Make: TypeAlias = Callable[[Nodes, Any], str]


def _plain(operator: str, **options: Any) -> Make:
    """A layer that is one operator without parameters."""

    def make(nodes: Nodes, layer: Any) -> str:
        return nodes.node(operator, nodes.tensors(layer), "value", nodes.network.signals[layer.name].shape, **options)

    return make


# --- windows


def _reach(axis: Axis) -> int:
    """Padding after an axis with which windows are as many without ceil_mode."""
    return max(0, (axis.n_window - 1) * axis.stride + axis.reach - axis.size - axis.before)


def _window(window: Window) -> dict[str, Any]:
    """ceil_mode as padding, on which tools agree, unless more than half of a kernel would be that."""
    axes = (window.y, window.x)
    ceil = any(2 * _reach(axis) > axis.kernel for axis in axes)
    return {
        "kernel_shape": tuple(axis.kernel for axis in axes),
        "strides": tuple(axis.stride for axis in axes),
        "pads": tuple(axis.before for axis in axes) + tuple(axis.after if ceil else _reach(axis) for axis in axes),
        "ceil_mode": int(ceil),
    }


def _max_pool(nodes: Nodes, layer: MaxPool2d) -> str:
    return _plain("MaxPool", **_window(layer.window(nodes.signals(layer)[0])))(nodes, layer)


def _avg_pool(nodes: Nodes, layer: AvgPool2d) -> str:
    window = layer.window(nodes.signals(layer)[0])
    if layer.count_include_pad and any(_reach(axis) > axis.after for axis in (window.y, window.x)):
        raise NoEquivalent("windows that stick out beyond the padding, which it counts (count_include_pad, ceil_mode)")
    return _plain("AveragePool", count_include_pad=int(layer.count_include_pad), **_window(window))(nodes, layer)


# --- element by element


def _leaky_relu(nodes: Nodes, layer: LeakyReLU) -> str:
    return _plain("LeakyRelu", alpha=layer.slope)(nodes, layer)


def _elu(nodes: Nodes, layer: ELU) -> str:
    if layer.scale == 1:
        return _plain("Elu", alpha=layer.alpha)(nodes, layer)
    return _plain("Selu", alpha=layer.alpha, gamma=layer.scale)(nodes, layer)


def _hard_tanh(nodes: Nodes, layer: HardTanh) -> str:
    """Of codes, the outermost ones within the limits."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    limits: tuple[Any, Any] = (layer.lowest, layer.highest)
    if not read.format.is_real:
        lowest, highest = layer.limits(read)
        limits = (lowest * read.step, highest * read.step)
    for operator, limit, bound in zip(("Max", "Min"), limits, (layer.lowest, layer.highest), strict=True):
        if np.isfinite(bound):
            constant = nodes.constant(channels(limit, read), operator.lower() + "_limit")
            tensor = nodes.node(operator, (tensor, constant), operator.lower(), read.shape)
    return tensor


def _sign(nodes: Nodes, layer: Sign) -> str:
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    if not nodes.qonnx:
        raise NoEquivalent("ONNX's Sign makes 0 of 0, this one 1; write QONNX")
    return nodes.node("BipolarQuant", (tensor, nodes.constant(1.0, "scale")), "codes", read.shape, DOMAIN)


def _affine(nodes: Nodes, layer: Affine) -> str:
    """Of codes with the fixed-point factors that are executed."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    scale, offset = np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
    if not read.format.is_real:
        fixed = layer.fixed(read)
        scale = np.asarray(fixed.multiplier * 2.0**-fixed.shift / read.step, np.float64)
        offset = np.asarray(fixed.offset * 2.0**-fixed.shift, np.float64)
    tensor = times(nodes, tensor, scale, "scaled", read)
    if not np.any(offset):
        return tensor
    return nodes.node("Add", (tensor, nodes.constant(channels(offset, read), "offset")), "shifted", read.shape)


ROUNDINGS = {"half_even": "ROUND", "floor": "FLOOR", "half_up": "HALF_UP"}


def _quantize(nodes: Nodes, layer: Quantize) -> str:
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


def _multi_threshold(nodes: Nodes, layer: MultiThreshold) -> str:
    """Of codes with thresholds half a code below the first that reaches each."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    if not nodes.qonnx:
        raise NoEquivalent("thresholds; write QONNX")
    levels = np.asarray(layer.levels(read), np.float64)
    if not read.format.is_real:
        levels = (levels - 0.5) * np.atleast_1d(read.step)[:, None]
    options = {"out_scale": layer.scale, "out_bias": layer.offset, "out_dtype": "FLOAT32"}
    constant = nodes.constant(levels, "thresholds")
    return nodes.node("MultiThreshold", (tensor, constant), "codes", read.shape, DOMAIN, **options)


# --- arrangement, and several signals


def _pad(nodes: Nodes, layer: Pad2d) -> str:
    top, left, bottom, right = pads_of(padding_pairs(layer.padding))
    pads = nodes.constant((0, 0, top, left, 0, 0, bottom, right), "pads", np.int64)
    inputs = (*nodes.tensors(layer), pads, nodes.constant(layer.value, "border"))
    return nodes.node("Pad", inputs, "padded", nodes.network.signals[layer.name].shape)


def _rearrange(nodes: Nodes, layer: Rearrange) -> str:
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape = nodes.network.signals[layer.name].shape
    order = layer.order or tuple(range(len(read.shape)))
    moved = tuple(read.shape[axis] for axis in order)
    if order != tuple(sorted(order)):
        tensor = nodes.node("Transpose", (tensor,), "moved", moved, perm=(0, *(axis + 1 for axis in order)))
    if moved == shape:
        return tensor
    return nodes.node("Reshape", (tensor, nodes.constant((0, *shape), "shape", np.int64)), "value", shape)


def _add(nodes: Nodes, layer: Add) -> str:
    """Of codes with the fixed-point factors that bring them to a common step, unless they make no difference."""
    reads, tensors = nodes.signals(layer), list(nodes.tensors(layer))
    is_noted = any(note.startswith(f"{layer.name}:") for note in nodes.network.notes)
    # where every sum leads to the nearest code, the values themselves say so
    if not reads[0].format.is_real and (layer.step is None or is_noted):
        first = layer.common_step(reads[0]) / 2.0 ** int(layer.factors(*reads)[0].shift.max())
        for k, factor in enumerate(layer.factors(*reads)):
            tensors[k] = times(nodes, tensors[k], factor.multiplier * first / reads[k].step, f"term{k}", reads[k])
    shape = reads[0].shape
    total = tensors[0] if layer.sign(0) > 0 else nodes.node("Neg", (tensors[0],), "negative", shape)
    for k, tensor in enumerate(tensors[1:], 1):
        total = nodes.node("Add" if layer.sign(k) > 0 else "Sub", (total, tensor), "sum", shape)
    return total


def _pairing(operator: str) -> Make:
    """Two signals, of which one may have a number per channel."""

    def make(nodes: Nodes, layer: Multiply | Divide) -> str:
        shape, tensors = nodes.network.signals[layer.name].shape, []
        for read, tensor in zip(nodes.signals(layer), nodes.tensors(layer), strict=True):
            wide = (read.shape[0], 1, 1)
            if len(read.shape) < len(shape):
                tensor = nodes.node("Reshape", (tensor, nodes.constant((0, *wide), "shape", np.int64)), "wide", wide)
            tensors.append(tensor)
        return nodes.node(operator, tuple(tensors), "value", shape)

    return make


NODES_OF: dict[type, Make] = {
    Add: _add,
    Affine: _affine,
    AvgPool2d: _avg_pool,
    Concat: _plain("Concat", axis=1),
    Conv2d: conv,
    Dense: dense,
    Divide: _pairing("Div"),
    ELU: _elu,
    Flatten: _plain("Flatten", axis=1),
    GlobalAvgPool: _plain("GlobalAveragePool"),
    HardTanh: _hard_tanh,
    LeakyReLU: _leaky_relu,
    MaxPool2d: _max_pool,
    Multiply: _pairing("Mul"),
    MultiThreshold: _multi_threshold,
    Pad2d: _pad,
    Quantize: _quantize,
    ReLU: _plain("Relu"),
    Rearrange: _rearrange,
    Sigmoid: _plain("Sigmoid"),
    Sign: _sign,
    Softmax: _plain("Softmax", axis=1),
    Tanh: _plain("Tanh"),
}
"""Of each layer the function that adds its nodes, and returns the tensor they end in."""
