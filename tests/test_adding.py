"""What docs/adding.md shows works, block by block, in an empty folder."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import hwsim

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<kind>python|yaml|sh)\n(?P<text>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the page shows; of one that stands in several blocks, all of them."""
    made = tmp_path_factory.mktemp("adding")
    for block in BLOCK.finditer(PAGE):
        if block["file"]:
            with (made / block["file"]).open("a", encoding="utf-8") as file:
                file.write(block["text"] + "\n\n")
    return made


def run(line, folder):
    """A line of shell, as someone types it in that folder."""
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    binaries = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PYTHONPATH": path, "PATH": binaries}
    return subprocess.run(
        line, shell=True, capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=600
    )


def lines():
    return [line for block in BLOCK.finditer(PAGE) if block["kind"] == "sh" for line in block["text"].splitlines()]


SAID = {
    "python simulate.py": "[[1.0, 16.0], [1.0, 16.0], [9.0, 64.0]]\n14 multiplications in the neurons",
    "network show": "squaredrelu",
    "train": "wrote trained: ",
    "machine check": "small: a valid machine",
    "--machine small.yaml": "small",
    # 450 and 449 frames of 1312 cycles each
    "python timed.py": "590400 cycles, of which the chips work [590400, 589088]",
    "--table mine.yaml": "mine",
    "python frames.py": "",
    "--data frames.npz": "40 frames of frames.npz",
}


@pytest.mark.torch
@pytest.mark.onnx
def test_every_line_runs(folder):
    ran = lines()
    assert len(ran) == len(SAID)
    for line, (part, said) in zip(ran, SAID.items(), strict=True):
        assert part in line
        done = run(line, folder)
        assert done.returncode == 0, (line, done.stderr)
        assert said in done.stdout or said in done.stdout.lower(), line


@pytest.mark.onnx
def test_own_layers_go_through_onnx(folder):
    program = """if True:
        import numpy as np, own_layers, hwsim
        network = hwsim.Network("own", (2,), (
            hwsim.Dense("first", terms=hwsim.Weight(np.ones((2, 2), np.float32) / 3)),
            own_layers.SquaredReLU("squared", factor=0.5)))
        hwsim.write_onnx(network, "own.onnx")
        print(hwsim.load_network("own.onnx").layers[1].factor)"""
    done = run(f"python -c '{program}'", folder)
    assert (done.returncode, done.stdout) == (0, "0.5\n"), done.stderr


def test_the_page_names_places_that_exist():
    for place in set(re.findall(r"`(hwsim/[\w/.]+|energy_tables/[\w.]*)`", PAGE)):
        assert (ROOT / place).exists(), place
    assert hwsim.__version__
