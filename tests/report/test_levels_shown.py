"""Results of a machine that names its levels: each access shown by level and by what it is for, flat ones as ever."""

import re
from dataclasses import replace

import numpy as np
import pytest

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.machine import Level, Machine
from hwsim.network.operation import Operation
from hwsim.report import bars, wording
from hwsim.report.memories import memory_name, operation_name, sizes, whereabouts
from hwsim.report.page import page
from hwsim.report.text import breakdown_text, comparison_text

LEVELS = (
    Level(name="dram", kind="dram", word_length=32, holds=("weights", "codes")),
    Level(name="buffer", kind="sram", capacity=16384, word_length=64, banks=2, holds=("weights", "codes")),
    Level(name="weight-buffer", kind="sram", capacity=4096, word_length=8, holds=("weights",)),
    Level(name="accumulators", kind="registers", capacity=2048, holds=("sums",)),
)
MACHINE = Machine.model_validate(
    {
        "schema": 1,
        "name": "levelled",
        "description": "for tests",
        "execution": "dense",
        "event_arithmetic": "multiply",
        "lanes": {"dense": {"channels": 32}, "convolution": {"channels": 8}},
        "levels": [level.model_dump(exclude_none=True) for level in LEVELS],
    }
)
WORDS = {  # per frame, and pJ each in default_45nm
    Operation("dram_read", (), "dram", 0, 32, "weights"): (10, 650.0),
    Operation("dram_read", (), "dram", 0, 32, "codes"): (2, 650.0),
    Operation("sram_write", (), "buffer", 16384, 64, "weights"): (10, 10.697),
    Operation("sram_read", (), "buffer", 16384, 64, "weights"): (40, 11.61),
    Operation("sram_read", (), "buffer", 16384, 64, "codes"): (30, 11.61),
    Operation("sram_read", (), "weight-buffer", 4096, 8, "weights"): (100, 2.8617),
    Operation("register_update", ("int24",), operand="sums"): (1000, 24 * 0.009),
}
PARTS = {
    "dram: weights": 10 * 650.0,
    "dram: codes": 2 * 650.0,
    "buffer: weights": 10 * 10.697 + 40 * 11.61,
    "buffer: codes": 30 * 11.61,
    "weight-buffer: weights": 100 * 2.8617,
    "register update": 1000 * 24 * 0.009,
}
N_FRAME = 4


def counts_of(words, levels=LEVELS):
    entries = {Key("layer", "memory", each): np.array([n * N_FRAME]) for each, (n, _) in words.items()}
    return Counts(entries, ("steady",), np.array([N_FRAME]), "net", "data", "dense", "levelled", levels=levels)


COUNTS = counts_of(WORDS)


@pytest.fixture(scope="module")
def comparison():
    """A row on a flat machine, and one on a machine with levels."""
    rows = [("digits-mlp-int8", "mac-array"), ("digits-mlp-int8", "mac-array-dram")]
    found = hwsim.compare(
        rows=rows, tables=["default_45nm"], data=hwsim.load_dataset("digits")[:N_FRAME], baseline=rows[0]
    )
    flat, other = found.cells
    counts = replace(COUNTS, network=other.network)
    levelled = replace(other, machine="levelled", counts=counts, breakdown=hwsim.price(counts))
    return replace(
        found, cells=(flat, levelled), machines={"mac-array": found.machines["mac-array"], "levelled": MACHINE}
    )


def test_bars_show_each_level_and_what_it_moves(comparison):
    priced = wording.priced_by(comparison, "default_45nm")
    figure = bars.by_operation(priced)
    shown = {bar["name"]: bar for bar in figure["data"] if bar["type"] == "bar"}
    row = next(k for k, cell in enumerate(priced.cells) if cell.machine == "levelled")
    energies = {name: bar["x"][row] * priced.unit.joule * 1e12 for name, bar in shown.items() if bar["x"][row]}
    assert energies == pytest.approx(PARTS, rel=1e-4)
    # no two parts look alike; what the flat row shows has the names and looks that it has alone
    looks = [(bar["marker"]["color"], bar["marker"].get("pattern", {}).get("shape")) for bar in shown.values()]
    assert len(set(looks)) == len(looks)
    alone = bars.by_operation(wording.priced_by(replace(comparison, cells=comparison.cells[:1]), "default_45nm"))
    for bar in alone["data"]:
        if bar["type"] == "bar":
            assert bar["marker"] == shown[bar["name"]]["marker"]
            assert "pattern" not in bar["marker"]
    assert {"SRAM, weights", "SRAM, activations"} <= {bar["name"] for bar in alone["data"] if bar["type"] == "bar"}


