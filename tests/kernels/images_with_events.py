"""Images with events, and what their windows consist of, for the tests of kernels."""

import itertools

import numpy as np
from hypothesis import strategies as st

from hwsim.kernels.geometry import Geometry
from hwsim.kernels.pixels import point_pixels

SLACK = 32
SENTINEL = 1_000_000_007


def geometry_of(height, width, channels, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)):
    """A geometry, or None if the kernel does not fit; padding is top, bottom, left, right."""
    top, bottom, left, right = padding
    out = [
        (size + before + after - step * (taps - 1) - 1) // jump + 1
        for size, before, after, step, taps, jump in (
            (height, top, bottom, dilation[0], kernel[0], stride[0]),
            (width, left, right, dilation[1], kernel[1], stride[1]),
        )
    ]
    if min(out) < 1:
        return None
    return Geometry(height, width, channels, *out, *kernel, *stride, top, left, *dilation)


def geometries(channels):
    """Images down to a pixel, kernels larger than the image, strides, dilations, padding of any side."""
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    return st.builds(
        geometry_of,
        st.integers(1, 6),
        st.integers(1, 6),
        channels,
        st.tuples(st.integers(1, 4), st.integers(1, 4)),
        pairs,
        st.tuples(*[st.integers(0, 4)] * 4),
        pairs,
    ).filter(bool)


HAND_MADE = [
    geometry_of(1, 1, 1, (1, 1)),
    geometry_of(1, 1, 3, (3, 3), padding=(1, 1, 1, 1)),
    geometry_of(4, 5, 2, (3, 3), padding=(1, 1, 1, 1)),
    geometry_of(5, 4, 3, (2, 4), (2, 1), (0, 1, 3, 0)),
    geometry_of(6, 6, 2, (3, 2), (1, 2), (2, 0, 1, 1), (2, 3)),
    geometry_of(2, 2, 2, (5, 5), (3, 3), (4, 4, 4, 4)),
]


def taps_of(geometry, oy, ox):
    """Taps of a window that lie on the image: (ky, kx, y, x)."""
    g = geometry
    for ky, kx in itertools.product(range(g.kernel_height), range(g.kernel_width)):
        y, x = oy * g.stride_y - g.top + ky * g.dilation_y, ox * g.stride_x - g.left + kx * g.dilation_x
        if 0 <= y < g.height and 0 <= x < g.width:
            yield ky, kx, y, x


def positions_of(geometry):
    return itertools.product(range(geometry.out_height), range(geometry.out_width))


def random_changes(generator, geometry, n_frame, values, activity, dtype=np.int64):
    """Changes (n_frame, height, width, channels), one frame at least without any."""
    shape = (n_frame, geometry.height, geometry.width, geometry.channels)
    changes = np.where(generator.random(shape) < activity, generator.choice(values, shape), 0).astype(dtype)
    changes[n_frame // 2] = 0
    return changes


def list_of(changes, value_dtype=np.int16):
    """The events of changes: start, n_event, place, value; behind each frame and behind all lie others' things."""
    start, n_event, place, value = [0], [], [], []
    for frame in changes:
        where = np.flatnonzero(frame)
        padding = -len(where) % 8
        n_event.append(len(where))
        place += [*where.tolist(), *[0] * padding]
        value += [*frame.ravel()[where].tolist(), *[0] * padding]
        start.append(len(place))
    place += [SENTINEL] * SLACK
    value += [77] * SLACK
    return np.array(start), np.array(n_event), np.array(place, np.int32), np.array(value, value_dtype)


def pixels_of(changes, start, n_event, place, dtype=np.int32):
    n_frame, height, width, channels = changes.shape
    pixel = np.full((n_frame, height * width + 1), -5, dtype)
    point_pixels(start, n_event, place, channels, pixel)
    return pixel
