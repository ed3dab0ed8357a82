"""Static energy at a frame rate, power, and the overhead on arithmetic."""

import math
from dataclasses import replace

import numpy as np
import pytest

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.errors import TableError
from hwsim.machine import Level, Overhead
from hwsim.network.operation import ARITHMETIC, Operation
from hwsim.pricing.energy_table import StaticPower
from hwsim.pricing.static_power import memories
from hwsim.study.ranking import difference

PICO = 1e-12
READ_SMALL = Operation("sram_read", (), "weights", 256, 64)
READ_LARGE = Operation("sram_write", (), "weights", 4096, 64)
STATE = Operation("sram_read", (), "state", 512, 64)
DRAM = Operation("dram_read", (), "weights", 0, 64)


def counts_of(*operations, n_frame=(1, 3)):
    entries = {Key(f"layer {k}", "memory", each): np.array([10, 20]) for k, each in enumerate(operations)}
    return Counts(entries, ("first", "steady"), np.array(n_frame), "net", "data", "dense", "machine")


def priced(counts, table, **options):
    return hwsim.price(counts, table, phases=options.pop("phases", ["memory"]), **options)


def test_the_largest_memory_of_each_purpose_leaks():
    found = memories(counts_of(READ_SMALL, READ_LARGE, STATE, DRAM))
    assert [(each.memory, each.capacity, each.word_length) for each in found] == [
        ("weights", 4096, 64),
        ("state", 512, 64),
    ]


def test_each_inference_pays_its_share_of_what_the_table_states():
    table = hwsim.load_table("balasubramonian_2017_22nm")
    power = {each.capacity: each.power for each in table.leakage["sram"] if each.word_length == 64}
    assert power[256] > 1e-9
    for rate in (1.0, 30.0, 1000.0):
        energy = priced(counts_of(READ_LARGE, STATE), table, frame_rate=rate)
        # two memories, four frames, a share of 1 / rate of a second each
        expected = (power[4096] + power[512]) * 4 / rate
        assert energy.of("static") == pytest.approx(expected, rel=1e-12)
        assert energy.phases == ("memory", "static")
        assert energy.total == pytest.approx(energy.of("memory") + expected, rel=1e-12)
        assert energy.low <= energy.total <= energy.high
        assert energy.power() == pytest.approx(rate * energy.per_inference, rel=1e-12)
        assert any(f"static energy at {rate:g} inferences per second" in note for note in energy.notes)
    # without a rate there is none
    dynamic = priced(counts_of(READ_LARGE, STATE), table)
    assert dynamic.of("static") == 0
    assert dynamic.phases == ("memory",)


def test_a_chip_leaks_as_a_whole_and_apart_from_its_synapses():
    run = hwsim.simulate("digits-mlp-rounding", hwsim.load_dataset("digits")[:20], "delta")
    counts = hwsim.count(run.activity, "neuromorphic-per-synapse")
    energy = hwsim.price(counts, "akopyan_2015_28nm", phases=["synapse"], frame_rate=30)
    # 64.4 mW for a thirtieth of a second; 2.297 pJ for every event and synapse
    assert energy.of("static") / 20 == pytest.approx(64.4e-3 / 30, rel=1e-12)
    n_operation = sum(int(c.histogram.n_operation.sum()) for c in run.activity.connections)
    assert counts.total("synapse", "synaptic_operation") == counts.total("synapse") == n_operation > 0
    assert energy.of("synapse") == pytest.approx(n_operation * 2.297 * PICO, rel=1e-12)
    assert {line.key.operation.kind for line in energy.lines} == {"synaptic_operation", "leakage"}


def test_loihi_prices_synapses_and_neurons():
    run = hwsim.simulate("digits-mlp-rounding", hwsim.load_dataset("digits")[:20], "delta")
    counts = hwsim.count(run.activity, "neuromorphic-per-synapse")
    energy = hwsim.price(counts, "davies_2018_14nm", phases=["synapse", "neuron"])
    touched = sum(int(layer.touched.sum()) for layer in run.activity.layers if layer.connections)
    assert energy.of("neuron") == pytest.approx(touched * 81.0 * PICO, rel=1e-12)
    assert energy.of("synapse") == pytest.approx(counts.total("synapse") * 23.6 * PICO, rel=1e-12)


