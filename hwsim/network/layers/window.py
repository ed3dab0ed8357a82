"""Windows that slide over an image: where they stand, and which of their taps meet an input."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.files.memory import expect_memory
from hwsim.network.layers.file_forms import WrittenAs
from hwsim.network.signals import BYTES_OF_A_NUMBER

Pair: TypeAlias = Annotated[int | tuple[int, int], WrittenAs(tuple[int, int])]
"""Along y and x; one number is both."""

Padding: TypeAlias = Annotated[
    int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]], WrittenAs(tuple[tuple[int, int], tuple[int, int]])
]
"""((top, bottom), (left, right)), or (y, x), or one number."""

LARGEST = 2**31 - 1
"""Stride, padding, kernel or dilation: products of two are whole numbers of 64 bits."""


def pair(value: Pair, what: str, least: int = 1) -> tuple[int, int]:
    """A number for both axes, or one for each: (y, x)."""
    both = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value, value)
    if len(both) != 2 or not all(is_whole(n, least) for n in both):
        raise NetworkError(f"{what} {value!r}; expected a whole number from {least}, or two: (y, x)")
    if max(both) > LARGEST:
        raise NetworkError(f"{what} {value!r}; expected at most {LARGEST:,} along either axis")
    return int(both[0]), int(both[1])


def is_whole(value: object, least: int) -> bool:
    """Whether something is a whole number, not below another."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def padding_pairs(value: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding as ((top, bottom), (left, right)), of one number, (y, x), or just that."""
    parts: tuple[Any, ...] = tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(parts) == 2 and all(isinstance(each, (tuple, list)) for each in parts):
        return pair(parts[0], "padding", 0), pair(parts[1], "padding", 0)
    y, x = pair(value, "padding", 0)  # type: ignore[arg-type]
    return (y, y), (x, x)


@dataclass(frozen=True)
class Axis:
    """One axis of a sliding window: window o covers inputs o x stride - before + k x dilation, where there are such.

    Raises
    ------
    NetworkError
        When no window fits.
    """

    size: int  # inputs
    kernel: int  # taps
    stride: int = 1
    before: int = 0  # padding
    after: int = 0
    dilation: int = 1
    ceil_mode: bool = False  # a window that sticks out at the end counts, if it begins on an input or before

    def __post_init__(self) -> None:
        """Check that there is a window."""
        if self.n_window < 1:
            raise NetworkError(
                f"a kernel of {self.reach} (taps {self.kernel}, dilation {self.dilation}) does not fit into "
                f"{self.size} inputs with padding {self.before} and {self.after}"
            )

    @property
    def reach(self) -> int:
        """Inputs from a window's first tap to its last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def n_window(self) -> int:
        """Positions of the window."""
        room = self.size + self.before + self.after - self.reach
        if room < 0:
            return 0
        if not self.ceil_mode:
            return room // self.stride + 1
        n = math.ceil(room / self.stride) + 1
        return n - ((n - 1) * self.stride >= self.size + self.before)

    @property
    def meets(self) -> npt.NDArray[np.int64]:
        """Input that each window meets with each tap; -1 where there is none. (n_window, kernel)"""
        place = np.arange(self.n_window)[:, None] * self.stride - self.before + np.arange(self.kernel) * self.dilation
        return np.where((place >= 0) & (place < self.size), place, -1)

    def bands(self, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First input, and the one after the last, between the ends of every n windows in turn. (n_band,) each"""
        first = np.arange(0, self.n_window, n)
        last = np.minimum(first + n, self.n_window) - 1
        ends = first * self.stride - self.before, last * self.stride - self.before + self.reach
        low, high = (np.clip(end, 0, self.size) for end in ends)
        return low, np.maximum(low, high)

    @property
    def taps(self) -> npt.NDArray[np.int64]:
        """Taps of each window that meet an input. (n_window,)"""
        return np.asarray(np.count_nonzero(self.meets >= 0, axis=1), np.int64)

    @property
    def tap_meets_input(self) -> npt.NDArray[np.bool_]:
        """Whether an input is met with a tap, by some window (never by two). (size, kernel)"""
        met = np.zeros((self.size, self.kernel), np.bool_)
        meets = self.meets
        window, tap = np.nonzero(meets >= 0)
        met[meets[window, tap], tap] = True
        return met


@dataclass(frozen=True)
class Window:
    """A window that slides over images of height x width."""

    y: Axis
    x: Axis

    @classmethod
    def over(
        cls,
        shape: tuple[int, ...],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        padding: Padding = 0,
        dilation: tuple[int, int] = (1, 1),
        ceil_mode: bool = False,
    ) -> "Window":
        """A window over frames of a shape; NetworkError unless it is (C, H, W)."""
        if len(shape) != 3:
            raise NetworkError(f"reads a frame of shape {shape}; expected (channels, height, width)")
        pads = padding_pairs(padding)
        y, x = (
            Axis(shape[1 + k], kernel[k], stride[k], *pads[k], dilation=dilation[k], ceil_mode=ceil_mode)
            for k in (0, 1)
        )
        window = cls(y, x)
        # before anything is worked out for every position
        needed = BYTES_OF_A_NUMBER * math.prod(window.out) + sum(8 * each.n_window * each.kernel for each in (y, x))
        expect_memory(needed, f"{window.out} positions of a window", "let there be fewer", NetworkError)
        return window

    @property
    def out(self) -> tuple[int, int]:
        """Positions: (height, width)."""
        return self.y.n_window, self.x.n_window

    @property
    def taps(self) -> npt.NDArray[np.int64]:
        """Taps of each window that meet an input. (height, width)"""
        return self.y.taps[:, None] * self.x.taps

    @property
    def reached(self) -> npt.NDArray[np.int64]:
        """Windows that each input is in, with one tap each. (height, width) of the image"""
        y, x = (np.count_nonzero(axis.tap_meets_input, axis=1) for axis in (self.y, self.x))
        return np.asarray(y[:, None] * x, np.int64)
