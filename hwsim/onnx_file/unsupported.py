"""What cannot be imported of a graph: nodes by the reason why."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.onnx_file.graph import CHOICES, Node, UnfitGraph
from hwsim.onnx_file.pairs import reader_of

NO_LAYER = "no layer of hwsim does this"
SHOWN = 4
"""Nodes that are named for each reason, before the rest are counted only."""


@dataclass(frozen=True)
class Unsupported:
    """Nodes that cannot be imported, all for one reason."""

    operator: str  # with its domain, if that is not ONNX's own
    nodes: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        """Operator, number and names of nodes, reason."""
        named = ", ".join(self.nodes[:SHOWN]) + (", ..." if len(self.nodes) > SHOWN else "")
        return f"{len(self.nodes)} x {self.operator} ({named}): {self.reason}"


def unread(graph: UnfitGraph) -> tuple[Unsupported, ...]:
    """Nodes of a graph that does not fit which no layer would stand for if it did."""
    depending, names = set(graph.given), defaultdict[str, list[str]](list)
    for node in graph.nodes:
        if depending.isdisjoint(node.inputs) or node.operator == "Shape":  # of which constants are made
            continue
        depending.update(node.outputs)
        if reader_of(node) is None and node.operator not in CHOICES:
            names[operator_of(node)].append(node.name)
    return tuple(Unsupported(operator, tuple(each), NO_LAYER) for operator, each in names.items())


def listed(refused: Sequence[Unsupported]) -> str:
    """All that cannot be imported, in one line."""
    n_node = sum(len(each.nodes) for each in refused)
    return f"{n_node} nodes cannot be imported: " + "; ".join(map(str, refused))


def operator_of(node: Node) -> str:
    """A node's operator, with its domain where that is not ONNX's own."""
    return f"{node.domain}.{node.operator}" if node.domain not in ("", "ai.onnx") else node.operator
