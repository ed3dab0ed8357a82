"""Operators on two computed tensors, or on one and a constant."""

from dataclasses import replace

import numpy as np

from hwsim.network.layers import Add, Affine, Concat, Divide, HardSwish, HardTanh, Layer, Multiply, Pairing
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import factor_of
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.quant_nodes import channels, times
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor, frame_of, plain, transposed


@reads("Add", "Sum")
def add(builder: Builder, node: Node) -> Tensor:
    """Of any number of tensors (Sum), or of two (Add)."""
    if (found := _with_constant(builder, node)) is not None:
        tensor, constant, _ = found
        return builder.affine(tensor, node.name, 1.0, constant)
    return _joined(builder, node, Add(node.name))


@reads("Sub")
def subtract(builder: Builder, node: Node) -> Tensor:
    """The first less the second."""
    if (found := _with_constant(builder, node)) is not None:
        tensor, constant, is_first = found
        return builder.affine(tensor, node.name, -1.0 if is_first else 1.0, constant if is_first else -constant)
    return _joined(builder, node, Add(node.name, signs=(1, -1)))


@writes(Add)
def add_nodes(nodes: Nodes, layer: Add) -> str:
    """Add and Sub; of codes with the fixed-point factors that bring them to a common step, if they differ."""
    signals, tensors = nodes.signals(layer), list(nodes.tensors(layer))
    is_noted = any(note.startswith(f"{layer.name}:") for note in nodes.network.notes)
    # where every sum leads to the nearest code, the values themselves say so
    if not signals[0].format.is_real and (layer.step is None or is_noted):
        first = layer.common_step(signals[0]) / 2.0 ** int(layer.factors(*signals)[0].shift.max())
        for k, factor in enumerate(layer.factors(*signals)):
            tensors[k] = times(nodes, tensors[k], factor.multiplier * first / signals[k].step, f"term{k}", signals[k])
    shape = signals[0].shape
    total = tensors[0] if layer.sign(0) > 0 else nodes.node("Neg", (tensors[0],), "negative", shape)
    for k, tensor in enumerate(tensors[1:], 1):
        total = nodes.node("Add" if layer.sign(k) > 0 else "Sub", (total, tensor), "sum", shape)
    return total


@reads("Mul")
def multiply(builder: Builder, node: Node) -> Tensor:
    """Number by number, or channel by channel."""
    if (found := _with_constant(builder, node)) is not None:
        tensor, constant, _ = found
        return builder.affine(tensor, node.name, constant, 0.0)
    return _multiplied(builder, node, Multiply(node.name))


@reads("Div")
def divide(builder: Builder, node: Node) -> Tensor:
    """The first by the second."""
    if (found := _with_constant(builder, node)) is not None:
        tensor, constant, is_first = found
        if is_first or np.any(constant == 0):
            raise Refused("a constant divided by what is computed" if is_first else "a division by zero")
        return builder.affine(tensor, node.name, 1 / constant, 0.0)
    return _joined(builder, node, Divide(node.name))


@writes(Multiply)
def multiply_nodes(nodes: Nodes, layer: Multiply) -> str:
    """Mul."""
    return _pair(nodes, layer, "Mul")


@writes(Divide)
def divide_nodes(nodes: Nodes, layer: Divide) -> str:
    """Div."""
    return _pair(nodes, layer, "Div")


def _pair(nodes: Nodes, layer: Pairing, operator: str) -> str:
    """Two signals, of which one may have a number per channel."""
    shape, tensors = nodes.network.signals[layer.name].shape, []
    for read, tensor in zip(nodes.signals(layer), nodes.tensors(layer), strict=True):
        wide = (read.shape[0], 1, 1)
        if len(read.shape) < len(shape):
            tensor = nodes.node("Reshape", (tensor, nodes.constant((0, *wide), "shape", np.int64)), "wide", wide)
        tensors.append(tensor)
    return nodes.node(operator, tuple(tensors), "value", shape)


@reads("HardSwish")
def hard_swish(builder: Builder, node: Node) -> Tensor:
    """X times the HardSigmoid of x, of slope 1/6; of codes one function."""
    if not builder.is_real(builder.tensor(node, 0)):
        return builder.waiting(builder.tensor(node, 0), HardSwish(node.name))
    # read twice, so that the gate's slope must not go into the weights before it
    tensor = replace(builder.make(builder.tensor(node, 0)), is_alone=False)
    slope = builder.affine(tensor, f"{node.name}_affine", 1 / 6, 0.5)
    gate = builder.make(builder.waiting(slope, HardTanh(f"{node.name}_gate", lowest=0.0, highest=1.0)))
    return replace(tensor, layer=builder.add(Multiply(node.name), tensor.layer, gate.layer), is_alone=True)


@writes(HardSwish)
def hard_swish_nodes(nodes: Nodes, layer: HardSwish) -> str:
    """HardSwish."""
    nodes.since(14)
    return nodes.single("HardSwish", layer)


@reads("Neg")
def negate(builder: Builder, node: Node) -> Tensor:
    """Minus the tensor."""
    return builder.affine(builder.tensor(node, 0), node.name, -1.0, 0.0)


@reads("BatchNormalization")
def batch_norm(builder: Builder, node: Node) -> Tensor:
    """Gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel (Ioffe & Szegedy, 2015)."""
    if node.attributes.get("training_mode", 0) or (node.opset < 7 and not node.attributes.get("is_test", 0)):
        raise Refused("batch norm in training mode; export the network for inference")
    if not node.attributes.get("spatial", 1):
        raise Refused("statistics for every place (spatial = 0); those of channels are supported")
    gamma, beta, mean, variance = (
        np.asarray(builder.numbers(node, number, "parameter"), np.float64) for number in (1, 2, 3, 4)
    )
    tensor = builder.tensor(node, 0)
    scale = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    along = (-1, *(1,) * (len(tensor.shape) - 1))
    return builder.affine(tensor, node.name, scale.reshape(along), (beta - mean * scale).reshape(along))


