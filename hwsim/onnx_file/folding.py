"""Nodes that read only constants, worked out with numpy."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwsim.onnx_file.coded import Coded, Constant, value_of
from hwsim.onnx_file.graph import Array, Node
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.soundness import MOST_NUMBERS

GROWING = ("Concat", "ConstantOfShape", "Expand", "Gather", "MatMul")
"""Operators that may make much of little."""


def fold(node: Node, inputs: Sequence[Constant | None]) -> Constant:
    """What a node makes of constants (None: inputs left out).

    Raises
    ------
    Refused
        For an operator that is not worked out, or inputs that do not fit it.
    """
    first = inputs[0] if inputs else None
    try:
        if isinstance(first, Coded) and node.operator in _MOVES:
            move = _MOVES[node.operator]
            others = [None if each is None else value_of(each) for each in inputs[1:]]
            return first.moved(lambda array: move(node, array, *others))
        if node.opset < 7 and "broadcast" in node.attributes and "axis" in node.attributes:
            raise Refused("it spreads a constant as opsets before 7 do")
        work = _MOVES.get(node.operator) or _WORKS.get(node.operator)
        if work is None:
            raise Refused("it reads constants only, and is not among the operators that are worked out beforehand")
        values = [None if each is None else value_of(each) for each in inputs]
        read = dict(zip(node.inputs, values, strict=True)).values()  # what is read twice counts once
        _bounded(_shape_made(node, values), sum(each.size for each in read if each is not None))
        result = np.asarray(work(node, *values))
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise Refused(f"its constants do not fit it ({error})") from None
    return result


def as_line(node: Node, constant: Array) -> tuple[Array, Array] | None:
    """Scale and offset of what a node makes of a number and a constant after it; None where that is no rising line."""
    if node.operator in ("Mul", "Div") and np.all(constant > 0):
        return (constant if node.operator == "Mul" else 1 / constant), np.zeros(())
    if node.operator in ("Add", "Sub"):
        return np.ones(()), constant if node.operator == "Add" else -constant
    return None


def reshaped(shape: tuple[int, ...], wanted: Sequence[int], allow_zero: bool = False) -> tuple[int, ...]:
    """The shape that a Reshape makes: 0 keeps an axis, -1 is what remains."""
    try:
        result = [shape[k] if n == 0 and not allow_zero else int(n) for k, n in enumerate(wanted)]
        if -1 in result:
            result[result.index(-1)] = math.prod(shape) // -math.prod(result)
    except (IndexError, ZeroDivisionError):
        raise Refused(f"it brings numbers of shape {shape} into shape {tuple(wanted)}") from None
    if math.prod(result) != math.prod(shape) or min(result, default=1) < 0:
        raise Refused(f"it brings numbers of shape {shape} into shape {tuple(wanted)}")
    return tuple(result)


def axes_of(node: Node, given: Array | None, n_axis: int) -> tuple[int, ...] | None:
    """Axes, from an attribute (older opsets) or an input, counted from the front; None where none are named."""
    axes = node.attributes.get("axes") if given is None else given.ravel().tolist()
    return None if axes is None else tuple(int(axis) % n_axis for axis in axes)


def squeezed(shape: tuple[int, ...], axes: tuple[int, ...] | None) -> tuple[int, ...]:
    """A shape without axes, each of size 1; without all such axes where none are named."""
    gone = [k for k, n in enumerate(shape) if n == 1] if axes is None else axes
    if any(shape[k] != 1 for k in gone):
        raise Refused(f"it removes axes {gone} of a shape {shape}, not all of which are 1")
    return tuple(n for k, n in enumerate(shape) if k not in gone)


def unsqueezed(node: Node, shape: tuple[int, ...], given: Array | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape with axes of size 1 put in, and which these are."""
    n_named = len(node.attributes.get("axes", ()) if given is None else given.ravel())
    axes = axes_of(node, given, len(shape) + n_named) or ()
    rest = iter(shape)
    return tuple(1 if k in axes else next(rest) for k in range(len(shape) + len(axes))), axes


def _reshape(node: Node, array: Array, shape: Array | None = None) -> Array:
    wanted = node.attributes["shape"] if shape is None else shape.ravel().tolist()
    return array.reshape(reshaped(array.shape, wanted, bool(node.attributes.get("allowzero", 0))))


def _flatten(node: Node, array: Array) -> Array:
    axis = node.attributes.get("axis", 1)
    return array.reshape(math.prod(array.shape[: axis % (array.ndim + 1) if axis < 0 else axis]), -1)


def _transpose(node: Node, array: Array) -> Array:
    return array.transpose(node.attributes.get("perm"))


