"""Number formats: names, ranges, widths, and rounding of real numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import NetworkError
from hwsim.network.number_format import (
    ACCUMULATOR_WIDTHS,
    FP32,
    NumberFormat,
    accumulator_width,
    integer,
    round_real,
    width_of,
)

NAMES = {  # name: operand, lowest, highest
    "fp16": ("fp16", None, None),
    "fp32": ("fp32", None, None),
    "int1": ("int1", -1, 0),
    "uint1": ("int1", 0, 1),
    "int8": ("int8", -128, 127),
    "uint8": ("int8", 0, 255),
    "int8-narrow": ("int8", -127, 127),
    "int32": ("int32", -(2**31), 2**31 - 1),
    "int32-narrow": ("int32", -(2**31) + 1, 2**31 - 1),
    "int64": ("int64", -(2**63), 2**63 - 1),
    "uint64": ("int64", 0, 2**64 - 1),
    "binary": ("binary", -1, 1),
    "ternary": ("ternary", -1, 1),
    # one bit is the sign; of the exponents of the others one means zero: 2**0 ... 2**(2**(b-1) - 2)
    "po2-2": ("po2-2", -1, 1),
    "po2-3": ("po2-3", -4, 4),
    "po2-4": ("po2-4", -64, 64),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_operands_and_ranges(name):
    operand, lowest, highest = NAMES[name]
    format = NumberFormat.parse(name)
    assert format.name == str(format) == name
    assert format.operand == operand
    assert format.is_real == (lowest is None)
    if not format.is_real:
        assert (format.lowest, format.highest) == (lowest, highest)
    assert NumberFormat.parse(format.operand).bit_width == format.bit_width


@pytest.mark.parametrize(
    "name",
    ["", "int", "int0", "int65", "INT8", "int8 ", "float32", "fp8", "fp32-narrow", "po2-4-narrow", "po2", "int-8"],
)
def test_names_of_no_format(name):
    with pytest.raises(NetworkError) as caught:
        NumberFormat.parse(name)
    assert "write" in str(caught.value)


DIGIT = "[0-9]"


@pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("real", 8),
        ("binary", 2),
        ("ternary", 1),
        ("integer", 0),
        ("integer", 65),
        ("power-of-two", 0),
        ("power-of-two", 8),
    ],
)
def test_widths_that_no_such_format_has(kind, width):
    with pytest.raises(NetworkError, match=f"number format {kind}: no bit width {width}; write {DIGIT}"):
        NumberFormat(kind, width)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("int", "uint")) and "64" not in name])
def test_a_difference_holds_every_difference(name):
    format = NumberFormat.parse(name)
    difference = format.difference()
    assert difference.bit_width == format.bit_width + 1
    assert difference.signed
    assert difference.lowest <= format.lowest - format.highest
    assert difference.highest >= format.highest - format.lowest


def test_other_differences():
    assert FP32.difference() == FP32
    # of plus or minus one: -2, 0 and 2
    assert NumberFormat.parse("binary").difference() == integer(2)
    assert NumberFormat.parse("binary").difference().lowest == -2


@pytest.mark.parametrize(
    ("bound", "width", "accumulator"),
    [
        (0, 1, 8),
        (1, 2, 8),
        (127, 8, 8),
        (128, 9, 16),
        (2**15 - 1, 16, 16),
        (2**15, 17, 24),
        (2**23 - 1, 24, 24),
        (2**23, 25, 32),
        (2**31 - 1, 32, 32),
        (2**31, 33, 64),
        (2**63 - 1, 64, 64),
    ],
)
def test_width_that_a_bound_needs(bound, width, accumulator):
    assert width_of(bound) == width
    assert -(2 ** (width - 1)) <= -bound
    assert bound <= 2 ** (width - 1) - 1
    assert accumulator_width(bound) == accumulator
    assert accumulator in ACCUMULATOR_WIDTHS


def test_a_bound_beyond_64_bits():
    with pytest.raises(NetworkError, match=f"reaches {2**63} needs 65 bits; 64 is the most"):
        accumulator_width(2**63)


def exactly(value, rounding):
    """The same on rational numbers."""
    value = Fraction(value)
    if rounding == "half_up":
        return math.floor(value + Fraction(1, 2))
    return round(value) if rounding == "half_even" else math.floor(value)


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "floor"])
@given(value=st.one_of(st.floats(-1e6, 1e6), st.integers(-1000, 1000).map(lambda half: half / 2)))
def test_rounding_is_exact(rounding, value):
    assert round_real(value, rounding) == exactly(value, rounding)


def test_roundings_differ_at_halves_alone():
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert round_real(halves, "half_up").tolist() == [-2, -1, 0, 1, 2, 3]
    assert round_real(halves, "half_even").tolist() == [-2, -2, 0, 0, 2, 2]
    assert round_real(halves, "floor").tolist() == [-3, -2, -1, 0, 1, 2]


def test_just_below_a_half_is_not_rounded_up():
    below = np.nextafter(0.5, 0)
    assert below + 0.5 == 1  # so that floor(x + 1/2) would be wrong
    assert round_real(below) == 0
    large = 2.0**52 + 1  # here x + 1/2 is no number, and rounds to even
    assert round_real(large) == large
