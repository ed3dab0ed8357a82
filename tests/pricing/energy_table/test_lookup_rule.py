"""Lookup rules: used when asked for, marked in what they price, and never beyond what the table states."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table
from hwsim.pricing.energy_table.lookup_rule import EXPONENTS
from hwsim.pricing.energy_table.schema import RULES

PICO = 1e-12
TABLE = """\
schema: 1
name: ruled
description: for tests
process_node: 45
unit: pJ
sources:
  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: addition, format: int8, energy: 0.03, low: 0.02, high: 0.05, source: paper, where: T1, standing: fitted}
  - {operation: addition, format: int32, energy: 0.1, source: paper, where: T1, standing: printed}
  - {operation: addition, format: fp32, energy: 0.9, source: paper, where: T1, standing: printed}
  - {operation: multiplication, format: int8, energy: 0.2, source: paper, where: T1, standing: printed}
  - {operation: multiplication, format: [int8, int32], energy: 0.9, source: paper, where: T1, standing: printed}
  - {operation: multiplication, format: int32, energy: 3.1, source: paper, where: T1, standing: remembered}
  - {operation: mac, format: int8, energy: 0.2, source: paper, where: T1, standing: printed}
  - {operation: variable_shift, format: int16, energy: 0.06, source: paper, where: T1, standing: printed}
laws:
  - operation: xnor
    operands: integer
    widths: [8, 16]
    energy: {per_bit: 0.001}
    source: paper
    where: T2
    standing: fitted
equivalences:
  - {operation: comparison, format: integer, as: addition, reason: a subtraction}
memories:
  - memory: sram
    source: paper
    where: T3
    standing: printed
    entries:
      - {capacity: 1024, word_length: 32, access: 1.0}
      - {capacity: 4096, word_length: 32, access: 4.0}
      - {capacity: 1024, word_length: 128, access: 2.0}
      - {capacity: 4096, word_length: 128, access: 8.0}
  - memory: dram
    source: paper
    where: T3
    standing: printed
    entries:
      - {word_length: 64, access: 1300.0}
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "ruled.yaml"
    path.write_text(TABLE)
    return load_table(path)


def arithmetic(kind, *formats):
    return Operation(kind, formats)


def access(kind, capacity, word_length):
    return Operation(kind, (), "", capacity, word_length)


# ------------------------------------------------------------------------------------------------ asked for, or not


def test_without_a_rule_nothing_is_found(table):
    assert table.rules == ()
    for operation in (
        arithmetic("addition", "int9"),
        arithmetic("multiplication", "int4", "int8"),
        arithmetic("mac", "int4"),
        arithmetic("comparison", "int9"),
        arithmetic("xnor", "int4"),
        access("sram_read", 2048, 32),
        access("sram_read", 1024, 64),
        access("dram_read", 0, 32),
    ):
        assert table.price(operation) is None
        assert table.with_rules(RULES).price(operation) is not None


def test_no_rule_changes_a_stated_price(table):
    for rules in itertools.chain.from_iterable(itertools.combinations(RULES, n) for n in range(len(RULES) + 1)):
        ruled = table.with_rules(rules)
        assert set(ruled.rules) == set(rules)
        for kind, formats in table.exact:
            assert ruled.price(Operation(kind, formats)) == table.price(Operation(kind, formats))
        for capacity, word_length in itertools.product((512, 1024, 4096), (32, 128)):
            operation = access("sram_write", capacity, word_length)
            assert ruled.price(operation) == table.price(operation) is not None
        assert ruled.price(arithmetic("xnor", "int9")) == table.price(arithmetic("xnor", "int9"))
        assert ruled.price(arithmetic("comparison", "int8")) == table.price(arithmetic("comparison", "int8"))


def test_a_rule_may_be_asked_for_by_name_or_in_the_file(tmp_path, table):
    path = tmp_path / "ruled.yaml"
    path.write_text(TABLE + "rules: [next-wider]\n")
    assert load_table(path).rules == ("next-wider",)
    both = load_table(path, ["interpolation"])
    assert both.rules == ("interpolation", "next-wider")
    assert table.with_rules("next-wider").price(arithmetic("addition", "int9")).energy == pytest.approx(0.1 * PICO)
    with pytest.raises(TableError, match="no lookup rule 'widest'; write interpolation, bit-width-law, next-wider"):
        load_table(path, ["widest"])


def test_rules_are_inherited(tmp_path):
    (tmp_path / "ruled.yaml").write_text(TABLE + "rules: [next-wider]\n")
    child = (
        "schema: 1\nname: child\ndescription: x\nunit: pJ\nsources: {}\nextends: ruled.yaml\nrules: [interpolation]\n"
    )
    (tmp_path / "child.yaml").write_text(child)
    assert load_table(tmp_path / "child.yaml").rules == ("interpolation", "next-wider")


