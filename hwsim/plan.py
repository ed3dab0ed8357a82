"""A network prepared for the kernels: arrays in the layout and width they run fastest in, made once per run.

Rows are padded with zeros: rows of codes so that they can be compared many at a time, rows of weights so that they
fill vectors. A padded input never makes an event; a padded neuron stays zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.elementwise import Step, steps_of, values_step
from hwsim.kernels.events import GROUP
from hwsim.network import INPUT, Dense, Flatten, Network, Quantize, Stage
from hwsim.number_format import FP32, NumberFormat, integer
from hwsim.signals import Signal

Array: TypeAlias = npt.NDArray[Any]
Combine: TypeAlias = Callable[[Sequence[Array]], Array]
"""From the accumulators of each term, (n_frame, n_out), to the layer's."""

SMALL = 2**15 - 1  # what 16 bits hold
VECTOR = 16  # rows of weights are padded to a multiple of this


@dataclass(frozen=True, eq=False)
class TermPlan:
    """One weight term of a layer, ready for delivery."""

    shape: tuple[int, int]  # (n_in, n_out)
    weight: Array  # (n_in, n_out_padded)
    bias: Array  # (n_out_padded,) in the accumulator's dtype
    group: Any  # NumPy integer type that holds a sum of eight products; None for real arithmetic
    n_nonzero: npt.NDArray[np.int64]  # (n_in,) non-zero weights of each input
    weight_format: NumberFormat
    accumulator_format: NumberFormat


@dataclass(frozen=True, eq=False)
class StagePlan:
    """One stage: the terms that deliver what it reads, and the element-wise steps after them."""

    stage: Stage
    read: Signal  # what the head reads; for the input stage the frames as they arrive
    start: Signal  # what the element-wise layers begin with
    terms: tuple[TermPlan, ...]
    mask: npt.NDArray[np.uint64]  # (n_in, n_word) one bit per neuron: some term has a weight that is not zero
    combine: Combine
    steps: tuple[Step, ...]
    out: Signal  # what it leaves
    is_last: bool

    @property
    def n_out(self) -> int:
        """Neurons."""
        return self.stage.head.shape[1] if self.stage.head else self.read.size


@lru_cache(maxsize=8)
def prepare(network: Network, format: NumberFormat, step: float) -> tuple[StagePlan, ...]:
    """Prepare every stage of a network for frames that arrive in a format, one code standing for `step`."""
    raw = Signal.of_input(network.input_shape, format, step)
    first = network.stages[0]
    plans = [
        StagePlan(
            stage=first,
            read=raw,
            start=raw if _arrives_as_codes(network, raw) else network.signals[INPUT],
            terms=(),
            mask=np.zeros((0, 0), np.uint64),
            combine=_only,
            steps=_way_in(network, raw),
            out=network.signals[first.output],
            is_last=len(network.stages) == 1,
        )
    ]
    for stage in network.stages[1:]:
        assert stage.head is not None
        read = network.signals[stage.source]
        start = network.signals[stage.head.name]
        plans.append(
            StagePlan(
                stage=stage,
                read=read,
                start=start,
                terms=_terms(stage.head, read),
                mask=_mask(stage.head),
                combine=_combine(stage.head, read),
                steps=steps_of(stage.body, start),
                out=network.signals[stage.output],
                is_last=stage is network.stages[-1],
            )
        )
    return tuple(plans)


def _way_in(network: Network, raw: Signal) -> tuple[Step, ...]:
    """The input stage's steps: codes are quantized as codes; what else needs real values gets them first."""
    body = network.stages[0].body
    if _arrives_as_codes(network, raw):
        return steps_of(body, raw)
    return (values_step(raw), *steps_of(body, network.signals[INPUT]))


def _arrives_as_codes(network: Network, raw: Signal) -> bool:
    """Whether frames are worked on as they arrive: real ones, and codes that are quantized first or taken as such."""
    first = next((layer for layer in network.stages[0].body if not isinstance(layer, Flatten)), None)
    return raw.format.is_real or not network.input_format.is_real or isinstance(first, Quantize)


