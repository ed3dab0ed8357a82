"""Functions of one number that hardware looks up."""

import math

from hwsim.network.layers import GELU, Erf, Exp, HardSwish, Mish, SiLU, Softplus
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, writes
from hwsim.onnx_file.tensor import Tensor


@reads("Exp")
def exp(builder: Builder, node: Node) -> Tensor:
    """exp(x)."""
    return builder.waiting(builder.tensor(node, 0), Exp(node.name))


@writes(Exp)
def exp_nodes(nodes: Nodes, layer: Exp) -> str:
    """Exp."""
    return nodes.single("Exp", layer)


@reads("Erf")
def erf(builder: Builder, node: Node) -> Tensor:
    """The error function."""
    return builder.waiting(builder.tensor(node, 0), Erf(node.name))


@writes(Erf)
def erf_nodes(nodes: Nodes, layer: Erf) -> str:
    """Erf."""
    return nodes.single("Erf", layer)


@reads("Softplus")
def softplus(builder: Builder, node: Node) -> Tensor:
    """log(1 + exp(x))."""
    return builder.waiting(builder.tensor(node, 0), Softplus(node.name))


@writes(Softplus)
def softplus_nodes(nodes: Nodes, layer: Softplus) -> str:
    """Softplus."""
    return nodes.single("Softplus", layer)


@reads("Gelu")
def gelu(builder: Builder, node: Node) -> Tensor:
    """X times the normal distribution's share below x."""
    layer = GELU(node.name, approximate=node.attributes.get("approximate", "none"))
    return builder.waiting(builder.tensor(node, 0), layer)


@writes(GELU)
def gelu_nodes(nodes: Nodes, layer: GELU) -> str:
    """Its formula, of operators that the opset has."""
    (tensor,), (read,) = nodes.tensors(layer), nodes.signals(layer)

    def node(operator: str, first: str, second: float | str | None = None) -> str:
        inputs = (first, nodes.constant(second, "number") if isinstance(second, float) else second)
        return nodes.node(operator, tuple(each for each in inputs if each is not None), operator.lower(), read.shape)

    if layer.approximate == "tanh":
        cube = node("Mul", node("Mul", node("Mul", tensor, tensor), tensor), 0.044715)
        share = node("Tanh", node("Mul", node("Add", tensor, cube), math.sqrt(2 / math.pi)))
    else:
        share = node("Erf", node("Mul", tensor, math.sqrt(0.5)))
    return node("Mul", node("Mul", tensor, node("Add", share, 1.0)), 0.5)


@reads("Swish")
def swish(builder: Builder, node: Node) -> Tensor:
    """X / (1 + exp(-alpha x))."""
    layer = SiLU(node.name, alpha=float(node.attributes.get("alpha", 1.0)))
    return builder.waiting(builder.tensor(node, 0), layer)


@writes(SiLU)
def silu_nodes(nodes: Nodes, layer: SiLU) -> str:
    """X times the Sigmoid of alpha x."""
    (tensor,), (read,) = nodes.tensors(layer), nodes.signals(layer)
    scaled = tensor
    if layer.alpha != 1:
        scaled = nodes.node("Mul", (tensor, nodes.constant(layer.alpha, "alpha")), "scaled", read.shape)
    share = nodes.node("Sigmoid", (scaled,), "share", read.shape)
    return nodes.node("Mul", (tensor, share), "value", read.shape)


@reads("Mish")
def mish(builder: Builder, node: Node) -> Tensor:
    """X tanh(log(1 + exp(x)))."""
    return builder.waiting(builder.tensor(node, 0), Mish(node.name))


@writes(Mish)
def mish_nodes(nodes: Nodes, layer: Mish) -> str:
    """X times the Tanh of its Softplus."""
    (tensor,), (read,) = nodes.tensors(layer), nodes.signals(layer)
    curve = nodes.node("Softplus", (tensor,), "softplus", read.shape)
    return nodes.node("Mul", (tensor, nodes.node("Tanh", (curve,), "tanh", read.shape)), "value", read.shape)


@writes(HardSwish)
def hard_swish_nodes(nodes: Nodes, layer: HardSwish) -> str:
    """X times its HardSigmoid."""
    (tensor,), (read,) = nodes.tensors(layer), nodes.signals(layer)
    share = nodes.node("HardSigmoid", (tensor,), "share", read.shape, alpha=1 / 6, beta=0.5)
    return nodes.node("Mul", (tensor, share), "value", read.shape)