# ------------------------------------------------------------------------------------------------------- next wider


@pytest.mark.parametrize(
    ("operation", "figure", "name"),
    [
        (arithmetic("addition", "int3"), 0.03, "int8"),
        (arithmetic("addition", "binary"), 0.03, "int8"),
        (arithmetic("addition", "int9"), 0.1, "int32"),
        (arithmetic("addition", "fp16"), 0.9, "fp32"),
        (arithmetic("addition", "bf16"), 0.9, "fp32"),
        (arithmetic("multiplication", "int4"), 0.2, "int8"),
        (arithmetic("multiplication", "int4", "int7"), 0.2, "int8"),
        (arithmetic("multiplication", "int9", "int8"), 0.9, "int32 x int8"),
        (arithmetic("multiplication", "int9", "int9"), 3.1, "int32"),
        (arithmetic("multiplication", "int9"), 3.1, "int32"),
        (arithmetic("variable_shift", "int9"), 0.06, "int16"),
        (arithmetic("xnor", "int4"), 0.008, "int8"),  # where the law begins
    ],
)
def test_the_next_wider_stated_figure(table, operation, figure, name):
    price = table.with_rules(["next-wider"]).price(operation)
    assert price.energy == pytest.approx(figure * PICO)
    assert price.rule.startswith(f"next wider: {name}: ")


@pytest.mark.parametrize(
    "operation",
    [
        arithmetic("addition", "int33"),
        arithmetic("addition", "fp64"),
        arithmetic("multiplication", "int33", "int8"),
        arithmetic("multiplication", "int8", "fp32"),
        arithmetic("mac", "int9"),
        arithmetic("xnor", "int17"),
        arithmetic("look_up", "int8"),
        arithmetic("synaptic_operation"),
        access("sram_read", 8192, 32),
        access("sram_read", 8192, 8),
        access("sram_write", 2 * 4096 + 1, 129),  # two banks side by side, and one byte more than they hold
        access("sram_read", 0, 32),
        access("dram_read", 0, 0),
    ],
)
def test_nothing_beyond_the_widest(table, operation):
    assert table.with_rules(RULES).price(operation) is None


def test_a_narrow_word_travels_in_a_wider_one(table):
    ruled = table.with_rules(["next-wider"])
    price = ruled.price(access("dram_write", 0, 32))
    assert (price.energy, price.rule) == (pytest.approx(1300 * PICO), "next wider: 64-bit word: exact")
    assert ruled.price(access("sram_read", 4096, 33)).energy == pytest.approx(8.0 * PICO)
    assert ruled.price(access("sram_read", 2048, 32)) is None  # a capacity is not a width
    both = table.with_rules(["next-wider", "interpolation"])
    assert both.price(access("sram_read", 2048, 16)).energy == pytest.approx(2.0 * PICO)
    assert both.price(access("sram_read", 1024, 64)).energy == pytest.approx(2**0.5 * PICO)


def test_a_word_below_the_narrowest_leaves_by_the_narrowest_port(table):
    ruled = table.with_rules(["narrow-words"])
    for word_length in (1, 8, 31):
        price = ruled.price(access("sram_read", 4096, word_length))
        assert (price.energy, price.rule) == (pytest.approx(4.0 * PICO), "narrow word: 32-bit word: exact")
    assert ruled.price(access("sram_read", 100, 8)).rule == "narrow word: 32-bit word: smallest capacity, 1024 bytes"
    # a word between stated ones, a capacity and a DRAM are not its concern
    for other in (access("sram_read", 1024, 64), access("sram_read", 2048, 8), access("dram_read", 0, 8)):
        assert ruled.price(other) is None
    assert ruled.price(access("sram_read", 1024, 129)) is None


def test_a_word_above_the_widest_comes_from_banks_side_by_side(table):
    ruled = table.with_rules(["wide-words"])
    # 4,096 bytes of 512 bits: four banks of 1,024 bytes, each giving a word of 128 bits for 2 pJ
    price = ruled.price(access("sram_write", 4096, 512))
    assert price.energy == pytest.approx(4 * 2.0 * PICO)
    assert price.rule == "wide word: 4 banks side by side, each of 1024 bytes with a 128-bit word: exact"
    # a bit more than one word takes a second one; three banks hold what one memory of 12,288 bytes holds
    assert ruled.price(access("sram_read", 2048, 129)).energy == pytest.approx(2 * 2.0 * PICO)
    assert ruled.price(access("sram_read", 12288, 384)).energy == pytest.approx(3 * 8.0 * PICO)
    assert ruled.price(access("sram_read", 4096, 256)) is None  # between two capacities
    assert ruled.price(access("sram_read", 1024, 31)) is None
    both = table.with_rules(["wide-words", "interpolation"])
    assert both.price(access("sram_read", 4096, 256)).energy == pytest.approx(2 * 4.0 * PICO)
    assert both.price(access("sram_read", 4096, 256)).rule.endswith(
        "interpolated in capacity between 1024 and 4096 bytes"
    )
    assert table.with_rules(RULES).price(access("sram_read", 8192, 256)).energy == pytest.approx(2 * 8.0 * PICO)


