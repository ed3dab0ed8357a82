"""Layers that read several signals."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.fixed_point import Rescale, rescale
from hwsim.network.layers.file_forms import SILENT, PerChannel
from hwsim.network.layers.layer import Layer, Wiring
from hwsim.network.number_format import accumulator_width, integer
from hwsim.network.signals import FloatArray, IntArray, Signal, positive, real_signal

MULTIPLIER_BIT_WIDTH = 24
"""Of an Add that no quantizer follows: as fine as the mantissa of a float32. [bits]"""


class Joining(Layer, abstract=True):
    """A layer that may read several signals."""


@dataclass(frozen=True, eq=False)
class Add(Joining):
    """Sum of signals of one shape, such as a residual connection; each may be taken off instead.

    Integer codes of unequal steps are brought to a common one first: each is multiplied by an integer of
    `multiplier_bit_width` bits, such that `step` is the common one times a power of two. The sum is exact in that step.

    Where neither is given and a Quantize follows (behind a ReLU or HardTanh perhaps), the network takes that one's step
    and the fewest bits, 32 at most, with which every sum leads to the nearest code; else the first signal's, and 24.
    """

    signs: tuple[int, ...] = ()  # of each signal, 1 or -1: subtracted; empty: all are added
    step: PerChannel | None = field(default=None, metadata=SILENT)  # () or (channels,)
    multiplier_bit_width: int | None = field(default=None, metadata=SILENT)  # [bits]

    def __post_init__(self) -> None:
        """Check the signs, and bring them into their one form."""
        signs = tuple(self.signs)
        if not all(type(sign) is int and sign in (1, -1) for sign in signs):
            raise NetworkError(f"layer {self.name}: signs {signs}; expected 1 (added) or -1 (subtracted) each")
        object.__setattr__(self, "signs", signs if -1 in signs else ())
        if self.step is not None:
            object.__setattr__(self, "step", positive(self.step, f"layer {self.name}: step"))
        if self.multiplier_bit_width is not None and not 2 <= self.multiplier_bit_width <= 32:
            raise NetworkError(f"layer {self.name}: multipliers of {self.multiplier_bit_width} bits; write 2 to 32")

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
        step = np.asarray(self.common_step(source[0]) / 2.0 ** int(factors[0].shift.max()))
        spread = self.n_common_step(source[0])
        return Signal(source[0].shape, integer(accumulator_width(bound)), step, bound=bound, spread_from=spread)

    @property
    def multiplier_bits(self) -> int:
        """Width of the multipliers, where there are any. [bits]"""
        return MULTIPLIER_BIT_WIDTH if self.multiplier_bit_width is None else self.multiplier_bit_width

    def common_step(self, first: Signal) -> FloatArray:
        """What the common step is a power of two of: () or (channels,)."""
        return first.step if self.step is None else np.asarray(self.step, np.float64)

    def n_common_step(self, first: Signal) -> int:
        """How many of them there are; 0 where all channels share one."""
        return first.n_step if self.step is None else first.shape[0] * np.ndim(self.step)

    def factors(self, *source: Signal) -> tuple[Rescale, ...]:
        """What codes of each signal are multiplied by, to be counted in the common step; all share one shift."""
        step = self.common_step(source[0])
        source[0].per_element(step)
        ratios = np.stack(np.broadcast_arrays(*(np.asarray(read.step / step) for read in source)))
        fixed = rescale(ratios, self.multiplier_bits, common_shift=True)
        if np.any(fixed.multiplier == 0):
            apart = ratios.max() / ratios.min()
            raise NetworkError(f"adds codes whose steps are {apart:.3g} apart; quantize them alike")
        return tuple(_alone(fixed.multiplier[k], fixed.shift[k]) for k in range(len(source)))

    def adds_real(self, *source: Signal) -> bool:
        """Whether it reads real numbers."""
        return any(read.format.is_real for read in source)


def _alone(multiplier: IntArray, shift: IntArray) -> Rescale:
    """One signal's factors with what they cost."""
    if np.all(multiplier == 1):
        return Rescale(multiplier, shift, "none")
    power = multiplier & (multiplier - 1) == 0
    return Rescale(multiplier, shift, "shift" if np.all(power) else "multiply")


@dataclass(frozen=True, eq=False)
class Concat(Wiring, Joining):
    """Signals one after the other along the channels, (C, H, W) or (n,)."""

    keeps_sign = True

    def origins(self, *source: Signal) -> IntArray:
        """In C order one signal is behind the other."""
        return np.arange(sum(read.size for read in source)).reshape(-1, *source[0].shape[1:])

    def signal(self, *source: Signal) -> Signal:
        """Codes of the same format; of one step, or one per channel where the signals' steps differ."""
        first = source[0]
        if len({read.shape[1:] for read in source}) > 1:
            shapes = [read.shape for read in source]
            raise NetworkError(f"concatenates frames of shapes {shapes}; only channels, the first axis, may differ")
        check_alike(source)
        step = first.step
        if any(read.step.ndim or read.step != step for read in source):
            step = np.concatenate([np.broadcast_to(read.step, read.shape[:1]) for read in source])
            if np.all(step == step[0]):
                step = np.asarray(step[0])
        shape = (sum(read.shape[0] for read in source), *first.shape[1:])
        n_step = sum(read.n_step or read.shape[0] for read in source)
        return replace(first, shape=shape, step=step, bound=max(read.bound for read in source), spread_from=n_step)


def check_alike(source: Sequence[Signal]) -> None:
    """Refuse signals whose codes are not of one format and zero point."""
    if len({(read.format, read.zero_point) for read in source}) > 1:
        formats = ", ".join(f"{read.format} around {read.zero_point}" for read in source)
        raise NetworkError(f"concatenates codes of different formats ({formats}); quantize them alike")


class Pairing(Joining, abstract=True):
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
        n_step = max(first.n_step, second.n_step)
        return Signal(shape, integer(accumulator_width(bound)), step, bound=bound, spread_from=n_step)


@dataclass(frozen=True, eq=False)
class Divide(Pairing):
    """The first signal by the second, number by number, in float32; real numbers only."""

    doing = "divides"
