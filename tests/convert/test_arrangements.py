"""Conversions of networks with borders, other orders of axes, and differences: they make what their twins become."""

import numpy as np
import pytest
from graphs import drawn_conv, frames_for

import hwsim
from hwsim import Add, Dense, Flatten, Network, Pad2d, Quantize, Rearrange, ReLU, Weight
from hwsim.convert import gpfq, int8, rounding
from hwsim.convert.places import cannot_be_negative, convertible, place
from hwsim.network.layers import Synaptic


def twins():
    """A convolution that pads and one after it; and the same with a border and a frame on its side in between."""
    generator = np.random.default_rng(0)
    first = drawn_conv("first", generator, (4, 2, 3, 3), padding=((1, 1), (0, 2)))
    second = drawn_conv("second", generator, (3, 4, 3, 2))
    last = Dense("last", terms=(Weight(generator.integers(-60, 61, (3 * 7 * 7, 5)) / 64),))
    plain = (first, ReLU("relu"), second, Flatten("flat"), last)
    (term,) = second.terms
    lying = Weight(term.code.transpose(0, 1, 3, 2))
    arranged = (
        Pad2d("pad", padding=((1, 1), (0, 2))),
        hwsim.Conv2d("first", terms=first.terms, bias=first.bias),
        ReLU("relu"),
        Rearrange("lie", order=(0, 2, 1)),
        hwsim.Conv2d("second", terms=(lying,), bias=second.bias),
        Rearrange("stand", order=(0, 2, 1)),
        Rearrange("flat", shape=(3 * 7 * 7,)),
        last,
    )
    return tuple(Network("twin", (2, 9, 8), layers) for layers in (plain, arranged))


def outputs(network, execution="dense"):
    return hwsim.simulate(network, frames_for(network), execution).outputs


@pytest.mark.parametrize(
    "convert",
    [
        lambda network: int8.convert(network, frames_for(network, seed=2)),
        lambda network: rounding.convert(network, scale=2.0, data=frames_for(network, seed=2)),
    ],
)
def test_what_only_moves_numbers_is_converted_like_its_twin(convert):
    plain, arranged = (convert(network) for network in twins())
    assert any(isinstance(layer, Quantize) for layer in plain.layers) == any(
        isinstance(layer, Quantize) for layer in arranged.layers
    )
    expected = outputs(plain)
    assert np.ptp(expected) > 0
    for execution in ("dense", "sparse", "delta"):
        assert outputs(arranged, execution) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_codes_are_made_before_axes_move():
    """Accumulators of channels may differ in step; behind, a channel might hold numbers of several of them."""
    _, arranged = twins()
    placed = place(convertible(arranged), lambda layer: isinstance(layer, Synaptic)).layers
    read = {layer.name: layer.inputs[0] for layer in placed}
    assert read["lie"] == "second_input"
    assert read["stand"] == "last_input"
    assert read["first"] == "first_input"


def difference_network(signs, sign=1):
    generator = np.random.default_rng(3)
    left, right = (drawn_conv(name, generator, (3, 2, 3, 3), ("input",)) for name in ("left", "right"))
    turned = hwsim.Conv2d("right", ("input",), terms=(Weight(sign * right.terms[0].code),), bias=sign * right.bias)
    return Network("difference", (2, 5, 4), (left, turned, Add("sum", ("left", "right"), signs=signs), ReLU("relu"),
                   drawn_conv("last", generator, (2, 3, 1, 1))))  # fmt: skip


def test_a_difference_is_calibrated_as_one():
    subtracted, added = difference_network((1, -1)), difference_network((), -1)
    assert np.array_equal(outputs(subtracted), outputs(added))
    quantized = [gpfq.convert(network, frames_for(network, seed=2)) for network in (subtracted, added)]
    assert np.array_equal(quantized[0].layers[-1].terms[0].code, quantized[1].layers[-1].terms[0].code)
    steps = [int8.convert(network, frames_for(network, seed=2)).signals for network in (subtracted, added)]
    assert steps[0]["last_input"].step == pytest.approx(steps[1]["last_input"].step)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Add("x", ("relu", "relu")), True),
        (Add("x", ("relu", "relu"), signs=(1, -1)), False),
        (Pad2d("x", ("relu",), padding=1), True),
        (Pad2d("x", ("relu",), padding=1, value=-1), False),
        (Rearrange("x", ("relu",), order=(1, 0, 2)), True),
    ],
)
def test_what_may_be_negative(layer, expected):
    network = Network("n", (2, 3, 3), (ReLU("relu"), layer))
    assert cannot_be_negative({each.name: each for each in network.layers}, "x") is expected


@pytest.mark.torch
def test_the_torch_graph_is_the_network():
    import torch

    from hwsim.train.graph import Graph

    for network in (*twins(), difference_network((1, -1)), difference_network((-1, 1))):
        values = frames_for(network).values()
        expected = hwsim.simulate(network, values).outputs
        assert Graph(network).run(torch.tensor(values)).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)
