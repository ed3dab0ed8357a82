"""Maxima of windows."""

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry


@kernel
def max_pool(geometry: Geometry, code: np.ndarray, out: np.ndarray) -> None:
    """Take the largest code of every window, channel by channel.

    Parameters
    ----------
    geometry : Geometry
        Taps beyond the image are left out; a window without any tap gives zero.
    code : (n_frame, >= n) int or float32
        Channels last. [codes less zero point]
    out : (n_frame, >= n_out) same dtype
        Written, up to n_out. [codes less zero point]
    """
    channels = geometry.channels
    for t in range(code.shape[0]):
        for oy in range(geometry.out_height):
            for ox in range(geometry.out_width):
                at = (oy * geometry.out_width + ox) * channels
                _largest(geometry, code[t], oy, ox, out[t, at : at + channels])


@kernel
def _largest(geometry: Geometry, code: np.ndarray, oy: int, ox: int, largest: np.ndarray) -> None:
    channels, first = geometry.channels, True
    for ky in range(geometry.kernel_height):
        y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
        if y < 0 or y >= geometry.height:
            continue
        for kx in range(geometry.kernel_width):
            x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
            if x < 0 or x >= geometry.width:
                continue
            at = (y * geometry.width + x) * channels
            tap = code[at : at + channels]
            if first:
                for c in range(channels):
                    largest[c] = tap[c]
            else:
                for c in range(channels):
                    largest[c] = tap[c] if tap[c] > largest[c] else largest[c]
            first = False
    if first:
        largest[:] = 0
