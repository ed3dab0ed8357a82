"""Weight terms, ready for delivery: dtypes as narrow as is safe, and how the terms' accumulators become one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import Synaptic
from hwsim.network.number_format import NumberFormat, integer
from hwsim.network.signals import Signal

Array: TypeAlias = npt.NDArray[Any]
Combine: TypeAlias = Callable[[Sequence[Array]], Array]
"""From the accumulators of each term, (n_frame, >= n), to the layer's."""

SMALL = 2**15 - 1  # what 16 bits hold
LINE = 64  # of the cache; a vector that begins elsewhere is read from two [bytes]


@dataclass(frozen=True, eq=False)
class Term:
    """One weight term."""

    weight: Array  # (n_row, n_column) rows of weights that serve one event
    bias: Array  # (n_channel,) in the accumulator's dtype; zeros where the layer has none
    n_bias: int  # numbers stored of it; none of a second term
    weight_format: NumberFormat
    accumulator_format: NumberFormat
    has_zero_point: bool = False  # of the weights


def padded(size: int, multiple: int) -> int:
    """The next multiple."""
    return -(-size // multiple) * multiple


def aligned(array: Array) -> Array:
    """A copy that begins with a line of the cache."""
    memory = np.empty(array.nbytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def term_of(head: Synaptic, k: int, code: Array, step: Array, read: Signal) -> Term:
    """Prepare a term.

    Parameters
    ----------
    head : Synaptic
        The layer.
    k : int
        Which of its terms.
    code : (n_row, n_column)
        The term's weight codes in the kernel's layout.
    step : () or of a shape that broadcasts to the codes'
        Of the codes that meet each weight, for real arithmetic.
    read : Signal
        What the layer reads.
    """
    term = head.terms[k]
    bias = head.start if k == 0 else np.zeros_like(head.start)
    if head.is_real(read):
        weight = (code if read.format.is_real else code * step).astype(np.float32)
        bias, accumulator = (bias / np.asarray(term.scale)).astype(np.float32), head.real_format(read)
    else:
        accumulator = integer(head.accumulator_widths(read)[k])
        weight, bias = _integer_term(code, bias, accumulator.bit_width, read.span)
    n_bias = 0 if k or head.bias is None else head.n_channel
    return Term(weight, bias, n_bias, term.format, accumulator, term.is_offset)


def _integer_term(code: Array, bias: Array, accumulator: int, span: int) -> tuple[Array, Array]:
    """Weights and bias as narrow as is safe, so that two products fit 32 bits; wide ones all in 64 bits."""
    largest = int(np.abs(code, dtype=np.int64).max())
    if accumulator > 32 or largest > SMALL or span > SMALL:
        return code.astype(np.int64), bias.astype(np.int64)
    return code.astype(np.int16), bias.astype(np.int16 if accumulator <= 16 else np.int32)


def mask_of(codes: Sequence[Array]) -> npt.NDArray[np.uint64]:
    """One bit per column: some term's weight is not zero. (n_row, n_word)"""
    exists = np.any([code != 0 for code in codes], axis=0)
    bits = np.pad(exists, ((0, 0), (0, padded(exists.shape[1], 64) - exists.shape[1])))
    return np.packbits(bits, axis=1).view(np.uint64)


def combine_of(head: Synaptic, read: Signal, out: Signal) -> Combine:
    """How the accumulators of the terms become the layer's."""
    n = out.size
    if head.is_real(read):
        scales = [out.channels_last(np.asarray(term.scale, np.float32)) for term in head.terms]
        if len(scales) == 2:
            return lambda totals: totals[0][:, :n] * scales[0] + totals[1][:, :n] * scales[1]
        return _only if np.all(scales[0] == 1) else lambda totals: totals[0][:, :n] * scales[0]
    if len(head.terms) == 1:
        return _only
    merge = head.merge
    factor = np.int64(2 ** int(merge.shift.max()))
    multiplier = out.channels_last(merge.multiplier)
    return lambda totals: totals[0][:, :n] * factor + totals[1][:, :n] * multiplier


def _only(totals: Sequence[Array]) -> Array:
    return totals[0]


def code_dtype(signal: Signal) -> Any:
    """The dtype of a signal's codes, centred on the zero point; of few, because each is compiled for."""
    if signal.format.is_real:
        return np.float32
    lowest, highest = signal.format.lowest - signal.zero_point, signal.format.highest - signal.zero_point
    if signal.span > SMALL:
        return np.int64
    return np.int8 if lowest >= -128 and highest <= 127 else np.int16
