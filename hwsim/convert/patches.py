"""Layers with weights as matrices: which weights are a neuron, and the data they meet as rows.

A Dense layer is one part: (n_in, n_out) and a row per frame. A convolution has a row for each frame and position,
the patch that the kernel covers there; its parts are its groups, each filter one neuron over all channels it reads
(joint), or its input channels, each k x k slice of a filter a neuron of its own (per channel).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import Conv2d, Dense, Synaptic
from hwsim.network.layers.window import Axis
from hwsim.network.signals import FloatArray, Signal

Frames: TypeAlias = npt.NDArray[np.float32]
Index: TypeAlias = npt.NDArray[np.int16]

PATCH_BYTES = 6.4e7
"""Of patches in float64 that are made at a time. [bytes]"""


def n_column(layer: Synaptic, joint: bool) -> int:
    """Columns of data of a part: weights of a neuron."""
    return int(parts_of(layer, joint).shape[1])


def parts_of(layer: Synaptic, joint: bool) -> FloatArray:
    """Real weights as matrices. (n_part, n_in, n_out) float64"""
    value = layer.terms[0].value
    if isinstance(layer, Dense):
        return value[None]
    assert isinstance(layer, Conv2d)
    n_out, n_in, height, width = value.shape
    by_group = value.reshape(layer.groups, n_out // layer.groups, n_in, height * width)
    if joint:
        return by_group.reshape(layer.groups, n_out // layer.groups, -1).transpose(0, 2, 1)
    return by_group.transpose(0, 2, 3, 1).reshape(layer.groups * n_in, height * width, -1)


def whole_of(parts: Index, layer: Synaptic, joint: bool) -> Index:
    """Matrices (n_part, n_in, n_out) in the layer's own layout again."""
    if isinstance(layer, Dense):
        whole: Index = parts[0]
        return whole
    assert isinstance(layer, Conv2d)
    shape = layer.terms[0].code.shape
    if joint:
        return np.ascontiguousarray(parts.transpose(0, 2, 1)).reshape(shape)
    by_group = parts.reshape(layer.groups, shape[1], shape[2] * shape[3], -1)
    return np.ascontiguousarray(by_group.transpose(0, 3, 1, 2)).reshape(shape)


def columns(
    layer: Synaptic,
    signal: Signal,
    frames: tuple[Frames, Frames],
    joint: bool,
    fraction: float,
    generator: np.random.Generator,
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Rows of data for each part of a layer: its number, and (m, n_in) float64 of either network.

    Parameters
    ----------
    layer : Dense or Conv2d
        What reads them.
    signal : Signal
        What it reads.
    frames : two of (n_frame, *shape) float32
        The signal in the float and in the quantized network; patches are taken at the same places.
    joint : bool
        See above.
    fraction : float
        Share of patches that are used, drawn at random.
    generator : numpy Generator
        For the draw.
    """
    if isinstance(layer, Dense):
        yield 0, *_both(frames, lambda each: each.reshape(len(each), -1).astype(np.float64))
        return
    assert isinstance(layer, Conv2d)
    window = layer.window(signal)
    n_channel = layer.n_read // layer.groups if joint else 1
    n_position = window.out[0] * window.out[1]
    chosen = _chosen(len(frames[0]) * n_position, fraction, generator)
    share = max(1, int(PATCH_BYTES / (8 * n_position * n_channel * layer.kernel[0] * layer.kernel[1])))
    for part in range(layer.n_read // n_channel):
        channels = slice(part * n_channel, (part + 1) * n_channel)
        for first in range(0, len(frames[0]), share):
            last = min(first + share, len(frames[0]))
            rows = None
            if chosen is not None:
                rows = chosen[np.searchsorted(chosen, first * n_position) : np.searchsorted(chosen, last * n_position)]
                rows = rows - first * n_position
                if not len(rows):
                    continue
            analog = frames[0][first:last, channels]
            quantized = analog if frames[0] is frames[1] else frames[1][first:last, channels]
            yield part, *_both((analog, quantized), partial(_patches, y=window.y, x=window.x, rows=rows))


def _both(frames: tuple[Frames, Frames], make: Callable[[Frames], FloatArray]) -> tuple[FloatArray, FloatArray]:
    """The same of both networks, made once where their frames are the same."""
    first = make(frames[0])
    return first, first if frames[0] is frames[1] else make(frames[1])


def _chosen(n: int, fraction: float, generator: np.random.Generator) -> npt.NDArray[np.int64] | None:
    """Rows that are used, in order; None for all."""
    if fraction >= 1:
        return None
    return np.sort(generator.choice(n, max(1, round(n * fraction)), replace=False))


def _patches(frames: Frames, y: Axis, x: Axis, rows: npt.NDArray[np.int64] | None) -> FloatArray:
    """What the kernel covers at each position, zeros where there is padding. (n_row, n_channel x kH x kW) float64"""
    padded = np.pad(frames, ((0, 0), (0, 0), (y.before, y.after), (x.before, x.after)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (y.reach, x.reach), axis=(2, 3))
    view = view[:, :, :: y.stride, :: x.stride, :: y.dilation, :: x.dilation]
    by_place = view.transpose(0, 2, 3, 1, 4, 5)
    if rows is not None:
        frame, place = np.divmod(rows, y.n_window * x.n_window)
        by_place = by_place[frame, *np.divmod(place, x.n_window)]
    n_column = int(np.prod(by_place.shape[-3:]))
    return np.ascontiguousarray(by_place, np.float64).reshape(-1, n_column)
