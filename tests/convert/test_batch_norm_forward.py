"""Batch norm into the layers after it: the same function, and what has to stay."""

import numpy as np
import pytest

from hwsim.convert import batch_norm_forward
from hwsim.network.graph import Network
from hwsim.network.layers import Add, Affine, AvgPool2d, Conv2d, Dense, Flatten, GlobalAvgPool, MaxPool2d, ReLU, Weight
from hwsim.network.number_format import NumberFormat
from hwsim.simulation.simulator import simulate


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def conv(name, n_in=4, groups=1, **geometry):
    return Conv2d(name, terms=(Weight(draw(6, n_in // groups, 3, 3)),), bias=draw(6), groups=groups, **geometry)


def dense(name, n_in):
    return Dense(name, terms=(Weight(draw(n_in, 3)),), bias=draw(3))


NORM = Affine("norm", scale=[0.5, -1.5, 2.0, 0.0], offset=[1.0, 0.0, -2.0, 3.0])
POSITIVE = Affine("norm", scale=[0.5, 1.5, 2.0, 0.25], offset=[1.0, 0.0, -2.0, 3.0])
SLOPES = Affine("norm", scale=[0.5, -1.5, 2.0, 0.25])


@pytest.mark.parametrize(
    "layers",
    [
        (NORM, conv("conv")),
        (NORM, conv("conv", groups=2, stride=2)),
        (SLOPES, conv("conv", padding=1)),
        (NORM, Flatten("flatten"), dense("dense", 4 * 30)),
        (POSITIVE, MaxPool2d("pool", kernel=2), Flatten("flatten"), dense("dense", 4 * 6)),
        (NORM, AvgPool2d("pool", kernel=2), Flatten("flatten"), dense("dense", 4 * 6)),
        (NORM, GlobalAvgPool("pool"), Flatten("flatten"), dense("dense", 4)),
        (SLOPES, AvgPool2d("pool", kernel=3, padding=1, stride=1), conv("conv")),
        (
            Affine("norm", scale=2.0, offset=1.0),
            conv("conv"),
            ReLU("again"),
            Affine("more", scale=draw(6)),
            conv("c", 6, stride=1),
        ),
    ],
)
def test_the_function_stays(layers):
    network = Network("made", (4, 6, 5), (ReLU("relu"), *layers))
    folded = batch_norm_forward.convert(network)
    assert not any(isinstance(layer, Affine) for layer in folded.layers)
    frames = draw(7, 4, 6, 5)
    expected, found = (simulate(each, frames).outputs for each in (network, folded))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize(
    "layers",
    [
        (NORM, conv("conv", padding=1)),  # padding is zero, not shifted
        (NORM, MaxPool2d("pool", kernel=2), conv("conv", stride=1, padding=((1, 1), (1, 1)))),
        (SLOPES, MaxPool2d("pool", kernel=2), Flatten("flatten"), dense("dense", 4 * 6)),  # a negative slope: a minimum
        (NORM, AvgPool2d("pool", kernel=3, padding=1), Flatten("flatten"), dense("dense", 16)),
        (NORM, ReLU("again"), conv("conv")),
        (NORM,),
        (NORM, Flatten("flatten")),
        (NORM, Add("sum", ("norm", "relu")), conv("conv")),
        (NORM, Conv2d("codes", terms=(Weight(np.ones((2, 4, 1, 1)), NumberFormat("ternary", 2)),))),
    ],
)
def test_what_cannot_be_folded_stays(layers):
    network = Network("made", (4, 6, 5), (ReLU("relu"), *layers))
    assert batch_norm_forward.convert(network) == network


def test_all_readers_take_it():
    layers = (
        ReLU("relu"),
        NORM,
        conv("one"),
        Conv2d("two", ("norm",), terms=(Weight(draw(6, 4, 3, 3)),)),
        Add("sum", ("one", "two")),
    )
    network = Network("made", (4, 6, 5), layers)
    folded = batch_norm_forward.convert(network)
    assert [layer.inputs for layer in folded.layers] == [("input",), ("relu",), ("relu",), ("one", "two")]
    frames = draw(7, 4, 6, 5)
    np.testing.assert_allclose(simulate(folded, frames).outputs, simulate(network, frames).outputs, atol=1e-3)


def test_what_was_made_states_how():
    network = Network("made", (4, 6, 5), (NORM, conv("conv")), about={"accuracy": {"percent": 1.0}, "seed": 4})
    folded = batch_norm_forward.convert(network)
    assert folded.name == "made-folded-forward"
    assert (folded.about["layers_folded"], folded.about["seed"], "accuracy" in folded.about) == (1, 4, False)
    assert batch_norm_forward.convert(network, name="other").name == "other"
