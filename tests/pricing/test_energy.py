"""Pricing: every count times its price, nothing left out, nothing guessed."""

import math

import numpy as np
import pytest

import hwsim
from hwsim.counting.counts import PHASES, Counts, Key
from hwsim.errors import TableError, UnknownNameError
from hwsim.network.operation import Operation
from hwsim.pricing.lacking import lacking

PICO = 1e-12
TABLE = """\
schema: 1
name: small
description: for tests
process_node: 28
supply: 0.8
unit: pJ
sources:
  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: addition, format: int8, energy: 2.0, low: 1.0, high: 5.0, source: paper, where: T1, standing: printed}
  - {operation: addition, format: int32, energy: 8.0, source: paper, where: T1, standing: printed}
  - {operation: multiplication, format: [int8, int4], energy: 30.0, source: paper, where: T1, standing: printed}
equivalences:
  - {operation: comparison, format: integer, as: addition, reason: a subtraction}
memories:
  - memory: sram
    source: paper
    where: T2
    standing: printed
    entries:
      - {capacity: 1024, word_length: 64, read: 100.0, write: 200.0}
missing: [much]
"""
ADD8, ADD32 = Operation("addition", ("int8",)), Operation("addition", ("int32",))
MULTIPLY = Operation("multiplication", ("int4", "int8"))
COMPARE = Operation("comparison", ("int8",))
READ = Operation("sram_read", (), "weights", 1024, 64)
XNOR = Operation("xnor", ("binary", "binary"))
GROUPS = ("first", "steady")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "small.yaml"
    path.write_text(TABLE)
    return hwsim.load_table(path)


def counts_of(entries, **about):
    arrays = {key: np.array(number) for key, number in entries.items()}
    return Counts(arrays, GROUPS, np.array([2, 8]), "net", "data", "sparse", "a-machine", **about)


@pytest.fixture
def counts():
    return counts_of(
        {
            Key("one", "encode", COMPARE): [4, 16],
            Key("one", "synapse", ADD32): [3, 40],
            Key("two", "synapse", MULTIPLY): [1, 10],
            Key("two", "neuron", ADD8): [6, 60],
            Key("two", "memory", READ): [7, 70],
        }
    )


@pytest.fixture(scope="module")
def real():
    """Counts of a shipped network under delta, every phase in use."""
    data = hwsim.load_dataset("digits")[:40]
    run = hwsim.simulate(hwsim.load_network("digits-mlp-int8"), data, "delta")
    return hwsim.count(run.activity, "delta-mac")


# count x price: comparisons as 8-bit additions, the product of 4 x 8 bits in either order
ENERGY = {
    "encode": 20 * 2 * PICO,
    "synapse": (43 * 8 + 11 * 30) * PICO,
    "neuron": 66 * 2 * PICO,
    "memory": 77 * 100 * PICO,
}


def test_a_hand_calculation(counts, table):
    energy = hwsim.price(counts, table)
    assert energy.total == pytest.approx(sum(ENERGY.values()), rel=1e-12)
    assert energy.per_inference == pytest.approx(sum(ENERGY.values()) / 10, rel=1e-12)
    for phase, expected in ENERGY.items():
        assert energy.of(phase) == pytest.approx(expected, rel=1e-12)
    assert energy.of(kind="addition") == pytest.approx((43 * 8 + 66 * 2) * PICO, rel=1e-12)
    assert energy.of(layer="two") == pytest.approx((11 * 30 + 66 * 2 + 77 * 100) * PICO, rel=1e-12)
    assert energy.of("synapse", "addition", "two") == 0
    # first and steady frames apart
    first = (4 * 2 + 3 * 8 + 1 * 30 + 6 * 2 + 7 * 100) * PICO
    assert energy.by_group == pytest.approx([first, sum(ENERGY.values()) - first], rel=1e-12)


def test_low_and_high_are_those_of_the_prices(counts, table):
    energy = hwsim.price(counts, table)
    n_spread = 20 + 66  # comparisons and 8-bit additions are the only prices with an interval: 1 ... 5 about 2
    assert energy.low == pytest.approx(sum(ENERGY.values()) - n_spread * 1 * PICO, rel=1e-12)
    assert energy.high == pytest.approx(sum(ENERGY.values()) + n_spread * 3 * PICO, rel=1e-12)


