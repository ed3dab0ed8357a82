"""Element-wise layers at work on blocks of frames: the frames' way in, ReLU, Affine, Quantize."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.fixed_point import affine
from hwsim.kernels.quantize import count_thresholds, quantize_integer, quantize_real, settle_ties
from hwsim.layers import Affine, Flatten, HardTanh, Layer, Quantize, ReLU, Sign, Softmax
from hwsim.signals import Signal

Array: TypeAlias = npt.NDArray[Any]

ROUNDINGS = ("half_up", "half_even", "floor")

MOST_THRESHOLDS = 6
"""Up to so many, comparing bytes with each is faster than multiplying and shifting them."""


class Step(NamedTuple):
    """One element-wise layer at work."""

    run: Callable[[Array, Array], int]  # (n_frame, >= n) in, (n_frame, >= n) to write; returns codes clipped
    dtype: Any  # of the result, where nothing narrower is asked for


def run_steps(steps: Sequence[Step], block: Array, out: Array, n: int) -> int:
    """Take a block of frames through the steps into out; return how many codes were clipped.

    Parameters
    ----------
    steps : sequence of Step
        May be empty: the block is then copied.
    block : (n_frame, >= n)
        What the first step reads.
    out : (n_frame, >= n)
        Written by the last step.
    n : int
        Numbers per frame.
    """
    if not steps:
        out[:, :n] = block[:, :n]
    clipped = 0
    for k, step in enumerate(steps):
        target = out if k == len(steps) - 1 else np.empty((len(block), n), step.dtype)
        clipped += step.run(block, target)
        block = target
    return clipped


def steps_of(body: Sequence[Layer], start: Signal) -> tuple[Step, ...]:
    """The steps of element-wise layers on a signal; a ReLU right before a Quantize becomes its lower limit."""
    steps: list[Step] = []
    signal, relu = start, False
    for layer, following in itertools.zip_longest(body, body[1:]):
        if isinstance(layer, Quantize):
            steps.append(
                _quantize_real(layer, signal, relu) if signal.format.is_real else _quantize(layer, signal, relu)
            )
        elif isinstance(layer, Affine):
            steps.append(_affine(layer, signal))
        elif isinstance(layer, ReLU) and not isinstance(following, Quantize):
            steps.append(_relu(signal))
        elif type(layer) in _STEPS:
            steps += _STEPS[type(layer)](layer, signal)
        relu = isinstance(layer, ReLU)
        signal = layer.signal(signal)
    return tuple(steps)


def values_step(raw: Signal) -> Step:
    """Integer frames as the real values they stand for, rounded to float32 once."""

    def run(block: Array, out: Array) -> int:
        out[:, : raw.size] = block * raw.step
        return 0

    return Step(run, np.float32)


def _relu(signal: Signal) -> Step:
    def run(block: Array, out: Array) -> int:
        np.maximum(block[:, : signal.size], 0, out=out[:, : signal.size], casting="same_kind")
        return 0

    return Step(run, np.float32 if signal.format.is_real else np.int64)


def _hard_tanh(layer: HardTanh, signal: Signal) -> list[Step]:
    if signal.format.is_real:
        lowest: Array = np.asarray(layer.lowest, np.float32)
        highest: Array = np.asarray(layer.highest, np.float32)
    else:
        lowest, highest = (signal.channels_last(limit) for limit in layer.limits(signal))

    def run(block: Array, out: Array) -> int:
        np.clip(block[:, : signal.size], lowest, highest, out=out[:, : signal.size], casting="same_kind")
        return 0

    return [Step(run, np.float32 if signal.format.is_real else np.int64)]


def _sign(layer: Sign, signal: Signal) -> list[Step]:
    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = np.where(block[:, : signal.size] >= 0, 1, -1)
        return 0

    return [Step(run, np.int64)]


def _softmax(layer: Softmax, signal: Signal) -> list[Step]:
    step = signal.channels_last(signal.step).astype(np.float32)

    def run(block: Array, out: Array) -> int:
        value = (block[:, : signal.size] * step).astype(np.float32).reshape(len(block), signal.n_position, -1)
        power = np.exp(value - value.max(axis=2, keepdims=True))
        out[:, : signal.size] = (power / power.sum(axis=2, keepdims=True)).reshape(len(block), -1)
        return 0

    return [Step(run, np.float32)]


def _flatten(layer: Flatten, signal: Signal) -> list[Step]:
    """From channels last to C order, where that is not the same."""
    n_channel, n_position = signal.shape[0], signal.n_position
    if n_channel == 1 or n_position == 1:
        return []

    def run(block: Array, out: Array) -> int:
        by_place = block[:, : signal.size].reshape(len(block), n_position, n_channel)
        out[:, : signal.size].reshape(len(block), n_channel, n_position)[:] = by_place.transpose(0, 2, 1)
        return 0

    return [Step(run, np.float32 if signal.format.is_real else np.int64)]


_STEPS: dict[type[Layer], Callable[[Any, Signal], list[Step]]] = {
    HardTanh: _hard_tanh,
    Sign: _sign,
    Softmax: _softmax,
    Flatten: _flatten,
}


def _affine(layer: Affine, signal: Signal) -> Step:
    if signal.format.is_real:
        factor: Array = signal.channels_last(np.asarray(layer.scale, np.float32))
        offset: Array = signal.channels_last(np.asarray(layer.offset, np.float32))
    else:
        fixed = affine(layer.scale, layer.offset, signal.step, layer.multiplier_bit_width)
        factor, offset = signal.channels_last(fixed.multiplier), signal.channels_last(fixed.offset)

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = block[:, : signal.size] * factor + offset
        return 0

    return Step(run, factor.dtype)


def _quantize(layer: Quantize, signal: Signal, relu: bool) -> Step:
    quantize = _multiply_and_shift(layer, signal, relu)
    threshold = None
    is_byte = signal.format.name == "uint8" and signal.zero_point == 0
    if is_byte and layer.ratio(signal).multiplier.ndim == 0:
        threshold = _thresholds(_multiply_and_shift(layer, replace(signal, shape=(1,)), relu))
    if threshold is None:
        return Step(quantize, np.int64)
    lowest, reached = threshold

    def run(block: Array, out: Array) -> int:
        if block.dtype != np.uint8:  # codes that an earlier step has made
            return quantize(block, out)
        count_thresholds(block, signal.size, reached, lowest, out)
        return 0

    return Step(run, np.int64)


def _multiply_and_shift(layer: Quantize, signal: Signal, relu: bool) -> Callable[[Array, Array], int]:
    """Quantization as hardware does it; in as few bits as hold every number on the way."""
    ratio = layer.ratio(signal)
    half = np.where(
        (ratio.shift > 0) & (layer.rounding != "floor"), np.left_shift(1, np.maximum(ratio.shift - 1, 0)), 0
    )
    reach = signal.bound * int(ratio.multiplier.max()) + int(half.max())
    # also how many codes of a frame may be clipped
    reach = max(reach, signal.bound, layer.format.highest - layer.zero_point, signal.size)
    reach = max(reach, layer.zero_point - layer.format.lowest)
    work: Any = np.int16 if reach < 2**15 else np.int32 if reach < 2**31 else np.int64
    multiplier, shift, halves = (
        signal.channels_last(each).astype(work) for each in (ratio.multiplier, ratio.shift, half)
    )
    floor = work(0 if relu else np.iinfo(work).min)
    lowest, highest = work(layer.format.lowest - layer.zero_point), work(layer.format.highest - layer.zero_point)

    def run(block: Array, out: Array) -> int:
        # of few dtypes, because each is compiled for
        if work is np.int64 or block.dtype not in (np.uint8, np.int16, work):
            block = block.astype(work)
        clipped = quantize_integer(work, block, floor, multiplier, shift, halves, lowest, highest, out)
        if layer.rounding == "half_even":
            clipped += settle_ties(block, floor, multiplier, shift, halves, lowest, highest, out)
        return clipped

    return run


def _thresholds(quantize: Callable[[Array, Array], int]) -> tuple[int, Array] | None:
    """The lowest level of a byte, and the bytes at which the next levels begin.

    Where they are few, and none is a clipped one, comparing with each is several times faster; else None.
    """
    byte, level = np.arange(256, dtype=np.uint8), np.zeros((256, 1), np.int64)
    clipped = quantize(byte[:, None], level)
    steps = np.diff(level[:, 0])
    if clipped or np.count_nonzero(steps) > MOST_THRESHOLDS or steps.max() > 1:
        return None
    return int(level[0, 0]), byte[1:][steps > 0]


def _quantize_real(layer: Quantize, signal: Signal, relu: bool) -> Step:
    scale = signal.channels_last(layer.scale).astype(np.float64)
    floor = 0.0 if relu else -np.inf
    lowest, highest = layer.format.lowest - layer.zero_point, layer.format.highest - layer.zero_point
    rounding = ROUNDINGS.index(layer.rounding)

    def run(block: Array, out: Array) -> int:
        return quantize_real(block, floor, scale, rounding, lowest, highest, out)

    return Step(run, np.int64)
