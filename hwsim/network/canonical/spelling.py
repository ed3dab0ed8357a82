"""The canonical form of a network: each function of few levels in one spelling."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hwsim.network.canonical.moving import Level, moved
from hwsim.network.canonical.two_levels import bipolar
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Affine, Flatten, Layer, MaxPool2d, MultiThreshold, Quantize, Rearrange, Sign, Synaptic
from hwsim.network.signals import Signal

MOST_LEVELS = 2
"""Thresholds of what is brought into canonical form: a code of one bit, or a sign that is 0 at zero."""

FINEST = 2**50
"""Codes up to here are told apart by thresholds half a code below them."""


def canonical(network: Network) -> Network:
    """The same function of the same formats, to the bit, with the fewest operations that its spellings have.

    A quantizer of one bit (Sign, one threshold, a Quantize to 0 and 1, and the sign that is 0 at zero) takes in what
    lies between it and the layer before it and is read by it alone: scale and offset, clipping and other rising
    curves, thresholds, and the bias of an integer layer. What remains are thresholds of what arrives; those at zero in
    every channel, with codes of step 1, are a Sign. Codes 0 and 1 that are scaled and moved to -a and a are binary.

    Parameters
    ----------
    network : Network
        Any network.

    Returns
    -------
    Network
        The same object where nothing changes.
    """
    while (layers := _Spelling(network).changed()) is not None:
        network = replace(network, layers=layers)
    return network


def _is_shift(layer: Quantize, read: Signal) -> bool:
    """Whether a Quantize costs no more than a shift, of codes or of numbers that may arrive as such: it stays one."""
    if np.any(layer.offset):
        return False
    if read.format.is_real:
        return bool(np.all(np.frexp(layer.scale)[0] == 0.5))
    return layer.ratio(read).kind != "multiply"


@dataclass(frozen=True)
class _Steps:
    """A function of few levels, seen from the signal that it reads."""

    level: Level  # (1 or channels, 1 or 2)
    scale: float  # of its codes, as MultiThreshold has them
    offset: float


class _Spelling:
    """One walk through the layers of a network, in which some give way to others."""

    def __init__(self, network: Network) -> None:
        self.signals = network.signals
        self.layers = {layer.name: layer for layer in network.layers}
        self.last = network.layers[-1].name
        self.readers: dict[str, list[str]] = {}
        for layer in network.layers:
            for name in layer.inputs:
                self.readers.setdefault(name, []).append(layer.name)

    def changed(self) -> tuple[Layer, ...] | None:
        """The layers after one walk; None where nothing changes."""
        before = tuple(self.layers.values())
        for layer in before:
            if layer.name not in self.layers:
                continue
            if isinstance(layer, Affine):
                if self._made_binary(layer):
                    break  # all signals behind it have another step
            elif (steps := _steps_of(layer, self._read(layer))) is not None:
                self._shortened(layer, steps)
        after = tuple(self.layers.values())
        same = len(before) == len(after) and all(a is b for a, b in zip(before, after, strict=True))
        return None if same else after

    def _read(self, layer: Layer) -> Signal:
        return self.signals[layer.inputs[0]] if layer.inputs else self.signals[INPUT]

    def _alone(self, name: str) -> Layer | None:
        """The layer that makes a signal, if one layer alone reads it."""
        return self.layers.get(name) if len(self.readers.get(name, ())) == 1 and name != self.last else None

    def _shortened(self, layer: Layer, steps: _Steps) -> None:
        """Take in what lies before a function of few levels."""
        at, level = layer.inputs[0], steps.level
        taken, unbiased = isinstance(layer, Quantize) and not _is_shift(layer, self._read(layer)), None
        while (before := self._alone(at)) is not None and not isinstance(before, Quantize):
            if isinstance(before, Synaptic):
                if (without := self._without_bias(before, level)) is not None:
                    level, taken, unbiased = without, True, replace(before, bias=None)
                break
            found = moved(before, self._read(before), level)
            if found is None:
                break
            level, at, taken = found, before.inputs[0], True
        read = self.signals[at]
        made = _layer_of(layer.name, replace(steps, level=level), read, taken)
        if made is None or (at == layer.inputs[0] and unbiased is None and _is_same(layer, made)):
            return
        name = layer.inputs[0]
        while name != at:  # what has been taken in
            name = self.layers.pop(name).inputs[0]
        if unbiased is not None:
            self.layers[at] = unbiased
        self.layers[layer.name] = replace(made, inputs=(at,))

    def _without_bias(self, layer: Synaptic, level: Level) -> Level | None:
        """Levels of an integer layer's sums without their bias; None where there is none, or more than one level."""
        read = self._read(layer)
        if layer.is_real(read) or layer.bias is None or not np.any(layer.bias) or level.shape[1] > 1:
            return None
        factor = 2 ** int(layer.merge.shift.max()) if len(layer.terms) == 2 else 1
        return np.asarray(level - layer.bias.astype(np.int64)[:, None] * factor, np.int64)

    def _made_binary(self, layer: Affine) -> bool:
        """Make codes 0 and 1 that an Affine brings to -a and a binary at once, where all that follows stays exact."""
        before, read = self._alone(layer.inputs[0]), self._read(layer)
        per_channel = any(map(np.ndim, (layer.scale, layer.offset, read.step)))
        if not isinstance(before, MultiThreshold) or per_channel or layer.name == self.last:
            return False
        fixed = layer.fixed(read)
        unit = 2.0**-fixed.shift
        factor = float(fixed.multiplier) * unit / float(read.step)
        made = bipolar(before, factor, float(fixed.offset) * unit)
        if made is None:
            return False
        n_unit = made.scale / 2 / unit  # which a bias behind it counts in
        readers = list(self._readers_of(layer.name))
        if np.frexp(n_unit)[0] != 0.5 or not all(_takes_wider(each, int(n_unit)) for each in readers):
            return False
        for each in readers:
            if isinstance(each, Synaptic) and each.bias is not None:
                self.layers[each.name] = replace(each, bias=each.bias // int(n_unit))
        del self.layers[before.name]
        self.layers[layer.name] = replace(made, name=layer.name, inputs=before.inputs)
        return True

    def _readers_of(self, name: str) -> Iterator[Layer]:
        """All layers that read a signal, or read it rearranged."""
        for each in self.readers.get(name, ()):
            layer = self.layers[each]
            if isinstance(layer, MaxPool2d | Flatten | Rearrange) and each != self.last:
                yield from self._readers_of(each)
            else:
                yield layer


def _takes_wider(layer: Layer, n_unit: int) -> bool:
    """Whether a layer can read codes of a step that is so many times as wide, and stay exact."""
    if not isinstance(layer, Synaptic) or not layer.is_integer:
        return False
    return layer.bias is None or bool(np.all(layer.bias % n_unit == 0))


def _steps_of(layer: Layer, read: Signal) -> _Steps | None:
    """A layer as a function of few levels; None where it is none."""
    zero = np.zeros((1, 1), np.float64 if read.format.is_real else np.int64)
    if isinstance(layer, Sign):
        return _Steps(zero, 2.0, -1.0)
    if isinstance(layer, MultiThreshold) and layer.n_threshold <= MOST_LEVELS:
        return _Steps(layer.levels(read), layer.scale, layer.offset)
    if isinstance(layer, Quantize) and layer.bit_width == 1 and not layer.signed and not layer.zero_point:
        scale = np.asarray(layer.scale)
        level = moved(layer, read, zero.astype(np.int64) + 1)
        return None if scale.ndim or level is None else _Steps(level, float(1 / scale), 0.0)
    return None


def _layer_of(name: str, steps: _Steps, read: Signal, is_moved: bool) -> Sign | MultiThreshold | None:
    """The layer that makes a function of few levels of a signal; None where it stays what it is."""
    level, scale, offset = steps.level, steps.scale, steps.offset
    if level.shape[1] == MOST_LEVELS and np.array_equal(level[:, 0], level[:, 1]) and offset == -scale:
        level, scale, is_moved = level[:, :1], 2 * scale, True  # nothing lies between its levels
    if level.shape[1] == 1 and len(level) > 1 and np.all(level == level[0]):
        level, is_moved = level[:1], True
    if read.format.is_real:
        # no float32 lies between these and zero
        below = -float(np.finfo(np.float32).smallest_subnormal)
        threshold = np.where((level > below) & (level <= 0), 0.0, level)
    else:
        if read.bound > FINEST:
            return None
        code = np.clip(level, -read.bound, read.bound + 1)
        threshold = (code - 0.5) * np.atleast_1d(read.step)[:, None]
        threshold = np.zeros((1, 1)) if level.shape[1] == 1 and not np.any(code) else threshold
    is_sign = threshold.shape == (1, 1) and not np.any(threshold) and (scale, offset) == (2, -1)
    if is_sign:
        return Sign(name)
    if not is_moved and np.any(threshold):
        return None
    return MultiThreshold(name, thresholds=threshold, scale=scale, offset=offset)


def _is_same(layer: Layer, made: Layer) -> bool:
    """Whether nothing is gained."""
    if isinstance(layer, MultiThreshold) and isinstance(made, MultiThreshold):
        same = np.array_equal(np.asarray(layer.thresholds), np.asarray(made.thresholds))
        return same and layer.scale == made.scale and layer.offset == made.offset
    return type(layer) is type(made)