def test_a_table_without_static_power_says_so():
    energy = priced(counts_of(READ_LARGE), "horowitz_2014_45nm", frame_rate=30, rules=["interpolation"],
                    phases=["synapse"])  # fmt: skip
    assert energy.phases == ("synapse",)
    assert any("no static energy: horowitz_2014_45nm" in note for note in energy.notes)


def test_a_memory_whose_power_is_not_stated_is_an_error_that_names_it():
    table = hwsim.load_table("balasubramonian_2017_22nm")
    outside = Operation("sram_read", (), "weights", 1 << 33, 64)
    counts = Counts({Key("layer", "memory", outside): np.array([1, 1])}, ("first", "steady"), np.array([1, 1]))
    with pytest.raises(TableError) as caught:
        hwsim.price(counts, table, phases=["synapse"], frame_rate=30)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "balasubramonian_2017_22nm",
        "static power",
        "8,589,934,592 bytes",
        "64 bits",
        "weights",
        "frame rate",
    ):
        assert part in message


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, True, "30"])
def test_frame_rates_that_are_none(rate):
    with pytest.raises(TableError, match=r"frame rate .*above 0"):
        priced(counts_of(READ_LARGE), "default_45nm", frame_rate=rate)
    with pytest.raises(TableError, match=r"frame rate .*above 0"):
        priced(counts_of(READ_LARGE), "default_45nm").power(rate)


def test_power_is_dynamic_energy_times_the_rate_and_what_leaks():
    # 30 writes of 4096 bytes in words of 64 bits, 6.4536 pJ each, in 4 frames; the memory leaks 0.00014043 mW
    dynamic, static = 30 * 6.4536 * PICO / 4, 0.00014043e-3
    energy = priced(counts_of(READ_LARGE), "default_45nm")
    at_thirty = priced(counts_of(READ_LARGE), "default_45nm", frame_rate=30)
    for result in (energy, at_thirty):
        assert result.static_power == pytest.approx(static, rel=1e-9)
        for rate in (1.0, 30.0, 60.0):
            assert result.dynamic_power(rate) == pytest.approx(rate * dynamic, rel=1e-9)
            assert result.power(rate) == pytest.approx(rate * dynamic + static, rel=1e-9)
        assert result.power() == result.power(30)
    assert energy.per_inference == pytest.approx(dynamic, rel=1e-9)  # the energy stays dynamic
    assert at_thirty.per_inference == pytest.approx(dynamic + static / 30, rel=1e-9)
    assert energy.at_rate(60).per_inference == pytest.approx(dynamic + static / 60, rel=1e-9)
    assert at_thirty.at_rate(60).total == pytest.approx(energy.at_rate(60).total, rel=1e-12)  # not paid twice


def test_where_no_leakage_is_stated_power_is_dynamic_and_says_so():
    counts = counts_of(Operation("sram_read", (), "weights", 8192, 64))
    energy = priced(counts, "horowitz_2014_45nm")
    assert energy.static_power is None
    assert energy.power() == pytest.approx(30 * 30 * 10.0 * PICO / 4, rel=1e-9)
    # stated, but not of a memory as large as this one: that is no zero either
    large = Counts({Key("l", "memory", Operation("sram_read", (), "weights", 1 << 33, 64)): np.array([1, 1])},
                   ("first", "steady"), np.array([1, 1]))  # fmt: skip
    assert priced(large, "balasubramonian_2017_22nm", phases=["synapse"]).static_power is None


# ------------------------------------------------------------------------------------------------------- overhead


@pytest.fixture(scope="module")
def activity():
    return hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:20], "sparse").activity


def with_overhead(activity, low, high, machine="zero-skipping-mac"):
    changed = hwsim.load_machine(machine).model_copy(update={"overhead": Overhead(low=low, high=high)})
    return hwsim.price(hwsim.count(activity, changed))


def parts(breakdown, end):
    """Energy of arithmetic, and of the rest, at one end of the prices."""
    sums = {True: 0.0, False: 0.0}
    for line in breakdown.lines:
        sums[line.key.operation.kind in ARITHMETIC] += line.count.sum() * getattr(line.price, end)
    return sums[True], sums[False]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 4.0), (1.5, 3.0)])
