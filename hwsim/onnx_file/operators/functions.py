"""Functions of one number that hardware looks up."""

from hwsim.network.layers import Erf, Exp, Mish, SiLU, Softplus
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.pairs import reads, same_function, writes
from hwsim.onnx_file.tensor import Tensor

same_function("Exp", Exp)
same_function("Erf", Erf)
same_function("Softplus", Softplus)
same_function("Mish", Mish, since=18)


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
