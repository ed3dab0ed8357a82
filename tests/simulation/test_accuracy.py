"""Intervals and paired differences of accuracies, against sums of binomial coefficients in whole fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

from hwsim.errors import DataError
from hwsim.simulation.accuracy import Paired, checked_tolerance, interval, paired


def two_sided(n_better, n_worse):
    """Twice the smaller tail of a fair coin, at most 1."""
    n = n_better + n_worse
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(min(n_better, n_worse) + 1))
    return min(Fraction(1), 2 * tail)


@examples(60)
@given(n_better=st.integers(0, 60), n_worse=st.integers(0, 60))
def test_the_exact_test_is_a_sum_of_binomial_coefficients(n_better, n_worse):
    result = Paired(1000, n_better, n_worse)
    exact = two_sided(n_better, n_worse)
    assert result.p == pytest.approx(float(exact), rel=1e-9)
    assert result.may_be_zero == (exact >= Fraction(1, 20))
    assert result.p == Paired(1000, n_worse, n_better).p  # the same whichever comes first


@pytest.mark.parametrize(
    ("n_better", "n_worse", "p"),
    [
        (0, 0, 1),  # the same frames are right
        (0, 5, Fraction(1, 16)),  # 2 / 2^5
        (0, 6, Fraction(1, 32)),  # six frames against none are the fewest that settle it
        (1, 7, Fraction(9, 128)),  # 2 (1 + 8) / 2^8
        (1, 8, Fraction(10, 256)),  # 2 (1 + 9) / 2^9
        (3, 3, 1),
    ],
)
def test_the_exact_test_by_hand(n_better, n_worse, p):
    assert Paired(100, n_better, n_worse).p == pytest.approx(float(p), rel=1e-12)


def test_the_exact_test_as_published():
    # A. Agresti, Categorical Data Analysis, 2nd ed., table 10.1: approval of a prime minister, asked twice of
    # the same 1,600 people, of whom 150 and 86 changed sides; z^2 = 17.36
    result = Paired(1600, 86, 150)
    chi_square = (150 - 86) ** 2 / (150 + 86)
    assert chi_square == pytest.approx(17.36, abs=0.005)
    assert result.p == pytest.approx(math.erfc(math.sqrt(chi_square / 2)), rel=0.5)  # exact and asymptotic agree
    assert result.p == pytest.approx(float(two_sided(86, 150)), rel=1e-9)
    assert not result.may_be_zero


def wilson_holds(bound, n_right, n_frame):
    """The score equation that defines the interval's ends: |p - n_right / n| = z sqrt(p (1 - p) / n)."""
    z = 1.959963984540054  # the normal distribution's 97.5 % point, from tables
    return abs(bound - n_right / n_frame) == pytest.approx(z * math.sqrt(bound * (1 - bound) / n_frame), rel=1e-9)


@examples(60)
@given(st.data())
def test_the_interval_solves_its_equation(data):
    n_frame = data.draw(st.integers(1, 20_000))
    n_right = data.draw(st.integers(0, n_frame))
    low, high = interval(n_right, n_frame)
    assert 0 <= low <= n_right / n_frame <= high <= 1
    for bound, end in ((low, n_right), (high, n_frame - n_right)):
        # at 0 and at 1 the bound is the end itself
        assert wilson_holds(bound, n_right, n_frame) or (end == 0 and bound in (pytest.approx(0), pytest.approx(1)))


@pytest.mark.parametrize(
    ("n_right", "n_frame", "low", "high"),
    [
        # R. G. Newcombe, Two-sided confidence intervals for the single proportion, Stat. Med. 17, 1998, table I,
        # method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_as_published(n_right, n_frame, low, high):
    assert interval(n_right, n_frame) == pytest.approx((low, high), abs=0.00005)


def test_frames_are_compared_one_by_one():
    right = np.array([True, True, True, False, False, True])
    other = np.array([True, False, False, True, False, False])
    assert paired(right, other) == Paired(6, 3, 1)
    assert paired(right, other).difference == pytest.approx(100 * 2 / 6)
    assert paired(other, right) == Paired(6, 1, 3)
    assert paired(right, right) == Paired(6, 0, 0)
    assert paired(right, right).is_same(0)


def test_the_same_is_within_the_tolerance_or_may_be_chance():
    # 100 frames of 10,000 lost and none won is a point, and no chance
    point = Paired(10_000, 0, 100)
    assert not point.may_be_zero
    assert point.is_same(1)
    assert not point.is_same(0.99)
    assert not Paired(10_000, 0, 101).is_same(1)
    assert Paired(10_000, 101, 0).difference > 1  # better by more than the tolerance is not the same either
    assert not Paired(10_000, 101, 0).is_same(1)
    # five of a hundred lost and none won may be chance, six may not
    assert Paired(100, 0, 5).is_same(0)
    assert not Paired(100, 0, 6).is_same(5)
    assert Paired(100, 0, 6).is_same(6)


@given(n_frame=st.integers(1, 5000), n_apart=st.integers(0, 5000))
def test_a_tolerance_is_met_to_the_last_frame(n_frame, n_apart):
    n_apart = min(n_apart, n_frame)
    tolerance = float(Fraction(100 * n_apart, n_frame))
    assert Paired(n_frame, 0, n_apart).is_within(tolerance)
    if n_apart:
        assert not Paired(n_frame, 0, n_apart).is_within(float(Fraction(100 * n_apart - 1, n_frame)))


@pytest.mark.parametrize("tolerance", [-0.1, 100.5, math.nan, math.inf])
def test_a_tolerance_is_points(tolerance):
    with pytest.raises(DataError, match="write points of accuracy, 0 to 100"):
        checked_tolerance(tolerance)
