"""Layers that take some of the numbers of their signals, in any order and as often as wanted: wires alone."""

from dataclasses import dataclass, replace
from math import prod
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.layers.arrangement import codes_of
from hwsim.network.layers.file_forms import Places
from hwsim.network.layers.joining import Joining, check_alike
from hwsim.network.layers.layer import Wiring
from hwsim.network.layers.window import is_whole
from hwsim.network.signals import FloatArray, IntArray, Signal


@dataclass(frozen=True, eq=False)
class Slice(Wiring):
    """A part of a frame: along an axis, numbers from `start` up to `stop`, every `stride`-th of them.

    What a Concat has laid one after the other, Slices take apart again.
    """

    start: int = 0
    stop: int | None = None  # the first that is left out; None: up to the end
    stride: int = 1
    axis: int = 0  # of the frame: 0 of (C, H, W) are the channels

    keeps_sign = True

    def __post_init__(self) -> None:
        """Check what can be checked without a frame."""
        for what, least in (("start", 0), ("stop", 1), ("stride", 1), ("axis", 0)):
            number = getattr(self, what)
            if not is_whole(number, least) and not (what == "stop" and number is None):
                raise NetworkError(f"layer {self.name}: {what} {number}; expected a whole number from {least}")

    def origins(self, *source: Signal) -> IntArray:
        """Those that are taken."""
        (read,) = source
        if self.axis >= len(read.shape):
            raise NetworkError(f"axis {self.axis} of a frame of shape {read.shape}; write 0 to {len(read.shape) - 1}")
        size, stop = read.shape[self.axis], read.shape[self.axis] if self.stop is None else self.stop
        if not self.start < stop <= size:
            raise NetworkError(f"takes {self.start} to {stop} of {size} along axis {self.axis}; write 0 to {size}")
        along = np.arange(self.start, stop, self.stride)
        return np.arange(read.size).reshape(read.shape).take(along, axis=self.axis)

    def signal(self, *source: Signal) -> Signal:
        """Codes of the same format; of one step, or one per channel."""
        return _led(self, source)


@dataclass(frozen=True, eq=False)
class Gather(Wiring, Joining):
    """A frame of numbers that stand anywhere in its signals, and of constants."""

    places: Annotated[npt.ArrayLike, Places()] = ()  # prod(shape) whole numbers, in C order: the `origins`
    shape: tuple[int, ...] = ()  # of what leaves
    values: tuple[float, ...] = ()  # of the constants

    def __post_init__(self) -> None:
        """Check places and shape, and bring them into their one form."""
        places, shape = np.asarray(self.places), tuple(self.shape)
        if not shape or not all(is_whole(n, 1) for n in shape):
            raise NetworkError(f"layer {self.name}: shape {shape}; expected whole numbers from 1")
        if places.dtype.kind != "i" or places.size != prod(shape):
            raise NetworkError(
                f"layer {self.name}: {places.size} places of {places.dtype}; expected {prod(shape)} whole numbers, one "
                "for each number that leaves"
            )
        values = tuple(map(float, self.values))
        if not np.all(np.isfinite(values)):
            raise NetworkError(f"layer {self.name}: values {values}; expected finite numbers")
        object.__setattr__(self, "places", places.ravel().astype(np.int64))
        object.__setattr__(self, "shape", tuple(map(int, shape)))
        object.__setattr__(self, "values", values)

    @property
    def constants(self) -> tuple[float, ...]:
        """Its values."""
        return self.values

    @property
    def keeps_sign(self) -> bool:
        """Unless a constant is negative."""
        return min(self.values, default=0.0) >= 0

    def origins(self, *source: Signal) -> IntArray:
        """The places."""
        places = np.asarray(self.places, np.int64)
        size = sum(read.size for read in source)
        if places.min() < -len(self.values) or places.max() >= size:
            raise NetworkError(
                f"places {places.min()} ... {places.max()}; expected {-len(self.values)} to {size - 1}: constants from "
                "-1 down, the numbers read from 0 up"
            )
        if np.all(places < 0):
            raise NetworkError("takes constants only; expected some of the numbers it reads")
        return places.reshape(self.shape)

    def signal(self, *source: Signal) -> Signal:
        """Codes of the same format; of one step, or one per channel."""
        return _led(self, source)


def constant_codes(layer: Wiring, source: tuple[Signal, ...], out: Signal) -> npt.NDArray[Any]:
    """What stands where constants do among what leaves, in C order: codes less the zero point, or real numbers. (n,)"""
    origins = layer.origins(*source).ravel()
    is_constant = origins < 0
    value = np.asarray((0.0, *layer.constants))[-origins[is_constant]]
    if out.format.is_real:
        return value.astype(np.float32)
    return codes_of(value, out.per_element(out.step)[is_constant], out, "a constant", "among")


def _led(layer: Wiring, source: tuple[Signal, ...]) -> Signal:
    """The numbers that a layer takes, in their own format; where they have a step per channel, a channel has one."""
    check_alike(source)
    origins = layer.origins(*source)
    out = replace(source[0], shape=origins.shape, bound=max(read.bound for read in source), spread_from=0)
    if any(read.step.ndim or read.step != out.step for read in source):
        out = replace(out, step=_steps(origins, source), spread_from=_n_step(origins.shape[0], source))
    if out.format.is_real or not layer.constants:
        return out
    largest = np.abs(constant_codes(layer, source, out)).max(initial=0)
    return replace(out, bound=max(out.bound, int(largest)))


def _n_step(n_channel: int, source: tuple[Signal, ...]) -> int:
    """Steps that are stored: as many as there are, or as channels leave."""
    return min(sum(read.n_step or 1 for read in source), n_channel)


def _steps(origins: IntArray, source: tuple[Signal, ...]) -> FloatArray:
    """The step of each channel, or the one that all have. () or (channels,)"""
    steps = np.concatenate([read.per_element(read.step) for read in source])
    by_channel = np.where(origins < 0, np.nan, steps[origins]).reshape(len(origins), -1)
    # a channel of constants alone takes any step
    lowest, highest = np.fmin.reduce(by_channel, axis=1), np.fmax.reduce(by_channel, axis=1)
    lowest, highest = (np.where(np.isnan(each), steps[0], each) for each in (lowest, highest))
    if np.any(lowest != highest):
        raise NetworkError(f"shape {origins.shape} puts codes of unequal steps into one channel; quantize them alike")
    return np.asarray(lowest if np.any(lowest != lowest[0]) else lowest[0], np.float64)
