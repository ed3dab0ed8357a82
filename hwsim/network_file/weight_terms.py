"""The weights of a synaptic layer in a model folder: each term's format in one file, its arrays in the other."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pydantic

from hwsim.files.strict_npz import Array, ArrayFile
from hwsim.files.strict_yaml import Schema
from hwsim.network.layers import Weight
from hwsim.network.number_format import NumberFormat

PER_CHANNEL: Literal["per-channel"] = "per-channel"
"""Written in the place of a number that differs by channel; the numbers stand in ``weights.npz``."""

PerChannel: TypeAlias = float | Literal["per-channel"]


class Term(Schema):
    """One term: the format of its codes, and the code that stands for zero."""

    format: str
    zero_point: int | Literal["per-channel"] = 0


Terms: TypeAlias = Annotated[list[Term], pydantic.Field(min_length=1, max_length=2)]


def shape_of(n_axis: int) -> Any:
    """Type of the shape of an array of so many axes."""
    return Annotated[list[int], pydantic.Field(min_length=n_axis, max_length=n_axis)]


def describe(layer: str, terms: Sequence[Weight], arrays: dict[str, Array]) -> list[dict[str, Any]]:
    """What stands of a layer's terms in ``network.yaml``; their arrays are added to `arrays`."""
    numbers = _array_numbers(len(terms))
    for number, term in zip(numbers, terms, strict=True):
        arrays[f"{layer}.weight{number}"] = np.array(term.code, order="C")
        arrays[f"{layer}.scale{number}"] = np.asarray(term.scale)
    return [_describe_term(layer, *each, arrays) for each in zip(numbers, terms, strict=True)]


def _describe_term(layer: str, number: str, term: Weight, arrays: dict[str, Array]) -> dict[str, Any]:
    """A term's format, and its zero point if it has one."""
    zero_point, described = np.asarray(term.zero_point), {"format": term.format.name}
    if not term.is_offset:
        return described
    if zero_point.ndim:
        arrays[f"{layer}.zero_point{number}"] = smallest(zero_point)
    return {**described, "zero_point": PER_CHANNEL if zero_point.ndim else int(zero_point)}


def take(
    layer: str, terms: Sequence[Term], shape: tuple[int, ...], n_channel: int, arrays: ArrayFile
) -> tuple[Weight, ...]:
    """A layer's terms of a shape, with scales and zero points for its output channels."""
    made = []
    for number, term in zip(_array_numbers(len(terms)), terms, strict=True):
        format = NumberFormat.parse(term.format)
        code = arrays.take(f"{layer}.weight{number}", (shape,), "f4" if format.is_real else "i")
        scale = arrays.take(f"{layer}.scale{number}", ((), (n_channel,)), "f8")
        zero_point = term.zero_point
        if zero_point == PER_CHANNEL:
            zero_point = arrays.take(f"{layer}.zero_point{number}", ((n_channel,),), "i")  # type: ignore[assignment]
        made.append(Weight(code, format, np.asarray(scale, np.float64), zero_point))  # type: ignore[arg-type]
    return tuple(made)


def smallest(array: Array) -> Array:
    """Integers in the smallest signed dtype that holds them; real numbers as they are."""
    if array.dtype.kind != "i":
        return array
    reach = max(-int(array.min()), int(array.max()) + 1)
    return array.astype(np.min_scalar_type(min(-1, -reach)))


def _array_numbers(n_term: int) -> tuple[str, ...]:
    """What is appended to the names of each term's arrays: nothing where there is one."""
    return ("",) if n_term == 1 else tuple(map(str, range(n_term)))
