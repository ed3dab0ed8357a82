"""What a machine's `timing` may not say, each complaint with what to write instead; and what it says when it may."""

import copy

import pytest
import yaml

import hwsim
from hwsim.errors import FileError
from hwsim.files import catalogue, strict_yaml
from hwsim.machine import Machine, MachineTiming, Port

BUFFER = {"name": "buffer", "kind": "sram", "capacity": 4096, "word_length": 64, "holds": ["weights", "codes"]}
REGISTERS = {"name": "sums", "kind": "registers", "holds": ["sums"]}
OWN = {
    "schema": 1,
    "name": "own",
    "description": "mine",
    "execution": "sparse",
    "event_arithmetic": "multiply",
    "lanes": {"dense": {"channels": 8}, "convolution": {"channels": 8}},
    "levels": [BUFFER, REGISTERS],
    "timing": {"clock": 1000000, "neuron_lanes": 2, "encode_lanes": 4, "levels": {"buffer": {"bits": 64}}},
}
SRAM_SUMS = {"name": "sums", "kind": "sram", "capacity": 512, "word_length": 32, "holds": ["sums"]}
MEMORIES = {"weights": {"fit": "network"}, "state": {"fit": "network"}, "activations": {"fit": "layer"}}


def changed(document, changes):
    """A document with other keys; None takes one out, and those of `timing` go into it."""
    made = copy.deepcopy(document)
    for key, value in changes.items():
        if key == "timing":
            made[key] = changed(made[key], value)
        elif value is None:
            made.pop(key)
        else:
            made[key] = value
    return made


def load(tmp_path, **changes):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(changed(OWN, changes)), encoding="utf-8")
    return hwsim.load_machine(path)


def said(tmp_path, **changes):
    """Everything that is said against a file, a line for each."""
    with pytest.raises(FileError):
        load(tmp_path, **changes)
    return [str(error) for error in strict_yaml.problems(tmp_path / "own.yaml", Machine)]


def test_it_loads_and_has_defaults(tmp_path):
    timing = load(tmp_path).timing
    assert timing == MachineTiming(clock=1000000.0, neuron_lanes=2, encode_lanes=4, levels={"buffer": Port(bits=64)})
    assert (timing.overlap, timing.schedule, timing.sync, timing.layer_delay) == ("layer", "sequential", 0, 0)
    assert (timing.queue, timing.placement) == (None, None)
    assert timing.cycles.multiply == timing.cycles.neuron == 1
    assert timing.cycles.event == timing.cycles.layer == 0
    assert hash(load(tmp_path)) == hash(load(tmp_path))  # it may be looked up by what it says


