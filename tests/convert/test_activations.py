"""Signals quantized after weights: integers throughout, shifts where promised, and the function that was meant."""

import numpy as np
import pytest

from hwsim.convert import activations, batch_norm_forward, gpfq, msq
from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import (
    Affine,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool,
    MaxPool2d,
    Quantize,
    ReLU,
    Weight,
)
from hwsim.simulation.simulator import simulate


def make_network(batch_norm=False):
    draw = np.random.default_rng(8).normal
    norm = [Affine("norm1", scale=np.abs(draw(size=6)) + 0.5, offset=draw(size=6))] if batch_norm else []
    return Network(
        "made",
        (2, 8, 7),
        (
            Conv2d("conv1", terms=(Weight(draw(size=(6, 2, 3, 3))),), bias=draw(size=6), padding=1),
            ReLU("relu1"),
            *norm,
            MaxPool2d("pool", kernel=2),
            Flatten("flatten"),
            Dense("dense1", terms=(Weight(draw(size=(6 * 4 * 3, 30))),), bias=draw(size=30)),
            ReLU("relu2"),
            Dense("dense2", terms=(Weight(draw(size=(30, 5))),), bias=draw(size=5)),
        ),
    )


def frames(n=60, seed=9):
    return Dataset(np.random.default_rng(seed).integers(0, 256, (n, 2, 8, 7)).astype(np.uint8), 1 / 255, name="drawn")


def deviation(network, other, data):
    """Of outputs, relative to them."""
    one, two = (simulate(each, data, "sparse").outputs for each in (network, other))
    return np.linalg.norm(one - two) / np.linalg.norm(one)


def multiplications(network, execution="sparse", machine="zero-skipping-mac"):
    counts = count(simulate(network, frames(), execution).activity, machine)
    return {phase: counts.total(phase, "multiplication") for phase in ("encode", "synapse", "neuron")}


def test_nothing_is_multiplied():
    ternary = gpfq.convert(make_network(), frames(), 3, 2.0)
    coded = activations.convert(ternary, frames())
    assert coded.is_integer
    assert deviation(ternary, coded, frames(seed=10)) < 0.02
    assert multiplications(coded) == {"encode": 0, "synapse": 0, "neuron": 0}
    assert multiplications(coded, "delta", "delta-mac") == {"encode": 0, "synapse": 0, "neuron": 0}
    for layer in coded.layers:
        if isinstance(layer, Quantize) and layer.inputs != ("input",):
            assert layer.ratio(coded.signals[layer.inputs[0]]).kind in ("shift", "none")
            assert not layer.signed
    for ours, given in zip([*coded.layers], [*ternary.layers], strict=False):
        if isinstance(given, Conv2d | Dense) and ours.name == given.name:
            assert np.array_equal(ours.terms[0].code, given.terms[0].code)


def test_executions_agree_to_the_bit():
    coded = activations.convert(gpfq.convert(make_network(), frames(), 3, 2.0), frames(), 4)
    outputs = [simulate(coded, frames(seed=3), execution).output_codes for execution in ("dense", "sparse", "delta")]
    assert np.array_equal(outputs[0], outputs[1])
    assert np.array_equal(outputs[0], outputs[2])


def test_more_bits_are_closer():
    ternary = msq.convert(make_network(), levels=8, radius=3.0)
    for steps in ("shift", "any"):
        errors = [
            deviation(ternary, activations.convert(ternary, frames(), width, steps), frames()) for width in (3, 5, 8)
        ]
        assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01
    coarser = activations.convert(ternary, frames(), 5, headroom=1)
    assert deviation(ternary, coarser, frames()) > errors[2]


def test_codes_of_data_are_read_as_they_are():
    ternary = gpfq.convert(make_network(), frames(), 3, 2.0)
    first = activations.convert(ternary, frames(), 8).layers[0]
    assert (float(first.scale), first.bit_width, first.signed) == (255.0, 8, False)
    coarser = activations.convert(ternary, frames(), 4)
    assert coarser.layers[0].bit_width == 4
    assert multiplications(coarser) == {"encode": 0, "synapse": 0, "neuron": 0}
    real = Dataset(frames().values() - 0.5)
    assert activations.convert(ternary, real, 8).layers[0].signed


def test_batch_norm_is_folded_forward_first():
    network = make_network(batch_norm=True)
    folded = batch_norm_forward.convert(network)
    assert not any(isinstance(layer, Affine) for layer in folded.layers)
    assert deviation(network, folded, frames()) < 1e-5
    coded = activations.convert(gpfq.convert(folded, frames(), 5, 2.0), frames())
    assert multiplications(coded)["neuron"] == 0
    # left where it is, it multiplies each neuron
    ternary = gpfq.convert(network, frames(), 5, 2.0)
    left = activations.convert(ternary, frames())
    assert deviation(ternary, left, frames()) < 0.05
    assert multiplications(left)["neuron"] > 0


def test_joined_signals_share_a_step():
    draw = np.random.default_rng(2).normal
    network = Network(
        "fire",
        (2, 8, 7),
        (
            Conv2d("squeeze", terms=(Weight(draw(size=(3, 2, 1, 1))),)),
            ReLU("squeezed"),
            Conv2d("one", ("squeezed",), terms=(Weight(draw(size=(4, 3, 1, 1))),)),
            ReLU("one.relu"),
            Conv2d("three", ("squeezed",), terms=(Weight(9 * draw(size=(4, 3, 3, 3))),), padding=1),
            ReLU("three.relu"),
            Concat("both", ("one.relu", "three.relu")),
            Conv2d("last", terms=(Weight(draw(size=(5, 8, 1, 1))),)),
            GlobalAvgPool("scores"),
        ),
    )
    ternary = gpfq.convert(network, frames(), 9, 3.0, joint=True)
    coded = activations.convert(ternary, frames())
    assert coded.is_integer
    assert deviation(ternary, coded, frames()) < 0.05
    joined = [layer for layer in coded.layers if isinstance(layer, Quantize) and "relu" in layer.inputs[0]]
    assert len({(float(each.scale), each.bit_width, each.signed) for each in joined if "." in each.inputs[0]}) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "layer conv1: weights are real"),
        ({"bit_width": 1}, "write 2 to 16 bits"),
        ({"headroom": 7}, "write 2 to 16 bits"),
        ({"steps": "none"}, "write shift or any"),
    ],
)
def test_what_cannot_be_converted(change, message):
    with pytest.raises(NetworkError, match=message):
        activations.convert(make_network(), frames(), **change)


def test_signals_that_are_codes_already():
    coded = activations.convert(gpfq.convert(make_network(), frames(), 3, 2.0), frames())
    with pytest.raises(NetworkError, match="its signals are codes already"):
        activations.convert(coded, frames())


def test_what_was_made_states_how():
    ternary = gpfq.convert(make_network(), frames(), 3, 2.0)
    coded = activations.convert(ternary, frames(), 6)
    assert coded.name == "made-gpfq-6-bit-signals"
    assert (coded.about["signal_bit_width"], coded.about["levels"], coded.about["signal_steps"]) == (6, 3, "shift")
