"""The factors of an advantage: by hand, on memories of different size, and as laws on what ships."""

import itertools
import math

import numpy as np
import pytest

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.errors import MachineError
from hwsim.files.catalogue import machine_names
from hwsim.machine import Level, Machine, Memory
from hwsim.network.number_format import integer
from hwsim.network.operation import Operation
from hwsim.report.text import comparison_text
from hwsim.study.chain import chain_of, machines_between

INT8 = integer(8)
FACTORS = ("bits", "memory size", "event arithmetic", "reuse", "zero skipping", "delta")
ARRAY = hwsim.load_machine("mac-array")
ONE = dict.fromkeys(FACTORS, 1)

# ----------------------------------------------------------------------------------------- two memories, by hand

PRICES = """\
schema: 1
name: by-hand
description: figures for a pencil
process_node: 45
unit: pJ
sources:
  pencil: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: register_update, format: fp32, energy: 0.5, source: pencil, where: T1, standing: assumed}
  - {operation: register_update, format: int32, energy: 0.5, source: pencil, where: T1, standing: assumed}
  - {operation: addition, format: int16, energy: 0.25, source: pencil, where: T1, standing: assumed}
memories:
  - memory: sram
    source: pencil
    where: T2
    standing: assumed
    entries:
      - {capacity: 4, word_length: 64, access: 1.0}
      - {capacity: 32, word_length: 64, access: 3.0}
      - {capacity: 128, word_length: 64, access: 10.0}
  - memory: dram
    source: pencil
    where: T2
    standing: assumed
    entries:
      - {word_length: 64, access: 100.0}
missing: [all else]
"""
# One frame of 4 codes, 8 outputs, every input meets every weight. In both networks: the frame, a word in 4 bytes; 8
# sums of 32 bits that go out, 4 words into 32 bytes; 32 updates of an accumulator; 4 addresses of rows. [pJ]
ALIKE = 1 * 1 + 4 * 3 + 32 * 0.5 + 4 * 0.25
# on one chip the frame is in the memory of the outputs, of 32 bytes
SHARED = ALIKE + 1 * (3 - 1)
# words of weights: fp32, 4 rows of 4, in 128 bytes; int8, 4 rows of 1, in 32 bytes
WIDE, NARROW = 16, 4


def dense_network(name, weight, **options):
    layer = hwsim.Dense("dense", terms=(weight,), **options)
    return hwsim.Network(name, (4,), (layer,), input_format=INT8)


wide = dense_network("wide", hwsim.Weight(np.ones((4, 8), np.float32)))
narrow = dense_network("narrow", hwsim.Weight(np.ones((4, 8), int), INT8), accumulator=32)


@pytest.fixture
def by_hand(tmp_path):
    """Rows against the first of them; only memory is priced."""
    path = tmp_path / "by-hand.yaml"
    path.write_text(PRICES)
    frame = hwsim.Dataset(np.array([[1, 2, 3, 4]], np.int8))

    def compared(*rows, **options):
        settings = {"tables": [path], "data": frame, "phases": ["memory"], "baseline": rows[0], **options}
        return hwsim.compare(rows=rows, **settings)

    return compared


def energies(study):
    return [cell.breakdown.total * 1e12 for cell in study.cells]


def test_bits_and_memory_size_by_hand(by_hand):
    study = by_hand((wide, ARRAY), (narrow, ARRAY))
    before, frozen, own = WIDE * 10 + ALIKE, NARROW * 10 + ALIKE, NARROW * 3 + ALIKE
    assert energies(study) == pytest.approx([before, own], rel=1e-12)
    first, row = study.cells
    assert row.factors == pytest.approx(ONE | {"bits": before / frozen, "memory size": frozen / own}, rel=1e-12)
    assert row.advantage == pytest.approx(before / own, rel=1e-12)
    assert first.factors == ONE
    assert not any("need more" in note for cell in study.cells for note in cell.notes)


