"""A comparison: its rows, its baseline, the factors of its advantages, tables that cannot price all of it, files."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

import hwsim
from hwsim.counting.counts import PHASES
from hwsim.errors import MachineError, TableError, UnknownNameError

FACTORS = ("bits", "memory size", "event arithmetic", "reuse", "zero skipping", "delta")
BASELINE = ("digits-mlp", "mac-array")
ADDER = ("digits-mlp-rounding", "sigma-delta-adder")
ROWS = (BASELINE, ("digits-mlp", "zero-skipping-mac"), ("digits-mlp-int8", "delta-mac"), ADDER)
N_FRAME = 50


@pytest.fixture(scope="module")
def data():
    return hwsim.load_dataset("digits")[:N_FRAME]


@pytest.fixture(scope="module")
def study(data):
    return hwsim.compare(rows=ROWS, data=data, baseline=BASELINE)


def energy_of(network, machine, data, table="default_45nm", phases=None):
    """Joules by the three functions that a comparison is made of."""
    machine = hwsim.load_machine(machine)
    run = hwsim.simulate(hwsim.load_network(network), data, machine.execution)
    return hwsim.price(hwsim.count(run.activity, machine), table, phases).total


# ----------------------------------------------------------------------------------------------------- the rows


def test_there_is_a_cell_for_every_row_in_the_order_asked(study):
    assert [(cell.network, cell.machine) for cell in study.cells] == list(ROWS)
    assert [cell.execution for cell in study.cells] == ["dense", "sparse", "delta", "delta"]
    assert [cell.is_baseline for cell in study.cells] == [True, False, False, False]
    assert {cell.table for cell in study.cells} == {"default_45nm"}
    assert study.baseline == BASELINE
    assert [cell.method for cell in study.cells[:1]] == ["digits-mlp on mac-array"]


def test_each_cell_is_the_three_functions(study, data):
    for cell in study.cells:
        run = hwsim.simulate(hwsim.load_network(cell.network), data, cell.execution)
        assert cell.accuracy == np.mean(run.predictions == data.labels) > 0.8
        assert cell.counts.n_inference == N_FRAME
        assert {key: int(number.sum()) for key, number in cell.counts.entries.items()} == {
            key: int(number.sum()) for key, number in hwsim.count(run.activity, cell.machine).entries.items()
        }
        assert cell.breakdown.phases == PHASES
        assert cell.breakdown.total == pytest.approx(energy_of(cell.network, cell.machine, data), rel=1e-12)


def test_every_network_on_every_machine_and_the_baseline_besides(data):
    study = hwsim.compare(
        ["digits-mlp-int8", "digits-mlp-rounding"], ["zero-skipping-mac", "delta-mac"], data=data, baseline=BASELINE
    )
    assert [(cell.network, cell.machine) for cell in study.cells] == [
        BASELINE,  # not among them, so put first
        ("digits-mlp-int8", "zero-skipping-mac"),
        ("digits-mlp-int8", "delta-mac"),
        ("digits-mlp-rounding", "zero-skipping-mac"),
        ("digits-mlp-rounding", "delta-mac"),
    ]


def test_objects_serve_where_names_do(study, data):
    by_object = hwsim.compare(
        [hwsim.load_network(ADDER[0])],
        [hwsim.load_machine(ADDER[1])],
        [hwsim.load_table("default_45nm")],
        data=data,
        baseline=(hwsim.load_network(BASELINE[0]), hwsim.load_machine(BASELINE[1])),
    )
    assert [cell.breakdown.total for cell in by_object.cells] == [
        cell.breakdown.total for cell in study.cells if (cell.network, cell.machine) in (BASELINE, ADDER)
    ]


def test_each_network_runs_once_per_execution(data):
    told = []
    hwsim.compare(
        ["digits-mlp-int8"], ["rounding-adder", "zero-skipping-mac"], data=data, baseline=BASELINE, progress=told.append
    )
    simulated = [line for line in told if line.startswith("simulating")]
    assert sorted(simulated) == sorted(set(simulated))
    assert "simulating digits-mlp-int8, sparse" in simulated


# ----------------------------------------------------------------------------------------------------- factors


def test_factors_take_one_step_at_a_time(study, data):
    baseline = energy_of(*BASELINE, data)

    def dense(network, machine):
        """On the baseline's machine, but for its event arithmetic."""
        arithmetic = hwsim.load_machine(machine).event_arithmetic
        changed = hwsim.load_machine("mac-array").model_copy(update={"event_arithmetic": arithmetic})
        return energy_of(network, changed, data)

    def in_memories_of_the_baseline(network):
        """On the baseline's machine, each word in a memory of the size that the baseline's layer has there."""
        counts, first = (
            hwsim.count(hwsim.simulate(hwsim.load_network(name), data, "dense").activity, "mac-array")
            for name in (network, BASELINE[0])
        )
        table, joule = hwsim.load_table("default_45nm"), 0.0
        for (layer, _, operation), number in counts.entries.items():
            sizes = [
                key.operation.capacity
                for key in first.entries
                if (key.layer, *key.operation[:3]) == (layer, *operation[:3])
            ]
            # what the baseline's layer does not do there: the largest of its memories for that
            sizes = sizes or [key.operation.capacity for key in first.entries if key.operation.memory == operation[2]]
            if operation.kind.startswith("sram"):
                operation = operation._replace(capacity=max(sizes))
            joule += int(number.sum()) * table.price(operation).energy
        return joule

    # the network on the baseline's machine; there in its own memories; there with its own arithmetic, and all but its
    # skipping, which is nothing more in these; on its own without differences; on its own
    steps = {
        BASELINE: (baseline, baseline, baseline, baseline, baseline),
        ("digits-mlp", "zero-skipping-mac"): (
            *3 * (baseline,),
            *2 * (energy_of("digits-mlp", "zero-skipping-mac", data),),
        ),
        ("digits-mlp-int8", "delta-mac"): (
            in_memories_of_the_baseline("digits-mlp-int8"),
            energy_of("digits-mlp-int8", "mac-array", data),
            dense("digits-mlp-int8", "delta-mac"),
            energy_of("digits-mlp-int8", "zero-skipping-mac", data),  # delta-mac differs from it by delta alone
            energy_of("digits-mlp-int8", "delta-mac", data),
        ),
        ADDER: (
            in_memories_of_the_baseline(ADDER[0]),
            energy_of(ADDER[0], "mac-array", data),
            dense(*ADDER),
            energy_of(ADDER[0], "rounding-adder", data),  # sigma-delta-adder differs from it by delta alone
            energy_of(*ADDER, data),
        ),
    }
    for cell in study.cells:
        frozen, plain, frame_by_frame, sparse, own = steps[cell.network, cell.machine]
        expected = (baseline / frozen, frozen / plain, plain / frame_by_frame, 1, frame_by_frame / sparse, sparse / own)
        assert list(cell.factors.items()) == [
            (name, pytest.approx(each, rel=1e-9)) for name, each in zip(FACTORS, expected, strict=True)
        ]
        assert cell.advantage == pytest.approx(baseline / own, rel=1e-9)
        assert cell.advantage == pytest.approx(math.prod(cell.factors.values()), rel=1e-12)
    assert study.cells[0].advantage == 1
    assert study.cells[-1].advantage > 1


