"""Maxima of windows, and the windows that a change touches."""

from typing import Any

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.pixels import Geometry


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


@kernel
def touch_windows(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    seen: np.ndarray,
    touched: np.ndarray,
    n_tap: np.ndarray,
) -> None:
    """Count the pairs of window and channel with at least one event, and the existing taps of those.

    Parameters
    ----------
    geometry : Geometry
    pixel, place
        Events, and where those of each pixel start, as `hwsim.kernels.pixels.point_pixels` leaves them.
    seen : (n_pixel, ceil(channels / 64)) uint64
        Scratch, with one bit per channel.
    touched : (n_frame,) int64
        Written. [windows x channels]
    n_tap : (n_frame,) int64
        Written: taps within the image, over those windows and channels.
    """
    for t in range(touched.shape[0]):
        _see(geometry.channels, pixel[t], place, seen)
        touched[t] = 0
        n_tap[t] = 0
        for oy in range(geometry.out_height):
            for ox in range(geometry.out_width):
                count = 0
                for word in range(seen.shape[1]):
                    count += _ones(_within(geometry, seen, oy, ox, word))
                touched[t] += count
                if count > 0:
                    n_tap[t] += count * _taps(geometry, oy, ox)


@kernel
def _see(channels: int, first: np.ndarray, place: np.ndarray, seen: np.ndarray) -> None:
    """Mark, at every pixel, the channels that have an event."""
    for p in range(first.shape[0] - 1):
        row, base = seen[p], p * channels
        row[:] = 0
        for e in range(first[p], first[p + 1]):
            channel = place[e] - base
            row[channel >> 6] |= np.uint64(1) << np.uint64(channel & 63)


@kernel
def _within(geometry: Geometry, seen: np.ndarray, oy: int, ox: int, word: int) -> Any:
    """Which of 64 channels have an event within a window."""
    bits = np.uint64(0)
    for ky in range(geometry.kernel_height):
        y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
        if y < 0 or y >= geometry.height:
            continue
        for kx in range(geometry.kernel_width):
            x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
            if 0 <= x < geometry.width:
                bits |= seen[y * geometry.width + x, word]
    return bits


@kernel
def _taps(geometry: Geometry, oy: int, ox: int) -> int:
    """Taps of a window that lie within the image."""
    rows = columns = 0
    for ky in range(geometry.kernel_height):
        rows += 0 <= oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y < geometry.height
    for kx in range(geometry.kernel_width):
        columns += 0 <= ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x < geometry.width
    return rows * columns


@kernel
def _ones(word: Any) -> Any:
    """Bits that are set."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    word += word >> np.uint64(32)
    return np.int64(word & np.uint64(0x7F))
