"""Sums of codes before a quantizer: multipliers of the fewest bits with which every sum leads to the nearest code.

Right is the nearest code of the exact rational value, as the quantizer rounds it; steps are the float32 numbers that
files hold, where they are such. A multiplier is the integer nearest to the ratio of the steps times a power of two. No
argument of size settles how many bits that takes, since what matters is how near a sum can come to a tie: so every
combination of codes is tried, for one width after the other, up to 2**24 of them (three signals of 8 bits).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.layers import Add, Quantize
from hwsim.network.number_format import round_real
from hwsim.network.signals import IntArray, Signal

WIDEST = 32
"""Of a multiplier. [bits]"""

MOST_SUMS = 2**24
"""So many combinations of codes are tried."""

DOUBTFUL = 2.0**-32
"""Nearer to a tie than this, a sum in float64 is worked out in whole numbers instead."""


@dataclass(frozen=True, eq=False)
class Sums:
    """All that codes of several signals add up to in one channel, and the codes that a quantizer is to make of it."""

    step: tuple[float, ...]  # of each signal; negative where it is taken off
    code: tuple[IntArray, ...]  # of each signal, all that it may have, less the zero point
    quantize: Quantize
    out_step: float  # of the quantizer's codes
    offset: float  # of the quantizer

    def n_wrong(self, multiplier: tuple[int, ...], constant: int, shift: int, stop: bool) -> int:
        """How many sums come to another code than the nearest; with `stop`, at least one if there is any.

        Codes are (sum of multiplier x code + constant) / 2**shift, rounded down, but for ties that go to even ones.
        """
        n_wrong = 0
        for first, nearest in self._nearest:
            total: IntArray = np.asarray(constant + sum(m * c for m, c in zip(multiplier, first, strict=False)))
            for m, code in zip(multiplier[-2:], self.code[-2:], strict=True):
                total = np.add.outer(total, m * code)
            made = total >> shift
            if self.quantize.rounding == "half_even" and shift:
                made = made - ((made << shift == total) & (made & 1))
            n_wrong += int(np.count_nonzero(self._clipped(made) != nearest))
            if stop and n_wrong:
                break
        return n_wrong

    @cached_property
    def _nearest(self) -> list[tuple[tuple[int, ...], IntArray]]:
        """Codes of all signals but the last two, and the nearest code for every pair of those two's codes."""
        dtype = np.int16 if self.quantize.bit_width < 16 else np.int64
        return [(first, self._of_pairs(first).astype(dtype)) for first in self._first()]

    def _first(self) -> Iterator[tuple[int, ...]]:
        """Small codes first, whose sums are the least clipped."""
        return itertools.product(*(sorted(code.tolist(), key=abs) for code in self.code[:-2]))

    def _of_pairs(self, first: tuple[int, ...]) -> IntArray:
        ratio = np.asarray(self.step) / self.out_step
        value = np.float64(self.offset + sum(r * c for r, c in zip(ratio.tolist(), first, strict=False)))
        for r, code in zip(ratio[-2:], self.code[-2:], strict=True):
            value = np.add.outer(value, r * code)
        rounding = self.quantize.rounding
        nearest = self._clipped(round_real(value, rounding).astype(np.int64))
        tie = value - (0 if rounding == "floor" else 0.5)
        i, j = np.nonzero(np.abs(tie - np.rint(tie)) < DOUBTFUL)
        if i.size:
            nearest[i, j] = self._exact(first, self.code[-2][i], self.code[-1][j])
        return nearest

    def _exact(self, first: tuple[int, ...], *pair: IntArray) -> IntArray:
        """The nearest codes of some sums, in whole numbers over one denominator."""
        *factors, offset, one = self._whole
        largest = [*map(abs, first), *(int(np.abs(code).max(initial=0)) for code in pair)]
        # factors of codes that are all 0 have to fit, too
        reach = 2 * (sum(abs(f) * max(c, 1) for f, c in zip(factors, largest, strict=True)) + abs(offset)) + one
        dtype = np.int64 if reach < 2**62 else object  # numbers of any size
        total = sum(f * c for f, c in zip(factors, first, strict=False)) + offset
        twice = 2 * (total + sum(f * code.astype(dtype) for f, code in zip(factors[-2:], pair, strict=True)))
        rounding = self.quantize.rounding
        moved = twice + (0 if rounding == "floor" else one)
        code = moved // (2 * one)
        if rounding == "half_even":
            code = code - ((moved % (2 * one) == 0) & (code % 2 == 1))
        return self._clipped(np.asarray(code, np.int64))

    @cached_property
    def _whole(self) -> tuple[int, ...]:
        """What each code weighs in the quantizer's, its offset, and one, as whole numbers of one unit."""
        out = exactly(self.out_step)
        parts = [*(exactly(step) / out for step in self.step), Fraction(self.offset), Fraction(1)]
        unit = math.lcm(*(part.denominator for part in parts))
        return tuple(int(part * unit) for part in parts)

    def _clipped(self, code: IntArray) -> IntArray:
        format, zero_point = self.quantize.format, self.quantize.zero_point
        return np.clip(code, format.lowest - zero_point, format.highest - zero_point)


