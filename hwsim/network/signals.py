"""What is known of a tensor before anything runs: shape, format, step and bound."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.number_format import FP32, NumberFormat

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

SMALLEST_SCALE, LARGEST_SCALE = 2.0**-100, 2.0**100
"""Scales and steps beyond are refused."""

BYTES_OF_A_NUMBER = 32
"""What a run holds at the least for each number of a frame: its code, now and before, an event's place and value."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A tensor between layers: (codes - zero point) x step. A real tensor has step 1 and no codes."""

    shape: tuple[int, ...]
    format: NumberFormat  # of a code, or of an accumulator before it is quantized
    step: FloatArray  # () or (channels,): real value of one code
    zero_point: int = 0
    bound: int = 0  # largest |code - zero point| that can occur; 0 for a real tensor
    spread_from: int = 0  # channels whose steps have been spread over their elements, as by a Flatten; 0: none were

    @classmethod
    def of_input(cls, shape: tuple[int, ...], format: NumberFormat, step: float = 1.0) -> "Signal":
        """The signal of a network's input.

        Raises
        ------
        NetworkError
            For a step that is no positive number.
        """
        bound = 0 if format.is_real else max(-format.lowest, format.highest)
        return cls(shape, format, positive(step, "step"), 0, bound)

    @property
    def size(self) -> int:
        """How many numbers one frame has."""
        return math.prod(self.shape)

    @property
    def n_step(self) -> int:
        """Steps there are: one per channel, even where they are spread over elements; 0 where all share one."""
        return (self.spread_from or self.shape[0]) if self.step.ndim else 0

    @property
    def span(self) -> int:
        """Largest difference of two codes; 0 for a real tensor."""
        return min(2 * self.bound, self.format.highest - self.format.lowest) if self.bound else 0

    @property
    def n_position(self) -> int:
        """Positions of a frame: height x width; 1 of a vector."""
        return self.size // self.shape[0]

    def channels_last(self, channel: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Spread one number, or one per channel, over a frame in the order kernels work in: position, channel."""
        return self.per_element(channel).reshape(self.shape[0], -1).T.ravel()

    def per_element(self, channel: npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Spread one number, or one per channel (first axis), over a frame's elements in C order. (size,)"""
        channel = np.asarray(channel)
        if channel.ndim == 0:
            return np.full(self.size, channel)
        if channel.shape != self.shape[:1]:
            raise NetworkError(f"{channel.size} numbers for {self.shape[0]} channels; give one, or one per channel")
        return np.repeat(channel, self.size // self.shape[0])


def real_signal(*read: Signal) -> Signal:
    """Real numbers made of what is read, in its format: the widest of real numbers; fp32 of codes."""
    formats = [each.format for each in read if each.format.is_real]
    return Signal(read[0].shape, max(formats, key=lambda each: each.bit_width, default=FP32), np.asarray(1.0))


def positive(value: npt.ArrayLike, what: str) -> FloatArray:
    """A scale or a step, or a vector of them, as float64: positive, and within 2^-100 to 2^100.

    Raises
    ------
    NetworkError
        For anything else.
    """
    array = np.asarray(value, np.float64)
    if array.ndim > 1:
        raise NetworkError(f"{what} of shape {array.shape}: expected a positive finite number, or one per channel")
    wrong = array[~is_ordinary(array)]
    if wrong.size:
        found = float(wrong[0])
        remedy = "2^-100 to 2^100 (7.9e-31 to 1.3e+30)" if 0 < found < np.inf else "a positive finite number"
        raise NetworkError(f"{what} {found}: expected {remedy}{', or one per channel' if array.ndim == 0 else ''}")
    return array


def is_ordinary(scale: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether scales or steps are so far from 0 and infinity that products and quotients of several are exact."""
    return np.asarray((np.asarray(scale) >= SMALLEST_SCALE) & (np.asarray(scale) <= LARGEST_SCALE))
