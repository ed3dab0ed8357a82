"""Machines of one level for each operand: words as the flat formulas have them, on random networks.

The formulas, in full: a row of F weights of b bits is delivered once for every Pp meetings of an event with its tap,
R times in all, as R x ceil(F b / w) words, or without its zeros as ceil(entries (b + run bits) / w) + 2 R; codes are
read ceil(F / Pc) times; biases once.
"""

from collections import Counter
from math import prod

import pytest
from against_reference import lanes_of
from hypothesis import given
from levelled import bits_that_tell_apart, is_dense, works
from number_of_examples import examples

import hwsim
from hwsim.files import catalogue

FLAT = (
    *("mac-array", "mac-array-batch", "mac-array-dram", "mac-array-gated", "ideal-reuse", "zero-skipping-mac"),
    *("rounding-adder", "eie-like", "delta-mac", "sigma-delta-adder", "neuromorphic-core", "neuromorphic-per-synapse"),
)
WORD, LANES = 64, 2
RUN_BITS = 4


def ceil(number, by):
    return -(-number // by)


def times_needed(layer, events):
    """How many meetings each row has; depthwise, its busiest tap."""
    meetings = Counter((c, tap) for c, y, x in events for tap in layer.taps if layer.output_of((y, x), tap))
    if not layer.depthwise:
        return list(meetings.values())
    return [max(meetings[c, tap] for tap in layer.taps) for c in range(layer.channels)]


def flat_words(name, work, execution, bias_words):
    """Words read for weights and for codes, and rows delivered, in each frame."""
    layer, is_whole = work.layer, name == "neuromorphic-per-synapse"
    length = prod(layer.kernel) if layer.depthwise else layer.outputs
    positions = 1 if is_dense(layer) else LANES
    n_input, found = len(layer.every_input()), []
    for frame, events in enumerate(work.events(execution)):
        rows = sum(
            min(met, 1) if name == "ideal-reuse" else ceil(met, positions) for met in times_needed(layer, events)
        )
        is_first = frame in work.starts
        if is_whole or (name == "mac-array-batch" and not is_first):  # no stream here is longer than a batch
            rows = 0
        weights = sum(rows * ceil(length * bits, WORD) for bits in layer.weight_bits)
        if name == "eie-like":  # no weight is zero here
            entries = [ceil(rows * length * (bits + RUN_BITS), WORD) for bits in layer.weight_bits]
            weights = sum(words + 2 * rows for words in entries)
        if not is_whole and (is_first or execution != "delta"):
            weights += bias_words
        bits = {"dense": 8, "sparse": 8, "delta": 9}[execution]
        bits += 0 if execution == "dense" else bits_that_tell_apart(n_input)
        readings = 1 if name == "ideal-reuse" else ceil(length, LANES)
        codes = readings * ceil(len(events) * bits, WORD)
        if execution != "dense":
            codes += ceil(n_input * 8, WORD)  # the input looks at each
        found.append((weights, codes, rows * len(layer.weight_bits)))
    return found


def test_these_are_all():
    machines = {each: hwsim.load_machine(each) for each in catalogue.machine_names()}
    assert set(FLAT) == {name for name, machine in machines.items() if machine.memories is not None}


@pytest.mark.parametrize("name", FLAT)
@examples(100)
@given(work=works(largest_last=20))
def test_words_of_the_first_layer(name, work):
    machine = hwsim.load_machine(name)
    machine = machine.model_copy(update={"lanes": lanes_of(machine, LANES)})
    run = hwsim.simulate(work.network, work.data, machine.execution, per_frame=True)
    connection = run.activity.layers[1].connections[0]
    bias_words = ceil(connection.n_bias * connection.accumulator_format.bit_width, WORD)
    counts = hwsim.count(run.activity, machine)
    found = [[0, 0, 0] for _ in work.data.inputs]
    for (layer, phase, what), number in counts.entries.items():
        is_reading = what.kind.endswith("_read") and what.operand in ("weights", "codes")
        is_address = (phase, what.kind) == ("memory", "addition") and name != "neuromorphic-core"
        if layer in ("input", "first") and (is_reading or is_address):
            place = 2 if is_address else ("weights", "codes").index(what.operand)
            for frame, each in zip(found, number.tolist(), strict=True):
                frame[place] += each
    expected = flat_words(name, work, machine.execution, bias_words)
    if name == "neuromorphic-core":  # which also has addresses of accumulators
        expected = [(weights, codes, 0) for weights, codes, _ in expected]
    assert [tuple(frame) for frame in found] == expected
