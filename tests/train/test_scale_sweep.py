"""Sweeps over lambda: rows as the simulator counts them, and what an interruption leaves."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import hwsim
from hwsim.cli import app
from hwsim.commands.scales import lambdas
from hwsim.convert import sigma_delta
from hwsim.errors import HwsimError
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
