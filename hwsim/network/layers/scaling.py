"""Scales and offsets: what numbers become when they are brought to others, or to codes."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.network.fixed_point import FixedAffine, Rescale, affine, rescale, with_offset
from hwsim.network.layers.file_forms import OPTIONAL, SILENT, PerChannel
from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.number_format import NumberFormat, Rounding, accumulator_width, integer, width_of
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, IntArray, Signal, positive

MULTIPLIER_BIT_WIDTH = 16
"""Of a Quantize whose width is not given. [bits]"""


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
