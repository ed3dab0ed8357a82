"""Whether the names and nodes of a graph fit together."""

import math
from typing import Any

from hwsim.errors import FileError
from hwsim.onnx_file.stored_tensor import shown

MOST_NODES = 1_000_000
"""Nodes of a graph with its functions written out."""

MOST_NUMBERS = 2**26
"""Of one frame, of a tensor that a node makes of a shape alone, and of a constant, unless it is made of as many."""


def check_functions(model: Any) -> None:
    """Whether a model's functions, written out, are no more nodes than can be borne.

    Raises
    ------
    FileError
        When there are two of one name, one calls itself, or all are too many.
    """
    bodies: dict[tuple[str, str, str], Any] = {}
    for function in model.functions:
        key = (function.domain, function.name, getattr(function, "overload", ""))
        if key in bodies:
            raise FileError(f"two functions named {shown(function.name)}; expected one")
        bodies[key] = function
    sizes: dict[tuple[str, str, str], int] = {}
    under_way: set[tuple[str, str, str]] = set()
    waiting = [(key, False) for key in bodies]
    while waiting:
        key, done = waiting.pop()
        called = [(node.domain, node.op_type, getattr(node, "overload", "")) for node in bodies[key].node]
        if done:
            under_way.discard(key)
            # numbers of any length: a chain of functions doubles with each
            sizes[key] = min(MOST_NODES + 1, sum(sizes.get(each, 1) for each in called))
        elif key in under_way:
            raise FileError(f"function {shown(key[1])} calls itself; expected no circles")
        elif key not in sizes:
            under_way.add(key)
            waiting.append((key, True))
            waiting += [(each, False) for each in dict.fromkeys(called) if each in bodies and each not in sizes]
    total = sum(sizes.get((node.domain, node.op_type, getattr(node, "overload", "")), 1) for node in model.graph.node)
    if total > MOST_NODES:
        raise FileError(f"more than {MOST_NODES:,} nodes once functions are written out; no network needs so many")


def check_graph(graph: Any) -> None:
    """Whether every tensor has one maker, and no node reads what comes of it.

    Raises
    ------
    FileError
        When not.
    """
    for node in graph.node:
        _check_attributes(node)
    _check_inputs(graph)
    known = _known(graph)
    makers = _makers(graph, known)
    _check_order(graph, known, makers)
    _check_made_of_shapes(graph)
    for value in graph.output:
        if value.name not in makers and value.name not in known:
            raise FileError(f"nothing makes the output {shown(value.name)}; export the network again")


def _check_attributes(node: Any) -> None:
    for each in node.attribute:
        numbers = [*([each.f] if each.HasField("f") else []), *each.floats]
        if any(math.isnan(number) for number in numbers):
            raise FileError(f"node {shown(node.name or node.op_type)}: {shown(each.name)} is NaN; expected a number")


def _check_inputs(graph: Any) -> None:
    for value in graph.input:
        dims = [each.dim_value for each in value.type.tensor_type.shape.dim]
        if min(dims, default=0) < 0 or math.prod(dims[1:]) > MOST_NUMBERS:
            raise FileError(
                f"input {shown(value.name)}: shape {shown(dims)}; expected a frame of at most {MOST_NUMBERS:,} numbers"
            )


def _known(graph: Any) -> set[str]:
    """What is there before any node runs; each once, but for inputs that an initializer gives a default."""
    known: set[str] = set()
    sparse = [each.values.name for each in graph.sparse_initializer]
    for names in ([each.name for each in graph.input], [*(each.name for each in graph.initializer), *sparse]):
        if (twice := _twice(names)) is not None:
            raise FileError(f"two inputs or initializers named {shown(twice)}; expected one")
        known |= set(names)
    return known


def _twice(names: list[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]


def _makers(graph: Any, known: set[str]) -> dict[str, int]:
    """The node that makes each tensor."""
    makers: dict[str, int] = {}
    for number, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if name in makers or name in known:
                raise FileError(
                    f"tensor {shown(name)} is made twice, at last by node {shown(node.name)}; expected once"
                )
            makers[name] = number
    return makers


def _check_order(graph: Any, known: set[str], makers: dict[str, int]) -> None:
    """Every tensor that is read is made, and there is an order in which nodes can run, if not the one written."""
    waits_for: list[int] = []
    readers: dict[int, list[int]] = {}
    for number, node in enumerate(graph.node):
        sources = set()
        for name in filter(None, node.input):
            if name not in makers and name not in known:
                which = shown(node.name or node.op_type)
                raise FileError(f"node {which} reads {shown(name)}, which nothing makes: no node, no initializer")
            if name in makers:
                sources.add(makers[name])
        waits_for.append(len(sources))
        for source in sources:
            readers.setdefault(source, []).append(number)
    ready = [number for number, count in enumerate(waits_for) if not count]
    n_run = 0
    while ready:
        n_run += 1
        for reader in readers.get(ready.pop(), ()):
            waits_for[reader] -= 1
            if not waits_for[reader]:
                ready.append(reader)
    if n_run < len(graph.node):
        stuck = next(node for node, count in zip(graph.node, waits_for, strict=True) if count)
        raise FileError(f"nodes in a circle, among them {shown(stuck.name or stuck.op_type)}; expected none")


def _check_made_of_shapes(graph: Any) -> None:
    """No node makes a tensor of a size that only a number states and no data fill."""
    import onnx

    constants = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            constants.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
    for node in graph.node:
        place = {"ConstantOfShape": 0, "Expand": 1}.get(node.op_type)
        if place is None or len(node.input) <= place or node.input[place] not in constants:
            continue
        shape = [int(n) for n in onnx.numpy_helper.to_array(constants[node.input[place]]).ravel()[:65]]
        if min(shape, default=0) < 0 or math.prod(shape) > MOST_NUMBERS:
            raise FileError(
                f"node {shown(node.name or node.op_type)}: makes a tensor of shape {shown(tuple(shape))}; "
                f"expected at most {MOST_NUMBERS:,} numbers"
            )
