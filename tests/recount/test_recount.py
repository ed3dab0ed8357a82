"""Every shipped network on every preset machine: the package's counts and those of the recount, key by key."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import hwsim

from .counter import Walk, recount
from .files import Frames, read_cifar, read_digits, read_machine, read_mnist, read_model

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.parent.name for path in (ROOT / "models").glob("*/network.yaml"))
PRESETS = (ROOT / "hwsim" / "machine" / "presets").glob("*.yaml")
MACHINES = sorted(path for path in PRESETS if "\nmemories:" in path.read_text(encoding="utf-8"))
"""Those of the short form; the words of levels and of systolic arrays are held against others in tests/traffic."""
COLUMNS = ["layer", "phase", "operation", "format", "memory", "capacity [bytes]", "word length [bits]", "frames"]

SOURCES = {"digits": (read_digits, 300), "mnist": (read_mnist, 200), "cifar": (read_cifar, 24)}
"""By the first word of a model's name: what reads its frames, and how many of them."""

QUICK_MODELS = ("digits-mlp", "digits-mlp-int8", "digits-mlp-rounding")
"""Models whose pairs are not marked slow."""


def pairs():
    found = []
    executions = {path: read_machine(path)["execution"] for path in MACHINES}
    for model in MODELS:
        marks = [] if model in QUICK_MODELS else [pytest.mark.slow]
        marks += [] if model.startswith("digits") else [pytest.mark.data]
        for path in sorted(MACHINES, key=lambda path: (executions[path], path)):
            found.append(pytest.param(model, path, id=f"{model}-{path.stem}", marks=marks))
    return found


@lru_cache(maxsize=2)
def frames_of(kind):
    """Two streams: different frames, and frames of which the last is shown three times."""
    read, n = SOURCES[kind]
    codes, step = read(os.environ.get("HWSIM_DATA"), n - 2)
    codes = np.concatenate([codes, codes[-1:], codes[-1:]])
    return Frames(codes, step, [0, n // 3])


@lru_cache(maxsize=1)
def values_of(model, is_kept):
    """The recount's run: dense and sparse leave the same values, delta those of sums that are kept."""
    return Walk(
        read_model(ROOT / "models" / model), frames_of(model.partition("-")[0]), "delta" if is_kept else "sparse"
    )


@lru_cache(maxsize=1)
def walked(model, execution):
    """The recount's run and the package's, of the same frames."""
    walk = values_of(model, execution == "delta").under(execution)
    starts = np.array([*walk.frames.starts, len(walk.frames.codes)])
    data = hwsim.Dataset(walk.frames.codes, walk.frames.step, starts)
    return walk, hwsim.simulate(ROOT / "models" / model, data, execution)


def package_counts(run, path):
    table = hwsim.count(run.activity, path).to_dataframe()
    # the operand of an access is its memory's here
    table = table.drop(columns=["operand", "counting rules"])
    assert list(table.columns) == [*COLUMNS, "count"]
    rows = table.itertuples(index=False, name=None)
    counts = {tuple(key): int(count) for *key, count in rows}
    assert len(counts) == len(table)
    return {key: count for key, count in counts.items() if count}


@pytest.mark.parametrize(("model", "path"), pairs())
def test_the_package_counts_what_the_recount_counts(model, path):
    machine = read_machine(path)
    walk, run = walked(model, machine["execution"])
    assert_same_outputs(walk, run)
    theirs, ours = package_counts(run, path), recount(walk, machine)
    different = {
        key: (theirs.get(key, 0), ours.get(key, 0))
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key, 0) != ours.get(key, 0)
    }
    lines = [f"{' '.join(str(part) for part in key if part)}: {a:,} and {b:,}" for key, (a, b) in different.items()]
    assert not different, "counted by the package, and by the recount:\n" + "\n".join(lines)


def assert_same_outputs(walk, run):
    last = walk.found[-1]
    theirs = run.outputs if last.emits.format.is_real else run.output_codes
    np.testing.assert_array_equal(walk.values[last.name].reshape(theirs.shape), theirs)
