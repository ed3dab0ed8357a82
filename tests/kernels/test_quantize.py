"""Quantization against exact rational numbers: ties, saturation, wide products, extreme numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest

from hwsim.kernels.quantize import count_thresholds, quantize_integer, quantize_real, settle_ties

ROUNDINGS = ("half_up", "half_even", "floor")
WORK = [np.int16, np.int32, np.int64]


def exactly(value, rounding):
    """A rational number as a whole one."""
    if rounding == "half_up":
        return math.floor(value + Fraction(1, 2))
    return round(value) if rounding == "half_even" else math.floor(value)


def by_kernel(work, total, multiplier, shift, rounding, lowest, highest, relu=False, dtype=np.int64):
    """Codes and how many were clipped, with everything in the types that a step prepares."""
    multiplier, shift = (np.broadcast_to(each, total.shape[1:]).astype(work) for each in (multiplier, shift))
    half = np.where((shift > 0) & (rounding != "floor"), 2 ** np.maximum(shift.astype(np.int64) - 1, 0), 0).astype(work)
    floor = work(0 if relu else np.iinfo(work).min)
    code = np.full((len(total), total.shape[1] + 3), 77, dtype)
    arguments = (work, total, floor, multiplier, shift, half, work(lowest), work(highest), code)
    clipped = quantize_integer(*arguments)
    if rounding == "half_even":
        clipped += settle_ties(*arguments[1:])
    assert (code[:, total.shape[1] :] == 77).all()
    return code[:, : total.shape[1]].tolist(), clipped


def by_fractions(total, multiplier, shift, rounding, lowest, highest, relu=False):
    codes, clipped = [], 0
    multiplier, shift = (np.broadcast_to(each, total.shape[1:]).tolist() for each in (multiplier, shift))
    for row in total.tolist():
        value = [max(x, 0) if relu else x for x in row]
        whole = [exactly(Fraction(x * m, 2**s), rounding) for x, m, s in zip(value, multiplier, shift, strict=True)]
        codes.append([min(max(each, lowest), highest) for each in whole])
        clipped += sum(not lowest <= each <= highest for each in whole)
    return codes, clipped


@pytest.mark.plain
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("lowest", "highest"), [(-8, 7), (-7, 7), (0, 15), (0, 1), (-3, 12), (-1, 0), (-128, 127)])
def test_every_small_number_its_ties_and_its_saturation(work, rounding, relu, lowest, highest):
    # halves of every sign, at and next to both ends of the range
    total = np.arange(-140, 142).reshape(3, -1).astype(np.int16)
    n_clipped = 0
    for multiplier, shift in ((1, 0), (1, 1), (1, 3), (3, 2), (5, 4)):
        expected = by_fractions(total, multiplier, shift, rounding, lowest, highest, relu)
        assert by_kernel(work, total, multiplier, shift, rounding, lowest, highest, relu) == expected
        n_clipped += expected[1]
    assert n_clipped > 0


@pytest.mark.plain
def test_roundings_part_at_halves_alone():
    total = np.array([[-5, -3, -1, 1, 3, 5]], np.int32)  # halves of them: -2.5, -1.5, ...
    expected = {"half_up": [-2, -1, 0, 1, 2, 3], "half_even": [-2, -2, 0, 0, 2, 2], "floor": [-3, -2, -1, 0, 1, 2]}
    for rounding in ROUNDINGS:
        assert by_kernel(np.int32, total, 1, 1, rounding, -8, 7) == ([expected[rounding]], 0)


@pytest.mark.plain
@pytest.mark.parametrize(
    ("total", "lowest", "highest", "code", "clipped"),
    [
        (15, -8, 7, 7, 1),  # 7.5 up to 8, which is beyond; even is 8
        (13, -8, 6, 6, 0),  # 6.5 up to 7 would be beyond; even is 6
        (-17, -8, 7, -8, 0),  # -8.5 up to -8; even is -8
        (-15, -7, 7, -7, 1),  # -7.5 up to -7; even is -8, which is beyond
        (-1, 0, 7, 0, 0),  # -0.5 up to 0, which is even
        (1, 1, 7, 1, 1),  # 0.5 up to 1; even is 0, which is beyond
    ],
)
def test_even_halves_at_the_ends_of_the_range(total, lowest, highest, code, clipped):
    found = by_kernel(np.int32, np.array([[total]], np.int32), 1, 1, "half_even", lowest, highest)
    assert found == ([[code]], clipped)
    assert found == by_fractions(np.array([[total]]), 1, 1, "half_even", lowest, highest)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("work", "reach", "bits"),
    # |total| x multiplier + half stays within `work`
    [(np.int16, 2**7 - 1, 8), (np.int32, 2**16 - 1, 15), (np.int64, 2**31 - 1, 31)],
)
def test_random_numbers_and_factors_by_channel(work, reach, bits, rounding):
    generator = np.random.default_rng(0)
    n = 50
    total = generator.integers(-reach, reach + 1, (40, n))
    total[0], total[1], total[2] = reach, -reach, 0
    multiplier = generator.integers(1, 2 ** (bits - 1), n)
    shift = generator.integers(0, bits - 2, n)
    narrow = total.astype({np.int16: np.int16, np.int32: np.int32, np.int64: np.int64}[work])
    for lowest, highest in ((-8, 7), (-(reach // 2), reach // 2)):
        expected = by_fractions(total, multiplier, shift, rounding, lowest, highest)
        assert by_kernel(work, narrow, multiplier, shift, rounding, lowest, highest) == expected
        assert 0 < expected[1] < total.size


@pytest.mark.parametrize(("work", "shift"), [(np.int16, 14), (np.int32, 30), (np.int64, 61)])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_largest_shifts(work, shift, rounding):
    # half is 2**(shift - 1); the numbers are as large as `work` allows beside it
    half = 2 ** (shift - 1)
    total = np.array([[half, half - 1, -half, -half - 1, 3 * half - 1, 1, -1, 0]], work)
    expected = by_fractions(total, 1, shift, rounding, -2, 2)
    assert by_kernel(work, total, 1, shift, rounding, -2, 2) == expected


@pytest.mark.parametrize("shift", [31, 32, 40, 62])
def test_rounding_down_by_more_than_the_width(shift):
    # without a half to add, 32 bits hold the product whatever the shift
    total = np.array([[2**30, -(2**30), 1, -1, 0]], np.int32)
    assert by_kernel(np.int32, total, 1, shift, "floor", -2, 2) == ([[0, -1, 0, -1, 0]], 0)


def test_bytes_and_wide_codes():
    total = np.arange(256, dtype=np.uint8).reshape(1, -1)
    expected = by_fractions(total, 1, 4, "half_up", 0, 15)
    assert expected[1] == 8  # 248 ... 255 round up to 16
    for dtype in (np.int8, np.int16, np.int64):
        assert by_kernel(np.int16, total, 1, 4, "half_up", 0, 15, dtype=dtype) == expected


def test_more_clipped_codes_than_sixteen_bits_count():
    total = np.full((2, 70_000), 100, np.int16)
    # what is worked in must hold the number of codes of a frame, too
    codes, clipped = by_kernel(np.int32, total, 1, 0, "half_up", -8, 7)
    assert clipped == 140_000
    assert codes[1][-1] == 7


# --------------------------------------------------------------------------------------------------- thresholds


@pytest.mark.plain
@pytest.mark.parametrize("threshold", [[], [128], [0, 255], [3, 4, 200]])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
def test_levels_are_the_thresholds_reached(threshold, dtype):
    byte = np.arange(256, dtype=np.uint8).reshape(2, 128)
    code = np.full((2, 130), 77, dtype)
    count_thresholds(byte, 128, np.array(threshold, np.uint8), -3, code)
    assert code[:, :128].ravel().tolist() == [-3 + sum(each <= b for each in threshold) for b in range(256)]
    assert (code[:, 128:] == 77).all()


# -------------------------------------------------------------------------------------------------- real numbers


def real_by_kernel(value, scale, rounding, lowest, highest, floor=-np.inf):
    code = np.full((len(value), value.shape[1] + 2), 77, np.int64)
    scale = np.broadcast_to(np.asarray(scale, np.float64), value.shape[1:]).copy()
    offset = np.zeros(value.shape[1:])
    clipped = quantize_real(value, floor, scale, offset, ROUNDINGS.index(rounding), lowest, highest, code)
    assert (code[:, value.shape[1] :] == 77).all()
    return code[:, : value.shape[1]].tolist(), clipped


@pytest.mark.plain
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("relu", [False, True])
def test_real_numbers_their_ties_and_their_saturation(rounding, relu):
    # quarters have ties, and products with scales of few bits are exact
    value = (np.arange(-80, 81) / 4).astype(np.float32).reshape(1, -1)
    for scale in (1.0, 2.0, 0.5, 0.75):
        exact = [Fraction(float(x)) * Fraction(scale) for x in value[0]]
        whole = [exactly(max(x, Fraction(0)) if relu else x, rounding) for x in exact]
        expected = [[min(max(each, -8), 7) for each in whole]]
        clipped = sum(not -8 <= each <= 7 for each in whole)
        assert clipped > 0
        assert real_by_kernel(value, scale, rounding, -8, 7, 0.0 if relu else -np.inf) == (expected, clipped)


@pytest.mark.plain
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_extreme_real_numbers_saturate(rounding):
    largest = np.finfo(np.float32).max
    value = np.array([[largest, -largest, 1e-45, -1e-45, 0.0, -0.0]], np.float32)
    down = -1 if rounding == "floor" else 0
    assert real_by_kernel(value, 1.0, rounding, -8, 7) == ([[7, -8, 0, down, 0, 0]], 2)
    # 32-bit codes
    codes, clipped = real_by_kernel(value[:, :2], 1e10, rounding, -(2**31), 2**31 - 1)
    assert (codes, clipped) == ([[2**31 - 1, -(2**31)]], 2)


def test_just_below_a_half_is_not_rounded_up():
    below = np.nextafter(np.float32(0.5), np.float32(0))
    assert real_by_kernel(np.array([[below, 0.5]], np.float32), 1.0, "half_up", -8, 7) == ([[0, 1]], 0)
    # in float64, where x + 1/2 would round up: 0.49999999999999994
    scale = np.nextafter(0.5, 0)
    assert scale + 0.5 == 1.0
    assert real_by_kernel(np.array([[1.0]], np.float32), scale, "half_up", -8, 7) == ([[0]], 0)


def test_scales_by_channel():
    value = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], np.float32)
    assert real_by_kernel(value, [1.0, 2.5, -1.0 + 1.25], "half_even", -8, 7) == ([[1, 2, 0], [2, 5, 0]], 0)
