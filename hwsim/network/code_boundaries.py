"""Where codes begin among accumulators: how many bits a Quantize's multiplier takes to put every boundary right.

A quantizer divides the line of accumulators into as many stretches as it has codes. A multiplier of few bits makes the
same codes as the exact ratio, for every accumulator there can be, if each stretch begins at the same whole number.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.layers import Quantize
from hwsim.network.signals import IntArray, Signal

WIDEST = 32
"""Of a multiplier. [bits]"""

MOST_CODE_BITS = 8
"""Boundaries of wider codes are too many to be looked at; their multipliers are as wide as can be. [bits]"""

TIE = 2.0**-40
"""Relative distance from a whole number at which a boundary is taken for a tie, which may go either way."""


def fewest_bits(quantize: Quantize, read: Signal) -> tuple[int, bool]:
    """The narrowest multiplier that makes the nearest code of every accumulator; the widest there can be if none does.

    Parameters
    ----------
    quantize : Quantize
        Its own width is not looked at.
    read : Signal
        Integers.

    Returns
    -------
    int, bool
        2 ... 32 [bits], and whether every code is the nearest, but for ties.
    """
    exact, looked_at = _exact(quantize, read)
    fitting = 2
    for bit_width in range(2, WIDEST + 1):
        narrow = replace(quantize, multiplier_bit_width=bit_width)
        try:
            narrow.ratio(read)
        except NetworkError:  # of numbers that take more than 64 bits
            continue
        fitting = bit_width
        if quantize.bit_width <= MOST_CODE_BITS and _agree(narrow, read, exact, looked_at):
            return bit_width, True
    return fitting, False


def _levels(quantize: Quantize) -> IntArray:
    """All codes but the lowest, less the zero point; of wide ones none."""
    if quantize.bit_width > MOST_CODE_BITS:
        return np.zeros(0, np.int64)
    return np.arange(quantize.format.lowest + 1, quantize.format.highest + 1) - quantize.zero_point


def _exact(quantize: Quantize, read: Signal) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """The smallest accumulator of every code, by channel; and which of these can be reached, and are no ties."""
    ratio = np.atleast_1d(read.step * np.asarray(quantize.scale))[:, None]
    half = 0.0 if quantize.rounding == "floor" else 0.5
    place = (_levels(quantize) - half - np.atleast_1d(quantize.offset)[:, None]) / ratio
    is_tie = np.abs(place - np.rint(place)) <= TIE * np.maximum(np.abs(place), 1)
    reached = np.abs(place) <= read.bound + 1
    return np.ceil(np.where(reached, place, 0)).astype(np.int64), reached & ~is_tie


def _agree(quantize: Quantize, read: Signal, exact: IntArray, looked_at: npt.NDArray[np.bool_]) -> bool:
    fixed, level = quantize.ratio(read), _levels(quantize)
    multiplier, shift, constant = (
        np.atleast_1d(each)[:, None] for each in (fixed.multiplier, fixed.shift, quantize.constant(read))
    )
    # where a boundary is reached, its multiple of the multiplier is within 64 bits
    needed = np.where(looked_at, level, 0) << shift
    first = -((constant - needed) // multiplier)
    if quantize.rounding == "half_even":  # a tie of the rounded factors goes to the even code
        first = first + ((first * multiplier + constant == needed) & (level % 2 == 1))
    ends = -read.bound, read.bound + 1
    return bool(np.all((np.clip(first, *ends) == np.clip(exact, *ends)) | ~looked_at))
