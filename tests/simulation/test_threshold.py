"""Dead zones: changes that wait, of all layers or of some, against the scalar reference and by hand."""

import numpy as np
import pytest
import reference
from against_reference import assert_same_counts, assert_same_outputs, dataset_of
from complaint import complaint
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from strategies import convolutional_networks, inputs_for, networks
from typer.testing import CliRunner

import hwsim
from hwsim import Dense, Network, Quantize, ReLU, Weight
from hwsim.cli import app
from hwsim.commands.thresholds import thresholds
from hwsim.errors import HwsimError
from hwsim.network.number_format import integer

EYE = Weight(np.eye(2, dtype=int), integer(8))


def two_layers():
    """Codes go through unchanged, and every change that is sent shows in the next layer's events."""
    layers = (
        Quantize("codes", bit_width=8),
        Dense("first", terms=(EYE,)),
        ReLU("relu"),
        Quantize("hidden", bit_width=8, signed=False),
        Dense("second", terms=(EYE,)),
    )
    return Network("two", (2,), layers)


def events(run):
    return {layer.name: layer.emitted.n_event.tolist() for layer in run.activity.layers if layer.emitted}


def climb(*codes):
    """One input takes these codes, the other stays 0."""
    return np.array([[code, 0] for code in codes], np.int16)


# ------------------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("threshold", [2, {"input": 2}])
def test_the_boundary_is_sent(threshold):
    # 1 waits; 3 is 3 from what was sent; 5 is exactly 2 further; 4 waits; 3 is exactly 2 back
    run = hwsim.simulate(two_layers(), climb(1, 3, 5, 4, 3), hwsim.Delta(threshold), per_frame=True)
    assert events(run)["input"] == [0, 1, 1, 0, 1]
    assert run.output_codes[:, 0].tolist() == [0, 3, 5, 5, 3]


def test_what_waits_is_kept_and_sent_with_the_rest():
    run = hwsim.simulate(two_layers(), climb(1, 2, 3, 4, 5, 6), hwsim.Delta({"input": 3}), per_frame=True)
    assert events(run)["input"] == [0, 0, 1, 0, 0, 1]
    assert run.output_codes[:, 0].tolist() == [0, 0, 3, 3, 3, 6]


def test_layers_have_thresholds_of_their_own():
    frames = climb(1, 2, 3, 4, 5, 6)
    run = hwsim.simulate(two_layers(), frames, hwsim.Delta({"first": 4}), per_frame=True)
    assert events(run) == {"input": [1] * 6, "first": [0, 0, 0, 1, 0, 0]}
    both = hwsim.simulate(two_layers(), frames, hwsim.Delta({"input": 2, "first": 4}), per_frame=True)
    assert events(both) == {"input": [0, 1, 0, 1, 0, 1], "first": [0, 0, 0, 1, 0, 0]}


def test_fused_layers_stand_for_the_one_they_are_fused_into():
    frames = climb(1, 2, 3, 4)
    named, fused = (hwsim.simulate(two_layers(), frames, hwsim.Delta({name: 3})) for name in ("first", "hidden"))
    assert np.array_equal(named.output_codes, fused.output_codes)
    assert named.activity.execution == fused.activity.execution == hwsim.Delta({"first": 3})


@pytest.mark.parametrize(("threshold", "comparisons"), [(1, (2, 2)), ({"input": 2}, (4, 2)), (2, (4, 4))])
def test_a_dead_zone_compares_twice(threshold, comparisons):
    run = hwsim.simulate(two_layers(), climb(5), hwsim.Delta(threshold))
    counts = hwsim.count(run.activity, "sigma-delta-adder")
    of_codes = {
        key.layer: int(number.sum())
        for key, number in counts.entries.items()
        if key.operation.kind == "comparison" and key.operation.format == ("int8",)
    }
    assert (of_codes["input"], of_codes["first"]) == comparisons


