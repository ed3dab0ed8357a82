"""Reading an energy table, and finding a price in it: exact figures, laws, equivalences, curves, errors."""

import itertools
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import FileError, UnknownNameError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table

TABLE = """\
schema: 1
name: small
description: for tests
process_node: 28
supply: 0.8
unit: fJ
sources:
  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020, doi: 10.1/2}
  other: {authors: B. Author, title: B title, venue: B venue, year: 2021}
operations:
  - {operation: addition, format: int8, energy: 30.0, source: paper, where: Table 1, standing: printed}
  - {operation: addition, format: fp32, energy: 900, source: paper, where: Table 1, standing: printed}
  - operation: multiplication
    format: [int8, int4]
    energy: 100.0
    low: 50.0
    high: 200.0
    source: paper
    where: Table 1
    standing: converted
    original: 0.1 pJ
    interval: {source: other, where: Table 9, standing: remembered}
laws:
  - operation: addition
    operands: integer
    widths: [4, 16]
    energy: {per_bit: 3.0, constant: 1.0}
    high: {per_bit: 5.0, constant: 1.0}
    source: other
    where: Fig. 1
    standing: fitted
  - operation: multiplication
    operands: integer
    widths: [1, 32]
    energy: {per_product: 3.0, per_bit: 0.5, constant: 2.0}
    source: paper
    where: Fig. 1
    standing: fitted
  - operation: register_update
    operands: any
    widths: [1, 64]
    energy: {per_bit: 9.0}
    source: paper
    where: Fig. 1
    standing: fitted
equivalences:
  - {operation: comparison, format: integer, as: addition, reason: a subtraction}
  - {operation: comparison, format: fp32, as: addition, as_format: int16, reason: ordered alike}
memories:
  - memory: sram
    source: paper
    where: Table 2
    standing: printed
    entries:
      - {capacity: 1024, word_length: 32, read: 1000.0, write: 2000.0}
      - {capacity: 4096, word_length: 32, read: 2500.0, write: {energy: 3000.0, low: 2500.0, high: 4000.0}}
      - {capacity: 2048, word_length: 128, read: 5000.0, write: 7000.0}
      - {capacity: 65536, word_length: 128, read: 40000.0, write: 30000.0}
  - memory: sram
    source: other
    where: Table 3
    standing: remembered
    entries:
      - {capacity: 65536, word_length: 32, access: 9000.0}
  - memory: dram
    source: paper
    where: Table 2
    standing: printed
    entries:
      - {word_length: 64, access: {energy: 1300000.0, low: 1300000.0, high: 2600000.0}}
missing: [leakage]
rules: [interpolation]
"""
FEMTO = 1e-15  # joules in a unit of TABLE


