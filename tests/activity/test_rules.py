"""The number of the rules that a result follows stands in every form in which it is shown or saved."""

import json
import pickle
import re
from dataclasses import replace

import pandas as pd
import pytest

import hwsim
from hwsim.report.page import page
from hwsim.report.text import breakdown_text, comparison_text
from hwsim.report.training import training_cost_text

COLUMN = "counting rules"
SENTENCE = "Counting rules 3 (hwsim.RULES, docs/accounting.md)."


@pytest.fixture(scope="module")
def comparison():
    data = hwsim.load_dataset("digits")[:20]
    rows = [("digits-mlp", "delta-mac"), ("digits-mlp-rounding", "sigma-delta-adder")]
    return hwsim.compare(rows=rows, data=data, baseline=("digits-mlp", "mac-array"))


def test_the_number():
    assert hwsim.RULES == 3
    assert type(hwsim.RULES) is int


def test_every_result_has_it(comparison):
    run = hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:5])
    counts = hwsim.count(run.activity)
    training = hwsim.count_training((4, 3, 2), "full-precision", 8)
    for result in (run, run.activity, counts, hwsim.price(counts), comparison, training):
        assert result.rules == 3
    for result in (run.activity, counts, hwsim.price(counts), comparison, training):
        assert set(result.to_dataframe()[COLUMN]) == {3}


def test_what_was_counted_by_older_rules_says_so_to_the_end():
    run = hwsim.simulate("digits-mlp-int8", hwsim.load_dataset("digits")[:5])
    old = pickle.loads(pickle.dumps(replace(run.activity, rules=1)))
    breakdown = hwsim.price(hwsim.count(old).scaled(2).as_format("int32"))
    assert breakdown.rules == 1
    assert set(breakdown.to_dataframe()[COLUMN]) == {1}
    assert "Counting rules 1" in breakdown_text(breakdown)


def test_every_saved_form_of_a_comparison_carries_it(comparison, tmp_path):
    for kind in ("csv", "json", "html"):
        getattr(comparison, f"write_{kind}")(tmp_path / f"study.{kind}")
    assert pd.read_csv(tmp_path / "study.csv")[COLUMN].tolist() == [3, 3, 3]
    assert [row[COLUMN] for row in json.loads((tmp_path / "study.json").read_text())] == [3, 3, 3]
    footer = re.search("<footer>.*</footer>", (tmp_path / "study.html").read_text(encoding="utf-8"))[0]
    assert SENTENCE in footer
    assert pickle.loads(pickle.dumps(comparison)).rules == 3


def test_every_text_ends_with_it(comparison):
    assert SENTENCE in comparison_text(comparison, 120)
    assert SENTENCE in breakdown_text(comparison.cells[0].breakdown)
    assert SENTENCE in training_cost_text([hwsim.price(hwsim.count_training((4, 3, 2), "full-precision", 8))])


# ------------------------------------------------------------------------------------------------------- notes


def test_drift_is_told_in_every_result_made_of_the_run(comparison):
    run = hwsim.simulate("digits-mlp", hwsim.load_dataset("digits")[:20], "delta")
    (drift,) = run.notes
    assert drift.startswith("real arithmetic under delta: outputs are up to ")
    counts = hwsim.count(run.activity)
    assert drift in run.activity.notes
    assert drift in counts.notes
    assert drift in counts.as_format("int32").notes
    assert drift in hwsim.price(counts).notes
    assert drift in hwsim.price(pickle.loads(pickle.dumps(counts)), phases=["synapse"]).notes
    assert " ".join(breakdown_text(hwsim.price(counts), width=400).split()).count(drift) == 1
    assert " ".join(breakdown_text(hwsim.price(counts), run, width=400).split()).count(drift) == 1
    cell = next(each for each in comparison.cells if each.execution == "delta" and each.network == "digits-mlp")
    assert cell.notes.count(drift) == 1
    assert drift in cell.counts.notes
    frame = comparison.to_dataframe().set_index(["network", "machine"])["notes"]
    assert drift in frame["digits-mlp", "delta-mac"]
    assert drift not in frame["digits-mlp", "mac-array"]
    said = f"digits-mlp on delta-mac: {drift}"
    assert " ".join(comparison_text(comparison, 120).split()).count(said) == 1
    assert said in page(comparison)


def test_a_row_without_prices_keeps_its_notes():
    data = hwsim.load_dataset("digits")[:20]
    rows = [("digits-mlp", "delta-mac")]
    study = hwsim.compare(rows=rows, tables=["horowitz_2014_45nm"], data=data, baseline=("digits-mlp", "mac-array"),
                          phases=["memory"])  # fmt: skip
    assert all(cell.breakdown is None for cell in study.cells)
    assert any(note.startswith("real arithmetic under delta") for note in study.cells[1].notes)
