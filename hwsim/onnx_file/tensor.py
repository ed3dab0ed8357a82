"""A tensor of the graph that depends on the input, and where its numbers lie in hwsim's frames."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.onnx_file.chain import Chain


class Part(NamedTuple):
    """A layer, and the numbers in a frame of what it leaves."""

    name: str
    size: int


@dataclass(frozen=True, eq=False)
class Wires:
    """Where the numbers of a frame come from, as long as no layer lays them so."""

    name: str  # of the node that made them
    origins: npt.NDArray[np.int64]  # of the graph's shape: numbers of all parts in C order, -1: the first constant
    parts: tuple[Part, ...]
    values: tuple[float, ...] = ()  # of the constants


@dataclass(frozen=True, eq=False)
class Tensor:
    """What a layer leaves, as the graph sees it, with element-wise layers that wait behind it.

    The graph may see other axes than the layer's frame has: transposed, without an axis of size 1, or with one more.
    """

    layer: str
    shape: tuple[int, ...]  # of one frame, in the graph
    places: tuple[int | None, ...]  # axis of the layer's frame that each is; None: one of size 1 that it lacks
    chain: Chain = ()
    is_alone: bool = True  # whether nothing else reads the layer, or can come to read it
    wires: Wires | None = (
        None  # of numbers that no layer has laid so yet: where they come from; there are no places then
    )


def plain(layer: str, shape: tuple[int, ...], frame: tuple[int, ...], chain: Chain = ()) -> Tensor:
    """A tensor whose numbers lie in a frame in order; the shapes differ in axes of size 1 only."""
    places: list[int | None] = []
    at = 0
    for n in shape:
        while at < len(frame) and frame[at] == 1 != n:
            at += 1
        fits = at < len(frame) and frame[at] == n
        places.append(at if fits else None)
        at += fits
    return Tensor(layer, shape, tuple(places), chain)


def frame_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The frame that hwsim has for a shape: a vector, or (C, H, W), where a sequence (C, L) is an image of height 1."""
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    return shape


def transposed(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    """With its axes in another order."""
    shape = tuple(tensor.shape[axis] for axis in order)
    return replace(tensor, shape=shape, places=tuple(tensor.places[axis] for axis in order))


def without_ones(tensor: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """Seen with other axes of size 1; None where the shapes differ in more."""
    kept = [(n, place) for n, place in zip(tensor.shape, tensor.places, strict=True) if n != 1]
    if [n for n, _ in kept] != [n for n in shape if n != 1]:
        return None
    large = iter(kept)
    used = {place for _, place in kept}
    # the axes of size 1 keep their places, as many as there are
    ones = iter([place for n, place in zip(tensor.shape, tensor.places, strict=True) if n == 1 and place not in used])
    places = tuple(next(large)[1] if n != 1 else next(ones, None) for n in shape)
    return replace(tensor, shape=shape, places=places)


def order_in_frame(tensor: Tensor, n_axis: int) -> tuple[int, ...]:
    """The frame's axes in the order in which the graph sees them; those of size 1 that it does not see come last."""
    seen = tuple(place for place in tensor.places if place is not None)
    return seen + tuple(axis for axis in range(n_axis) if axis not in seen)


def is_in_order(order: tuple[int, ...], frame: tuple[int, ...]) -> bool:
    """Whether a transposition of a frame leaves its numbers where they are, seen as one row."""
    large = [axis for axis in order if frame[axis] != 1]
    return large == sorted(large)


def size_of(shape: tuple[int, ...]) -> int:
    """Numbers in a frame."""
    return math.prod(shape)
