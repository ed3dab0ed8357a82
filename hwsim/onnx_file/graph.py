"""An ONNX graph as plain data: one input, one output, the nodes between them in order, and constants as arrays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.onnx_file.element_types import element_types, type_name

Array: TypeAlias = npt.NDArray[Any]

CHOICES = ("ArgMax", "TopK")
"""Operators that only choose among scores; at a graph's end they are left out."""

RESHAPING = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that may follow a choice."""

QUANTIZERS = ("DequantizeLinear", "IntQuant", "Quant", "QuantizeLinear")
"""Operators that leave of a number the nearest code, or what that stands for."""


@dataclass(frozen=True)
class Node:
    """One operator at work on tensors that are known by name."""

    operator: str
    name: str  # unique in the graph
    inputs: tuple[str, ...]  # empty names stand for inputs left out
    outputs: tuple[str, ...]
    attributes: dict[str, Any]  # numbers, texts, arrays, and tuples of numbers
    domain: str = ""
    opset: int = 1  # of its domain


@dataclass(frozen=True)
class Graph:
    """What lies between one input and one output."""

    name: str
    input: str
    input_shape: tuple[int, ...]  # with the axis of frames first; 1 where their number is open
    output: str
    nodes: tuple[Node, ...]  # those that the output needs, in an order in which they can run
    constants: dict[str, Array]
    formats: dict[str, str]  # number formats that FINN's tools wrote beside tensors, by tensor
    opsets: dict[str, int]
    n_node: int  # in the file
    types: dict[str, str]  # element types by ONNX's names, by tensor; empty where they are not known
    remarks: tuple[str, ...] = ()


def read_graph(model: Any, name: str) -> Graph:
    """Plain data of an ``onnx.ModelProto``.

    Raises
    ------
    NetworkError
        When it has several inputs or outputs, an input whose frames have no fixed shape, or nodes in a circle.
    """
    import onnx.inliner

    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    graph = model.graph
    if graph.sparse_initializer:
        raise NetworkError(f"network {name}: sparse initializers; write them as dense ones")
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    opsets = {each.domain or "ai.onnx": int(each.version) for each in model.opset_import}
    nodes = _named(_node(each, opsets) for each in graph.node)
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1:
        listed = ", ".join(each.name for each in inputs) or "none"
        raise NetworkError(f"network {name}: {len(inputs)} inputs ({listed}); expected one")
    output, remarks = _output([each.name for each in graph.output], nodes, name)
    given = {each.name: type_name(each.data_type) for each in graph.initializer}
    given[inputs[0].name] = type_name(inputs[0].type.tensor_type.elem_type)
    needed = _needed(nodes, output, {inputs[0].name, *constants}, name)
    return Graph(
        name=name,
        input=inputs[0].name,
        input_shape=_shape(inputs[0], name),
        output=output,
        nodes=needed,
        constants=constants,
        formats=_formats(graph),
        opsets=opsets,
        n_node=len(graph.node),
        types=element_types(needed, given),
        remarks=remarks,
    )


def _node(proto: Any, opsets: dict[str, int]) -> Node:
    import onnx

    attributes: dict[str, Any] = {}
    for each in proto.attribute:
        value = onnx.helper.get_attribute_value(each)
        if each.type == onnx.AttributeProto.TENSOR:
            value = onnx.numpy_helper.to_array(value)
        elif isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, Iterable) and not isinstance(value, str):
            value = tuple(value)
        attributes[each.name] = value
    opset = opsets.get(proto.domain or "ai.onnx", 1)
    return Node(proto.op_type, proto.name, tuple(proto.input), tuple(proto.output), attributes, proto.domain, opset)


def _named(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Give every node a name of its own."""
    taken: set[str] = set()
    result = []
    for number, node in enumerate(nodes):
        name = node.name or f"{node.operator}_{number}"
        while name in taken:
            name = f"{name}_{number}"
        taken.add(name)
        result.append(replace(node, name=name))
    return tuple(result)


def _shape(value: Any, name: str) -> tuple[int, ...]:
    """Shape of the input, with 1 for an open number of frames."""
    dimensions = value.type.tensor_type.shape.dim
    shape = [int(each.dim_value) if each.HasField("dim_value") else 0 for each in dimensions]
    if len(shape) < 2 or min(shape[1:]) < 1:
        written = ", ".join(each.dim_param or str(each.dim_value or "?") for each in dimensions)
        raise NetworkError(
            f"network {name}: input {value.name} of shape ({written}); expected frames of a fixed shape, after their "
            "number: export the network with such an input"
        )
    return (max(shape[0], 1), *shape[1:])


