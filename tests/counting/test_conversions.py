"""Integer codes that meet real weights are converted once, where they are sent, and then multiplied as real numbers."""

import numpy as np
import pytest

import hwsim

INT8, FP32 = hwsim.NumberFormat("integer", 8), hwsim.NumberFormat("real", 32)
FRAMES = np.array([[3, 0, -2, 0], [3, 1, 0, 0]], np.int8)  # events: 2 and 2; changes: 2, then 2


def dense(name, n_in, n_out, format=FP32, **options):
    return hwsim.Dense(
        name, terms=(hwsim.Weight(np.full((n_in, n_out), 0.5 if format is FP32 else 1), format),), **options
    )


def counted(layers, execution, input_format=INT8, frames=FRAMES):
    net = hwsim.Network("network", frames.shape[1:], layers, input_format=input_format)
    counts = hwsim.count(hwsim.simulate(net, frames, execution).activity)
    return counts, {
        (key.layer, key.phase, *key.operation.format): int(number.sum())
        for key, number in counts.entries.items()
        if key.operation.kind == "conversion"
    }


@pytest.mark.parametrize(
    ("execution", "event", "times"), [("dense", "int8", 4 + 4), ("sparse", "int8", 2 + 2), ("delta", "int9", 2 + 2)]
)
def test_each_event_is_converted_once_and_multiplied_at_every_synapse(execution, event, times):
    counts, conversions = counted((dense("out", 4, 3),), execution)
    assert conversions == {("input", "encode", event, "fp32"): times}
    synapse = {
        (key.operation.kind, key.operation.format): int(number.sum())
        for key, number in counts.entries.items()
        if key.phase == "synapse"
    }
    assert synapse == {("multiplication", ("fp32", "fp32")): 3 * times, ("addition", ("fp32",)): 3 * times}


def test_codes_between_layers_are_converted_by_their_producer():
    layers = (dense("hidden", 4, 5, INT8), hwsim.ReLU("relu"), hwsim.Quantize("quantize"), dense("out", 5, 2))
    # every hidden neuron is 1, then 4: five events in both frames, and in both changes
    for execution, event in (("sparse", "int8"), ("delta", "int9")):
        _, conversions = counted(layers, execution)
        assert conversions == {("hidden", "neuron", event, "fp32"): 10}


def test_each_layer_that_reads_converts_for_itself():
    layers = (
        hwsim.Dense("left", ("input",), terms=dense("", 4, 3).terms),
        hwsim.Dense("right", ("input",), terms=dense("", 4, 3).terms),
        hwsim.Add("sum", ("left", "right")),
    )
    _, conversions = counted(layers, "sparse")
    assert conversions == {("input", "encode", "int8", "fp32"): 2 * (2 + 2)}


@pytest.mark.parametrize("format", ["binary", "ternary", "int8", "po2-4"])
def test_weights_that_are_no_real_numbers_need_none(format):
    _, conversions = counted((dense("out", 4, 3, hwsim.NumberFormat.parse(format)),), "sparse")
    assert conversions == {}


def test_codes_of_plus_or_minus_one_need_none():
    binary = hwsim.NumberFormat("binary", 1)
    counts, conversions = counted((dense("out", 4, 3),), "dense", binary, np.array([[1, -1, 1, 1]], np.int8))
    assert conversions == {}
    assert (counts.total("synapse", "addition"), counts.total("synapse", "multiplication")) == (12, 0)


def test_a_conversion_costs_an_addition_and_a_shift_in_the_default_table():
    counts, _ = counted((dense("out", 4, 3),), "sparse")
    energy = hwsim.price(counts, "default_45nm")
    assert energy.of("encode", "conversion") == pytest.approx(4 * (0.1 + 0.13) * 1e-12)
    assert energy.of("synapse", "multiplication") == pytest.approx(12 * 3.7e-12)
