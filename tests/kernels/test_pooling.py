"""Maxima of windows against loops over every window, tap and channel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from images_with_events import HAND_MADE, geometries, geometry_of, positions_of, taps_of

from hwsim.kernels.pooling import max_pool

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
