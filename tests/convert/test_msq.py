"""Memoryless quantization: nearest levels, the lower of two, and networks whose codes are exactly those."""

import numpy as np
import pytest

from hwsim.convert import msq
from hwsim.convert.alphabet import equispaced
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Affine, Conv2d, Dense, Flatten, ReLU, Weight
from hwsim.simulation.simulator import simulate


def nearest_of(weight, level):
    """One weight at a time."""
    found = [min(level, key=lambda each: (abs(number - each), each)) for number in weight.ravel()]
    return np.array(found).reshape(weight.shape)


@pytest.mark.parametrize("level", [[-1.0, 0.0, 1.0], [-0.75, -0.25, 0.25, 0.75], [-2.0, -0.5, 0.0, 0.25, 1.5]])
def test_every_weight_becomes_the_nearest_level(level):
    weight = np.random.default_rng(0).normal(size=(40, 30))
    assert np.array_equal(msq.quantize_weight(weight, level), nearest_of(weight, level))
    ties = np.array([[-0.5, 0.5, 0.0, 0.125, -1.25, 0.875, 9.0, -9.0]])
    assert np.array_equal(msq.quantize_weight(ties, level), nearest_of(ties, level))


@pytest.mark.parametrize("level", [[], [1.0], [1.0, 1.0], [1.0, 0.0], [0.0, np.nan], [[0.0, 1.0]]])
def test_what_is_no_alphabet(level):
    with pytest.raises(NetworkError, match="expected two finite numbers or more, rising"):
        msq.quantize_weight(np.zeros((2, 2)), level)


def test_weights_that_are_not_finite():
    with pytest.raises(NetworkError, match="weights must be finite"):
        msq.quantize_weight([[np.nan]], [0.0, 1.0])


def make_network():
    generator = np.random.default_rng(1)
    draw = generator.normal
    return Network(
        "made",
        (2, 6, 6),
        (
            Conv2d("conv", terms=(Weight(draw(size=(4, 2, 3, 3))),), bias=draw(size=4), padding=1),
            ReLU("relu"),
            Affine("norm", scale=draw(size=4), offset=draw(size=4)),
            Flatten("flatten"),
            Dense("dense", terms=(Weight(draw(size=(144, 5))),), bias=draw(size=5)),
        ),
        about={"seed": 3},
    )


@pytest.mark.parametrize(
    ("levels", "format"), [(2, "binary"), (3, "ternary"), (4, "int3"), (5, "int3"), (8, "int4"), (16, "int5")]
)
def test_networks(levels, format):
    network = make_network()
    converted = msq.convert(network, levels=levels, radius=2.5)
    for ours, given in zip(converted.layers, network.layers, strict=True):
        if not isinstance(given, Conv2d | Dense):
            assert type(ours) is type(given)
            assert not isinstance(given, Affine) or np.array_equal(
                [ours.scale, ours.offset], [given.scale, given.offset]
            )
            continue
        (term,) = ours.terms
        radius = 2.5 * np.median(np.abs(given.terms[0].code.astype(np.float64)))
        level = equispaced(levels, radius).level
        np.testing.assert_allclose(level, radius * np.linspace(-1, 1, levels), rtol=1e-12, atol=1e-12)
        expected = msq.quantize_weight(given.terms[0].value.reshape(1, -1), level)
        assert np.array_equal(term.value, expected.reshape(term.code.shape))
        assert term.format.name == format
        assert np.ndim(term.scale) == 0
        if levels % 2 == 0:
            assert np.all(term.code % 2 != 0)
        assert np.array_equal(ours.bias, given.bias)
    assert simulate(converted, np.ones((2, 2, 6, 6), np.float32)).outputs.shape == (2, 5)
    assert converted.name == "made-msq"
    assert (converted.about["levels"], converted.about["made_from"]) == (levels, "made")


def test_each_layer_has_its_own_levels():
    network = make_network()
    for levels in ({"conv": 3, "dense": 16}, [3, 16]):
        converted = msq.convert(network, levels=levels, radius=[2, 3.0])
        assert [converted.layers[k].terms[0].format.name for k in (0, 4)] == ["ternary", "int5"]
    with pytest.raises(NetworkError, match="levels by layer: dense missing"):
        msq.convert(network, levels={"conv": 3})
    with pytest.raises(NetworkError, match="3 radii for 2 layers with weights"):
        msq.convert(network, radius=[1.0, 2.0, 3.0])


@pytest.mark.parametrize(("levels", "radius"), [(1, 2.0), (0, 2.0), (3, 0.0), (3, -1.0), (3, np.inf)])
def test_alphabets_that_are_none(levels, radius):
    with pytest.raises(NetworkError, match=r"network made: layer conv: .*(a whole number from 2|positive number)"):
        msq.convert(make_network(), levels=levels, radius=radius)