def test_the_parts_are_the_whole(real):
    energy = hwsim.price(real)
    assert energy.total > 0
    assert all(energy.of(phase) > 0 for phase in PHASES)
    assert sum(energy.of(phase) for phase in PHASES) == pytest.approx(energy.total, rel=1e-12)
    layers = {key.layer for key in real.entries}
    kinds = {key.operation.kind for key in real.entries}
    assert len(layers) == 4
    assert sum(energy.of(layer=layer) for layer in layers) == pytest.approx(energy.total, rel=1e-12)
    assert sum(energy.of(kind=kind) for kind in kinds) == pytest.approx(energy.total, rel=1e-12)
    assert energy.by_group.shape == (2,)
    assert energy.by_group.sum() == pytest.approx(energy.total, rel=1e-12)
    assert energy.low < energy.total < energy.high
    # every line is the count times what the table says of the operation
    assert energy.total == pytest.approx(
        math.fsum(
            int(number.sum()) * hwsim.load_table("default_45nm").price(key.operation).energy
            for key, number in real.entries.items()
        ),
        rel=1e-12,
    )


def test_the_data_frame_sums_to_the_total(real):
    energy = hwsim.price(real)
    frame = energy.to_dataframe()
    assert frame["energy [J]"].sum() == pytest.approx(energy.total, rel=1e-12)
    assert frame["low [J]"].sum() == pytest.approx(energy.low, rel=1e-12)
    assert frame["high [J]"].sum() == pytest.approx(energy.high, rel=1e-12)
    assert frame["count"].sum() == real.total()
    # what an access is for stands beside its memory, as in the data frame of the counts
    place = counts_of({Key("one", "memory", READ._replace(memory="buffer", operand="codes")): [3, 0]})
    for columns in (hwsim.price(place, "default_45nm").to_dataframe(), place.to_dataframe()):
        assert columns.loc[0, ["memory", "operand", "frames", "count"]].tolist() == ["buffer", "codes", "first", 3]
    by_group = frame.groupby("frames")["energy [J]"].sum()
    assert by_group["first"] == pytest.approx(energy.by_group[0], rel=1e-12)
    assert (frame["energy [J]"] <= frame["high [J]"]).all()
    assert (frame["low [J]"] <= frame["energy [J]"]).all()
    assert frame["standing"].str.len().min() > 0
    assert frame["source"].str.len().min() > 0


def test_twice_the_counts_is_twice_the_joules(real):
    once, twice = hwsim.price(real), hwsim.price(real.scaled(2))
    assert once.total > 0
    assert twice.total == pytest.approx(2 * once.total, rel=1e-14)
    assert twice.high == pytest.approx(2 * once.high, rel=1e-14)
    assert twice.per_inference == pytest.approx(once.per_inference, rel=1e-14)


def test_a_run_is_priced_again_without_running_again(real):
    tables = [hwsim.price(real, name, phases=["synapse"]).total for name in ("default_45nm", "default_45nm")]
    assert tables[0] == tables[1]
    with pytest.raises(TableError):
        hwsim.price(real, "horowitz_2014_45nm", phases=["synapse"])


# ------------------------------------------------------------------------------------------------------- phases


def test_a_subset_of_phases(counts, table):
    energy = hwsim.price(counts, table, phases=["synapse", "neuron"])
    assert energy.total == pytest.approx(ENERGY["synapse"] + ENERGY["neuron"], rel=1e-12)
    assert energy.phases == ("synapse", "neuron")
    assert energy.of("memory") == 0
    assert "phases not priced: encode, memory" in energy.notes
    assert not any("not priced" in note for note in hwsim.price(counts, table).notes)


def test_no_phase_is_refused_and_one_twice_is_one(counts, table):
    with pytest.raises(TableError, match="no phase to price; write at least one of encode, synapse, neuron, memory"):
        hwsim.price(counts, table, phases=[])
    once = hwsim.price(counts, table, phases="synapse")
    assert once.total > 0
    assert hwsim.price(counts, table, phases=["synapse", "synapse"]).total == once.total


def test_an_unknown_phase(counts, table):
    with pytest.raises(TableError, match="unknown phase 'synapses'; write encode, synapse, neuron, memory"):
        hwsim.price(counts, table, phases=["synapses"])


# ---------------------------------------------------------------------------------------------- missing prices


def test_a_missing_price_that_is_needed_is_an_error(table):
    counts = counts_of({Key("one", "synapse", XNOR): [1000, 234], Key("one", "neuron", ADD8): [1, 1]})
    with pytest.raises(TableError) as caught:
        hwsim.price(counts, table)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("small", "xnor binary x binary", "1,234 in synapse", "net on a-machine", "price only the phases"):
        assert part in message


