"""Constants that are codes times a scale, and the quantizers that make them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hwsim.network.number_format import BINARY, TERNARY, NumberFormat
from hwsim.network.signals import is_ordinary
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused

LEVELS_AT_MOST = 32
"""Widest codes. [bits]"""

FAR = 2.0**40
"""Beyond all of them, whatever the zero point. [codes]"""


@dataclass(frozen=True, eq=False)
class Coded:
    """A constant: (code - zero point) x scale."""

    code: Array  # less the zero point: whole numbers, int64
    scale: Array  # positive, float64; broadcasts to the codes
    format: NumberFormat  # of the codes as they are stored
    zero_point: Array = field(default_factory=lambda: np.zeros((), np.int64))  # broadcasts to the codes

    @property
    def value(self) -> Array:
        """The real numbers. float32"""
        return np.asarray(self.code * self.scale, np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the codes."""
        return self.code.shape

    @property
    def ndim(self) -> int:
        """Axes."""
        return self.code.ndim

    def moved(self, move: Callable[[Array], Array]) -> "Coded":
        """With its numbers in other places: codes, and what belongs to each."""
        scale, zero_point = (np.broadcast_to(each, self.shape) for each in (self.scale, self.zero_point))
        return Coded(move(self.code), move(scale), self.format, move(zero_point))

    def by_channel(self, axis: int) -> tuple[Array, Array] | None:
        """Scale and zero point: one, or one for each place along an axis; None where one differs along another.

        Where all codes at a place are zero, its scale means nothing; one that no network takes is 1 then.
        """
        scale, zero_point = (_along(np.broadcast_to(each, self.shape), axis) for each in (self.scale, self.zero_point))
        if scale is None or zero_point is None:
            return None
        if not np.all(is_ordinary(scale)):
            is_zero = ~np.any(np.moveaxis(self.code, axis, 0).reshape(self.shape[axis], -1), axis=1)
            scale = np.where(is_zero & ~is_ordinary(scale), 1.0, scale)
        return scale, zero_point


def _along(number: Array, axis: int) -> Array | None:
    first = np.moveaxis(number, axis, 0).reshape(number.shape[axis], -1)
    if not np.array_equal(first, np.broadcast_to(first[:, :1], first.shape)):
        return None
    along = first[:, 0]
    return along[0] if np.all(along == along[0]) else along


Constant = Array | Coded


def value_of(constant: Constant) -> Array:
    """The numbers of a constant."""
    return constant.value if isinstance(constant, Coded) else constant


@dataclass(frozen=True, eq=False)
class Quantizer:
    """What a Quant or QuantizeLinear does: (clip(round(x / scale + zero point)) - zero point) x scale.

    Of ties the two differ where the zero point is odd: QuantizeLinear rounds before it adds the zero point.
    """

    scale: Array  # positive, float64: () or as the graph has it
    zero_point: int
    bit_width: int  # [bits]
    signed: bool
    narrow: bool
    rounding: str  # as QONNX writes it, in capitals
    rounds_first: bool = False  # before the zero point is added

    def __post_init__(self) -> None:
        """Refuse what is no quantizer."""
        if not np.all(np.isfinite(self.scale) & (self.scale > 0)):
            raise Refused("its scale is not a positive finite number everywhere")
        if not np.all(is_ordinary(self.scale)):
            raise Refused("its scale is not from 2^-100 to 2^100 everywhere")
        if not 1 <= self.bit_width <= LEVELS_AT_MOST:
            raise Refused(f"its bit width is {self.bit_width}; 1 to {LEVELS_AT_MOST} are supported")
        if self.rounding not in ROUNDINGS:
            raise Refused(f"its rounding is {self.rounding}; supported: {', '.join(ROUNDINGS)}")

    @property
    def is_bipolar(self) -> bool:
        """Whether its codes are -1 and 1: signed ones of one bit."""
        return self.signed and self.bit_width == 1

    @property
    def lowest(self) -> int:
        """Smallest code."""
        if self.is_bipolar:
            return -1
        return -(2 ** (self.bit_width - 1)) + self.narrow if self.signed else 0

    @property
    def highest(self) -> int:
        """Largest code."""
        if self.is_bipolar:
            return 1
        return int(2 ** (self.bit_width - self.signed)) - 1 - (self.narrow and not self.signed)

    @property
    def format(self) -> NumberFormat:
        """Of the codes, with their zero point; signed ones of two bits without the lowest are ternary."""
        if self.is_bipolar:
            return BINARY
        if self.signed and self.narrow and self.bit_width == 2 and not self.zero_point:
            return TERNARY
        return NumberFormat("integer", self.bit_width, self.signed, self.narrow and self.signed)

    def level(self, value: Array, scale: Array | float) -> Array:
        """Codes less the zero point, in the arithmetic of the values. int64"""
        if self.is_bipolar:
            return np.where(value >= 0, 1, -1)
        rounded, zero_point = ROUNDINGS[self.rounding], np.asarray(self.zero_point, value.dtype)
        with np.errstate(over="ignore"):
            ratio = np.clip(value / scale, -FAR, FAR)  # the largest values may become infinite
        if self.rounds_first:
            level = np.clip(rounded(ratio) + zero_point, self.lowest, self.highest)
        else:
            level = rounded(np.clip(ratio + zero_point, self.lowest, self.highest))
        return np.asarray(level, np.int64) - self.zero_point

    def of_constant(self, value: Array) -> Coded:
        """A constant, quantized in float32 as the tools do."""
        value = value.astype(np.float32)
        if not np.all(np.isfinite(value)):
            raise Refused("the constant that it quantizes is not finite everywhere")
        try:
            np.broadcast_to(self.scale, value.shape)
        except ValueError:
            raise Refused(
                f"its scale of shape {self.scale.shape} does not fit numbers of shape {value.shape}"
            ) from None
        zero_point = np.asarray(self.zero_point, np.int64)
        return Coded(self.level(value, self.scale.astype(np.float32)), self.scale, self.format, zero_point)


ROUNDINGS: dict[str, Callable[..., Array]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}
"""By QONNX's names."""


def narrowest(lowest: int, highest: int) -> tuple[int, bool, bool]:
    """Bits of the narrowest codes that reach from one number to another, whether they are signed, and narrow ones."""
    if lowest >= 0:
        return max(highest.bit_length(), 1), False, False
    n_bit = max((-lowest - 1).bit_length(), highest.bit_length(), 1) + 1
    return n_bit, True, lowest > -(2 ** (n_bit - 1))


def finn_format(name: str) -> NumberFormat | None:
    """The format of codes that FINN's tools write as a datatype; None where it is none."""
    formats = {"BIPOLAR": BINARY, "BINARY": NumberFormat("integer", 1, signed=False), "TERNARY": TERNARY}
    match = re.fullmatch(r"(U?INT)(\d{1,2})", name)
    if match and 1 <= int(match[2]) <= LEVELS_AT_MOST:
        return NumberFormat("integer", int(match[2]), signed=match[1] == "INT")
    return formats.get(name)


def annotated(array: Array, format: str) -> Coded | None:
    """A constant of whole numbers that FINN's tools declare to be codes; None where they are none."""
    code, declared = np.asarray(array), finn_format(format)
    if declared is None or not np.all(np.isfinite(code)) or np.any(code != np.round(code)):
        return None
    if code.min() < declared.lowest or code.max() > declared.highest:
        return None
    return Coded(code.astype(np.int64), np.asarray(1.0), declared)
