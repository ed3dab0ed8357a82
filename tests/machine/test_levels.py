"""Levels that cannot be meant as they are written, and sums in an SRAM of their own, by hand."""

import numpy as np
import pytest

import hwsim
from hwsim.errors import FileError
from hwsim.machine import Machine
from hwsim.network.number_format import integer

MACHINE = """\
schema: 1
name: own
description: mine
execution: {execution}
event_arithmetic: multiply
lanes:
  dense: {{channels: 8}}
  convolution: {{channels: 8}}
levels:
  - {{name: dram, kind: dram, word_length: 64, holds: [weights, codes, state]}}
  - {near}
  - {sums}
{more}
"""
REGISTERS = "{name: accumulators, kind: registers, holds: [sums]}"
BUFFER = "{name: buffer, kind: sram, capacity: 4096, word_length: 64, holds: [weights, codes]}"


def load(tmp_path, near=BUFFER, sums=REGISTERS, execution="sparse", more="") -> Machine:
    path = tmp_path / "own.yaml"
    path.write_text(MACHINE.format(near=near, sums=sums, execution=execution, more=more))
    return hwsim.load_machine(path)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"sums": "{name: store, kind: sram, fit: layer, holds: [sums]}"}, ("store", "registers", "`capacity`")),
        ({"near": BUFFER.replace("capacity: 4096", "fit: layer")}, ("buffer", "one operand", "fit: network")),
        ({"near": BUFFER.replace("buffer", "''")}, ("name", "at least 1")),
        ({"near": BUFFER.replace("buffer", '"one\\ntwo"')}, ("name", "line break", "plain text")),
        ({"more": "weights: compressed\nrun_bits: 4"}, ("buffer", "compressed", "`fit`")),
        ({"more": "batch: 2000"}, ("batch", "1024")),
    ],
    ids=["sums made to measure", "layer of two operands", "no name", "name of two lines", "compressed", "batch"],
)
def test_levels_that_are_refused(tmp_path, changes, parts):
    with pytest.raises(FileError) as caught:
        load(tmp_path, **changes)
    message = str(caught.value)
    assert "own.yaml" in message
    assert all(part in message for part in parts), message


def network():
    weight = hwsim.Weight(np.array([[1, 2, 3]] * 4), integer(8))
    return hwsim.Network(
        "by hand", (4,), (hwsim.Dense("dense", terms=(weight,), accumulator=32),), input_format=integer(8)
    )


FRAMES = np.array([[1, 0, 2, 0]], np.int8)


@pytest.mark.parametrize(("word_length", "per_sum"), [("", 1), (", word_length: 32", 1), (", word_length: 16", 2)])
def test_sums_in_an_sram_take_words_of_their_own(tmp_path, word_length, per_sum):
    machine = load(tmp_path, sums=f"{{name: store, kind: sram, capacity: 64{word_length}, holds: [sums]}}")
    counts = hwsim.count(hwsim.simulate(network(), FRAMES, machines=[machine]).activity, machine)
    moved = {
        key.operation.kind: int(number.sum())
        for key, number in counts.entries.items()
        if key.operation.operand == "sums"
    }
    additions = 2 * 3  # events x outputs
    assert moved == {"sram_read": additions * per_sum, "sram_write": additions * per_sum}


def test_one_machine_may_be_told_by_itself(tmp_path):
    machine = load(tmp_path, execution="delta")
    for each in (machine, "edge-npu-delta", tmp_path / "own.yaml"):
        run = hwsim.simulate(network(), FRAMES, machines=each)
        assert run.activity.execution.kind == "delta"
    assert hwsim.count(run.activity, machine).machine == "own"


@pytest.mark.parametrize(
    ("more", "words_of_an_event"),
    [
        ("order: weight-stationary\ntile: {channels: 3}", 1),  # three sums of 32 bits in a word of 128
        ("order: weight-stationary\ntile: {channels: 2}", 2),  # two, and then the third
    ],
)
def test_sums_row_by_row_are_moved_tile_by_tile(tmp_path, more, words_of_an_event):
    store = "{name: store, kind: sram, capacity: 64, word_length: 128, holds: [sums], access: per-row}"
    machine = load(tmp_path, sums=store, more=more)
    counts = hwsim.count(hwsim.simulate(network(), FRAMES, machines=[machine]).activity, machine)
    moved = {
        key.operation.kind: int(number.sum())
        for key, number in counts.entries.items()
        if key.operation.memory == "store"
    }
    assert moved == {"sram_read": 2 * words_of_an_event, "sram_write": 2 * words_of_an_event}  # two events
    # of each row of weights, and of each access to sums
    addresses = sum(int(n.sum()) for key, n in counts.entries.items() if key.operation.format == ("int16",))
    assert addresses == 2 * 2 * words_of_an_event
