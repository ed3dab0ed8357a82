"""Codes that a Quantize makes of accumulators, every one of them, against fractions; and the bits that this takes."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.code_boundaries import fewest_bits
from hwsim.network.graph import Network
from hwsim.network.layers import Quantize
from hwsim.network.number_format import integer
from hwsim.network.signals import Signal
from hwsim.simulation.simulator import simulate

ROUNDINGS = ("half_even", "half_up", "floor")


def made(quantize, accumulators):
    """What the simulator makes of integers of step 1, one to a channel, given as frames."""
    format = integer(16)
    network = Network("codes", (accumulators.shape[1],), (quantize,), input_format=format)
    return simulate(network, Dataset(accumulators, name="all"), "dense").output_codes


def right(quantize, accumulator, scale, offset):
    value = Fraction(int(accumulator)) * Fraction(scale) + Fraction(offset)
    half = Fraction(quantize.rounding == "half_up", 2)
    code = round(value) if quantize.rounding == "half_even" else math.floor(value + half)
    return min(max(code, quantize.format.lowest), quantize.format.highest)


OFFSETS = [0.0, 0.5, -0.5, 0.25, -1.5, 0.3, 1 / 3, -2.123456789]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25, 0.0625, 2.0])
def test_an_offset_beside_a_shift_is_exact(rounding, scale):
    quantize = Quantize("out", scale=scale, offset=OFFSETS, rounding=rounding)
    accumulators = np.repeat(np.arange(-400, 400)[:, None], len(OFFSETS), axis=1)
    codes = made(quantize, accumulators)
    for channel, offset in enumerate(OFFSETS):
        expected = [right(quantize, each, scale, offset) for each in accumulators[:, channel]]
        assert codes[:, channel].tolist() == expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", range(6))
def test_the_fewest_bits_are_enough_and_no_fewer_are(seed, rounding):
    """Small accumulators, for which few bits do, whose own ties are no ties of the exact ratio."""
    random = np.random.default_rng(seed)
    bound = int(random.integers(20, 200))
    scale, offset = float(random.uniform(0.03, 1.7)), float(random.uniform(-3, 3)) * (seed % 2)
    quantize = Quantize("out", scale=scale, offset=offset, rounding=rounding, bit_width=5)
    read = Signal((1,), integer(16), np.asarray(1.0), bound=bound)
    accumulators = np.arange(-bound, bound + 1)[:, None]
    expected = [right(quantize, each, scale, offset) for each in accumulators[:, 0]]

    def is_right(bit_width):
        try:
            return made(replace(quantize, multiplier_bit_width=bit_width), accumulators)[:, 0].tolist() == expected
        except NetworkError:
            return False

    bits, is_nearest = fewest_bits(quantize, read)
    assert is_nearest
    assert bits == next(bit_width for bit_width in range(2, 33) if is_right(bit_width))


def test_codes_of_many_bits_take_the_widest_multiplier():
    quantize = Quantize("out", scale=0.3, bit_width=12)
    assert fewest_bits(quantize, Signal((1,), integer(24), np.asarray(1.0), bound=2**20)) == (32, False)
    # 0.3 is 0.6 / 2: 2**40 x 0.6 x 2**22 is below 2**62, and with 2**23 not
    assert fewest_bits(quantize, Signal((1,), integer(64), np.asarray(1.0), bound=2**40)) == (23, False)
