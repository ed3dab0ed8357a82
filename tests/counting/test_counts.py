"""Counts: sums over their entries, hypotheses, multiples, tables."""

import numpy as np
import pytest

from hwsim.counting.counts import PHASES, Counts, Key
from hwsim.errors import HwsimError, MachineError, NetworkError
from hwsim.network.operation import ACCESSES, ARITHMETIC, Operation

ADD32, ADD16 = Operation("addition", ("int32",)), Operation("addition", ("int16",))
MULTIPLY = Operation("multiplication", ("int9", "int8"))
UPDATE = Operation("register_update", ("int32",))
READ = Operation("sram_read", (), "weights", 4096, 64)
WRITE = Operation("sram_write", (), "state", 512, 64)
OFF_CHIP = Operation("dram_read", (), "weights", 0, 64)
ENTRIES = {
    Key("one", "synapse", ADD32): np.array([3, 40]),
    Key("one", "synapse", MULTIPLY): np.array([1, 10]),
    Key("two", "synapse", ADD32): np.array([2, 0]),
    Key("two", "neuron", ADD16): np.array([5, 50]),
    Key("two", "memory", ADD16): np.array([7, 70]),
    Key("two", "memory", UPDATE): np.array([2, 0]),
    Key("one", "memory", READ): np.array([11, 110]),
    Key("two", "memory", WRITE): np.array([13, 130]),
    Key("two", "memory", OFF_CHIP): np.array([17, 170]),
}


@pytest.fixture
def counts():
    return Counts(ENTRIES, ("first", "steady"), np.array([1, 10]), "net", "data", "delta", "machine", ("a note",))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, 43 + 11 + 2 + 55 + 77 + 2 + 121 + 143 + 187),
        ({"phase": "synapse"}, 43 + 11 + 2),
        ({"kind": "addition"}, 43 + 2 + 55 + 77),
        ({"layer": "one"}, 43 + 11 + 121),
        ({"phase": "synapse", "kind": "addition", "layer": "two"}, 2),
        ({"phase": "encode"}, 0),
    ],
)
def test_totals_of_what_is_asked_for(counts, asked, expected):
    assert counts.total(**asked) == expected


def test_words_are_accesses_to_memories(counts):
    # 11 + 110 and 17 + 170 read, on chip and off; updates of registers are no words
    assert counts.words("read") == 121 + 187
    assert counts.words("write") == 143
    assert counts.words() == counts.words("read") + counts.words("write")


def test_inferences_are_all_frames(counts):
    assert counts.n_inference == 11


def test_as_format_gives_every_operand_a_format_and_says_so(counts):
    supposed = counts.as_format("uint16")
    # 32- and 16-bit additions of one layer and phase stay apart only where phases differ
    assert {key: number.tolist() for key, number in supposed.entries.items() if key.operation.format} == {
        Key("one", "synapse", ADD16): [3, 40],
        Key("one", "synapse", Operation("multiplication", ("int16", "int16"))): [1, 10],
        Key("two", "synapse", ADD16): [2, 0],
        Key("two", "neuron", ADD16): [5, 50],
        Key("two", "memory", ADD16): [7, 70],
        Key("two", "memory", Operation("register_update", ("int16",))): [2, 0],
    }
    assert supposed.words() == counts.words()  # moves are not arithmetic
    assert supposed.notes[0] == "a note"
    assert "hypothetical" in supposed.notes[1]
    assert "int16" in supposed.notes[1]
    assert counts.notes == ("a note",)
    assert counts.entries is ENTRIES


def test_as_format_adds_what_becomes_alike(counts):
    entries = {Key("one", "synapse", ADD32): np.array([3]), Key("one", "synapse", ADD16): np.array([4])}
    merged = Counts(entries, ("all",), np.array([1])).as_format("int8").entries
    assert {key: number.tolist() for key, number in merged.items()} == {
        Key("one", "synapse", Operation("addition", ("int8",))): [7]
    }
    assert entries[Key("one", "synapse", ADD32)].tolist() == [3]


def test_as_format_of_no_format(counts):
    with pytest.raises(NetworkError, match="'int': write fp32, int8"):
        counts.as_format("int")


def test_twice_the_frames_is_twice_everything(counts):
    double = counts.scaled(2)
    assert double.total() == 2 * counts.total() > 0
    assert double.n_inference == 22
    assert {key: (2 * number).tolist() for key, number in ENTRIES.items()} == {
        key: number.tolist() for key, number in double.entries.items()
    }
    assert all(number.dtype == np.int64 for number in double.entries.values())


@pytest.mark.parametrize("factor", [1.5, -1, float("nan"), float("inf"), True])
def test_counts_are_whole(counts, factor):
    with pytest.raises(MachineError, match=f"whole numbers.*{factor}"):
        counts.scaled(factor)
    assert issubclass(MachineError, HwsimError)


def test_the_data_frame_has_every_count_that_is_not_zero(counts):
    frame = counts.to_dataframe()
    assert list(frame.columns) == [
        *("layer", "phase", "operation", "format", "memory", "capacity [bytes]", "word length [bits]"),
        *("operand", "frames", "count", "counting rules"),
    ]
    assert len(frame) == sum(np.count_nonzero(number) for number in ENTRIES.values()) == 2 * len(ENTRIES) - 2
    assert frame["count"].sum() == counts.total()
    assert frame["count"].dtype == np.int64
    row = frame[(frame["operation"] == "multiplication") & (frame["frames"] == "steady")].iloc[0]
    assert (row["layer"], row["phase"], row["format"], row["count"]) == ("one", "synapse", "int9 x int8", 10)
    row = frame[(frame["operation"] == "sram_write") & (frame["frames"] == "first")].iloc[0]
    assert (row["memory"], row["capacity [bytes]"], row["word length [bits]"], row["count"]) == ("state", 512, 64, 13)


def test_operations_in_words():
    assert str(MULTIPLY) == "multiplication int9 x int8"
    assert str(READ) == "sram_read of 64 bits, weights, 4 KiB"
    assert str(WRITE) == "sram_write of 64 bits, state, 512 bytes"
    assert str(OFF_CHIP) == "dram_read of 64 bits, weights, off chip"


def test_phases_and_kinds_are_those_of_the_accounting():
    assert PHASES == ("encode", "synapse", "neuron", "memory")
    assert {"addition", "multiplication", "comparison", "constant_shift", "variable_shift"} < set(ARITHMETIC)
    assert not set(ARITHMETIC) & set(ACCESSES)