def _squeeze(node: Node, array: Array, axes: Array | None = None) -> Array:
    return array.reshape(squeezed(array.shape, axes_of(node, axes, array.ndim)))


def _unsqueeze(node: Node, array: Array, axes: Array | None = None) -> Array:
    return array.reshape(unsqueezed(node, array.shape, axes)[0])


def _same(node: Node, array: Array, *others: Array | None) -> Array:
    return array


_MOVES: dict[str, Callable[..., Array]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Identity": _same,
    "Dropout": _same,
}
"""What keeps every number, and so also codes and their scales."""


def _constant(node: Node) -> Array:
    for kind in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if kind in node.attributes:
            value = node.attributes[kind]
            as_type = {"value_float": np.float32, "value_floats": np.float32}.get(kind)
            return np.asarray(value, as_type)
    raise Refused("a constant that is no number")


def _filled(node: Node, shape: Array) -> Array:
    value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32))).ravel()[0]
    return np.full(_bounded(shape.ravel().tolist()), value)


def _expand(node: Node, array: Array, shape: Array) -> Array:
    whole = np.broadcast_shapes(array.shape, tuple(shape.ravel().tolist()))
    return np.broadcast_to(array, _bounded(whole))


def _shape_made(node: Node, inputs: Sequence[Array | None]) -> tuple[int, ...]:
    """The shape of what operators make that can make more numbers than they read; () of all others."""
    shapes = [each.shape for each in inputs if each is not None]
    if node.operator == "Concat":
        return (sum(map(math.prod, shapes)),)
    if node.operator == "Gather":
        return (*np.delete(shapes[0], node.attributes.get("axis", 0)).tolist(), math.prod(shapes[1]))
    if node.operator == "MatMul":
        return (*np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]), *shapes[0][-2:-1], *shapes[1][-1:])
    return np.broadcast_shapes(*shapes) if node.operator in _SPREADING else ()


def _bounded(shape: Sequence[int], n_read: int = 0) -> tuple[int, ...]:
    """The shape of a constant, if it has no more numbers than can be borne, or than are read for it."""
    if math.prod(shape) > max(MOST_NUMBERS, n_read):
        raise Refused(f"a constant of shape {tuple(shape)} has more than {MOST_NUMBERS:,} numbers")
    return tuple(shape)


def _cast(node: Node, array: Array) -> Array:
    import onnx

    return array.astype(onnx.helper.tensor_dtype_to_np_dtype(node.attributes["to"]))


def _concat(node: Node, *arrays: Array) -> Array:
    return np.concatenate(arrays, axis=node.attributes["axis"])


def _gather(node: Node, array: Array, index: Array) -> Array:
    return np.take(array, index, axis=node.attributes.get("axis", 0))


def _slice(node: Node, array: Array, *given: Array | None) -> Array:
    """Opset 10 and later gives starts, ends, axes and steps as inputs; before they are attributes."""
    named: list[Any] = [None if each is None else each.ravel().tolist() for each in given]
    if not named:
        named = [node.attributes["starts"], node.attributes["ends"], node.attributes.get("axes")]
    starts, ends, axes, steps = (*named, None, None)[:4]
    cuts = [slice(None)] * array.ndim
    for k, axis in enumerate(axes or range(len(starts))):
        cuts[axis] = slice(starts[k], ends[k], steps[k] if steps else 1)
    return array[tuple(cuts)]


def _divide(node: Node, first: Array, second: Array) -> Array:
    if first.dtype.kind in "iu":
        return np.asarray(np.trunc(first / second), first.dtype)
    return np.asarray(first / second)


def _of(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda node, *inputs: function(*inputs)


_SPREADING = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min")

_WORKS: dict[str, Callable[..., Array]] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Cast": _cast,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Shape": lambda node, array: np.asarray(array.shape, np.int64),
    "Add": _of(np.add),
    "Sub": _of(np.subtract),
    "Mul": _of(np.multiply),
    "Div": _divide,
    "Pow": lambda node, base, power: np.power(base, power.astype(base.dtype)),
    "Sqrt": _of(np.sqrt),
    "Reciprocal": _of(np.reciprocal),
    "Neg": _of(np.negative),
    "Abs": _of(np.abs),
    "Exp": _of(np.exp),
    "Log": _of(np.log),
    "Floor": _of(np.floor),
    "Ceil": _of(np.ceil),
    "Round": _of(np.round),
    "Max": _of(lambda *each: np.max(np.broadcast_arrays(*each), axis=0)),
    "Min": _of(lambda *each: np.min(np.broadcast_arrays(*each), axis=0)),
    "MatMul": _of(np.matmul),
}
"""Everything else that is worked out beforehand."""
