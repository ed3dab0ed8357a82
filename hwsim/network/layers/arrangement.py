"""Layers that move numbers about, or put constants beside them, and leave each as it is."""

from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.layers.file_forms import OPTIONAL
from hwsim.network.layers.layer import ElementWise, Wiring
from hwsim.network.layers.window import Padding, is_whole, padding_pairs
from hwsim.network.signals import IntArray, Signal


@dataclass(frozen=True, eq=False)
class Rearrange(ElementWise):
    """A frame with its axes in another order, and then of another shape, in C order. It is wiring."""

    order: tuple[int, ...] = ()  # of the frame's axes, the first is 0; empty: as they are
    shape: tuple[int, ...] = ()  # of what leaves; empty: as the axes are then

    passes_scales = True
    is_wiring: ClassVar[bool] = True
    keeps_sign = True

    def __post_init__(self) -> None:
        """Check what can be checked without a frame."""
        for what, least in (("order", 0), ("shape", 1)):
            numbers = tuple(getattr(self, what))
            if not all(is_whole(n, least) for n in numbers):
                raise NetworkError(f"layer {self.name}: {what} {numbers}; expected whole numbers from {least}")
            object.__setattr__(self, what, tuple(map(int, numbers)))

    def places(self, read: Signal) -> IntArray:
        """Where each number that leaves comes from, both in C order. (size,)"""
        axes = tuple(range(len(read.shape)))
        order = self.order or axes
        if tuple(sorted(order)) != axes:
            raise NetworkError(f"order {order} of a frame of shape {read.shape}; expected each of {axes} once")
        return np.arange(read.size).reshape(read.shape).transpose(order).ravel()

    def signal(self, *source: Signal) -> Signal:
        """The same numbers elsewhere; where they have a step per channel, a channel must still have one."""
        (read,) = source
        places = self.places(read)
        shape = self.shape or tuple(read.shape[axis] for axis in self.order) or read.shape
        if prod(shape) != read.size:
            raise NetworkError(f"shape {shape} of a frame of shape {read.shape}, which has {read.size} numbers")
        step = read.step
        if step.ndim:
            by_channel = read.per_element(step)[places].reshape(shape[0], -1)
            if np.any(by_channel != by_channel[:, :1]):
                raise NetworkError(f"shape {shape} puts codes of unequal steps into one channel; quantize them alike")
            step = np.asarray(by_channel[:, 0], np.float64)
        return replace(read, shape=shape, step=step, spread_from=min(read.n_step, shape[0]))


@dataclass(frozen=True, eq=False)
class Pad2d(Wiring):
    """Images with a border of one value. A convolution's tap on the border is a synapse, as any other."""

    padding: Padding = 0  # ((top, bottom), (left, right)), or (y, x), or one number
    value: float = field(default=0.0, metadata=OPTIONAL)

    def __post_init__(self) -> None:
        """Bring the geometry into its one form and check it."""
        try:
            object.__setattr__(self, "padding", padding_pairs(self.padding))
        except NetworkError as error:
            raise NetworkError(f"layer {self.name}: {error}") from None
        if not np.isfinite(self.value):
            raise NetworkError(f"layer {self.name}: value {self.value}; expected a finite number")
        object.__setattr__(self, "value", float(self.value))

    @property
    def constants(self) -> tuple[float, ...]:
        """The border's."""
        return (self.value,)

    def origins(self, *source: Signal) -> IntArray:
        """The image, in the middle of the constant."""
        (read,) = source
        sides = ((0, 0), *padding_pairs(self.padding))
        origins: IntArray = np.pad(np.arange(read.size).reshape(read.shape), sides, constant_values=-1)
        return origins

    def signal(self, *source: Signal) -> Signal:
        """A larger image of the same numbers."""
        (read,) = source
        if len(read.shape) != 3:
            raise NetworkError(f"reads a frame of shape {read.shape}; expected (channels, height, width)")
        vertical, horizontal = padding_pairs(self.padding)
        channels, height, width = read.shape
        shape = (channels, height + sum(vertical), width + sum(horizontal))
        if read.format.is_real:
            return replace(read, shape=shape)
        border = codes_of(self.value, read.step, read, "a border", "around")
        return replace(read, shape=shape, bound=max(read.bound, int(np.abs(border).max())))


def codes_of(value: npt.ArrayLike, step: npt.ArrayLike, read: Signal, what: str, where: str) -> IntArray:
    """Codes of constants, less the zero point, in a signal's format.

    Raises
    ------
    NetworkError
        When a value is none of the codes.
    """
    value, step = np.broadcast_arrays(np.asarray(value, np.float64), step)
    code = np.rint(value / step)
    centred = code + read.zero_point
    is_code = ((code * step).astype(np.float32) == value.astype(np.float32)) & (centred >= read.format.lowest)
    is_code &= (centred <= read.format.highest) & ((read.format.kind != "binary") | (np.abs(code) == 1))
    if not np.all(is_code):
        raise NetworkError(
            f"{what} of {value[~is_code][0]:g} {where} {read.format} codes of step {read.step}, none of which is that; "
            "take a value that one of them has, or quantize after it"
        )
    return np.asarray(code, np.int64)