# ---------------------------------------------------------------------------- tables that price less than all


def test_a_table_that_lacks_prices_shows_what_it_can(data):
    study = hwsim.compare(rows=ROWS, tables=["horowitz_2014_45nm"], data=data, baseline=BASELINE)
    by_row = {(cell.network, cell.machine): cell for cell in study.cells}
    # printed: fp32 additions and multiplications, so the synapses of the float network
    assert by_row[BASELINE].breakdown.phases == ("synapse",)
    assert by_row[BASELINE].breakdown.total == pytest.approx(
        N_FRAME * (64 * 64 + 64 * 64 + 64 * 10) * (3.7 + 0.9) * 1e-12, rel=1e-9
    )
    # not printed: additions of 24 bits or 16, products of other widths
    other = by_row["digits-mlp-int8", "delta-mac"]
    assert other.breakdown is None
    assert other.advantage is None
    assert other.factors == {}
    assert "synapse" in other.lacks
    assert sum(other.lacks["synapse"].values()) > 0
    assert by_row["digits-mlp", "zero-skipping-mac"].advantage > 1
    assert "memory" in by_row[BASELINE].lacks  # it needs capacities between the printed ones


def test_a_row_without_prices_takes_no_phase_from_the_others(data):
    rows = [("digits-mlp", "mac-array"), ("digits-mlp-int8", "delta-mac"), ("digits-mlp", "neuromorphic-per-synapse")]
    result = hwsim.compare(rows=rows, data=data, baseline=rows[0])
    dense, delta, chip = result.cells
    assert chip.breakdown is None
    assert list(chip.lacks) == ["synapse", "neuron"]
    # the baseline encodes nothing, the differences of the other row do
    assert dense.breakdown.phases == delta.breakdown.phases == PHASES
    assert delta.breakdown.of("encode") > 0
    assert delta.breakdown.total == hwsim.price(delta.counts).total


