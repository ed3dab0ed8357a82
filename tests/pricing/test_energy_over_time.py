"""Static energy for the time that a machine takes, energy times delay, and powers at rates that are reached."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from timed import timed, timing_of

import hwsim
from hwsim.counting.counts import Counts, Key
from hwsim.errors import MachineError, TableError
from hwsim.network.operation import Operation

TABLES = Path(hwsim.__file__).parents[1] / "energy_tables"
READ = Operation("sram_read", (), "weights", 4096, 64)
STATE = Operation("sram_read", (), "state", 512, 64)
# four frames in 400 cycles of a millisecond: a tenth of a second each
BACK_TO_BACK = timing_of([100, 200, 300, 400], clock=1e3)


def leakage(capacity, word_length, table="balasubramonian_2017_22nm"):
    """Power of a memory that holds so much, as the table's file has it. [W]"""
    (group,) = yaml.safe_load((TABLES / f"{table}.yaml").read_text())["leakage"]
    assert group["unit"] == "mW"
    (found,) = (
        each["power"] for each in group["entries"] if (each["capacity"], each["word_length"]) == (capacity, word_length)
    )
    return found * 1e-3


def counts_of(*operations, **about):
    entries = {Key(f"layer {k}", "memory", each): np.array([10, 20]) for k, each in enumerate(operations)}
    names = {"network": "net", "data": "data", "execution": "dense", "machine": "machine"} | about
    return Counts(entries, ("first", "steady"), np.array([1, 3]), **names)


def priced(timing=BACK_TO_BACK, table="balasubramonian_2017_22nm", counts=None, **options):
    return hwsim.price(counts or counts_of(READ, STATE), table, ["memory"], timing=timing, **options)


def test_back_to_back_each_inference_pays_for_the_time_that_it_takes():
    power = leakage(4096, 64) + leakage(512, 64)
    assert power > 1e-9
    energy, dynamic = priced(), priced(None)
    assert energy.phases == ("memory", "static")
    assert energy.of("static") == pytest.approx(power * 0.4, rel=1e-12)
    assert energy.total == pytest.approx(dynamic.total + power * 0.4, rel=1e-12)
    assert energy.low <= energy.total <= energy.high
    assert energy.rate == pytest.approx(10)
    assert energy.power() == pytest.approx(10 * dynamic.per_inference + power, rel=1e-12)
    assert "static energy back to back, at 10 inferences per second, is in the total" in energy.notes
    assert any("nothing is switched off" in note for note in energy.notes)


@pytest.mark.parametrize(("rate", "seconds"), [(1, 1.0), (8, 0.125), (10, 0.1), (12.5, 0.1), (1e6, 0.1)])
def test_at_a_frame_rate_it_is_the_longer_of_the_two_times(rate, seconds):
    power = leakage(4096, 64) + leakage(512, 64)
    energy = priced(frame_rate=rate)
    assert energy.of("static") / 4 == pytest.approx(power * seconds, rel=1e-12)
    assert energy.frame_rate == rate
    assert energy.rate == pytest.approx(1 / seconds)
    too_slow = [note for note in energy.notes if "too slow for" in note]
    assert bool(too_slow) == (rate > 10)
    assert all("is not reached" in note and "static energy at 10 " in note for note in too_slow)
    assert any(f"static energy at {rate:g} inferences per second" in note for note in energy.notes) == (rate <= 10)


def test_twice_the_rate_saves_half_the_leakage_of_a_frame_while_the_machine_waits():
    power = priced().static_power
    for rate in (0.5, 2.0, 5.0):
        once, twice = priced(frame_rate=rate), priced(frame_rate=2 * rate)
        assert twice.per_inference - once.per_inference == pytest.approx(-power / rate / 2, rel=1e-9)
    # and nothing once it is busy all the time
    assert priced(frame_rate=20).per_inference == priced(frame_rate=10).per_inference == priced().per_inference


