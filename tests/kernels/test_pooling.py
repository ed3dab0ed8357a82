"""Maxima of windows, and the windows that events touch, against loops over every window, tap and channel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pixels import HAND_MADE, geometries, geometry_of, list_of, pixels_of, positions_of, random_changes, taps_of

from hwsim.kernels.pooling import max_pool, touch_windows

DTYPES = [np.int8, np.int16, np.int64, np.float32]


def random_codes(generator, geometry, n_frame, dtype):
    """Codes (n_frame, height, width, channels), the extremes among them."""
    shape = (n_frame, geometry.height, geometry.width, geometry.channels)
    if dtype is np.float32:
        return generator.choice(np.float32([-1e30, -2.5, -1e-30, 0, 1e-30, 3.25, 1e30]), shape)
    limit = np.iinfo(dtype)
    return generator.choice(np.array([limit.min, limit.min + 1, -1, 0, 1, limit.max], dtype), shape)


def largest_of(geometry, frame):
    """The largest code of every window, or zero where it has no tap."""
    out = np.zeros((geometry.out_height, geometry.out_width, geometry.channels), frame.dtype)
    for oy, ox in positions_of(geometry):
        taps = [frame[y, x].tolist() for _, _, y, x in taps_of(geometry, oy, ox)]
        if taps:
            out[oy, ox] = [max(each) for each in zip(*taps, strict=True)]
    return out.ravel()


def pooled(geometry, code):
    """The kernel's maxima of rows that are longer than the image; what lies behind them stays."""
    n_frame, n_out = len(code), geometry.out_height * geometry.out_width * geometry.channels
    rows = np.concatenate([code.reshape(n_frame, -1), np.full((n_frame, 7), 100, code.dtype)], axis=1)
    out = np.full((n_frame, n_out + 5), 99, code.dtype)
    max_pool(geometry, rows, out)
    assert (out[:, n_out:] == 99).all()
    return out[:, :n_out]


@pytest.mark.plain
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("geometry", HAND_MADE)
def test_the_largest_code_of_a_window(geometry, dtype):
    code = random_codes(np.random.default_rng(0), geometry, 2, dtype)
    assert np.array_equal(pooled(geometry, code), [largest_of(geometry, frame) for frame in code])


@given(geometry=geometries(st.sampled_from([1, 2, 65])), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32 - 1))
def test_the_largest_code_of_any_window(geometry, dtype, seed):
    code = random_codes(np.random.default_rng(seed), geometry, 2, dtype)
    assert np.array_equal(pooled(geometry, code), [largest_of(geometry, frame) for frame in code])


@pytest.mark.torch
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "ceil_mode"), [(3, 2, 0, True), (2, 2, 0, False), (3, 2, 1, True)]
)
def test_torch_finds_the_same_maxima(kernel, stride, padding, ceil_mode):
    import torch

    code = np.random.default_rng(1).normal(size=(2, 14, 11, 20)).astype(np.float32)
    expected = torch.nn.functional.max_pool2d(
        torch.from_numpy(code.transpose(0, 3, 1, 2).copy()), kernel, stride, padding, ceil_mode=ceil_mode
    ).numpy()
    geometry = geometry_of(14, 11, 20, (kernel, kernel), (stride, stride), (padding,) * 4)
    geometry = geometry._replace(out_height=expected.shape[2], out_width=expected.shape[3])
    assert np.array_equal(pooled(geometry, code), expected.transpose(0, 2, 3, 1).reshape(2, -1))


# ---------------------------------------------------------------------------------------------------------- touched


def touched_by(geometry, changes):
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


def touch_counts(geometry, changes):
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
    expected = touched_by(geometry, changes)
    assert touch_counts(geometry, changes) == expected
    assert expected[1] == (0, 0)  # the frame without events


@given(
    geometry=geometries(st.sampled_from([1, 3, 64, 65])),
    activity=st.sampled_from([0.01, 0.1, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_touched_windows_of_any_pooling(geometry, activity, seed):
    changes = random_changes(np.random.default_rng(seed), geometry, 2, [1, -1], activity)
    assert touch_counts(geometry, changes) == touched_by(geometry, changes)
