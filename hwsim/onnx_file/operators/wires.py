"""Operators that take some of the numbers they read, in any order and as often as they like: wires."""

from collections.abc import Callable

import numpy as np

from hwsim.network.layers import Gather, Slice
from hwsim.network.layers.window import is_whole
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import is_uniform
from hwsim.onnx_file.coded import Constant
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.soundness import MOST_NUMBERS
from hwsim.onnx_file.tensor import Tensor, Wires, size_of
from hwsim.onnx_file.wires import JOINING, MOVING, TAKING, moved


def are_wires(builder: Builder, node: Node) -> bool:
    """Whether a node that moves numbers stands among wires, so that no layer of its own is made for it."""
    if node.operator not in MOVING or node.operator == "Pad":  # which sees to it
        return False
    read = [builder.values[name] for name in node.inputs if name]
    tensors = [each for each in read if isinstance(each, Tensor)]
    has_constant = node.operator == JOINING and len(tensors) < len(read)
    return has_constant or node.outputs[0] in builder.led_on or any(each.wires is not None for each in tensors)


@reads(*TAKING, codes="kept")
def taken(builder: Builder, node: Node) -> Tensor:
    """Numbers of the tensors read, wherever the operator wants them."""
    return wired(builder, node, [builder.values[name] if name else None for name in node.inputs])  # type: ignore[misc]


def wired(builder: Builder, node: Node, read: list[Tensor | Constant | None]) -> Tensor:
    """What a node makes of tensors and constants, as wires: layers are made of them when something else reads them."""
    n_tensor = sum(isinstance(each, Tensor) for each in read)
    is_alone = n_tensor == 1 and node.operator not in (JOINING, "Pad")
    tensors = [_ready(builder, each, is_alone) if isinstance(each, Tensor) else each for each in read]
    given = [builder.wires(each) if isinstance(each, Tensor) else each for each in tensors]
    first = next(each for each in tensors if isinstance(each, Tensor))
    made = moved(node, given, builder.n_frame)
    return Tensor(first.layer, made.origins.shape, (), first.chain, False, made)


def _ready(builder: Builder, tensor: Tensor, is_alone: bool) -> Tensor:
    """A tensor behind which nothing waits, or what may go on waiting: the same for all its numbers."""
    return tensor if not tensor.chain or (is_alone and is_uniform(tensor.chain)) else builder.make(tensor)


@reads("Resize", "Upsample", codes="kept")
def resize(builder: Builder, node: Node) -> Tensor:
    """Every number a whole number of times, along each axis."""
    mode = node.attributes.get("mode", "nearest")
    if mode != "nearest":
        raise Refused(f"mode {mode}; nearest is supported: it moves numbers, the others compute")
    tensor = builder.values[node.inputs[0]]
    assert isinstance(tensor, Tensor)
    tensor = _ready(builder, tensor, True)
    wires = builder.wires(tensor)
    factors = _factors(builder, node, wires.origins.shape)
    index = _index_of(node)
    origins = wires.origins
    if size_of(origins.shape) * size_of(factors) > MOST_NUMBERS:
        raise Refused(f"it makes frames {factors} times as large; {MOST_NUMBERS:,} numbers are the most")
    for axis, factor in enumerate(factors):
        size = origins.shape[axis]
        place = index(np.arange(size * factor), factor).clip(0, size - 1)
        origins = origins.take(place.astype(np.int64), axis=axis)
    made = Wires(node.name, origins, wires.parts, wires.values)
    return Tensor(tensor.layer, origins.shape, (), tensor.chain, False, made)


def _factors(builder: Builder, node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many times as long each axis of a frame becomes."""
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Refused("keep_aspect_ratio_policy; state the factors")
    number = 1 if node.operator == "Upsample" or node.opset < 11 else 2
    given = builder.numbers(node, number, "scales")
    scales = np.asarray(node.attributes.get("scales", ()) if given is None else given, np.float64).ravel()
    whole = np.array((builder.n_frame, *shape))
    axes = list(node.attributes.get("axes", range(len(whole))))
    if not scales.size:
        sizes = builder.numbers(node, 3, "sizes")
        scales = np.asarray(() if sizes is None else sizes, np.float64) / whole[axes]
    if "axes" in node.attributes:
        named, scales = scales, np.ones(len(whole))
        scales[axes] = named
    if len(scales) != len(shape) + 1 or scales[0] != 1 or not all(is_whole(n, 1) for n in map(_as_whole, scales)):
        raise Refused(f"factors {scales.tolist()}; whole numbers from 1 are supported, the first one 1")
    return tuple(int(n) for n in scales[1:])


def _as_whole(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _index_of(node: Node) -> Callable[[Array, int], Array]:
    """Which number each of those that leave is, of an axis and its factor."""
    default = "half_pixel" if node.operator == "Resize" and node.opset >= 11 else "asymmetric"
    where = node.attributes.get("coordinate_transformation_mode", default)
    nearest = node.attributes.get("nearest_mode", "round_prefer_floor" if default == "half_pixel" else "floor")
    if where not in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric"):
        raise Refused(f"coordinate_transformation_mode {where}; half_pixel and asymmetric are supported")
    half = 0.0 if where == "asymmetric" else 0.5
    roundings: dict[str, Callable[[Array], Array]] = {
        "round_prefer_floor": lambda place: np.ceil(place - 0.5),
        "round_prefer_ceil": lambda place: np.floor(place + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    rounding = roundings[nearest]
    return lambda place, factor: rounding((place + half) / factor - half)


@writes(Slice)
def slice_nodes(nodes: Nodes, layer: Slice) -> str:
    """Slice."""
    (read,) = nodes.signals(layer)
    stop = read.shape[layer.axis] if layer.stop is None else layer.stop
    numbers = {"starts": layer.start, "ends": stop, "axes": layer.axis + 1, "steps": layer.stride}
    given = [nodes.constant((number,), what, np.int64) for what, number in numbers.items()]
    return nodes.node("Slice", (*nodes.tensors(layer), *given), "value", nodes.network.signals[layer.name].shape)


@writes(Gather)
def gather_nodes(nodes: Nodes, layer: Gather) -> str:
    """All numbers as one vector, the constants behind them; of that those that are wanted, and their shape."""
    rows = [
        nodes.node("Reshape", (tensor, nodes.constant((0, -1), "vector", np.int64)), "row", (read.size,))
        for tensor, read in zip(nodes.tensors(layer), nodes.signals(layer), strict=True)
    ]
    size = sum(read.size for read in nodes.signals(layer))
    row = rows[0] if len(rows) == 1 else nodes.node(JOINING, tuple(rows), "rows", (size,), axis=1)
    for k, value in enumerate(layer.values):
        pads = nodes.constant((0, 0, 0, 1), "pads", np.int64)
        row = nodes.node("Pad", (row, pads, nodes.constant(value, "constant")), "longer", (size + k + 1,))
    places = np.asarray(layer.places)
    index = nodes.constant(np.where(places < 0, size - 1 - places, places), "places", np.int64)
    row = nodes.node("Gather", (row, index), "taken", (places.size,), axis=1)
    return nodes.node("Reshape", (row, nodes.constant((0, *layer.shape), "shape", np.int64)), "value", layer.shape)
