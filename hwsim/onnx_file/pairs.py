"""The registry of pairs: what reads an operator, and what writes a layer.

Both ways of a family of operators stand side by side in a file of ``operators``, each function under the operator that
it reads or the layer class that it writes. A layer that none of these files knows is registered the same way, wherever
its class stands::

    @reads("ThresholdedRelu")
    def thresholded(builder, node):
        return builder.waiting(builder.tensor(node, 0), Thresholded(node.name, float(node.attributes.get("alpha", 1))))


    @writes(Thresholded)
    def thresholded_nodes(nodes, layer):
        return nodes.single("ThresholdedRelu", layer, alpha=layer.alpha)

Where layer and operator are one function of one number, with nothing more to say of either, a line does both::

    same_function("Softsign", Softsign)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from hwsim.network.layers import ElementWise, Layer
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.coded import Coded
from hwsim.onnx_file.element_types import STANDARD_DOMAINS
from hwsim.onnx_file.graph import Node
from hwsim.onnx_file.nodes import Nodes
from hwsim.onnx_file.tensor import Tensor

Read: TypeAlias = Callable[[Builder, Node], Tensor | Coded]
Write: TypeAlias = Callable[[Nodes, Any], str]
Reading = TypeVar("Reading", bound=Read)
Writing = TypeVar("Writing", bound=Write)

QONNX = "qonnx.custom_op.general"
"""Domain of the operators of QONNX and FINN."""

_DOMAINS = dict.fromkeys(STANDARD_DOMAINS, "") | dict.fromkeys(
    ("finn.custom_op.general", "finn", "onnx.brevitas"), QONNX
)
"""Other names of domains."""


@dataclass(frozen=True)
class Reader:
    """What imports the nodes of an operator."""

    read: Read
    of_constants: bool  # whether it also reads nodes of nothing but constants, which are else worked out beforehand
    codes: Literal["kept", "read", "refused"]  # what becomes of the codes of a QuantizeLinear


_READERS: dict[tuple[str, str], Reader] = {}  # by domain and operator
_WRITERS: dict[type[Layer], Write] = {}


def reads(
    *operators: str,
    domain: str = "",
    of_constants: bool = False,
    codes: Literal["kept", "read", "refused"] = "refused",
) -> Callable[[Reading], Reading]:
    """Register what reads an operator: a function of the builder and a node that returns what the node makes.

    Parameters
    ----------
    *operators : str
        The operators' names.
    domain : str
        Where they are defined; "" is ONNX itself.
    of_constants : bool
        Whether the function is also asked for nodes that read constants only; else they are worked out beforehand.
    codes : {"refused", "kept", "read"}
        Whether an operator may read the codes that a QuantizeLinear makes: not at all; since it does the same to codes
        and to what they stand for; since it knows them for what they are.

    Raises
    ------
    ValueError
        When another function reads one of them.
    """

    def register(function: Reading) -> Reading:
        for operator in operators:
            key = (_DOMAINS.get(domain, domain), operator)
            if key in _READERS and not _is_again(_READERS[key].read, function):
                raise ValueError(f"operator {operator} of domain {domain!r}: {_READERS[key].read} reads it already")
            _READERS[key] = Reader(function, of_constants, codes)
        return function

    return register


def writes(layer_class: type[Layer]) -> Callable[[Writing], Writing]:
    """Register what writes the layers of a class: a function that adds their nodes and returns the tensor they end in.

    Layers of a class below it are written by the same function, unless they have their own.

    Raises
    ------
    ValueError
        When another function writes this class.
    """

    def register(function: Writing) -> Writing:
        if layer_class in _WRITERS and not _is_again(_WRITERS[layer_class], function):
            raise ValueError(f"layer class {layer_class.__name__}: {_WRITERS[layer_class]} writes it already")
        _WRITERS[layer_class] = function
        return function

    return register


def same_function(operator: str, layer_class: type[ElementWise], since: int = 1) -> None:
    """Register both ways of an operator and a layer class that are the same function of one number.

    Parameters
    ----------
    operator : str
        Of ONNX, without attributes.
    layer_class : type
        Of layers that have nothing but a name and what they read.
    since : int
        Set of operators from which ONNX has it.

    Raises
    ------
    ValueError
        When another function reads the operator, or writes the class.
    """

    def read(builder: Builder, node: Node) -> Tensor:
        return builder.waiting(builder.tensor(node, 0), layer_class(node.name))

    def write(nodes: Nodes, layer: Layer) -> str:
        nodes.since(since)
        return nodes.single(operator, layer)

    for function in (read, write):  # named by the class, since two of these are not the same function
        function.__module__, function.__qualname__ = layer_class.__module__, layer_class.__qualname__
    reads(operator)(read)
    writes(layer_class)(write)


def _is_again(first: Any, second: Any) -> bool:
    """Whether a function is the one that was there before, defined once more, as in a notebook."""
    return (first.__module__, first.__qualname__) == (second.__module__, second.__qualname__)


def reader_of(node: Node) -> Reader | None:
    """What imports a node; None for an operator that nothing imports."""
    return _READERS.get((_DOMAINS.get(node.domain, node.domain), node.operator))


def writer_of(layer_class: type[Layer]) -> Write | None:
    """What writes a layer of a class, found along its base classes; None where nothing does."""
    return next((_WRITERS[each] for each in layer_class.__mro__ if each in _WRITERS), None)


def operators() -> dict[tuple[str, str], Reader]:
    """All that is read, by domain and operator."""
    return dict(_READERS)
