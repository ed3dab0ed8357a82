"""``hwsim train`` and ``hwsim training-cost`` as a user meets them."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from hwsim import cli
from hwsim.network_file import load_network

HWSIM = pathlib.Path(sys.executable).with_name("hwsim")


@pytest.fixture
def hwsim(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: its code, its output, its complaint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_training_cost_shows_both_ways_to_count(hwsim):
    code, out, err = hwsim("training-cost", "--layers", "784-1024-1024-1024-10", "--batch", 200)
    assert (code, err) == (0, "")
    paper, complete = out.split("complete accounting")
    assert "784-1024-1024-1024-10, ternary-connect-qbp: one step of a minibatch of 200, paper accounting" in paper
    assert "1,849,200" in paper
    assert "582,041,600" in paper
    assert "memory words are not counted" in complete
    total = next(line for line in complete.splitlines() if line.startswith("total"))
    assert "618,400" in total
    assert "mJ per step" in complete


def test_training_cost_of_an_architecture_by_name(hwsim):
    options = ("--method", "lat")
    by_name = hwsim("training-cost", "--layers", "mlp-784-200-200-10", *options)
    assert by_name == hwsim("training-cost", "--layers", "784-200-200-10", *options)
    assert by_name[0] == 0


def test_training_cost_with_batch_norm_in_one_accounting(hwsim):
    options = ("--method", "full-precision", "--batch-norm", "--accounting", "paper")
    _, out, _ = hwsim("training-cost", *options)
    assert "1,753,549,338" in out
    assert "complete accounting" not in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--method", "latt"), "no training method named 'latt'; did you mean lat"),
        (("--layers", "784"), "expected two positive numbers or more"),
        (("--layers", "784-ten"), "'784-ten' is not a list of numbers"),
        (("--accounting", "papers"), "no accounting named 'papers'; did you mean paper"),
        (("--method", "lat", "--accounting", "paper"), "write complete"),
        (("--table", "horowitz_2014_45nm"), "has no price for"),
    ],
)
def test_training_cost_of_bad_input(hwsim, arguments, expected):
    code, out, err = hwsim("training-cost", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert expected in err


@pytest.mark.torch
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("latt",), "no training method named 'latt'; did you mean lat"),
        (("lab", "--bit-width", 3), "method lab has no option bit-width; it has: none"),
        (("mlp", "--max-shift", 3), "method mlp has no option max-shift; it has: batch-size"),
        (("lat", "--layers", "64-"), "layers '64-': "),
        (("lat", "--layers", "cnn-lin-2015"), "did you mean cnn-lin-2016"),
        (("lat", "--layers", "784-10"), "read 784, but a frame of digits has 1x8x8: begin with 64"),
        (("lat", "--layers", "64-10", "--validation-frames", 898), "898 of 898 frames for validation"),
        (("lat", "--layers", "64--10"), "nothing cannot come after 64"),
        (("lat", "--layers", "64-99999999999999999999-10"), "99999999999999999999 is too large; write numbers up to"),
        (("lat", "--layers", "64-10", "--seed", 2**64), "expected 0 to 18446744073709551615"),
        (("lat", "--layers", "64-10", "--epochs", 10**400), "epochs: expected at most 1,000,000,000"),
    ],
)
def test_train_of_bad_input(hwsim, arguments, expected, tmp_path):
    code, out, err = hwsim("train", *arguments, "--data", "digits", "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert expected in err
    assert not (tmp_path / "out").exists()  # before anything is written


@pytest.mark.torch
def test_layers_that_fit_no_memory(hwsim):
    code, out, err = hwsim("train", "lat", "--data", "digits", "--layers", "64-1000000-1000000-10", "--out", "big")
    assert (code, out) == (2, "")
    assert err.startswith("hwsim: not enough memory")


@pytest.mark.torch
def test_a_batch_larger_than_any_data(hwsim, tmp_path):
    arguments = ("--data", "digits", "--layers", "64-10", "--frames", 50, "--epochs", 1, "--batch-size", 10**30)
    assert hwsim("train", "lat", *arguments, "--out", "all")[0] == 0
    assert load_network(tmp_path / "all").about["batch_size"] == 10**30


@pytest.mark.torch
def test_folder_without_a_name_gets_that_of_where_it_is(hwsim, tmp_path, monkeypatch):
    arguments = ("--data", "digits", "--layers", "64-10", "--frames", 50, "--epochs", 1)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, out, _ = hwsim("train", "binary-connect", *arguments, "--out", ".")
    assert (code, len(out.splitlines())) == (0, 2)
    assert load_network(tmp_path / "here").name == "here"
    assert load_network(tmp_path / "here-latent").name == "here-latent"
    code, _, err = hwsim("train", "lat", *arguments, "--out", "/")
    assert code == 2
    assert "has no name" in err


@pytest.mark.torch
def test_train_writes_and_tells(hwsim, tmp_path):
    arguments = ("--data", "digits", "--layers", "64-12-10", "--epochs", 2, "--frames", 200, "--out", "made/bits")
    code, out, err = hwsim("train", "binary-connect", "--deterministic", *arguments)
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["wrote made/bits", "wrote made/bits-latent"]
    network = load_network(tmp_path / "made" / "bits")
    assert network.about["command"] == (
        "hwsim train binary-connect --data digits --layers 64-12-10 --epochs 2 --seed 0 "
        "--deterministic --frames 200 --out bits"
    )


@pytest.mark.torch
def test_float_perceptron_is_trained_as_before(hwsim, tmp_path):
    code, out, _ = hwsim("train", "mlp", "--data", "digits", "--layers", "64-10", "--epochs", 1, "--out", "float")
    assert code == 0
    assert out.startswith("wrote float: ")
    assert load_network(tmp_path / "float").about["command"].startswith("hwsim train mlp --data digits")


@pytest.mark.torch
@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGKILL, ""), pytest.param(signal.SIGINT, "the same command goes on from", marks=pytest.mark.slow)],
)
def test_killed_run_goes_on_where_it_stopped(number, said, tmp_path):
    command = [HWSIM, "train", "ternary-connect", "--data", "digits", "--layers", "64-10", "--frames", "200"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    options = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True}
    # a test run in the background may be deaf to interrupts, and its children too
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None
    run = subprocess.Popen([*command, "--epochs", "100000", "--out", "cut"], **options)
    while not (tmp_path / "cut" / "checkpoint.pt").exists():
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    run.send_signal(number)
    told = run.communicate(timeout=120)[1]
    assert said in told
    assert len(told.splitlines()) == (1 if said else 0)
    assert run.returncode == (-number if number == signal.SIGKILL else 130)
    path = tmp_path / "cut" / "checkpoint.pt"
    state = torch_load(path)
    done = state["progress"]["epoch"]
    again = subprocess.Popen([*command, "--epochs", "100000", "--out", "cut"], **options)
    while torch_load(path)["progress"]["epoch"] <= done:
        assert again.poll() is None, again.stderr.read()
        time.sleep(0.05)
    again.kill()
    again.communicate()
    history = torch_load(path)["progress"]["history"]
    assert [entry["epoch"] for entry in history] == list(range(1, len(history) + 1))
    assert history[: len(state["progress"]["history"])] == state["progress"]["history"]


def torch_load(path):
    import torch

    return torch.load(path, weights_only=True)
