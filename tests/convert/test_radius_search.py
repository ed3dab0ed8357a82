"""Searches over radii and levels, choices of levels by energy, and the command that does the first."""

import itertools

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hwsim.cli import app
from hwsim.convert import gpfq, mixed_levels, msq
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.convert.radius_search import search
from hwsim.datasets import Dataset, load_dataset
from hwsim.errors import DataError, HwsimError, NetworkError
from hwsim.network.graph import Network
from hwsim.network_file import load_network
from hwsim.report.radius_page import radius_text, write_radius_page
from hwsim.simulation.simulator import simulate

TRAIN, TEST = load_dataset("digits", "train"), load_dataset("digits", "test")


def run(*arguments):
    done = CliRunner().invoke(app, ["convert", "gpfq", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


@pytest.fixture(scope="module")
def found():
    return search(load_network("digits-mlp"), TRAIN[:500], TRAIN[500:], TEST, (3, 4), (1.0, 2.0, 3.0))


def test_every_pair_is_tried_by_both_methods(found):
    pairs = [(levels, radius) for levels in (3, 4) for radius in (1.0, 2.0, 3.0) for _ in range(2)]
    assert [(trial.levels, trial.radius) for trial in found.trials] == pairs
    assert [trial.method for trial in found.trials] == ["GPFQ", "MSQ"] * 6
    network = load_network("digits-mlp")
    for trial in found.trials[2:6]:
        convert = {"GPFQ": gpfq.convert, "MSQ": msq.convert}[trial.method]
        converted = convert(network, TRAIN[:500], trial.levels, trial.radius)
        assert trial.validation == simulate(converted, TRAIN[500:], "sparse").accuracy
        assert trial.test == simulate(converted, TEST, "sparse").accuracy
        codes = np.concatenate([layer.terms[0].code.ravel() for layer in converted.layers if hasattr(layer, "terms")])
        assert trial.zeros == np.mean(codes == 0)


def test_validation_frames_choose(found):
    best = found.best()
    assert best.validation == max(trial.validation for trial in found.of("GPFQ"))
    assert found.best_on_test().test == max(trial.test for trial in found.of("GPFQ"))
    assert simulate(found.network, TEST, "sparse").accuracy == best.test
    assert found.float_test == simulate(load_network("digits-mlp"), TEST, "sparse").accuracy
    assert found.frames == {"calibration": 500, "validation": 398, "test": 899}


def test_threads_change_nothing(found):
    told = []
    again = search(
        load_network("digits-mlp"), TRAIN[:500], TRAIN[500:], TEST, (3, 4), (1.0, 2.0, 3.0), threads=1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert again.network == found.network
    assert [(each.validation, each.test) for each in again.trials] == [
        (each.validation, each.test) for each in found.trials
    ]
    assert told == [(k, 6) for k in range(1, 7)]


def test_frames_without_labels_cannot_choose():
    with pytest.raises(DataError, match="data set unlabelled: no labels"):
        search(load_network("digits-mlp"), TRAIN, Dataset(TRAIN.inputs, TRAIN.step, name="unlabelled"))


def test_what_fails_or_is_interrupted_begins_no_other(monkeypatch):
    begun = []

    def tells(network, inputs, levels, radius, **options):
        begun.append(radius)
        return gpfq_convert(network, inputs, levels, radius, **options)

    gpfq_convert = gpfq.convert
    monkeypatch.setattr(gpfq, "convert", tells)

    def interrupted(done, total):
        raise KeyboardInterrupt

    for radii, error, progress in (
        ((-1.0, *range(1, 30)), NetworkError, lambda done, total: None),
        (range(1, 30), KeyboardInterrupt, interrupted),
    ):
        begun.clear()
        with pytest.raises(error):
            search(load_network("digits-mlp"), TRAIN[:500], TRAIN[500:], TEST, radius=radii, progress=progress)
        assert len(begun) < 29


def test_results_as_table_and_page(found, tmp_path):
    table = found.to_dataframe()
    assert len(table) == 12
    assert {"radius [units of weight]", "validation accuracy", "test accuracy", "conversion [s]"} <= set(table.columns)
    write_radius_page(found, tmp_path / "page.html", {"others </script>": [(1.0, 0.5), (2.0, 0.6)]})
    page = (tmp_path / "page.html").read_text()
    assert "others </script>" not in page
    assert "the test set itself would choose" in page
    assert "validation frames choose" in radius_text(found)
    without = search(load_network("digits-mlp"), TRAIN[:200], TRAIN[500:], radius=(2,))
    assert without.float_test is None
    assert "test set" not in radius_text(without)


def test_the_command(tmp_path):
    out, page = tmp_path / "ternary", tmp_path / "page.html"
    options = ("--data", "digits", "--frames", 500, "--validation", 398)
    said = run("digits-mlp", *options, "--radius", "1..3", "--out", out, "--html", page)
    expected = search(load_network("digits-mlp"), TRAIN[:500], TRAIN[500:], TEST, (3,), (1, 2, 3))
    network = load_network(out)
    assert network == expected.network
    assert f"wrote {out}: test accuracy" in said
    assert page.stat().st_size > 1_000_000
    best = expected.best()
    assert network.about["command"] == (
        f"hwsim convert gpfq digits-mlp --data digits --levels 3 --radius {best.radius:g} --frames 500 "
        "--validation 398 --out ternary"
    )
    # the command that is stated makes it again
    run(*network.about["command"].split()[3:-2], "--out", tmp_path / "again")
    assert load_network(tmp_path / "again") == network


def test_the_command_quantizes_signals_too(tmp_path):
    run(
        *("digits-mlp", "--data", "digits", "--frames", 500, "--validation", 398, "--radius", 3),
        *("--signal-bit-width", 4, "--bias-correction", "all", "--stochastic", "--out", tmp_path / "coded"),
    )
    network = load_network(tmp_path / "coded")
    assert network.is_integer
    assert "--bias-correction all --signal-bit-width 4" in network.about["command"]
    assert "--stochastic" in network.about["command"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frames", 800, "--validation", 99), "its train split has 898"),
        (("--split", "test", "--frames", 500, "--validation", 399), "some must be left to report on"),
        (("--radius", "3..1"), "'3..1' is no range; write --radius 1..10"),
        (("--radius", "some"), "no list of numbers|is not a list of numbers"),
        (("--levels", "1"), "write a whole number from 2"),
        (("--levels", "99999"), "write a whole number from 2 to 32767"),
        (("--radius", "-1"), "layer dense1: radius -1.0: expected a positive number"),
        (("--radius", "nan"), "layer dense1: radius nan: expected a positive number"),
        (("--seed", -1), "seed -1; write a whole number from 0"),
        (("--unit", "mean"), "write median, nonzero-median, largest"),
        (("--sparsity", "soft"), "a threshold above 0 goes with soft or hard"),
        (("--html", "nowhere/page.html"), "there is no folder nowhere; make it, or write elsewhere"),
        (("--out", __file__), "test_radius_search.py: is a file; write the name of a folder"),
        (("--out", f"{__file__}/made"), "test_radius_search.py is a file; write the name of a folder"),
    ],
)
def test_options_that_do_not_fit(options, message, tmp_path, monkeypatch):
    """Said before the work, where that can be."""
    if options[0] in ("--html", "--out"):
        monkeypatch.setattr("hwsim.convert.radius_search.search", None)
    given = {"--data": "digits", "--frames": 500, "--validation": 300, "--radius": 2, "--out": tmp_path / "out"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    with pytest.raises(HwsimError, match=message):
        run("digits-mlp", *(each for pair in given.items() for each in pair))
    assert not (tmp_path / "out").exists()


def test_the_test_split_is_cut_in_three(tmp_path):
    options = ("--data", "digits", "--split", "test", "--frames", 400, "--validation", 300, "--radius", "2")
    run("digits-mlp", *options, "--out", tmp_path / "out")
    assert load_network(tmp_path / "out").about["accuracy"]["frames"] == 199


# --- levels by layer, chosen by energy


def test_choices_go_from_cheap_to_good():
    network = load_network("digits-mlp")
    inputs = LayerInputs(network, TRAIN[:500])
    told = []
    choices = mixed_levels.frontier(network, inputs, TRAIN[500:], {3: 2.0, 5: 3.0, 17: 4.0}, progress=told.append)
    assert isinstance(network, Network)
    assert len(told) == 6
    for before, after in itertools.pairwise(choices):
        changed = [name for name in before.levels if before.levels[name] != after.levels[name]]
        assert len(changed) == 1
        assert after.error < before.error
        assert after.energy >= before.energy or after.error < before.error
    assert choices[-1].error < choices[0].error / 5
    budget = (choices[0].energy + choices[-1].energy) / 2
    middle = mixed_levels.within(choices, budget)
    assert middle.energy <= budget
    assert middle.error == min(choice.error for choice in choices if choice.energy <= budget)
    converted = gpfq.convert(
        network, inputs, middle.levels, {name: {3: 2.0, 5: 3.0, 17: 4.0}[m] for name, m in middle.levels.items()}
    )
    assert converted.about["levels"] == middle.levels
    with pytest.raises(NetworkError, match="the cheapest choice takes"):
        mixed_levels.within(choices, 0.0)
    with pytest.raises(NetworkError, match="two numbers or more"):
        mixed_levels.frontier(network, inputs, TRAIN[500:], {3: 2.0})


def test_a_search_is_a_tidy_table(found):
    assert isinstance(found.to_dataframe(), pd.DataFrame)
