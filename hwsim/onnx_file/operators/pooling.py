"""Operators that make one number of a window of numbers."""

from dataclasses import replace
from typing import Any

from hwsim.network.layers import AvgPool2d, Axis, GlobalAvgPool, Layer, MaxPool2d, Window
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.folding import axes_of
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes, NoEquivalent
from hwsim.onnx_file.operators.geometry import geometry_of
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor, size_of, transposed
from hwsim.onnx_file.thresholds import rising


@reads("MaxPool", codes="kept")
def max_pool(builder: Builder, node: Node) -> Tensor:
    """Largest of each window."""
    if len(node.outputs) > 1:
        raise Refused("its second output, the places of the largest")
    return _pooled(builder, node)


@reads("AveragePool")
def average_pool(builder: Builder, node: Node) -> Tensor:
    """Mean of each window."""
    return _pooled(builder, node)


def _pooled(builder: Builder, node: Node) -> Tensor:
    tensor = builder.tensor(node, 0)
    n_axis = len(tensor.shape) - 1
    image = _image(builder, tensor, node.operator == "MaxPool")
    kernel = tuple(node.attributes["kernel_shape"])
    if len(kernel) != n_axis:
        raise Refused(f"its kernel {kernel} on frames of shape {tensor.shape}")
    window = geometry_of(node, kernel, (image.shape[1], image.shape[2]))
    ceil_mode = bool(node.attributes.get("ceil_mode", 0))
    common = (node.name, (), window.kernel, window.stride, window.padding, ceil_mode)
    layer: Layer
    if node.operator == "MaxPool":
        layer = MaxPool2d(*common, dilation=window.dilation)
    else:
        counts_padding = bool(node.attributes.get("count_include_pad", 0))
        layer = AvgPool2d(*common, counts_padding, dilation=window.dilation)
    made = builder.result(node, layer, image, image.shape)
    frame = builder.signal(made).shape
    if n_axis == 1:
        return replace(made, shape=(frame[0], frame[2]), places=(0, 2))
    return replace(made, shape=frame, places=(0, 1, 2))


def _image(builder: Builder, tensor: Tensor, takes_largest: bool) -> Tensor:
    """The tensor as an image; what waits behind integers goes on waiting where the largest of them is taken."""
    in_place = tensor.places in ((0, 1, 2), (0, 2)) and not builder.is_real(tensor)
    if takes_largest and in_place and (found := rising(builder, tensor)) is not None:
        return replace(found, shape=builder.signal(found).shape, places=(0, 1, 2))
    return builder.as_image(builder.make(tensor, keep_factor=True))


@writes(MaxPool2d)
def max_pool_nodes(nodes: Nodes, layer: MaxPool2d) -> str:
    """MaxPool."""
    return nodes.single("MaxPool", layer, **_window(layer.window(nodes.signals(layer)[0])))


@writes(AvgPool2d)
def average_pool_nodes(nodes: Nodes, layer: AvgPool2d) -> str:
    """AveragePool."""
    window = layer.window(nodes.signals(layer)[0])
    if layer.count_include_pad and any(_reach(axis) > axis.after for axis in (window.y, window.x)):
        raise NoEquivalent("windows that stick out beyond the padding, which it counts (count_include_pad, ceil_mode)")
    options = _window(window)
    if "dilations" in options:
        nodes.since(19)
    return nodes.single("AveragePool", layer, count_include_pad=int(layer.count_include_pad), **options)


def _window(window: Window) -> dict[str, Any]:
    """ceil_mode as padding, on which tools agree, unless more than half of a kernel would be that."""
    axes = (window.y, window.x)
    dilated = {"dilations": tuple(axis.dilation for axis in axes)} if any(axis.dilation > 1 for axis in axes) else {}
    ceil = any(2 * _reach(axis) > axis.kernel for axis in axes)
    return {
        "kernel_shape": tuple(axis.kernel for axis in axes),
        "strides": tuple(axis.stride for axis in axes),
        "pads": tuple(axis.before for axis in axes) + tuple(axis.after if ceil else _reach(axis) for axis in axes),
        "ceil_mode": int(ceil),
        **dilated,
    }


def _reach(axis: Axis) -> int:
    """Padding after an axis with which windows are as many without ceil_mode."""
    return max(0, (axis.n_window - 1) * axis.stride + axis.reach - axis.size - axis.before)


@reads("GlobalAveragePool")
def global_average_pool(builder: Builder, node: Node) -> Tensor:
    """Mean of each channel."""
    tensor = builder.tensor(node, 0)
    made = _whole(builder, node, tensor, GlobalAvgPool(node.name))
    return _seen(made, (tensor.shape[0], *(1,) * (len(tensor.shape) - 1)), 0)


