"""Operators that only move numbers, worked out on the places of numbers instead of the numbers themselves.

Where each number of a frame comes from is an array as any other. What an operator of ONNX makes of that array, by
ONNX's own reference, is where the numbers that it leaves come from; no operator needs more to be known of it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hwsim.network.layers import Gather, Layer, Slice
from hwsim.onnx_file.coded import Constant, value_of
from hwsim.onnx_file.graph import Array, Graph, Node
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.soundness import MOST_NUMBERS
from hwsim.onnx_file.tensor import Wires

JOINING = "Concat"
"""The operator that reads several tensors, and constants that are numbers as they are."""

MOVING = (JOINING, "Flatten", "Pad", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that layers are made for, unless what follows them only moves numbers too."""

TAKING = (
    *("DepthToSpace", "Expand", "Gather", "GatherElements", "GatherND", "Slice", "SpaceToDepth"),
    *("Split", "Tile"),
)
"""Operators that take some of the numbers, perhaps often."""

SHAPED = (JOINING, "Expand", "GatherElements", "GatherND", "Reshape")
"""Operators whose constants may hold the number of frames, so that they are worked out on as many as the graph has."""


def led_on(graph: Graph) -> frozenset[str]:
    """Tensors that are read only to take some of their numbers: no layer is made for what moves them before."""
    reads: dict[str, list[Node]] = {graph.output: []}
    for node in graph.nodes:
        for name in node.inputs[: None if node.operator == JOINING else 1]:
            reads.setdefault(name, []).append(node)
    found: set[str] = set()
    for node in reversed(graph.nodes):
        readers = reads.get(node.outputs[0], [])
        if readers and all(
            each.operator in TAKING or (each.operator in MOVING and each.outputs[0] in found) for each in readers
        ):
            found.add(node.outputs[0])
    return frozenset(found)