def test_text_and_page_name_levels_and_operands(comparison):
    said = breakdown_text(hwsim.price(COUNTS), width=200)
    rows = re.findall(r"^memory +(\S.*?)  +([\d,]+) +([\d,.]+) ", said, re.MULTILINE)
    assert [(name, number) for name, number, _ in rows] == [
        ("DRAM read, dram: weights, 32 bits", "10"),
        ("DRAM read, dram: codes, 32 bits", "2"),
        ("SRAM write, buffer: weights, 16 KiB, 64 bits", "10"),
        ("SRAM read, buffer: weights, 16 KiB, 64 bits", "40"),
        ("SRAM read, buffer: codes, 16 KiB, 64 bits", "30"),
        ("SRAM read, weight-buffer: weights, 4 KiB, 8 bits", "100"),
        ("register update int24", "1,000"),
    ]
    content = page(comparison)
    for part in (*list(PARTS)[:5], "buffer 2 x 16 KiB; weight-buffer 4 KiB", "SRAM, weights"):
        assert part in content
    levels = "levels of levelled, from far to near: dram, buffer, weight-buffer, accumulators"
    where = f"without levels everything on chip: weights, state and activations; {levels}"
    for text in (content, " ".join(comparison_text(comparison).split())):
        assert where in text
        assert "8, 32, 64-bit memory words" in text


def test_memories_of_a_row_with_levels(comparison):
    flat, levelled = comparison.cells
    assert sizes(levelled, "weights") == "dram off chip; buffer 2 x 16 KiB; weight-buffer 4 KiB"
    assert sizes(levelled, "activations") == "dram off chip; buffer 2 x 16 KiB"
    assert sizes(levelled, "state") == "-"
    assert sizes(flat, "weights") == "16 KiB"  # 8,960 weights of a byte, and more
    assert whereabouts(
        replace(comparison, machines={"mac-array": comparison.machines["mac-array"]}, cells=(flat,))
    ) == ("everything on chip: weights, state and activations")
    alone = replace(comparison, cells=(levelled,), machines={"levelled": MACHINE})
    assert whereabouts(alone).startswith("levels of levelled, from far to near: dram, buffer")


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (Operation("sram_read", (), "weights", 4096, 64), "weights"),
        (Operation("sram_read", (), "activations", 4096, 64, "codes"), "activations"),
        (Operation("sram_read", (), "state", 4096, 64, "sums"), "state"),
        (Operation("dram_read", (), "weights", 0, 64), "weights"),
        (Operation("dram_read", (), "dram", 0, 64, "codes"), "activations"),
        (Operation("dram_write", (), "dram", 0, 64, "state"), "state"),
    ],
)
def test_a_flat_machine_calls_its_memories_by_what_they_hold(operation, name):
    flat = replace(COUNTS, levels=())
    assert memory_name(operation, flat) == name
    assert f", {name}, " in operation_name(operation, flat)


def test_counts_of_flat_machines_have_no_levels():
    run = hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:2], "dense")
    counts = hwsim.count(run.activity, "mac-array-dram")
    assert counts.levels == ()
    for changed in (counts, COUNTS):
        assert changed.scaled(3).levels == changed.as_format("int8").levels == changed.levels


def test_text_says_how_much_of_the_energy_is_priced_by_rules():
    energy = hwsim.price(COUNTS, "default_45nm")
    total = sum(n * each for n, each in WORDS.values())
    assert energy.per_inference == pytest.approx(total * 1e-12, rel=1e-9)
    shares = {"narrow-words": 100 * 2.8617 / total, "dram-by-bit": 12 * 650 / total}
    assert energy.basis.by_rule == pytest.approx(shares)
    said = " ".join(breakdown_text(energy).split())
    assert f"priced as the narrowest stated word {100 * shares['narrow-words']:.2f} %" in said
    assert f"priced by the bit of a stated word {100 * shares['dram-by-bit']:.1f} %" in said
    for words in (
        "simulated, narrow word",
        "printed, by the bit",
        "rule dram-by-bit used for dram_read of 32 bits, dram",
    ):
        assert words in said
    assert f"energy: {shares['dram-by-bit']:.2%} is priced by the bit of a stated word" in energy.notes
    # and a wide word between two capacities: two banks of 46,341 bytes, between 32 and 64 KiB
    wide = hwsim.price(counts_of({Operation("sram_read", (), "buffer", 92682, 512, "codes"): (1, 0.0)}))
    assert wide.basis.by_rule == {"interpolation": 1.0, "wide-words": 1.0}
    assert "simulated, interpolated, wide word" in breakdown_text(wide, width=200)