def test_tables_stand_apart(data):
    study = hwsim.compare(rows=ROWS[:2], tables=["default_45nm", "horowitz_2014_45nm"], data=data, baseline=BASELINE)
    assert [cell.table for cell in study.cells] == ["default_45nm"] * 2 + ["horowitz_2014_45nm"] * 2
    assert list(study.tables) == ["default_45nm", "horowitz_2014_45nm"]
    assert study.cells[0].breakdown.phases == PHASES


def test_phases_asked_for_are_priced_alone(data):
    study = hwsim.compare(rows=[BASELINE, ADDER], data=data, baseline=BASELINE, phases=["synapse", "neuron"])
    for cell in study.cells:
        assert cell.breakdown.phases == ("synapse", "neuron")
        assert cell.breakdown.total == pytest.approx(
            energy_of(cell.network, cell.machine, data, phases=["synapse", "neuron"]), rel=1e-12
        )
    assert study.phases == ("synapse", "neuron")
    frame = study.to_dataframe()
    assert frame["phases priced"].tolist() == ["synapse neuron"] * 2
    assert frame["memory energy [J per inference]"].isna().all()
    assert (frame["synapse energy [J per inference]"] > 0).all()


def test_a_table_that_can_price_nothing_is_an_error(data, tmp_path):
    path = tmp_path / "poor.yaml"
    path.write_text(
        """\
schema: 1
name: poor
description: one figure
process_node: 45
unit: pJ
sources:
  paper: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: xnor, format: binary, energy: 1.0, source: paper, where: T1, standing: printed}
missing: [all else]
"""
    )
    with pytest.raises(TableError, match="poor can price no phase of the baseline, digits-mlp on mac-array"):
        hwsim.compare(rows=ROWS[:1], tables=[path], data=data, baseline=BASELINE)


# --------------------------------------------------------------------------------------------------- bad input


def test_unknown_names_are_suggested(data):
    with pytest.raises(UnknownNameError, match=r"no network named 'digits-mpl'; did you mean digits-mlp"):
        hwsim.compare(["digits-mpl"], ["mac-array"], data=data, baseline=BASELINE)
    with pytest.raises(UnknownNameError, match="no machine named 'mac-arry'; did you mean mac-array"):
        hwsim.compare(["digits-mlp"], ["mac-arry"], data=data, baseline=BASELINE)
    with pytest.raises(UnknownNameError, match="no energy table named 'horowitz'; did you mean horowitz_2014_45nm"):
        hwsim.compare(rows=ROWS[:1], tables=["horowitz"], data=data, baseline=BASELINE)


def test_an_unknown_phase_is_an_error(data):
    with pytest.raises(TableError, match="unknown phase 'synapses'"):
        hwsim.compare(rows=ROWS[:1], data=data, baseline=BASELINE, phases=["synapses"])


