"""The simulator against the scalar reference: outputs, codes and every count of what happened."""

import itertools
from collections import Counter

import numpy as np
import pytest
import reference
from against_reference import assert_same_outputs, dataset_of
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from strategies import convolutional_networks, inputs_for, networks, real_convolutional_networks, real_networks

import hwsim
from hwsim.network.number_format import NumberFormat, integer

MACHINES = {"dense": "mac-array", "sparse": "rounding-adder", "delta": "sigma-delta-adder"}


def reference_run(network, frames, machine, threshold=1):
    raw_bits = frames.dtype.itemsize * 8 if network.input_format.is_real else None
    return reference.run(network, frames, reference.PRESETS[machine], threshold=threshold, raw_bits=raw_bits)


def histogram_of(connection, frame):
    rows = connection.histogram
    here = rows.group == frame
    total, nonzero = Counter(), Counter()
    for magnitude, n, n_nonzero in zip(rows.magnitude[here], rows.n_operation[here], rows.n_nonzero[here], strict=True):
        total[int(magnitude)] += int(n)
        nonzero[int(magnitude)] += int(n_nonzero)
    return +total, +nonzero


def assert_same_activity(activity, expected):
    for layer in activity.layers:
        stage = expected.stages[layer.name]
        if activity.execution.kind == "delta":  # the others update every neuron
            assert layer.touched.tolist() == stage.touched
            assert layer.touched_nonzero.tolist() == stage.touched_nonzero
        assert layer.n_saturated == sum(stage.saturated)
        if layer.emitted is not None:
            assert layer.emitted.n_event.tolist() == stage.emitted
        for connection in layer.connections:
            for frame, synapses in enumerate(expected.synapses[layer.name, connection.term]):
                total, nonzero = histogram_of(connection, frame)
                assert total == +synapses.by_magnitude
                assert nonzero == +synapses.by_magnitude_nonzero


@pytest.mark.plain
@pytest.mark.parametrize("made", [networks, convolutional_networks])
@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
@examples(150)
@given(data=st.data())
def test_integer_networks_equal_the_reference(execution, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    run = hwsim.simulate(
        network, dataset_of(network, frames), execution, per_frame=True, threads=1, block=data.draw(st.integers(1, 4))
    )
    expected = reference_run(network, frames, MACHINES[execution])
    assert_same_outputs(network, run, expected)
    assert_same_activity(run.activity, expected)


@pytest.mark.parametrize("made", [networks, convolutional_networks])
@pytest.mark.parametrize("threshold", [2, 3])
@examples(60)
@given(data=st.data())
def test_a_threshold_holds_small_changes_back(threshold, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    run = hwsim.simulate(
        network, dataset_of(network, frames), hwsim.Delta(threshold), per_frame=True, block=data.draw(st.integers(1, 4))
    )
    expected = reference_run(network, frames, "sigma-delta-adder", threshold)
    assert_same_outputs(network, run, expected)
    assert_same_activity(run.activity, expected)


@pytest.mark.plain
@pytest.mark.parametrize("made", [real_networks, real_convolutional_networks])
@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
@examples(150)
@given(data=st.data())
def test_real_networks_equal_the_reference_to_the_bit(execution, made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    run = hwsim.simulate(
        network, dataset_of(network, frames), execution, per_frame=True, threads=1, block=data.draw(st.integers(1, 4))
    )
    expected = reference_run(network, frames, {**MACHINES, "delta": "delta-mac"}[execution])
    assert_same_outputs(network, run, expected)
    assert_same_activity(run.activity, expected)


@pytest.mark.parametrize("made", [networks, convolutional_networks])
@examples(80)
@given(data=st.data())
def test_streams_blocks_and_threads_change_nothing(made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network, max_frame=12))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(frames)), max_size=3)) - {len(frames)})
    starts = np.array([0, *cuts, len(frames)])
    dataset = dataset_of(network, frames, starts)
    one = hwsim.simulate(network, dataset, "delta", per_frame=True, threads=1, block=100)
    for threads, block in ((1, 1), (2, 1), (2, 3)):
        other = hwsim.simulate(network, dataset, "delta", per_frame=True, threads=threads, block=block)
        assert np.array_equal(one.output_codes, other.output_codes)
        for a, b in zip(one.activity.connections, other.activity.connections, strict=True):
            assert [vars(a.histogram)[key].tolist() for key in vars(a.histogram)] == [
                vars(b.histogram)[key].tolist() for key in vars(b.histogram)
            ]
        assert one.n_saturated == other.n_saturated
    # each stream by itself gives the same outputs and counts
    for begin, end in itertools.pairwise(starts):
        alone = hwsim.simulate(network, dataset[begin:end], "delta", per_frame=True)
        assert np.array_equal(alone.output_codes, one.output_codes[begin:end])
        for a, b in zip(alone.activity.layers, one.activity.layers, strict=True):
            assert a.touched.tolist() == b.touched[begin:end].tolist()


