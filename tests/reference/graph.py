"""A network as stages: layers with neurons of their own, and what is fused into them."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from reference.elementwise import ELEMENTWISE, Elementwise, Tensor, concatenated
from reference.head import Head, Relay
from reference.joining import Add, Divide, Multiply
from reference.padding import Pad2d
from reference.pooling import AvgPool2d, MaxPool2d
from reference.synaptic import Conv2d, Dense

INPUT = "input"
HEADS = {
    "Dense": Dense,
    "Conv2d": Conv2d,
    "MaxPool2d": MaxPool2d,
    "AvgPool2d": AvgPool2d,
    "GlobalAvgPool": AvgPool2d,
}
JOINTS = {"Add": Add, "Multiply": Multiply, "Divide": Divide}
SOFTMAXES = ("Softmax", "LogSoftmax")
FUSED = (*ELEMENTWISE, *SOFTMAXES)


@dataclass(eq=False)
class Node:
    """A stage of the network."""

    name: str
    layer: Any  # that brings neurons; None: the network's input, or a relay
    reads: list[str]  # names of the signals
    fused: list[Any]  # element-wise layers, as the network has them
    is_last: bool = False
    inputs: list["Node"] = field(default_factory=list)  # of every signal read, the stage that leaves it
    sources: list[list["Node"]] = field(default_factory=list)  # of every signal read, the stages that emit its parts
    head: Head | None = None  # None: the network's input
    body: list[Elementwise] = field(default_factory=list)
    tensor: Tensor | None = None  # what leaves it; before a Softmax, which is not counted
    softmax: str = ""  # which, if there is one

    @property
    def is_mere_wiring(self) -> bool:
        """Whether it does nothing: its readers read what it is made of."""
        return kind_of(self.layer) in ("Concat", "Pad2d") and not self.fused and not self.is_last


def kind_of(layer) -> str:
    return type(layer).__name__


def nodes_of(network) -> list[Node]:
    """The stages in the order of their first layers, the network's input first; nothing is known of numbers yet."""
    names = [INPUT, *(layer.name for layer in network.layers)]
    reads = {
        layer.name: list(layer.inputs) or [names[k]]  # silent: the layer before
        for k, layer in enumerate(network.layers)
    }
    n_reader = Counter(name for each in reads.values() for name in each)
    nodes = [Node(INPUT, None, [], [])]
    leaves = {INPUT: nodes[0]}
    for layer in network.layers:
        source = reads[layer.name][0]
        if kind_of(layer) not in FUSED:
            nodes.append(Node(layer.name, layer, reads[layer.name], []))
        elif n_reader[source] > 1:
            nodes.append(Node(layer.name, None, reads[layer.name], [layer]))
        else:
            leaves[source].fused.append(layer)
            leaves[layer.name] = leaves[source]
            continue
        leaves[layer.name] = nodes[-1]
    leaves[names[-1]].is_last = True
    for node in nodes:
        node.inputs = [leaves[name] for name in node.reads]
        node.sources = [_emitters(name, leaves) for name in node.reads]
    return nodes


def _emitters(name: str, leaves: dict[str, Node]) -> list[Node]:
    node = leaves[name]
    if not node.is_mere_wiring:
        return [node]
    return [emitter for part in node.reads for emitter in _emitters(part, leaves)]


def work_out(nodes: list[Node], input_tensor: Tensor) -> None:
    """Work out what leaves every stage, and prepare the layers in it."""
    leaving: dict[str, Tensor] = {}  # by name of a signal
    for node in nodes:
        tensors = [_settled(leaving[name]) for name in node.reads]
        tensor = input_tensor
        if tensors:
            tensor = tensors[0]
            if kind_of(node.layer) == "Concat":
                tensor = concatenated(tensors)
            if node.layer is None or kind_of(node.layer) == "Concat":
                node.head = Relay(node.name, tensor)
            elif kind_of(node.layer) == "Pad2d":
                node.head = Pad2d(node.layer, tensor)
            elif kind_of(node.layer) in JOINTS:
                node.head = JOINTS[kind_of(node.layer)](node.layer, tensors)
            else:
                node.head = HEADS[kind_of(node.layer)](node.layer, tensor)
            tensor = node.head.tensor
            leaving[node.layer.name if node.layer else node.name] = tensor
        else:
            leaving[INPUT] = tensor
        for layer in node.fused:
            if kind_of(layer) in SOFTMAXES:
                node.softmax = kind_of(layer)
                continue
            node.body.append(ELEMENTWISE[kind_of(layer)](layer, tensor, node.body[-1] if node.body else None))
            tensor = leaving[layer.name] = node.body[-1].tensor
        if node.head:
            node.head.body = node.body
        node.tensor = tensor


def _settled(tensor: Tensor) -> Tensor:
    """What arrives at the next stage: real numbers have been multiplied by the scales of the weights by then."""
    return replace(tensor, n_step=0) if tensor.number.is_real else tensor
