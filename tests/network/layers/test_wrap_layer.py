"""Whole numbers that keep their lowest bits."""

import numpy as np
import pytest
from against_reference import assert_same_counts, both

import hwsim
from hwsim import Dense, Network, ReLU, Weight, Wrap
from hwsim.errors import NetworkError
from hwsim.network.number_format import FP32, integer

INT8 = integer(8)


def network(*layers):
    first = Dense("first", terms=(Weight(np.array([[3, -2], [1, 5]]), INT8),))
    last = Dense("last", terms=(Weight(np.array([[1], [-1]]), INT8),))
    return Network("wrapping", (2,), (first, *layers, last), INT8)


@pytest.mark.parametrize("machine", ["mac-array", "zero-skipping-mac", "delta-mac"])
def test_sums_wrap_and_count_as_in_the_reference(machine):
    """3 x 127 + 1 is 382, which is 126 in 8 bits; 5 - 2 x 127 is -249, which is 7."""
    made = network(Wrap("wrap"), ReLU("relu"))
    frames = np.array([[127, 1], [127, 1], [0, 0], [-128, 127]], np.int64)
    assert_same_counts(made, frames, *both(machine, 32, 4))
    execution = hwsim.load_machine(machine).execution
    assert hwsim.simulate(made, frames, execution).outputs[0].tolist() == [126 - 7]
    unsigned = network(Wrap("wrap", bit_width=4, signed=False))
    assert hwsim.simulate(unsigned, frames, execution).outputs[0].tolist() == [382 % 16 - (-249) % 16]


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
@pytest.mark.parametrize(("dtype", "bit_width", "signed"), [("u1", 8, True), ("u1", 8, False), ("i2", 16, False)])
def test_frames_as_they_arrive_wrap(dtype, bit_width, signed, execution):
    """Numbers of a range that their own type does not hold."""
    ends = np.iinfo(dtype)
    frames = np.array([[ends.min, ends.max], [ends.max, 1]], dtype)
    taken = integer(8 * ends.dtype.itemsize, ends.dtype.kind == "i")
    last = Dense("last", terms=(Weight(np.eye(2, dtype=np.int8), INT8),))
    made = Network("wrapping", (2,), (Wrap("wrap", bit_width=bit_width, signed=signed), last), taken)
    expected = frames.astype(f"{'i' if signed else 'u'}{bit_width // 8}").tolist()
    assert hwsim.simulate(made, frames, execution).outputs.tolist() == expected


def test_it_costs_nothing():
    made = network(Wrap("wrap"))
    assert str(made.signals["wrap"].format) == "int8"
    counts = hwsim.count(hwsim.simulate(made, np.array([[127, 1]])).activity, "mac-array")
    assert not [key for key in counts.entries if key.phase == "neuron"]


def test_only_whole_numbers_of_step_1_wrap():
    with pytest.raises(NetworkError, match="expected codes of step 1"):
        Network("n", (2,), (Wrap("wrap"),), FP32)
    with pytest.raises(NetworkError, match="expected codes of step 1"):
        Network("n", (2,), (Wrap("wrap"),), INT8, 0.5)
    with pytest.raises(NetworkError, match="bit width 33"):
        Wrap("wrap", bit_width=33)
