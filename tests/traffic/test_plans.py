"""What a plan lets stay where, and the mapping it finds best, against trying everything out with the mover."""

from collections import Counter
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from levelled import (
    EXECUTIONS,
    fields,
    first_layers,
    lane_sizes,
    machine_of,
    network_of,
    words_of,
    works,
)
from number_of_examples import examples
from reference.levels import HOME, PASSED_BY, RESIDENT, WEIGHT_STATIONARY, Mapping
from reference.mapping import Memory, best, longest_stay
from test_best_mapping import SMALL_LAYERS

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer
from hwsim.traffic.plan import plan

STAYS = {-1: PASSED_BY, 3: RESIDENT}
ONLY_WEIGHTS = (("weights",),)


def planned_on(network, data, machine):
    try:
        activity = hwsim.simulate(network, data, machines=[machine]).activity
    except MachineError as error:
        if "sums of" in str(error):
            reject()
        raise
    return activity, plan(activity, machine)


def mapping_of(layer, planned):
    """As the mover names it: a tile of all rows is one of a frame."""
    tiling = planned.tiling
    frames = tiling.frames if tiling.rows is None else None
    return Mapping(tiling.order, tiling.channels, tiling.rows, frames, **lane_sizes(planned.loops.lanes))


def bytes_beside(network, level, n_first_bias, bias_bits):
    """What the other weights of a network take: rows of whole words, and biases as they are."""
    found = n_first_bias * bias_bits / 8
    for layer in network.layers[1:]:
        if isinstance(layer, hwsim.Dense):
            n_row, n_weight = layer.terms[0].code.shape
            found += n_row * -(-n_weight * 8 // level.word_length) * level.word_length / 8
    return found


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(200)
@given(data=st.data())
def test_weights_stay_where_they_have_room(execution, data):
    work = data.draw(works(largest_last=200))
    machine = machine_of(data.draw(fields(execution, holds=ONLY_WEIGHTS)))
    activity, found = planned_on(work.network, work.data, machine)
    planned = found.layers["first"]
    connection = activity.layers[1].connections[0]
    for kept in planned.weights[1:]:
        level = kept.level
        if level.capacity is None:
            continue
        beside = bytes_beside(work.network, level, connection.n_bias, connection.accumulator_format.bit_width)
        beside = others_in_pieces(work.network, found, level, beside)
        memory = Memory(level.name, level.word_length, weights=level.capacity * level.banks)
        stay = longest_stay(work.layer, mapping_of(work.layer, planned), machine.batch, "weights", memory, beside)
        assert STAYS.get(kept.stay, kept.stay) == stay


def others_in_pieces(network, found, level, beside):
    """More, where tiles cut the last layer's rows so that they end within a word."""
    if "last" not in found.layers:
        return beside
    n_row, n_weight = network.layers[-1].terms[0].code.shape
    channels, word = found.layers["last"].tiling.channels, level.word_length
    whole = -(-n_weight * 8 // word)
    pieces = sum(-(-min(channels, n_weight - k) * 8 // word) for k in range(0, n_weight, channels))
    return beside + n_row * (pieces - whole) * word / 8


# ------------------------------------------------------------------------------------------------------- the best


def near(name, holds, capacity, word_length):
    return {"name": name, "kind": "sram", "capacity": capacity, "word_length": word_length, "holds": [holds]}


def best_machine(lanes, batch, weights, codes, sum_bytes, word_length=8):
    """One that looks for the best mapping: weights and codes have a level each, and neither shares."""
    far = {"name": "dram", "kind": "dram", "word_length": 8, "holds": ["weights", "codes", "state"]}
    sums = {"name": "sums", "kind": "registers", "holds": ["sums"], "capacity": sum_bytes}
    near_levels = [near("rows", "weights", weights, word_length), near("codes", "codes", codes, 8)]
    return machine_of(
        {"schema": 1, "name": "best", "description": "of all", "execution": "dense", "event_arithmetic": "multiply"},
        lanes={"dense": lanes, "convolution": lanes},
        levels=[far, *near_levels, sums],
        batch=batch,
    )


def held_against_all(layer, network, machine):
    """The plan of a network's first layer and its words in one batch, and what is best of all that the mover tries."""
    frames = np.ones((machine.batch, *network.input_shape), np.int8)
    activity, found = planned_on(network, frames, machine)
    planned, (_, rows, codes, sums) = found.layers["first"], machine.levels
    first = activity.layers[1]
    written = found.signals[first.emitted.name].name
    is_near = found.signals["frames as they arrive"].name == "codes"
    # what the layer writes takes room, if it lives there
    room = codes.capacity - machine.batch * first.n_neuron * (written == "codes")
    memories = (
        Memory("dram", 8, HOME, HOME),
        Memory("rows", rows.word_length, weights=rows.capacity),
        Memory("codes", 8, codes=HOME if is_near else room),
    )
    sum_bits = sum(each.accumulator_format.bit_width for each in first.connections)
    lanes = replace(mapping_of(layer, planned), order=WEIGHT_STATIONARY, channels=1, rows=1, frames=None)
    expected = best(replace(layer, sum_bits=sum_bits), lanes, machine.batch, memories, sums.capacity)
    words = Counter()
    for (_, name, _, _), number in words_of(hwsim.count(activity, machine), ("input", "first")).items():
        words[name] += number
    words[written] -= machine.batch * first.n_neuron
    return planned, tuple(words[memory.name] for memory in memories), expected


def shape_of(layer, mapping):
    """A tile of all rows is one of a frame."""
    rows = None if mapping.rows == layer.out[0] else mapping.rows
    return mapping.order, mapping.channels, rows, mapping.frames or 1


@examples(60)
@given(data=st.data())
def test_the_best_mapping_of_a_layer(data):
    layer, formats = data.draw(first_layers())
    assume(prod(layer.out) <= 8)
    assume(len(layer.every_input()) <= 40)
    assume(layer.outputs <= 6)
    network = network_of(layer, formats, 3000, False, np.random.default_rng(0))
    sizes = [data.draw(st.integers(1, 3)) for _ in range(3)]
    lanes = dict(zip(("channels", "positions", "frames"), sizes, strict=True))
    rooms = data.draw(st.integers(1, 80)), data.draw(st.integers(1, 80)), data.draw(st.integers(24, 300))
    machine = best_machine(lanes, data.draw(st.integers(1, 3)), *rooms, data.draw(st.sampled_from((8, 32))))
    planned, words, expected = held_against_all(layer, network, machine)
    assert words == expected.words
    assert shape_of(layer, mapping_of(layer, planned)) == shape_of(layer, expected.mapping)


@pytest.mark.parametrize("name", SMALL_LAYERS)
def test_the_better_order_of_a_small_layer(name):
    (layer, lanes, batch, memories, sum_bytes), (_, channels, kind, size), words, _ = SMALL_LAYERS[name]
    network = network_of(layer, (integer(8),), 3000, False, np.random.default_rng(0))
    sizes = {"channels": lanes.lane_channels, "positions": lanes.lane_positions}
    # a sum is a byte there; here it has more bits, and there is as much more room
    bits = sum_bits_of(network)
    machine = best_machine(sizes, batch, memories[1].weights, memories[1].codes, sum_bytes * bits // 8)
    planned, found, expected = held_against_all(layer, network, machine)
    assert found == expected.words
    assert found[0] == words
    mapping = mapping_of(layer, planned)
    assert (mapping.channels, getattr(mapping, kind)) == (channels, size)


def sum_bits_of(network):
    frames = np.ones((1, *network.input_shape), np.int8)
    return hwsim.simulate(network, frames).activity.layers[1].connections[0].accumulator_format.bit_width