def _formats(graph: Any) -> dict[str, str]:
    """Number formats that FINN's tools keep as annotations."""
    return {
        each.tensor_name: pair.value
        for each in graph.quantization_annotation
        for pair in each.quant_parameter_tensor_names
        if pair.key == "finn_datatype"
    }


def _output(outputs: list[str], nodes: tuple[Node, ...], name: str) -> tuple[str, tuple[str, ...]]:
    """The one tensor that all outputs are, or choose from."""
    makers = {output: node for node in nodes for output in node.outputs}
    scores: dict[str, str | None] = {}
    for output in outputs:
        choice = _choice(output, makers)
        scores.setdefault(choice.inputs[0] if choice else output, choice.name if choice else None)
    if len(scores) != 1:
        raise NetworkError(
            f"network {name}: {len(scores)} outputs ({', '.join(outputs)}); expected one: remove the others"
        )
    ((score, left_out),) = scores.items()
    remarks = (f"{left_out} is left out: outputs are the scores it chooses from",) if left_out else ()
    return score, remarks


def _choice(output: str, makers: dict[str, Node]) -> Node | None:
    """The ArgMax or TopK that an output comes from, if only its shape is changed after it."""
    for _ in makers:
        node = makers.get(output)
        if node is None or node.operator in CHOICES:
            return node
        if node.operator not in RESHAPING:
            return None
        output = node.inputs[0]
    return None


def _needed(nodes: tuple[Node, ...], output: str, given: set[str], name: str) -> tuple[Node, ...]:
    """The nodes that an output needs, each after those that it reads."""
    makers = {each: node for node in nodes for each in node.outputs if each}
    done: dict[str, Node] = {}
    open_nodes: set[str] = set()
    waiting: list[tuple[str, str | None]] = [(output, None)]
    while waiting:
        tensor, finished = waiting.pop()
        node = makers.get(tensor)
        if finished is not None:
            open_nodes.discard(finished)
            done[finished] = makers[tensor]
        elif node is None or tensor in given:
            if tensor not in given:
                raise NetworkError(f"network {name}: nothing makes the tensor {tensor!r}")
        elif node.name in open_nodes:
            raise NetworkError(f"network {name}: node {node.name} reads what comes of it; expected no circles")
        elif node.name not in done:
            open_nodes.add(node.name)
            waiting.append((tensor, node.name))
            waiting += [(each, None) for each in reversed(node.inputs) if each]
    return tuple(done.values())


def only_shaped(graph: Graph) -> frozenset[str]:
    """Tensors made by nodes that only cast or shape the output, or make its Softmax, which is not counted."""
    shapes = (*RESHAPING, "Softmax", "Transpose")
    ends = _ends(graph, shapes)
    return frozenset(node.outputs[0] for node in graph.nodes if _kind(node) in shapes and node.outputs[0] in ends)


def only_rounded(graph: Graph) -> frozenset[str]:
    """Tensors that are the output, or become it by nodes that only cast, shape or quantize it."""
    return _ends(graph, (*RESHAPING, *QUANTIZERS, "Transpose"))


def _ends(graph: Graph, operators: tuple[str, ...]) -> frozenset[str]:
    """Tensors between which and the output there are nodes of some operators only."""
    reads: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            reads.setdefault(name, []).append(node)
    found: set[str] = set()
    for node in reversed(graph.nodes):
        behind = reads.get(node.outputs[0], [])
        if all(_kind(reader) in operators and reader.outputs[0] in found for reader in behind):
            found.add(node.outputs[0])
    return frozenset(found)


def _kind(node: Node) -> str:
    """The operator, of logarithms that of what they are taken of."""
    return node.operator.removeprefix("Log")


def operators_behind(graph: Graph, node: Node) -> list[str]:
    """Operators that read what a node makes; of the graph's output one without a name, too."""
    end = [""] if node.outputs[0] == graph.output else []
    return [each.operator for each in graph.nodes if node.outputs[0] in each.inputs] + end


def readers(graph: Graph) -> Iterator[str]:
    """Every tensor once for each time that it is read; the output once more."""
    for node in graph.nodes:
        yield from (each for each in node.inputs if each)
    yield graph.output