def test_one_name_means_one_thing(data):
    impostor = dataclasses.replace(hwsim.load_network("digits-mlp-int8"), name="digits-mlp")
    with pytest.raises(MachineError, match="two different networks are named 'digits-mlp'"):
        hwsim.compare(["digits-mlp", impostor], ["mac-array"], data=data, baseline=BASELINE)
    other = hwsim.load_machine("mac-array").model_copy(update={"word_length": 32})
    with pytest.raises(MachineError, match="two different machines are named 'mac-array'"):
        hwsim.compare(["digits-mlp"], [other], data=data, baseline=BASELINE)


# ------------------------------------------------------------------------------------------------------- files

COLUMNS = [
    *("network", "execution", "machine", "table", "baseline", "inferences", "accuracy"),
    *("accuracy low", "accuracy high"),
    *("frames that only this row gets right", "frames that only the baseline gets right", "McNemar p"),
    *("accuracy tolerance [points]", "same accuracy as baseline"),
    *("additions [per inference]", "multiplications [per inference]", "memory words [per inference]"),
    *(f"{phase} energy [J per inference]" for phase in (*PHASES, "static")),
    *(f"{name} [J per inference]" for name in ("energy", "low", "high")),
    *("dynamic power [W]", "static power [W]", "power [W]", "leakage", "frame rate [1/s]"),
    *("latency [s]", "worst latency [s]", "frames per second", "bound by", "energy-delay product [J s]"),
    "phases priced",
    *("share of another node", "share at another supply", "share interpolated", "share by process"),
    *("share by standing", "share by rule", "advantage"),
    *(f"factor of {name}" for name in (*FACTORS, "whole operations")),
    *("chip", "codes saturated", "notes", "counting rules"),
]


def test_the_data_frame(study):
    frame = study.to_dataframe()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == len(ROWS)
    assert frame["inferences"].tolist() == [N_FRAME] * len(ROWS)
    assert frame["baseline"].tolist() == [True, False, False, False]
    first = frame.iloc[0]
    # 64-64-64-10: a multiplication and an addition per synapse, no bias to add; pixels are codes to be made real
    n_synapse = 64 * 64 + 64 * 64 + 64 * 10
    assert first["additions [per inference]"] == n_synapse
    assert first["multiplications [per inference]"] == n_synapse
    assert first["memory words [per inference]"] > n_synapse / 2  # two fp32 weights to a word of 64 bits
    for _, row in frame.iterrows():
        phases = sum(row[f"{phase} energy [J per inference]"] for phase in PHASES)
        assert phases == pytest.approx(row["energy [J per inference]"], rel=1e-12)
        assert row["low [J per inference]"] <= row["energy [J per inference]"] <= row["high [J per inference]"]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_files_hold_the_data_frame(study, tmp_path, suffix):
    path = tmp_path / f"study.{suffix}"
    getattr(study, f"write_{suffix}")(path)
    frame = study.to_dataframe()
    if suffix == "csv":
        read = pd.read_csv(path, keep_default_na=False).to_dict("records")
    else:
        read = json.loads(path.read_text())
    assert len(read) == len(ROWS)
    assert list(read[0]) == COLUMNS
    for column in COLUMNS:
        expected = frame[column].tolist()
        if isinstance(expected[0], float):  # joules too must not be cut to a few decimal places
            assert max(expected) > 0 or column == "share interpolated"
            assert [row[column] for row in read] == pytest.approx(expected, rel=1e-12, abs=0)
        else:
            nothing = "" if suffix == "csv" else None
            assert [row[column] for row in read] == [nothing if each is None else each for each in expected]


def test_rows_that_are_not_priced_have_no_energy_in_files(data, tmp_path):
    study = hwsim.compare(
        rows=[BASELINE, ("digits-mlp-int8", "delta-mac")], tables=["horowitz_2014_45nm"], data=data, baseline=BASELINE
    )
    study.write_csv(tmp_path / "study.csv")
    frame = pd.read_csv(tmp_path / "study.csv")
    assert frame["energy [J per inference]"].notna().tolist() == [True, False]
    assert frame["advantage"].notna().tolist() == [True, False]
    assert frame["accuracy"].notna().all()
