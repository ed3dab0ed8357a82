"""Data of one's own on the command line: options of every command that takes ``--data``, and bad ones."""

import inspect
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from hwsim import cli, compare, count, simulate
from hwsim.commands.data_options import OPTIONS
from hwsim.datasets import Preprocessing, Source, load_dataset
from hwsim.network_file import load_network


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


@pytest.fixture
def frames(tmp_path):
    """Digits as a file of one's own holds them: channels last, 0 to 255, with labels."""
    digits = load_dataset("digits")
    inputs = np.moveaxis(digits.inputs * 15, 1, -1).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", inputs=inputs, labels=digits.labels)
    return digits


AS_DIGITS = ("--data", "mine.npz", "--step", "1/240", "--source-layout", "NHWC")


def test_simulate_reads_an_npz_as_it_reads_the_data_it_was_made_of(hwsim, frames):
    code, out, err = hwsim("simulate", "digits-mlp", *AS_DIGITS, "--execution", "sparse")
    assert (code, err) == (0, "")
    assert "899 frames of mine.npz" in out
    accuracy = simulate("digits-mlp", frames, "sparse").accuracy
    assert f"{100 * accuracy:.1f} % accuracy" in out


def test_every_option_reaches_the_data(hwsim, frames, monkeypatch):
    asked = []
    monkeypatch.setattr("hwsim.datasets.load_dataset", lambda source, *_, **__: asked.append(source) or frames)
    options = ("--size", "8x9", "--grey", "--data-scale", "1/4", "--mean", "0.5,1", "--std", "2", "--layout", "NCHW")
    hwsim("simulate", "digits-mlp", *AS_DIGITS, *options, "--independent")
    chosen = Preprocessing("NHWC", True, (8, 9), 0.25, (0.5, 1), 2, "NCHW", True)
    assert asked == [Source("mine.npz", 1 / 240, chosen)]
    hwsim("simulate", "digits-mlp", "--data", "mine.npz", "--size", "8", "--stream")
    assert asked[1] == Source("mine.npz", None, Preprocessing(size=8, independent=False))
    hwsim("simulate", "digits-mlp", "--data", "mine.npz")
    assert asked[2] == "mine.npz"


def commands(group):
    if hasattr(group, "make"):
        group.make()
    for command in group.commands.values():
        yield from commands(command) if hasattr(command, "commands") else [command]


def test_every_command_that_takes_data_takes_the_options():
    import typer

    from hwsim.commands.methods import OTHERS
    from hwsim.convert.methods import METHODS

    found = [
        (each.name, {parameter.name for parameter in each.params}) for each in commands(typer.main.get_command(cli.app))
    ]
    # machine show looks at one frame, to know its format
    with_data = [(name, names) for name, names in found if "data" in names and name != "show"]
    others = ["compare", "gpfq", "scale-sweep", "scales", "simulate"]
    assert sorted(name for name, _ in with_data) == sorted([OTHERS, *METHODS, *others])
    assert all(names >= set(OPTIONS) for _, names in with_data)


def test_independent_frames_send_under_delta_what_they_send_under_sparse(hwsim, frames):
    independent = load_dataset("digits", preprocessing=Preprocessing(independent=True))
    runs = [simulate("digits-mlp-int8", data, kind) for data, kind in ((independent, "delta"), (frames, "sparse"))]
    apart, sparse = (count(run.activity).total("synapse", "addition") for run in runs)
    assert apart == sparse
    assert count(simulate("digits-mlp-int8", frames, "delta").activity).total("synapse", "addition") != sparse
    shown = [
        hwsim("simulate", "digits-mlp-int8", "--execution", "delta", each)[1] for each in ("--independent", "--stream")
    ]
    assert shown[0] != shown[1]


def test_convert_calibrates_on_ones_own_frames_and_says_how(hwsim, frames, tmp_path):
    code, out, err = hwsim("convert", "int8", "digits-mlp", *AS_DIGITS, "--out", "made")
    assert (code, err) == (0, "")
    assert "wrote made: 94." in out
    command = load_network(tmp_path / "made").about["command"]
    assert command.startswith("hwsim convert int8 digits-mlp --data mine.npz --step 0.00416")
    assert command.endswith("--source-layout NHWC --out made")
    # the command that is stated makes the same network
    code, _, err = hwsim(*command.replace("--out made", "--out again").split()[1:])
    assert (code, err) == (0, "")
    assert load_network(tmp_path / "again") == load_network(tmp_path / "made")


STUDY = """\
schema: 1
name: mine
data: mine.npz
step: 0.004166666666666667
preprocessing: {source_layout: NHWC}
rows: [{network: digits-mlp-int8, machines: [mac-array]}]
baseline: {network: digits-mlp, machine: mac-array}
"""


