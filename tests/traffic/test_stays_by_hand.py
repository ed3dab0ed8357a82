"""How long levels keep what passes through them, one small layer after the other; every code and weight is a byte."""

import numpy as np
import pytest
from levelled import EXECUTIONS, machine_of, words_of

import hwsim
from hwsim.network.number_format import integer

INT8 = integer(8)
ONE = {"channels": 1, "positions": 1}
FAR = {"name": "dram", "kind": "dram", "word_length": 8, "holds": ["weights", "codes", "state"]}
SUMS = {"name": "sums", "kind": "registers", "holds": ["sums"]}


def near(operand, capacity, word_length=8):
    return {"name": "near", "kind": "sram", "capacity": capacity, "word_length": word_length, "holds": [operand]}


def words(network, frames, level, **said):
    """Of all frames and layers, by level, operand and way."""
    fields = {"schema": 1, "name": "small", "description": "for a test", "execution": "dense"} | said
    fields |= {"event_arithmetic": "multiply", "order": "weight-stationary"}
    fields |= {"lanes": {"dense": ONE, "convolution": ONE}, "levels": [FAR, level, SUMS]}
    machine = machine_of(fields)
    run = hwsim.simulate(network, np.full((frames, *network.input_shape), 5, np.int8), machines=[machine])
    found = {}
    for (_, *place), number in words_of(hwsim.count(run.activity, machine), {"input", "first"}).items():
        found[tuple(place)] = found.get(tuple(place), 0) + number
    return found


def network_of(layer, *shape):
    return hwsim.Network("small", shape, (layer,), input_format=INT8)


def dense(n_in, n_out, **more):
    return network_of(hwsim.Dense("first", terms=(hwsim.Weight(np.ones((n_in, n_out), int), INT8),), **more), n_in)


@pytest.mark.parametrize(("capacity", "read"), [(8, 16), (7, 32)])
def test_codes_of_the_group_at_work_have_the_level_to_themselves(capacity, read):
    # two groups of two channels of four codes, and two outputs each; a group's eight codes stay for both outputs
    kernel = hwsim.Weight(np.ones((4, 2, 1, 1), int), INT8)
    network = network_of(hwsim.Conv2d("first", terms=(kernel,), groups=2), 4, 4, 1)
    found = words(network, 1, near("codes", capacity), tile={"channels": 1})
    assert found["dram", "codes", "read"] == found["near", "codes", "write"] == read
    assert found["near", "codes", "read"] == 32


def test_codes_stay_where_they_can_even_if_nothing_is_gained():
    # beside the sum of 16 bits that leaves, three bytes hold one input after the other, each read once
    found = words(dense(4, 1), 1, near("codes", 3), tile={"channels": 1})
    assert found["dram", "codes", "read"] == found["near", "codes", "read"] == 4
    assert found["near", "codes", "write"] == 4 + 2


@pytest.mark.parametrize(("capacity", "read"), [(64, 0), (63, 16)])
def test_weights_stay_for_good_if_their_pieces_fit(capacity, read):
    # sixteen weights are a piece each, of four bytes, though their rows would take sixteen bytes
    found = words(dense(2, 8), 1, near("weights", capacity, word_length=32), tile={"channels": 1})
    assert found.get(("dram", "weights", "read"), 0) == read
    assert found["near", "weights", "read"] == 16


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_convolution_whose_taps_all_fall_on_padding_reads_no_weights(execution):
    # columns -1, 1 and 3 of an image of one
    kernel = hwsim.Weight(np.ones((1, 1, 1, 3), int), INT8)
    convolution = hwsim.Conv2d("first", terms=(kernel,), padding=((0, 0), (1, 3)), dilation=(1, 2))
    network = network_of(convolution, 1, 2, 1)
    found = words(network, 1, near("weights", 1), tile={"channels": 1, "rows": 1}, execution=execution)
    assert not [place for place in found if place[1] == "weights"]
    assert found["dram", "codes", "read"] > 0


@pytest.mark.parametrize(("batch", "read"), [(1, 2 * (1 + 1)), (2, 1 + 1)])
def test_ideally_biases_too_are_read_once_for_a_batch(batch, read):
    network = dense(1, 1, bias=np.array([7]))
    machine = hwsim.load_machine("ideal-reuse").model_copy(update={"batch": batch})
    run = hwsim.simulate(network, np.full((2, 1), 5, np.int8), "dense")
    counts = hwsim.count(run.activity, machine)
    assert sum(words_of(counts, {"first"}, "weights").values()) == read
