"""How a layer's fields stand in model folders, where their types alone do not say it.

A field of numbers, text, truth values or tuples of them stands in ``network.yaml`` under its name. The types below say
of others where they stand (annotate a field with one of them), the metadata when a field may be left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy.typing as npt

SILENT: Mapping[str, bool] = {"silent": True}
"""Metadata of a field that says nothing while it holds its default: it is no part of a network's digest then, and
stands in no file."""

OPTIONAL: Mapping[str, bool] = {"optional": True}
"""Metadata of a field that is always written, but may be missing in a file, and holds its default then."""

SETTLED: Mapping[str, bool] = {"optional": False}
"""Metadata of a field whose None is settled when the layer is made, so that a file always says it."""


@dataclass(frozen=True)
class WrittenAs:
    """The type that a field of several has once the layer is made: the only one in files."""

    hint: Any


class Form:
    """Base of what is more than a value in ``network.yaml``."""


@dataclass(frozen=True)
class Number(Form):
    """One number in ``network.yaml``, or one per channel in ``weights.npz``."""


@dataclass(frozen=True)
class Limit(Form):
    """A number, or ``none`` for an infinite one."""

    infinite: float  # which of the two it is


@dataclass(frozen=True)
class Array(Form):
    """An array of float64, always in ``weights.npz``; its shape stands in ``network.yaml``."""

    n_axis: int
    shape_key: str = "shape"


@dataclass(frozen=True)
class Terms(Form):
    """Weight terms: codes, scales and zero points in ``weights.npz``, shape and formats in ``network.yaml``."""


@dataclass(frozen=True)
class Bias(Form):
    """A number per output channel in ``weights.npz``; where there is none, ``network.yaml`` says so."""


@dataclass(frozen=True)
class Places(Form):
    """A whole number for each number of the layer's `shape`, always in ``weights.npz``."""


PerChannel: TypeAlias = Annotated[npt.ArrayLike, Number()]
"""One number, or one per channel."""
