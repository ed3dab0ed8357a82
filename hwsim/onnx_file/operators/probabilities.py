"""What makes probabilities of scores at a graph's end, where a quantizer behind it is left out."""

from dataclasses import replace

from hwsim.network.layers import ElementWise, LogSoftmax, Softmax
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor, transposed


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
    """Along one axis, at the network's end."""
    return _along_axis(builder, node, Softmax(node.name))


@reads("LogSoftmax")
def log_softmax(builder: Builder, node: Node) -> Tensor:
    """Its logarithm."""
    return _along_axis(builder, node, LogSoftmax(node.name))


def _along_axis(builder: Builder, node: Node, layer: Softmax) -> Tensor:
    """A layer over the channels, which the axis is made where it is none."""
    tensor = builder.tensor(node, 0)
    n_axis = len(tensor.shape) + 1
    axis = int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)) % n_axis
    sums_all = node.opset < 13 and any(n != 1 for n in tensor.shape[axis:])
    if axis == 0 or (sums_all and len([n for n in tensor.shape if n != 1]) > 1):
        raise Refused(
            f"it adds up over frames or several axes (axis {axis}); export the network with opset 13 or later"
        )
    if n_axis == 2:
        return probabilities(builder, node, builder.as_vector(tensor), layer)
    if tensor.places[axis - 1] == 0:
        return probabilities(builder, node, tensor, layer)
    order = (axis - 1, *(each for each in range(n_axis - 1) if each != axis - 1))
    turned = transposed(builder.make(tensor), order)
    image = replace(builder.as_image(turned), shape=turned.shape, places=(0, 2) if n_axis == 3 else (0, 1, 2))
    return transposed(probabilities(builder, node, image, layer), tuple(map(order.index, range(n_axis - 1))))


@writes(Softmax)
def softmax_nodes(nodes: Nodes, layer: Softmax) -> str:
    """Softmax, over the channels."""
    return nodes.single("Softmax", layer, axis=1)


@writes(LogSoftmax)
def log_softmax_nodes(nodes: Nodes, layer: LogSoftmax) -> str:
    """LogSoftmax, over the channels."""
    return nodes.single("LogSoftmax", layer, axis=1)
