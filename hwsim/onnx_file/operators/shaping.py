"""Operators that move numbers, or only call their axes differently."""

from dataclasses import replace

import numpy as np

from hwsim.network.layers import Flatten, Pad2d, Rearrange
from hwsim.network.layers.window import padding_pairs
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.folding import axes_of, reshaped, squeezed, unsqueezed
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.operators.geometry import pads_of
from hwsim.onnx_file.operators.wires import wired
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor, size_of, transposed, without_ones


@reads("Transpose", codes="kept")
def transpose(builder: Builder, node: Node) -> Tensor:
    """Axes in another order; nothing moves until something needs it."""
    tensor = builder.tensor(node, 0)
    n_axis = len(tensor.shape) + 1
    order = tuple(node.attributes.get("perm", range(n_axis - 1, -1, -1)))
    if order[0] != 0:
        if builder.n_frame == 1 and tensor.shape[order[0] - 1] == 1:
            raise Refused(f"perm {order} takes the axis of frames from its place")
        raise Refused(f"perm {order} mixes frames")
    return transposed(tensor, tuple(axis - 1 for axis in order[1:]))


@reads("Reshape", codes="kept")
def reshape(builder: Builder, node: Node) -> Tensor:
    """The numbers in another shape, frames staying frames."""
    tensor = builder.tensor(node, 0)
    given = builder.numbers(node, 1, "shape")
    wanted = node.attributes.get("shape", ()) if given is None else given.ravel().tolist()
    whole = (builder.n_frame, *tensor.shape)
    made = reshaped(whole, wanted, bool(node.attributes.get("allowzero", 0)))
    if len(made) > 4 and given is not None:  # more axes than an image has: wires, until it has fewer
        return wired(builder, node, [tensor, given])
    return _as_frames(builder, tensor, made)


@reads("Flatten", codes="kept")
def flatten(builder: Builder, node: Node) -> Tensor:
    """Frames as vectors."""
    tensor = builder.tensor(node, 0)
    axis = int(node.attributes.get("axis", 1))
    axis += (axis < 0) * (len(tensor.shape) + 1)
    whole = (builder.n_frame, *tensor.shape)
    return _as_frames(builder, tensor, (size_of(whole[:axis]), size_of(whole[axis:])))


