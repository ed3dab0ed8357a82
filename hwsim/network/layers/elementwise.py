"""Layers that do something to one number at a time; hardware fuses them into the layer they follow."""

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.fixed_point import FixedAffine, Rescale, affine, rescale, with_offset
from hwsim.network.layers.file_forms import OPTIONAL, SILENT, Limit, PerChannel
from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.number_format import BINARY, NumberFormat, Rounding, accumulator_width, integer, width_of
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, IntArray, Signal, positive, real_signal

MULTIPLIER_BIT_WIDTH = 16
"""Of a Quantize whose width is not given. [bits]"""


@dataclass(frozen=True, eq=False)
class ReLU(ElementWise):
    """max(x, 0)."""

    direction = 1
    passes_scales = True

    def signal(self, *source: Signal) -> Signal:
        """The signal it reads; of codes that are -1 or 1, those that are 0 or 1."""
        (read,) = source
        if read.format.kind == "binary":
            return replace(read, format=integer(1, signed=False))
        return read

    def apply(self, value: FloatArray) -> FloatArray:
        """max(x, 0)."""
        return np.maximum(value, 0)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison."""
        return (NeuronWork(self.name, once(Operation.of("comparison", read.format))),)


@dataclass(frozen=True, eq=False)
class LeakyReLU(ElementWise):
    """x where x >= 0, else slope times x, in float32; of real numbers only."""

    slope: float = 0.01

    passes_scales = True

    def __post_init__(self) -> None:
        """Check the slope."""
        if not np.isfinite(self.slope):
            raise NetworkError(f"layer {self.name}: slope {self.slope}; expected a finite number")
        object.__setattr__(self, "slope", float(self.slope))

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        (read,) = source
        if not read.format.is_real:
            raise NetworkError(f"a LeakyReLU of {read.format} codes, which have no such slope; quantize after it")
        return read

    def apply(self, value: FloatArray) -> FloatArray:
        """X where x >= 0, else the slope, a float32 number, times x."""
        # a product of two float32 numbers is exact in float64, and so rounded once
        return np.where(value >= 0, value, value * np.float64(np.float32(self.slope)))

    @property
    def direction(self) -> int:
        """Rising, unless the slope falls."""
        return int(self.slope >= 0)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison, and the slope is multiplied."""
        operations = once(
            Operation.of("comparison", read.format), Operation.of("multiplication", read.format, read.format)
        )
        return (NeuronWork(self.name, operations),)