def test_overhead_is_on_arithmetic_alone_and_in_the_interval(activity, low, high):
    energy = with_overhead(activity, low, high)
    for end, factor, total in (
        ("low", low, energy.low),
        ("energy", low, energy.total),
        ("high", high, energy.high),
    ):
        arithmetic, rest = parts(energy, end)
        assert arithmetic > 0
        assert total == pytest.approx(factor * arithmetic + rest, rel=1e-12)
    assert any("arithmetic times" in note for note in energy.notes) == (high > 1)


def test_without_overhead_nothing_is_changed(activity):
    plain = hwsim.price(hwsim.count(activity, "zero-skipping-mac"))
    same = with_overhead(activity, 1.0, 1.0)
    assert (plain.low, plain.total, plain.high) == (same.low, same.total, same.high)


def test_overhead_is_carried_into_frames_and_differences(activity):
    energy, plain = with_overhead(activity, 1.0, 4.0), with_overhead(activity, 1.0, 1.0)
    frame = energy.to_dataframe()
    assert frame["high [J]"].sum() == pytest.approx(energy.high, rel=1e-12)
    assert frame["energy [J]"].sum() == pytest.approx(plain.total, rel=1e-12)
    wider, narrow = difference(energy, plain), difference(plain, plain)
    assert wider.high > narrow.high


def test_what_was_measured_whole_has_no_overhead(activity):
    run = hwsim.simulate("digits-mlp-rounding", hwsim.load_dataset("digits")[:20], "delta")
    machine = hwsim.load_machine("neuromorphic-per-synapse").model_copy(update={"overhead": Overhead(low=1, high=4)})
    energy = hwsim.price(hwsim.count(run.activity, machine), "akopyan_2015_28nm", phases=["synapse"])
    assert energy.high == pytest.approx(energy.counts.total("synapse") * 2.633 * PICO, rel=1e-12)


# ---------------------------------------------------------------------------------------------------- comparisons


def test_a_comparison_at_a_frame_rate():
    data = hwsim.load_dataset("digits")[:30]
    baseline = ("digits-mlp", "mac-array")
    study = hwsim.compare(
        ["digits-mlp-int8"], ["zero-skipping-mac"], data=data, baseline=baseline, frame_rate=100, per_frame=True
    )
    plain = hwsim.compare(["digits-mlp-int8"], ["zero-skipping-mac"], data=data, baseline=baseline)
    frame = study.to_dataframe()
    assert (frame["static energy [J per inference]"] > 0).all()
    assert plain.to_dataframe()["static energy [J per inference]"].isna().all()
    assert frame["power [W]"].tolist() == pytest.approx((100 * frame["energy [J per inference]"]).tolist())
    other = plain.to_dataframe()
    assert other["frame rate [1/s]"].tolist() == [30, 30]
    assert other["static power [W]"].tolist() == pytest.approx(frame["static power [W]"].tolist(), rel=1e-12)
    assert (other["dynamic power [W]"] + other["static power [W]"]).tolist() == pytest.approx(
        other["power [W]"].tolist()
    )
    assert other["dynamic power [W]"].tolist() == pytest.approx((30 * other["energy [J per inference]"]).tolist())
    assert other["leakage"].tolist() == ["stated", "stated"]
    for cell, other in zip(study.cells, plain.cells, strict=True):
        assert cell.breakdown.total > other.breakdown.total
        assert cell.advantage == pytest.approx(study.cells[0].breakdown.total / cell.breakdown.total, rel=1e-9)
    text = study.to_text()
    for part in ("static", "At 100 frames per second", "Leakage of memories or of the whole chip at 100"):
        assert part in text
    assert "leakage is not in it" in plain.to_text()


def test_a_page_at_a_frame_rate_shows_power_and_leakage(tmp_path):
    data = hwsim.load_dataset("digits")[:10]
    study = hwsim.compare(
        ["digits-mlp-int8"], ["eie-like"], data=data, baseline=("digits-mlp", "mac-array"), frame_rate=30
    )
    study.write_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for part in ("power<br>at 30/s", "leakage, weights", "&times; reuse", "compressed with 4-bit runs"):
        assert part in page


