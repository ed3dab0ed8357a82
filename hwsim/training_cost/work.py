"""Operations to be counted, and the few functions that are made of several."""

from collections import Counter
from typing import TypeAlias

from hwsim.network.operation import Operation

Work: TypeAlias = Counter[Operation]
"""How often each operation is carried out."""

MULTIPLICATION = Operation("multiplication", ("fp32", "fp32"))
ADDITION = Operation("addition", ("fp32",))
INTEGER_ADDITION = Operation("addition", ("int32",))
COMPARISON = Operation("comparison", ("fp32",))
SHIFT = Operation("exponent_addition", ("fp32",))
"""A floating-point number times a power of two."""
CONSTANT_SHIFT = Operation("constant_shift", ("int32",))
RANDOM = Operation("random_number", ("int24",))
"""As many bits as a floating-point number's mantissa has."""

NEWTON_ROUNDS = 3
"""Of a reciprocal square root, after which it is as good as fp32 is."""


def work(
    multiplications: int = 0, additions: int = 0, comparisons: int = 0, shifts: int = 0, random_numbers: int = 0
) -> Work:
    """Operations on floating-point numbers."""
    numbers = (multiplications, additions, comparisons, shifts, random_numbers)
    return Work(dict(zip((MULTIPLICATION, ADDITION, COMPARISON, SHIFT, RANDOM), numbers, strict=True)))


def times(n: int, once: Work) -> Work:
    """The same work n times."""
    return Work({operation: n * number for operation, number in once.items()})


RECIPROCAL_ROOT = times(NEWTON_ROUNDS, work(multiplications=3, additions=1)) + Work(
    {INTEGER_ADDITION: 1, CONSTANT_SHIFT: 1, SHIFT: 1}
)
"""1 / sqrt(x): a first guess from x's bits (a shift and a subtraction), then y (3/2 - x/2 y y), three times."""
ROOT = RECIPROCAL_ROOT + work(multiplications=1)
"""sqrt(x) = x / sqrt(x)."""
RECIPROCAL = RECIPROCAL_ROOT + work(multiplications=1)
"""1 / x = (1 / sqrt(x))^2, for positive x."""
QUOTIENT = RECIPROCAL + work(multiplications=1)
"""y / x for positive x."""
TANH = work(multiplications=7, additions=6) + QUOTIENT
"""Lambert's continued fraction to the seventh power, as a quotient of polynomials by Horner's rule."""
