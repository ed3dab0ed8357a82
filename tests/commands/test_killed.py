"""Commands that are killed at any moment: files are old or new, and the same command ends with the same bytes."""

import io
import random
import shlex
import subprocess
import sys
import time

import pandas as pd
import pytest

from hwsim.network_file import load_network

KILLS = 20

SAVE = """if True:
    import sys
    from dataclasses import replace
    import hwsim
    network = hwsim.load_network("digits-mlp")
    hwsim.save_network(replace(network, name=sys.argv[1], layers=network.layers[:int(sys.argv[1])]), "made", force=True)
"""
MODULE = ("-m", "hwsim")
CONVERT = (*MODULE, *shlex.split("convert int8 digits-mlp --data digits --out made --force --frames"))
COMPARE = (*MODULE, *shlex.split("compare --csv rows.csv --json rows.json --frames"))
SWEEP = (*MODULE, *shlex.split("train scale-sweep digits-mlp --data digits --frames 100 --epochs 1 --out swept --lams"))

pytestmark = pytest.mark.slow


def contents(place):
    """Of all files that are seen; times that a sweep took are left out."""
    seen = (path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(place)): content_of(path) for path in seen}


def content_of(path):
    content = path.read_bytes()
    if path.name == "sweep.csv":
        return pd.read_csv(io.BytesIO(content), dtype={"scales": str}).drop(columns="seconds").to_csv(index=False)
    return content


def finish(arguments, place):
    start = time.monotonic()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=place, check=False)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - start


def kill(arguments, place, seconds):
    """After so many seconds; whether it was not done by then."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("-c", SAVE, "2"), ("-c", SAVE, "4")),
        ((*CONVERT, "40"), (*CONVERT, "20")),
        ((*COMPARE, "40"), (*COMPARE, "20")),
        pytest.param(None, (*SWEEP, "1e-5,1e-4,1e-3"), marks=pytest.mark.torch),
    ],
    ids=["save", "convert", "compare", "scale-sweep"],
)
def test_killed_at_any_moment(old, new, tmp_path):
    place, whole = tmp_path / "place", tmp_path / "whole"
    for folder in (place, whole):
        folder.mkdir()
    finish(new, whole)
    seconds = finish(new, whole) if old else 3.0  # once more: what is compiled is compiled by now
    if old:
        finish(old, place)
    before, after = contents(place), contents(whole)
    assert before != after
    generator = random.Random(0)
    killed = 0
    for _ in range(KILLS):
        killed += kill(new, place, generator.uniform(0.3, 1.0) * seconds)
        for name, content in contents(place).items():
            if name == "swept/sweep.csv":
                assert after[name].startswith(content)
            else:
                assert content in (before.get(name), after[name]), name
        if (place / "made").exists():
            load_network(place / "made")
    assert killed > KILLS // 4
    finish(new, place)
    assert contents(place) == after
