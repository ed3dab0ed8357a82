"""Dense operations of a graph by its shapes alone: of files whose weights were left out, as architects keep them.

Weights may be tensors without data, data beside the file that are not there, or inputs of the graph. Shapes of what
nodes make are inferred by onnx. A multiply-accumulate is a weight (or a number of a second signal) that meets a number;
a tap of a convolution on padding is none, as in `hwsim.count`.
"""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from hwsim.errors import FileError, NetworkError
from hwsim.onnx_file.loading import load_graph

if TYPE_CHECKING:
    import pandas as pd

Shape: TypeAlias = tuple[int, ...]

WEIGHT_AT = {
    "Conv": 1,
    "ConvInteger": 1,
    "QLinearConv": 3,
    "Gemm": 1,
    "QGemm": 3,
    "MatMul": 1,
    "MatMulInteger": 1,
    "QLinearMatMul": 3,
}
"""Operators that are counted, and which of their inputs holds the weights."""

LARGEST = 2**26
"""Of the numbers in a shape."""

SHOWN = 4
"""Nodes of unknown shapes that are named."""


@dataclass(frozen=True)
class ShapedNode:
    """A node that multiplies and accumulates."""

    name: str
    operator: str
    weight: Shape
    made: Shape  # of all frames of the graph
    n_operation: int  # multiply-accumulates per frame


@dataclass(frozen=True)
class Shaped:
    """What the shapes of a graph say."""

    frame: Shape  # of the first input, without the axis of frames
    nodes: tuple[ShapedNode, ...]
    others: dict[str, int]  # how many nodes of each operator that is not counted

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per node that is counted."""
        import pandas as pd

        columns = ["node", "operator", "weights", "makes", "multiply-accumulates"]
        rows = [
            (each.name, each.operator, "x".join(map(str, each.weight)), "x".join(map(str, each.made)), each.n_operation)
            for each in self.nodes
        ]
        return pd.DataFrame(rows, columns=columns)


def shapes_of(path: str | Path) -> Shaped:
    """Count the multiply-accumulates of an ONNX file, node by node, whether or not its weights are there.

    Raises
    ------
    FileError
        When there is no such file, it is no ONNX file, or onnx is not installed.
    NetworkError
        When a node is to be counted whose shapes cannot be inferred.
    """
    try:
        import onnx.inliner
        import onnx.shape_inference
    except ImportError:
        raise FileError(f"{path}: reading ONNX files needs onnx; pip install 'hwsim[onnx]'") from None
    model = load_graph(Path(path), with_data=False)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    stored = {each.name for each in model.graph.initializer}
    given = next((each for each in model.graph.input if each.name not in stored), None)
    if given is None:
        raise NetworkError(f"network {Path(path).stem}: no input; expected one, with its shape")
    axes = given.type.tensor_type.shape.dim
    if axes and not axes[0].HasField("dim_value"):
        axes[0].dim_value = 1  # one frame
    known = _known(onnx.shape_inference.infer_shapes(model, data_prop=True).graph)
    return _shaped(Path(path).stem, [_node(*each) for each in enumerate(model.graph.node)], given.name, known)


class _Node(NamedTuple):
    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    geometry: dict[str, Any]


def _node(number: int, proto: Any) -> _Node:
    """A node, and of its attributes those that say how it goes over its input; no tensor, which may have no data."""
    import onnx

    geometry = {
        each.name: onnx.helper.get_attribute_value(each)
        for each in proto.attribute
        if each.name in ("auto_pad", "dilations", "pads", "strides", "transA")
    }
    name = proto.name or f"{proto.op_type}_{number}"
    return _Node(proto.op_type, name, tuple(proto.input), tuple(proto.output), geometry)


def _known(graph: Any) -> dict[str, Shape]:
    """Shapes without an open axis, by tensor."""
    known = {each.name: tuple(each.dims) for each in graph.initializer}
    for each in (*graph.input, *graph.value_info, *graph.output):
        axes = each.type.tensor_type.shape.dim
        if each.type.tensor_type.HasField("shape") and all(axis.HasField("dim_value") for axis in axes):
            known[each.name] = tuple(axis.dim_value for axis in axes)
    return {name: shape for name, shape in known.items() if all(0 < axis <= LARGEST for axis in shape)}


def _shaped(name: str, nodes: list[_Node], read: str, known: dict[str, Shape]) -> Shaped:
    counted = [node for node in nodes if node.operator in WEIGHT_AT]
    open_nodes = [node.name for node in counted if not {*_shaping(node)} <= known.keys()]
    if open_nodes or read not in known:
        what = f"nodes {', '.join(open_nodes[:SHOWN])}" if open_nodes else f"the input {read}"
        more = f" and {len(open_nodes) - SHOWN} more" if len(open_nodes) > SHOWN else ""
        raise NetworkError(
            f"network {name}: the shapes of {what}{more} cannot be inferred; export the network with inputs of fixed "
            "shape, and with its constants of shapes"
        )
    n_frame = max(known[read][0], 1) if known[read] else 1
    shaped = []
    for node in counted:
        given, weight, made = (known[each] for each in _shaping(node))
        try:
            n_operation = _n_operation(node, given, weight, made)
        except (ArithmeticError, IndexError):
            raise NetworkError(f"network {name}: node {node.name}: its attributes do not fit its shapes") from None
        shaped.append(ShapedNode(node.name, node.operator, weight, made, n_operation // n_frame))
    others = Counter(node.operator for node in nodes if node.operator not in WEIGHT_AT)
    return Shaped(known[read][1:], tuple(shaped), dict(others.most_common()))


def _shaping(node: _Node) -> tuple[str, str, str]:
    """What a node reads, its weights, and what it makes, by name."""
    return node.inputs[0], node.inputs[WEIGHT_AT[node.operator]], node.outputs[0]


def _n_operation(node: _Node, given: Shape, weight: Shape, made: Shape) -> int:
    """Multiply-accumulates of all frames."""
    if "Conv" not in node.operator:
        inner = given[0] if node.geometry.get("transA") else given[-1]
        return math.prod(made) * inner
    taps = math.prod(_taps(node, axis, given[2:], weight[2:], made[2:]) for axis in range(len(made) - 2))
    return made[0] * math.prod(weight[:2]) * taps


def _taps(node: _Node, axis: int, given: Shape, kernel: Shape, made: Shape) -> int:
    """How often a tap of a kernel meets a number of what is read, along one axis."""
    n, width = len(kernel), kernel[axis]
    stride = node.geometry.get("strides", (1,) * n)[axis]
    dilation = node.geometry.get("dilations", (1,) * n)[axis]
    automatic = node.geometry.get("auto_pad", b"NOTSET")
    before = node.geometry.get("pads", (0,) * 2 * n)[axis]
    if automatic != b"NOTSET":
        total = max(0, (made[axis] - 1) * stride + (width - 1) * dilation + 1 - given[axis])
        before = 0 if automatic == b"VALID" else (total + (automatic == b"SAME_LOWER")) // 2
    if min(stride, dilation) < 1:
        raise ArithmeticError
    at = np.arange(width, dtype=np.int64) * dilation - before  # of each tap, where the kernel lies first
    first = np.maximum(0, -(at // stride))  # -(a // b) is -a / b, rounded up
    behind = np.minimum(made[axis], -((at - given[axis]) // stride))
    return int(np.maximum(0, behind - first).sum())