def test_a_memory_that_was_off_chip_is_off_chip_for_bits(by_hand):
    limited = ARRAY.model_copy(update={"name": "limited", "on_chip_limit": 64})
    study = by_hand((wide, limited), (narrow, limited))
    before, frozen, own = WIDE * 100 + ALIKE, NARROW * 100 + ALIKE, NARROW * 3 + ALIKE
    assert energies(study) == pytest.approx([before, own], rel=1e-12)
    factors = study.cells[1].factors
    assert factors == pytest.approx(ONE | {"bits": before / frozen, "memory size": frozen / own}, rel=1e-12)


def test_what_does_not_fit_keeps_what_it_needs_and_says_so(by_hand):
    study = by_hand((narrow, ARRAY), (wide, ARRAY))
    before, own = NARROW * 3 + ALIKE, WIDE * 10 + ALIKE
    assert study.cells[1].factors == pytest.approx(ONE | {"bits": before / own}, rel=1e-12)
    (note,) = [note for note in study.cells[1].notes if "need more" in note]
    assert "weights need more than narrow does on mac-array" in note


def test_one_chip_for_all_rows_by_hand(by_hand):
    study = by_hand((wide, ARRAY), (narrow, ARRAY), chip="shared")
    before, own = WIDE * 10 + SHARED, NARROW * 10 + SHARED
    assert energies(study) == pytest.approx([before, own], rel=1e-12)
    assert study.cells[1].factors == pytest.approx(ONE | {"bits": before / own}, rel=1e-12)
    assert set(study.to_dataframe()["chip"]) == {"shared"}
    assert "one chip for all" in study.to_text()
    assert set(by_hand((wide, ARRAY)).to_dataframe()["chip"]) == {"own"}


def with_memories(name, **memories):
    return ARRAY.model_copy(update={"name": name, "memories": ARRAY.memories.model_copy(update=memories)})


def test_declared_capacities_neither_share_nor_are_shared(by_hand):
    sizes = dict.fromkeys(("weights", "activations", "state"), 128)
    declared = with_memories("declared", **{name: Memory(capacity=size) for name, size in sizes.items()})
    rows = (narrow, ARRAY), (narrow, declared), (narrow, ARRAY.model_copy(update={"name": "alike"}))
    for chip, alike in (("own", ALIKE), ("shared", SHARED)):
        small, large = NARROW * 3 + alike, (NARROW + 1 + 4) * 10 + 32 * 0.5 + 4 * 0.25
        assert energies(by_hand(*rows, chip=chip)) == pytest.approx([small, large, small], rel=1e-12)
    assert "the others declare capacities" in comparison_text(by_hand(*rows), 10_000)


def test_a_way_that_a_machine_refuses_has_no_factors_but_an_advantage(by_hand):
    small = with_memories("small", weights=Memory(capacity=32)).model_copy(update={"off_chip": None})
    study = by_hand((narrow, small), (wide, ARRAY))
    row = study.cells[1]
    assert row.factors == {}
    assert row.advantage == pytest.approx((NARROW * 3 + ALIKE) / (WIDE * 10 + ALIKE), rel=1e-12)
    assert any("no factors over narrow on small" in note and "128 bytes" in note for note in row.notes)


def test_a_chip_that_is_none(by_hand):
    with pytest.raises(MachineError, match=r"chip 'mine'; write 'own'.*or 'shared'"):
        by_hand((wide, ARRAY), chip="mine")


# ------------------------------------------------------------------------------------------- machines with levels


def leveled(name="leveled", at_most=None, **options):
    levels = (
        Level(name="dram", kind="dram", word_length=64, holds=("weights", "codes", "state")),
        Level(name="buffer", kind="sram", fit="network", at_most=at_most, word_length=128, holds=("weights", "codes")),
        Level(name="sums", kind="registers", holds=("sums",)),
    )
    taken = {"memories", "word_length", "on_chip_limit", "off_chip", "levels", "name", *options}
    rest = {key: each for key, each in ARRAY.model_dump(by_alias=True).items() if key not in taken}
    return Machine.model_validate({**rest, "name": name, "levels": levels, **options})


def counted(network, machine):
    """A pencil's count: so many words of weights, in the buffer if it may be so large, else from the DRAM."""
    words, size = {"wide": (16, 128), "narrow": (4, 32)}[network]
    buffer = machine.levels[1]
    operation = Operation("dram_read", (), "dram", 0, 64, "weights")
    if buffer.at_most is None or size <= buffer.at_most:
        operation = Operation("sram_read", (), "buffer", size, 128, "weights")
    return Counts({Key("dense", "memory", operation): np.array([words])}, ("all",), np.array([1]))


