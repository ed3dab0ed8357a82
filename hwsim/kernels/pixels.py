"""Events of images: where those of each pixel lie and what is counted of them.

An image of (channels, height, width) is held channels-last, place = (y * width + x) * channels + c, so that the
events of horizontal neighbours are one contiguous range of a frame's list.
"""

import numpy as np

from hwsim.kernels.compile import kernel


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
