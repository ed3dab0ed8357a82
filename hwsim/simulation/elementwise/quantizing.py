"""Quantize at work, alone or right behind a ReLU."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.kernels.quantize import count_thresholds, quantize_integer, quantize_real, settle_ties
from hwsim.network.layers import Quantize, ReLU
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for

ROUNDINGS = ("half_up", "half_even", "floor")

MOST_THRESHOLDS = 6
"""Up to so many, comparing bytes with each is faster than multiplying and shifting them."""


@step_for(Quantize)
def quantize(layer: Quantize, signal: Signal) -> Step:
    """Of real numbers or of codes."""
    return _quantize(layer, signal, False)


@step_for(ReLU, Quantize)
def quantize_positive(relu: ReLU, layer: Quantize, signal: Signal) -> Step:
    """The ReLU becomes the lower limit of what is quantized."""
    return _quantize(layer, relu.signal(signal), True)


def _quantize(layer: Quantize, signal: Signal, relu: bool) -> Step:
    return _quantize_values(layer, signal, relu) if signal.format.is_real else _quantize_codes(layer, signal, relu)


def _quantize_codes(layer: Quantize, signal: Signal, relu: bool) -> Step:
    """A Quantize of codes, with or without a ReLU right before it."""
    quantize = _multiply_and_shift(layer, signal, relu)
    threshold = None
    is_byte = signal.format.name == "uint8" and signal.zero_point == 0
    if is_byte and max(layer.ratio(signal).multiplier.ndim, np.ndim(layer.offset)) == 0:
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
    constant = layer.constant(signal)
    reach = signal.bound * int(ratio.multiplier.max()) + int(np.abs(constant).max())
    # also how many codes of a frame may be clipped
    reach = max(reach, signal.bound, layer.format.highest - layer.zero_point, signal.size)
    reach = max(reach, layer.zero_point - layer.format.lowest)
    work: Any = np.int16 if reach < 2**15 else np.int32 if reach < 2**31 else np.int64
    multiplier, shift, constants = (
        signal.channels_last(each).astype(work) for each in (ratio.multiplier, ratio.shift, constant)
    )
    floor = work(0 if relu else np.iinfo(work).min)
    lowest, highest = work(layer.format.lowest - layer.zero_point), work(layer.format.highest - layer.zero_point)

    def run(block: Array, out: Array) -> int:
        # of few dtypes, because each is compiled for
        if work is np.int64 or block.dtype not in (np.uint8, np.int16, work):
            block = block.astype(work)
        clipped = quantize_integer(work, block, floor, multiplier, shift, constants, lowest, highest, out)
        if layer.rounding == "half_even":
            clipped += settle_ties(block, floor, multiplier, shift, constants, lowest, highest, out)
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


def _quantize_values(layer: Quantize, signal: Signal, relu: bool) -> Step:
    """A Quantize of real numbers, with or without a ReLU right before it."""
    scale = signal.channels_last(layer.scale).astype(np.float64)
    offset = signal.channels_last(layer.offset).astype(np.float64)
    floor = 0.0 if relu else -np.inf
    lowest, highest = layer.format.lowest - layer.zero_point, layer.format.highest - layer.zero_point
    rounding = ROUNDINGS.index(layer.rounding)

    def run(block: Array, out: Array) -> int:
        return quantize_real(block, floor, scale, offset, rounding, lowest, highest, out)

    return Step(run, np.int64)
