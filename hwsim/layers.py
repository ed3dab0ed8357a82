"""The layers of a network, as frozen dataclasses that check themselves.

Layout: a frame is (C, H, W) or (n,), flattened in C order; a Dense weight is (n_in, n_out).
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.fixed_point import Rescale, affine, rescale
from hwsim.number_format import FP32, NumberFormat, Rounding, accumulator_width, integer, width_of
from hwsim.signals import FloatArray, IntArray, Signal, positive

Codes: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.signedinteger]


@dataclass(frozen=True, eq=False)
class Weight:
    """One term of a layer's weights: code x scale.

    Raises
    ------
    NetworkError
        When a code is outside its format or not finite, or a scale not positive.
    """

    code: Codes  # (n_in, n_out): float32 for a real format, else the smallest signed integer dtype
    format: NumberFormat = FP32
    scale: FloatArray | float = 1.0  # () or (n_out,): real value of one code

    def __post_init__(self) -> None:
        """Bring the arrays into their one form and check them."""
        code = np.asarray(self.code)
        if code.ndim < 2 or 0 in code.shape:
            raise NetworkError(f"weight of shape {code.shape}; expected (n_in, n_out), both at least 1")
        if self.format.is_real:
            with np.errstate(over="ignore"):
                code = code.astype(np.float32)
            if not np.all(np.isfinite(code)):
                raise NetworkError("weight is not finite everywhere, as float32")
        else:
            whole = code.astype(np.int64)
            if not np.array_equal(whole, code):
                raise NetworkError(f"weight codes are not whole numbers; format {self.format} needs codes and a scale")
            code = whole
            _check_codes(code, self.format)
            code = code.astype(np.min_scalar_type(min(-1, -max(abs(int(code.min())), int(code.max()) + 1))))
        object.__setattr__(self, "code", np.ascontiguousarray(code))
        object.__setattr__(self, "scale", positive(self.scale, "weight scale"))

    @property
    def value(self) -> FloatArray:
        """The real weights, code x scale. (n_in, n_out) float64"""
        return np.asarray(self.code * np.asarray(self.scale), np.float64)


def _check_codes(code: IntArray, format: NumberFormat) -> None:
    lowest, highest = int(code.min()), int(code.max())
    if lowest < format.lowest or highest > format.highest:
        raise NetworkError(
            f"weight codes reach {lowest} ... {highest}; {format} holds {format.lowest} ... {format.highest}"
        )
    if format.kind == "binary" and np.any(code == 0):
        raise NetworkError("binary weight codes are -1 or 1; there are zeros")
    magnitude = np.abs(code)
    if format.kind == "power-of-two" and np.any(magnitude & (magnitude - 1) * (magnitude > 0)):
        raise NetworkError("power-of-two weight codes are 0 or plus or minus a power of two; there are others")


@dataclass(frozen=True, eq=False)
class Layer:
    """What all layers have: a name, and the names of the layers they read (the previous one when empty)."""

    name: str
    inputs: tuple[str, ...] = ()

    def signal(self, *source: Signal) -> Signal:
        """The signal the layer makes of those it reads; NetworkError when it cannot."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """Fully connected layer: accumulator = bias + sum over inputs of code x weight code.

    Integer codes meeting integer weights add up in an integer accumulator whose width is derived from the exact
    bound max|code| * sum|w| + |bias|, or declared. Two terms (such as two-scale ternary weights) have an
    accumulator each, merged in step ``scale[0] / 2**n``.
    """

    terms: tuple[Weight, ...] = ()  # one, or two that are added
    bias: npt.NDArray[np.generic] | None = None  # (n_out,): real values, or integer codes of the first accumulator
    accumulator: int | None = None  # declared width [bits]; None: as wide as the bound needs

    def __post_init__(self) -> None:
        """Check shapes; a silent bias is zeros."""
        terms = (self.terms,) if isinstance(self.terms, Weight) else tuple(self.terms)
        if len(terms) not in (1, 2) or len({term.code.shape for term in terms}) != 1 or terms[0].code.ndim != 2:
            raise NetworkError(f"layer {self.name}: expected one or two weight terms of one shape (n_in, n_out)")
        whole = not any(term.format.is_real for term in terms)
        n_out = terms[0].code.shape[1]
        bias = np.zeros(n_out, np.int64 if whole else np.float32) if self.bias is None else np.asarray(self.bias)
        if bias.shape != (n_out,) or not np.all(np.isfinite(bias)):
            raise NetworkError(f"layer {self.name}: bias of shape {bias.shape}; expected ({n_out},), all finite")
        for term in terms:
            if np.ndim(term.scale) and np.shape(term.scale) != (n_out,):
                raise NetworkError(
                    f"layer {self.name}: weight scale of shape {np.shape(term.scale)}; expected () or ({n_out},)"
                )
        # + 0 turns -0.0 into 0.0, so that adding zero products never changes a bit
        object.__setattr__(
            self, "bias", bias.astype(np.int64) if bias.dtype.kind in "iu" else bias.astype(np.float32) + 0
        )
        object.__setattr__(self, "terms", terms)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_in, n_out)."""
        n_in, n_out = self.terms[0].code.shape
        return n_in, n_out

    @property
    def is_integer(self) -> bool:
        """Whether the weights are integer codes."""
        return not any(term.format.is_real for term in self.terms)

    def signal(self, *source: Signal) -> Signal:
        """Accumulators; real ones unless both the codes read and the weights are integers."""
        (read,) = source
        n_in, n_out = self.shape
        if len(read.shape) != 1:
            raise NetworkError(f"reads a frame of shape {read.shape}; put a Flatten before it")
        if read.size != n_in:
            raise NetworkError(f"its weight takes {n_in} inputs, but it reads {read.size}")
        if read.format.is_real or not self.is_integer:
            if self.bias is not None and self.bias.dtype.kind == "i" and np.any(self.bias):
                raise NetworkError("real arithmetic with an integer bias; give the bias as real values")
            return Signal((n_out,), FP32, np.asarray(1.0))
        return self._accumulators(read)

    def _accumulators(self, read: Signal) -> Signal:
        assert self.bias is not None
        if read.step.ndim:
            raise NetworkError(
                "integer weights read codes of one step; the input has one per channel: bake them into the weights"
            )
        if self.bias.dtype.kind != "i":
            raise NetworkError("integer weights need an integer bias; write round(bias / (input step x weight scale))")
        first = Signal((n_out := self.shape[1],), FP32, np.asarray(read.step * self.terms[0].scale))
        widths = self.accumulator_widths(read)
        bound = self.bounds(read)
        if len(self.terms) == 1:
            return replace(first, format=integer(widths[0]), bound=bound[0])
        merge = self.merge
        total = bound[0] * int(2 ** merge.shift.max()) + bound[1] * int(np.abs(merge.multiplier).max())
        step = np.asarray(first.step / 2.0 ** merge.shift.max())
        return Signal((n_out,), integer(accumulator_width(total)), step, bound=total)

    @property
    def merge(self) -> Rescale:
        """Two terms: the ratio of the second scale to the first, as an integer multiplier and one shift."""
        return rescale(np.asarray(self.terms[1].scale) / np.asarray(self.terms[0].scale), 16, common_shift=True)

    def bounds(self, read: Signal) -> tuple[int, ...]:
        """Largest magnitude each term's accumulator can reach, at any moment and in any order of events."""
        bounds = []
        for k, term in enumerate(self.terms):
            # Python integers, because 64 bits could overflow here unnoticed
            total = np.abs(term.code, dtype=np.int64).sum(axis=0).astype(object) * read.bound
            bounds.append(
                int((total + (abs(self.bias.astype(object)) if k == 0 and self.bias is not None else 0)).max())
            )
        return tuple(bounds)

    def accumulator_widths(self, read: Signal) -> tuple[int, ...]:
        """Width of each term's accumulator. [bits]

        Raises
        ------
        NetworkError
            When a declared width could overflow.
        """
        bounds = self.bounds(read)
        if self.accumulator is None:
            return tuple(accumulator_width(bound) for bound in bounds)
        if (needed := width_of(max(bounds))) > self.accumulator:
            raise NetworkError(
                f"its accumulator can reach {max(bounds):,}, which needs {needed} bits; "
                f"{self.accumulator} are declared: declare {needed} or more"
            )
        return (self.accumulator,) * len(bounds)


