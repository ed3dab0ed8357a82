"""What the events of an image meet, strip by strip of the output."""

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry


@kernel
def spread(
    geometry: Geometry,
    pixel: np.ndarray,
    place: np.ndarray,
    column_class: np.ndarray,
    part: np.ndarray,
    table: np.ndarray,
    by_row: np.ndarray,
) -> None:
    """Count the events of one frame by row of the image, class of their column and channel.

    Parameters
    ----------
    geometry : Geometry
    pixel : (n_pixel + 1,)
        Where the events of each pixel start; those of the last one end at the last entry.
    place
        Events, channels last.
    column_class : (width,) int32
        Class of each column of the image: those of one class are met by the same columns of the kernel.
    part : (n_pixel * channels,) int8
        Which of the signals read each number belongs to; -1: to none, it is a constant of a border.
    table : (height, n_class, channels) int32
        Written. [events]
    by_row : (height, n_part) int64
        Written: events of each signal in each row of the image.
    """
    table[:] = 0
    by_row[:] = 0
    for y in range(geometry.height):
        for x in range(geometry.width):
            p = y * geometry.width + x
            row, base = table[y, column_class[x]], p * geometry.channels
            for e in range(pixel[p], pixel[p + 1]):
                row[place[e] - base] += 1
                if part[place[e]] >= 0:
                    by_row[y, part[place[e]]] += 1


@kernel
def meet(
    geometry: Geometry,
    depthwise: bool,
    table: np.ndarray,
    class_meets: np.ndarray,
    rows: int,
    positions: int,
    met: np.ndarray,
    busiest: np.ndarray,
    found: np.ndarray,
) -> None:
    """Count the rows of weights that the events of one frame meet in each strip, and how often these are delivered.

    Parameters
    ----------
    geometry : Geometry
    depthwise : bool
        Whether a row of weights runs along the kernel, so that a channel has one and it is needed as often as its
        busiest tap is; else every tap of a channel has a row.
    table : (height, n_class, channels) int32
        As `spread` leaves it.
    class_meets : (n_class, kernel_width) bool
        Whether columns of a class are met with a column of the kernel.
    rows : int
        Rows of outputs of a strip; the last one may have fewer.
    positions : int
        Meetings of a row that one delivery serves.
    met : (n_class, channels) int32
        Scratch.
    busiest : (channels,) int32
        Scratch.
    found : (2,) int64
        Written: rows met in all strips, deliveries in all strips.
    """
    found[:] = 0
    for first in range(0, geometry.out_height, rows):
        last = min(first + rows, geometry.out_height)
        busiest[:] = 0
        for ky in range(geometry.kernel_height):
            met[:] = 0
            for oy in range(first, last):
                y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                if 0 <= y < geometry.height:
                    met += table[y]
            for kx in range(geometry.kernel_width):
                for c in range(geometry.channels):
                    n_met = 0
                    for k in range(met.shape[0]):
                        if class_meets[k, kx]:
                            n_met += met[k, c]
                    if depthwise:
                        busiest[c] = max(busiest[c], n_met)
                    else:
                        found[0] += n_met > 0
                        found[1] += (n_met + positions - 1) // positions
        if depthwise:
            for c in range(geometry.channels):
                found[0] += busiest[c] > 0
                found[1] += (busiest[c] + positions - 1) // positions