def test_a_missing_price_that_is_not_needed_is_none(table):
    counts = counts_of({Key("one", "synapse", XNOR): [1, 0], Key("one", "neuron", ADD8): [1, 1]})
    assert hwsim.price(counts, table, phases=["neuron"]).total == pytest.approx(2 * 2 * PICO)
    assert lacking(counts, table) == {"synapse": {XNOR: 1}}
    # and what was never counted needs no price
    assert lacking(counts_of({Key("one", "neuron", ADD8): [1, 1]}), table) == {}


def test_many_missing_prices_are_summed_up(table):
    entries = {
        Key("one", "synapse", Operation("multiplication", (f"int{width}", "fp32"))): [width, 0]
        for width in (3, 4, 5, 6)
    }
    entries[Key("two", "synapse", Operation("multiplication", ("int3", "fp32")))] = [0, 10]
    with pytest.raises(TableError, match=r"int3 x fp32 \(13 in synapse\).*and 1 more") as caught:
        hwsim.price(counts_of(entries), table, phases=["synapse"])
    assert "price only" not in str(caught.value)  # nothing is left that it could price


def test_a_capacity_the_table_does_not_reach(table):
    counts = counts_of({Key("one", "memory", READ._replace(capacity=4096)): [1, 0]})
    with pytest.raises(TableError, match="sram_read of 64 bits, weights, 4 KiB"):
        hwsim.price(counts, table)


def test_an_unknown_table_is_named_with_the_closest_ones(counts):
    with pytest.raises(UnknownNameError, match=r"no energy table named 'default_45'.*default_45nm"):
        hwsim.price(counts, "default_45")


# ------------------------------------------------------------------------------------------------------- notes


def test_rules_that_filled_in_a_price_are_marked(counts, table):
    assert "comparison: as addition int8: exact" in hwsim.price(counts, table).notes
    assert not any("addition:" in note for note in hwsim.price(counts, table, phases=["synapse"]).notes)


def test_what_must_be_known_of_counts_is_passed_on(counts, table):
    energy = hwsim.price(counts.as_format("int8"), table, phases=["neuron"])
    assert any("hypothetical" in note for note in energy.notes)
    assert energy.of("neuron") == pytest.approx(ENERGY["neuron"], rel=1e-12)


def test_a_rule_that_was_asked_for_is_told_of_in_every_result(table):
    counts = counts_of({Key("one", "synapse", Operation("addition", ("int9",))): [1, 2]})
    with pytest.raises(TableError, match="ask for the rule bit-width-law, or write a table that extends it"):
        hwsim.price(counts, table)
    energy = hwsim.price(counts, table, rules=["next-wider"])
    assert energy.total == pytest.approx(3 * 8 * PICO)
    assert energy.rules_used == ("rule next-wider used for addition int9",)
    assert any("next wider: int32: exact" in note for note in energy.notes)
    assert set(energy.to_dataframe()["rule"]) == {"next wider: int32: exact"}
    scaled = hwsim.price(counts, table, rules="bit-width-law")
    assert scaled.total == pytest.approx(3 * 8 * 9 / 32 * PICO)
    assert scaled.low < scaled.total < scaled.high
    assert hwsim.price(counts_of({Key("one", "neuron", ADD8): [1, 0]}), table, rules=["next-wider"]).rules_used == ()


def test_one_synaptic_operation_of_a_chip():
    counts = counts_of({Key("one", "synapse", Operation("synaptic_operation")): [1, 999]})
    energy = hwsim.price(counts, "davies_2018_14nm")
    assert (energy.low, energy.total, energy.high) == pytest.approx((23.6e-9, 23.6e-9, 35.5e-9))
    assert str(Operation("synaptic_operation")) == "synaptic_operation"
    with pytest.raises(TableError, match=r"no price for synaptic_operation \(1,000 in synapse\)"):
        hwsim.price(counts, "default_45nm")


def test_the_interval_of_sram_reaches_every_total(real):
    energy = hwsim.price(real)
    reads = [line for line in energy.lines if line.key.operation.kind in ("sram_read", "sram_write")]
    assert reads
    assert all(line.price.low < line.price.energy < line.price.high for line in reads)
    memory = hwsim.price(real, phases=["memory"])
    assert memory.low < memory.total < memory.high
