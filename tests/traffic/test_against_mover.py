"""Words by level against the mover of single pieces, on random networks and machines."""

from collections import Counter

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from levelled import EXECUTIONS, fields, machine_of, moved_by_hand, words_of, works
from number_of_examples import examples

import hwsim
from hwsim.errors import MachineError
from hwsim.traffic.plan import plan

FRAMES = "frames as they arrive"


def run_on(work, machine):
    """A run, its counts and its plan; other machines are drawn where the sums of one row do not fit."""
    try:
        run = hwsim.simulate(work.network, work.data, machines=[machine], per_frame=True)
    except MachineError as error:
        if "sums of" in str(error):
            reject()
        raise
    return run.activity, hwsim.count(run.activity, machine), plan(run.activity, machine)


def packed(number, bits, level):
    return -(-number * bits // level.word_length)


def outputs_written(activity, planned, machine):
    """What a layer writes of its own: codes, events, or numbers that leave the network."""
    layer, found = activity.layers[1], Counter()
    signal = layer.emitted
    home = planned.signals[signal.name if signal else "outputs"]
    for frame in range(activity.n_frame):
        if signal is None:
            words = packed(int(layer.touched[frame]), layer.out_format.bit_width, home)
        elif machine.execution == "dense":
            words = packed(signal.n_code, 8, home)
        else:
            value = 8 + (machine.execution == "delta")
            index, marks = (0, signal.n_code) if machine.events == "bitmap" else ((signal.n_code - 1).bit_length(), 0)
            words = packed(int(signal.n_event[frame]) * (value + index) + marks, 1, home)
        found[frame, home.name, "codes", "write"] += words
    return found


def biases_read(activity, planned, work, machine):
    """Once for a batch; under delta, once for a stream."""
    (connection, *_), found = activity.layers[1].connections, Counter()
    level = planned.weights["first"]
    for start, end in zip(work.starts, [*work.starts[1:], activity.n_frame], strict=True):
        for frame in range(start, end, end if machine.execution == "delta" else machine.batch):
            words = packed(connection.n_bias, connection.accumulator_format.bit_width, level)
            found[frame, level.name, "weights", "read"] += words
    return found


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(400)
@given(data=st.data())
def test_words_of_a_layer(execution, data):
    work, machine = data.draw(works()), machine_of(data.draw(fields(execution)))
    activity, counts, planned = run_on(work, machine)
    signal = FRAMES if execution == "dense" else "input"
    moved = moved_by_hand(work, machine, planned.layers["first"], planned.signals[signal].name)
    # raw frames serve a dense machine as codes; the first reading of them is that of the input
    layers = ("input", "first") if execution == "dense" else ("first",)
    words = words_of(counts, layers, "weights")
    assert words == +(moved_words(moved, "weights") + biases_read(activity, planned, work, machine))
    words = words_of(counts, layers, "codes")
    assert words == +(moved_words(moved, "codes") + outputs_written(activity, planned, machine))
    for frame in range(activity.n_frame):
        delivered = moved.deliveries[frame] * len(work.layer.weight_bits)
        assert addresses(counts, frame) == delivered


def moved_words(moved, operand):
    return Counter({key: number for key, number in moved.words.items() if key[2] == operand})


def addresses(counts, frame):
    return sum(
        int(number[frame])
        for key, number in counts.entries.items()
        if (key.layer, key.phase, key.operation.kind) == ("first", "memory", "addition")
    )
