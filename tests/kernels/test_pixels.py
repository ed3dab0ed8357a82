"""Events of images: pointers, tallies and touched neurons against loops over every window, tap and channel."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.kernels.pixels import Geometry, count_channels, point_pixels, tally, touch

SLACK = 32
SENTINEL = 1_000_000_007


# ------------------------------------------------------------------------ images, and what their windows consist of


def geometry_of(height, width, channels, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)):
    """A geometry, or None if the kernel does not fit; padding is top, bottom, left, right."""
    top, bottom, left, right = padding
    out = [
        (size + before + after - step * (taps - 1) - 1) // jump + 1
        for size, before, after, step, taps, jump in (
            (height, top, bottom, dilation[0], kernel[0], stride[0]),
            (width, left, right, dilation[1], kernel[1], stride[1]),
        )
    ]
    if min(out) < 1:
        return None
    return Geometry(height, width, channels, *out, *kernel, *stride, top, left, *dilation)


def geometries(channels):
    """Images down to a pixel, kernels larger than the image, strides, dilations, padding of any side."""
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    return st.builds(
        geometry_of,
        st.integers(1, 6),
        st.integers(1, 6),
        channels,
        st.tuples(st.integers(1, 4), st.integers(1, 4)),
        pairs,
        st.tuples(*[st.integers(0, 4)] * 4),
        pairs,
    ).filter(bool)


HAND_MADE = [
    geometry_of(1, 1, 1, (1, 1)),
    geometry_of(1, 1, 3, (3, 3), padding=(1, 1, 1, 1)),
    geometry_of(4, 5, 2, (3, 3), padding=(1, 1, 1, 1)),
    geometry_of(5, 4, 3, (2, 4), (2, 1), (0, 1, 3, 0)),
    geometry_of(6, 6, 2, (3, 2), (1, 2), (2, 0, 1, 1), (2, 3)),
    geometry_of(2, 2, 2, (5, 5), (3, 3), (4, 4, 4, 4)),
]


def taps_of(geometry, oy, ox):
    """Taps of a window that lie on the image: (ky, kx, y, x)."""
    g = geometry
    for ky, kx in itertools.product(range(g.kernel_height), range(g.kernel_width)):
        y, x = oy * g.stride_y - g.top + ky * g.dilation_y, ox * g.stride_x - g.left + kx * g.dilation_x
        if 0 <= y < g.height and 0 <= x < g.width:
            yield ky, kx, y, x


def positions_of(geometry):
    return itertools.product(range(geometry.out_height), range(geometry.out_width))


def random_changes(generator, geometry, n_frame, values, activity, dtype=np.int64):
    """Changes (n_frame, height, width, channels), one frame at least without any."""
    shape = (n_frame, geometry.height, geometry.width, geometry.channels)
    changes = np.where(generator.random(shape) < activity, generator.choice(values, shape), 0).astype(dtype)
    changes[n_frame // 2] = 0
    return changes


def list_of(changes, value_dtype=np.int16):
    """The events of changes: start, n_event, place, value; behind each frame and behind all lie others' things."""
    start, n_event, place, value = [0], [], [], []
    for frame in changes:
        where = np.flatnonzero(frame)
        padding = -len(where) % 8
        n_event.append(len(where))
        place += [*where.tolist(), *[0] * padding]
        value += [*frame.ravel()[where].tolist(), *[0] * padding]
        start.append(len(place))
    place += [SENTINEL] * SLACK
    value += [77] * SLACK
    return np.array(start), np.array(n_event), np.array(place, np.int32), np.array(value, value_dtype)


def pixels_of(changes, start, n_event, place, dtype=np.int32):
    n_frame, height, width, channels = changes.shape
    pixel = np.full((n_frame, height * width + 1), -5, dtype)
    point_pixels(start, n_event, place, channels, pixel)
    return pixel


# --------------------------------------------------------------------------------------------------------- pointers


@pytest.mark.plain
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("geometry", HAND_MADE)
@pytest.mark.parametrize("activity", [0.0, 0.1, 0.6, 1.0])
def test_every_event_lies_within_its_pixel(geometry, activity, dtype):
    changes = random_changes(np.random.default_rng(0), geometry, 3, [1, -2], activity)
    start, n_event, place, _ = list_of(changes)
    pixel = pixels_of(changes, start, n_event, place, dtype)
    for t, frame in enumerate(changes):
        assert pixel[t, 0] == start[t]
        assert pixel[t, -1] == start[t] + n_event[t]
        for p, codes in enumerate(frame.reshape(-1, geometry.channels)):
            inputs = place[pixel[t, p] : pixel[t, p + 1]] - p * geometry.channels
            assert inputs.tolist() == np.flatnonzero(codes).tolist()