def words_of(counts):
    return {(key.operation.kind, key.operation.capacity): int(number[0]) for key, number in counts.entries.items()}


@pytest.mark.parametrize(
    ("at_most", "before", "frozen"),
    [
        (None, {("sram_read", 128): 16}, {("sram_read", 128): 4}),
        (64, {("dram_read", 0): 16}, {("dram_read", 0): 4}),
    ],
)
def test_levels_keep_the_capacities_of_the_baseline_for_bits(at_most, before, frozen):
    machine = leveled(at_most=at_most)
    steps = chain_of(counted, ("narrow", machine), ("wide", machine)).steps
    assert words_of(steps[""]) == before
    assert words_of(steps["bits"]) == frozen
    assert [words_of(steps[name]) for name in FACTORS[1:]] == [{("sram_read", 32): 4}] * 5


def test_the_machines_between():
    lanes = hwsim.load_machine("delta-mac").lanes
    row = leveled("row", execution="delta", events="bitmap", event_arithmetic="unary", skip_zero_weights=True,
                  lanes=lanes, overhead={"low": 1.0, "high": 1.5})  # fmt: skip
    # a level for the state of a machine of changes
    assert row.holding("state")
    arithmetic, reuse, sparse, last = machines_between(ARRAY, row)
    assert arithmetic == ARRAY.model_copy(update={"event_arithmetic": "unary"})
    assert (reuse.levels, reuse.overhead, reuse.event_arithmetic) == (row.levels, row.overhead, "unary")
    assert (reuse.execution, reuse.events, reuse.skip_zero_weights) == ("dense", "indexed", False)
    assert (sparse.execution, sparse.events, sparse.skip_zero_weights) == ("sparse", "bitmap", True)
    assert last is row


def test_machines_on_the_way_have_no_time_where_they_differ_from_both_ends():
    first, row = hwsim.load_machine("edge-npu"), hwsim.load_machine("edge-npu-delta")
    arithmetic, reuse, sparse, last = machines_between(first, row)
    assert [machine.timing for machine in (arithmetic, reuse, sparse)] == [None] * 3
    assert last is row
    assert row.timing is not None
    # nothing changes on the way from a machine to itself
    assert all(machine is first for machine in machines_between(first, first))


@pytest.mark.parametrize(
    "pair", [pair for pair in itertools.product(machine_names(), repeat=2) if "neuromorphic-per-synapse" not in pair]
)
def test_every_machine_on_the_way_is_one_that_could_be_written(pair):
    for machine in machines_between(*map(hwsim.load_machine, pair)):
        assert Machine.model_validate(machine.model_dump(by_alias=True)) == machine


# ----------------------------------------------------------------------------------------------- laws of what ships


@pytest.fixture(scope="module")
def data():
    return hwsim.load_dataset("digits")[:30]


NETWORKS = ("digits-mlp", "digits-mlp-int8", "digits-mlp-rounding")
MACHINES = ["mac-array-batch", "eie-like", "neuromorphic-core", "delta-mac", "edge-npu-delta", "all-on-chip"]


@pytest.mark.parametrize(
    "baseline",
    [("digits-mlp", "mac-array"), ("digits-mlp-int8", "zero-skipping-mac"), ("digits-mlp-rounding", "delta-mac"),
     ("digits-mlp", "eie-like"), ("digits-mlp-int8", "edge-npu")],
)  # fmt: skip
def test_the_factors_multiply_to_the_advantage(data, baseline):
    machines = [*MACHINES, baseline[1]]
    rows = [pair for pair in itertools.product(NETWORKS, machines) if takes(*reversed(pair))]
    study = hwsim.compare(rows=rows, data=data, baseline=baseline)
    first = next(cell for cell in study.cells if cell.is_baseline)
    for cell in study.cells:
        ratio = first.breakdown.total / cell.breakdown.total
        assert cell.advantage == pytest.approx(ratio, rel=1e-12)
        if not takes(baseline[1], cell.network):  # the first step leads to a machine that refuses the network
            assert cell.factors == {}
            continue
        assert tuple(cell.factors) == FACTORS, cell.method
        assert math.prod(cell.factors.values()) == pytest.approx(ratio, rel=1e-9)
    assert first.factors == ONE