@dataclass(frozen=True, eq=False)
class Sign(ElementWise):
    """+1 where x >= 0, else -1: codes declared binary."""

    absorbs_scales = True
    makes_codes: ClassVar[bool] = True

    def signal(self, *source: Signal) -> Signal:
        """Binary codes of step 1."""
        return Signal(source[0].shape, BINARY, np.asarray(1.0), bound=1)

    def apply(self, value: FloatArray) -> FloatArray:
        """+1 where x >= 0, else -1."""
        return np.where(value >= 0, 1.0, -1.0)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison."""
        return (NeuronWork(self.name, once(Operation.of("comparison", read.format))),)


@dataclass(frozen=True, eq=False)
class HardTanh(ElementWise):
    """min(max(x, lowest), highest). Codes are clipped to the outermost ones within the limits.

    One of the limits may be infinite: nothing is clipped, or compared, on that side.
    """

    lowest: Annotated[float, Limit(-math.inf)] = -1.0
    highest: Annotated[float, Limit(math.inf)] = 1.0

    passes_scales = True
    direction = 1

    def __post_init__(self) -> None:
        """Check the limits."""
        if not (self.lowest < self.highest and self.n_limit):
            raise NetworkError(
                f"layer {self.name}: limits {self.lowest} ... {self.highest}; expected two numbers, rising, of which "
                "one may be infinite"
            )
        object.__setattr__(self, "lowest", float(self.lowest))
        object.__setattr__(self, "highest", float(self.highest))

    @property
    def n_limit(self) -> int:
        """How many of the limits are numbers."""
        return int(np.isfinite(self.lowest)) + int(np.isfinite(self.highest))

    def limits(self, read: Signal) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Lowest and highest code let through, less the zero point: () or one per channel."""
        reach = np.float64(2**62)
        lowest = np.ceil(np.clip(self.lowest / read.step, -reach, reach)).astype(np.int64)
        highest = np.floor(np.clip(self.highest / read.step, -reach, reach)).astype(np.int64)
        if np.any(lowest > highest):
            raise NetworkError(
                f"no code of step {read.step} lies within {self.lowest} ... {self.highest}; take a finer step"
            )
        return lowest, highest

    def signal(self, *source: Signal) -> Signal:
        """The signal it reads, of the bound that the limits leave."""
        (read,) = source
        if read.format.is_real:
            return read
        lowest, highest = self.limits(read)
        least, most = (limit - read.zero_point for limit in (read.format.lowest, read.format.highest))
        if np.any(lowest > most) or np.any(highest < least):
            raise NetworkError(f"clips {read.format} codes to {lowest} ... {highest}, which are none of them")
        if read.format.kind == "binary" and (np.any(lowest > -1) or np.any(highest < 1)):
            raise NetworkError("clips codes declared to be -1 or 1; only limits that keep them make sense")
        reach = (np.clip(end, lowest, highest) for end in (-read.bound, read.bound))
        return replace(read, bound=max(int(np.abs(end).max()) for end in reach))

    def apply(self, value: FloatArray) -> FloatArray:
        """min(max(x, lowest), highest)."""
        return np.clip(value, self.lowest, self.highest)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A comparison with each limit; a ReLU right before has compared with the lower one."""
        n_limit = self.n_limit - int(place.behind_relu and np.isfinite(self.lowest))
        return (NeuronWork(self.name, ((Operation.of("comparison", read.format), n_limit),)),)


@dataclass(frozen=True, eq=False)
class Sigmoid(ElementWise):
    """1 / (1 + exp(-x)), worked out in float64 and rounded to float32. Codes are read as the values they stand for."""

    direction = 1

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """1 / (1 + exp(-x))."""
        power = np.exp(-np.abs(value))  # never above 1, so that nothing overflows
        return np.asarray(np.where(value >= 0, 1.0, power) / (1 + power))

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("sigmoid", read.format))),)


@dataclass(frozen=True, eq=False)
class Tanh(ElementWise):
    """The hyperbolic tangent, worked out in float64 and rounded to float32. Codes are read as values."""

    direction = 1

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """The hyperbolic tangent."""
        return np.tanh(value)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("tanh", read.format))),)


@dataclass(frozen=True, eq=False)
class ELU(ElementWise):
    """Scale times x where x >= 0, else scale x alpha x (exp(x) - 1), worked out in float64 and rounded to float32.

    Codes are read as values. (Clevert et al., ICLR 2016; with a scale the SELU of Klambauer et al., NIPS 2017.)
    """

    alpha: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        for what in ("alpha", "scale"):
            value = getattr(self, what)
            if not np.isfinite(value):
                raise NetworkError(f"layer {self.name}: {what} {value}; expected a finite number")
            object.__setattr__(self, what, float(value))

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """Scale times x where x >= 0, else scale x alpha x (exp(x) - 1)."""
        below = self.scale * self.alpha
        return np.where(value >= 0, self.scale * value, below * np.expm1(np.minimum(value, 0)))

    @property
    def direction(self) -> int:
        """That of the scale, unless what is below zero goes the other way."""
        return 0 if self.alpha < 0 else 1 if self.scale >= 0 else -1

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("elu", read.format))),)


@dataclass(frozen=True, eq=False)
class Softmax(ElementWise):
    """exp(x) / sum of exp(x) over the channels, in float32. Only at the end of a network; its work is not counted."""

    comes_last: ClassVar[bool] = True

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)


@dataclass(frozen=True, eq=False)
class Flatten(ElementWise):
    """A frame as a vector, in C order."""

    passes_scales = True
    is_wiring: ClassVar[bool] = True
    keeps_sign = True

    def signal(self, *source: Signal) -> Signal:
        """The same numbers as a vector; a step per channel becomes one per element."""
        (read,) = source
        step = np.asarray(read.per_element(read.step), np.float64) if read.step.ndim else read.step
        return replace(read, shape=(read.size,), step=step, spread_from=read.n_step)


@dataclass(frozen=True, eq=False)
class Wrap(ElementWise):
    """The lowest bits of whole numbers, as the arithmetic of integer types keeps them: wiring that costs nothing."""

    bit_width: int = 8
    signed: bool = True

    def __post_init__(self) -> None:
        """Check the width."""
        if not 1 <= self.bit_width <= 32:
            raise NetworkError(f"layer {self.name}: bit width {self.bit_width}; write 1 to 32")

    def signal(self, *source: Signal) -> Signal:
        """Codes of the type; of codes of step 1 only."""
        (read,) = source
        if read.format.is_real or read.zero_point or np.any(read.step != 1):
            raise NetworkError(f"keeps the lowest bits of {read.format} numbers; expected codes of step 1")
        format = NumberFormat("integer", self.bit_width, self.signed)
        return replace(read, format=format, bound=max(-format.lowest, format.highest))

    def apply(self, value: FloatArray) -> FloatArray:
        """The whole number of the type that has the same lowest bits."""
        lowest = NumberFormat("integer", self.bit_width, self.signed).lowest
        return np.asarray((value - lowest) % 2**self.bit_width + lowest)


@dataclass(frozen=True, eq=False)
class Affine(ElementWise):
    """scale x value + offset, each one number or one per channel.

    On an integer signal both are fixed-point numbers: multipliers of `multiplier_bit_width` bits that share one
    power-of-two step, which becomes the step of the result.
    """

    scale: PerChannel = 1.0
    offset: PerChannel = 0.0
    multiplier_bit_width: int = field(default=16, metadata=OPTIONAL)

    absorbs_scales = True

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
        fixed = self.fixed(read)
        # of the channel that reaches furthest, in whole numbers of any size
        multiplier, offset = (np.ravel(each).tolist() for each in np.broadcast_arrays(fixed.multiplier, fixed.offset))
        bound = max(read.bound * abs(m) + abs(o) for m, o in zip(multiplier, offset, strict=True))
        return Signal(read.shape, integer(accumulator_width(bound)), np.asarray(2.0**-fixed.shift), bound=bound)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A multiplication and an addition; what each channel has of its own is stored, in the bits of the largest."""
        factor = added = read.format
        offset_bits = read.format.bit_width
        if not read.format.is_real:
            fixed, factor = self.fixed(read), integer(self.multiplier_bit_width)
            product, offset = read.bound * int(np.abs(fixed.multiplier).max()), int(np.abs(fixed.offset).max())
            offset_bits, added = width_of(offset), integer(accumulator_width(max(product, offset)))
        n_factor, n_offset = _n_factor(self.scale, read, place), read.shape[0] * np.ndim(self.offset)
        operations = once(Operation.of("multiplication", read.format, factor), Operation.of("addition", added))
        bits = factor.bit_width * (n_factor > 0) + offset_bits * (n_offset > 0)
        return (NeuronWork(self.name, operations, max(n_factor, n_offset), bits),)

    def fixed(self, read: Signal) -> FixedAffine:
        """Multipliers and offsets as integers, for a signal of codes."""
        return affine(self.scale, self.offset, read.step, self.multiplier_bit_width)

    def apply(self, value: FloatArray) -> FloatArray:
        """Scale x value + offset."""
        return np.asarray(value * np.asarray(self.scale) + self.offset)

    @property
    def direction(self) -> int:
        """That of the scale, if all channels have one."""
        signs = np.unique(np.sign(self.scale))
        return int(signs[0]) if len(signs) == 1 else 0