def layer_of(wires: Wires, frame: tuple[int, ...], shapes: list[tuple[int, ...]]) -> Layer | None:
    """The layer that lays numbers as wires say, of parts of some shapes, in a frame; None where they lie so already."""
    origins = wires.origins.reshape(frame)
    if len(shapes) == 1 and len(shapes[0]) == len(frame) and not wires.values:
        whole = np.arange(math.prod(shapes[0])).reshape(shapes[0])
        if np.array_equal(origins, whole):
            return None
        first, last = np.transpose(np.unravel_index(origins.ravel()[[0, -1]], shapes[0])).tolist()
        for axis, size in enumerate(shapes[0]):
            stride = max((last[axis] - first[axis]) // max(frame[axis] - 1, 1), 1)
            part = np.arange(first[axis], last[axis] + 1, stride)
            if np.array_equal(origins, whole.take(part, axis=axis)):
                stop = None if last[axis] == size - 1 else last[axis] + 1
                return Slice(wires.name, start=first[axis], stop=stop, stride=stride, axis=axis)
    return Gather(wires.name, places=origins.ravel(), shape=frame, values=wires.values)


def moved(node: Node, inputs: Sequence[Wires | Constant | None], n_frame: int) -> Wires:
    """Where the numbers come from that a node of one of the operators above leaves.

    Raises
    ------
    Refused
        When it mixes frames, makes more numbers than can be borne, or does not fit what it reads.
    """
    # of one frame two are taken, so that a node that mixes them is seen
    n_seen = n_frame if n_frame > 1 or node.operator in SHAPED else 2
    parts = tuple(dict.fromkeys(part for each in inputs if isinstance(each, Wires) for part in each.parts))
    size = {part.name: part.size for part in parts}
    first = dict(zip(size, np.cumsum([0, *size.values()]).tolist(), strict=False))
    pool = _Pool(sum(size.values()), n_seen)
    arrays = [
        pool.frames(each, first) if isinstance(each, Wires) else pool.constants(node, number, each)
        for number, each in enumerate(inputs)
    ]
    made = _worked_out(node, arrays)
    if made.ndim < 2 or len(made) != n_seen:
        raise Refused(f"it mixes frames: shape {(n_frame, *_shape(inputs))} becomes {made.shape}")
    frames = np.where(made < 0, made, made - np.arange(n_seen).reshape(-1, *[1] * (made.ndim - 1)) * pool.size)
    if np.any(frames != frames[0]) or np.any(frames[0] >= pool.size):
        raise Refused("it mixes frames: what it makes of one is not made of that one alone")
    return Wires(node.name, frames[0], parts, tuple(pool.values))


def _shape(inputs: Sequence[Wires | Constant | None]) -> tuple[int, ...]:
    return next(each.origins.shape for each in inputs if isinstance(each, Wires))


class _Pool:
    """The numbers that a node reads: those of a frame after those of the frame before, and constants below zero."""

    def __init__(self, size: int, n_frame: int) -> None:
        self.size, self.n_frame = size, n_frame
        self.values: list[float] = []

    def frames(self, wires: Wires, first: dict[str, int]) -> Array:
        """Places of a tensor's numbers in the pool. (n_frame, *shape)"""
        moves = np.concatenate([np.arange(part.size) + first[part.name] for part in wires.parts])
        own = np.where(wires.origins < 0, 0, moves[np.maximum(wires.origins, 0)])
        whole = own + np.arange(self.n_frame).reshape(-1, *[1] * own.ndim) * self.size
        return np.where(wires.origins < 0, self._among(wires.values)[-wires.origins.clip(max=0)], whole)

    def constants(self, node: Node, number: int, constant: Constant | None) -> Array | None:
        """A constant among the numbers as places below zero, any other as it is."""
        if constant is None:
            return None
        values = value_of(constant)
        if node.operator != JOINING and not (node.operator == "Pad" and number == 2):
            return values
        each, which = np.unique(values, return_inverse=True)
        return self._among(each.tolist())[1:][which.reshape(values.shape)]

    def _among(self, values: Sequence[float]) -> Array:
        """Places of constants, behind that of no constant."""
        self.values += [each for each in dict.fromkeys(values) if each not in self.values]
        return np.array([0, *(-1 - self.values.index(each) for each in values)], np.int64)


def _worked_out(node: Node, arrays: Sequence[Array | None]) -> Array:
    """What a node makes of arrays, by ONNX's reference; of a node with several outputs the one it stands for."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = _alone(node, arrays)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.output
    except onnx.shape_inference.InferenceError as error:
        raise Refused(f"what it reads does not fit it ({str(error).splitlines()[-1]})") from None
    sizes = [each.dim_value for each in inferred[node.attributes.get("part", 0)].type.tensor_type.shape.dim]
    if 0 in sizes or math.prod(sizes) > MOST_NUMBERS:
        raise Refused(f"it makes frames of shape {tuple(sizes[1:])}; 1 to {MOST_NUMBERS:,} numbers are supported")
    read = {each.name: array for each, array in zip(model.graph.input, _given(arrays), strict=True)}
    return np.asarray(ReferenceEvaluator(model).run(None, read)[node.attributes.get("part", 0)])


def _given(arrays: Sequence[Array | None]) -> list[Array]:
    return [each for each in arrays if each is not None]


def _alone(node: Node, arrays: Sequence[Array | None]) -> Any:
    """A model of the one node, whose inputs are known, so that the shapes that it makes are too."""
    import onnx
    from onnx import helper

    names = ["" if each is None else f"x{number}" for number, each in enumerate(arrays)]
    options = {key: value for key, value in node.attributes.items() if key not in ("part", "n_part")}
    outputs = [f"y{number}" for number in range(node.attributes.get("n_part", 1))]
    inside = helper.make_node(node.operator, names, outputs, **options)
    known = [(name, each) for name, each in zip(names, arrays, strict=True) if each is not None]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for name, each in known
    ]
    made = [onnx.ValueInfoProto(name=name) for name in outputs]
    constants = [onnx.numpy_helper.from_array(each, name) for name, each in known[1:] if each.size <= 64]
    graph = helper.make_graph([inside], "moved", inputs, made, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])