def exactly(step: float) -> Fraction:
    """The number that a step stands for: a float32 where it is one, but for what a reciprocal in float64 loses."""
    with np.errstate(over="ignore"):
        near = float(np.float32(step))
    return Fraction(near if abs(near - step) <= abs(step) * 2.0**-51 else step)


@dataclass(frozen=True, eq=False)
class QuantizedAdd:
    """An Add of codes, and the quantizer that alone reads it, behind a ReLU or HardTanh perhaps."""

    add: Add
    quantize: Quantize
    reads: tuple[Signal, ...]

    def __hash__(self) -> int:
        """Hash of all that decides the widths, so that they are looked for once."""
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        """Whether the same widths serve."""
        return isinstance(other, QuantizedAdd) and self._content == other._content

    @cached_property
    def _content(self) -> tuple[object, ...]:
        quantize, add = self.quantize, self.add
        scale, offset = (np.asarray(each, np.float64) for each in (quantize.scale, quantize.offset))
        arrays = (scale, offset, *(np.asarray(read.step, np.float64) for read in self.reads))
        ranges = tuple((*_range(read), read.format.kind, read.shape[0]) for read in self.reads)
        return (
            *(part for each in arrays for part in (each.shape, each.tobytes())),
            *(ranges, add.signs, add.multiplier_bit_width, add.step is None, quantize.format),
            *(quantize.zero_point, quantize.rounding, quantize.multiplier_bit_width),
        )

    @property
    def n_sum(self) -> int:
        """Combinations of codes that a neuron may read."""
        return math.prod(_n_code(read) for read in self.reads)

    @property
    def is_exact(self) -> bool:
        """Whether the signals' steps differ by powers of two only: the sum is exact then, and one factor serves."""
        return all(each.kind != "multiply" for each in self.add.factors(*self.reads))

    @cached_property
    def sums(self) -> dict[int, Sums]:
        """Those of the channels that differ from one another."""
        step = [read.step * self.add.sign(k) for k, read in enumerate(self.reads)]
        parts = np.broadcast_arrays(*step, 1 / np.asarray(self.quantize.scale), np.asarray(self.quantize.offset))
        channel = np.stack(parts, axis=-1).reshape(-1, len(parts))
        code = tuple(map(_codes, self.reads))
        _, first = np.unique(channel, axis=0, return_index=True)
        return {
            int(k): Sums(tuple(channel[k, :-2].tolist()), code, self.quantize, *channel[k, -2:].tolist()) for k in first
        }

    def n_wrong(self, add: Add, quantize: Quantize, stop: bool = False) -> int:
        """How many combinations of codes lead to another code than the nearest, with the factors of these layers."""
        out = add.signal(*self.reads)
        ratio = quantize.ratio(out)
        factors = [each.multiplier * add.sign(k) for k, each in enumerate(add.factors(*self.reads))]
        parts = [factor * ratio.multiplier for factor in factors]
        spread = np.broadcast_arrays(*parts, quantize.constant(out), ratio.shift)
        channel = np.stack(spread, axis=-1).reshape(-1, len(spread))
        n_wrong = 0
        for k, sums in self.sums.items():
            *multiplier, constant, shift = channel[min(k, len(channel) - 1)].tolist()
            n_wrong += sums.n_wrong(tuple(multiplier), constant, shift, stop)
            if stop and n_wrong:
                break
        return n_wrong

    def with_width(self, bit_width: int) -> tuple[Add, Quantize]:
        """The layers with multipliers of a width: the quantizer's behind an exact sum, else the Add's."""
        if self.is_exact:
            return self.add, replace(self.quantize, multiplier_bit_width=bit_width)
        step = 1 / np.asarray(self.quantize.scale)
        return replace(self.add, step=step, multiplier_bit_width=bit_width), self.quantize

    def with_fewest_bits(self) -> tuple[Add, Quantize]:
        """The layers with the narrowest multipliers that are right for all sums; 32 bits where none are."""
        return self.with_width(_fewest_bits(self))


@lru_cache(maxsize=256)
def _fewest_bits(place: QuantizedAdd) -> int:
    place, widest = replace(place), WIDEST  # a copy, whose sums are not kept with the answer
    for bit_width in range(2, WIDEST + 1):
        add, quantize = place.with_width(bit_width)
        try:
            quantize.ratio(add.signal(*place.reads))
        except NetworkError:  # too narrow to tell the steps apart, or too wide for 64 bits
            continue
        widest = bit_width
        if place.n_sum <= MOST_SUMS and not place.n_wrong(add, quantize, stop=True):
            break
    return widest


def _n_code(read: Signal) -> int:
    lowest, highest = _range(read)
    return highest - lowest + 1


def _range(read: Signal) -> tuple[int, int]:
    format = read.format
    return max(format.lowest - read.zero_point, -read.bound), min(format.highest - read.zero_point, read.bound)


def _codes(read: Signal) -> IntArray:
    """All that a signal may have."""
    lowest, highest = _range(read)
    return np.arange(lowest, highest + 1, 2 if read.format.kind == "binary" else 1, dtype=np.int64)