def _as_frames(builder: Builder, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """In a shape whose first axis must be that of frames."""
    if not shape or shape[0] != builder.n_frame or size_of(shape[1:]) != size_of(tensor.shape):
        whole = (builder.n_frame, *tensor.shape)
        raise Refused(f"it mixes frames: shape {whole} becomes {shape}")
    if len(shape) == 1:
        raise Refused(f"it leaves frames without axes: shape {shape}")
    return builder.seen_as(tensor, shape[1:])


@writes(Flatten)
def flatten_nodes(nodes: Nodes, layer: Flatten) -> str:
    """Flatten."""
    return nodes.single("Flatten", layer, axis=1)


@writes(Rearrange)
def rearrange_nodes(nodes: Nodes, layer: Rearrange) -> str:
    """Transpose, Reshape, or both."""
    (read,), (tensor,) = nodes.signals(layer), nodes.tensors(layer)
    shape = nodes.network.signals[layer.name].shape
    order = layer.order or tuple(range(len(read.shape)))
    moved = tuple(read.shape[axis] for axis in order)
    if order != tuple(sorted(order)):
        tensor = nodes.node("Transpose", (tensor,), "moved", moved, perm=(0, *(axis + 1 for axis in order)))
    if moved == shape:
        return tensor
    return nodes.node("Reshape", (tensor, nodes.constant((0, *shape), "shape", np.int64)), "value", shape)


@reads("Squeeze", codes="kept")
def squeeze(builder: Builder, node: Node) -> Tensor:
    """Without axes of size 1."""
    tensor = builder.tensor(node, 0)
    whole = (builder.n_frame, *tensor.shape)
    axes = axes_of(node, builder.numbers(node, 1, "axes"), len(whole))
    if axes is None or 0 in axes:
        raise Refused("it removes the axis of frames; name the axes")
    return _with_shape(tensor, squeezed(whole, axes)[1:])


@reads("Unsqueeze", codes="kept")
def unsqueeze(builder: Builder, node: Node) -> Tensor:
    """With more axes of size 1."""
    tensor = builder.tensor(node, 0)
    shape, axes = unsqueezed(node, (builder.n_frame, *tensor.shape), builder.numbers(node, 1, "axes"))
    if 0 in axes:
        raise Refused("it puts an axis before that of frames")
    return _with_shape(tensor, shape[1:])


def _with_shape(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    seen = without_ones(tensor, shape)
    assert seen is not None
    return seen


@reads("Pad", codes="kept")
def pad(builder: Builder, node: Node) -> Tensor:
    """A border of one number around images; any other as wires."""
    tensor, mode = builder.values[node.inputs[0]], node.attributes.get("mode", "constant")
    if not isinstance(tensor, Tensor):
        raise Refused("it puts computed borders around a constant")
    pads, number = _pads(builder, node, len(tensor.shape) + 1)
    around = [(int(before), int(after)) for before, after in zip(*np.split(pads, 2), strict=True)]
    if not pads.any():
        return tensor
    is_image = len(tensor.shape) in (2, 3) and not any((*around[0], *around[1]))
    if mode == "constant" and is_image and tensor.wires is None and node.outputs[0] not in builder.led_on:
        return _padded(builder, node, builder.tensor(node, 0), around, number)
    alone = replace(node, opset=max(node.opset, 13), attributes={"mode": mode})
    return wired(builder, alone, [tensor, pads, np.asarray(number, np.float32)])


def _pads(builder: Builder, node: Node, n_axis: int) -> tuple[Array, float]:
    """Numbers before and after each axis, that of frames first, and the constant that they are."""
    given, value = builder.numbers(node, 1, "pads"), builder.numbers(node, 2, "value")
    pads = np.asarray(node.attributes.get("pads", ()) if given is None else given.ravel(), np.int64)
    number = float(node.attributes.get("value", 0.0) if value is None else value.ravel()[0])
    if (named := builder.numbers(node, 3, "axes")) is not None:
        whole = np.zeros(2 * n_axis, np.int64)
        for k, axis in enumerate(int(each) % n_axis for each in named.ravel()):
            whole[[axis, n_axis + axis]] = pads[[k, len(named.ravel()) + k]]
        pads = whole
    if len(pads) != 2 * n_axis or np.any(pads < 0):
        raise Refused(f"pads {pads.tolist()}; expected {2 * n_axis} whole numbers from 0")
    return pads, number


def _padded(builder: Builder, node: Node, tensor: Tensor, around: list[tuple[int, int]], value: float) -> Tensor:
    """The border lies around the frame's own axes, wherever the graph sees them."""
    tensor = builder.make(tensor)
    wider = [axis for axis in range(len(tensor.shape)) if any(around[axis + 1])]
    frame = builder.signal(tensor).shape
    if len(frame) != 3 or any(tensor.places[axis] not in (1, 2) for axis in wider):
        tensor = builder.in_order(tensor)
    if any(around[0]) or any(tensor.places[axis] == 0 for axis in wider):
        raise Refused(f"pads {around}; only height and width may get a border")
    by_place = {tensor.places[axis]: around[axis + 1] for axis in wider}
    layer = Pad2d(node.name, padding=(by_place.get(1, (0, 0)), by_place.get(2, (0, 0))), value=value)
    shape = tuple(n + sum(around[axis + 1]) for axis, n in enumerate(tensor.shape))
    return replace(tensor, layer=builder.add(layer, tensor.layer), shape=shape, is_alone=True)


@writes(Pad2d)
def pad_nodes(nodes: Nodes, layer: Pad2d) -> str:
    """Pad."""
    top, left, bottom, right = pads_of(padding_pairs(layer.padding))
    pads = nodes.constant((0, 0, top, left, 0, 0, bottom, right), "pads", np.int64)
    inputs = (*nodes.tensors(layer), pads, nodes.constant(layer.value, "border"))
    return nodes.node("Pad", inputs, "padded", nodes.network.signals[layer.name].shape)
