"""From element-wise layers to steps, and the steps that only work on numbers."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwsim.network.layers import (
    ELU,
    Affine,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    MultiThreshold,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Wrap,
)
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.quantizing import multi_threshold, quantize_codes, quantize_values
from hwsim.simulation.elementwise.step import Array, Step


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
                quantize_values(layer, signal, relu) if signal.format.is_real else quantize_codes(layer, signal, relu)
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


def _leaky_relu(layer: LeakyReLU, signal: Signal) -> list[Step]:
    slope = np.float32(layer.slope)

    def run(block: Array, out: Array) -> int:
        number = block[:, : signal.size]
        with np.errstate(over="ignore"):  # outputs that are not finite are reported
            out[:, : signal.size] = np.where(number >= 0, number, number * slope)
        return 0

    return [Step(run, np.float32)]


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


def _wrap(layer: Wrap, signal: Signal) -> list[Step]:
    format = layer.signal(signal).format

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = (block[:, : signal.size] - format.lowest) % 2**format.bit_width + format.lowest
        return 0

    return [Step(run, np.int64)]


def _curve(layer: Sigmoid | Tanh | ELU, signal: Signal) -> list[Step]:
    step = signal.channels_last(signal.step).astype(np.float64)
    curve = _elu(layer) if isinstance(layer, ELU) else np.tanh if isinstance(layer, Tanh) else _sigmoid

    def run(block: Array, out: Array) -> int:
        # in float64, so that the float32 result is the same on every computer
        out[:, : signal.size] = curve(block[:, : signal.size] * step)
        return 0

    return [Step(run, np.float32)]


def _sigmoid(number: Array) -> Array:
    power = np.exp(-np.abs(number))  # never above 1, so that nothing overflows
    return np.asarray(np.where(number >= 0, 1.0, power) / (1 + power))


def _elu(layer: ELU) -> Callable[[Array], Array]:
    below = layer.scale * layer.alpha

    def curve(number: Array) -> Array:
        return np.asarray(np.where(number >= 0, layer.scale * number, below * np.expm1(np.minimum(number, 0))))

    return curve


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


def _rearrange(layer: Rearrange, signal: Signal) -> list[Step]:
    """From the one order to the other, channels last before and after, where they differ."""
    slot = np.arange(signal.size).reshape(signal.n_position, -1).T.ravel()  # of each number in C order
    source = slot[layer.places(signal)].reshape(layer.signal(signal).shape[0], -1).T.ravel()
    if np.all(source[1:] > source[:-1]):
        return []

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = block[:, source]
        return 0

    return [Step(run, np.float32 if signal.format.is_real else np.int64)]


_STEPS: dict[type[Layer], Callable[[Any, Signal], list[Step]]] = {
    LeakyReLU: _leaky_relu,
    HardTanh: _hard_tanh,
    Sign: _sign,
    Wrap: _wrap,
    Sigmoid: _curve,
    ELU: _curve,
    Tanh: _curve,
    Softmax: _softmax,
    Flatten: _flatten,
    Rearrange: _rearrange,
    MultiThreshold: multi_threshold,
}


def _affine(layer: Affine, signal: Signal) -> Step:
    if signal.format.is_real:
        factor: Array = signal.channels_last(np.asarray(layer.scale, np.float32))
        offset: Array = signal.channels_last(np.asarray(layer.offset, np.float32))
    else:
        fixed = layer.fixed(signal)
        factor, offset = signal.channels_last(fixed.multiplier), signal.channels_last(fixed.offset)

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = block[:, : signal.size] * factor + offset
        return 0

    return Step(run, factor.dtype)
