"""Functions of codes as tables: what a machine stores that reads them, instead of working them out."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from hwsim.activity import NeuronWork
from hwsim.network.layers import ElementWise
from hwsim.network.neuron_work import CodeTable
from hwsim.network.operation import FUNCTIONS
from hwsim.network.signals import Signal


class Worked(NamedTuple):
    """One element-wise layer of a stage, with what it reads, makes and does."""

    layer: ElementWise
    read: Signal
    made: Signal
    work: tuple[NeuronWork, ...]


def with_tables(body: Sequence[Worked]) -> tuple[NeuronWork, ...]:
    """The work of element-wise layers in order; functions of codes know the table that could take their place.

    A table goes from the code that the function reads to the next code, whatever is done between the two; where no code
    is made any more, it holds the function's real numbers.
    """
    work: list[NeuronWork] = []
    for k, each in enumerate(body):
        if not each.read.format.is_real and _is_function(each.work):
            first, *rest = each.work
            work += [replace(first, table=_table(_until_code(body[k:]))), *rest]
        else:
            work += each.work
    return tuple(work)


def _is_function(work: Sequence[NeuronWork]) -> bool:
    """Whether anything in a layer's work is a function without arithmetic of its own."""
    return any(operation.kind in FUNCTIONS for each in work for operation, _ in each.operations)


def _until_code(body: Sequence[Worked]) -> Sequence[Worked]:
    """The layers up to the first that makes codes; the first alone where none does."""
    ends = (k for k, each in enumerate(body) if not each.made.format.is_real)
    return body[: next(ends, 0) + 1]


def _table(taken: Sequence[Worked]) -> CodeTable:
    first, last = taken[0], taken[-1]
    work = [part for each in taken for part in each.work]
    read = first.read
    content = (
        str(read.format),
        read.step.tolist(),
        read.zero_point,
        *(_said(each.layer) for each in taken if each.work),
    )
    return CodeTable(
        hashlib.sha256(repr(content).encode()).hexdigest(),
        last.made.format.bit_width,
        max(1, read.n_step, *(part.n_parameter for part in work)),
        len(work),
    )


def _said(layer: ElementWise) -> tuple[object, ...]:
    """What a layer is, whatever it is called and wherever it stands."""
    values = ((each.name, getattr(layer, each.name)) for each in fields(layer) if each.name not in ("name", "inputs"))
    told = [(name, value.tolist() if isinstance(value, np.ndarray | np.generic) else value) for name, value in values]
    return type(layer).__name__, *told
