"""The figures of the shipped tables against a second transcription, as printed, with each conversion written out."""

import math

import numpy as np
import pytest

from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import load_table

PICO = 1e-12  # joules
MILLI = 1e-3  # watts


def price(table, kind, *formats):
    return load_table(table).price(Operation(kind, formats))


def access(table, kind, capacity, word_length):
    return load_table(table).price(Operation(kind, (), "", capacity, word_length))


def is_stated(found, figure, standing, low=None, high=None):
    """Whether a price is a stated one, of so many pJ."""
    assert found.energy == pytest.approx(figure * PICO, rel=1e-12)
    assert found.low == pytest.approx((figure if low is None else low) * PICO, rel=1e-12)
    assert found.high == pytest.approx((figure if high is None else high) * PICO, rel=1e-12)
    assert (found.rule, found.standing) == ("exact", standing)
    return True


# ------------------------------------------------------------------------------------- arithmetic and its memories


def test_han_has_horowitzs_figures_and_an_earlier_papers_register_file():
    for kind, figures in (("addition", {"int32": 0.1, "fp32": 0.9}), ("multiplication", {"int32": 3.1, "fp32": 3.7})):
        for format, figure in figures.items():
            assert is_stated(price("han_2016_45nm", kind, format), figure, "printed")
            assert price("horowitz_2014_45nm", kind, format).energy == pytest.approx(figure * PICO)
    assert is_stated(access("han_2016_45nm", "sram_read", 32 * 1024, 32), 5.0, "printed")
    assert is_stated(access("han_2016_45nm", "dram_read", 0, 32), 640.0, "printed")
    beside = load_table("han_2016_45nm").unpriced["access to a register file of 32-bit words"]
    assert (beside.energy, beside.standing, beside.source) == (pytest.approx(1.0 * PICO), "printed", "han_2015")


