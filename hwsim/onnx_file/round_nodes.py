"""Quantizers that are written as scaling, clipping and rounding, as the one Quant node that they are.

What learns a step (LSQ), a limit (PACT) or neither (DoReFa) is exported as ``Div``, ``Clip``, ``Round`` and ``Mul``. A
Round whose limits are known is a Quant of step 1; where the nodes around it scale there and back, all of them are one.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.onnx_file.coded import ROUNDINGS as ROUNDED
from hwsim.onnx_file.coded import Quantizer, narrowest, value_of
from hwsim.onnx_file.folding import GROWING, as_line, fold
from hwsim.onnx_file.graph import Array, Graph, Node, readers
from hwsim.onnx_file.refusal import Refused

ROUNDINGS = {"Round": "ROUND", "Floor": "FLOOR", "Ceil": "CEIL"}
"""QONNX's names of what operators do."""

LARGEST = 2**12
"""Constants of more numbers are no scales or limits."""

LINES_AT_MOST = 4
"""Nodes on either side of a Round that are looked at."""

CLOSE = 1e-6
"""Relative distance at which a factor undoes another: a few roundings of float32."""


@dataclass(frozen=True, eq=False)
class _Side:
    """What nodes on one side of a Round do: scale x value + offset, within limits; and which nodes they are."""

    tensor: str  # at the far end
    scale: Array = field(default_factory=lambda: np.ones(()))
    offset: Array = field(default_factory=lambda: np.zeros(()))
    lowest: float = -np.inf  # of the numbers at the Round
    highest: float = np.inf
    nodes: tuple[Node, ...] = ()
    is_alone: bool = True  # whether nothing else reads what these make


@dataclass(frozen=True)
class _Wiring:
    """Who makes and who reads the tensors of a graph, and its small constants."""

    constants: dict[str, Array]
    makers: dict[str, Node]
    behind: dict[str, Node]  # of tensors that one node alone reads
    gone: set[str] = field(default_factory=set)  # names of nodes that belong to a quantizer already


def with_quant_nodes(graph: Graph) -> Graph:
    """The graph with a Quant in place of every Round whose limits are known, and of what belongs to it."""
    rounds = [node for node in graph.nodes if node.operator in ROUNDINGS]
    if not rounds:
        return graph
    wiring = _wiring(graph)
    nodes, constants = {node.name: node for node in graph.nodes}, dict(graph.constants)
    for node in rounds:
        if (found := _quant(wiring, node)) is None:
            continue
        quant, gone, parameters = found
        wiring.gone.update(each.name for each in gone)
        for each in gone[:-1]:
            nodes.pop(each.name)
        nodes[gone[-1].name] = quant
        constants |= parameters
    return replace(graph, nodes=tuple(nodes.values()), constants=constants)


def _wiring(graph: Graph) -> _Wiring:
    constants = {name: each for name, each in graph.constants.items() if each.size <= LARGEST}
    for node in graph.nodes:
        if node.operator in GROWING or any(each and each not in constants for each in node.inputs):
            continue
        try:
            value = value_of(fold(node, [constants[each] if each else None for each in node.inputs]))
        except Refused:
            continue
        if value.size <= LARGEST:
            constants[node.outputs[0]] = value
    n_reader = Counter(readers(graph))
    behind = {each: node for node in graph.nodes for each in node.inputs if n_reader[each] == 1}
    return _Wiring(constants, {each: node for node in graph.nodes for each in node.outputs}, behind)


def _quant(wiring: _Wiring, node: Node) -> tuple[Node, tuple[Node, ...], dict[str, Array]] | None:
    """The Quant that a Round is, the nodes that it takes the place of, and its parameters; None without limits."""
    before, after = list(_before(wiring, node)), list(_after(wiring, node))
    for each in reversed(before):
        for other in reversed(after):
            if (quantizer := _there_and_back(each, other, ROUNDINGS[node.operator])) is not None:
                return _node(node, quantizer, each.tensor, (*each.nodes[::-1], node, *other.nodes))
    # each side's last knows all limits there
    ends = _ends(before[-1], after[-1], ROUNDINGS[node.operator])
    if ends is None:
        return None
    whole = Quantizer(np.ones(()), 0, *narrowest(*ends), ROUNDINGS[node.operator])
    return _node(node, whole, node.inputs[0], (node,))


def _there_and_back(before: _Side, after: _Side, rounding: str) -> Quantizer | None:
    """The quantizer that both sides of a Round are together; None where they are none."""
    ends = _ends(before, after, rounding)
    zero_point = before.offset.ravel()[0]
    if (
        ends is None
        or not before.is_alone
        or np.any(before.offset != np.round(zero_point))
        or not ends[0] <= zero_point <= ends[1]
    ):
        return None
    try:
        undone = np.abs(before.scale * after.scale - 1) <= CLOSE
        moved = np.abs(after.offset + zero_point * after.scale) <= CLOSE * np.abs(after.scale) * (1 + abs(zero_point))
    except ValueError:  # shapes that do not fit each other
        return None
    quantizer = Quantizer(after.scale, int(zero_point), *narrowest(*ends), rounding)
    is_whole = (quantizer.lowest, quantizer.highest) == ends
    return quantizer if is_whole and np.all(undone) and np.all(moved) else None


