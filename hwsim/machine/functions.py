"""How a machine carries out what no adder or multiplier of its own does: sigmoid, tanh, other curves, reciprocals."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hwsim.files.strict_yaml import Schema

WIDEST_BY_ITSELF = 12
"""Widest codes whose functions are tables where a machine does not say; wider ones make lines cheaper. [bits]"""

WIDEST_TABLE = 24
"""Widest codes of which a machine may ask for tables: 16 million entries. [bits]"""

N_SEGMENT = 16
"""Lines that a curve is made of, unless said."""


class PiecewiseLinear(Schema):
    """A curve as so many straight lines: the one that a number belongs to is found by halving, then a x + b."""

    piecewise_linear: Annotated[int, Field(ge=2, le=65536)]


Functions: TypeAlias = Literal["lookup", "piecewise-linear", "unit"] | PiecewiseLinear
"""Tables of all that is done to a code, lines for every number, or a unit of its own for each kind of function."""


def is_looked_up(functions: Functions | None, bit_width: int) -> bool:
    """Whether a function of a code is read from a table, one entry for each code.

    Parameters
    ----------
    functions : Functions or None
        Of a machine; None where it does not say.
    bit_width : int
        Of the code. [bits]
    """
    return functions == "lookup" or (functions is None and bit_width <= WIDEST_BY_ITSELF)


def n_segment(functions: Functions | None) -> int:
    """Lines of a function that is not looked up."""
    return functions.piecewise_linear if isinstance(functions, PiecewiseLinear) else N_SEGMENT