@pytest.mark.parametrize("channels", [1, 3, 49, 64, 511, 1000])
def test_the_last_channel_of_a_large_image_belongs_to_its_pixel(channels):
    # where a division by multiplication would go wrong, if it did
    n_pixel = 20_000_000 // channels
    p = np.unique(np.random.default_rng(1).integers(0, n_pixel, 3_000))
    place = np.sort(np.concatenate([p * channels, p * channels + channels - 1]))
    pixel = np.zeros((1, n_pixel + 1), np.int32)
    point_pixels(np.array([0]), np.array([len(place)]), place.astype(np.int32), channels, pixel)
    expected = np.zeros(n_pixel, np.int64)
    expected[p] = 2
    assert np.array_equal(np.diff(pixel[0]), expected)


@pytest.mark.plain
@pytest.mark.parametrize("geometry", HAND_MADE)
def test_the_events_of_channels_are_counted(geometry):
    changes = random_changes(np.random.default_rng(2), geometry, 4, [1, 3], 0.5)
    start, n_event, place, _ = list_of(changes)
    kind = np.arange(geometry.height * geometry.width, dtype=np.int32) % 3
    count = np.full((4, 3, geometry.channels), -1, np.int32)
    count_channels(pixels_of(changes, start, n_event, place), place, kind, count)
    flat = changes.reshape(4, -1, geometry.channels)
    expected = [np.count_nonzero(flat[:, kind == each], axis=1) for each in range(3)]
    assert count.tolist() == np.stack(expected, axis=1).tolist()
    assert count.sum() > 0


# ---------------------------------------------------------------------------------------------------------- tallies


@pytest.mark.plain
@pytest.mark.parametrize(
    ("value_dtype", "unit"), [(np.int16, False), (np.int16, True), (np.int64, False), (np.float32, True)]
)
@pytest.mark.parametrize("geometry", HAND_MADE)
def test_events_are_tallied_by_magnitude_with_the_taps_they_meet(geometry, value_dtype, unit):
    generator = np.random.default_rng(3)
    group, largest = [0, -1, 1, 0, 1], 5
    changes = random_changes(generator, geometry, 5, [-5, -1, 1, 1, 4], 0.5)
    start, n_event, place, value = list_of(changes, value_dtype)
    n_pixel = geometry.height * geometry.width
    reached = generator.integers(0, 10, n_pixel)
    kind = generator.integers(0, 3, n_pixel).astype(np.int32)
    met = generator.integers(0, 100, (3, geometry.channels, 2))
    expected = np.zeros((2, largest + 1, 3), np.int64)
    for t, p, c in itertools.product(range(5), range(n_pixel), range(geometry.channels)):
        s = changes[t].reshape(n_pixel, -1)[p, c]
        if s != 0 and group[t] >= 0:
            expected[group[t], 1 if unit else abs(s)] += reached[p], *met[kind[p], c]
    histogram = np.zeros((2, largest + 1, 4, 3), np.int64)
    pixel = pixels_of(changes, start, n_event, place)
    tally(pixel, place, value, reached, kind, met, np.array(group), unit, histogram)
    assert histogram.sum(axis=2).tolist() == expected.tolist()


@pytest.mark.plain
def test_the_extreme_magnitude():
    # -32768 has no positive counterpart in 16 bits
    changes = np.full((1, 1, 1, 1), -(2**15))
    start, n_event, place, value = list_of(changes)
    histogram = np.zeros((1, 2**15 + 1, 4, 2), np.int64)
    one = np.ones(1, np.int64)
    pixel = pixels_of(changes, start, n_event, place)
    tally(pixel, place, value, one, np.zeros(1, np.int32), one[None, None] * 7, np.zeros(1, int), False, histogram)
    assert histogram.sum(axis=2)[0, 2**15].tolist() == [1, 7]
    assert histogram.sum() == 8


# ---------------------------------------------------------------------------------------------------------- touched


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
