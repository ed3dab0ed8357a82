"""Baselines: any number of them, those of a comparison that names none, and what is converted for one."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

import hwsim
from hwsim.errors import NetworkError
from hwsim.report.page import page
from hwsim.report.text import comparison_text
from hwsim.study import baselines

FLOAT, INT8 = ("digits-mlp", "mac-array"), ("digits-mlp-int8", "zero-skipping-mac")
CHANGES = ("digits-mlp-rounding", "delta-mac")
ROWS = [FLOAT, ("digits-mlp-int8", "mac-array"), INT8, ("digits-mlp-rounding", "sigma-delta-adder"), CHANGES]


@pytest.fixture(scope="module")
def data():
    return hwsim.load_dataset("digits")[:40]


@pytest.fixture(scope="module")
def study(data):
    return hwsim.compare(rows=ROWS, data=data, baseline=[FLOAT, INT8, CHANGES])


def named(pair):
    return f"{pair[0]} on {pair[1]}"


# -------------------------------------------------------------------------------------------------- three at once


def test_an_advantage_over_each(study):
    frame = study.to_dataframe().set_index(["network", "machine"])
    joule = frame["energy [J per inference]"]
    assert frame["advantage"].to_numpy() == pytest.approx((joule[FLOAT] / joule).to_numpy(), rel=1e-12)
    for baseline in (INT8, CHANGES):
        found = frame[f"advantage over {named(baseline)}"].to_numpy()
        assert found == pytest.approx((joule[baseline] / joule).to_numpy(), rel=1e-12)
    assert study.baseline == FLOAT
    assert study.baselines == (FLOAT, INT8, CHANGES)


def test_the_first_is_what_accuracies_refer_to(study, data):
    single = hwsim.compare(rows=ROWS, data=data, baseline=FLOAT)
    assert [cell.against for cell in study.cells] == [cell.against for cell in single.cells]
    assert [cell.factors for cell in study.cells] == [cell.factors for cell in single.cells]
    assert [cell.is_baseline for cell in study.cells] == [True, False, False, False, False]


def test_factors_over_each_multiply_to_its_advantage(study):
    for cell in study.cells:
        assert [each.baseline for each in cell.advantages] == [named(each) for each in (FLOAT, INT8, CHANGES)]
        for each in cell.advantages:
            assert np.prod(list(each.factors.values())) == pytest.approx(each.times, rel=1e-9)
            assert each.baseline != cell.method or set(each.factors.values()) == {1}


def test_the_first_comes_before_the_rows_where_it_is_none_and_the_others_after(data):
    study = hwsim.compare(rows=[ROWS[3]], data=data, baseline=[list(FLOAT), INT8, FLOAT])
    assert [(cell.network, cell.machine) for cell in study.cells] == [FLOAT, ROWS[3], INT8]


def test_text_has_a_column_for_each(study):
    text = comparison_text(study, 10_000)
    also = f"; also against {named(INT8)}, {named(CHANGES)}"
    assert text.splitlines()[0].endswith(f"baseline: {named(FLOAT)}{also}")
    header = next(line for line in text.splitlines() if line.startswith("network / machine"))
    assert header.split()[header.split().index("less") :][:3] == ["less", "less2", "less3"]
    row = next(line for line in text.splitlines() if line.startswith("  sigma-delta-adder"))
    first = header.split().index("less") - 3 + 1  # the header's first column has three words, the row's one
    advantages = [each.times for each in study.cells[3].advantages]
    assert [float(each.rstrip("x")) for each in row.split()[first : first + 3]] == pytest.approx(advantages, rel=0.01)
    assert f"less2 than {named(INT8)}, less3 than {named(CHANGES)}" in " ".join(text.split())


def test_page_and_csv_have_a_column_for_each(study, tmp_path):
    content = page(study)
    assert content.count('<span class="tag">baseline 2</span>') > 0
    rows = content.split("<h2>All rows</h2>")[1].split("</section>")[0]
    assert rows.split("</thead>")[0].endswith("<th>baseline</th><th>baseline<br>2</th><th>baseline<br>3</th></tr>")
    last = re.findall(r'<td class="total">([\d.]+)x</td>', rows.split("sigma-delta-adder")[1].split("</tr>")[0])
    assert list(map(float, last)) == pytest.approx([each.times for each in study.cells[3].advantages], rel=0.01)


def test_page_shows_the_factors_over_each(study):
    parts = page(study).split("<h2>What advantages are made of</h2>")[1].split("</section>")[0].split("<h3>")[1:]
    titles = [part.split("</h3>")[0] for part in parts]
    assert titles == [f"Over baseline, {named(FLOAT)}", f"Over baseline 2, {named(INT8)}",
                      f"Over baseline 3, {named(CHANGES)}"]  # fmt: skip
    for rank, part in enumerate(parts):
        line = part.split("sigma-delta-adder, delta")[1].split("</tr>")[0]
        advantage = study.cells[3].advantages[rank]
        shown = list(map(float, re.findall(r"<td[^>]*>([\d.]+)x</td>", line)))
        assert shown == pytest.approx([advantage.times, *advantage.factors.values()], rel=0.02)


def test_csv_has_a_column_for_each(study, tmp_path):
    study.write_csv(tmp_path / "study.csv")
    written = pd.read_csv(tmp_path / "study.csv")[f"advantage over {named(CHANGES)}"]
    assert written.tolist() == pytest.approx([each.advantages[2].times for each in study.cells], rel=1e-12)


@pytest.mark.parametrize("wrong", ["digits-mlp", [], ("digits-mlp",), [FLOAT, ("digits-mlp", 3)], 7])
def test_what_is_no_baseline(data, wrong):
    with pytest.raises(NetworkError, match=r"^baseline .*; write \(network, machine\), such as .*, or a list of such$"):
        hwsim.compare(rows=ROWS, data=data, baseline=wrong)


# ------------------------------------------------------------------------------------------------- the usual ones


@pytest.fixture
def strong(monkeypatch, tmp_path):
    """A machine in place of the accelerator that is the usual second baseline."""
    machine = hwsim.load_machine("mac-array-batch").model_dump(by_alias=True, exclude_defaults=True)
    path = tmp_path / "strong.yaml"
    path.write_text(yaml.safe_dump({**machine, "schema": 1, "name": "strong", "batch": 4}))
    monkeypatch.setattr(baselines, "STRONG", str(path))


def test_the_strong_machine_is_one_that_ships(data):
    study = hwsim.compare(rows=[INT8, ("digits-mlp", "delta-mac")], data=data)
    assert study.baselines == (FLOAT, ("digits-mlp-int8", "edge-npu"))
    # real numbers do not go through its multipliers, so that over it such rows have an advantage alone
    for cell in study.cells:
        over_first, over_strong = cell.advantages
        assert over_first.factors
        assert over_strong.times > 0
        assert bool(over_strong.factors) == (cell.network != "digits-mlp")
        refused = [note for note in cell.notes if note.startswith("no factors over digits-mlp-int8 on edge-npu")]
        assert len(refused) == (cell.network == "digits-mlp")


def test_the_float_network_and_that_of_8_bit_integers(strong, data):
    rows = [("digits-mlp-rounding", "delta-mac"), ("digits-mlp", "delta-mac"), ("digits-mlp-int8", "delta-mac")]
    study = hwsim.compare(rows=rows, data=data)
    assert study.baselines == (FLOAT, ("digits-mlp-int8", "strong"))
    assert [(cell.network, cell.machine) for cell in study.cells] == [FLOAT, *rows, ("digits-mlp-int8", "strong")]
    assert study.remarks == ()


def test_without_a_network_of_8_bit_integers_one_is_made_and_that_is_said(strong, data):
    study = hwsim.compare(rows=[FLOAT], data=data)
    assert study.baselines == (FLOAT, ("digits-mlp-int8", "strong"))
    assert "digits-mlp-int8 was made from digits-mlp" in comparison_text(study, 10_000)
    assert "calibrated on 898 train frames of digits" in page(study)
    # it is what `hwsim convert int8` made of it for the package
    shipped = hwsim.load_network("digits-mlp-int8")
    told = hwsim.compare(rows=[FLOAT], data=data, baseline=[FLOAT, (shipped, study.machines["strong"])])
    assert study.cells[1].breakdown.total == told.cells[1].breakdown.total


def test_frames_without_a_training_split_serve_for_both(strong, data):
    frames = hwsim.Dataset(data.inputs, data.step)
    (remark,) = hwsim.compare(rows=[FLOAT], data=frames).remarks
    assert "calibrated on 40 frames of array" in remark
    (remark,) = hwsim.compare(rows=[FLOAT], data=frames, calibration="digits").remarks
    assert "calibrated on 898 train frames of digits" in remark


def test_what_cannot_be_converted_is_left_out_and_that_is_said(strong):
    layers = (hwsim.Dense("first", terms=hwsim.Weight(np.ones((2, 3), np.float32))), hwsim.Sigmoid("curve"))
    network = hwsim.Network("curved", (2,), layers)
    study = hwsim.compare(rows=[(network, "mac-array")], data=hwsim.Dataset(np.ones((3, 2), np.float32)))
    assert study.baselines == (("curved", "mac-array"),)
    (remark,) = study.remarks
    assert remark.startswith("No baseline of 8-bit integers on strong: ")
    assert "curve" in remark


def test_without_a_network_of_real_numbers_a_baseline_must_be_named(strong, data):
    with pytest.raises(NetworkError, match=r"^none of the networks compared has weights of real.*name a baseline"):
        hwsim.compare(rows=[INT8], data=data)