def test_eyeriss_per_16_bit_word():
    table = "chen_2016_65nm"
    assert is_stated(price(table, "mac", "int16"), 2.0, "second-hand")
    assert is_stated(access(table, "sram_read", 261 * 16 // 8, 16), 1.0, "second-hand")  # 261 entries of 16 bits
    assert is_stated(access(table, "sram_write", 108 * 1024, 16), 15.0, "second-hand")
    assert is_stated(access(table, "dram_read", 0, 16), 460.0, "second-hand")
    assert load_table(table).process_node == 65


ALADDIN = {  # pJ by clock period [ns]
    ("addition", "int32"): {"1ns": 0.2104, "2ns": 0.0858, "5ns": 0.0857, "10ns": 0.0853},
    ("multiplication", "int32"): {"1ns": 12.68, "2ns": 9.55, "5ns": 8.63, "10ns": 8.80},
    ("xnor", "int32"): {"1ns": 0.01806, "2ns": 0.01804, "5ns": 0.01799, "10ns": 0.01807},
    ("variable_shift", "int32"): {"1ns": 0.4173, "2ns": 0.4066, "5ns": 0.4165, "10ns": 0.4151},
    ("addition", "fp32"): {"1ns": 16.68, "2ns": 11.03, "5ns": 7.93, "10ns": 7.70},
    ("multiplication", "fp32"): {"1ns": 35.32, "2ns": 29.65, "5ns": 24.35, "10ns": 26.60},
}
REGISTER_BIT = {"1ns": 0.00900, "2ns": 0.00901, "5ns": 0.00900, "10ns": 0.00554}


def test_aladdin_by_clock_period():
    for (kind, format), figures in ALADDIN.items():
        for period, figure in figures.items():
            table = "shao_2014_40nm" if period == "1ns" else f"shao_2014_40nm:{period}"
            found = price(table, kind, format)
            assert is_stated(found, figure, "printed")
            assert f"{period.removesuffix('ns')} ns clock" in found.where
    for period, figure in REGISTER_BIT.items():
        table = "shao_2014_40nm" if period == "1ns" else f"shao_2014_40nm:{period}"
        assert price(table, "register_update", "int24").energy == pytest.approx(24 * figure * PICO)
    assert is_stated(price("shao_2014_40nm", "comparison", "int32"), 0.02947, "printed")


def test_aladdins_leakage_in_watts():
    leakage = load_table("shao_2014_40nm").leakage
    for of, per, figure in (
        ("32-bit adder", "", 2.2e-3),
        ("32-bit multiplier", "", 0.078),
        ("register", "bit", 7.4e-5),
    ):
        (found,) = leakage[of]
        assert (found.power, found.per) == (pytest.approx(figure * MILLI), per)  # printed in mW


BIT_FUSION = {  # bits: pJ per cycle of a unit
    "sharma_2018_45nm": {2: 0.0407, 4: 0.0824, 8: 0.203, 16: 0.603},
    "sharma_2018_45nm:single": {2: 0.0575, 4: 0.120, 8: 0.298, 16: 0.947},
    "sharma_2018_45nm:fusible": {4: 0.118, 8: 0.459, 16: 2.11},
}


@pytest.mark.parametrize("table", BIT_FUSION)
def test_bit_fusion_by_bit_width(table):
    law = load_table(table).laws["mac", "integer"]
    for width, figure in BIT_FUSION[table].items():
        assert is_stated(price(table, "mac", f"int{width}"), figure, "printed")
        assert law.at((width, width)).energy == pytest.approx(figure * PICO, rel=0.022)
    widths = np.array(list(BIT_FUSION[table]))
    slope, _ = np.polyfit(np.log(widths), np.log(list(BIT_FUSION[table].values())), 1)
    expected = {"sharma_2018_45nm": 1.30, "sharma_2018_45nm:single": 1.34}.get(table)
    assert expected is None or slope == pytest.approx(expected, abs=0.005)


def test_the_fit_of_the_array_is_close():
    law = load_table("sharma_2018_45nm").laws["mac", "integer"]
    for width, figure in BIT_FUSION["sharma_2018_45nm"].items():
        assert 0.001612 * width**2 + 0.01108 * width + 0.0121 == pytest.approx(figure, rel=5e-3)
        assert law.at((width, width)).energy == pytest.approx(figure * PICO, rel=5e-3)


def test_a_fusible_unit_of_2_bits_is_not_stated():
    assert is_stated(price("sharma_2018_45nm", "mac", "int2"), 0.0407, "printed")
    assert price("sharma_2018_45nm:fusible", "mac", "int2") is None
    rule = load_table("sharma_2018_45nm:fusible", ["next-wider"])
    assert rule.price(Operation("mac", ("int2",))).energy == pytest.approx(0.118 * PICO)


def test_bit_fusions_memories():
    table = "sharma_2018_45nm"
    sram = {128: (0.684, 0.925), 512: (1.06, 2.34), 1024: (1.13, 3.30), 2048: (1.90, 3.64)}
    sram |= {8192: (6.39, 5.56), 16384: (9.98, 8.42)}
    for capacity, (read, write) in sram.items():
        assert is_stated(access(table, "sram_read", capacity, 32), read, "printed")
        assert is_stated(access(table, "sram_write", capacity, 32), write, "printed")
    # printed twice
    assert is_stated(access(table, "sram_read", 4096, 32), 3.43, "printed", high=3.98)
    assert is_stated(access(table, "sram_write", 4096, 32), 4.31, "printed", high=5.05)
    for word_length in (32, 64):
        assert is_stated(access(table, "dram_write", 0, word_length), 15 * word_length, "converted")  # 15 pJ per bit


# ---------------------------------------------------------------------------------------------------- neuromorphic


def test_seneca_per_instruction():
    table = "tang_2023_22nm"
    for kind, format, figure in (
        ("addition", "fp16", 1.4),
        ("multiplication", "fp16", 1.4),
        ("comparison", "fp16", 1.2),
        ("variable_shift", "int16", 1.2),
    ):
        assert is_stated(price(table, kind, format), figure, "printed")
    for kind in ("addition", "multiplication"):
        assert is_stated(price(table, kind, "int8"), 1.2 / 2, "converted")  # two in one instruction
    assert is_stated(price(table, "synaptic_operation"), 2.8, "printed")
    beside = {of: each.energy / PICO for of, each in load_table(table).unpriced.items()}
    expected = [1.1, 1.1, 1.1, 1.4, 3.7, 3.9, 0.5, 1.1, 11.6, 2.0]
    assert sorted(beside.values()) == pytest.approx(sorted(expected))


def test_loihi():
    table = "davies_2018_14nm"
    assert is_stated(price(table, "synaptic_operation"), 23.6, "printed", high=35.5)
    assert is_stated(price(table, "neuron_update"), 81.0, "printed")
    beside = sorted(each.energy / PICO for each in load_table(table).unpriced.values())
    assert beside == pytest.approx([1.7, 3.0, 4.0, 52.0, 120.0])
    assert load_table(table).supply == 0.75


def test_truenorth_is_a_slope_and_a_static_power():
    # a million neurons (2^20) of 128 active synapses: power [W] at a mean firing rate [1/s]
    rates, powers = (11.58, 20.07, 95.93), (68e-3, 71e-3, 94e-3)
    events = [rate * 2**20 * 128 for rate in rates]
    outer = (powers[2] - powers[0]) / (events[2] - events[0])
    parts = [(powers[k + 1] - powers[k]) / (events[k + 1] - events[k]) for k in (0, 1)]
    found = price("akopyan_2015_28nm", "synaptic_operation")
    assert found.energy == pytest.approx(outer, rel=5e-4)
    assert (found.low, found.high) == (pytest.approx(min(parts), rel=5e-4), pytest.approx(max(parts), rel=5e-4))
    assert found.standing == "fitted"
    static = load_table("akopyan_2015_28nm").static_power("chip")
    assert static.power == pytest.approx(powers[0] - outer * events[0], rel=1e-3)
    assert static.power == pytest.approx(64 * MILLI, rel=0.01)
    beside = sorted(each.energy / PICO for each in load_table("akopyan_2015_28nm").unpriced.values())
    assert beside == pytest.approx([0.047, 0.072, 2.0, 2.3, 26.0])


def test_odin_and_spinnaker2():
    assert is_stated(price("frenkel_2019_28nm", "synaptic_operation"), 8.43, "printed", high=12.7)
    assert load_table("frenkel_2019_28nm").static_power("chip").power == pytest.approx(27.3e-6)
    assert is_stated(price("hoppner_2019_28nm", "synaptic_operation"), 450.0, "second-hand", low=10.0)
    assert is_stated(price("hoppner_2019_28nm", "neuron_update"), 2.19e3, "second-hand")


# -------------------------------------------------------------------------------------------------------- memories

# KiB: pJ of a read and of a write of 64 bits, to three digits
CACTI_64 = {
    65: {0.25: (2.52, 3.24), 1: (3.12, 6.49), 8: (11.1, 14.7), 32: (30.1, 28.7), 1024: (175, 146), 8192: (479, 424)},
    45: {0.25: (1.32, 1.71), 1: (1.67, 3.49), 8: (6.14, 7.88), 32: (17.0, 15.4), 1024: (93.5, 76.2), 8192: (255, 221)},
    32: {0.25: (0.69, 0.90), 1: (0.90, 1.90), 8: (3.44, 4.27), 32: (8.26, 7.46), 1024: (52.0, 41.2), 8192: (136, 125)},
    22: {0.25: (0.28, 0.37), 1: (0.38, 0.78), 8: (1.59, 1.77), 32: (3.79, 3.10), 1024: (23.5, 17.5), 8192: (60, 54)},
}


@pytest.mark.parametrize("node", CACTI_64)
def test_the_runs_of_cacti(node):
    table = f"balasubramonian_2017_{node}nm"
    for kibibytes, figures in CACTI_64[node].items():
        for kind, figure in zip(("sram_read", "sram_write"), figures, strict=True):
            found = access(table, kind, int(1024 * kibibytes), 64)
            assert found.energy == pytest.approx(figure * PICO, rel=2e-2 if figure < 1 else 6e-3)
            assert (found.rule, found.standing) == ("exact", "simulated")
    supplies = {65: 1.2, 45: 1.1, 32: 1.0, 22: 0.8}
    assert load_table(table).supply == supplies[node]
    for columns in load_table(table).memories.values():
        assert [len(points) for points in columns.values()] == [16, 16, 15, 14]


def test_high_performance_cells_at_45_nm():
    table = load_table("balasubramonian_2017_45nm:hp")
    for kibibytes, figure in ((8, 5.29), (32, 14.9), (1024, 67.7)):
        found = table.price(Operation("sram_read", (), "", 1024 * kibibytes, 64))
        assert found.energy == pytest.approx(figure * PICO, rel=5e-3)
    assert table.price(Operation("sram_read", (), "", 8192, 32)) is None  # 64-bit words only


def test_leakage_depends_on_the_cells():
    for name, figures in (  # mW of 64-bit memories
        ("balasubramonian_2017_45nm", {8192: 2.6e-4, 2**20: 0.025}),
        ("balasubramonian_2017_45nm:hp", {8192: 10.2, 2**20: 1100}),
    ):
        powers = load_table(name).leakage["sram"]
        for capacity, figure in figures.items():
            (found,) = [each for each in powers if (each.capacity, each.word_length) == (capacity, 64)]
            assert found.power == pytest.approx(figure * MILLI, rel=0.02)
            assert load_table(name).static_power("sram", capacity, 64) == found
        assert load_table(name).static_power("sram", 1, 64) == load_table(name).static_power("sram", 256, 64)
        for nothing in (("sram", 3000, 64), ("sram", 2**24, 64), ("sram", 8192, 48), ("chip", 0, 0)):
            assert load_table(name).static_power(*nothing) is None


def test_the_interval_of_sram_at_45_nm_spans_what_is_published():
    for capacity, word_length, figure in ((8192, 64, 10.0), (32768, 64, 20.0), (2**20, 64, 100.0), (32768, 32, 5.0)):
        found = access("balasubramonian_2017_45nm", "sram_read", capacity, word_length)
        assert found.low <= figure * PICO * 1.01
        assert found.high >= figure * PICO * 0.999
    found = access("balasubramonian_2017_45nm", "sram_write", 4096, 64)
    assert (found.low / found.energy, found.high / found.energy) == (pytest.approx(0.42), pytest.approx(1.63))
    assert math.isclose(0.42, 5 / 11.786, rel_tol=0.02)
    assert math.isclose(1.63, 10 / 6.137, rel_tol=0.002)


def test_the_interval_of_sram_at_32_nm_reaches_another_text():
    table = "balasubramonian_2017_32nm"
    published = access(table, "sram_read", 128 * 1024, 256)
    assert published.high == pytest.approx(92.7 * PICO, rel=2e-3)
    for kind, figure in (("sram_read", 458.0), ("sram_write", 375.0)):
        found = access(table, kind, 6 * 2**20, 256)
        assert found.low == found.energy < figure * PICO < found.high
    found = access(table, "sram_write", 4096, 32)
    assert (found.low / found.energy, found.high / found.energy) == (1.0, pytest.approx(2.22))
    for node in (65, 22):
        found = access(f"balasubramonian_2017_{node}nm", "sram_read", 8192, 64)
        assert found.low == found.energy == found.high


DRAM = {  # pJ per bit, widths that the source allows, standing
    "lpddr4": (8, (8, 16, 32, 64), "second-hand"),
    "lpddr": (40, (8, 16, 32, 64), "second-hand"),
    "ddr3": (70, (8, 16, 32, 64), "second-hand"),
    "hbm2": (6.25, (1024,), "second-hand"),
    "hbm3": (4.05, (1024,), "second-hand"),
    "hbm4": (3.2, (2048,), "assumed"),
}


@pytest.mark.parametrize("kind", DRAM)
def test_kinds_of_dram(kind):
    figure, widths, standing = DRAM[kind]
    table = "andrulis_2025_dram" if kind == "lpddr4" else f"andrulis_2025_dram:{kind}"
    for width in widths:
        low = 0.29 * figure * width if kind == "ddr3" else None
        assert is_stated(access(table, "dram_read", 0, width), figure * width, standing, low=low)
    assert access(table, "dram_write", 0, min(widths) // 2) is access(table, "dram_write", 0, 2 * max(widths)) is None
    if len(widths) > 1:  # between word lengths the rule of the file finds what is exact: energy per bit
        assert access(table, "dram_write", 0, 48).energy == pytest.approx(figure * 48 * PICO)
    assert math.isclose(0.29, 1300 / 64 / 70, rel_tol=1e-3)


def test_hbm2_and_gddr5_by_the_bit():
    assert math.isclose(3.92, 1.21 + 2.24 + 0.3, rel_tol=0.05)  # the parts that texts quote, and what they leave out
    for table, figure in (("oconnor_2017_dram", 3.92), ("oconnor_2017_dram:gddr5", 14)):
        for width in (32, 64, 128, 256):
            assert is_stated(access(table, "dram_read", 0, width), figure * width, "second-hand")
    jouppi = access("jouppi_2021_7nm:hbm2", "dram_read", 0, 64)
    assert jouppi.low <= access("oconnor_2017_dram", "dram_read", 0, 64).energy <= jouppi.high


def test_whole_accelerators_and_chips():
    # two operations for each multiply-accumulate
    assert is_stated(price("keller_2022_5nm", "mac", "int4"), round(2 / 95.6, 7), "converted")
    assert is_stated(price("keller_2022_5nm:nominal", "mac", "int4"), round(2 / 38.7, 7), "converted")
    assert is_stated(price("ma_2024_22nm", "synaptic_operation"), 5.47, "second-hand")


@pytest.mark.parametrize("table", ["akopyan_2015_28nm", "frenkel_2019_28nm", "tang_2023_22nm"])
def test_chips_whose_synaptic_operation_holds_the_neuron(table):
    assert price(table, "neuron_update").energy == 0


def test_kinds_of_dram_at_7_nm():
    for kind, low, high in (("hbm2", 250.0, 450.0), ("gddr6", 350.0, 480.0)):
        found = access(f"jouppi_2021_7nm:{kind}", "dram_read", 0, 64)
        assert is_stated(found, low, "printed", high=high)
