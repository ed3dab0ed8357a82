"""Layers that make one number of a window of numbers, channel by channel."""

from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.layers.file_forms import OPTIONAL, SETTLED, SILENT
from hwsim.network.layers.layer import Layer
from hwsim.network.layers.window import Axis, Padding, Pair, Window, padding_pairs, pair
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.number_format import accumulator_width, integer
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, Signal, real_signal


@dataclass(frozen=True, eq=False)
class Pool2d(Layer, abstract=True):
    """What poolings have in common. Stride is the kernel unless said; every window meets the image."""

    kernel: Pair = 2
    stride: Pair | None = field(default=None, metadata=SETTLED)
    padding: Padding = 0
    ceil_mode: bool = field(default=False, metadata=OPTIONAL)
    dilation: Pair = field(default=(1, 1), metadata=SILENT, kw_only=True)

    keeps_sign = True

    def __post_init__(self) -> None:
        """Bring the geometry into its one form and check it."""
        try:
            kernel = pair(self.kernel, "kernel")
            pads = padding_pairs(self.padding)
            object.__setattr__(self, "kernel", kernel)
            object.__setattr__(self, "stride", pair(kernel if self.stride is None else self.stride, "stride"))
            object.__setattr__(self, "padding", pads)
            object.__setattr__(self, "dilation", pair(self.dilation, "dilation"))
        except NetworkError as error:
            raise NetworkError(f"layer {self.name}: {error}") from None

    def window(self, read: Signal) -> Window:
        """How the window slides over what is read."""
        assert self.stride is not None
        kernel, stride, dilation = (pair(each, "pair") for each in (self.kernel, self.stride, self.dilation))
        window = Window.over(read.shape, kernel, stride, self.padding, dilation, self.ceil_mode)
        if not window.taps.all():
            raise NetworkError(
                f"a window of kernel {kernel} and padding {self.padding} meets nothing but padding; take less of it"
            )
        return window


@dataclass(frozen=True, eq=False)
class MaxPool2d(Pool2d):
    """Largest code of each window; padding never wins."""

    def signal(self, *source: Signal) -> Signal:
        """Codes of the same format and step."""
        (read,) = source
        return replace(read, shape=(read.shape[0], *self.window(read).out))


@dataclass(frozen=True, eq=False)
class AvgPool2d(Pool2d):
    """Mean of each window: of real numbers, or the exact sum of codes with a step divided by the window's size."""

    # whether padding counts as zeros, as torch's default has it
    count_include_pad: bool = field(default=True, metadata=OPTIONAL)

    def divisors(self, read: Signal) -> FloatArray:
        """What each window's sum is divided by. (height, width)"""
        window = self.window(read)
        if not self.count_include_pad:
            return window.taps.astype(np.float64)
        y, x = (_padded_taps(axis) for axis in (window.y, window.x))
        return np.asarray(y[:, None] * x, np.float64)

    def signal(self, *source: Signal) -> Signal:
        """Means; of integers the sums, whose step is that of one code divided by the window's size."""
        (read,) = source
        return _mean(read, self.window(read), self.divisors(read))

    def adds_real(self, *source: Signal) -> bool:
        """Whether it reads real numbers."""
        return any(read.format.is_real for read in source)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """Real sums are divided."""
        return _division(self.name, read, self.divisors(read), place)


@dataclass(frozen=True, eq=False)
class GlobalAvgPool(Layer):
    """Mean of each channel over the whole frame: (C, 1, 1)."""

    keeps_sign = True

    def window(self, read: Signal) -> Window:
        """The one window that covers the frame."""
        return Window.over(read.shape, (read.shape[-2], read.shape[-1]))

    def divisors(self, read: Signal) -> FloatArray:
        """Size of the frame. (1, 1)"""
        return self.window(read).taps.astype(np.float64)

    def signal(self, *source: Signal) -> Signal:
        """Means; of integers the sums, whose step is that of one code divided by the frame's size."""
        (read,) = source
        if len(read.shape) != 3:
            raise NetworkError(f"reads a frame of shape {read.shape}; expected (channels, height, width)")
        return _mean(read, self.window(read), self.divisors(read))

    def adds_real(self, *source: Signal) -> bool:
        """Whether it reads real numbers."""
        return any(read.format.is_real for read in source)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """Real sums are divided."""
        return _division(self.name, read, self.divisors(read), place)


def _mean(read: Signal, window: Window, divisors: FloatArray) -> Signal:
    shape = (read.shape[0], *window.out)
    if read.format.is_real:
        return replace(real_signal(read), shape=shape)
    if np.any(divisors != divisors.flat[0]):
        raise NetworkError(
            "averages codes over windows of unequal size, whose results have no common step; count padding "
            "(count_include_pad) and avoid ceil_mode, or average real numbers"
        )
    bound = read.bound * int(window.taps.max())
    return Signal(shape, integer(accumulator_width(bound)), np.asarray(read.step / divisors.flat[0]), bound=bound)


def _division(name: str, read: Signal, divisors: FloatArray, place: Place) -> tuple[NeuronWork, ...]:
    """Sums times a constant, or shifted by one; those of codes are left as they are, in a step that is divided."""
    if not read.format.is_real or place.scales_absorbed or np.all(divisors == 1):
        return ()
    if np.all(np.frexp(divisors)[0] == 0.5):
        return (NeuronWork(name, once(Operation.of("constant_shift", read.format))),)
    return (NeuronWork(name, once(Operation.of("multiplication", read.format, read.format))),)


def _padded_taps(axis: Axis) -> FloatArray:
    """Taps of each window on inputs or padding; those beyond, where ceil_mode lets a window stick out, never count."""
    start = np.arange(axis.n_window) * axis.stride - axis.before
    taps = start[:, None] + np.arange(axis.kernel) * axis.dilation
    return np.asarray(np.count_nonzero(taps < axis.size + axis.after, axis=1), np.float64)
