"""Windows as the kernels take them."""

import numpy as np

from hwsim.kernels.geometry import Geometry
from hwsim.network.layers import Window
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array


def geometry_of(window: Window, read: Signal) -> Geometry:
    """The whole numbers that say how a window slides."""
    y, x = window.y, window.x
    return Geometry(
        height=y.size,
        width=x.size,
        channels=read.shape[0],
        out_height=y.n_window,
        out_width=x.n_window,
        kernel_height=y.kernel,
        kernel_width=x.kernel,
        stride_y=y.stride,
        stride_x=x.stride,
        top=y.before,
        left=x.before,
        dilation_y=y.dilation,
        dilation_x=x.dilation,
    )


def kinds_of_place(window: Window) -> tuple[Array, Array]:
    """Sort the places of an image by the taps they are met with: few kinds, though many places.

    Returns
    -------
    kind : (n_place,) int32
        Kind of each place, in C order.
    taps : (n_kind, kH, kW) bool
        Whether places of a kind are met with a tap.
    """
    (y, y_kind), (x, x_kind) = (
        np.unique(axis.tap_meets_input, axis=0, return_inverse=True) for axis in (window.y, window.x)
    )
    kind = y_kind.reshape(-1, 1) * len(x) + x_kind.reshape(1, -1)
    taps = y[:, None, :, None] & x[None, :, None, :]
    return kind.ravel().astype(np.int32), taps.reshape(-1, window.y.kernel, window.x.kernel)
