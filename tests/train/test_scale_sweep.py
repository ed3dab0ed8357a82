"""Sweeps over lambda: rows as the simulator counts them, and what an interruption leaves."""

import re
import shutil
import threading

import numpy as np
import pandas as pd
import pytest
import steps
from typer.testing import CliRunner

import hwsim
from hwsim.cli import app
from hwsim.commands.scales import lambdas
from hwsim.convert import sigma_delta
from hwsim.errors import FileError, HwsimError
from hwsim.network.canonical import canonical
from hwsim.train import TrainingError, scale_sweep
from hwsim.train.scales import RECIPES, Settings

pytestmark = pytest.mark.torch

LAMS = (1e-5, 1e-3)


@pytest.fixture(scope="module")
def case():
    network = hwsim.load_network("digits-mlp")
    train = hwsim.load_dataset("digits", "train", order="temporal", frames=200)
    return network, train, hwsim.load_dataset("digits", order="temporal", frames=150)


def settings(**changes):
    return Settings(1.0, **(RECIPES["temporal"] | {"epochs": 2, "batch_size": 50} | changes))


@pytest.fixture(scope="module")
def swept(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return folder, scale_sweep.sweep(*case, np.array(LAMS), settings(), folder)


def test_rows_are_what_the_simulator_counts(case, swept):
    network, train, test = case
    folder, rows = swept
    assert rows["lambda"].tolist() == [0.0, *LAMS]
    original = hwsim.simulate(network, test).predictions
    for row in rows.to_dict("records"):
        scales = 1.0 if row["scales"] == "1" else folder / str(row["scales"])
        converted = sigma_delta.convert(network, train, scales, headroom=1)
        run = hwsim.simulate(converted, test, "delta")
        counts = hwsim.count(run.activity, "sigma-delta-adder")
        assert row["error [%]"] == pytest.approx(100 * (1 - run.accuracy), abs=1e-4)
        assert row["changed [%]"] == pytest.approx(100 * np.mean(run.predictions != original), abs=1e-4)
        additions = counts.total("synapse", "addition") / len(test)
        assert row["additions per frame, sigma-delta"] == pytest.approx(additions, abs=0.06)
        assert counts.total("synapse", "multiplication") == counts.total("neuron", "multiplication") == 0
    assert rows["additions per frame, sigma-delta"].iloc[1] > rows["additions per frame, sigma-delta"].iloc[2]


def test_an_interrupted_sweep_goes_on(case, swept, tmp_path, monkeypatch):
    learn, calls = scale_sweep.learn, []

    def interrupt(network, data, chosen, *rest):
        calls.append(chosen.lam)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return learn(network, data, chosen, *rest)

    monkeypatch.setattr(scale_sweep, "learn", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scale_sweep.sweep(*case, LAMS, settings(), tmp_path)
    assert pd.read_csv(tmp_path / "sweep.csv")["lambda"].tolist() == [0.0, LAMS[0]]
    told = []
    rows = scale_sweep.sweep(*case, LAMS, settings(), tmp_path, progress=lambda done, text: told.append(done))
    assert calls == [LAMS[0], LAMS[1], LAMS[1]]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    expected = swept[1].drop(columns="seconds")
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), expected)


def test_other_settings_need_another_folder(case, swept):
    with pytest.raises(TrainingError, match=r"of another sweep \(seed\); name another folder, or delete this one"):
        scale_sweep.sweep(*case, LAMS, settings(seed=1), swept[0])


def cut(text, ending):
    """A text that ends with so much of the last line that is said."""
    assert ending in text
    return text[: text.rindex(ending) + len(ending)]


@pytest.fixture
def copied(swept, tmp_path):
    shutil.copytree(swept[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("file", "left", "again"),
    [
        ("sweep.csv", lambda text: "", (0.0, *LAMS)),
        ("sweep.csv", lambda text: text[:20], (0.0, *LAMS)),
        ("sweep.csv", lambda text: cut(text, "\n0.001,0,scales-1.000e-03.yaml,"), LAMS[1:]),
        ("sweep.csv", lambda text: text.rstrip("\n"), LAMS[1:]),  # its last number may have had more digits
        ("scales-1.000e-05.yaml", lambda text: "", LAMS[:1]),
        ("scales-1.000e-05.yaml", lambda text: text[: len(text) // 2], LAMS[:1]),
        ("scales-1.000e-05.yaml", None, LAMS[:1]),
    ],
)
def test_what_was_cut_short_is_learned_again(file, left, again, case, swept, copied, monkeypatch):
    if left is None:
        (copied / file).unlink()
    else:
        (copied / file).write_text(left((copied / file).read_text()))
    learn, learned = scale_sweep.learn, []

    def watched(network, data, chosen, *rest):
        learned.append(chosen.lam)
        return learn(network, data, chosen, *rest)

    monkeypatch.setattr(scale_sweep, "learn", watched)
    rows = scale_sweep.sweep(*case, LAMS, settings(), copied)
    assert learned == [lam for lam in again if lam]
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), swept[1].drop(columns="seconds"))
    for scales in copied.glob("scales-*"):
        assert scales.read_bytes() == (swept[0] / scales.name).read_bytes()
    assert len(pd.read_csv(copied / "sweep.csv")) == 3


def test_other_rows_stay_when_their_scales_are_gone(case, copied):
    (copied / "scales-1.000e-05.yaml").unlink()
    rows = scale_sweep.sweep(*case, LAMS[1:], settings(), copied)
    assert rows["lambda"].tolist() == [0.0, *LAMS]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("sweep.csv", "\n0.001,0,", "\n0.001,", "sweep.csv:4: half a row, or a damaged one; delete the line"),
        ("sweep.csv", "\n0.001,0,", "\n0.001,,", "sweep.csv:4: half a row"),
        ("sweep.csv", "\n1e-05,", "\n1e-05x,", "sweep.csv:3: half a row"),
        ("sweep.csv", "lambda,", "lam,", "sweep.csv: no table of a sweep (lambda or scales is missing); delete it"),
        (
            "sweep.yaml",
            "shuffled",
            "\tshuffled",
            "sweep.yaml: empty, cut short or damaged; if the folder is of this sweep",
        ),
    ],
)
def test_what_is_damaged_is_named(file, old, new, said, case, copied):
    text = (copied / file).read_text()
    assert old in text
    (copied / file).write_text(text.replace(old, new, 1))
    with pytest.raises(FileError, match=re.escape(said)):
        scale_sweep.sweep(*case, LAMS, settings(), copied)