def test_energy_times_delay():
    # of frames of 100, 50 and 250 cycles, the last one a batch of two
    timing = timing_of([100, 150, 400], clock=2e3, n_frame=[1, 1, 2])
    energy = priced(timing)
    latency = (100 + 50 + 250 + 250) / 4 / 2e3
    assert energy.energy_delay == pytest.approx(energy.total / 4 * latency, rel=1e-12)
    assert priced(None).energy_delay is None
    # latency is not the time between answers where layers overlap
    pipelined = timing_of([100, 150, 200, 250], clock=1e3, start=[0, 50, 100, 150])
    assert pipelined.latency == pytest.approx(0.1)
    assert priced(pipelined).of("static") == pytest.approx(priced().static_power * 0.25, rel=1e-12)


def test_a_faster_machine_leaks_less():
    slow, fast = (priced(timing_of([100, 200, 300, 400], clock=clock)) for clock in (1e3, 2e3))
    assert slow.of("static") == pytest.approx(2 * fast.of("static"), rel=1e-12)
    assert slow.of("memory") == fast.of("memory") > 0


def test_the_energy_beside_its_time_is_the_same():
    plain = priced(None)
    beside = plain.with_timing(BACK_TO_BACK)
    assert beside.total == plain.total
    assert beside.phases == ("memory",)
    assert beside.energy_delay == pytest.approx(plain.per_inference * 0.1)
    # the usual 30 frames per second are not reached, whoever asks for them
    assert beside.rate == 10
    assert beside.power() == beside.power(30) == beside.power(10) == pytest.approx(plain.power(10), rel=1e-12)
    assert beside.power(5) == plain.power(5)
    assert beside.at_rate(5).total == plain.at_rate(5).total
    assert plain.rate == 30
    # leakage that is paid already is paid for the longer time
    assert priced(None, frame_rate=20).with_timing(BACK_TO_BACK).total == priced(frame_rate=20).total > plain.total


def test_without_a_time_nothing_moves():
    assert priced(None, frame_rate=7).of("static") == pytest.approx(4 * priced().static_power / 7, rel=1e-12)
    assert not any("switched off" in note for note in priced(None, frame_rate=7).notes)


def test_what_takes_no_cycle_pays_nothing():
    assert priced(timing_of([0, 0, 0, 0], clock=1e3)).of("static") == 0
    assert priced(timing_of([0, 0, 0, 0], clock=1e3), frame_rate=10).of("static") > 0


def test_where_no_leakage_is_stated_nothing_is_made_up():
    energy = hwsim.price(counts_of(READ), "horowitz_2014_45nm", ["synapse"], timing=BACK_TO_BACK)
    assert energy.phases == ("synapse",)
    assert energy.static_power is None
    assert any("no static energy: horowitz_2014_45nm" in note for note in energy.notes)


@pytest.mark.parametrize(
    ("of", "named"),
    [
        ({"machine": "other"}, "net on other (dense)"),
        ({"network": "other"}, "other on machine (dense)"),
        ({"data": "other"}, "4 frames of other"),
        ({"execution": "delta"}, "net on machine (delta)"),
    ],
)
def test_a_time_of_something_else_is_refused(of, named):
    with pytest.raises(MachineError) as caught:
        priced(replace(BACK_TO_BACK, **of))
    message = str(caught.value)
    assert "\n" not in message
    for part in (named, "net on machine (dense), 4 frames of data", "the activity of one run"):
        assert part in message


def test_a_time_of_fewer_frames_is_refused():
    with pytest.raises(MachineError, match="3 frames of data"):
        priced(timing_of([100, 200, 300], clock=1e3))


@pytest.mark.parametrize("rate", [0, -1.0, math.nan, math.inf, True])
def test_frame_rates_that_are_none(rate):
    with pytest.raises(TableError, match=r"frame rate .*above 0"):
        priced(frame_rate=rate)


def test_a_run_from_frames_to_joules():
    machine = timed("edge-npu")
    run = hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:20], machines=[machine])
    counts, timing = hwsim.count(run.activity, machine), hwsim.schedule(run.activity, machine)
    energy = hwsim.price(counts, timing=timing)
    # a buffer of 256 KiB and one of 4 KiB leak for as long as 20 frames take
    power = sum(leakage(capacity, 128, "balasubramonian_2017_45nm") for capacity in (262144, 4096))
    seconds = int(timing.done[-1]) / 5e8
    assert seconds > 1e-6
    assert energy.of("static") == pytest.approx(power * seconds, rel=1e-12)
