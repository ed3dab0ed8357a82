"""What hwsim makes of a network and its frames, held against what the scalar reference does."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import reference

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
    "operands": "state",
    "pointers": "weights",
    "accumulators": "state",
    "functions": "functions",
}


def arithmetic_of(counts, frame=slice(None)):
    """As the reference keys it."""
    numbers = {
        (key.layer, key.phase, key.operation.kind, key.operation.format): int(number[frame].sum())
        for key, number in counts.entries.items()
        if not key.operation.memory
    }
    return Counter({key: number for key, number in numbers.items() if number})


def words_of(counts, frame=slice(None)):
    total = Counter()
    for key, number in counts.entries.items():
        if key.operation.memory:
            way = key.operation.kind.removeprefix("sram_").removeprefix("dram_")
            total[key.layer, key.operation.memory, way] += int(number[frame].sum())
    return +total


def reference_words(expected):
    total = Counter()
    for (layer, _, what, way), number in expected.words.items():
        total[layer, HOME[what], way] += number
    return total


def assert_same_counts(network, frames, machine, scalar, threshold=1):
    """Frame by frame: what hwsim counts, and what the reference does."""
    execution = hwsim.Execution(machine.execution, threshold)
    run = hwsim.simulate(network, dataset_of(network, frames), execution, per_frame=True)
    counts = hwsim.count(run.activity, machine)
    takes_any = network.input_format.is_real and frames.dtype.kind != "f"  # real frames are what the network declares
    raw_bits = frames.dtype.itemsize * 8 if takes_any else None
    expected = reference.run(network, frames, scalar, threshold=threshold, raw_bits=raw_bits)
    for frame, tally in enumerate(expected.frames):
        assert arithmetic_of(counts, frame) == tally.arithmetic
        assert words_of(counts, frame) == reference_words(tally)
    together = hwsim.count(hwsim.simulate(network, dataset_of(network, frames), execution).activity, machine)
    assert arithmetic_of(together) == expected.arithmetic
    assert words_of(together) == reference_words(expected)


def lanes_of(machine, lanes):
    dense, convolution = machine.lanes.dense, machine.lanes.convolution
    dense = dense.model_copy(update={"channels": lanes})
    convolution = convolution.model_copy(update={"channels": lanes, "positions": lanes})
    return machine.lanes.model_copy(update={"dense": dense, "convolution": convolution})


def both(preset, word_length, lanes):
    """A preset with other words and lanes, and the same for the reference."""
    machine = hwsim.load_machine(preset)
    machine = machine.model_copy(update={"word_length": word_length, "lanes": lanes_of(machine, lanes)})
    changes = {"word_length": word_length, "lanes": (lanes, 1), "lanes_convolution": (lanes, lanes)}
    return machine, dataclasses.replace(reference.PRESETS[preset], **changes)


def dataset_of(network, frames, starts=None):
    """The frames as data of the network's own step."""
    step = 1.0 if network.input_format.is_real else network.input_step
    starts = np.array([0, len(frames)]) if starts is None else starts
    return hwsim.Dataset(inputs=frames, step=step, stream_start=starts, name="random", split="test")


def assert_same_outputs(network, run, expected):
    if isinstance(network.layers[-1], hwsim.Softmax):  # the order in which exponentials are added up is free
        assert run.output_codes == pytest.approx(np.array(expected.outputs, np.float64), rel=1e-5, abs=1e-6)
    else:
        codes = run.output_codes - network.output.zero_point
        assert codes.tolist() == [[float(x) for x in row] for row in expected.outputs]
