"""Delivery, tallies and touched neurons against plain NumPy, in every combination of dtypes that a plan chooses."""

import numpy as np
import pytest

from hwsim.kernels.dense import deliver, tally, touch
from hwsim.kernels.tiles import WIDTHS, tile_weight

GROUP = 8


def lists_of(frames, place_dtype=np.int16, value_dtype=np.int16):
    """Lists of events, each frame's padded to a multiple of eight with null events."""
    start, n_event, place, value = [0], [], [], []
    for frame in frames:
        padding = -len(frame) % GROUP
        n_event.append(len(frame))
        place += [k for k, _ in frame] + [0] * padding
        value += [s for _, s in frame] + [0] * padding
        start.append(len(place))
    return np.array(start), np.array(n_event), np.array(place, place_dtype), np.array(value, value_dtype)


def random_frames(generator, n_in, values, sizes):
    """Events at different places, in ascending order."""
    frames = []
    for size in sizes:
        places = np.sort(generator.permutation(n_in)[:size])
        frames.append([(int(k), generator.choice(values).item()) for k in places])
    return frames


def totals_after(frames, reset, before, bias, weight):
    """The accumulators by matrices of Python's integers."""
    rows, now = [], before.astype(object)
    for frame, starts in zip(frames, reset, strict=True):
        now = bias.astype(object) if starts else now
        for k, s in frame:
            now = now + s * weight[k].astype(object)
        rows.append(now.tolist())
    return rows


def delivered(lists, weight, bias, reset, total, width=16):
    """Deliver to all tiles, in two calls; what is padded is cut off."""
    start, n_event, place, value = lists
    tiles = tile_weight(weight, width)
    more = tiles.shape[0] * width - bias.size
    bias, whole = np.pad(bias, (0, more)), np.pad(total, ((0, 0), (0, more)))
    half = len(tiles) // 2
    for first, last in ((half, len(tiles)), (0, half)):
        deliver(start, n_event, place, value, tiles, bias, reset, first, last, whole)
    assert not whole[1:, total.shape[1] :].any()
    total[:] = whole[:, : total.shape[1]]


INTEGER = [  # of values, of weights, of accumulators; largest |value|, |weight|
    (np.int16, np.int8, np.int16, 3, 100),
    (np.int16, np.int16, np.int32, 3, 1000),
    (np.int16, np.int16, np.int16, 255, 127),
    (np.int16, np.int8, np.int32, 2**15 - 1, 100),
    (np.int16, np.int16, np.int32, 2**15 - 1, 2**15 - 1),
    (np.int64, np.int64, np.int64, 2**32, 2**20),
]
SIZES = (0, 1, 7, 8, 9, 40, 0, 16)