def test_a_threshold_of_one_is_none():
    frames = climb(1, 2, 4, 3)
    plain = hwsim.simulate(two_layers(), frames, "delta")
    for threshold in (1, {"input": 1, "first": 1}, {}):
        run = hwsim.simulate(two_layers(), frames, hwsim.Delta(threshold))
        assert np.array_equal(run.output_codes, plain.output_codes)
        assert run.notes == ()
        assert str(run.activity.execution) == "delta"


def test_results_say_which_layers_wait():
    run = hwsim.simulate(two_layers(), climb(1, 2), hwsim.Delta({"second": 1, "first": 2, "codes": 3}))
    assert run.notes == ("delta(threshold=first: 2, input: 3): outputs depend on the order of frames",)
    assert hwsim.count(run.activity).notes == run.notes
    assert hash(run.activity.execution) == hash(hwsim.Delta({"input": 3, "first": 2}))


def test_names_that_send_nothing():
    for name in ("second", "third"):
        message = complaint(hwsim.simulate, two_layers(), climb(1), hwsim.Delta({name: 2}))
        assert message == f"execution delta: threshold of {name!r}, which sends no codes; these do: input, first"
    message = complaint(hwsim.simulate, two_layers(), climb(1), hwsim.Delta({"hidden": 2, "first": 3}))
    assert message == "execution delta: two thresholds of first, 3 and 2 (as hidden); write one"
    assert "threshold 0 of first" in complaint(hwsim.Delta, {"first": 0})
    assert "threshold True of first" in complaint(hwsim.Delta, {"first": True})
    assert "threshold 2 of first" in complaint(hwsim.Execution, "dense", {"first": 2})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("3", 3), ("input=2", {"input": 2}), ("input=2, dense1=3", {"input": 2, "dense1": 3})],
)
def test_thresholds_on_the_command_line(text, expected):
    assert thresholds(text) == expected


@pytest.mark.parametrize("text", ["", "two", "input=", "input=2,", "input=2,input=3", "=2", "input=1=2"])
def test_thresholds_that_are_none(text):
    with pytest.raises(HwsimError, match="write --threshold"):
        thresholds(text)


def test_the_command_line_takes_thresholds_of_layers():
    command = ["simulate", "digits-mlp-rounding", "--execution", "delta", "--frames", "20"]
    told = CliRunner().invoke(app, [*command, "--threshold", "dense1=2"])
    assert told.exit_code == 0, told.output
    assert "threshold=dense1: 2" in " ".join(told.output.split())


# ------------------------------------------------------------------------------------------------- the reference


@pytest.mark.plain
@pytest.mark.parametrize("made", [networks, convolutional_networks])
@examples(40)
@given(data=st.data())
def test_layers_hold_back_as_in_the_reference(made, data):
    network = data.draw(made())
    frames = data.draw(inputs_for(network))
    run = hwsim.simulate(network, dataset_of(network, frames), "delta")
    senders = [layer.name for layer in run.activity.layers if layer.emitted]
    threshold = {name: data.draw(st.sampled_from([1, 2, 3, 7])) for name in senders}
    machine = hwsim.load_machine("sigma-delta-adder")
    scalar = reference.PRESETS["sigma-delta-adder"]
    lanes = machine.lanes
    scalar = reference.Machine(
        "delta",
        "unary",
        word_length=machine.word_length,
        lanes=(lanes.dense.channels, lanes.dense.positions),
        lanes_convolution=(lanes.convolution.channels, lanes.convolution.positions),
    )
    assert_same_counts(network, frames, machine, scalar, threshold)
    raw_bits = frames.dtype.itemsize * 8 if network.input_format.is_real else None
    expected = reference.run(network, frames, scalar, threshold=threshold, raw_bits=raw_bits)
    run = hwsim.simulate(network, dataset_of(network, frames), hwsim.Delta(threshold))
    assert_same_outputs(network, run, expected)
