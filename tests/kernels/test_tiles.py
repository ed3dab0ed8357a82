"""Tiles of weights: nothing is lost, and how wide they are."""

import numpy as np
import pytest

from hwsim.kernels.tiles import WIDTHS, choose_width, tile_weight


@pytest.mark.plain
def test_tiles_hold_every_weight_once():
    weight = np.arange(1, 1 + 6 * 40, dtype=np.int16).reshape(6, 40)
    for width in WIDTHS:
        tiles = tile_weight(weight, width)
        assert tiles.shape == (-(-40 // width), 6, width)
        assert tiles.flags.c_contiguous
        assert tiles.ctypes.data % 64 == 0  # each begins with a line of the cache
        joined = np.concatenate(list(tiles), axis=1)
        assert np.array_equal(joined[:, :40], weight)
        assert not joined[:, 40:].any()


@pytest.mark.plain
def test_tiles_are_wide_unless_they_would_be_empty_or_leave_the_cache():
    assert [choose_width(100, n_out, 1) for n_out in (1, 16, 17, 32, 33, 64, 96, 97, 1000)] == [
        16, 16, 32, 32, 64, 64, 32, 64, 64,
    ]  # fmt: skip
    assert choose_width(4608, 512, 4) == 64
    assert choose_width(10_000, 512, 4) == 32
    assert choose_width(10**6, 512, 4) == 16