def test_a_study_of_ones_own_frames(hwsim, frames, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    code, out, err = hwsim("compare", "study.yaml", "--frames", 100, "--csv", "out.csv")
    assert (code, err) == (0, "")
    assert "100 images of mine.npz" in out or "100 frames of mine.npz" in out
    plain = pd.read_csv(tmp_path / "out.csv")["accuracy"]
    # an option changes the file's preprocessing, and leaves the rest of it
    code, _, err = hwsim(
        "compare", "study.yaml", "--frames", 100, "--csv", "out.csv", "--mean", "0.9", "--step", "1/240"
    )
    assert (code, err) == (0, "")
    assert (pd.read_csv(tmp_path / "out.csv")["accuracy"] < plain).all()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--data", "none.npz"), "none.npz: cannot be read (No such file or directory)"),
        (("--data", "./none"), "none: cannot be read"),
        (("--data", "mine.npz", "--mean", "a,b"), "--mean: 'a' is no number; write --mean 0.5 or"),
        (("--data", "mine.npz", "--data-scale", "1/0"), "--data-scale: '1/0' is no number"),
        (("--data", "mine.npz", "--std", "0"), "standard_deviation (0.0,); expected numbers above 0"),
        (("--data", "mine.npz", "--size", "8by8"), "--size '8by8' is no number of pixels; write --size 227"),
        (("--data", "mine.npz", "--size", "8x8x8"), "size (8, 8, 8); expected one number of pixels"),
        (("--data", "mine.npz", "--layout", "CHW"), "layout 'CHW'; write NCHW or NHWC"),
        (("--data", "mine.npz"), "takes frames of shape (1, 8, 8), but mine.npz has frames of shape (8, 8, 1)"),
        (("--data", "mine.npz", "--split", "train"), "mine.npz: no splits"),
        (("--data", "digits", "--source-layout", "NHWC"), "source_layout NHWC is for .npz and .npy files only"),
    ],
)
def test_bad_options_are_one_line(hwsim, frames, arguments, expected):
    code, out, err = hwsim("simulate", "digits-mlp", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert expected in err


def test_data_of_ones_own_without_a_study(hwsim, frames):
    code, _, err = hwsim("compare", "--data", "mine.npz")
    assert code == 2
    assert "no networks ship for data of your own" in err
    code, _, err = hwsim("convert", "batch-norm", "digits-mlp", "--mean", "1", "--out", "made")
    assert (code, len(err.strip().splitlines())) == (2, 1)


def test_options_are_told_apart_from_those_of_the_commands():
    from hwsim.commands.convert import command_of
    from hwsim.convert.methods import method_of

    names = list(inspect.signature(command_of(method_of("rounding"))).parameters)
    assert len(names) == len(set(names))
    assert {"scale", "data_scale"} <= set(names)


@pytest.mark.torch
def test_training_takes_a_folder_with_both_splits(hwsim, tmp_path):
    (tmp_path / "mine").mkdir()
    for split in ("train", "test"):
        data = load_dataset("digits", split=split)[:80]
        np.savez(tmp_path / "mine" / f"{split}.npz", inputs=data.inputs, labels=data.labels, step=1 / 16)
    options = ("--layers", "64-16-10", "--epochs", 1, "--mean", "0.3", "--out", "made")
    for method in ("mlp", "full-precision"):
        sizes = ("--batch-size", 20) if method == "mlp" else ("--batch-size", 20, "--validation-frames", 20)
        code, out, err = hwsim("train", method, "--data", "mine", *options, *sizes)
        assert (code, err) == (0, "")
        assert "80 frames of mine test" in out
        assert " --data mine --mean 0.3 " in load_network(tmp_path / "made").about["command"]
        shutil.rmtree(tmp_path / "made")
    code, _, err = hwsim("train", "mlp", "--data", "mine/train.npz", *options)
    assert code == 2
    assert "no splits, so no 'train'" in err


@pytest.mark.images
def test_a_folder_of_images_by_class_gives_what_its_pixels_gave(hwsim, tmp_path):
    from PIL import Image

    digits = load_dataset("digits")[:60]
    for k, (frame, label) in enumerate(zip(digits.inputs, digits.labels, strict=True)):
        folder = tmp_path / "images" / f"digit {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frame[0] * 15).save(folder / f"{k:03}.png")
    code, out, err = hwsim("simulate", "digits-mlp", "--data", "images", "--step", "1/240")
    assert (code, err) == (0, "")
    assert "60 frames of images" in out
    data = load_dataset("images", step=1 / 240)
    assert data.class_names == tuple(f"digit {k}" for k in range(10))
    # the same images, class after class
    order = np.argsort(digits.labels, kind="stable")
    assert np.array_equal(data.labels, digits.labels[order])
    outputs = simulate("digits-mlp", digits).outputs[order]
    np.testing.assert_allclose(simulate("digits-mlp", data).outputs, outputs, rtol=1e-5, atol=1e-5)


def test_compare_takes_a_source(frames, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    source = Source("mine.npz", 1 / 240, Preprocessing(source_layout="NHWC"))
    rows = [("digits-mlp", "mac-array")]
    found = compare(rows=rows, data=source, baseline=rows[0])
    assert found.cells[0].accuracy == simulate("digits-mlp", frames).accuracy
