"""Layers that read several signals."""

from dataclasses import dataclass, replace

import numpy as np

from hwsim.errors import NetworkError
from hwsim.fixed_point import Rescale, rescale
from hwsim.layers.layer import Layer
from hwsim.number_format import accumulator_width, integer
from hwsim.signals import IntArray, Signal, real_signal


class Joining(Layer):
    """A layer that may read several signals."""


@dataclass(frozen=True, eq=False)
class Add(Joining):
    """Sum of signals of one shape, such as a residual connection; each may be taken off instead.

    Integer codes of unequal steps are brought to a common one first: each is multiplied by an integer, such that
    the first signal's step is the common one times a power of two. The sum is exact in that step.
    """

    signs: tuple[int, ...] = ()  # of each signal, 1 or -1: subtracted; empty: all are added

    def __post_init__(self) -> None:
        """Check the signs, and bring them into their one form."""
        signs = tuple(self.signs)
        if not all(type(sign) is int and sign in (1, -1) for sign in signs):
            raise NetworkError(f"layer {self.name}: signs {signs}; expected 1 (added) or -1 (subtracted) each")
        object.__setattr__(self, "signs", signs if -1 in signs else ())

    def sign(self, k: int) -> int:
        """Whether the k-th signal is added, 1, or subtracted, -1."""
        return self.signs[k] if self.signs else 1

    def signal(self, *source: Signal) -> Signal:
        """Real numbers, or sums of codes."""
        shapes = {read.shape for read in source}
        if len(source) < 2 or len(shapes) > 1:
            raise NetworkError(f"adds frames of shapes {sorted(shapes)}; expected two signals or more, of one shape")
        if self.signs and len(self.signs) != len(source):
            raise NetworkError(f"has {len(self.signs)} signs for {len(source)} signals; give one for each, or none")
        if len({read.format.is_real for read in source}) > 1:
            raise NetworkError("adds real numbers and codes; quantize the real ones")
        if source[0].format.is_real:
            return real_signal(*source)
        factors = self.factors(*source)
        bound = sum(read.bound * int(factor.multiplier.max()) for read, factor in zip(source, factors, strict=True))
        step = np.asarray(source[0].step / 2.0 ** int(factors[0].shift.max()))
        return Signal(source[0].shape, integer(accumulator_width(bound)), step, bound=bound)

    def factors(self, *source: Signal) -> tuple[Rescale, ...]:
        """What codes of each signal are multiplied by, to be counted in the common step; all share one shift."""
        ratios = np.stack(np.broadcast_arrays(*(np.asarray(read.step / source[0].step) for read in source)))
        fixed = rescale(ratios, 16, common_shift=True)
        if np.any(fixed.multiplier == 0):
            apart = ratios.max() / ratios.min()
            raise NetworkError(f"adds codes whose steps are {apart:.3g} apart; quantize them alike")
        return tuple(_alone(fixed.multiplier[k], fixed.shift[k]) for k in range(len(source)))


def _alone(multiplier: IntArray, shift: IntArray) -> Rescale:
    """One signal's factors with what they cost."""
    if np.all(multiplier == 1):
        return Rescale(multiplier, shift, "none")
    power = multiplier & (multiplier - 1) == 0
    return Rescale(multiplier, shift, "shift" if np.all(power) else "multiply")


@dataclass(frozen=True, eq=False)
class Concat(Joining):
    """Signals one after the other along the channels, (C, H, W) or (n,)."""

    def signal(self, *source: Signal) -> Signal:
        """Codes of the same format; of one step, or one per channel where the signals' steps differ."""
        first = source[0]
        if len({read.shape[1:] for read in source}) > 1:
            shapes = [read.shape for read in source]
            raise NetworkError(f"concatenates frames of shapes {shapes}; only channels, the first axis, may differ")
        if len({(read.format, read.zero_point) for read in source}) > 1:
            formats = ", ".join(f"{read.format} around {read.zero_point}" for read in source)
            raise NetworkError(f"concatenates codes of different formats ({formats}); quantize them alike")
        step = first.step
        if any(read.step.ndim or read.step != step for read in source):
            step = np.concatenate([np.broadcast_to(read.step, read.shape[:1]) for read in source])
            if np.all(step == step[0]):
                step = np.asarray(step[0])
        shape = (sum(read.shape[0] for read in source), *first.shape[1:])
        return replace(first, shape=shape, step=step, bound=max(read.bound for read in source))


class Pairing(Joining):
    """Numbers of two signals, pair by pair: of one shape, or one of (C, H, W) and one number for each channel of it."""

    doing = "pairs"  # what it does, in messages
    otherwise = ""  # what else it takes

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        shape = self.shape(*source)
        if not all(read.format.is_real for read in source):
            formats = " and ".join(str(read.format) for read in source)
            raise NetworkError(f"{self.doing} {formats}; expected real numbers{self.otherwise}")
        return replace(real_signal(*source), shape=shape)

    def shape(self, *source: Signal) -> tuple[int, ...]:
        """Shape of the result; NetworkError where the signals do not fit."""
        shapes = [read.shape for read in source]
        if len(shapes) == 2:
            first, second = shapes
            for larger, smaller in ((first, second), (second, first)):
                if larger == smaller or (len(larger) == 3 and smaller in (larger[:1], (larger[0], 1, 1))):
                    return larger
        raise NetworkError(
            f"{self.doing} frames of shapes {shapes}; expected two of one shape, or (C, H, W) and (C, 1, 1) or (C,)"
        )


@dataclass(frozen=True, eq=False)
class Multiply(Pairing):
    """Product of two signals, number by number, such as a gate for each channel (squeeze and excitation)."""

    doing = "multiplies"
    otherwise = ", or codes only: quantize both or neither"

    def signal(self, *source: Signal) -> Signal:
        """Real numbers, or products of codes, whose steps multiply."""
        shape = self.shape(*source)
        first, second = source
        if first.format.is_real or second.format.is_real:
            return super().signal(*source)
        bound = first.bound * second.bound
        step = np.asarray(first.step * second.step, np.float64)
        return Signal(shape, integer(accumulator_width(bound)), step, bound=bound)


@dataclass(frozen=True, eq=False)
class Divide(Pairing):
    """The first signal by the second, number by number, in float32; real numbers only."""

    doing = "divides"
