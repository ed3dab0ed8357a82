"""Neurons and windows that events touch against loops over every window, tap and channel."""

import itertools

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

from hwsim.kernels.touch import touch, touch_windows

# -------------------------------------------------------------------------------------------- neurons of convolutions


def touched_by(geometry, groups, changes, nonzero):
    """Neurons with an event over any synapse and over a non-zero weight; nonzero is (n_out, C / groups, kH, kW)."""
    n_out, each_in = nonzero.shape[:2]
    each_out = n_out // groups
    counts = []
    for frame in changes:
        touched = touched_nonzero = 0
        for (oy, ox), f in itertools.product(positions_of(geometry), range(n_out)):
            group = f // each_out
            met = [
                nonzero[f, c, ky, kx]
                for ky, kx, y, x in taps_of(geometry, oy, ox)
                for c in range(each_in)
                if frame[y, x, group * each_in + c] != 0
            ]
            touched += len(met) > 0
            touched_nonzero += any(met)
        counts.append((touched, touched_nonzero))
    return counts


def touch_counts(geometry, groups, changes, nonzero, whole=False):
    """What the kernel counts, its scratch full of others' bits."""
    n_out, each_in = nonzero.shape[:2]
    each_out = n_out // groups
    n_word = -(-each_out // 64)
    taps = geometry.kernel_height * geometry.kernel_width
    mask = np.zeros((groups, taps * each_in, n_word), np.uint64)
    for f, c, ky, kx in zip(*np.nonzero(nonzero), strict=True):
        group, bit = divmod(f, each_out)
        row = (ky * geometry.kernel_width + kx) * each_in + c
        mask[group, row, bit // 64] |= np.uint64(1) << np.uint64(bit % 64)
    if whole:
        mask = np.zeros((groups, 0, n_word), np.uint64)
    start, n_event, place, _ = list_of(changes)
    pixel = pixels_of(changes, start, n_event, place)
    seen = np.full((geometry.height * geometry.width, -(-groups // 64)), 2**64 - 1, np.uint64)
    reached = np.full((groups + 1, n_word), 2**64 - 1, np.uint64)
    touched, touched_nonzero = np.full((2, len(changes)), -1)
    touch(geometry, groups, n_out, pixel, place, mask, whole, seen, reached, touched, touched_nonzero)
    return list(zip(touched.tolist(), touched_nonzero.tolist(), strict=True))


@pytest.mark.plain
@pytest.mark.parametrize("geometry", HAND_MADE)
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_neurons_that_an_event_reaches_are_touched(geometry, density):
    generator = np.random.default_rng(4)
    changes = random_changes(generator, geometry, 3, [1, -1], 0.2)
    shape = (2, geometry.channels, geometry.kernel_height, geometry.kernel_width)
    nonzero = generator.random(shape) < density
    assert touch_counts(geometry, 1, changes, nonzero) == touched_by(geometry, 1, changes, nonzero)


@given(
    geometry=geometries(st.just(1)),
    groups=st.integers(1, 3),
    each_in=st.integers(1, 3),
    each_out=st.sampled_from([1, 2, 65]),
    density=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    activity=st.sampled_from([0.02, 0.1, 0.4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_touched_neurons_of_any_convolution(geometry, groups, each_in, each_out, density, activity, seed):
    generator = np.random.default_rng(seed)
    geometry = geometry._replace(channels=groups * each_in)
    changes = random_changes(generator, geometry, 2, [1, -1], activity)
    shape = (groups * each_out, each_in, geometry.kernel_height, geometry.kernel_width)
    nonzero = generator.random(shape) < density
    expected = touched_by(geometry, groups, changes, nonzero)
    assert touch_counts(geometry, groups, changes, nonzero) == expected
    if nonzero.all():
        assert touch_counts(geometry, groups, changes, nonzero, whole=True) == expected


@pytest.mark.plain
@pytest.mark.parametrize("each_in", [1, 2])
def test_more_groups_than_a_word_has_bits(each_in):
    generator = np.random.default_rng(5)
    geometry = geometry_of(3, 3, 70 * each_in, (2, 2), padding=(1, 0, 0, 0))
    changes = random_changes(generator, geometry, 3, [1], 0.05)
    nonzero = generator.random((70, each_in, 2, 2)) < 0.5
    expected = touched_by(geometry, 70, changes, nonzero)
    assert touch_counts(geometry, 70, changes, nonzero) == expected
    assert expected[0][0] > expected[0][1] > 0
    assert expected[1] == (0, 0)  # the frame without events


# ------------------------------------------------------------------------------------------------ windows of poolings


def touched_windows(geometry, changes):
    """Pairs of window and channel that have an event, and the taps of those, frame by frame."""
    counts = []
    for frame in changes:
        n = n_tap = 0
        for oy, ox in positions_of(geometry):
            taps = [frame[y, x] for _, _, y, x in taps_of(geometry, oy, ox)]
            for c in range(geometry.channels):
                if any(tap[c] != 0 for tap in taps):
                    n += 1
                    n_tap += len(taps)
        counts.append((n, n_tap))
    return counts


def window_counts(geometry, changes):
    """What the kernel counts, its scratch full of others' bits."""
    start, n_event, place, _ = list_of(changes)
    pixel = pixels_of(changes, start, n_event, place)
    seen = np.full((geometry.height * geometry.width, -(-geometry.channels // 64)), 2**64 - 1, np.uint64)
    touched, n_tap = np.full((2, len(changes)), -1)
    touch_windows(geometry, pixel, place, seen, touched, n_tap)
    return list(zip(touched.tolist(), n_tap.tolist(), strict=True))


@pytest.mark.plain
@pytest.mark.parametrize("geometry", HAND_MADE)
def test_windows_with_an_event_are_touched(geometry):
    changes = random_changes(np.random.default_rng(2), geometry, 3, [1, -1], 0.3)
    expected = touched_windows(geometry, changes)
    assert window_counts(geometry, changes) == expected
    assert expected[1] == (0, 0)  # the frame without events


@given(
    geometry=geometries(st.sampled_from([1, 3, 64, 65])),
    activity=st.sampled_from([0.01, 0.1, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_touched_windows_of_any_pooling(geometry, activity, seed):
    changes = random_changes(np.random.default_rng(seed), geometry, 2, [1, -1], activity)
    assert window_counts(geometry, changes) == touched_windows(geometry, changes)
