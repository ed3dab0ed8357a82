"""Weights cut into tiles of output channels, so that the tile's weights stay in the cache."""

import numpy as np

WIDTHS = (16, 32, 64)
"""Output channels of a tile."""

COST = (0.4, 0.6, 1.0)
"""Time that tiles of these widths take, measured, in parts of the widest one's."""

CACHE = 2 * 1024 * 1024
"""What a tile's weights may take; 64 channels at once were faster than 32 still at 1.2 MB. [bytes]"""

LINE = 64
"""A line of the cache. [bytes]"""


def choose_width(n_row: int, n_out: int, item_size: int) -> int:
    """How many output channels of weights (n_row, n_out), of item_size bytes each, make a tile."""
    fitting = [width for width in WIDTHS if width * n_row * item_size <= CACHE] or WIDTHS[:1]
    cost = dict(zip(WIDTHS, COST, strict=True))
    return min(reversed(fitting), key=lambda width: -(-n_out // width) * cost[width])


def tile_weight(weight: np.ndarray, width: int) -> np.ndarray:
    """Cut weights (n_row, n_out) into tiles (n_tile, n_row, width), the last one padded with zeros.

    Tiles begin with a line of the cache: vectors that cross lines take twice the time.
    """
    n_row, n_out = weight.shape
    n_tile = -(-n_out // width)
    n = n_tile * n_row * width
    memory = np.zeros(n + LINE // weight.itemsize, weight.dtype)
    skipped = -memory.ctypes.data % LINE // weight.itemsize
    tiles = memory[skipped : skipped + n].reshape(n_tile, n_row, width)
    for tile, each in enumerate(tiles):
        columns = weight[:, tile * width : (tile + 1) * width]
        each[:, : columns.shape[1]] = columns
    return tiles
