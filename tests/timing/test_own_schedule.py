"""A schedule of one's own: one class, found by the name that a machine gives, in a module that is named."""

import sys

import numpy as np
import pytest
from levelled import machine_of

import hwsim
from hwsim.errors import HwsimError
from hwsim.files.plugins import PLUGINS
from hwsim.timing.schedules import Schedule, schedule

MODULE = """
import numpy as np

from hwsim.timing.schedules import Schedule, Times


class Unhurried(Schedule):
    name = "unhurried"

    def times(self, work):
        takes = np.sum([layer.total for layer in work.layers], axis=0)
        done = 10 * np.arange(1, takes.size + 1)
        return Times(done - takes, done, np.array([takes.sum()]), ("all",))
"""
TWO_INPUTS = np.array([[[3], [4]], [[1], [2]]], np.int8)[..., 0]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(schedule, "_SCHEDULES", dict(schedule._SCHEDULES))


def timed_by(name):
    lanes = {"channels": 1}
    machine = machine_of(
        {
            "schema": 1,
            "name": "own",
            "description": "with a schedule of its own",
            "execution": "dense",
            "event_arithmetic": "multiply",
            "lanes": {"dense": lanes, "convolution": lanes},
            "levels": [
                {"name": "memory", "kind": "dram", "holds": ["weights", "codes"], "word_length": 64},
                {"name": "sums", "kind": "registers", "holds": ["sums"]},
            ],
            "timing": {
                "clock": 1e9,
                "levels": {"memory": {"bits": 64}},
                "neuron_lanes": 1,
                "encode_lanes": 1,
                "schedule": name,
            },
        }
    )
    weight = hwsim.Weight(np.array([[1], [2]], np.int8), hwsim.NumberFormat.parse("int8"))
    layers = (hwsim.Dense("dense", terms=(weight,)),)
    network = hwsim.Network("two inputs", (2,), layers, input_format=hwsim.NumberFormat.parse("int8"))
    run = hwsim.simulate(network, TWO_INPUTS, machines=[machine])
    return hwsim.schedule(run.activity, machine)


def test_it_is_found_in_a_module_that_the_environment_names(tmp_path, monkeypatch):
    (tmp_path / "module_of_a_schedule.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(PLUGINS, "module_of_a_schedule")
    try:
        timing = timed_by("unhurried")
    finally:
        sys.modules.pop("module_of_a_schedule", None)
    assert timing.schedule == "unhurried"
    assert timing.done.tolist() == [10, 20]
    # the frame is read in a cycle; then two products, two words of one weight each and an output to write
    assert timing.latencies.tolist() == [1 + 3] * 2
    assert timing.cores == ("all",)


def test_one_that_nobody_has_registered_is_refused():
    with pytest.raises(LookupError, match=r"no schedule named 'unhurried'"):
        timed_by("unhurried")


def test_no_two_have_the_same_name():
    with pytest.raises(HwsimError, match=r"schedule 'sequential': there is one of this name"):
        type("Again", (Schedule,), {"name": "sequential"})
