"""Convolutions of events against sums written out tap by tap, and against torch, in every combination of dtypes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from images_with_events import (
    HAND_MADE,
    geometries,
    geometry_of,
    list_of,
    pixels_of,
    positions_of,
    random_changes,
    taps_of,
)

from hwsim.kernels.gather import CHUNK, Part, Scratch, gather, make_scratch
from hwsim.kernels.scatter import scatter
from hwsim.kernels.tiles import WIDTHS, tile_weight

INTEGER = [  # of values, of weights, of accumulators
    (np.int16, np.int8, np.int32),
    (np.int16, np.int16, np.int32),
    (np.int16, np.int8, np.int16),
    (np.int16, np.int16, np.int64),
    (np.int64, np.int64, np.int64),
]
REAL = [np.float32, np.int16, np.int64]  # of values: real codes, or integer codes that meet real weights
SENTINEL = 55


# --------------------------------------------------------------------------------------- a convolution, written out


def slow_convolution(geometry, groups, changes, weight, bias, reset, before):
    """Accumulators after each frame, (n_frame, height x width x n_out), tap by tap in ascending order of inputs.

    Sums are of the dtype of bias: int64, or float32 with every product rounded before it is added. The weight is
    (n_out, channels / groups, kernel_height, kernel_width).
    """
    kind = bias.dtype.type
    n_out, each_in = weight.shape[:2]
    members = [range(g * n_out // groups, (g + 1) * n_out // groups) for g in range(groups)]
    totals = []
    now = before.reshape(geometry.out_height, geometry.out_width, n_out).copy()
    for frame, starts in zip(changes, reset, strict=True):
        if starts:
            now[:] = bias
        for oy, ox in positions_of(geometry):
            for ky, kx, y, x in taps_of(geometry, oy, ox):
                for c in np.flatnonzero(frame[y, x]):
                    own = list(members[c // each_in])
                    product = kind(frame[y, x, c]) * weight[own, c % each_in, ky, kx].astype(kind)
                    now[oy, ox, own] = now[oy, ox, own] + product
        totals.append(now.ravel().copy())
    return np.array(totals)


def rows_of(weight):
    """Weights (n_out, channels, kernel_height, kernel_width) as rows (taps and channels, n_out)."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(-1, len(weight)))


def small_scratch(geometry, width, value, total):
    """The least that holds one row of output positions."""
    window = geometry.kernel_height * geometry.kernel_width * geometry.channels + 2
    n_slot = geometry.out_width * window + 2 * CHUNK
    return Scratch(
        np.zeros(geometry.out_width, np.int64),
        np.zeros(geometry.out_width, np.int64),
        np.full(n_slot, SENTINEL, np.int32),
        np.full(n_slot, SENTINEL, value),
        np.zeros(geometry.out_width * width, total),
    )


def convolved(geometry, groups, changes, weight, bias, reset, before, value_dtype, width=16, scratch=make_scratch):
    """What the kernels leave of the accumulators, computed in parts if there are several rows."""
    start, n_event, place, value = list_of(changes, value_dtype)
    pixel = pixels_of(changes, start, n_event, place)
    total = np.full((len(changes) + 1, len(before)), SENTINEL, bias.dtype)
    total[0] = before
    middle = geometry.out_height // 2
    if groups == 1:
        tiles = tile_weight(rows_of(weight), width)
        room = scratch(geometry, width, value.dtype, bias.dtype)
        for rows in ((0, middle), (middle, geometry.out_height)):
            for first, last in ((0, 1), (1, len(tiles))):
                part = Part(*rows, first, last)
                gather(geometry, pixel, place, value, tiles, bias, reset, part, room, total)
    else:
        line = np.full(geometry.channels, SENTINEL, bias.dtype)
        for rows in ((0, middle), (middle, geometry.out_height)):
            scatter(geometry, groups, pixel, place, value, rows_of(weight), bias, reset, *rows, line, total)
    assert np.array_equal(total[0], before)
    return total[1:]


def random_case(generator, geometry, groups, n_out, codes, weights, n_frame=3, activity=0.5):
    """Changes of codes, weights, bias and accumulators before the first frame, in int64."""
    changes = random_changes(generator, geometry, n_frame, codes, activity)
    each_in = geometry.channels // groups
    weight = generator.choice(weights, (n_out, each_in, geometry.kernel_height, geometry.kernel_width))
    bias = generator.integers(-99, 99, n_out)
    before = generator.integers(-99, 99, geometry.out_height * geometry.out_width * n_out)
    return changes, weight, bias, before


def check_integer(generator, geometry, groups, n_out, codes, weights, dtypes, reset, activity=0.5, **options):
    """Compare with sums in int64, cut to the accumulators' width; return how many are not zero."""
    value_dtype, weight_dtype, total_dtype = dtypes
    case = random_case(generator, geometry, groups, n_out, codes, weights, len(reset), activity)
    changes, weight, bias, before = case
    expected = slow_convolution(geometry, groups, changes, weight, bias, reset, before).astype(total_dtype)
    found = convolved(
        geometry, groups, changes, weight.astype(weight_dtype), bias.astype(total_dtype), reset,
        before.astype(total_dtype), value_dtype, **options,
    )  # fmt: skip
    assert np.array_equal(found, expected)
    return np.count_nonzero(expected)