def takes(machine, network):
    """Whether a machine has arithmetic for a network: real numbers do not go through narrow multipliers."""
    return network != "digits-mlp" or hwsim.load_machine(machine).operands is None


CHANGES = {
    "nothing": ({}, ()),
    "event arithmetic": ({"event_arithmetic": "unary"}, ("event arithmetic",)),
    "batch": ({"batch": 16}, ("reuse",)),
    "words": ({"word_length": 32}, ("reuse",)),
    "compression": ({"weights": "compressed", "run_bits": 4}, ("reuse",)),
    "gating": ({"zero_operands": "gated"}, ("zero skipping",)),
    "skipping": ({"skip_zero_weights": True}, ("zero skipping",)),
    "sparse": ({"execution": "sparse"}, ("zero skipping",)),
    "delta": ({"execution": "delta"}, ("zero skipping", "delta")),
    "both": ({"execution": "sparse", "event_arithmetic": "unary"}, ("event arithmetic", "zero skipping")),
}


def test_a_run_notes_what_the_machines_on_the_way_need():
    """A layer that levels work on strip by strip; only a run that knows the strips before can be counted so."""
    generator = np.random.default_rng(0)
    weight = hwsim.Weight(generator.integers(-3, 4, (32, 3, 3, 3)), INT8)
    network = hwsim.Network("strips", (3, 40, 40), (hwsim.Conv2d("conv", terms=weight),), input_format=INT8)
    frames = hwsim.Dataset(generator.integers(0, 3, (2, 3, 40, 40)).astype(np.int8))
    rows = [(network, machine) for machine in ("zero-skipping-mac", "edge-npu-sparse", "edge-npu-delta")]
    study = hwsim.compare(rows=rows, data=frames, baseline=[(network, "mac-array"), (network, "edge-npu")])
    for cell in study.cells:
        for each in cell.advantages:
            assert tuple(each.factors) == FACTORS
            assert math.prod(each.factors.values()) == pytest.approx(each.times, rel=1e-9)
    # what a run has not been told of, it has not noted
    untold = hwsim.simulate(network, frames, "sparse").activity
    with pytest.raises(MachineError, match=r"strips|machines="):
        hwsim.count(untold, "edge-npu-sparse")


@pytest.mark.parametrize("changed", CHANGES)
def test_a_factor_is_one_where_its_step_changes_nothing(data, changed):
    update, expected = CHANGES[changed]
    machine = ARRAY.model_copy(update={"name": "changed", **update})
    study = hwsim.compare(["digits-mlp-int8"], [machine], data=data, baseline=("digits-mlp-int8", "mac-array"))
    factors = study.cells[1].factors
    assert {name for name, factor in factors.items() if factor != 1} == set(expected)
    assert tuple(factors) == FACTORS


def test_another_network_changes_bits_and_memory_size_alone(data):
    study = hwsim.compare(["digits-mlp-int8"], ["mac-array"], data=data, baseline=("digits-mlp", "mac-array"))
    factors = study.cells[1].factors
    assert factors["bits"] > 1
    assert factors["memory size"] > 1
    assert {name for name, factor in factors.items() if factor != 1} == {"bits", "memory size"}


def test_whole_operations_have_one_factor(data):
    rows = [("digits-mlp-int8", machine) for machine in ("mac-array", "neuromorphic-per-synapse")]
    study = hwsim.compare(rows=rows, data=data, baseline=rows[0], phases=["encode"])
    _, chip = study.cells
    assert tuple(chip.factors) == ("whole operations",)
    assert chip.advantage == chip.factors["whole operations"] != 1
    frame = study.to_dataframe()
    assert frame["factor of whole operations"].isna().tolist() == [True, False]
    assert frame["factor of bits"].isna().tolist() == [False, True]
    # priced in all phases it lacks what no table has beside the rest: nothing is said of its advantage
    unpriced = hwsim.compare(rows=rows, data=data, baseline=rows[0]).cells[1]
    assert (unpriced.factors, unpriced.advantage) == ({}, None)
