"""Convolutions of several groups: an event meets few channels, and is scattered to the positions its taps reach."""

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry

LANES = 16
"""Channels that a vector adds in the time that a single one takes."""


@kernel
def scatter(
    geometry: Geometry,
    groups: int,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    first_row: int,
    last_row: int,
    line: np.ndarray,
    total: np.ndarray,
) -> None:
    """Add every event to the accumulators that its taps reach: a convolution of several groups.

    Integers are exact. Real products are rounded and then added, in ascending order of the inputs.

    Parameters
    ----------
    groups : int
        Groups of channels.
    weight : (kernel_height * kernel_width * channels // groups, n_out) int or float32
        Weights of row (ky * kernel_width + kx) * (channels // groups) + channel of the group.
    first_row, last_row : int
        Which output rows are computed; calls for different rows may run side by side.
    line : (channels,) dtype of total
        Scratch.
    geometry, pixel, place, value, bias, reset, total
        As those of `hwsim.kernels.gather.gather`.
    """
    line[:] = 0
    n_out = bias.shape[0]
    for t in range(reset.shape[0]):
        _begin(geometry, bias, reset[t], first_row, last_row, total[t], total[t + 1])
        # rows of channels as such, because indices that are sums keep a loop from being vectorized
        after = total[t + 1].reshape((geometry.out_height * geometry.out_width, groups, n_out // groups))
        if n_out == geometry.channels == groups:
            _scatter_channels(
                geometry, pixel[t], place, value, line, weight, first_row, last_row, after.reshape((-1, n_out))
            )
        else:
            weights = weight.reshape((-1, groups, n_out // groups))
            _scatter_groups(geometry, pixel[t], place, value, line, weights, first_row, last_row, after)


@kernel
def _begin(
    geometry: Geometry,
    bias: np.ndarray,
    reset: bool,
    first_row: int,
    last_row: int,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
    """Start some rows of accumulators from the bias, or from what they held before."""
    n_out = bias.shape[0]
    first, last = first_row * geometry.out_width * n_out, last_row * geometry.out_width * n_out
    if reset:
        for at in range(first, last, n_out):
            for j in range(n_out):
                after[at + j] = bias[j]
    else:
        for at in range(first, last):
            after[at] = before[at]


@kernel
def _scatter_channels(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    line: np.ndarray,
    weight: np.ndarray,
    first_row: int,
    last_row: int,
    total: np.ndarray,
) -> None:
    """Add the events of one frame where every channel is a group, pixel by pixel and tap by tap.

    An accumulator meets a pixel over one tap at most.
    """
    channels = line.shape[0]
    for y in range(geometry.height):
        for x in range(geometry.width):
            p = y * geometry.width + x
            first, last, base = pixel[p], pixel[p + 1], p * geometry.channels
            if first == last:
                continue
            for e in range(first, last):
                line[place[e] - base] = value[e]
            for ky in range(geometry.kernel_height):
                oy = _reached(y + geometry.top - ky * geometry.dilation_y, geometry.stride_y)
                if oy < first_row or oy >= last_row:
                    continue
                for kx in range(geometry.kernel_width):
                    ox = _reached(x + geometry.left - kx * geometry.dilation_x, geometry.stride_x)
                    if ox < 0 or ox >= geometry.out_width:
                        continue
                    at, tap = oy * geometry.out_width + ox, ky * geometry.kernel_width + kx
                    if (last - first) * LANES < channels:
                        for e in range(first, last):
                            c = place[e] - base
                            total[at, c] += line[c] * weight[tap, c]
                    else:
                        # where many channels have an event, all of them as vectors are faster than those alone
                        for c in range(channels):
                            total[at, c] += line[c] * weight[tap, c]
            for e in range(first, last):
                line[place[e] - base] = 0


@kernel
def _scatter_groups(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    line: np.ndarray,
    weight: np.ndarray,
    first_row: int,
    last_row: int,
    total: np.ndarray,
) -> None:
    """Add the events of one frame, each to the channels of its group, pixel by pixel and tap by tap."""
    groups, each_out = total.shape[1], total.shape[2]
    each_in = geometry.channels // groups
    for y in range(geometry.height):
        for x in range(geometry.width):
            p = y * geometry.width + x
            first, last, base = pixel[p], pixel[p + 1], p * geometry.channels
            if first == last:
                continue
            for e in range(first, last):
                line[place[e] - base] = value[e]
            for ky in range(geometry.kernel_height):
                oy = _reached(y + geometry.top - ky * geometry.dilation_y, geometry.stride_y)
                if oy < first_row or oy >= last_row:
                    continue
                for kx in range(geometry.kernel_width):
                    ox = _reached(x + geometry.left - kx * geometry.dilation_x, geometry.stride_x)
                    if ox < 0 or ox >= geometry.out_width:
                        continue
                    at, tap = oy * geometry.out_width + ox, ky * geometry.kernel_width + kx
                    for e in range(first, last):
                        c = np.int64(place[e]) - base
                        group = c // each_in
                        s, row = line[c], tap * each_in + c - group * each_in
                        for j in range(each_out):
                            total[at, group, j] += s * weight[row, group, j]
            for e in range(first, last):
                line[place[e] - base] = 0


@kernel
def _reached(offset: int, stride: int) -> int:
    """Window that begins at an offset from the padded border, or -1 if none does."""
    if offset < 0 or stride == 1:  # a division takes longer than all the rest
        return offset
    position = offset // stride
    return position if position * stride == offset else -1
