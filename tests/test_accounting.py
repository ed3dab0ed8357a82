"""Counts against the scalar reference, which performs every operation that it counts, and against closed forms."""

from collections import Counter

import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import convolutional_networks, inputs_for, networks, real_convolutional_networks, real_networks
from test_simulator import dataset_of

import hwsim

HOME = {
    "weights": "weights",
    "bias": "weights",
    "parameters": "weights",
    "network input": "activations",
    "network output": "activations",
    "codes": "activations",
    "events": "activations",
    "sums": "state",
    "last codes": "state",
    "window codes": "state",
    "pointers": "weights",
    "accumulators": "state",
}


def arithmetic_of(counts):
    """As the reference keys it."""
    return Counter(
        {
            (key.layer, key.phase, key.operation.kind, key.operation.format): int(number.sum())
            for key, number in counts.entries.items()
            if not key.operation.memory
        }
    )


def words_of(counts):
    total = Counter()
    for key, number in counts.entries.items():
        if key.operation.memory:
            way = key.operation.kind.removeprefix("sram_").removeprefix("dram_")
            total[key.layer, key.operation.memory, way] += int(number.sum())
    return total


def reference_words(expected):
    total = Counter()
    for (layer, _, what, way), number in expected.words.items():
        total[layer, HOME[what], way] += number
    return total


def assert_same_counts(network, frames, machine, word_length, lanes, threshold=1):
    preset = hwsim.load_machine(machine)
    changed = preset.model_copy(
        update={
            "word_length": word_length,
            "lanes": preset.lanes.model_copy(
                update={
                    "dense": preset.lanes.dense.model_copy(update={"channels": lanes}),
                    "convolution": preset.lanes.convolution.model_copy(update={"channels": lanes, "positions": lanes}),
                }
            ),
        }
    )
    scalar = reference.PRESETS[machine]
    scalar = type(scalar)(**{**vars(scalar), "word_length": word_length, "lanes": (lanes, 1), "lanes_convolution": (lanes, lanes)})
    execution = hwsim.Execution(preset.execution, threshold)
    run = hwsim.simulate(network, dataset_of(network, frames), execution)
    counts = hwsim.count(run.activity, changed)
    raw_bits = frames.dtype.itemsize * 8 if network.input_format.is_real else None
    expected = reference.run(network, frames, scalar, threshold=threshold, raw_bits=raw_bits)
    assert arithmetic_of(counts) == expected.arithmetic
    assert words_of(counts) == reference_words(expected)


@pytest.mark.plain
@pytest.mark.parametrize("made", [networks, convolutional_networks])
@pytest.mark.parametrize("machine", sorted(reference.PRESETS))
@settings(max_examples=60)
@given(data=st.data())
def test_integer_networks_count_as_the_reference_performs(machine, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    word_length, lanes = data.draw(st.sampled_from([8, 32, 64])), data.draw(st.sampled_from([1, 2, 4, 256]))
    assert_same_counts(network, frames, machine, word_length, lanes)


@pytest.mark.parametrize("machine", ["mac-array", "mac-array-gated", "zero-skipping-mac", "delta-mac"])
@pytest.mark.parametrize("made", [real_networks, real_convolutional_networks])
@settings(max_examples=50)
@given(data=st.data())
def test_real_networks_count_as_the_reference_performs(machine, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    assert_same_counts(
        network, frames, machine, data.draw(st.sampled_from([8, 32, 64])), data.draw(st.sampled_from([1, 4]))
    )
