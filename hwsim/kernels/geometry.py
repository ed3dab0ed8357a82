"""How windows lie on an image."""

from typing import NamedTuple


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
