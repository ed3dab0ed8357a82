"""Every example runs, and prints what it is about."""

import pathlib
import runpy
import subprocess
import sys

import pandas as pd
import pytest

from hwsim.training_cost import METHODS

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("simulate_a_network.py", [], "accuracy 86.43%"),
        pytest.param("compare_methods.py", ["digits", "page.html"], "digits-mlp-int8", marks=pytest.mark.slow),
        ("plug_in_a_process_table.py", [], "my_28nm"),
        pytest.param("memory_matters.py", ["digits", "page.html"], "in full (default_45nm", marks=pytest.mark.slow),
    ],
)
def test_an_example_runs(script, arguments, expected, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


@pytest.mark.data
def test_few_multiplications(tmp_path):
    script, arguments = EXAMPLES / "few_multiplications.py", ["--frames", "50"]
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    # what is seen first is the answer, and names do not cover one another
    assert "Least energy at full precision's 98.33 % or more: an inference, lat, " in done.stdout
    rows = [
        {"method": name, "accuracy": accuracy} for name, accuracy in (("lat", 98.42), ("twn", 98.43), ("lsq", 97.0))
    ]
    assert len(set(runpy.run_path(str(script))["sides"]([1.0, 1.01, 2.0], rows)[:2])) == 2
    assert "ternary-connect-qbp" in done.stdout
    assert (tmp_path / "few-multiplications.html").stat().st_size > 1_000_000


@pytest.mark.data
def test_every_method_on_one_plot(tmp_path):
    command = [sys.executable, "-m", "hwsim", "compare", EXAMPLES / "every_method.yaml", "--frames", "50"]
    done = subprocess.run(
        [*command, "--csv", "all.csv", "--html", "all.html"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "all.csv")
    trained = {f"mnist-{method}" for method in METHODS if method != "full-precision"}
    assert trained | {"mnist-mlp", "mnist-mlp-sigma-delta", "mnist-500-300-gpfq-int4"} <= set(rows["network"])
    # nothing is made up of zeros, and of one architecture the float network on a dense machine takes most
    energy = rows["energy [J per inference]"]
    assert (energy > 0).all()
    small = ~rows["network"].str.startswith("mnist-500-300")
    assert tuple(rows.loc[energy[small].idxmax(), ["network", "machine"]]) == ("mnist-mlp", "mac-array")
    assert (tmp_path / "all.html").stat().st_size > 1_000_000
