"""How kernels and pooling windows slide: for each tap, which inputs it meets at which outputs."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tap:
    place: tuple  # (ky, kx)
    read: tuple  # slices of the rows and columns it meets
    made: tuple  # slices of the rows and columns of outputs that it meets them at


@dataclass(frozen=True)
class Windows:
    size: tuple  # outputs, (rows, columns)
    taps: tuple

    def inputs(self):
        """Inputs that each window covers, without padding. (rows, columns)"""
        covered = np.zeros(self.size, np.int64)
        for tap in self.taps:
            covered[tap.made] += 1
        return covered


def windows(layer, shape):
    """Windows of a convolution or pooling over an image of (rows, columns)."""
    settings = layer.settings
    kernel = layer.arrays["weight0" if "weight0" in layer.arrays else "weight"].shape[2:] if is_conv(layer) else None
    kernel = kernel or (shape if layer.type == "globalavgpool" else settings["kernel"])
    stride = settings.get("stride", (1, 1))
    padding = settings.get("padding", ((0, 0), (0, 0)))
    dilation = settings.get("dilation", (1, 1))
    size = tuple(_length(shape[i], kernel[i], stride[i], padding[i], dilation[i], settings) for i in (0, 1))
    taps = []
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            rows = _meetings(shape[0], size[0], stride[0], ky * dilation[0] - padding[0][0])
            columns = _meetings(shape[1], size[1], stride[1], kx * dilation[1] - padding[1][0])
            taps.append(Tap((ky, kx), (rows[0], columns[0]), (rows[1], columns[1])))
    return Windows(size, tuple(taps))


def is_conv(layer):
    return layer.type == "conv2d"


def _length(n, kernel, stride, padding, dilation, settings):
    room = n + padding[0] + padding[1] - dilation * (kernel - 1) - 1
    if not settings.get("ceil_mode"):
        return room // stride + 1
    length = -(-room // stride) + 1
    # a last window that begins beyond the image and its leading padding does not exist
    return length - ((length - 1) * stride >= n + padding[0])


def _meetings(n, size, stride, offset):
    """Outputs i with 0 <= i * stride + offset < n, as (slice of inputs, slice of outputs)."""
    first = max(0, (stride - 1 - offset) // stride)
    last = min(size - 1, (n - 1 - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(start, start + (last - first) * stride + 1, stride), slice(first, last + 1)
