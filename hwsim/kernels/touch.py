"""Neurons of convolutions, and windows of poolings, that events touch."""

from typing import Any

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry


@kernel
def touch(
    geometry: Geometry,
    groups: int,
    n_out: int,
    pixel: np.ndarray,
    place: np.ndarray,
    mask: np.ndarray,
    whole: bool,
    seen: np.ndarray,
    reached: np.ndarray,
    touched: np.ndarray,
    touched_nonzero: np.ndarray,
) -> None:
    """Count the neurons of a convolution that received an event, over any synapse and over a non-zero weight.

    Parameters
    ----------
    geometry : Geometry
    groups, n_out : int
        Groups of the convolution, and its output channels in all.
    pixel, place
        Events, and where those of each pixel start.
    mask : (groups, n_row, n_word) uint64
        One bit per output channel of the group: whether its weight from that row (tap and input channel of the
        group) is non-zero.
    whole : bool
        Whether all weights are non-zero; the mask is then not read.
    seen : (n_pixel, n_group_word) uint64
        Scratch, with one bit per group; not used by a single group.
    reached : (groups + 1, n_word) uint64
        Scratch.
    touched, touched_nonzero : (n_frame,) int64
        Written. [neurons]
    """
    each = n_out // groups
    for t in range(touched.shape[0]):
        if groups == 1:
            touched[t] = n_out * _count_windows(geometry, pixel[t])
        else:
            _see(geometry, geometry.channels // groups, pixel[t], place, seen)
            touched[t] = each * _count_seen(geometry, seen)
        touched_nonzero[t] = touched[t]
    if whole:
        return
    taps = geometry.kernel_height * geometry.kernel_width
    by_channel = 1 < groups == n_out == geometry.channels and taps * seen.shape[1] <= reached.shape[0]
    if groups == 1:
        _find_most(mask, reached)
    elif by_channel:
        _turn(mask, seen.shape[1], reached)
    for t in range(touched.shape[0]):
        if groups == 1:
            touched_nonzero[t] = _count_reached(geometry, pixel[t], place, mask[0], reached)
        elif by_channel:
            _see(geometry, 1, pixel[t], place, seen)
            touched_nonzero[t] = _count_seen_nonzero(geometry, seen, reached)
        else:
            touched_nonzero[t] = _count_reached_in_groups(geometry, groups, pixel[t], place, mask, reached)


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
        _see(geometry, 1, pixel[t], place, seen)
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
def _count_windows(geometry: Geometry, first: np.ndarray) -> int:
    """Windows with at least one event."""
    count = 0
    for oy in range(geometry.out_height):
        for ox in range(geometry.out_width):
            count += _has_event(geometry, first, oy, ox)
    return count


@kernel
def _has_event(geometry: Geometry, first: np.ndarray, oy: int, ox: int) -> bool:
    ranges = 1 if geometry.dilation_x == 1 else geometry.kernel_width
    taps = geometry.kernel_width // ranges
    for ky in range(geometry.kernel_height):
        y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
        if y < 0 or y >= geometry.height:
            continue
        for kx in range(ranges):
            x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
            a, b = max(x, 0), min(x + taps, geometry.width)
            if a < b and first[y * geometry.width + a] < first[y * geometry.width + b]:
                return True
    return False


@kernel
def _see(geometry: Geometry, each: int, first: np.ndarray, place: np.ndarray, seen: np.ndarray) -> None:
    """Mark, at every pixel, the groups of `each` channels that have an event."""
    for p in range(first.shape[0] - 1):
        row, base = seen[p], p * geometry.channels
        row[:] = 0
        for e in range(first[p], first[p + 1]):
            group = (place[e] - base) // each
            row[group >> 6] |= np.uint64(1) << np.uint64(group & 63)


@kernel
def _count_seen(geometry: Geometry, seen: np.ndarray) -> int:
    """Pairs of window and group with at least one event."""
    count = 0
    for oy in range(geometry.out_height):
        for ox in range(geometry.out_width):
            for word in range(seen.shape[1]):
                count += _ones(_within(geometry, seen, oy, ox, word))
    return count


@kernel
def _within(geometry: Geometry, seen: np.ndarray, oy: int, ox: int, word: int) -> Any:
    """Which of 64 groups have an event within a window."""
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
def _turn(mask: np.ndarray, n_group_word: int, reached: np.ndarray) -> None:
    """Leave in `reached` one bit per channel, tap by tap, where every channel is a group: whether its weight exists."""
    reached[:] = 0
    for group in range(mask.shape[0]):
        for tap in range(mask.shape[1]):
            # whichever bit of the word the only column has
            exists = np.uint64(mask[group, tap, 0] != 0)
            reached[tap * n_group_word + (group >> 6), 0] |= exists << np.uint64(group & 63)


@kernel
def _count_seen_nonzero(geometry: Geometry, seen: np.ndarray, exists: np.ndarray) -> int:
    """Pairs of window and channel with at least one event over a tap that exists for that channel."""
    count, n_word = 0, seen.shape[1]
    for oy in range(geometry.out_height):
        for ox in range(geometry.out_width):
            for word in range(n_word):
                bits = np.uint64(0)
                for ky in range(geometry.kernel_height):
                    y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                    if y < 0 or y >= geometry.height:
                        continue
                    for kx in range(geometry.kernel_width):
                        x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
                        if 0 <= x < geometry.width:
                            tap = ky * geometry.kernel_width + kx
                            bits |= seen[y * geometry.width + x, word] & exists[tap * n_word + word, 0]
                count += _ones(bits)
    return count


@kernel
def _find_most(mask: np.ndarray, reached: np.ndarray) -> None:
    """Leave in the last row of `reached` what all the weights of a group reach together, if there is one group."""
    most = reached[mask.shape[0]]
    most[:] = 0
    for row in range(mask.shape[1]):
        for word in range(mask.shape[2]):
            most[word] |= mask[0, row, word]


@kernel
def _count_reached(
    geometry: Geometry, first: np.ndarray, place: np.ndarray, mask: np.ndarray, reached: np.ndarray
) -> int:
    """Neurons that an event reaches over a non-zero weight, in one group."""
    count, now = 0, reached[0]
    for oy in range(geometry.out_height):
        for ox in range(geometry.out_width):
            now[:] = 0
            _reach(geometry, first, place, mask, oy, ox, now, reached[1])
            for word in range(now.shape[0]):
                count += _ones(now[word])
    return count


@kernel
def _reach(
    geometry: Geometry,
    first: np.ndarray,
    place: np.ndarray,
    mask: np.ndarray,
    oy: int,
    ox: int,
    now: np.ndarray,
    most: np.ndarray,
) -> None:
    """Mark the neurons of one position that its events reach, until they are all that there are."""
    width, channels = geometry.width, geometry.channels
    ranges = 1 if geometry.dilation_x == 1 else geometry.kernel_width
    taps = geometry.kernel_width // ranges
    for ky in range(geometry.kernel_height):
        y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
        if y < 0 or y >= geometry.height:
            continue
        for kx in range(ranges):
            x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
            a, b = max(x, 0), min(x + taps, width)
            if a >= b:
                continue
            base = (y * width + x - ky * geometry.kernel_width - kx) * channels
            for e in range(first[y * width + a], first[y * width + b]):
                row = mask[place[e] - base]
                missing = np.uint64(0)
                for word in range(now.shape[0]):
                    now[word] |= row[word]
                    missing |= now[word] ^ most[word]
                if missing == 0:
                    return


@kernel
def _count_reached_in_groups(
    geometry: Geometry, groups: int, first: np.ndarray, place: np.ndarray, mask: np.ndarray, reached: np.ndarray
) -> int:
    """Neurons that an event reaches over a non-zero weight, in several groups."""
    count, n_word = 0, reached.shape[1]
    for oy in range(geometry.out_height):
        for ox in range(geometry.out_width):
            reached[:] = 0
            for ky in range(geometry.kernel_height):
                y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                if y < 0 or y >= geometry.height:
                    continue
                for kx in range(geometry.kernel_width):
                    x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
                    if 0 <= x < geometry.width:
                        tap = ky * geometry.kernel_width + kx
                        _reach_groups(geometry, groups, first, place, mask, y * geometry.width + x, tap, reached)
            for group in range(groups):
                for word in range(n_word):
                    count += _ones(reached[group, word])
    return count


@kernel
def _reach_groups(
    geometry: Geometry,
    groups: int,
    first: np.ndarray,
    place: np.ndarray,
    mask: np.ndarray,
    p: int,
    tap: int,
    reached: np.ndarray,
) -> None:
    """Mark the neurons that the events of one pixel reach over one tap."""
    each = geometry.channels // groups
    for e in range(first[p], first[p + 1]):
        channel = place[e] - p * geometry.channels
        group = channel // each
        row = tap * each + channel - group * each
        for word in range(reached.shape[1]):
            reached[group, word] |= mask[group, row, word]


@kernel
def _ones(word: Any) -> Any:
    """Bits that are set."""
    # the loops that add these up word by word are written out: as a helper they took 3 % longer
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    word += word >> np.uint64(32)
    return np.int64(word & np.uint64(0x7F))


@kernel
def _taps(geometry: Geometry, oy: int, ox: int) -> int:
    """Taps of a window that lie within the image."""
    rows = columns = 0
    for ky in range(geometry.kernel_height):
        rows += 0 <= oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y < geometry.height
    for kx in range(geometry.kernel_width):
        columns += 0 <= ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x < geometry.width
    return rows * columns
