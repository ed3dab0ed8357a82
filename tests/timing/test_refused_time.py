"""What has no time, and is refused in a line that says what to write instead."""

import numpy as np
import pytest
from complaint import complaint
from with_a_clock import INT8, chain, machine, spikes, timed

import hwsim
from hwsim.errors import MachineError, UnknownNameError

NETWORK = chain(6, 5, 4)
FRAMES = spikes(3, 6, np.random.default_rng(0))


def run(execution="sparse"):
    return hwsim.simulate(NETWORK, FRAMES, execution).activity


def test_a_machine_without_a_clock():
    said = complaint(hwsim.schedule, run(), "zero-skipping-mac", error=MachineError)
    for part in ("zero-skipping-mac has no time", "`timing`", "docs/machines.md", "hwsim machine list"):
        assert part in said


def test_a_machine_that_is_not_there():
    said = complaint(hwsim.schedule, run(), "edge-npu-spares", error=UnknownNameError)
    assert "edge-npu-sparse" in said


@pytest.mark.parametrize("execution", ["dense", "delta"])
def test_a_machine_of_another_execution(execution):
    said = complaint(hwsim.schedule, run(execution), machine(), error=MachineError)
    for part in ("machine own walks sparse", f"chain was {execution}", "execution='sparse'"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "meant"), [("pipelines", ["pipelined"]), ("?", ["barrier", "pipelined", "sequential"])]
)
def test_a_schedule_that_nobody_wrote(name, meant):
    said = complaint(timed, NETWORK, FRAMES, machine({"schedule": name}), error=UnknownNameError)
    assert f"no schedule named '{name}'" in said
    assert all(each in said for each in meant)


@pytest.mark.parametrize("schedule", ["pipelined", "barrier"])
def test_a_placement_of_layers_that_are_not_there(schedule):
    everything = [["input"], ["layer1"], ["layer2"]]
    assert len(timed(NETWORK, FRAMES, machine({"schedule": schedule, "placement": everything})).cores) == 3
    own = machine({"schedule": schedule, "placement": [*everything, ["layer3"]]})
    said = complaint(timed, NETWORK, FRAMES, own, error=MachineError)
    for part in ("machine own", "timing.placement", "chain has no layer layer3", "input, layer1, layer2"):
        assert part in said
    own = machine({"schedule": schedule, "placement": everything[:2]})
    said = complaint(timed, NETWORK, FRAMES, own, error=MachineError)
    for part in ("timing.placement", "leaves out layer2", "a core"):
        assert part in said


def test_a_run_that_was_not_told_of_the_machine():
    # strips of one row, of which an ordinary run notes nothing
    own = machine(order="weight-stationary", tile={"channels": 2, "rows": 1})
    weight = hwsim.Weight(np.ones((2, 1, 2, 2), int), INT8)
    layer = hwsim.Conv2d("layer", terms=(weight,), accumulator=32)
    network = hwsim.Network("convolution", (1, 4, 4), (layer,), input_format=INT8)
    frames = np.ones((1, 1, 4, 4), np.int8)
    assert timed(network, frames, own).makespan > 0
    untold = hwsim.simulate(network, frames, "sparse").activity
    said = complaint(hwsim.schedule, untold, own, error=MachineError)
    for part in ("layer layer", "did not note", "simulate(..., machines=[it])"):
        assert part in said


def test_rows_of_a_depthwise_layer_one_by_one():
    sums = {"name": "sums", "kind": "sram", "capacity": 4096, "word_length": 32, "holds": ["sums"], "access": "per-row"}
    document = machine().model_dump(by_alias=True, exclude_none=True)
    levels = [*document["levels"][:1], sums]
    ports = {"memory": {"bits": 64}, "sums": {"bits": 64}}
    own = machine({"overlap": "event", "levels": ports}, levels=levels)
    weight = hwsim.Weight(np.ones((2, 1, 2, 2), int), INT8)
    layer = hwsim.Conv2d("layer", terms=(weight,), groups=2, accumulator=32)
    network = hwsim.Network("depthwise", (2, 4, 4), (layer,), input_format=INT8)
    said = complaint(timed, network, np.ones((1, 2, 4, 4), np.int8), own, error=MachineError)
    for part in ("layer layer is depthwise", "overlap: layer"):
        assert part in said
    at_once = machine({"levels": ports}, levels=levels)
    assert timed(network, np.ones((1, 2, 4, 4), np.int8), at_once).makespan > 0