@reads("GlobalMaxPool", codes="kept")
def global_max_pool(builder: Builder, node: Node) -> Tensor:
    """Largest of each channel."""
    tensor = builder.tensor(node, 0)
    image = _image(builder, tensor, True)
    layer = MaxPool2d(node.name, kernel=(image.shape[1], image.shape[2]))
    made = builder.result(node, layer, image, (image.shape[0], 1, 1))
    return _seen(made, (tensor.shape[0], *(1,) * (len(tensor.shape) - 1)), 0)


@reads("ReduceMean")
def reduce_mean(builder: Builder, node: Node) -> Tensor:
    """Mean over axes; over all places of each channel in whatever order the graph has its axes."""
    tensor, axes = _reduced(builder, node)
    rest = [axis for axis in range(len(tensor.shape)) if axis not in axes]
    is_image = len(tensor.shape) in (2, 3) and len(builder.signal(tensor).shape) == 3
    if not is_image or len(rest) != 1 or tensor.places[rest[0]] != 0:
        return _kept(node, *_over_axes(builder, node, tensor, axes, GlobalAvgPool(node.name)))
    made = builder.add(GlobalAvgPool(node.name), builder.make(tensor, keep_factor=True).layer)
    result = replace(builder.make(tensor, keep_factor=True), layer=made, is_alone=True)
    n_channel = tensor.shape[rest[0]]
    if not node.attributes.get("keepdims", 1):
        return _seen(result, (n_channel,), 0)
    return _seen(result, tuple(n_channel if axis in rest else 1 for axis in range(len(tensor.shape))), rest[0])


@reads("ReduceSum")
def reduce_sum(builder: Builder, node: Node) -> Tensor:
    """Sum over axes: the mean of so many numbers times their number."""
    tensor, axes = _reduced(builder, node)
    made, shape = _over_axes(builder, node, tensor, axes, GlobalAvgPool(node.name))
    n = float(size_of(tuple(tensor.shape[axis] for axis in axes)))
    return _kept(node, builder.affine(made, f"{node.name}_sum", n, 0.0), shape)


@reads("ReduceMax", codes="kept")
def reduce_max(builder: Builder, node: Node) -> Tensor:
    """Largest number along axes."""
    tensor, axes = _reduced(builder, node)
    n = size_of(tuple(tensor.shape[axis] for axis in axes))
    return _kept(node, *_over_axes(builder, node, tensor, axes, MaxPool2d(node.name, kernel=(1, n))))


def _reduced(builder: Builder, node: Node) -> tuple[Tensor, tuple[int, ...]]:
    """What is read, and the axes of its frames over which something is taken."""
    tensor = builder.tensor(node, 0)
    axes = axes_of(node, builder.numbers(node, 1, "axes"), len(tensor.shape) + 1)
    if not axes or 0 in axes:
        raise Refused(f"its axes {axes} of frames of shape {tensor.shape} take in the frames; name others")
    return tensor, tuple(sorted({axis - 1 for axis in axes}))


def _over_axes(
    builder: Builder, node: Node, tensor: Tensor, axes: tuple[int, ...], layer: Layer
) -> tuple[Tensor, tuple[int, ...]]:
    """One number for all along some axes, made by a pooling over rows of them; and the frame's shape with axes of 1."""
    rest = tuple(axis for axis in range(len(tensor.shape)) if axis not in axes)
    kept = tuple(tensor.shape[axis] for axis in rest)
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(tensor.shape))
    rows = transposed(builder.make(tensor, keep_factor=True), (*rest, *axes))
    n_row = size_of(kept)
    image = builder.settled(rows, (n_row, 1, size_of(tensor.shape) // n_row))
    made = builder.result(node, layer, image, (n_row,))
    if node.attributes.get("keepdims", 1):
        return builder.seen_as(made, shape), shape
    return builder.seen_as(made, kept or (1,)), kept


def _kept(node: Node, made: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The result, which must be a frame."""
    if not shape:
        raise Refused("it leaves frames without axes; keep them (keepdims)")
    return made


def _whole(builder: Builder, node: Node, tensor: Tensor, layer: Layer) -> Tensor:
    image = builder.as_image(builder.make(tensor, keep_factor=True))
    return builder.result(node, layer, image, (image.shape[0], 1, 1))


def _seen(tensor: Tensor, shape: tuple[int, ...], channel: int) -> Tensor:
    """A frame (C, 1, 1), seen with its channels along an axis."""
    ones = iter((1, 2))
    places = tuple(0 if axis == channel else next(ones, None) for axis in range(len(shape)))
    return replace(tensor, shape=shape, places=places)


@writes(GlobalAvgPool)
def global_average_pool_nodes(nodes: Nodes, layer: GlobalAvgPool) -> str:
    """GlobalAveragePool."""
    return nodes.single("GlobalAveragePool", layer)