def _ends(before: _Side, after: _Side, rounding: str) -> tuple[int, int] | None:
    """The outermost whole numbers that are left of a Round; None where there is no limit."""
    lowest, highest = max(before.lowest, after.lowest), min(before.highest, after.highest)
    if not (np.isfinite(lowest) and np.isfinite(highest) and max(-lowest, highest) < 2**31):
        return None
    low, high = (_rounded(each, away, rounding) for each, away in ((lowest, -CLOSE), (highest, CLOSE)))
    return (low, high) if low < high else None


def _rounded(value: float, away: float, rounding: str) -> int:
    """A limit, rounded: one that is whole but for float32 as it is, others as if they were a little further out."""
    if abs(value - np.round(value)) > CLOSE * max(1.0, abs(value)):
        value = float(ROUNDED[rounding](np.asarray(value + away * abs(value))))
    return int(np.round(value))


def _node(
    node: Node, quantizer: Quantizer, read: str, gone: tuple[Node, ...]
) -> tuple[Node, tuple[Node, ...], dict[str, Array]]:
    parameters = {
        f"{node.name} scale": quantizer.scale,
        f"{node.name} zero point": np.asarray(float(quantizer.zero_point)),
        f"{node.name} bit width": np.asarray(float(quantizer.bit_width)),
    }
    options = {
        "signed": int(quantizer.signed),
        "narrow": int(quantizer.narrow),
        "rounding_mode": quantizer.rounding,
    }
    quant = Node("Quant", node.name, (read, *parameters), gone[-1].outputs, options, "qonnx.custom_op.general")
    return quant, gone, parameters


def _before(wiring: _Wiring, node: Node) -> Iterator[_Side]:
    """What stands before a Round, from nothing to as far as nodes scale and clip."""
    side = _Side(node.inputs[0])
    yield side
    for _ in range(LINES_AT_MOST):
        maker = wiring.makers.get(side.tensor)
        if maker is None or maker.name in wiring.gone:
            return
        side = replace(side, is_alone=side.is_alone and side.tensor in wiring.behind)
        if (line := _line(wiring, maker)) is not None:
            read, scale, offset = line
            offset = np.asarray(side.scale * offset + side.offset)
            side = replace(side, tensor=read, scale=np.asarray(side.scale * scale), offset=offset)
        elif (limits := _limits(wiring, maker)) is not None and not side.scale.ndim and not side.offset.ndim:
            read, *ends = limits
            low, high = (float(side.scale * each + side.offset) for each in ends)
            side = replace(side, tensor=read, lowest=max(side.lowest, low), highest=min(side.highest, high))
        else:
            return
        side = replace(side, nodes=(*side.nodes, maker))
        yield side


def _after(wiring: _Wiring, node: Node) -> Iterator[_Side]:
    """What stands behind a Round, from nothing to as far as nodes clip whole numbers and scale."""
    side = _Side(node.outputs[0])
    yield side
    for _ in range(LINES_AT_MOST):
        reader = wiring.behind.get(side.tensor)
        if reader is None or reader.name in wiring.gone:
            return
        if (line := _line(wiring, reader)) is not None:
            _, scale, offset = line
            side = replace(side, scale=np.asarray(side.scale * scale), offset=np.asarray(side.offset * scale + offset))
        elif (limits := _limits(wiring, reader)) is not None and not side.nodes:
            side = replace(side, lowest=np.ceil(limits[1]), highest=np.floor(limits[2]))
        else:
            return
        side = replace(side, tensor=reader.outputs[0], nodes=(*side.nodes, reader))
        yield side


def _line(wiring: _Wiring, node: Node) -> tuple[str, Array, Array] | None:
    """What a node scales and offsets, by positive factors and constants; None where it does something else."""
    if len(node.inputs) != 2:
        return None
    first, second = node.inputs
    if node.operator not in ("Sub", "Div") and _is_parameter(wiring, first, second):
        first, second = second, first
    if not _is_parameter(wiring, second, first):
        return None
    constant = np.asarray(wiring.constants[second], np.float64)
    line = as_line(node, constant.reshape(()) if constant.size == 1 else constant)
    return None if line is None else (first, *line)


def _is_parameter(wiring: _Wiring, name: str, beside: str) -> bool:
    """Whether a tensor is a constant, and beside another one, such as a weight, the smaller of both."""
    if name not in wiring.constants:
        return False
    return beside not in wiring.constants or wiring.constants[name].size <= wiring.constants[beside].size


def _limits(wiring: _Wiring, node: Node) -> tuple[str, float, float] | None:
    """What a node keeps within which limits; None where it does something else."""
    if node.operator == "Relu":
        return node.inputs[0], 0.0, np.inf
    if node.operator not in ("Clip", "Max", "Min"):
        return None
    names = {"Clip": node.inputs[1:3], "Max": node.inputs[1:], "Min": ("", *node.inputs[1:])}[node.operator]
    ends = [float(node.attributes.get(each, end)) for each, end in (("min", -np.inf), ("max", np.inf))]
    if len(names) > len(ends):
        return None
    for k, name in enumerate(names):
        if name and (name not in wiring.constants or wiring.constants[name].size != 1):
            return None
        ends[k] = float(wiring.constants[name].ravel()[0]) if name else ends[k]
    return node.inputs[0], ends[0], ends[1]
