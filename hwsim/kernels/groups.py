"""What the meetings that share a delivery of weights take, where large events take longer than small ones."""

import numpy as np

from hwsim.kernels.compile import kernel
from hwsim.kernels.geometry import Geometry


@kernel
def add_up_groups(
    geometry: Geometry,
    depthwise: bool,
    pixel: np.ndarray,
    place: np.ndarray,
    cycles: np.ndarray,
    rows: int,
    positions: int,
    group: np.ndarray,
    left: np.ndarray,
    most: np.ndarray,
) -> int:
    """Add up what the groups of one frame take: each as long as its costliest event.

    Parameters
    ----------
    geometry : Geometry
    depthwise : bool
        Whether a row of weights runs along the kernel, so that a group takes in so many meetings of every tap of its
        channel; else every tap of a channel has a row, and groups, of its own.
    pixel : (n_pixel + 1,)
        Where the events of each pixel start; those of the last one end at the last entry.
    place, cycles
        Events, channels last, and what each takes. [cycles]
    rows : int
        Rows of outputs of a strip, beyond which no group reaches; the last one may have fewer.
    positions : int
        Meetings of a tap that one delivery serves, in raster order of the outputs.
    group : (channels,) int64
        Scratch.
    left : (channels,) int64
        Scratch.
    most : (n_group, channels) int64
        Scratch, with as many groups as the positions of a strip can make, or one unless depthwise.

    Returns
    -------
    int
        [cycles]
    """
    total = 0
    for first in range(0, geometry.out_height, rows):
        last = min(first + rows, geometry.out_height)
        most[:] = 0
        for ky in range(geometry.kernel_height):
            for kx in range(geometry.kernel_width):
                group[:] = 0
                left[:] = positions
                if not depthwise:
                    most[:] = 0
                for oy in range(first, last):
                    y = oy * geometry.stride_y - geometry.top + ky * geometry.dilation_y
                    if y < 0 or y >= geometry.height:
                        continue
                    for ox in range(geometry.out_width):
                        x = ox * geometry.stride_x - geometry.left + kx * geometry.dilation_x
                        if x < 0 or x >= geometry.width:
                            continue
                        p = y * geometry.width + x
                        for e in range(pixel[p], pixel[p + 1]):
                            c = place[e] - p * geometry.channels
                            # by how much an event is the costliest so far, so that no group has to be ended
                            total += max(cycles[e] - most[group[c], c], 0)
                            most[group[c], c] = max(most[group[c], c], cycles[e])
                            left[c] -= 1
                            if left[c] == 0:
                                left[c] = positions
                                if depthwise:
                                    group[c] += 1
                                else:
                                    most[0, c] = 0
    return total