def padded(size: int, multiple: int) -> int:
    """The next multiple."""
    return -(-size // multiple) * multiple


def code_dtype(signal: Signal) -> Any:
    """The dtype of a signal's codes, centred on the zero point; of few, because each is compiled for."""
    if signal.format.is_real:
        return np.float32
    lowest, highest = signal.format.lowest - signal.zero_point, signal.format.highest - signal.zero_point
    if signal.span > SMALL:
        return np.int64
    return np.int8 if lowest >= -128 and highest <= 127 else np.int16


def event_dtypes(signal: Signal) -> tuple[Any, Any]:
    """The dtypes of an event's place and of its value, which may be the difference of two codes."""
    place = np.int16 if signal.size <= SMALL else np.int32
    if signal.format.is_real:
        return place, np.float32
    return place, np.int16 if signal.span <= SMALL else np.int64


def is_real(head: Dense, read: Signal) -> bool:
    """Whether a layer computes in floating point: unless both codes and weights are integers."""
    return read.format.is_real or not head.is_integer


def _terms(head: Dense, read: Signal) -> tuple[TermPlan, ...]:
    assert head.bias is not None
    plans = []
    for k, term in enumerate(head.terms):
        bias = head.bias if k == 0 else np.zeros_like(head.bias)
        if is_real(head, read):
            step = np.broadcast_to(1.0 if read.format.is_real else read.step, head.shape[:1])
            weight = (term.code * step[:, None]).astype(np.float32)
            bias, group, accumulator = (bias / np.asarray(term.scale)).astype(np.float32), None, FP32
        else:
            accumulator = integer(head.accumulator_widths(read)[k])
            weight, bias, group = _integer_term(term.code, bias, accumulator.bit_width, read.span)
        n_nonzero = np.count_nonzero(term.code, axis=1).astype(np.int64)
        columns = ((0, padded(head.shape[1], VECTOR) - head.shape[1]),)
        plans.append(
            TermPlan(
                head.shape,
                np.pad(weight, ((0, 0), *columns)),
                np.pad(bias, columns),
                group,
                n_nonzero,
                term.format,
                accumulator,
            )
        )
    return tuple(plans)


def _integer_term(code: Array, bias: Array, accumulator: int, span: int) -> tuple[Array, Array, Any]:
    """Weights, bias and the type of a sum of eight products, as narrow as is safe; wide ones all in 64 bits."""
    largest = int(np.abs(code, dtype=np.int64).max())
    if accumulator > 32 or largest > SMALL or span > SMALL:
        return code.astype(np.int64), bias.astype(np.int64), np.int64
    total = np.int16 if accumulator <= 16 else np.int32
    narrow = GROUP * largest * span <= SMALL
    return code.astype(np.int16), bias.astype(total), np.int16 if narrow else np.int64


def _mask(head: Dense) -> npt.NDArray[np.uint64]:
    exists = np.any([term.code != 0 for term in head.terms], axis=0)
    bits = np.pad(exists, ((0, 0), (0, padded(exists.shape[1], 64) - exists.shape[1])))
    return np.packbits(bits, axis=1).view(np.uint64)


def _only(totals: Sequence[Array]) -> Array:
    return totals[0]


def _combine(head: Dense, read: Signal) -> Combine:
    """How the accumulators of the terms (padded) become the layer's."""
    n_out = head.shape[1]
    if is_real(head, read):
        scales = [np.asarray(term.scale, np.float32) for term in head.terms]
        if len(scales) == 2:
            return lambda totals: totals[0][:, :n_out] * scales[0] + totals[1][:, :n_out] * scales[1]
        return _only if np.all(scales[0] == 1) else lambda totals: totals[0][:, :n_out] * scales[0]
    if len(head.terms) == 1:
        return _only
    merge = head.merge
    factor = np.int64(2 ** int(merge.shift.max()))
    return lambda totals: totals[0][:, :n_out] * factor + totals[1][:, :n_out] * merge.multiplier
