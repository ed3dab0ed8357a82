"""Events of images: pointers and tallies against loops over every pixel and channel."""

import itertools

import numpy as np
import pytest
from images_with_events import HAND_MADE, list_of, pixels_of, random_changes

from hwsim.kernels.pixels import count_channels, point_pixels, tally

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
