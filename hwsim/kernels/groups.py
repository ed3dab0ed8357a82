"""What the meetings that share a delivery of weights take, where large events take longer than small ones.

A group is so many meetings of a row; it takes as long as its costliest event. What an event adds to the group that it
falls into is by how much it is the costliest so far, so that no group has to be ended.
"""

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry


@kernel
def add_up_events(
    start: np.ndarray, n_event: np.ndarray, value: np.ndarray, cycles: np.ndarray, found: np.ndarray
) -> None:
    """Add up what events take that are delivered one by one.

    Parameters
    ----------
    start, n_event, value
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    cycles : (n_magnitude,)
        What an event takes, by its magnitude. [cycles]
    found : (n_frame,) int64
        Written. [cycles]
    """
    for t in range(n_event.shape[0]):
        found[t] = 0
        for e in range(start[t], start[t] + n_event[t]):
            found[t] += cycles[abs(np.int64(value[e]))]


@kernel
def add_up_groups(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    cycles: np.ndarray,
    rows: int,
    positions: int,
    image: np.ndarray,
    scratch: np.ndarray,
) -> int:
    """Add up what the groups of one frame take where every tap of an input channel has a row of weights.

    Parameters
    ----------
    geometry : Geometry
    pixel : (n_pixel + 1,)
        Where the events of each pixel start; those of the last one end at the last entry.
    place, value
        Events, channels last.
    cycles : (n_magnitude,) int32 or int64
        What an event takes, by its magnitude; the type holds what all events of an image take. [cycles]
    rows : int
        Rows of outputs of a strip, beyond which no group reaches; the last one may have fewer.
    positions : int
        Meetings of a row that one delivery serves, in raster order of the outputs.
    image : (n_pixel * channels,) dtype of cycles
        Scratch; zeros, before and after.
    scratch : (3, kernel_width * channels) dtype of cycles
        Scratch: meetings that a group has left, what its costliest event takes, and what all groups take.

    Returns
    -------
    int
        [cycles]
    """
    for e in range(pixel[0], pixel[-1]):
        image[place[e]] = cycles[abs(np.int64(value[e]))]
    left, most, taken = scratch[0], scratch[1], scratch[2]  # unpacked, they would not be known to be contiguous
    total = 0
    for first in range(0, geometry.out_height, rows):
        last = min(first + rows, geometry.out_height)
        for ky in range(geometry.kernel_height):
            left[:] = positions
            most[:] = 0
            taken[:] = 0
            for oy in range(first, last):
                y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                if 0 <= y < geometry.height:
                    _meet_row(geometry, y, pixel, positions, image, left, most, taken)
            for k in range(taken.shape[0]):
                total += taken[k]
    for e in range(pixel[0], pixel[-1]):
        image[place[e]] = 0
    return total


@kernel
def _meet_row(
    geometry: Geometry,
    y: int,
    pixel: np.ndarray,
    positions: int,
    image: np.ndarray,
    left: np.ndarray,
    most: np.ndarray,
    taken: np.ndarray,
) -> None:
    """Let a row of windows meet the events of a row of the image, with all taps of a row of the kernel."""
    # neighbouring taps meet neighbouring pixels, whose channels are taken as one line
    n_range = 1 if geometry.dilation_x == 1 else geometry.kernel_width
    taps, channels = geometry.kernel_width // n_range, geometry.channels
    for ox in range(geometry.out_width):
        for kx in range(n_range):
            x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
            low, high = max(x, 0), min(x + taps, geometry.width)
            a, b = y * geometry.width + low, y * geometry.width + high
            if low >= high or pixel[a] == pixel[b]:
                continue
            # lines as such, because indices that are sums keep a loop from being vectorized
            first, last = (kx + low - x) * channels, (kx + high - x) * channels
            line = image[a * channels : b * channels]
            left_of, most_of, taken_of = left[first:last], most[first:last], taken[first:last]
            # places with and without events: a vector of them takes no longer than an event alone
            for k in range(line.shape[0]):
                largest = max(most_of[k], line[k])
                taken_of[k] += largest - most_of[k]
                n_left = left_of[k] - (line[k] > 0)
                most_of[k] = largest if n_left > 0 else 0
                left_of[k] = n_left if n_left > 0 else positions


@kernel
def add_up_depthwise(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    value: np.ndarray,
    cycles: np.ndarray,
    rows: int,
    positions: int,
    most: np.ndarray,
    met: np.ndarray,
) -> int:
    """Add up what the groups of one frame take where all taps of a channel lie in one row.

    Parameters
    ----------
    most : (n_group, channels) int64
        Scratch: groups that the positions of a strip can make.
    met : (channels,) int64
        Scratch.
    geometry, pixel, place, value, cycles, rows, positions
        As those of `add_up_groups`; a group is so many meetings of each tap.

    Returns
    -------
    int
        [cycles]
    """
    total = 0
    for first in range(0, geometry.out_height, rows):
        last = min(first + rows, geometry.out_height)
        most[:] = 0
        for tap in range(geometry.kernel_height * geometry.kernel_width):
            ky, kx = divmod(tap, geometry.kernel_width)
            met[:] = 0
            for position in range(first * geometry.out_width, last * geometry.out_width):
                oy, ox = divmod(position, geometry.out_width)
                y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
                if not (0 <= y < geometry.height and 0 <= x < geometry.width):
                    continue
                p = y * geometry.width + x
                for e in range(pixel[p], pixel[p + 1]):
                    c, taken = place[e] - p * geometry.channels, cycles[abs(np.int64(value[e]))]
                    group = met[c] // positions
                    met[c] += 1
                    total += max(taken - most[group, c], 0)
                    most[group, c] = max(most[group, c], taken)
    return total
