"""Functions of one number that hardware looks up."""

from hwsim.network.layers import Erf, Exp, HardSwish, Mish, SiLU, Softplus
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


@reads("Swish")
def swish(builder: Builder, node: Node) -> Tensor:
    """X / (1 + exp(-alpha x))."""
    layer = SiLU(node.name, alpha=float(node.attributes.get("alpha", 1.0)))
    return builder.waiting(builder.tensor(node, 0), layer)


@writes(SiLU)
def silu_nodes(nodes: Nodes, layer: SiLU) -> str:
    """Swish."""
    nodes.since(24)
    return nodes.single("Swish", layer, alpha=layer.alpha)


@reads("Mish")
def mish(builder: Builder, node: Node) -> Tensor:
    """X tanh(log(1 + exp(x)))."""
    return builder.waiting(builder.tensor(node, 0), Mish(node.name))


@writes(Mish)
def mish_nodes(nodes: Nodes, layer: Mish) -> str:
    """Mish."""
    nodes.since(18)
    return nodes.single("Mish", layer)


@writes(HardSwish)
def hard_swish_nodes(nodes: Nodes, layer: HardSwish) -> str:
    """HardSwish."""
    nodes.since(14)
    return nodes.single("HardSwish", layer)