@given(st.integers(1, 4096))
def test_a_dram_is_priced_by_the_bit(table, word_length):
    price = table.with_rules(["dram-by-bit"]).price(access("dram_read", 0, word_length))
    assert price.energy == pytest.approx(1300 / 64 * word_length * PICO)
    rule = f"by the bit: {word_length} bits at the rate of a 64-bit word: exact"
    assert price.rule == ("exact" if word_length == 64 else rule)
    assert (price.standing, price.source) == ("printed", "paper")


def test_by_the_bit_goes_before_the_next_wider(table):
    # a whole word is what is read for 32 bits of it, unless the table says that its figure is one of bits
    assert table.with_rules(["next-wider"]).price(access("dram_read", 0, 32)).energy == pytest.approx(1300 * PICO)
    assert table.with_rules(RULES).price(access("dram_read", 0, 32)).energy == pytest.approx(650 * PICO)


def test_an_equivalence_goes_through_a_rule(table):
    price = table.with_rules(["next-wider"]).price(arithmetic("comparison", "int9"))
    assert price.energy == pytest.approx(0.1 * PICO)
    assert price.rule == "as addition int9: next wider: int32: exact"
    assert price.standing == "assumed"


# ---------------------------------------------------------------------------------------------------- bit-width law


@given(st.integers(1, 32))
def test_additions_are_a_share_of_the_next_wider(table, width):
    price = table.with_rules(["bit-width-law"]).price(arithmetic("addition", f"int{width}"))
    stated, figure = (8, 0.03) if width <= 8 else (32, 0.1)
    assert price.energy == pytest.approx(figure * width / stated * PICO)
    assert price.low <= price.energy <= price.high
    if width not in (8, 32):
        assert price.rule.startswith("bit-width law: ")
        assert price.standing == "fitted"


@given(st.integers(1, 32), st.integers(1, 32))
def test_multiplications_are_a_share_by_the_product(table, a, b):
    price = table.with_rules(["bit-width-law"]).price(arithmetic("multiplication", f"int{a}", f"int{b}"))
    narrow, wide = sorted((a, b))
    stated, figure = (64, 0.2) if wide <= 8 else (8 * 32, 0.9) if narrow <= 8 else (32 * 32, 3.1)
    assert price.energy == pytest.approx(figure * a * b / stated * PICO)
    # the power on both widths lies between those of the sources
    share = a * b / stated
    assert price.low == pytest.approx(figure * share**1.10 * PICO)
    assert price.high == pytest.approx(figure * share**0.99 * PICO)


@given(st.integers(1, 8), st.integers(1, 8))
def test_whole_units_grow_as_bit_fusion_measured(table, a, b):
    price = table.with_rules(["bit-width-law"]).price(arithmetic("mac", f"int{a}", f"int{b}"))
    # b^1.30 when both are b bits wide
    assert price.energy == pytest.approx(0.2 * ((a * b) ** 0.5 / 8) ** 1.30 * PICO)


def test_the_law_of_a_remembered_figure_is_remembered(table):
    price = table.with_rules(["bit-width-law"]).price(arithmetic("multiplication", "int16", "int16"))
    assert price.standing == "remembered"
    assert price.source == "paper"


def test_reals_and_shifters_have_no_law(table):
    ruled = table.with_rules(["bit-width-law"])
    assert "variable_shift" not in EXPONENTS
    for operation in (arithmetic("addition", "fp16"), arithmetic("variable_shift", "int8")):
        assert ruled.price(operation) is None


def test_the_law_goes_before_the_next_wider(table):
    both = table.with_rules(RULES)
    assert both.price(arithmetic("addition", "int16")).energy == pytest.approx(0.05 * PICO)
    assert both.price(arithmetic("variable_shift", "int8")).energy == pytest.approx(0.06 * PICO)


@given(st.sampled_from(sorted(EXPONENTS)), st.integers(1, 64), st.integers(1, 64))
def test_a_narrower_integer_never_costs_more_than_its_anchor(kind, a, b):
    # on a table that ships: whatever a rule finds lies in order, and at most at what it was taken from
    ruled = load_table("horowitz_2014_45nm", ["bit-width-law"])
    formats = (f"int{a}", f"int{b}") if kind in ("multiplication", "mac") else (f"int{a}",)
    price = ruled.price(Operation(kind, formats))
    if price is None:
        assert kind not in ("addition", "multiplication") or max(a, b if len(formats) == 2 else a) > 32
    else:
        assert 0 < price.low <= price.energy <= price.high
        assert price.high <= 3.1 * PICO