@pytest.mark.parametrize("left", [0, 60, -1])
def test_what_is_swept_may_be_deleted_where_it_was_cut_short(left, case, swept, copied):
    stated = (copied / "sweep.yaml").read_text()
    (copied / "sweep.yaml").write_text(stated[:left])
    with pytest.raises(FileError, match=r"sweep\.yaml: empty, cut short or damaged; .* delete the file"):
        scale_sweep.sweep(*case, LAMS, settings(), copied)
    (copied / "sweep.yaml").unlink()
    rows = scale_sweep.sweep(*case, LAMS, settings(), copied)
    pd.testing.assert_frame_equal(rows, swept[1])
    assert (copied / "sweep.yaml").read_text() == stated


def test_a_second_sweep_into_one_folder_is_refused(case, tmp_path, monkeypatch):
    """And no row of the first is lost."""
    learn, refused = scale_sweep.learn, []

    def second():
        try:
            scale_sweep.sweep(*case, LAMS, settings(), tmp_path)
        except FileError as error:
            refused.append(str(error))

    def beside(*arguments):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        return learn(*arguments)

    monkeypatch.setattr(scale_sweep, "learn", beside)
    rows = scale_sweep.sweep(*case, LAMS, settings(), tmp_path)
    assert refused == [f"{tmp_path}: another process writes there; wait for it, or name another folder"] * 2
    assert rows["lambda"].tolist() == [0.0, *LAMS]


@pytest.mark.slow
def test_wherever_a_sweep_ends_files_are_old_or_new_and_it_goes_on(case, swept, tmp_path):
    (tmp_path / "sweep").mkdir()
    with steps.left_behind(tmp_path / "sweep", tmp_path / "left") as taken:
        scale_sweep.sweep(*case, LAMS, settings(), tmp_path / "sweep")
    assert {"write", "fsync", "rename"} <= set(taken)
    expected = swept[1].drop(columns="seconds")
    for number in range(1, len(taken) + 1):
        left = tmp_path / "left" / f"{number}"
        for path in left.glob("[!.]*"):
            if path.name == "sweep.csv":
                rows = pd.read_csv(path, dtype={"scales": str}).drop(columns="seconds")
                pd.testing.assert_frame_equal(rows, expected[: len(rows)], check_dtype=False)
            else:
                assert path.read_bytes() == (swept[0] / path.name).read_bytes()
        rows = scale_sweep.sweep(*case, LAMS, settings(), left)
        pd.testing.assert_frame_equal(rows.drop(columns="seconds"), expected)


def test_additions_at_an_error_are_interpolated():
    rows = pd.DataFrame({"error [%]": [90.0, 4.0, 2.0, 3.0, 1.0], "additions": [0.0, 1000.0, 2000.0, 3000.0, 8000.0]})
    # the two in the middle are out of order, and both become their mean of 2.5
    assert scale_sweep.additions_at(rows, 3.25, "additions") == pytest.approx(1000 * 2**0.5)
    assert scale_sweep.additions_at(rows, 1.0, "additions") == pytest.approx(8000)
    assert np.isnan(scale_sweep.additions_at(rows, 0.5, "additions"))
    assert np.isnan(scale_sweep.additions_at(rows[:1], 90.0, "additions"))
    assert np.isnan(scale_sweep.additions_at(rows, 4.5, "additions"))


def test_lists_and_ranges_of_lambdas():
    assert lambdas("1e-7,2e-6") == [1e-7, 2e-6]
    np.testing.assert_allclose(lambdas("1e-10..1e-5:10"), 10.0 ** np.linspace(-10, -5, 10))
    for text in ("1e-7,", "0..1:3", "1e-7..1e-6", "1e-7..1e-6:x", "1e-7..1e-6:1"):
        with pytest.raises(HwsimError, match="write --lams 1e-7,1e-6 or"):
            lambdas(text)


def test_from_scales_to_a_network_on_the_command_line(tmp_path):
    file, folder = tmp_path / "scales.yaml", tmp_path / "made"
    options = "--data digits --lam 1e-4 --epochs 1 --per-unit --loss l2 --frames 100"
    learned = CliRunner().invoke(app, ["train", "scales", "digits-mlp", *options.split(), "--out", str(file)])
    assert learned.exit_code == 0, learned.output
    assert "dense1: scale" in learned.output
    made = CliRunner().invoke(
        app, ["convert", "sigma-delta", "digits-mlp", "--data", "digits", "--scales", str(file), "--out", str(folder)]
    )
    assert made.exit_code == 0, made.output
    assert "accumulators [bits]: dense1 16, dense2" in made.output
    network = hwsim.load_network(folder)
    expected = sigma_delta.convert(hwsim.load_network("digits-mlp"), hwsim.load_dataset("digits", "train"), file)
    assert network == canonical(expected)  # the form in which networks are loaded
    assert network.about["command"].startswith("hwsim convert sigma-delta digits-mlp --data digits --scales ")