# --------------------------------------------------------------------------------------------------------- integers

RESETS = [[True, True, True], [False, False, True, False, False], [True, False, False]]


@pytest.mark.plain
@pytest.mark.parametrize("dtypes", INTEGER)
@pytest.mark.parametrize("geometry", HAND_MADE)
def test_integers_are_exact(geometry, dtypes):
    generator = np.random.default_rng(0)
    for reset in RESETS:
        # 20 channels: a whole tile and a part of one
        args = (generator, geometry, 1, 20, [-3, 1, 7], [-5, 0, 3], dtypes, np.array(reset))
        assert check_integer(*args) > 0


@pytest.mark.plain
@pytest.mark.parametrize("dtypes", INTEGER)
@pytest.mark.parametrize("geometry", HAND_MADE)
@pytest.mark.parametrize(("groups", "each_in", "each_out"), [(2, 1, 1), (3, 2, 4), (2, 3, 1), (40, 1, 1), (3, 1, 2)])
def test_integers_of_groups_are_exact(geometry, dtypes, groups, each_in, each_out):
    generator = np.random.default_rng(1)
    geometry = geometry._replace(channels=groups * each_in)
    reset = np.array([False, False, True])
    args = (generator, geometry, groups, groups * each_out, [-3, 1, 7], [-5, 0, 3], dtypes, reset)
    for activity in (0.03, 0.5):  # few and many of a pixel's channels
        assert check_integer(*args, activity=activity) > 0


