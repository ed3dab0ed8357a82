"""Layers and schedules whose time can be told on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from with_a_clock import INT8, MEMORY, WIDE, chain, machine, spikes, timed

import hwsim


def times_until_none_is_left(number, at_once):
    n_time = 0
    while number > 0:
        number -= at_once
        n_time += 1
    return n_time


def layer_of(timing, name="layer"):
    (found,) = (layer for layer in timing.layers if layer.name == name)
    return found


# ------------------------------------------------------------------------------------------- events one after the other


@examples(60)
@given(
    n_neuron=st.integers(1, 40),
    n_event=st.integers(0, 9),
    lanes=st.integers(1, 16),
    weight_port=st.sampled_from([8, 24, 64, 200]),
    sum_port=st.sampled_from([32, 96, 320]),
    two_ways=st.booleans(),
    cycles=st.fixed_dictionaries({"event": st.integers(0, 5), "multiply": st.integers(1, 3)}),
    neuron_lanes=st.integers(1, 50),
)
def test_a_dense_layer_takes_its_events_and_an_update(
    n_neuron, n_event, lanes, weight_port, sum_port, two_ways, cycles, neuron_lanes
):
    own = machine(
        {
            "overlap": "event",
            "cycles": cycles,
            "neuron_lanes": neuron_lanes,
            "levels": {
                "memory": {"bits": WIDE},
                "weights": {"bits": weight_port},
                "sums": {"bits": sum_port, "ports": "1r1w" if two_ways else 1},
            },
        },
        lanes={"channels": lanes},
        levels=[
            MEMORY | {"holds": ["codes"]},
            MEMORY | {"name": "weights", "holds": ["weights"]},
            MEMORY | {"name": "sums", "word_length": 32, "holds": ["sums"], "access": "per-row"},
        ],
        order="weight-stationary",
        tile={"channels": n_neuron},
    )
    weight = hwsim.Weight(np.ones((9, n_neuron), int), INT8)
    layer = hwsim.Dense("layer", terms=(weight,), accumulator=32)
    network = hwsim.Network("one", (9,), (layer,), input_format=INT8)
    frame = np.array([[1] * n_event + [0] * (9 - n_event)], np.int8)
    waits = [
        times_until_none_is_left(n_neuron, lanes) * cycles["multiply"],
        times_until_none_is_left(8 * n_neuron, weight_port),
        times_until_none_is_left(32 * n_neuron * (1 if two_ways else 2), sum_port),
    ]
    an_event = cycles["event"] + sorted(waits)[-1]
    found = layer_of(timed(network, frame, own))
    # without deltas every neuron starts anew in each frame; outputs leave by the wide port meanwhile
    update = times_until_none_is_left(n_neuron, neuron_lanes)
    assert found.total.tolist() == [n_event * an_event + update]
    assert found.operations.tolist() == [n_event * n_neuron]


@pytest.mark.parametrize("overlap", ["layer", "none", "event"])
def test_where_nothing_changes_only_the_input_is_looked_at(overlap):
    frames = np.repeat(spikes(1, 7, np.random.default_rng(3)), 3, axis=0)
    timing = timed(chain(7, 5, 4), frames, machine({"overlap": overlap}, execution="delta"))
    scan, *layers = timing.layers
    words = 1 if overlap == "none" else 0  # of the codes that the input is compared with
    assert scan.total.tolist()[1:] == [7 + words] * 2
    assert all(layer.total[0] > 0 for layer in layers)  # of the first frame everything is new
    assert all(layer.total[1:].tolist() == [0, 0] for layer in layers)


# ------------------------------------------------------------------------------------------- convolutions, all active


@examples(40)
@given(
    height=st.integers(2, 7),
    width=st.integers(2, 7),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 5),
    lanes=st.fixed_dictionaries({"channels": st.integers(1, 4), "positions": st.integers(1, 4)}),
)
def test_a_convolution_whose_inputs_are_all_active_takes_as_long_sparse_as_dense(
    height, width, kernel, stride, padding, channels, outputs, lanes
):
    kernel, padding = min(kernel, height, width), min(padding, kernel - 1)
    weight = hwsim.Weight(np.ones((outputs, channels, kernel, kernel), int), INT8)
    layer = hwsim.Conv2d("layer", terms=(weight,), stride=stride, padding=padding, accumulator=32)
    network = hwsim.Network("all active", (channels, height, width), (layer,), input_format=INT8)
    frames = np.ones((2, channels, height, width), np.int8)
    sparse, dense = (
        layer_of(timed(network, frames, machine(execution=execution, lanes=lanes))) for execution in ("sparse", "dense")
    )
    assert sparse.resources["lanes"].tolist() == dense.resources["lanes"].tolist()
    # every input that an output's window finds is found by the output among those that the input reaches
    taps = fan_outs = 0
    tops, lefts = (range(-padding, n + padding - kernel + 1, stride) for n in (height, width))
    for top in tops:
        for left in lefts:
            taps += sum(
                0 <= y < height and 0 <= x < width for y in range(top, top + kernel) for x in range(left, left + kernel)
            )
    for y in range(height):
        for x in range(width):
            fan_outs += sum(top <= y < top + kernel and left <= x < left + kernel for top in tops for left in lefts)
    assert taps == fan_outs > 0
    assert sparse.operations.tolist() == dense.operations.tolist() == [taps * channels * outputs] * 2


# --------------------------------------------------------------------------------------------------- a tandem of cores


@examples(30)
@given(sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5), n_frame=st.integers(1, 6), fixed=st.integers(0, 20))
def test_a_tandem_of_equal_frames(sizes, n_frame, fixed):
    own = machine({"schedule": "pipelined", "cycles": {"layer": fixed}})
    frame = spikes(1, sizes[0], np.random.default_rng(7))
    timing = timed(chain(*sizes), np.repeat(frame, n_frame, axis=0), own)
    takes = [set(layer.total.tolist()) for layer in timing.layers]
    assert all(len(each) == 1 for each in takes)  # the frames are equal
    takes = [each.pop() for each in takes]
    assert len(takes) == len(sizes)  # the input is a core, too
    assert timing.makespan == sum(takes) + (n_frame - 1) * max(takes)
    # each frame is let in so late that it waits nowhere
    assert timing.latencies.tolist() == [sum(takes)] * n_frame
    sequential = timed(chain(*sizes), np.repeat(frame, n_frame, axis=0), machine({"cycles": {"layer": fixed}}))
    assert sequential.makespan == n_frame * sum(takes)


@pytest.mark.parametrize(("schedule", "n_core"), [("sequential", 1), ("pipelined", 3), ("barrier", 3)])
def test_utilization_is_of_the_lanes_of_all_cores(schedule, n_core):
    own = machine({"schedule": schedule}, lanes={"channels": 2})
    run = hwsim.simulate(chain(4, 5, 6, 3), np.ones((7, 4), np.int8), machines=[own])
    timing = hwsim.schedule(run.activity, own)
    n_operation = sum(int(each.histogram.n_operation.sum()) for each in run.activity.connections)
    assert timing.n_lane == 2 * n_core  # the input has none
    assert timing.utilization == pytest.approx(n_operation / (timing.makespan * 2 * n_core))
    assert 0 < timing.utilization <= 1