@pytest.mark.parametrize("made", [real_networks, real_convolutional_networks])
@examples(60)
@given(data=st.data())
def test_blocks_and_threads_change_nothing_in_real_arithmetic_either(made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network, max_frame=9))
    runs = [
        hwsim.simulate(network, dataset_of(network, frames), "delta", per_frame=True, threads=threads, block=block)
        for threads, block in ((1, 100), (1, 1), (2, 1), (3, 2))
    ]
    for other in runs[1:]:
        assert np.array_equal(runs[0].output_codes, other.output_codes)
        assert runs[0].largest_deviation == other.largest_deviation
        for a, b in zip(runs[0].activity.layers, other.activity.layers, strict=True):
            assert a.touched.tolist() == b.touched.tolist()
            if a.emitted:
                assert a.emitted.n_event.tolist() == b.emitted.n_event.tolist()


def test_a_long_real_stream_runs_whole():
    generator = np.random.default_rng(0)
    first, second = (hwsim.Weight(generator.normal(size=shape).astype(np.float32)) for shape in ((40, 30), (30, 5)))
    layers = (hwsim.Dense("a", terms=first), hwsim.ReLU("relu"), hwsim.Dense("b", terms=second))
    network = hwsim.Network("long", (40,), layers)
    changes = generator.normal(size=(500, 40)) * (generator.random((500, 40)) < 0.1)
    frames = np.cumsum(changes, axis=0).astype(np.float32)
    one = hwsim.simulate(network, frames, "delta", threads=1, block=500)
    other = hwsim.simulate(network, frames, "delta", threads=2, block=5)
    assert one.largest_deviation > 0  # sums drift
    assert np.array_equal(one.outputs, other.outputs)


@pytest.mark.parametrize("bias", [3, 3_000_000])
def test_two_terms_whose_accumulators_differ_in_width(bias):
    ternary = NumberFormat.parse("ternary")
    weight = np.ones((1, 1, 3, 3), int)
    layer = hwsim.Conv2d("c", terms=(hwsim.Weight(weight, ternary), hwsim.Weight(weight, ternary, 0.5)), bias=[bias])
    network = hwsim.Network("two", (1, 4, 4), (layer,), input_format=integer(8))
    run = hwsim.simulate(network, np.ones((1, 1, 4, 4), np.int8))
    assert run.output_codes.tolist() == [[2 * (bias + 9) + 9] * 4]  # in halves


def test_two_terms_whose_tiles_differ_in_width():
    generator = np.random.default_rng(0)
    wide, narrow = generator.integers(-200, 200, (40, 512, 3, 3)), generator.integers(-8, 8, (40, 512, 3, 3))
    frames = generator.integers(0, 8, (2, 512, 3, 10)).astype(np.int8)
    terms = hwsim.Weight(wide, integer(16)), hwsim.Weight(narrow, integer(8))

    def outputs(*terms):
        layer = hwsim.Conv2d("c", terms=terms, padding=1)
        network = hwsim.Network("net", (512, 3, 10), (layer,), input_format=integer(4))
        return hwsim.simulate(network, frames, "sparse", threads=1).output_codes

    assert np.array_equal(outputs(*terms), outputs(terms[0]) + outputs(terms[1]))


def test_labels_that_no_output_stands_for_are_told():
    network = hwsim.Network("few", (2,), (hwsim.Dense("scores", terms=hwsim.Weight(np.eye(2, 3, dtype=np.float32))),))
    frames = np.float32([[1, 0], [0, 1]])
    assert hwsim.simulate(network, hwsim.Dataset(frames, labels=np.array([0, 2]))).notes == ()
    for labels in ([1, 3], [-1, 0]):
        run = hwsim.simulate(network, hwsim.Dataset(frames, labels=np.array(labels)))
        assert f"labels {labels[0]} ... {labels[1]} for 3 outputs" in run.notes[0]