def write(folder: Path, text: str, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return load_table(write(tmp_path_factory.mktemp("table"), TABLE))


def arithmetic(kind, *formats):
    return Operation(kind, formats)


def access(kind, capacity, word_length):
    return Operation(kind, (), "weights", capacity, word_length)


# -------------------------------------------------------------------------------------------------- what it states


def test_an_exact_figure_is_converted_to_joules_and_keeps_its_origin(table):
    price = table.price(arithmetic("addition", "int8"))
    assert price.energy == pytest.approx(30.0 * 1e-15, rel=1e-15)  # 30 fJ
    assert price.low == price.high == price.energy
    assert (price.rule, price.standing, price.source, price.where) == ("exact", "printed", "paper", "Table 1")


@pytest.mark.parametrize(("unit", "joules"), [("nJ", 1e-9), ("pJ", 1e-12), ("fJ", 1e-15)])
def test_every_figure_is_in_the_unit_of_its_file(tmp_path, unit, joules):
    table = load_table(write(tmp_path, TABLE.replace("unit: fJ", f"unit: {unit}")))
    assert table.price(arithmetic("addition", "int8")).energy == pytest.approx(30.0 * joules, rel=1e-15)
    # constant + per_bit x width
    assert table.price(arithmetic("addition", "int10")).energy == pytest.approx((1.0 + 3.0 * 10) * joules, rel=1e-15)
    assert table.price(access("sram_read", 1024, 32)).energy == pytest.approx(1000.0 * joules, rel=1e-15)


def test_the_interval_and_where_it_comes_from(table):
    price = table.price(arithmetic("multiplication", "int8", "int4"))
    assert (price.low, price.energy, price.high) == pytest.approx((50 * FEMTO, 100 * FEMTO, 200 * FEMTO), rel=1e-15)
    assert price.standing == "converted"
    assert "originally 0.1 pJ" in price.where
    assert "Table 9 (other, remembered)" in price.where


def test_the_order_of_factors_does_not_matter(table):
    assert table.price(arithmetic("multiplication", "int4", "int8")).rule == "exact"
    for a, b in itertools.combinations(range(1, 33), 2):
        price = table.price(arithmetic("multiplication", f"int{a}", f"int{b}"))
        assert price.energy == table.price(arithmetic("multiplication", f"int{b}", f"int{a}")).energy > 0


def test_a_format_once_is_the_format_twice(tmp_path):
    text = TABLE.replace("format: [int8, int4]", "format: int8")
    table = load_table(write(tmp_path, text))
    for formats in (("int8",), ("int8", "int8")):
        price = table.price(arithmetic("multiplication", *formats))
        assert (price.rule, price.energy) == ("exact", pytest.approx(100 * FEMTO))


# ------------------------------------------------------------------------------------------------------------ laws


def test_laws_hold_in_their_widths_and_exact_figures_win(table):
    for width in range(1, 65):
        price = table.price(arithmetic("addition", f"int{width}"))
        if width == 8:
            assert price.rule == "exact"
        elif 4 <= width <= 16:
            assert price.energy == pytest.approx((1.0 + 3.0 * width) * FEMTO)
            assert price.low == price.energy
            assert price.high == pytest.approx((1.0 + 5.0 * width) * FEMTO)
            assert price.rule.startswith("law: 3 b + 1 fJ")
            assert price.rule.endswith(f"b = {width}")
            assert (price.standing, price.source) == ("fitted", "other")
        else:
            assert price is None


@given(st.integers(1, 32), st.integers(1, 32))
def test_a_product_law_is_its_closed_form(table, a, b):
    price = table.price(arithmetic("multiplication", f"int{a}", f"int{b}"))
    if {a, b} == {8, 4}:
        assert price.rule == "exact"
    else:
        expected = 3.0 * a * b + 0.5 * (a + b) + 2.0  # per_product, per_bit, constant
        assert price.energy == pytest.approx(expected * FEMTO)
        assert price.rule.startswith("law: ")


def test_integer_laws_cover_binary_and_ternary_and_no_reals(table):
    # ternary numbers take 2 bits, binary ones 1: 3 x 2 x 1 + 0.5 x (2 + 1) + 2
    price = table.price(arithmetic("multiplication", "ternary", "binary"))
    assert price.energy == pytest.approx(9.5 * FEMTO)
    for formats in (("fp32", "fp32"), ("int8", "fp32"), ("fp16",), ("po2-4", "int8")):
        assert table.price(arithmetic("multiplication", *formats)) is None


def test_a_law_of_any_operands_covers_reals(table):
    for name, width in (("fp32", 32), ("fp16", 16), ("int24", 24), ("po2-4", 4), ("binary", 1)):
        price = table.price(arithmetic("register_update", name))
        assert price.energy == pytest.approx(9.0 * width * FEMTO), name


def test_a_law_of_any_operands_takes_over_outside_the_integer_one(tmp_path):
    law = "  - {operation: addition, operands: any, widths: [1, 64], energy: {constant: 7.0}, source: paper, "
    text = TABLE.replace("equivalences:", law + "where: x, standing: assumed}\nequivalences:")
    table = load_table(write(tmp_path, text))
    assert table.price(arithmetic("addition", "int16")).energy == pytest.approx((1.0 + 3.0 * 16) * FEMTO)
    assert table.price(arithmetic("addition", "int17")).energy == pytest.approx(7.0 * FEMTO)


def test_an_equivalence_is_the_other_operation_and_says_so(table):
    for name, other in (("int8", "int8"), ("int12", "int12"), ("fp32", "int16")):
        price, same = table.price(arithmetic("comparison", name)), table.price(arithmetic("addition", other))
        assert price[:3] == same[:3]
        assert price.rule == f"as addition {other}: {same.rule}"
        assert price.standing == "assumed"
        assert same.where in price.where
    assert table.price(arithmetic("comparison", "int17")) is None
    assert table.price(arithmetic("comparison", "fp16")) is None


def test_what_nobody_stated_has_no_price(table):
    for kind in ("constant_shift", "variable_shift", "xnor", "exponent_addition", "look_up"):
        assert table.price(arithmetic(kind, "int8")) is None
        assert kind in table.lacks
    assert set(table.lacks).isdisjoint({"addition", "comparison", "register_update", "sram_read", "dram_write"})
    assert table.price(arithmetic("addition")) is None


# -------------------------------------------------------------------------------------------------------- memories


def test_stated_memories_are_exact_and_reads_are_not_writes(table):
    read, write = (table.price(access(kind, 1024, 32)) for kind in ("sram_read", "sram_write"))
    assert (read.energy, write.energy) == pytest.approx((1000 * FEMTO, 2000 * FEMTO))
    assert (read.rule, read.standing, read.source) == ("exact", "printed", "paper")


def test_an_access_is_both_a_read_and_a_write(table):
    read, write = (table.price(access(kind, 65536, 32)) for kind in ("sram_read", "sram_write"))
    assert read == write
    assert read.energy == pytest.approx(9000 * FEMTO)
    assert read.standing == "remembered"


@given(st.integers(1024, 65536))
def test_capacity_is_interpolated_in_logarithms(table, capacity):
    price = table.price(access("sram_read", capacity, 32))
    points = np.log([1024, 4096, 65536]), np.log([1000.0, 2500.0, 9000.0])  # bytes, fJ
    assert math.log(price.energy / FEMTO) == pytest.approx(np.interp(math.log(capacity), *points), abs=1e-9)
    assert (price.rule == "exact") == (capacity in (1024, 4096, 65536))
    if 4096 < capacity < 65536:  # between a printed figure and a remembered one of another source
        assert (price.standing, price.source) == ("remembered", "paper + other")
        assert price.rule == "interpolated in capacity between 4096 and 65536 bytes"


@given(st.integers(4096, 65536))
def test_the_interval_is_interpolated_too(table, capacity):
    price = table.price(access("sram_write", capacity, 32))
    for found, start in ((price.low, 2500.0), (price.energy, 3000.0), (price.high, 4000.0)):
        expected = np.interp(math.log(capacity), np.log([4096, 65536]), np.log([start, 9000.0]))
        assert math.log(found / FEMTO) == pytest.approx(expected, abs=1e-9)
    assert price.low <= price.energy <= price.high


@given(st.integers(32, 128), st.integers(2048, 65536))
def test_word_length_is_interpolated_in_logarithms(table, word_length, capacity):
    price = table.price(access("sram_read", capacity, word_length))
    at = math.log(capacity)
    narrow = np.interp(at, np.log([1024, 4096, 65536]), np.log([1000.0, 2500.0, 9000.0]))
    wide = np.interp(at, np.log([2048, 65536]), np.log([5000.0, 40000.0]))
    expected = np.interp(math.log(word_length), np.log([32, 128]), [narrow, wide])
    assert math.log(price.energy / FEMTO) == pytest.approx(expected, abs=1e-9)
    assert ("word length" in price.rule) == (word_length not in (32, 128))


def test_a_smaller_memory_is_built_as_the_smallest(table):
    for capacity in (1, 512, 1023):
        price = table.price(access("sram_read", capacity, 32))
        assert price.energy == pytest.approx(1000 * FEMTO)
        assert price.rule == "smallest capacity, 1024 bytes"
    # between word lengths, each column has its own smallest: the geometric mean of both at 64 bits
    price = table.price(access("sram_read", 512, 64))
    assert price.energy == pytest.approx(math.sqrt(1000 * 5000) * FEMTO)
    assert price.rule.startswith("smallest capacity, 1024 bytes; smallest capacity, 2048 bytes; interpolated in word")


@pytest.mark.parametrize(("capacity", "word_length"), [(65537, 32), (4096, 31), (4096, 129), (65537, 64), (0, 32)])
def test_no_memory_is_extrapolated(table, capacity, word_length):
    assert table.price(access("sram_read", 65536, 32)) is not None
    assert table.price(access("sram_read", capacity, word_length)) is None


def test_a_dram_word_is_exact_whatever_the_capacity(table):
    for capacity in (0, 10**9):
        price = table.price(access("dram_read", capacity, 64))
        assert (price.low, price.energy, price.high) == pytest.approx((1.3e-9, 1.3e-9, 2.6e-9))
        assert price.rule == "exact"
    assert table.price(access("dram_write", 0, 32)) is None
    assert table.price(access("dram_write", 0, 128)) is None


# --------------------------------------------------------------------------------------------------- whole tables


def test_what_a_table_tells_of_itself(table):
    assert (table.name, table.process_node, table.supply, table.missing) == ("small", 28, 0.8, ("leakage",))
    assert table.citation.splitlines() == [
        "paper: A. Author: A title. A venue, 2020, doi:10.1/2",
        "other: B. Author: B title. B venue, 2021",
    ]
    assert load_table(table) is table


def test_the_data_frame_has_every_figure(table):
    frame = table.to_dataframe()
    # 3 figures, 3 laws, 2 equivalences, reads and writes of 5 SRAMs and 1 DRAM
    assert len(frame) == 3 + 3 + 2 + 2 * (5 + 1)
    assert {"energy [pJ]", "low [pJ]", "high [pJ]", "capacity [bytes]", "word length [bits]"} <= set(frame.columns)
    row = frame.query("operation == 'sram_write' and `capacity [bytes]` == 4096").iloc[0]
    # fJ / 1000
    assert tuple(row[["energy [pJ]", "low [pJ]", "high [pJ]"]]) == pytest.approx((3.0, 2.5, 4.0))
    assert set(frame["standing"]) == {"printed", "converted", "fitted", "assumed", "remembered"}
    assert (frame["where"] != "").all()


def test_a_table_travels_to_another_process(table):
    copy = pickle.loads(pickle.dumps(table))
    operation = arithmetic("multiplication", "int9", "int8")
    assert copy is not table
    assert copy.price(operation) == table.price(operation)
    assert copy.to_dataframe().equals(table.to_dataframe())


def test_the_order_of_entries_does_not_matter(tmp_path, table):
    lines = TABLE.splitlines()
    first = next(index for index, line in enumerate(lines) if "capacity: 1024" in line)
    lines[first], lines[first + 3] = lines[first + 3], lines[first]
    other = load_table(write(tmp_path, "\n".join(lines)))
    for capacity, word_length in itertools.product((1, 1024, 3000, 50000), (32, 50, 128)):
        operation = access("sram_write", capacity, word_length)
        assert other.price(operation) == table.price(operation) is not None


# ------------------------------------------------------------------------------------------------------- extending

CHILD = """\
schema: 1
name: child
description: for tests
process_node: 22
unit: pJ
extends: small.yaml
sources:
  mine: {authors: C. Author, title: C title, venue: C venue, year: 2022}
operations:
  - {operation: addition, format: int8, energy: 0.5, source: mine, where: Table 1, standing: printed}
"""
CHILD_SRAM = """\
memories:
  - memory: sram
    source: mine
    where: Table 2
    standing: printed
    entries:
      - {capacity: 8192, word_length: 32, access: 4.0}
"""


def test_an_extension_overrides_by_key_and_each_figure_keeps_its_source(tmp_path, table):
    write(tmp_path, TABLE)
    child = load_table(write(tmp_path, CHILD, "child.yaml"))
    own = child.price(arithmetic("addition", "int8"))
    assert (own.energy, own.source) == (pytest.approx(0.5e-12), "mine")
    # a figure of the other file, in that file's unit
    inherited = child.price(arithmetic("addition", "fp32"))
    assert (inherited.energy, inherited.source) == (pytest.approx(900 * FEMTO), "paper")
    assert child.price(access("sram_read", 2048, 32)) == table.price(access("sram_read", 2048, 32))
    for operation in (arithmetic("addition", "int10"), arithmetic("comparison", "int10")):
        assert child.price(operation) == table.price(operation) is not None
    assert set(child.sources) == {"paper", "other", "mine"}
    assert (child.name, child.process_node, child.supply, child.missing) == ("child", 22, None, ())


def test_an_extension_replaces_a_kind_of_memory_as_a_whole(tmp_path, table):
    write(tmp_path, TABLE)
    child = load_table(write(tmp_path, CHILD + CHILD_SRAM, "child.yaml"))
    assert child.price(access("sram_read", 8192, 32)).energy == pytest.approx(4e-12)
    assert child.price(access("sram_read", 16384, 32)) is None
    assert table.price(access("sram_read", 16384, 32)) is not None
    assert child.price(access("dram_read", 0, 64)) == table.price(access("dram_read", 0, 64))


def test_a_shipped_table_can_be_extended_by_name(tmp_path):
    child = load_table(write(tmp_path, CHILD.replace("small.yaml", "horowitz_2014_45nm")))
    assert child.price(arithmetic("addition", "int8")).source == "mine"
    assert child.price(arithmetic("multiplication", "int8")).source == "horowitz_2014"


def test_a_circle_of_tables_is_an_error(tmp_path):
    write(tmp_path, TABLE.replace("unit: fJ", "unit: fJ\nextends: child.yaml"))
    path = write(tmp_path, CHILD, "child.yaml")
    with pytest.raises(FileError) as error:
        load_table(path)
    assert str(error.value) == (
        f"{tmp_path / 'small.yaml'}:7: extends: child.yaml extends small.yaml extends child.yaml: a circle; "
        "take one `extends` out"
    )


def test_an_unknown_base_is_an_error_with_the_closest_name(tmp_path):
    path = write(tmp_path, CHILD.replace("small.yaml", "horowitz_2014"), "child.yaml")
    with pytest.raises(FileError, match=r"child.yaml:6: extends: no energy table .* did you mean horowitz_2014_45nm"):
        load_table(path)


def test_one_key_cannot_mean_two_publications(tmp_path):
    write(tmp_path, TABLE)
    path = write(tmp_path, CHILD.replace("mine", "paper"), "child.yaml")
    with pytest.raises(
        FileError, match=r"child.yaml:8: paper: source already defined, differently, in small; give it another key"
    ):
        load_table(path)


def test_an_unknown_table_is_named_with_the_closest_ones():
    with pytest.raises(UnknownNameError, match="no energy table named 'horovitz_2014'; did you mean horowitz_2014"):
        load_table("horovitz_2014")


# ---------------------------------------------------------------------------------------------------------- errors

INT8 = "format: int8, energy: 30.0, source: paper, where: Table 1, standing: printed"
BROKEN = {
    "unknown key": ("supply: 0.8", "volts: 0.8", 5, "volts: unknown key"),
    "key twice": ("supply: 0.8", "supply: 0.8\nsupply: 0.9", 6, "supply: written twice"),
    "key twice, inside": ("format: int8, energy", "format: int8, format: int9, energy", 11, "format: written twice"),
    "text": ("energy: 30.0", "energy: 1e-12", 11, r"operations.0.energy: .* text '1e-12' .* write 1.0e-12"),
    "text in a memory": ("read: 1000.0", "read: 1e3", 55, r"read: .* text '1e3' .* write 1000.0"),
    "negative": ("energy: 30.0", "energy: -30.0", 11, "operations.0.energy: expected .* equal to 0, got -30.0"),
    "negative law": ("constant: 1.0}", "constant: -20.0}", 24, "laws.0: expected 0 <= low .* got -8, -8, 21 at 4 bits"),
    "NaN": ("energy: 30.0", "energy: .nan", 11, "operations.0.energy: expected a finite number, got nan"),
    "infinite": ("energy: 30.0", "energy: .inf", 11, "operations.0.energy: expected a finite number, got inf"),
    "no energy": ("energy: 30.0, ", "", 11, "operations.0.energy: missing"),
    "no unit": ("unit: fJ\n", "", 1, "unit: missing"),
    "unit": ("unit: fJ", "unit: joule", 6, "unit: expected 'pJ', 'fJ' or 'nJ', got 'joule'"),
    "schema": ("schema: 1", "schema: 2", 1, "schema: expected 1, got 2"),
    "operation": ("operation: addition", "operation: additions", 11, "operation: write addition, got 'additions'"),
    "equivalent operation": ("as: addition", "as: additions", 47, "equivalences.0.as: write addition, got 'additions'"),
    "access": ("operation: addition", "operation: sram_read", 11, "operation: write accesses under `memories`"),
    "sign": ("format: int8", "format: uint8", 11, r"format: write int8 \(a price depends on the width, not the sign"),
    "no format": ("format: int8", "format: integer8", 11, "format: number format 'integer8': write fp32"),
    "three formats": ("[int8, int4]", "[int8, int4, int2]", 14, "format: .* at most 2"),
    "source": ("source: paper", "source: papr", 11, r"operations.0.source: no source 'papr' .*known: paper, other"),
    "interval's source": ("{source: other", "{source: x", 22, "operations.2.interval.source: no source 'x'"),
    "twice": ("format: fp32, energy", "format: int8, energy", 12, "addition int8: already given at operations.0"),
    "memory twice": ("capacity: 4096", "capacity: 1024", 56, "sram of 1024 bytes, word length 32: already given"),
    "order": ("low: 50.0", "low: 500.0", 13, "operations.2: expected low <= energy <= high, got 500.0, 100.0, 200.0"),
    "standing": ("standing: printed", "standing: guessed", 11, "operations.0.standing: expected 'printed'"),
    "converted": ("    original: 0.1 pJ\n", "", 13, "operations.2: converted: write the printed figure"),
    "widths": ("widths: [4, 16]", "widths: [16, 4]", 24, r"laws.0: widths: write the smaller first, \[4, 16\]"),
    "wide": ("widths: [4, 16]", "widths: [4, 65]", 26, "laws.0.widths.1: expected .* 64, got 65"),
    "no formula": ("{per_bit: 9.0}", "{}", 39, "laws.2: energy: write at least one of constant"),
    "product of one": ("{per_bit: 9.0}", "{per_product: 9.0}", 39, "laws.2: per_product: only a multiplication"),
    "read alone": ("read: 1000.0, write: 2000.0", "read: 1000.0", 55, "write either `access` or both"),
    "free": ("access: 9000.0", "access: 0.0", 64, "memories.1.entries.0: expected energies above 0"),
    "no capacity": ("capacity: 65536, word_length: 32, access", "word_length: 32, access", 59, "has its capacity"),
    "kind of memory": ("memory: sram", "memory: flash", 50, "memories.0.memory: expected 'sram' or 'dram'"),
    "not a list": ("missing: [leakage]", "missing: leakage", 71, "missing: expected a list, in square brackets"),
    "extends itself": (
        "unit: fJ",
        "unit: fJ\nextends: small.yaml",
        7,
        "extends: small.yaml extends small.yaml: a circle",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_gets_one_line_with_file_line_and_remedy(tmp_path, case):
    before, after, line, problem = BROKEN[case]
    assert before in TABLE
    path = write(tmp_path, TABLE.replace(before, after, 1))
    with pytest.raises(FileError, match=problem) as error:
        load_table(path)
    message = str(error.value)
    assert message.startswith(f"{path}:{line}: ")
    assert "\n" not in message
