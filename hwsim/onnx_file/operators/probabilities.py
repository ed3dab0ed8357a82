"""What makes probabilities of scores at a graph's end, where a quantizer behind it is left out."""

from hwsim.network.layers import ElementWise, LogSoftmax, Softmax
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor


def is_last(builder: Builder, node: Node) -> bool:
    """Whether what a node makes is only cast, shaped or quantized after it."""
    return node.outputs[0] in builder.only_rounded


def probabilities(builder: Builder, node: Node, tensor: Tensor, layer: ElementWise) -> Tensor:
    """A layer at the graph's end, made at once, so that no quantizer behind it absorbs it."""
    if not is_last(builder, node):
        raise Refused(f"a {node.operator} that is not the network's last layer; export the network without it")
    made = builder.make(builder.waiting(tensor, layer))
    builder.probabilities.add(made.layer)
    return made


@reads("Softmax")
def softmax(builder: Builder, node: Node) -> Tensor:
    """Over the channels, at the network's end."""
    return probabilities(builder, node, _by_channel(builder, node), Softmax(node.name))


@reads("LogSoftmax")
def log_softmax(builder: Builder, node: Node) -> Tensor:
    """Its logarithm."""
    return probabilities(builder, node, _by_channel(builder, node), LogSoftmax(node.name))


def _by_channel(builder: Builder, node: Node) -> Tensor:
    """What is read, with the axis that probabilities add up along as its channels."""
    tensor = builder.tensor(node, 0)
    if len(tensor.shape) == 1:
        tensor = builder.as_vector(tensor)
    n_axis = len(tensor.shape) + 1
    axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)) % n_axis
    sums_all = node.opset < 13 and any(n != 1 for n in tensor.shape[axis:])
    channel = tensor.places[axis - 1] if axis else None
    if axis == 0 or channel != 0 or (sums_all and len([n for n in tensor.shape if n != 1]) > 1):
        raise Refused(f"its axis {axis} of frames of shape {tensor.shape} is not that of the channels")
    return tensor


@writes(Softmax)
def softmax_nodes(nodes: Nodes, layer: Softmax) -> str:
    """Softmax, over the channels."""
    return nodes.single("Softmax", layer, axis=1)


@writes(LogSoftmax)
def log_softmax_nodes(nodes: Nodes, layer: LogSoftmax) -> str:
    """LogSoftmax, over the channels."""
    return nodes.single("LogSoftmax", layer, axis=1)
