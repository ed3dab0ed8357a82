"""Scaling to another process: the published factors, the band beside them, and what it does to a table."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table
from hwsim.pricing.energy_table.scaling import COEFFICIENTS, scale, scaling

PICO = 1e-12
NODES = st.sampled_from([7, 10, 14, 16, 20, 32, 45])


@pytest.fixture(scope="module")
def horowitz():
    return load_table("horowitz_2014_45nm")


@pytest.mark.parametrize(
    ("node", "supply", "factor"),
    [
        (65, 1.1, 2.405),
        (45, 0.9, 1.0),
        (32, 0.9, 0.654),
        (20, 0.9, 0.287),
        (16, 0.8, 0.172),
        (14, 0.8, 0.138),
        (10, 0.75, 0.1005),
        (7, 0.7, 0.0684),
        (7, 0.9, 0.124),
    ],
)
def test_factors_from_45_nm_at_0_9_volts(horowitz, node, supply, factor):
    assert scaling(horowitz, node, supply).factor == pytest.approx(factor, rel=4e-3)


def test_one_factor_written_out(horowitz):
    # e2 V^2 + e1 V + e0, at 32 nm over 45 nm, both at 0.9 V
    at_32 = 0.8367 * 0.9**2 - 0.4341 * 0.9 + 0.1701
    at_45 = 1.018 * 0.9**2 - 0.3107 * 0.9 + 0.1539
    assert scaling(horowitz, 32, 0.9).factor == pytest.approx(at_32 / at_45, rel=1e-12)


def test_between_two_nodes_factors_are_linear_in_the_node(horowitz):
    low, middle, high = (scaling(horowitz, node, 0.9).factor for node in (20, 26, 32))
    assert middle == pytest.approx((low + high) / 2, rel=1e-12)


def test_published_figures_stand_beside_the_equations(horowitz):
    step = scaling(horowitz, 7)
    assert step.factor == pytest.approx(0.07, abs=0.003)
    assert step.published_factor == pytest.approx(0.35, abs=0.005)
    for node, factor in ((28, 0.76), (22, 0.67), (16, 0.56), (14, 0.52), (12, 0.47), (10, 0.43)):
        assert scaling(horowitz, node).published_factor == pytest.approx(factor, abs=0.006)
    assert "x0.35" in step.published_text
    assert step.bounds == (step.factor, step.published_factor)
    # the line goes through the published geometric mean of the eight kinds of arithmetic
    seven = load_table("jouppi_2021_7nm")
    ratios = [seven.exact[key].energy / price.energy for key, price in horowitz.exact.items()]
    assert math.exp(sum(map(math.log, ratios)) / len(ratios)) == pytest.approx(step.published_factor, rel=2e-3)
    assert (min(ratios), max(ratios)) == (pytest.approx(0.23, abs=0.004), pytest.approx(0.48, abs=0.004))
    assert scaling(horowitz, 65).published_factor is None


@given(NODES, NODES, st.sampled_from(["hp", "lp"]), st.floats(0.7, 1.0), st.floats(0.7, 1.0))
def test_there_and_back_is_nothing(start, end, family, first, second):
    at_start = scale(load_table("horowitz_2014_45nm"), scaling(load_table("horowitz_2014_45nm"), start, first))
    there = scaling(at_start, end, second, family=family)
    back = scaling(scale(at_start, there), start, first, family=family)
    assert there.factor * back.factor == pytest.approx(1, rel=1e-12)


@given(NODES, NODES, st.floats(0.7, 1.0))
def test_two_steps_are_one(middle, end, supply):
    table = load_table("horowitz_2014_45nm")
    first = scaling(table, middle, supply)
    second = scaling(scale(table, first), end, supply)
    assert first.factor * second.factor == pytest.approx(scaling(table, end, supply).factor, rel=1e-12)


@given(st.sampled_from(sorted(COEFFICIENTS["hp"])[:-3]), st.floats(0.6, 1.0), st.floats(0.6, 1.0))
def test_more_volts_cost_more(node, a, b):
    table = load_table("horowitz_2014_45nm")
    low, high = sorted((a, b))
    assert scaling(table, node, low).factor <= scaling(table, node, high).factor


def test_every_scaled_figure_says_so():
    table = load_table("default_45nm")
    step = scaling(table, 22)
    scaled = scale(table, step)
    assert (scaled.process_node, scaled.supply, scaled.name) == (22, 0.9, "default_45nm_at_22nm")
    assert "stillmaker_2017" in scaled.sources
    for operation in (
        Operation("addition", ("int8",)),
        Operation("multiplication", ("int9", "int5")),
        Operation("sram_read", (), "", 8192, 64),
        Operation("sram_write", (), "", 3000, 100),
    ):
        before, after = table.price(operation), scaled.price(operation)
        assert after.energy == pytest.approx(before.energy * step.factor, rel=1e-12)
        assert after.low == pytest.approx(before.low * step.factor, rel=1e-12)
        assert after.high == pytest.approx(before.high * step.published_factor, rel=1e-12)
        assert after.standing == "scaled"
        assert after.source == before.source
        assert "stillmaker-baas (HP), 45 nm at 0.9 V to 22 nm at 0.9 V: x0.3485" in after.where
        assert "originally" in after.where
    assert "originally 0.03 pJ at 45 nm" in scaled.price(Operation("addition", ("int8",))).where
    dram = Operation("dram_read", (), "", 0, 64)
    assert scaled.price(dram) == table.price(dram)
    assert (table.leakage.keys(), scaled.leakage) == ({"sram"}, {})
    assert any("leakage" in missing for missing in scaled.missing)


@pytest.mark.parametrize(
    ("table", "arguments", "problem"),
    [
        ("horowitz_2014_45nm", {"to_node": 5, "to_supply": 0.7}, "5 nm: the equations hold from 7 to 180 nm"),
        ("horowitz_2014_45nm", {"to_node": 5}, "5 nm: the equations hold from 7 to 180 nm"),
        ("horowitz_2014_45nm", {"to_node": 180}, "180 nm: no nominal supply is known; give --to-supply"),
        ("horowitz_2014_45nm", {"to_node": 180, "to_supply": 0.5}, "0.5 V at 180 nm: outside the equations"),
        ("horowitz_2014_45nm", {"to_node": 7, "to_supply": 0.1}, "0.1 V at 7 nm: outside the equations"),
        ("horowitz_2014_45nm", {"to_node": 7, "family": "xp"}, "no family of transistors 'xp'; write hp or lp"),
        ("andrulis_2025_dram", {"to_node": 7}, "andrulis_2025_dram is of no one process"),
        ("horowitz_2014_45nm", {"to_node": 7, "to_supply": 0}, "--to-supply 0: write a supply in volts, above 0"),
        ("horowitz_2014_45nm", {"to_node": 7, "to_supply": -0.7}, "--to-supply -0.7: write a supply in volts, above 0"),
        ("horowitz_2014_45nm", {"to_node": 7, "to_supply": math.nan}, "--to-supply nan: write a supply in volts"),
        ("horowitz_2014_45nm", {"to_node": 7, "to_supply": True}, "--to-supply True: write a supply in volts"),
        ("horowitz_2014_45nm", {"to_node": 7, "from_supply": 0.0}, "--from-supply 0.0: write a supply in volts"),
        ("horowitz_2014_45nm", {"to_node": 7, "from_supply": math.inf}, "--from-supply inf: write a supply in volts"),
        ("horowitz_2014_45nm", {"to_node": math.nan, "to_supply": 0.7}, "nan is no node"),
    ],
)
def test_steps_that_are_none(table, arguments, problem):
    with pytest.raises(TableError, match=problem):
        scaling(load_table(table), **arguments)


def test_tables_of_two_processes_are_not_scaled_as_one(tmp_path):
    text = "schema: 1\nname: mixed\ndescription: x\nprocess_node: 45\nsupply: 1.0\nunit: pJ\nsources: {}\n"
    path = tmp_path / "mixed.yaml"
    path.write_text(text + "extends: [horowitz_2014_45nm, balasubramonian_2017_22nm]\n")
    with pytest.raises(TableError, match="mixed is composed of tables of 45 and 22 nm; scale each by itself"):
        scaling(load_table(path), 7)