@given(
    geometry=geometries(st.just(1)),
    groups=st.sampled_from([1, 1, 2, 3]),
    each_in=st.integers(1, 5),
    each_out=st.sampled_from([1, 2, 17, 33]),
    dtypes=st.sampled_from(INTEGER),
    width=st.sampled_from(WIDTHS),
    scratch=st.sampled_from([make_scratch, small_scratch]),
    reset=st.lists(st.booleans(), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_integers_of_any_convolution(geometry, groups, each_in, each_out, dtypes, width, scratch, reset, seed):
    generator = np.random.default_rng(seed)
    geometry = geometry._replace(channels=groups * each_in)
    args = (generator, geometry, groups, groups * each_out, [-9, -1, 2, 8], [-7, 0, 5], dtypes, np.array(reset))
    check_integer(*args, width=width, scratch=scratch)


EXTREME = [  # of values, weights and accumulators; values, weights
    ((np.int16, np.int8, np.int32), [-255, 255], [-128, 127]),
    ((np.int16, np.int8, np.int32), [-(2**15), 2**15 - 1], [-128, 127]),
    ((np.int16, np.int16, np.int32), [-(2**15)], [-(2**15)]),  # two such products exceed 32 bits
    ((np.int16, np.int16, np.int64), [-(2**15), 2**15 - 1], [-(2**15), 2**15 - 1]),
    ((np.int64, np.int64, np.int64), [-(2**33), 2**33], [-(2**20), 2**20]),
]


@pytest.mark.parametrize(("dtypes", "codes", "weights"), EXTREME)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("groups", [1, 4])
def test_extreme_codes(dtypes, codes, weights, width, groups):
    # sums beyond the accumulators' width wrap as two's complement does
    generator = np.random.default_rng(2)
    geometry = geometry_of(5, 6, 4, (3, 3), padding=(1, 1, 1, 1))
    args = (generator, geometry, groups, 72, codes, weights, dtypes, np.array([True, False, False]))
    assert check_integer(*args, width=width) > 0


# ------------------------------------------------------------------------------------------------------------- real


def check_real(generator, geometry, groups, n_out, value_dtype, reset, **options):
    """Compare bit for bit with sums in ascending order; return how many differ from sums in float64."""
    values = generator.normal(size=9).astype(np.float32) if value_dtype is np.float32 else np.arange(-4, 5) * 37
    changes = random_changes(generator, geometry, len(reset), values, 0.6, value_dtype)
    shape = (n_out, geometry.channels // groups, geometry.kernel_height, geometry.kernel_width)
    weight = generator.normal(size=shape).astype(np.float32)
    bias = generator.normal(size=n_out).astype(np.float32)
    before = generator.normal(size=geometry.out_height * geometry.out_width * n_out).astype(np.float32)
    expected = slow_convolution(geometry, groups, changes, weight, bias, reset, before)
    found = convolved(geometry, groups, changes, weight, bias, reset, before, value_dtype, **options)
    assert expected.dtype == found.dtype == np.float32
    assert np.array_equal(found, expected)
    exact = slow_convolution(geometry, groups, changes, weight, bias.astype(float), reset, before.astype(float))
    return np.count_nonzero(exact.astype(np.float32) != expected)


@pytest.mark.plain
@pytest.mark.parametrize("value_dtype", REAL)
@pytest.mark.parametrize(("groups", "n_out"), [(1, 20), (2, 4), (6, 6)])
def test_real_products_are_rounded_before_they_are_added_in_ascending_order(value_dtype, groups, n_out):
    generator = np.random.default_rng(3)
    geometry = geometry_of(4, 5, 6, (3, 3), padding=(1, 1, 1, 1))
    # so that the order and the roundings are seen
    assert check_real(generator, geometry, groups, n_out, value_dtype, np.array([True, False, False])) > 0


@given(
    geometry=geometries(st.just(1)),
    groups=st.sampled_from([1, 1, 2, 3]),
    each_in=st.integers(1, 5),
    each_out=st.sampled_from([1, 2, 17, 33]),
    value_dtype=st.sampled_from(REAL),
    width=st.sampled_from(WIDTHS),
    scratch=st.sampled_from([make_scratch, small_scratch]),
    reset=st.lists(st.booleans(), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_real_sums_of_any_convolution(geometry, groups, each_in, each_out, value_dtype, width, scratch, reset, seed):
    generator = np.random.default_rng(seed)
    geometry = geometry._replace(channels=groups * each_in)
    n_out = groups * each_out
    check_real(generator, geometry, groups, n_out, value_dtype, np.array(reset), width=width, scratch=scratch)


@pytest.mark.plain
def test_a_silent_frame_leaves_the_bits_of_a_negative_zero():
    geometry = geometry_of(2, 2, 1, (1, 1))
    changes = np.zeros((2, 2, 2, 1))
    weight = np.ones((3, 1, 1, 1), np.float32)
    bias = np.full(3, -0.0, np.float32)
    found = convolved(geometry, 1, changes, weight, bias, np.array([True, False]), np.zeros(12, np.float32), np.float32)
    assert np.signbit(found).all()


# ------------------------------------------------------------------------------------------------------------ parts


@pytest.mark.plain
@pytest.mark.parametrize("n_out", [16, 40])
def test_a_part_writes_nothing_else(n_out):
    generator = np.random.default_rng(4)
    geometry = geometry_of(5, 4, 3, (3, 3), padding=(1, 1, 1, 1))
    changes, weight, bias, before = random_case(generator, geometry, 1, n_out, [1, -2], [3, -4])
    start, n_event, place, value = list_of(changes)
    pixel = pixels_of(changes, start, n_event, place)
    tiles = tile_weight(rows_of(weight).astype(np.int8), 16)
    bias = bias.astype(np.int32)
    scratch = make_scratch(geometry, 16, value.dtype, bias.dtype)
    total = np.full((len(changes) + 1, len(before)), SENTINEL, np.int32)
    total[0] = before
    written = np.zeros((geometry.out_height, geometry.out_width, n_out), bool)
    written[1:3, :, 16:32] = True
    reset = np.array([True, False, False])
    gather(geometry, pixel, place, value, tiles, bias, reset, Part(1, 3, len(tiles) - 1, len(tiles)), scratch, total)
    if n_out == 16:
        written[1:3] = True
    else:
        written[1:3, :, :] = False
        written[1:3, :, 32:] = True
    expected = slow_convolution(geometry, 1, changes, weight, bias.astype(np.int64), reset, before)
    assert np.array_equal(total[1:], np.where(written.ravel(), expected, SENTINEL))


# ------------------------------------------------------------------------------------------------------------ torch


@pytest.mark.torch
@pytest.mark.parametrize(
    ("groups", "each_in", "each_out"), [(1, 64, 100), (1, 3, 64), (2, 24, 32), (48, 1, 1), (8, 1, 2)]
)
@pytest.mark.parametrize("shape", [((3, 3), 1, 1, 1), ((5, 4), 2, 2, 1), ((3, 3), 1, 2, 2), ((1, 1), 1, 0, 1)])
@pytest.mark.parametrize("real", [False, True])
def test_torch_finds_the_same_sums(groups, each_in, each_out, shape, real):
    import torch

    generator = np.random.default_rng(5)
    kernel, stride, padding, dilation = shape
    geometry = geometry_of(13, 11, groups * each_in, kernel, (stride, stride), (padding,) * 4, (dilation, dilation))
    n_out = groups * each_out
    changes, weight, bias, before = random_case(generator, geometry, groups, n_out, range(-255, 256), range(-128, 128))
    if real:
        changes, weight, bias, before = (each.astype(np.float32) / 128 for each in (changes, weight, bias, before))
    tensors = [torch.from_numpy(each.astype(np.float64)) for each in (changes.transpose(0, 3, 1, 2), weight, bias)]
    expected = torch.nn.functional.conv2d(*tensors, stride, padding, dilation, groups).numpy()
    expected = expected.transpose(0, 2, 3, 1).reshape(len(changes), -1)
    value, kind, total = (np.float32,) * 3 if real else (np.int16, np.int8, np.int32)
    found = convolved(
        geometry, groups, changes, weight.astype(kind), bias.astype(total), np.ones(3, bool), before.astype(total),
        value, width=64,
    )  # fmt: skip
    if real:
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    else:
        assert np.array_equal(found, expected)
