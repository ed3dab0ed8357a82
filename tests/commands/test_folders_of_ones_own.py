"""What is written for others to read says nothing of the folders that it was made from."""

import numpy as np
import pytest
from typer.testing import CliRunner

from hwsim import load_dataset
from hwsim.cli import app
from hwsim.files import catalogue

STUDY = """
schema: 1
name: mine
data: {folder}/mine.npz
frames: 20
rows:
  - network: {folder}/network
    machines: [{folder}/machine.yaml, mac-array]
tables: [{folder}/table.yaml, default_45nm]
baseline: {{network: {folder}/network, machine: mac-array}}
"""


@pytest.fixture
def folder(tmp_path):
    """Files of one's own, all of them given by absolute paths."""
    own = tmp_path / "folders of mine"
    (own / "network").mkdir(parents=True)
    (own / "data").mkdir()
    for name in ("network.yaml", "weights.npz"):
        (own / "network" / name).write_bytes((catalogue.network_path("digits-mlp") / name).read_bytes())
    for kind, name in (("machine", "mac-array"), ("table", "horowitz_2014_45nm")):
        text = getattr(catalogue, f"{kind}_path")(name).read_text()
        (own / f"{kind}.yaml").write_text(text.replace(f"name: {name}", f"name: my-{kind}"))
    frames = load_dataset("digits", frames=100)
    for name in ("mine", "data/train", "data/test"):
        np.savez(own / f"{name}.npz", inputs=frames.inputs, labels=frames.labels, step=1 / 16)
    (own / "study.yaml").write_text(STUDY.format(folder=own))
    return own


TRAINING = " --data {own}/data --layers 64-8-10 --epochs 1 --out {out}"

COMMANDS = {
    "compare": "compare {own}/study.yaml --html {out}.html --csv {out}.csv --json {out}.json",
    "rounding": "convert rounding {own}/network --data {own}/data --frames 50 --out {out}",
    "gpfq": "convert gpfq {own}/network --data {own}/data --frames 50 --validation 20 --radius 2 --out {out} "
    "--html {out}.html",
    "table": "table scale {own}/table.yaml --to 22nm --out {out}.yaml",
    "import": pytest.param("import {own}/network.onnx --out {out}", marks=pytest.mark.onnx),
    "mlp": pytest.param("train mlp --data {own}/data --layers 64-8-10 --epochs 1 --out {out}", marks=pytest.mark.torch),
    "method": pytest.param(
        "train bwn --data {own}/data --layers 64-8-10 --epochs 1 --out {out}", marks=pytest.mark.torch
    ),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_folder_is_named(folder, command):
    out = folder.parent / "results"
    out.mkdir()
    if command.startswith("import"):
        run(f"export {folder}/network --out {folder}/network.onnx", folder, out)
    run(command, folder, out / "made")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert content or path.name == ".hwsim.lock"
        assert str(folder.parent).encode() not in content, path.name
        assert b"folders of mine" not in content, path.name


def run(command, folder, out):
    words = [word.format(own=folder, out=out) for word in command.replace(str(folder), "{own}").split(" ")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
