"""Formats of numbers, and numbers as whole ones: worked out anew, with Python's exact integers and fractions."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

ZERO = np.float32(0)
PARTIAL_SUM_WIDTHS = (8, 16, 24, 32, 64)


class Number(NamedTuple):
    """A number format."""

    kind: str  # real, bfloat, integer, binary, ternary or power-of-two
    n_bit: int
    signed: bool = True
    narrow: bool = False

    @property
    def is_real(self):
        return self.kind in ("real", "bfloat")

    @property
    def zero(self):
        return ZERO if self.is_real else 0

    @property
    def operand(self):
        """The name under which operations on such numbers are counted: of integers the width, not the sign."""
        return {
            "integer": f"int{self.n_bit}",
            "real": f"fp{self.n_bit}",
            "bfloat": f"bf{self.n_bit}",
            "power-of-two": f"po2-{self.n_bit}",
        }.get(self.kind, self.kind)

    @property
    def range(self):
        """Lowest and highest code."""
        if self.kind == "integer":
            highest = 2 ** (self.n_bit - 1) - 1 if self.signed else 2**self.n_bit - 1
            lowest = 0 if not self.signed else -highest if self.narrow else -highest - 1
            return lowest, highest
        if self.kind == "power-of-two":  # one bit is the sign; of the exponents, one means zero
            highest = 2 ** (2 ** (self.n_bit - 1) - 2) if self.n_bit > 1 else 1
            return -highest, highest
        return -1, 1

    @property
    def difference(self):
        """Format of the difference of two such numbers."""
        if self.is_real:
            return self
        # sums of 64 bits that a machine takes on are so small that their differences are no wider
        return Number("ternary", 2) if self.is_flag else Number("integer", min(self.n_bit + 1, 64))

    @property
    def is_flag(self):
        """Whether its numbers are nothing but 0 and 1."""
        return self.kind == "integer" and self.range == (0, 1)


FP32 = Number("real", 32)
BINARY = Number("binary", 1)


def number_of(declared) -> Number:
    """The format that a network declares for a tensor."""
    return Number(declared.kind, declared.bit_width, declared.signed, declared.narrow_range)


def partial_sum(bound: int) -> Number:
    """Format of the narrowest usual accumulator that holds -bound ... bound."""
    for width in PARTIAL_SUM_WIDTHS:
        if bound <= 2 ** (width - 1) - 1:
            return Number("integer", width)
    raise AssertionError("the network should have been refused")


def signed_width(largest: int) -> int:
    """Bits of the narrowest signed integer that holds -largest ... largest."""
    return next(width for width in range(1, 66) if largest <= 2 ** (width - 1) - 1)


def rounded(value: Fraction, rounding: str) -> int:
    """A number as a whole one, exactly."""
    if rounding == "half_up":
        return math.floor(value + Fraction(1, 2))
    if rounding == "half_even":
        return round(value)
    assert rounding == "floor"
    return math.floor(value)


def is_power_of_two(ratio: float) -> bool:
    return math.frexp(ratio)[0] == 0.5


def nearest_even(value: float) -> int:
    return round(value)  # Python rounds halves to even


def over_common_power(ratios: list[float], n_bit: int) -> tuple[list[int], int]:
    """Positive ratios as integers over one power of two: exact for powers of two, else the largest has `n_bit` bits.

    Returns
    -------
    multipliers, shift
        Such that ratio = multiplier / 2**shift, or nearly so.
    """
    if all(is_power_of_two(ratio) for ratio in ratios):
        shift = max(0, -min(math.frexp(ratio)[1] - 1 for ratio in ratios))
        return [int(math.ldexp(ratio, shift)) for ratio in ratios], shift
    largest = max(ratios)
    shift = n_bit - 1 - math.frexp(largest)[1]
    if nearest_even(math.ldexp(largest, shift)) == 2 ** (n_bit - 1):
        shift -= 1  # a mantissa that rounded up to one
    # a shift to the left is part of the factor
    return [nearest_even(math.ldexp(ratio, shift)) << max(0, -shift) for ratio in ratios], max(0, shift)


def signed_digits(s: int) -> list[tuple[int, int]]:
    """The canonical signed-digit form: (position, sign) of every non-zero digit, no two of them neighbours."""
    digits, position = [], 0
    while s:
        if s % 2:
            sign = 2 - s % 4  # 1 when the next bit is 0, else -1 and carry
            digits.append((position, sign))
            s -= sign
        s //= 2
        position += 1
    return digits
