"""Numbers that a signal must reach, as numbers that the signal before an element-wise layer must reach: exactly.

A level is the smallest number of a signal that is enough: of codes a whole number, less the zero point, of real
numbers anything between that float32 and the one below it. Levels have the shape (1 or channels, levels).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.network.canonical.bisection import LARGEST, bisected, number
from hwsim.network.canonical.curves import along, evaluate
from hwsim.network.layers import Affine, ElementWise, HardTanh, Layer, MultiThreshold, Quantize, ReLU, Sign
from hwsim.network.layers.threshold import BEYOND
from hwsim.network.number_format import round_real
from hwsim.network.signals import FloatArray, IntArray, Signal

Level: TypeAlias = npt.NDArray[Any]

MOST_THRESHOLDS = 15
"""Of one layer that another of fewer levels follows."""


def moved(layer: Layer, read: Signal, level: Level) -> Level | None:
    """Levels of what a layer makes as levels of what it reads; None where it falls, or is of another kind."""
    return _MOVES.get(type(layer), _rising)(layer, read, level)


def never_and_always(read: Signal) -> tuple[float, float]:
    """Levels that no number of a signal reaches, and that all do."""
    return (np.inf, -np.inf) if read.format.is_real else (BEYOND, -BEYOND)


def _affine(layer: Affine, read: Signal, level: Level) -> Level | None:
    if read.format.is_real:
        scale, offset = (np.asarray(each, np.float32) for each in (layer.scale, layer.offset))
        if np.any(scale <= 0):
            return None
        if not np.any(offset) and not np.any(level):
            return level  # a factor moves no zero
        values = lambda real: real.astype(np.float32) * along(scale, real) + along(offset, real)  # noqa: E731
        return _bisected(values, read, level, np.ndim(scale) or np.ndim(offset))
    fixed = layer.fixed(read)
    if np.any(fixed.multiplier <= 0):
        return None
    # whole numbers of any size, so that nothing overflows
    reached, factor, added = (np.asarray(each, object) for each in (level, fixed.multiplier, fixed.offset))
    smallest = -((along(added, reached) - reached) // along(factor, reached))
    return np.asarray(np.clip(smallest, -BEYOND, BEYOND), np.int64)


def _relu(layer: ReLU, read: Signal, level: Level) -> Level:
    return np.asarray(np.where(level <= 0, never_and_always(read)[1], level), level.dtype)


def _hard_tanh(layer: HardTanh, read: Signal, level: Level) -> Level:
    never, always = never_and_always(read)
    limits: tuple[Any, ...] = np.float32(layer.lowest), np.float32(layer.highest)
    lowest, highest = limits if read.format.is_real else (along(each, level) for each in layer.limits(read))
    return np.asarray(np.where(level <= lowest, always, np.where(level > highest, never, level)), level.dtype)


def _rising(layer: Layer, read: Signal, level: Level) -> Level | None:
    """Of any layer that makes real numbers and rises."""
    if not isinstance(layer, ElementWise) or layer.direction <= 0 or not layer.signal(read).format.is_real:
        return None
    return _bisected(lambda real: evaluate((layer,), real), read, level, False)


def _quantize(layer: Quantize, read: Signal, level: Level) -> Level:
    scale, offset = np.asarray(layer.scale), np.asarray(layer.offset)
    if read.format.is_real:
        values = lambda real: round_real(real * along(scale, real) + along(offset, real), layer.rounding)  # noqa: E731
        return _bisected(values, read, level, bool(scale.ndim or offset.ndim))
    ratio, constant = layer.ratio(read), layer.constant(read)

    def enough(code: IntArray) -> npt.NDArray[np.bool_]:
        shift = along(ratio.shift, code)
        total = code * along(ratio.multiplier, code) + along(constant, code)
        value = total >> shift
        if layer.rounding == "half_even":
            is_tie = (shift > 0) & ((total & (np.left_shift(1, shift) - 1)) == 0)
            value -= is_tie & (value % 2 == 1)
        return np.asarray(value >= level)

    rows = read.shape[0] if ratio.multiplier.ndim or constant.ndim or len(level) > 1 else 1
    return bisected(enough, (rows, level.shape[1]), read.bound)


def _sign(layer: Sign, read: Signal, level: Level) -> Level:
    never, always = never_and_always(read)
    kind = np.float64 if read.format.is_real else np.int64
    return np.asarray(np.where(level <= -1, always, np.where(level > 1, never, 0)), kind)


def _thresholds(layer: MultiThreshold, read: Signal, level: Level) -> Level | None:
    """The threshold at which the code becomes enough."""
    if layer.n_threshold > MOST_THRESHOLDS:
        return None
    own: Level = np.asarray(layer.levels(read))
    n_reached = -((layer.lowest - np.asarray(level, np.int64)) // layer.rise)
    rows = max(len(own), len(n_reached))
    own, n_reached = np.broadcast_to(own, (rows, own.shape[1])), np.broadcast_to(n_reached, (rows, level.shape[1]))
    taken = np.take_along_axis(own, np.clip(n_reached - 1, 0, layer.n_threshold - 1), axis=1)
    never, always = never_and_always(read)
    chosen = np.where(n_reached <= 0, always, np.where(n_reached > layer.n_threshold, never, taken))
    return np.asarray(chosen, own.dtype)


def _bisected(
    values: Callable[[FloatArray], npt.NDArray[np.floating]], read: Signal, level: Level, per_channel: object
) -> Level:
    """Of a function that rises from real numbers to float32, or from the values of codes."""
    real = read.format.is_real
    rows = read.shape[0] if per_channel or len(level) > 1 or read.step.ndim else 1

    def enough(place: IntArray) -> npt.NDArray[np.bool_]:
        with np.errstate(over="ignore"):
            value = values(number(place) if real else place * along(read.step, place))
            return np.asarray(np.asarray(value, np.float32) >= level)

    place = bisected(enough, (rows, level.shape[1]), LARGEST if real else read.bound)
    # between two float32 numbers, so that a code whose value rounds to the upper one reaches it too
    return (number(place - 1) + number(place)) / 2 if real else place


_MOVES: dict[type[Layer], Callable[..., Level | None]] = {
    Affine: _affine,
    HardTanh: _hard_tanh,
    MultiThreshold: _thresholds,
    Quantize: _quantize,
    ReLU: _relu,
    Sign: _sign,
}
"""Of layers of which more is known than that they rise."""
