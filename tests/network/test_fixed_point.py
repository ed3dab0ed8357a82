"""Fixed-point factors: exact for powers of two, else the nearest multiplier of so many bits."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import NetworkError
from hwsim.network.fixed_point import affine, rescale

RATIOS = st.floats(2.0**-20, 2.0**20)
WIDTHS = st.integers(2, 32)


def value_of(fixed, k=()):
    """The factor that multiplier and shift stand for, exactly."""
    return Fraction(int(np.asarray(fixed.multiplier)[k])) / 2 ** int(np.asarray(fixed.shift)[k])


@given(exponent=st.integers(-62, 31), bit_width=WIDTHS)
def test_powers_of_two_are_exact(exponent, bit_width):
    fixed = rescale(2.0**exponent, bit_width)
    assert value_of(fixed) == Fraction(2) ** exponent
    assert fixed.kind == ("none" if exponent == 0 else "shift")
    assert fixed.shift >= 0


@given(ratio=RATIOS, bit_width=WIDTHS)
def test_other_ratios_get_the_nearest_multiplier(ratio, bit_width):
    fixed = rescale(ratio, bit_width)
    if math.frexp(ratio)[0] == 0.5:
        assert fixed.kind == "shift" or ratio == 1
        return
    assert fixed.kind == "multiply"
    # a multiplier of b bits, one of them the sign, whose top bit is set: relative error at most half of 2**-(b - 2)
    shift = int(fixed.shift)
    multiplier = int(fixed.multiplier)
    if shift > 0:
        assert 2 ** (bit_width - 2) <= multiplier < 2 ** (bit_width - 1)
    error = abs(value_of(fixed) - Fraction(ratio)) / Fraction(ratio)
    assert error <= Fraction(1, 2 ** (bit_width - 1))
    # no neighbour is nearer
    for other in (multiplier - 1, multiplier + 1):
        if 2 ** (bit_width - 2) <= other < 2 ** (bit_width - 1) and shift > 0:
            assert abs(Fraction(other, 2**shift) - Fraction(ratio)) >= abs(value_of(fixed) - Fraction(ratio))


@given(ratios=st.lists(RATIOS, min_size=1, max_size=5), bit_width=st.integers(8, 16), common=st.booleans())
def test_channels_are_alike_or_share_a_shift(ratios, bit_width, common):
    fixed = rescale(ratios, bit_width, common_shift=common)
    assert fixed.multiplier.shape == fixed.shift.shape == (len(ratios),)
    if common:
        assert len(set(fixed.shift.tolist())) == 1
        # as near as the step of the largest allows
        step = Fraction(max(ratios)) / 2 ** (bit_width - 2)
        assert all(abs(value_of(fixed, k) - Fraction(ratio)) <= step for k, ratio in enumerate(ratios))
        return
    powers = all(math.frexp(ratio)[0] == 0.5 for ratio in ratios)
    if not powers:
        for k, ratio in enumerate(ratios):
            alone = rescale(ratio, bit_width)
            assert value_of(fixed, k) == value_of(alone) or math.frexp(ratio)[0] == 0.5
            # among others a power of two is a multiplier like any, still exact
            if math.frexp(ratio)[0] == 0.5:
                assert value_of(fixed, k) == Fraction(ratio)


def test_a_mantissa_that_rounds_up_to_one():
    ratio = 1 - 2.0**-20  # as an 8-bit multiplier 127.99988 / 128 would be 128, which has nine bits
    fixed = rescale(ratio, 8)
    assert (int(fixed.multiplier), int(fixed.shift)) == (64, 6)
    both = rescale([ratio, 0.3], 8, common_shift=True)
    assert both.multiplier.tolist() == [64, round(0.3 * 64)]
    assert both.shift.tolist() == [6, 6]


def test_a_shift_to_the_left_is_part_of_the_factor():
    fixed = rescale(3.0 * 2**20, 8)
    assert int(fixed.shift) == 0
    assert int(fixed.multiplier) == 3 * 2**20


@pytest.mark.parametrize("ratio", [2.0**-63, 2.0**32, 3.0 * 2**-70, 3.0 * 2**50, 1e300, 1e-300])
def test_ratios_out_of_range_are_refused(ratio):
    with pytest.raises(NetworkError, match="out of"):
        rescale(ratio, 16)


# ------------------------------------------------------------------------------------------------------ affine


@given(
    scale=st.lists(st.floats(-8, 8).filter(lambda x: abs(x) > 1e-3), min_size=1, max_size=4),
    offset=st.floats(-100, 100),
    step=st.sampled_from([1.0, 0.25, 0.3]),
)
def test_affine_is_near_and_shares_one_shift(scale, offset, step):
    fixed = affine(scale, offset, step, 16)
    unit = Fraction(2) ** -fixed.shift
    factors = [Fraction(a) * Fraction(step) for a in scale]
    largest = max(map(abs, factors))
    for multiplier, factor in zip(fixed.multiplier.tolist(), factors, strict=True):
        assert abs(multiplier) < 2**15
        # half a unit, and what float64 loses in scale x step
        assert abs(multiplier * unit - factor) <= unit / 2 + abs(factor) / 2**50
    assert largest / unit > 2**14 - 1  # all 16 bits are used
    assert abs(int(fixed.offset) * unit - Fraction(offset)) <= unit / 2


def test_affine_of_a_mantissa_that_rounds_up_to_one():
    fixed = affine(1 - 2.0**-20, 0.5, 1.0, 8)
    assert (int(fixed.multiplier), fixed.shift, int(fixed.offset)) == (64, 6, 32)


@pytest.mark.parametrize(
    ("scale", "offset", "message"),
    [
        (0.0, 1.0, "scale is zero everywhere"),
        ([0.0, 0.0], 1.0, "scale is zero everywhere"),
        (np.inf, 0.0, "not finite"),
        (1e-30, 0.0, "out of the range of 16-bit multipliers"),
        (1e30, 0.0, "out of the range of 16-bit multipliers"),
        (1.0, 1e18, "out of the range of 16-bit multipliers"),
    ],
)
def test_affine_factors_that_are_none(scale, offset, message):
    with pytest.raises(NetworkError, match=message):
        affine(scale, offset, 1.0, 16)


def test_one_zero_among_the_factors_is_fine():
    fixed = affine([1.5, 0.0], 0.0, 1.0, 16)
    assert fixed.multiplier.tolist() == [1.5 * 2**fixed.shift, 0]
