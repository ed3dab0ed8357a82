"""The studies of sigma-delta networks run, small."""

import pathlib
import subprocess
import sys

import pandas as pd
import pytest

pytestmark = pytest.mark.torch

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def run(script, folder, *arguments):
    command = [sys.executable, EXAMPLES / script, *arguments, "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_toy(tmp_path):
    run("sigma_delta_toy.py", tmp_path, "--epochs", "20")
    table = pd.read_csv(tmp_path / "out" / "toy.csv")
    assert (table["kind"] == "random").sum() == 1000
    learned = table[table["kind"] == "learned"]
    assert learned["kilo-additions per frame"].is_monotonic_decreasing
    assert learned["better random ones"].iloc[3] < table.loc[table["kind"] == "random", "better random ones"].median()
    assert (tmp_path / "out" / "toy.html").stat().st_size > 1_000_000


@pytest.mark.data
def test_mnist(tmp_path):
    run("sigma_delta_on_mnist.py", tmp_path, "--learn", "300", "--frames", "100")
    table = pd.read_csv(tmp_path / "out" / "mnist.csv")
    dense = table[(table["scales learned"] == "original") & (table["execution"] == "dense")]
    assert (dense["additions per frame"] == 198_800).all()
    assert (dense["multiplications per frame"] == 198_800).all()
    assert (table.loc[table["scales learned"] != "original", "multiplications per frame"] == 0).all()
    # a rounding network and its sigma-delta network are one function, whose order of frames does not matter
    rounded = table[table["scales learned"] != "original"]
    assert (rounded.groupby(["scales learned", "lambda"])["error, test [%]"].nunique() <= 2).all()
    same = rounded.groupby(["scales learned", "lambda", "order"])["error, test [%]"].nunique()
    assert (same == 1).all()


@pytest.mark.data
def test_methods(tmp_path):
    methods = ("paper", "(a), (b), secant at temperature 4")
    run("sigma_delta_methods.py", tmp_path, "mnist-mlp", "--learn", "500", "--methods", *methods)
    curves = pd.read_csv(tmp_path / "out" / "curves.csv")
    assert set(curves["method"]) > {*methods, "dead zone of the input"}
    table = pd.read_csv(tmp_path / "out" / "methods.csv").set_index("method")
    assert set(table.index) == set(curves["method"])
    assert (table["lambdas"] == 5).all()
    assert (curves.loc[curves["method"] == "paper", "additions per frame, sigma-delta"].diff().dropna() != 0).all()