@dataclass(frozen=True, eq=False)
class ReLU(Layer):
    """max(x, 0)."""

    def signal(self, *source: Signal) -> Signal:
        """The signal it reads."""
        return source[0]


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """A frame as a vector, in C order."""

    def signal(self, *source: Signal) -> Signal:
        """The same numbers as a vector; a step per channel becomes one per element."""
        (read,) = source
        step = np.asarray(read.per_element(read.step), np.float64) if read.step.ndim else read.step
        return replace(read, shape=(read.size,), step=step)


@dataclass(frozen=True, eq=False)
class Affine(Layer):
    """scale x value + offset, each one number or one per channel.

    On an integer signal both are fixed-point numbers: multipliers of `multiplier_bit_width` bits that share one
    power-of-two step, which becomes the step of the result.
    """

    scale: npt.ArrayLike = 1.0
    offset: npt.ArrayLike = 0.0
    multiplier_bit_width: int = 16

    def __post_init__(self) -> None:
        """Check that the parameters are finite."""
        for what in ("scale", "offset"):
            array = np.asarray(getattr(self, what), np.float64)
            if array.ndim > 1 or not np.all(np.isfinite(array)):
                raise NetworkError(f"layer {self.name}: {what}: expected one finite number, or one per channel")
            object.__setattr__(self, what, array)

    def signal(self, *source: Signal) -> Signal:
        """Real stays real; integers get the common step of the fixed-point parameters."""
        (read,) = source
        read.per_element(self.scale), read.per_element(self.offset)
        if read.format.is_real:
            return read
        fixed = affine(self.scale, self.offset, read.step, self.multiplier_bit_width)
        bound = read.bound * int(np.abs(fixed.multiplier).max()) + int(np.abs(fixed.offset).max())
        return Signal(read.shape, integer(accumulator_width(bound)), np.asarray(2.0**-fixed.shift), bound=bound)