@writes(Affine)
def affine_nodes(nodes: Nodes, layer: Affine) -> str:
    """Mul and Add; of codes with the fixed-point factors that are executed."""
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


@reads("Concat")
def concat(builder: Builder, node: Node) -> Tensor:
    """One after the other along an axis."""
    tensors = _tensors(builder, node)
    n_axis = len(tensors[0].shape)
    axis = int(node.attributes["axis"])
    axis = axis + n_axis if axis < 0 else axis - 1
    if not 0 <= axis < n_axis or len({len(each.shape) for each in tensors}) > 1:
        raise Refused(f"its axis {node.attributes['axis']} on frames of {n_axis} axes")
    if len(tensors) == 1:
        return tensors[0]
    # hwsim lays frames side by side along their first axis
    order = (axis, *(k for k in range(n_axis) if k != axis))
    turned = [transposed(each, order) for each in _alike(builder, tensors)]
    parts = [builder.settled(each, frame_of(each.shape)) for each in turned]
    name = builder.add(Concat(node.name), *(each.layer for each in parts))
    shape = (sum(each.shape[0] for each in turned), *turned[0].shape[1:])
    made = plain(name, shape, builder.signals[name].shape, parts[0].chain)
    made = replace(made, places=tuple(range(n_axis)) if n_axis != 2 else (0, 2))
    return transposed(made, tuple(order.index(k) for k in range(n_axis)))


@writes(Concat)
def concat_nodes(nodes: Nodes, layer: Concat) -> str:
    """Concat, along the channels."""
    return nodes.single("Concat", layer, axis=1)


def _with_constant(builder: Builder, node: Node) -> tuple[Tensor, Array, bool] | None:
    """The computed tensor, the constant, and whether the constant comes first; None of two computed ones."""
    constant = [builder.is_constant(each) for each in node.inputs]
    if True not in constant or len(constant) != 2:
        return None
    number = constant.index(True)
    array = builder.numbers(node, number, "constant")
    assert array is not None
    if node.opset < 7 and "axis" in node.attributes and node.attributes.get("broadcast", 0):
        # before opset 7 the constant's first axis is named
        n_after = len(builder.tensor(node, 1 - number).shape) + 1 - node.attributes["axis"] - array.ndim
        array = array.reshape(*array.shape, *(1,) * n_after)
    return builder.tensor(node, 1 - number), np.asarray(array, np.float64), number == 0


def _alike(builder: Builder, tensors: list[Tensor]) -> list[Tensor]:
    """The tensors with what waits behind them made, but for a factor that all of them wait for."""
    factors = {None if builder.is_real(each) else factor_of(each.chain) for each in tensors}
    if len(factors) == 1 and factors != {None}:
        return tensors
    return [builder.make(each) for each in tensors]


def _joined(builder: Builder, node: Node, layer: Layer) -> Tensor:
    """A layer on frames of one shape."""
    return _of_one_shape(builder, layer, _alike(builder, _tensors(builder, node)))


def _multiplied(builder: Builder, node: Node, layer: Layer) -> Tensor:
    """A layer on frames of one shape, or on an image and one number for each of its channels."""
    tensors = [builder.make(each) for each in _tensors(builder, node)]
    if len(tensors) == 2 and tensors[0].shape != tensors[1].shape:
        return _by_channel(builder, layer, tensors)
    return _of_one_shape(builder, layer, tensors)


def _tensors(builder: Builder, node: Node) -> list[Tensor]:
    return [builder.tensor(node, number) for number in range(len(node.inputs))]


def _of_one_shape(builder: Builder, layer: Layer, tensors: list[Tensor]) -> Tensor:
    shapes = {each.shape for each in tensors}
    if len(shapes) > 1:
        raise Refused(f"it joins frames of shapes {sorted(shapes)}; expected one shape")
    first = tensors[0]
    own = {(builder.signal(each).shape, each.places) for each in tensors}
    if len(own) > 1:
        parts = [builder.settled(each, frame_of(each.shape)) for each in tensors]
        name = builder.add(layer, *(each.layer for each in parts))
        return plain(name, first.shape, builder.signals[name].shape, parts[0].chain)
    name = builder.add(layer, *(each.layer for each in tensors))
    return replace(first, layer=name, is_alone=True)


def _by_channel(builder: Builder, layer: Layer, tensors: list[Tensor]) -> Tensor:
    """An image times one number per channel, as squeeze-and-excitation has it."""
    wide, narrow = sorted(tensors, key=lambda each: -int(np.prod(each.shape)))
    if not _is_by_channel(builder, wide, narrow) and len(wide.shape) > 1:
        wide = builder.in_order(wide)
    if not _is_by_channel(builder, wide, narrow):
        raise Refused(
            f"it multiplies frames of shapes {wide.shape} and {narrow.shape}; expected one number per channel"
        )
    part = builder.settled(narrow, (builder.signal(wide).shape[0], 1, 1))
    return replace(wide, layer=builder.add(layer, wide.layer, part.layer), is_alone=True)


def _is_by_channel(builder: Builder, wide: Tensor, narrow: Tensor) -> bool:
    """Whether a tensor has one number for each channel of another's layer."""
    aligned = (1,) * (len(wide.shape) - len(narrow.shape)) + narrow.shape
    places = [wide.places[axis] for axis, n in enumerate(aligned) if n != 1]
    fits = all(n in (1, m) for n, m in zip(aligned, wide.shape, strict=True))
    return fits and places == ([0] if builder.signal(wide).shape[0] > 1 else [])
