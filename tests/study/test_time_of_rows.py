"""Time in a comparison: a row's own schedule, energies that stay as they are, rows too slow for a rate, and orders."""

import math

import pytest
from timed import timed

import hwsim
from hwsim.errors import UnknownNameError

INT8, BASELINE = "digits-mlp-int8", ("digits-mlp", "mac-array")
SLOW = {"clock": 1e4}  # about a thousand cycles a frame: some ten frames per second
N_FRAME = 30
TIME = ["latency [s]", "worst latency [s]", "frames per second", "energy-delay product [J s]"]


@pytest.fixture(scope="module")
def data():
    return hwsim.load_dataset("digits")[:N_FRAME]


@pytest.fixture(scope="module")
def machines():
    return timed("edge-npu"), timed("edge-npu-sparse"), timed("edge-npu", "slow-npu", **SLOW)


def rows_of(machines):
    return [BASELINE, (INT8, "zero-skipping-mac"), *((INT8, machine) for machine in machines)]


@pytest.fixture(scope="module")
def study(data, machines):
    return hwsim.compare(rows=rows_of(machines), data=data, baseline=BASELINE)


@pytest.fixture(scope="module")
def at_rate(data, machines):
    return hwsim.compare(rows=rows_of(machines), data=data, baseline=BASELINE, frame_rate=100)


def test_each_row_has_the_time_of_its_machine(study, data, machines):
    assert [cell.timing is not None for cell in study.cells] == [False, False, True, True, True]
    frame = study.to_dataframe()
    assert frame[TIME].isna().all(axis=1).tolist() == [True, True, False, False, False]
    assert frame["bound by"].tolist()[:2] == ["", ""]
    for machine, (_, row) in zip(machines, frame.iloc[2:].iterrows(), strict=True):
        run = hwsim.simulate(INT8, data, machines=[machine])
        alone = hwsim.schedule(run.activity, machine)
        assert row["latency [s]"] == alone.latency > 1e-7
        assert row["worst latency [s]"] == alone.worst_latency >= alone.latency
        assert row["frames per second"] == alone.frames_per_second
        assert row["bound by"] == alone.bound_by
        product = row["energy [J per inference]"] * row["latency [s]"]
        assert row["energy-delay product [J s]"] == pytest.approx(product, rel=1e-12)
    assert frame["latency [s]"][4] == pytest.approx(frame["latency [s]"][2] * 5e8 / 1e4, rel=1e-12)


def test_energies_stay_dynamic_and_powers_are_those_of_rates_that_are_reached(study, data, machines):
    without = [machine.model_copy(update={"timing": None}) for machine in machines]
    plain = hwsim.compare(rows=rows_of(without), data=data, baseline=BASELINE)
    for timed_cell, cell in zip(study.cells, plain.cells, strict=True):
        assert timed_cell.breakdown.total == cell.breakdown.total > 0
        assert timed_cell.breakdown.phases == cell.breakdown.phases
        assert timed_cell.advantages == cell.advantages
    rates = study.to_dataframe()["frame rate [1/s]"].tolist()
    slow = study.cells[4].timing.frames_per_second
    assert rates == [30, 30, 30, 30, slow]
    assert 5 < slow < 30
    assert [any("too slow for 30" in note for note in cell.notes) for cell in study.cells] == [*4 * [False], True]


def test_at_a_frame_rate_a_row_pays_for_the_longer_time(at_rate):
    frame = at_rate.to_dataframe()
    for cell, (_, row) in zip(at_rate.cells, frame.iterrows(), strict=True):
        own = 0.0 if cell.timing is None else int(cell.timing.done[-1]) / cell.timing.clock / N_FRAME
        expected = cell.breakdown.static_power * max(own, 1 / 100)
        assert row["static energy [J per inference]"] == pytest.approx(expected, rel=1e-12)
        assert row["power [W]"] == pytest.approx(row["energy [J per inference]"] * row["frame rate [1/s]"], rel=1e-12)
    assert frame["frame rate [1/s]"].tolist()[:4] == [100] * 4
    assert frame["frame rate [1/s]"][4] < 30


def test_the_factors_of_a_row_that_is_too_slow_are_not_told(at_rate):
    for cell in at_rate.cells[:4]:
        assert math.prod(cell.factors.values()) == pytest.approx(cell.advantage, rel=1e-9)
    slow = at_rate.cells[4]
    assert slow.factors == {}
    assert slow.advantage == pytest.approx(at_rate.cells[0].breakdown.total / slow.breakdown.total, rel=1e-12)


def test_a_time_that_cannot_be_told_leaves_the_energy(data):
    machine = timed("edge-npu", schedule="pipelined", placement=[["elsewhere"]])
    study = hwsim.compare(rows=rows_of([machine]), data=data, baseline=BASELINE)
    cell = study.cells[-1]
    assert cell.timing is None
    assert cell.breakdown.total > 0
    assert any(note.startswith("no time: machine edge-npu") and "elsewhere" in note for note in cell.notes)
    assert study.to_dataframe()[TIME].isna().all(axis=None)


@pytest.mark.parametrize(
    ("sort", "column", "sign"),
    [
        ("energy", "energy [J per inference]", 1),
        ("latency", "latency [s]", 1),
        ("edp", "energy-delay product [J s]", 1),
        ("accuracy", "accuracy", -1),
    ],
)
def test_rows_are_sorted_and_those_without_a_value_are_last(study, sort, column, sign):
    values = study.sorted_by(sort).to_dataframe()[column].tolist()
    there = [sign * value for value in values if value == value]
    assert len(there) >= 3
    assert there == sorted(there)
    assert values[len(there) :] == pytest.approx([math.nan] * (len(values) - len(there)), nan_ok=True)


def test_tables_stay_together_and_equals_as_they_were(data, machines):
    study = hwsim.compare(
        rows=rows_of(machines), tables=["horowitz_2014_45nm", "default_45nm"], data=data, baseline=BASELINE
    )
    by_accuracy, by_energy = study.sorted_by("accuracy"), study.sorted_by("energy")
    # both networks are right on the same frames
    assert len({cell.accuracy for cell in study.cells}) == 1
    assert by_accuracy.cells == study.cells
    n = len(study.cells) // 2
    assert [cell.table for cell in by_energy.cells] == ["horowitz_2014_45nm"] * n + ["default_45nm"] * n
    assert by_energy.cells != study.cells
    assert study.sort is None


def test_an_order_that_is_none(study):
    with pytest.raises(UnknownNameError, match="no order of rows named 'latencies'; did you mean latency"):
        study.sorted_by("latencies")
