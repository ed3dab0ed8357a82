"""Events of images: where those of each pixel lie, what is counted of them, which neurons they touch.

An image of (channels, height, width) is held channels-last, place = (y * width + x) * channels + c, so that the
events of horizontal neighbours are one contiguous range of a frame's list.
"""

from typing import Any, NamedTuple

import numpy as np

from hwsim.kernels.compile import kernel


class Geometry(NamedTuple):
    """How windows lie on an image; `top` and `left` are what is padded there, the rest follows from the shapes."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    top: int
    left: int
    dilation_y: int
    dilation_x: int


@kernel
def point_pixels(start: np.ndarray, n_event: np.ndarray, place: np.ndarray, channels: int, pixel: np.ndarray) -> None:
    """Find the events of every pixel.

    Parameters
    ----------
    start, n_event, place
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    channels : int
        Of each pixel.
    pixel : (n_frame, n_pixel + 1) int32 or int64
        Written: where the events of each pixel start; those of the last one end at the last entry.
    """
    # a multiplication in place of a division; exact, because places are far below 2**50
    share = 1.0 / channels
    for t in range(n_event.shape[0]):
        row = pixel[t]
        row[:] = start[t]
        for e in range(start[t], start[t] + n_event[t]):
            # events ascend, so that the last one of a pixel has the last word
            row[np.int64((place[e] + 0.5) * share) + 1] = e + 1
        last = row[0]
        for p in range(row.shape[0]):
            last = max(last, row[p])
            row[p] = last


@kernel
def count_channels(pixel: np.ndarray, place: np.ndarray, kind: np.ndarray, count: np.ndarray) -> None:
    """Count the events of each channel in each frame, apart by the class of their pixel.

    Parameters
    ----------
    pixel, place
        Events, and where those of each pixel start.
    kind : (n_pixel,) int32
        Class of each pixel.
    count : (n_frame, n_kind, n_channel) int32
        Written. [events]
    """
    channels = count.shape[2]
    for t in range(count.shape[0]):
        first = pixel[t]
        count[t] = 0
        for p in range(first.shape[0] - 1):
            row, base = count[t, kind[p]], p * channels
            for e in range(first[p], first[p + 1]):
                row[place[e] - base] += 1


@kernel
def tally(
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    reached: np.ndarray,
    kind: np.ndarray,
    met: np.ndarray,
    group: np.ndarray,
    unit: bool,
    histogram: np.ndarray,
) -> None:
    """Count the taps that events meet, and their synaptic operations on several kinds of weights, by magnitude.

    Parameters
    ----------
    pixel, place, value
        Events, and where those of each pixel start.
    reached : (n_pixel,) int64
        Windows that have a tap on each pixel.
    kind : (n_pixel,) int32
        Class of each pixel: those of one class are met by the same taps.
    met : (n_kind, n_channel, n_column) int64
        Weights of each kind (non-zero ones, say) that an event of each class and channel meets.
    group : (n_frame,) int64
        Group of each frame; frames of a negative group are not counted.
    unit : bool
        Whether every event counts as of magnitude one: real events, and those of binary codes.
    histogram : (n_group, n_magnitude, 4, 1 + n_column) int64
        Incremented: taps met, and synaptic operations on each kind of weights, in four parts to be added up. Larger
        magnitudes than it holds are the caller's mistake.
    """
    channels, n_column = met.shape[1], met.shape[2]
    for t in range(group.shape[0]):
        if group[t] < 0:
            continue
        counts, first = histogram[group[t]], pixel[t]
        for p in range(first.shape[0] - 1):
            row, taps, base = met[kind[p]], reached[p], p * channels
            if unit:
                counts[1, 0, 0] += (first[p + 1] - first[p]) * taps
                for column in range(n_column):
                    on_weights = 0
                    for e in range(first[p], first[p + 1]):
                        on_weights += row[place[e] - base, column]
                    counts[1, 0, 1 + column] += on_weights
            else:
                for e in range(first[p], first[p + 1]):
                    # many events are of one magnitude: four parts, so that no increment waits for the one before
                    magnitude = abs(np.int64(value[e]))
                    counts[magnitude, e & 3, 0] += taps
                    for column in range(n_column):
                        counts[magnitude, e & 3, 1 + column] += row[place[e] - base, column]


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
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    word += word >> np.uint64(32)
    return np.int64(word & np.uint64(0x7F))