# --------------------------------------------------------------------------------------------------------- levels


BUFFER = Level(name="buffer", kind="sram", capacity=65536, word_length=256, banks=4, holds=("weights", "codes"))
NEAR = Level(name="near", kind="sram", capacity=4096, word_length=8, holds=("weights",))
FAR = Level(name="dram", kind="dram", word_length=64, holds=("weights", "codes"))
READ_BUFFER = Operation("sram_read", (), "buffer", 65536, 256, "weights")


def test_a_level_leaks_with_all_its_banks_and_also_unused():
    counts = counts_of(
        READ_BUFFER, READ_BUFFER._replace(operand="codes"), Operation("dram_read", (), "dram", 0, 64, "codes")
    )
    # 64 KiB of 256-bit words leak 0.0016599 mW; 4 KiB with the narrowest port, of 32 bits, 0.00014151
    bank, near = 0.0016599e-3, 0.00014151e-3
    one = BUFFER.model_copy(update={"banks": 1})
    for levels, power in (
        ((), bank),
        ((FAR, one), bank),
        ((FAR, BUFFER), 4 * bank),
        ((FAR, BUFFER, NEAR), 4 * bank + near),
    ):
        energy = priced(replace(counts, levels=levels), "default_45nm")
        assert energy.static_power == pytest.approx(power, rel=1e-12)
        assert energy.at_rate(30).of("static") / 4 == pytest.approx(power / 30, rel=1e-12)
    rules = {leak.key.operation.memory: leak.power.rule for leak in energy.leaks}
    assert rules == {"buffer": "4 banks, of each: exact", "near": "narrow word: 32-bit word: exact"}
    # by the byte: all bytes of all banks
    per_byte = StaticPower(2e-9, 1e-9, 4e-9, "byte", 0, 0, "printed", "x", "y")
    table = replace(hwsim.load_table("default_45nm"), leakage={"sram": (per_byte,)})
    (leak, _) = priced(replace(counts, levels=(BUFFER, NEAR)), table).leaks
    assert leak.power[:3] == pytest.approx([4 * 65536 * each for each in (2e-9, 1e-9, 4e-9)])


def test_a_wide_level_leaks_as_the_banks_that_its_words_come_from():
    wide = Operation("sram_read", (), "buffer", 65536, 512, "codes")
    # two banks of 32 KiB, 0.00092897 mW each
    assert priced(counts_of(wide), "default_45nm").static_power == pytest.approx(2 * 0.00092897e-3, rel=1e-9)


def test_a_level_made_to_measure_leaks_as_large_as_it_was_counted():
    level = Level(name="buffer", kind="sram", fit="layer", word_length=64, holds=("weights",))
    words = (Operation("sram_read", (), "buffer", capacity, 64, "weights") for capacity in (256, 4096, 512))
    found = memories(replace(counts_of(*words), levels=(level,)))
    assert [(each.memory, each.capacity) for each in found] == [("buffer", 4096)]


def test_a_level_larger_than_any_figure_is_refused_and_banks_are_named():
    for word_length, capacity, n_bank in ((64, 10 * 2**20, 2), (64, 32 * 2**20 + 8, 5), (512, 40 * 2**20, 5)):
        large = Operation("sram_read", (), "buffer", capacity, word_length, "weights")
        with pytest.raises(TableError) as caught:
            priced(counts_of(large), "default_45nm")
        message = str(caught.value)
        assert "\n" not in message
        assert "its largest SRAM has 8,388,608 bytes and nothing larger is extrapolated" in message
        each = math.ceil(capacity / n_bank)
        assert f"make buffer a level with `capacity: {each}` and `banks: {n_bank}`, or write a table" in message
        # and so it is priced, at what one of them costs
        level = Level(
            name="buffer", kind="sram", capacity=each, banks=n_bank, word_length=word_length, holds=("weights",)
        )
        energy = priced(replace(counts_of(large._replace(capacity=each)), levels=(level,)), "default_45nm")
        assert energy.total > 0
        assert energy.static_power > 0
    # a table without any SRAM cannot be helped by banks
    with pytest.raises(TableError, match=r"needs; write a table that extends it"):
        priced(counts_of(large), "oconnor_2017_dram")