ARRAY = {"systolic": "weight", "rows": 2, "columns": 2}
ALL = BUFFER | {"holds": ["weights", "codes", "sums"]}
LANES = OWN["lanes"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"levels": None, "memories": MEMORIES, "word_length": 64}, ("write `levels`", "timing out")),
        ({"operations": "whole"}, ("whole operations", "timing out")),
        ({"reuse": "ideal"}, ("ideal reuse", "timing out")),
        ({"execution": "dense", "event_arithmetic": "unary"}, ("event_arithmetic", "write multiply")),
        ({"levels": [BUFFER, SRAM_SUMS]}, ("sums", "kind: registers", "per-row")),
        ({"levels": [BUFFER | {"name": "other"}, REGISTERS]}, ("other", "Write levels: {other: {bits: 64}}")),
        ({"levels": [BUFFER | {"name": "other"}, REGISTERS]}, ("buffer is no level", "these are: other")),
        (
            {"timing": {"levels": {"buffer": {"bits": 64}, "sums": {"bits": 64}}}},
            ("sums is no level", "these are: buffer"),
        ),
        (
            {
                "execution": "dense",
                "lanes": None,
                "array": ARRAY,
                "levels": [ALL, REGISTERS],
                "timing": {"overlap": "event"},
            },
            ("array", "overlap: layer"),
        ),
        (
            {"lanes": LANES | {"dense": {"channels": 4, "positions": 2}}, "timing": {"overlap": "event"}},
            ("lanes.dense", "channels alone"),
        ),
        (
            {"lanes": LANES | {"convolution": {"channels": 4, "positions": 2}}, "timing": {"overlap": "event"}},
            ("lanes.convolution", "channels alone"),
        ),
        ({"timing": {"sync": 3}}, ("sync", "schedule: barrier", "this one is sequential")),
        ({"timing": {"latency": 2}}, ("latency", "schedule: stream", "this one is sequential")),
        ({"timing": {"schedule": "pipelined", "layer_delay": 1}}, ("layer_delay", "barrier", "this one is pipelined")),
        ({"timing": {"schedule": "barrier", "queue": 8}}, ("queue", "stream", "this one is barrier")),
        ({"timing": {"schedule": "stream"}}, ("how many events wait", "`queue: 8`")),
        ({"timing": {"placement": [["a", "b"]]}}, ("placement", "sequential", "pipelined")),
        ({"timing": {"schedule": "pipelined", "placement": [["a", "b"], ["c", "a"]]}}, ("placement", "a on two cores")),
        ({"timing": {"clock": 0}}, ("clock", "greater than 0")),
        ({"timing": {"clock": None}}, ("timing.clock", "missing; add `clock: ...`")),
        ({"timing": {"neuron_lanes": 0}}, ("neuron_lanes", "greater than or equal to 1")),
        ({"timing": {"levels": {"buffer": {"bits": 0}}}}, ("bits", "greater than or equal to 1")),
        ({"timing": {"levels": {"buffer": {"bits": 8, "ports": 2}}}}, ("ports", "1r1w")),
        ({"timing": {"layer_delay": 2}}, ("layer_delay", "less than or equal to 1")),
        ({"timing": {"overlap": "some"}}, ("overlap", "layer", "none", "event")),
        ({"timing": {"cycles": {"addition": 1}}}, ("addition",)),
    ],
    ids=lambda each: str(each)[:60] if isinstance(each, dict) else None,
)
def test_what_cannot_be_meant(tmp_path, changes, parts):
    lines = said(tmp_path, **changes)
    (line,) = (each for each in lines if all(part in each for part in parts))
    assert line.startswith(str(tmp_path / "own.yaml"))
    assert "timing" in line or "event_arithmetic" in line


@pytest.mark.parametrize("schedule", ["sequential", "pipelined", "barrier"])
def test_each_key_goes_with_its_schedule(tmp_path, schedule):
    of_it = {"barrier": {"sync": 3, "layer_delay": 1, "placement": [["a"]]}, "pipelined": {"placement": [["a"]]}}
    timing = {"schedule": schedule} | of_it.get(schedule, {})
    assert load(tmp_path, timing=timing).timing.schedule == schedule


# --------------------------------------------------------------------------------------------------------- presets


@pytest.mark.parametrize("name", catalogue.machine_names())
def test_presets_with_levels_have_time_and_flat_ones_have_none(name):
    machine = hwsim.load_machine(name)
    assert (machine.timing is None) == (machine.memories is not None)
    if machine.timing is None:
        return
    said = (*machine.sources, *machine.assumed)
    assert any("clock" in text for text in said)  # of each it is said where its clock comes from
    assert set(machine.timing.levels) == {level.name for level in machine.levels if level.kind != "registers"}
    # a DRAM of 3.75 GB/s, whatever the clock is
    if "dram" in machine.timing.levels:
        assert machine.timing.levels["dram"].bits * machine.timing.clock == 3.75e9 * 8
        assert any("3.75 GB/s" in text for text in machine.sources)


@pytest.mark.parametrize("execution", ["sparse", "delta"])
def test_presets_of_one_family_have_one_clock_and_one_set_of_ports(execution):
    for family in ("edge-npu", "all-on-chip"):
        assert hwsim.load_machine(f"{family}-{execution}").timing == hwsim.load_machine(family).timing
