"""Orders that survive the intervals of prices: against all corners of the intervals, one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.counting.counts import Key
from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.breakdown import Breakdown, Line
from hwsim.pricing.energy_table.price import Price
from hwsim.study.ranking import difference

ADD, MULTIPLY = Operation("addition", ("int32",)), Operation("multiplication", ("int8", "int8"))
READ, WRITE = (Operation(f"sram_{way}", (), "weights", 1024, 64) for way in ("read", "write"))
LARGE = Operation("sram_read", (), "weights", 65536, 64)
OPERATIONS = (ADD, MULTIPLY, READ, WRITE, LARGE)
MEMORY = OPERATIONS[2:]


@pytest.fixture(scope="module")
def counts():
    run = hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:4], "dense")
    return hwsim.count(run.activity)


def breakdown(counts, table, numbers, prices):
    lines = [Line(Key("layer", "synapse", each), np.array([n, 0]), prices[each]) for each, n in numbers.items()]
    return Breakdown(tuple(lines), counts, table, ("synapse",))


@st.composite
def cases(draw):
    prices = {}
    for each in OPERATIONS:
        energy = draw(st.integers(1, 100)) * 1e-12
        low, high = draw(st.integers(1, 10)) / 10, draw(st.integers(10, 40)) / 10
        prices[each] = Price(energy, energy * low, energy * high, "exact", "assumed", "x")
    numbers = [{each: draw(st.integers(0, 9)) for each in OPERATIONS} for _ in range(2)]
    return prices, numbers


@examples(60)
@given(case=cases())
def test_the_extremes_are_those_of_all_corners(counts, case):
    prices, numbers = case
    table = hwsim.load_table("default_45nm")
    one, other = (breakdown(counts, table, each, prices) for each in numbers)
    found = difference(one, other)
    seen = []
    for add, multiply, memory in itertools.product(range(3), repeat=3):  # low, stated, high
        corner = {ADD: add, MULTIPLY: multiply} | dict.fromkeys(MEMORY, memory)
        price = {each: (prices[each].low, prices[each].energy, prices[each].high)[corner[each]] for each in OPERATIONS}
        totals = [sum(n * price[each] for each, n in number.items()) for number in numbers]
        seen.append((totals[0] - totals[1]) / counts.n_inference)
    assert found.low == pytest.approx(min(seen), rel=1e-9, abs=1e-20)
    assert found.high == pytest.approx(max(seen), rel=1e-9, abs=1e-20)
    assert found.is_settled == (min(seen) > 0 or max(seen) < 0 or min(seen) == max(seen))


def test_more_of_everything_costs_more_however_wide_the_intervals(counts):
    table = hwsim.load_table("default_45nm")
    wide = Price(1e-12, 1e-15, 1e-9, "exact", "assumed", "x")
    prices = dict.fromkeys(OPERATIONS, wide)
    more, less = (breakdown(counts, table, dict.fromkeys(OPERATIONS, n), prices) for n in (3, 2))
    assert less.high > more.low  # the intervals overlap
    assert difference(more, less).low > 0  # the order is settled all the same
    assert difference(less, more).high < 0
    assert difference(more, more) == pytest.approx((0, 0), abs=1e-20)


def test_one_table_for_both(counts):
    one, other = (breakdown(counts, hwsim.load_table(name), {}, {}) for name in ("default_45nm", "horowitz_2014_45nm"))
    with pytest.raises(TableError, match=r"default_45nm and horowitz_2014_45nm .* price both with one"):
        difference(one, other)