@pytest.mark.plain
@pytest.mark.parametrize(("value_dtype", "weight_dtype", "total_dtype", "s", "w"), INTEGER)
@pytest.mark.parametrize("n_out", [1, 16, 70])
@pytest.mark.parametrize("width", WIDTHS)
def test_integers_are_delivered_exactly(value_dtype, weight_dtype, total_dtype, s, w, n_out, width):
    generator = np.random.default_rng(0)
    n_in = 40
    frames = random_frames(generator, n_in, [-s, s, 1, -1, s // 2], SIZES)
    weight = generator.choice([-w, w, 0, 1, w // 3], (n_in, n_out)).astype(weight_dtype)
    bias = generator.integers(-100, 100, n_out).astype(total_dtype)
    reset = np.array([False, False, True, False, False, True, False, False])
    if total_dtype is np.int16:  # accumulators hold what the network's bound says; so must the test's
        weight //= 40
    total = np.full((len(frames) + 1, n_out), 77, total_dtype)
    total[0] = generator.integers(-50, 50, n_out)
    expected = totals_after(frames, reset, total[0], bias, weight)
    assert np.ptp(np.array(expected).astype(float)) > 0
    before = total[0].copy()
    delivered(lists_of(frames, np.int16, value_dtype), weight, bias, reset, total, width)
    if total_dtype in (np.int16, np.int32):
        # beyond its bits it wraps as two's complement does
        expected = np.array(expected).astype(np.int64).astype(total_dtype).tolist()
    assert total[1:].tolist() == expected
    assert np.array_equal(total[0], before)


def test_the_place_of_an_event_may_be_wide():
    weight = np.zeros((40_000, 16), np.int16)
    weight[39_999] = 3
    total = np.zeros((2, 16), np.int32)
    lists = lists_of([[(5, 1), (39_999, -7)]], np.int32, np.int16)
    delivered(lists, weight, np.full(16, 2, np.int32), np.array([True]), total)
    assert total[1].tolist() == [2 - 21] * 16


REAL = [np.float32, np.int16, np.int64]  # of values: real codes, or integer codes that meet real weights


@pytest.mark.plain
@pytest.mark.parametrize("value_dtype", REAL)
@pytest.mark.parametrize("n_out", [1, 32])
@pytest.mark.parametrize("width", WIDTHS)
def test_real_products_are_rounded_before_they_are_added_in_ascending_order(value_dtype, n_out, width):
    generator = np.random.default_rng(1)
    n_in = 40
    values = generator.normal(size=9).astype(np.float32) if value_dtype is np.float32 else np.arange(-4, 5) * 37
    frames = random_frames(generator, n_in, values, SIZES)
    weight = generator.normal(size=(n_in, n_out)).astype(np.float32)
    bias = generator.normal(size=n_out).astype(np.float32)
    reset = np.array([True, False, True, False, False, True, False, False])
    total = np.zeros((len(frames) + 1, n_out), np.float32)
    delivered(lists_of(frames, np.int16, value_dtype), weight, bias, reset, total, width)
    now, differs_from_one_sum = np.zeros(n_out, np.float32), 0
    for t, (frame, starts) in enumerate(zip(frames, reset, strict=True)):
        now = bias.copy() if starts else now
        at_once = now.astype(np.float64)
        for k, s in frame:
            now = now + np.float32(s) * weight[k]
            at_once = at_once + float(s) * weight[k].astype(np.float64)
        assert np.array_equal(total[t + 1], now)
        differs_from_one_sum += np.count_nonzero(at_once.astype(np.float32) != now)
    assert differs_from_one_sum > 0  # so that the order and the roundings are seen


def test_nulls_add_nothing_not_even_a_sign():
    # a null event meets the first input's weights
    weight = np.full((3, 16), 5.0, np.float32)
    bias = np.where(np.arange(16) % 2, np.float32(-0.0), np.float32(0))
    total = np.zeros((3, 16), np.float32)
    delivered(lists_of([[(1, 1.0)], []], np.int16, np.float32), weight, bias, np.array([True, True]), total)
    assert total[1].tolist() == [5.0] * 16
    assert np.signbit(total[2]).tolist() == [False, True] * 8


# ------------------------------------------------------------------------------------------------------ tallies


def tally_of(frames, met, group, n_group, n_magnitude, unit, value_dtype=np.int16):
    start, _, place, value = lists_of(frames, np.int16, value_dtype)
    histogram = np.zeros((n_group, n_magnitude, 4, 1 + len(met[0])), np.int64)
    tally(start, place, value, np.asarray(met), np.asarray(group), unit, histogram)
    summed = histogram.sum(axis=2)
    summed[:, 0] = 0  # null events
    return summed.tolist()


@pytest.mark.plain
@pytest.mark.parametrize("value_dtype", [np.int16, np.int64])
def test_events_are_tallied_by_group_and_magnitude(value_dtype):
    generator = np.random.default_rng(2)
    n_in, largest = 30, 9
    frames = random_frames(generator, n_in, [s for s in range(-largest, largest + 1) if s], (0, 1, 30, 8, 9, 5))
    met = generator.integers(0, 50, (n_in, 2))
    group = [0, 2, 1, 0, -1, 2]
    expected = np.zeros((3, largest + 1, 3), np.int64)
    for frame, each in zip(frames, group, strict=True):
        for k, s in frame:
            if each >= 0:
                expected[each, abs(s)] += 1, *met[k]
    assert expected[:, :, 0].sum() == 0 + 1 + 30 + 8 + 5
    assert tally_of(frames, met, group, 3, largest + 1, False, value_dtype) == expected.tolist()


@pytest.mark.plain
@pytest.mark.parametrize("value_dtype", [np.float32, np.int16])
def test_real_events_count_as_one(value_dtype):
    values = {np.float32: [0.25, -1e30, 1e-45], np.int16: [1, -1, 1]}[value_dtype]
    frames = [[(0, values[0]), (2, values[1])], [(1, values[2])]]
    # events, and operations on non-zero weights, of which the inputs have 3, 5 and 7
    assert tally_of(frames, [[3], [5], [7]], [0, 0], 1, 2, True, value_dtype) == [[[0, 0], [3, 3 + 7 + 5]]]


def test_the_extreme_magnitude():
    # -32768 has no positive counterpart in 16 bits
    frames = [[(0, -(2**15))]]
    counted = tally_of(frames, [[4]], [0], 1, 2**15 + 1, False)
    assert counted[0][2**15] == [1, 4]
    assert sum(each[0] for each in counted[0]) == 1


# ------------------------------------------------------------------------------------------------------ touched


@pytest.mark.plain
@pytest.mark.parametrize("n_neuron", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("density", [0.0, 0.03, 0.5, 1.0])
def test_neurons_behind_a_non_zero_weight_are_touched(n_neuron, density):
    generator = np.random.default_rng(3)
    n_in = 24
    exists = generator.random((n_in, n_neuron)) < density
    frames = random_frames(generator, n_in, [1], (0, 1, 2, 3, 4, 5, 8, 24, 0, 1))
    start, n_event, place, _ = lists_of(frames)
    n_word = -(-n_neuron // 64)
    mask = np.zeros((n_in, n_word), np.uint64)
    for i, j in zip(*np.nonzero(exists), strict=True):
        mask[i, j // 64] |= np.uint64(1) << np.uint64(j % 64)
    touched = np.full(len(frames), -1)
    touch(start, n_event, place, mask, np.full((2, n_word), 12345, np.uint64), touched)
    expected = [len({j for k, _ in frame for j in np.flatnonzero(exists[k])}) for frame in frames]
    assert touched.tolist() == expected
    assert max(expected) > 0 or density < 0.5


@pytest.mark.plain
def test_null_events_touch_nothing():
    # the padding points at input 0, whose weights all exist
    mask = np.array([[2**64 - 1], [1]], np.uint64)
    start, n_event, place, _ = lists_of([[(1, 1)], []])
    touched = np.full(2, -1)
    touch(start, n_event, place, mask, np.zeros((2, 1), np.uint64), touched)
    assert touched.tolist() == [1, 0]