@dataclass(frozen=True, eq=False)
class Quantize(ElementWise):
    """Integer codes of a declared width: clip(round(value x scale + offset) + zero point).

    The step of the result is 1 / scale. On an integer signal the ratio of the steps is 1, a power of two (a
    shift), or a multiplier of `multiplier_bit_width` bits and a shift, executed exactly as such: the offset, rounded to
    the multiplier's resolution, and the half that rounding takes are one constant, added between the two.

    A width that is not given is 16, and behind an Add of codes the fewest bits that make every sum the nearest code.
    """

    scale: PerChannel = 1.0  # codes per unit: one number, or one per channel
    bit_width: int = 8
    signed: bool = True
    narrow_range: bool = field(default=False, metadata=OPTIONAL)
    zero_point: int = field(default=0, metadata=OPTIONAL)
    rounding: Rounding = field(default="half_up", metadata=OPTIONAL)
    multiplier_bit_width: int | None = None
    offset: PerChannel = field(default=0.0, metadata=SILENT)  # added before rounding [codes]: one, or by channel

    absorbs_scales = True
    makes_codes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        object.__setattr__(self, "scale", positive(self.scale, f"layer {self.name}: scale"))
        offset = np.asarray(self.offset, np.float64)
        if offset.ndim > 1 or not np.all(np.isfinite(offset)):
            raise NetworkError(f"layer {self.name}: offset: expected one finite number, or one per channel")
        object.__setattr__(self, "offset", offset)
        if self.rounding not in ("half_up", "half_even", "floor"):
            raise NetworkError(f"layer {self.name}: rounding {self.rounding!r}; write half_up, half_even or floor")
        if not 1 <= self.bit_width <= 32 or not 2 <= self.multiplier_bits <= 32:
            raise NetworkError(f"layer {self.name}: bit widths go from 1 (multiplier: 2) to 32")
        if not self.format.lowest <= self.zero_point <= self.format.highest:
            raise NetworkError(f"layer {self.name}: zero point {self.zero_point} is no {self.format} code")

    @property
    def multiplier_bits(self) -> int:
        """Width of the multiplier, where there is one. [bits]"""
        return MULTIPLIER_BIT_WIDTH if self.multiplier_bit_width is None else self.multiplier_bit_width

    @property
    def format(self) -> NumberFormat:
        """Format of the codes."""
        return NumberFormat("integer", self.bit_width, self.signed, self.narrow_range)

    def signal(self, *source: Signal) -> Signal:
        """Codes."""
        (read,) = source
        read.per_element(self.scale), read.per_element(self.offset)
        if not read.format.is_real:
            self.ratio(read)
        bound = max(self.format.highest - self.zero_point, self.zero_point - self.format.lowest)
        return Signal(read.shape, self.format, np.asarray(1 / np.asarray(self.scale)), self.zero_point, bound)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """A multiplication, an addition and a shift, as far as there is something to multiply by, to add or to shift.

        A constant for the whole layer is wired in, like the half that rounds; one per channel is stored and added.
        """
        ratio, factor, added = "multiply", read.format, read.format
        constant_bits = read.format.bit_width
        if not read.format.is_real:
            fixed, constant = self.ratio(read), int(np.abs(self.constant(read)).max())
            ratio, factor = fixed.kind, integer(self.multiplier_bits)
            product = read.bound * int(fixed.multiplier.max())
            constant_bits, added = width_of(constant), integer(accumulator_width(max(product, constant)))
        is_multiplied, has_own = ratio == "multiply", bool(np.ndim(self.offset) and np.any(self.offset))
        operations = (
            (Operation.of("multiplication", read.format, factor), int(is_multiplied)),
            (Operation.of("addition", added), int(has_own)),
            (Operation.of("constant_shift", read.format), int(ratio != "none")),
        )
        n_factor = _n_factor(self.scale, read, place) if is_multiplied else 0
        n_parameter = max(n_factor, read.shape[0] * has_own)
        bits = factor.bit_width * (n_factor > 0) + constant_bits * has_own
        return (NeuronWork(self.name, tuple(each for each in operations if each[1]), n_parameter, bits),)

    def ratio(self, read: Signal) -> Rescale:
        """How codes of one step become codes of the other: multiplier, shift and constant, per channel or for all."""
        fixed = rescale(read.step * np.asarray(self.scale), self.multiplier_bits)
        if np.any(self.offset):
            fixed = with_offset(fixed, np.asarray(self.offset))
        if read.bound * int(fixed.multiplier.max()) >= 2**62:
            raise NetworkError(
                f"codes up to {read.bound} times a multiplier up to {fixed.multiplier.max()} overflow 64 bits"
            )
        return fixed

    def constant(self, read: Signal) -> IntArray:
        """What is added before the shift, the half that rounds included: () or one per channel."""
        fixed = self.ratio(read)
        rounds = (fixed.shift > 0) & (self.rounding != "floor")
        return np.asarray(fixed.added + np.where(rounds, np.left_shift(1, np.maximum(fixed.shift - 1, 0)), 0))

    def apply(self, value: FloatArray) -> FloatArray:
        """The values that the codes stand for."""
        scale, offset = np.asarray(self.scale), np.asarray(self.offset)
        exact = value * scale + offset
        whole = np.floor(exact)
        # the exact remainder, because x + 1/2 itself can round up just below a half
        rest = exact - whole
        if self.rounding == "half_up":
            whole += rest >= 0.5
        elif self.rounding == "half_even":
            whole = np.rint(exact)
        code = np.clip(whole, self.format.lowest - self.zero_point, self.format.highest - self.zero_point)
        return np.asarray(code * (1 / scale))


def _n_factor(own: npt.ArrayLike, read: Signal, place: Place) -> int:
    """Multipliers stored: of the layer's own factors, or for each scale that they make up for; 0 where there is one."""
    return read.shape[0] if np.ndim(own) else place.n_scale