@dataclass(frozen=True, eq=False)
class Quantize(Layer):
    """Integer codes of a declared width: clip(round(value x scale) + zero point).

    The step of the result is 1 / scale. On an integer signal the ratio of the steps is 1, a power of two (a
    shift), or a multiplier of `multiplier_bit_width` bits and a shift, executed exactly as such.
    """

    scale: npt.ArrayLike = 1.0  # codes per unit: one number, or one per channel
    bit_width: int = 8
    signed: bool = True
    narrow_range: bool = False
    zero_point: int = 0
    rounding: Rounding = "half_up"
    multiplier_bit_width: int = 16

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "scale", positive(self.scale, f"layer {self.name}: scale"))
        if self.rounding not in ("half_up", "half_even", "floor"):
            raise NetworkError(f"layer {self.name}: rounding {self.rounding!r}; write half_up, half_even or floor")
        if not 1 <= self.bit_width <= 32 or not 2 <= self.multiplier_bit_width <= 32:
            raise NetworkError(f"layer {self.name}: bit widths go from 1 (multiplier: 2) to 32")
        if not self.format.lowest <= self.zero_point <= self.format.highest:
            raise NetworkError(f"layer {self.name}: zero point {self.zero_point} is no {self.format} code")

    @property
    def format(self) -> NumberFormat:
        """Format of the codes."""
        return NumberFormat("integer", self.bit_width, self.signed, self.narrow_range)

    def signal(self, *source: Signal) -> Signal:
        """Codes."""
        (read,) = source
        read.per_element(self.scale)
        if not read.format.is_real:
            self.ratio(read)
        bound = max(self.format.highest - self.zero_point, self.zero_point - self.format.lowest)
        return Signal(read.shape, self.format, np.asarray(1 / np.asarray(self.scale)), self.zero_point, bound)

    def ratio(self, read: Signal) -> Rescale:
        """How codes of one step become codes of the other: (multiplier, shift) per channel or for all."""
        fixed = rescale(read.step * np.asarray(self.scale), self.multiplier_bit_width)
        if read.bound * int(fixed.multiplier.max()) >= 2**62:
            raise NetworkError(
                f"codes up to {read.bound} times a multiplier up to {fixed.multiplier.max()} overflow 64 bits"
            )
        return fixed
