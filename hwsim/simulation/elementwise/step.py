"""What a step is, and which layers have one made for them."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt

from hwsim.network.layers import ElementWise

Array: TypeAlias = npt.NDArray[Any]


class Step(NamedTuple):
    """One element-wise layer at work."""

    run: Callable[[Array, Array], int]  # (n_frame, >= n) in, (n_frame, >= n) to write; returns codes clipped
    dtype: Any  # of the result, where nothing narrower is asked for


Maker: TypeAlias = Callable[..., Step | None]
"""From a layer, or layers one right after the other, and the signal read; None where nothing is to be done."""

_MAKERS: dict[tuple[type[ElementWise], ...], Maker] = {}


def step_for(*kind: type[ElementWise]) -> Callable[[Maker], Maker]:
    """Register what makes the step of a layer's class, or one step of two layers, the one right after the other.

    It serves the classes derived from these too, unless they have an `apply` of their own.
    """

    def register(maker: Maker) -> Maker:
        _MAKERS[kind] = maker
        return maker

    return register


def maker_of(*layer: ElementWise) -> Maker | None:
    """What makes the step of layers; None where nothing is registered for them together."""
    return _MAKERS.get(tuple(map(_defining, layer)))


def _defining(layer: ElementWise) -> type[ElementWise]:
    """The nearest class along the hierarchy that says what the layer does: by a step, or by its `apply`."""
    return next(kind for kind in type(layer).__mro__ if (kind,) in _MAKERS or "apply" in vars(kind))


def is_defined(layer: ElementWise) -> bool:
    """Whether any class below ElementWise says what the layer does."""
    return _defining(layer) is not ElementWise
