"""What an execution presents: events of each signal, and how many of them meet each tap of a kernel."""

from dataclasses import dataclass

import numpy as np

from .windows import windows


@dataclass(frozen=True)
class Events:
    """Of one signal: which codes are events, and their signed values."""

    present: np.ndarray  # (frames, *shape) bool
    values: np.ndarray  # (frames, *shape)
    changed: np.ndarray  # (frames,): codes that changed, under delta

    def count(self):
        return self.present.reshape(len(self.present), -1).sum(axis=1)


def present(values, execution, is_first):
    """The events of a signal, given its codes in every frame."""
    if execution == "dense":
        return Events(np.ones(values.shape, bool), values, None)
    if execution == "sparse":
        return Events(values != 0, values, None)
    last = np.concatenate([np.zeros_like(values[:1]), values[:-1]])
    last[is_first] = 0
    difference = values - last
    happens = values != last
    return Events(happens, difference, happens.reshape(len(values), -1).sum(axis=1))


def row_axes(layer, array):
    """Split what lies on a layer's inputs by (frame, channel, tap): sums over the places that meet the tap.

    A Dense input is a channel of one place and one tap.
    """
    array = array.astype(np.int64)
    if layer.type == "dense":
        return array[:, :, None]
    slides = windows(layer, array.shape[2:])
    return np.stack([array[:, :, *tap.read].sum(axis=(2, 3)) for tap in slides.taps], axis=2)


def row_weights(layer, codes):
    """Weights as rows: (input channel, tap, output channels of its group)."""
    if layer.type == "dense":
        return codes[:, None, :]
    made, met = codes.shape[:2]
    groups = layer.settings["groups"]
    rows = codes.reshape(groups, made // groups, met, *codes.shape[2:])
    rows = rows.transpose(0, 2, 3, 4, 1).reshape(groups * met, -1, made // groups)
    return rows


def is_depthwise(layer, n_channel):
    return layer.type == "conv2d" and layer.settings["groups"] == n_channel > 1


def touched(layer, matrices, happens):
    """Outputs that at least one event reaches through a weight that counts. (frames, *outputs) bool

    `matrices` says of each weight whether it counts: True everywhere on a machine that executes zeros.
    """
    counts = matrices.astype(np.float32)
    if layer.type == "dense":
        return happens.astype(np.float32) @ counts > 0
    slides = windows(layer, happens.shape[2:])
    reached = np.zeros((len(happens), counts.shape[0], *slides.size), bool)
    groups = layer.settings["groups"]
    made, met = counts.shape[0] // groups, counts.shape[1]
    for tap in slides.taps:
        for group in range(groups):
            out, into = slice(group * made, (group + 1) * made), slice(group * met, (group + 1) * met)
            column = counts[out, :, *tap.place]
            seen = happens[:, into, *tap.read].astype(np.float32)
            reached[:, out, *tap.made] |= np.einsum("oc,fcyx->foyx", column, seen, optimize=True) > 0
    return reached
