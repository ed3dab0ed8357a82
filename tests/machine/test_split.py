"""Machines that split layers: what their files may not say, what does not fit, and the page's example."""

import pathlib
import re

import numpy as np
import pytest
from complaint import complaint
from pydantic import ValidationError
from split_layers import INT4, machine_of, made, run_of

import hwsim
from hwsim.activity import Cores
from hwsim.errors import MachineError
from hwsim.machine import Split
from hwsim.network.number_format import integer
from hwsim.timing.cores import core_work

INTERLEAVED = {"interleaved": 2}


def levels_of(**changes):
    """Levels of slices, of which some are changed or, for None, left out."""
    levels = {level.name: level for level in machine_of(INTERLEAVED, run_bits=4).levels}
    for name, each in changes.items():
        if each is None:
            del levels[name]
        else:
            levels[name] = levels[name].model_copy(update=each)
    return [level.model_dump() for level in levels.values()]


def test_channels_are_dealt_out():
    assert Cores(3, True).of_channels(8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert Cores(3, False).of_channels(8).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert Cores(4, False).n_channels(5).tolist() == [2, 2, 1, 0]
    assert Split(channels=3).cores == Cores(3, False)
    assert machine_of(None).cores == Cores(1, False)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"split": {}}, ("split", "channels: n", "interleaved: n")),
        ({"split": {"channels": 2, "interleaved": 2}}, ("split", "channels: n")),
        ({"split": {"channels": 1}}, ("split.channels", "2")),
        ({"operations": "whole", "run_bits": None, "weights": "rows"}, ("split", "whole", "take split out")),
        ({"levels": levels_of(ends=None)}, ("levels", "pointers", "`holds`")),
        ({"levels": levels_of(codes=None, weights={"holds": ("weights", "codes")})}, ("weights, codes", "alone")),
        ({"levels": levels_of(weights={"kind": "dram", "fit": None})}, ("weights", "kind: sram")),
        ({"batch": 2}, ("batch: 1", "2")),
        (
            {
                "levels": [],
                "word_length": 8,
                "memories": {k: {"fit": "layer"} for k in ("weights", "state", "activations")},
            },
            ("split", "`levels`"),
        ),
    ],
    ids=["neither", "both", "one core", "whole", "no pointers", "shared", "dram", "batch", "memories"],
)
def test_what_does_not_go_with_a_split(changes, parts):
    with pytest.raises(ValidationError) as caught:
        machine_of(**{"split": INTERLEAVED, "run_bits": 4, "weights": "compressed"} | changes)
    (error,) = caught.value.errors()
    said = f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
    assert all(part in said for part in parts), said


def test_an_array_takes_layers_whole():
    array = hwsim.load_machine("systolic-ws").model_dump(by_alias=True, exclude_none=True)
    with pytest.raises(ValidationError, match="take split out"):
        hwsim.machine.Machine.model_validate(array | {"split": INTERLEAVED})


def layer(weight):
    return made(np.ones((1, len(weight), 1, 1), np.int8), (np.array(weight).T[:, :, None, None],), (INT4,), True)


def test_a_network_that_does_not_fit_one_core_is_refused():
    # core 1 has 5 entries of 4 + 4 bits in words of 16: 6 bytes; core 0 has one
    case = layer([[1, 1, 0, 1, 0, 1, 0, 1, 0, 1]])

    def sized(capacity):
        return machine_of(
            INTERLEAVED, run_bits=4, levels=levels_of(weights={"fit": None, "capacity": capacity, "banks": 2})
        )

    assert hwsim.count(run_of(case, sized(6)).activity, sized(6)).entries
    said = complaint(run_of, case, sized(5), error=MachineError)
    for part in ("weights of split", "6 bytes", "core 1", "weights has 5", "2 cores"):
        assert part in said


def test_pointers_that_do_not_fit_are_refused():
    case = layer([[1, 2], [3, 4], [5, 6]])  # four pointers of two bytes in each core

    def sized(capacity):
        return machine_of(
            INTERLEAVED, run_bits=4, levels=levels_of(ends={"fit": None, "capacity": capacity, "banks": 4})
        )

    assert hwsim.count(run_of(case, sized(4)).activity, sized(4)).entries
    said = complaint(run_of, case, sized(3), error=MachineError)
    for part in ("pointers of split", "8 bytes", "ends has 6"):
        assert part in said


def test_a_run_that_was_not_told_is_refused():
    case, machine = layer([[1, 2]]), machine_of(INTERLEAVED, run_bits=4)
    other = machine_of(INTERLEAVED, run_bits=3)
    for activity in (
        hwsim.simulate(case.network, case.frames[:, :, 0, 0], "sparse").activity,
        run_of(case, other).activity,
    ):
        said = complaint(hwsim.count, activity, machine, error=MachineError)
        assert "layer layer" in said
        assert "machines=[it]" in said


def test_memories_made_to_measure_hold_all_cores():
    case = layer([[1, 1, 0, 1, 0, 1, 0, 1, 0, 1]])
    machine = machine_of(INTERLEAVED, run_bits=4)
    counts = hwsim.count(run_of(case, machine).activity, machine)
    sizes = {key.operation.memory: key.operation.capacity for key in counts.entries if key.operation.memory}
    # 1 and 5 entries of a byte in words of two bytes: 2 + 6; two pointers of two bytes in each of two cores
    assert (sizes["weights"], sizes["ends"]) == (8, 8)


def test_the_example_of_the_page():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "machines.md").read_text(encoding="utf-8")
    (part,) = re.findall(r"<!-- split: begin -->\n(.*?)<!-- split: end -->\n(.*?)\n## ", page, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part[0].splitlines()[2:]]
    weights = [list(map(int, row[1].split())) for row in rows[:2]]
    machine = machine_of(INTERLEAVED, run_bits=1, timing=True)
    case = made(
        np.array([[1, 0], [0, 1], [1, 1]], np.int8)[:, :, None, None],
        (np.array(weights).T[:, :, None, None],),
        (integer(8),),
        True,
    )
    activity = run_of(case, machine, per_frame=True).activity
    work = core_work(activity, activity.layers[-1], machine)
    printed = [[list(map(int, row[2].split(","))), int(row[3])] for row in rows]
    assert printed == [
        [each, largest] for each, largest in zip(work.cycles.tolist(), work.lock_step.tolist(), strict=True)
    ]
    entries = hwsim.count(activity, machine).entries
    moved = {key.operation.memory: int(n[2]) for key, n in entries.items() if key.operation.kind == "sram_read"}
    found = (
        sum(int(n[2]) for key, n in entries.items() if key.operation.kind == "multiplication"),
        moved["weights"],
        moved["ends"] // 2,  # each a pointer of 16 bits in words of 8
        sum(int(n[2]) for key, n in entries.items() if key.operation.format == ("int16",)),
        int(hwsim.schedule(activity, machine).layers[-1].resources["lanes"][2]),
        int(work.lock_step[2]),
    )
    words = r"(\d+) words of weights, (\d+) words of pointers, (\d+) addresses"
    said = rf"executes (\d+) operations.*?{words}.*?take (\d+) cycles.*?take (\d+)\."
    assert re.findall(said, part[1].replace("\n", " ")) == [tuple(map(str, found))]
