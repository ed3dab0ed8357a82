"""Prices that a table does not state, from those it does; each only when asked for, and marked in what it prices.

Neither rule leaves the table: nothing wider than its widest figure is ever priced.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from hwsim.network.number_format import NumberFormat
from hwsim.pricing.energy_table.figure_schema import TWO_OPERANDS
from hwsim.pricing.energy_table.price import Price, weakest

Formats: TypeAlias = tuple[str, ...]


class Exponents(NamedTuple):
    """How an energy grows with the operands' widths: as their product to this power."""

    value: float
    low: float
    high: float
    reason: str


_ADDER = Exponents(
    1.0, 0.87, 1.05, "linear in the width; 8 to 32 bits, Horowitz 2014 grows with the power 0.87, Jouppi 2021 with 1.05"
)
_WIRED = Exponents(1.0, 1.0, 1.0, "one circuit per bit")
EXPONENTS = {
    "addition": _ADDER,
    "comparison": _ADDER,
    "exponent_addition": _ADDER,
    "xnor": _WIRED,
    "register_update": _WIRED,
    "multiplication": Exponents(
        1.0, 0.99, 1.10, "as b1 b2; 8 to 32 bits, Horowitz 2014 grows with the power 0.99, Jouppi 2021 with 1.10"
    ),
    "mac": Exponents(
        0.65, 0.65, 0.67, "as (b1 b2)^0.65: measured b^1.30 in a 4 x 4 array, b^1.34 alone (Bit Fusion, 2 to 16 bits)"
    ),
}
"""The bit-width law of each operation that has one."""


def bit_width(name: str) -> int:
    """Width of a number of some format. [bits]"""
    return NumberFormat.parse(name).bit_width


def is_integer(name: str) -> bool:
    """Whether a format's numbers are whole: then a narrow one fits into a wider one."""
    return NumberFormat.parse(name).kind in ("integer", "binary", "ternary")


def widths_of(kind: str, formats: Formats) -> tuple[int, ...]:
    """The operands' bit widths, the narrower first; a format kept once is of both operands. [bits]"""
    operands = formats * 2 if kind in TWO_OPERANDS and len(formats) == 1 else formats
    return tuple(sorted(map(bit_width, operands)))


def next_wider(kind: str, formats: Formats, stated: Mapping[tuple[str, Formats], Price]) -> Price | None:
    """The narrowest stated figure that every operand fits into, as it stands.

    Parameters
    ----------
    kind : str
        Operation.
    formats : tuple of str
        Operands' formats.
    stated : mapping
        Figures by operation and formats.

    Returns
    -------
    Price or None
        None where the table states nothing wider.
    """
    found = _narrowest(kind, formats, stated)
    if found is None:
        return None
    name, price = found
    return price._replace(rule=f"next wider: {' x '.join(name)}: {price.rule}")


def by_bit_width(kind: str, formats: Formats, stated: Mapping[tuple[str, Formats], Price]) -> Price | None:
    """A share of the next wider stated figure, by the bit-width law of the operation.

    The share is (product of the widths / product of the stated widths) to the power of :data:`EXPONENTS`; its
    interval is that of the power. Arguments and result are those of :func:`next_wider`.
    """
    law = EXPONENTS.get(kind)
    found = _narrowest(kind, formats, stated) if law and all(map(is_integer, formats)) else None
    if law is None or found is None:
        return None
    name, price = found
    share = math.prod(widths_of(kind, formats)) / math.prod(widths_of(kind, name))
    return price._replace(
        energy=price.energy * share**law.value,
        low=price.low * share**law.high,  # a share is at most 1: the larger power is the smaller energy
        high=price.high * share**law.low,
        rule=f"bit-width law: {share:.4g} of the widths of {' x '.join(name)} ({law.reason}): {price.rule}",
        standing=weakest("fitted", price.standing),
    )


def _narrowest(
    kind: str, formats: Formats, stated: Mapping[tuple[str, Formats], Price]
) -> tuple[Formats, Price] | None:
    wanted = widths_of(kind, formats)
    wider = [
        (math.prod(widths_of(kind, other)), price.energy, other)
        for (operation, other), price in stated.items()
        if operation == kind and _fits(wanted, formats, widths_of(kind, other), other)
    ]
    if not wider:
        return None
    name = min(wider)[2]
    return name, stated[kind, name]


def _fits(widths: Sequence[int], formats: Formats, wider: Sequence[int], other: Formats) -> bool:
    """Whether numbers of some formats can be carried in others: integers in integers, reals in wider reals."""
    if not formats or len(widths) != len(wider) or any(width > at for width, at in zip(widths, wider, strict=True)):
        return False
    if all(map(is_integer, formats)):
        return all(map(is_integer, other))
    reals = all(name == "bf16" or name.startswith("fp") for name in (*formats, *other))
    # fp16 and bf16 are as wide as each other, and neither holds the other
    return reals and any(width < at for width, at in zip(widths, wider, strict=True))
