"""Number formats of files and of counted operations, and the widths that bounds ask for."""

from dataclasses import dataclass

STEPS = (8, 16, 24, 32, 64)
"""Widths of accumulators, and of the products and sums of an Affine. [bits]"""


@dataclass(frozen=True)
class Format:
    kind: str  # real, integer, binary, ternary, power-of-two
    bits: int
    signed: bool = True
    narrow: bool = False

    @property
    def operand(self):
        """Name under which operations are counted: by width, not by sign."""
        stems = {"real": "fp", "integer": "int", "power-of-two": "po2-"}
        return f"{stems[self.kind]}{self.bits}" if self.kind in stems else self.kind

    @property
    def is_real(self):
        return self.kind == "real"

    @property
    def is_bit(self):
        """Whether the numbers are declared 0 or 1."""
        return self.kind == "integer" and self.bits == 1 and not self.signed

    @property
    def lowest(self):
        if self.kind in ("binary", "ternary"):
            return -1
        return -(2 ** (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def highest(self):
        if self.kind in ("binary", "ternary"):
            return 1
        return 2 ** (self.bits - 1) - 1 if self.signed else 2**self.bits - 1 - self.narrow

    def difference(self):
        if self.is_real:
            return self
        return Format("integer", 2 if self.kind == "binary" else self.bits + 1)


def read_format(name):
    """A format as network files name it: fp32, int8, uint8, int3-narrow, binary, ternary, po2-3."""
    name, _, narrow = name.partition("-narrow") if name.endswith("-narrow") else (name, "", "")
    is_narrow = not narrow and _ == "-narrow"
    if name in ("binary", "ternary"):
        return Format(name, 1 if name == "binary" else 2)
    for stem, kind, signed in (("po2-", "power-of-two", True), ("fp", "real", True), ("uint", "integer", False)):
        if name.startswith(stem):
            return Format(kind, int(name.removeprefix(stem)), signed, is_narrow)
    return Format("integer", int(name.removeprefix("int")), True, is_narrow)


def bits_for(bound):
    """Bits of the two's complement numbers from -bound to bound."""
    return int(bound).bit_length() + 1


def wide(bound):
    """The accumulator's format for sums of this magnitude."""
    needed = bits_for(bound)
    return Format("integer", next(width for width in STEPS if width >= needed))
