"""Number formats: what a code may be, how wide it is, and how a real number becomes one."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError

Kind = Literal["real", "bfloat", "integer", "binary", "ternary", "power-of-two"]
Rounding = Literal["half_up", "half_even", "floor"]

ACCUMULATOR_WIDTHS = (8, 16, 24, 32, 64)
"""Bit widths an accumulator may be rounded up to."""


@dataclass(frozen=True)
class NumberFormat:
    """Format of the numbers of one tensor.

    ``real`` is IEEE floating point, ``bfloat`` the upper half of fp32; ``integer`` is two's complement or unsigned;
    ``binary`` holds -1 and +1 (one bit); ``ternary`` -1, 0 and +1 (two bits); ``power-of-two`` zero or plus or minus a
    power of two, stored as sign and exponent in ``bit_width`` bits.
    """

    kind: Kind
    bit_width: int  # [bits]
    signed: bool = True
    narrow_range: bool = False  # without the lowest code, so that the range is symmetric

    def __post_init__(self) -> None:
        """Refuse widths that no such format has."""
        # powers of two above 2**62 are no integers of 64 bits
        exact = {"real": (16, 32, 64), "bfloat": (16,), "binary": (1,), "ternary": (2,), "power-of-two": range(1, 8)}
        allowed = exact.get(self.kind, range(1, 65))
        if self.bit_width not in allowed:
            listed = ", ".join(map(str, allowed)) if len(allowed) < 9 else f"{allowed[0]} to {allowed[-1]}"
            raise NetworkError(f"number format {self.kind}: no bit width {self.bit_width}; write {listed}")

    @property
    def name(self) -> str:
        """``fp32``, ``bf16``, ``int8``, ``uint8``, ``binary``, ``ternary`` or ``po2-4``."""
        if self.kind == "integer":
            return f"{'int' if self.signed else 'uint'}{self.bit_width}{'-narrow' if self.narrow_range else ''}"
        prefix = {"real": "fp", "bfloat": "bf", "power-of-two": "po2-"}.get(self.kind)
        return self.kind if prefix is None else f"{prefix}{self.bit_width}"

    @property
    def operand(self) -> str:
        """The name under which an operation on this number is counted: its width, not its sign."""
        return f"int{self.bit_width}" if self.kind == "integer" else self.name

    @property
    def is_real(self) -> bool:
        """Whether the numbers are floating point."""
        return self.kind in ("real", "bfloat")

    @property
    def lowest(self) -> int:
        """Smallest integer code. [codes]"""
        return -self.highest if self.kind != "integer" else self._integer_lowest

    @property
    def highest(self) -> int:
        """Largest integer code. [codes]"""
        if self.kind == "power-of-two":
            return int(2 ** (2 ** (self.bit_width - 1) - 2)) if self.bit_width > 1 else 1
        if self.kind == "integer":
            return int(2 ** (self.bit_width - self.signed)) - 1
        return 1

    @property
    def _integer_lowest(self) -> int:
        return 0 if not self.signed else -self.highest - (not self.narrow_range)

    @property
    def is_sign(self) -> bool:
        """Whether codes are declared to be -1, 0 or 1: what meets one is added, taken off or left out."""
        return self.kind in ("binary", "ternary") or (self.bit_width == 1 and not self.signed)

    def difference(self) -> "NumberFormat":
        """Format of the difference of two codes: one bit more, ternary of 0 and 1; real numbers stay real.

        Of sums of 64 bits it is 64: a run in which an event could pass them is refused when it is planned.
        """
        if self.is_real:
            return self
        if self.kind == "integer" and self.is_sign:
            return TERNARY
        return NumberFormat("integer", min(self.bit_width + 1, ACCUMULATOR_WIDTHS[-1]))

    @classmethod
    def parse(cls, name: str) -> "NumberFormat":
        """Read a format's name.

        Raises
        ------
        NetworkError
            For a name that is none.
        """
        if name in ("binary", "ternary"):
            return cls(name, 1 if name == "binary" else 2)  # type: ignore[arg-type]
        match = re.fullmatch(r"(u?int|fp|bf|po2-)(\d{1,2})(-narrow)?", name)
        if match is None or (match[3] and match[1] not in ("int", "uint")):
            raise NetworkError(
                f"number format {name!r}: write fp32, int8, uint8, int8-narrow, binary, ternary, po2-4 or bf16"
            )
        kind: Kind = {"fp": "real", "bf": "bfloat", "po2-": "power-of-two"}.get(match[1], "integer")  # type: ignore[assignment]
        return cls(kind, int(match[2]), signed=match[1] != "uint", narrow_range=bool(match[3]))

    def __str__(self) -> str:
        """The format's name."""
        return self.name


FP32 = NumberFormat("real", 32)
FP64 = NumberFormat("real", 64)
FP16 = NumberFormat("real", 16)
BF16 = NumberFormat("bfloat", 16)
BINARY = NumberFormat("binary", 1)
TERNARY = NumberFormat("ternary", 2)


def integer(bit_width: int, signed: bool = True) -> NumberFormat:
    """Shorthand for an integer format."""
    return NumberFormat("integer", bit_width, signed)


def width_of(bound: int) -> int:
    """Bits that a signed integer needs to hold every value from -bound to +bound. [bits]"""
    return int(bound).bit_length() + 1


def accumulator_width(bound: int) -> int:
    """Smallest usual accumulator that holds -bound ... +bound: 8, 16, 24, 32 or 64 bits. [bits]

    Raises
    ------
    NetworkError
        When 64 bits are too few.
    """
    for width in ACCUMULATOR_WIDTHS:
        if width_of(bound) <= width:
            return width
    raise NetworkError(f"an accumulator that reaches {bound} needs {width_of(bound)} bits; 64 is the most")


def round_real(value: npt.ArrayLike, rounding: Rounding = "half_up") -> npt.NDArray[np.float64]:
    """Round real numbers to whole ones, in float64.

    ``half_up`` is floor(x + 1/2), the only shift-invariant choice of the three that rounds to nearest, and so
    the one under which the rounding of a running sum equals the running sum of a herded one (O'Connor &
    Welling 2017, App. A).
    """
    value = np.asarray(value, np.float64)
    # floor and the exact remainder, because x + 1/2 itself can round up just below a half
    whole = np.floor(value)
    rest = value - whole
    if rounding == "half_up":
        whole += rest >= 0.5
    elif rounding == "half_even":
        whole += (rest > 0.5) | ((rest == 0.5) & (whole % 2 == 1))
    return np.asarray(whole)
