"""Folding batch norm: against torch in real numbers, to the bit in integers, and what has to stay as it is."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwsim.convert import batch_norm
from hwsim.network.graph import Network
from hwsim.network.layers import Add, Affine, Conv2d, Dense, Flatten, Quantize, ReLU, Weight
from hwsim.network.number_format import BINARY, NumberFormat, integer
from hwsim.simulation.simulator import simulate

TERNARY = NumberFormat("ternary", 2)
NARROW = NumberFormat("integer", 4, narrow_range=True)
POWERS = NumberFormat("power-of-two", 3)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def drawn(seed=0):
    return np.random.default_rng(seed)


def real_network(*layers, shape=(2, 5, 4)):
    conv = Conv2d("conv", terms=(Weight(drawn().normal(size=(3, 2, 3, 3))),), bias=[0.5, -1, 2], padding=1)
    return Network("real", shape, (conv, *layers))


def coded_network(affine, format=TERNARY, *after, bias=(5, -3, 0), scale=0.25, **layer):
    """Codes of step 1/4 meet codes of a format, and an Affine follows."""
    choices = [code for code in range(format.lowest, format.highest + 1) if format != POWERS or code in (-4, -1, 0, 2)]
    if format == BINARY:
        choices = [-1, 1]
    code = drawn().choice(choices, (3, 2, 3, 3))
    conv = Conv2d("conv", terms=(Weight(code, format, scale),), bias=np.array(bias), padding=1, **layer)
    layers = (Quantize("codes", scale=4.0, bit_width=4), conv, affine, *after)
    return Network("coded", (2, 5, 4), layers)


def frames(shape=(2, 5, 4)):
    return drawn(9).normal(size=(6, *shape)).astype(np.float32)


# --- real weights


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2])
def test_equals_torch_in_eval_mode(groups):
    import torch

    torch.manual_seed(0)
    conv = torch.nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=groups)
    norm = torch.nn.BatchNorm2d(6)
    norm.weight.data, norm.bias.data = torch.randn(6), torch.randn(6)
    norm.running_mean, norm.running_var = torch.randn(6), torch.rand(6) + 0.1
    norm.eval()
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    offset = norm.bias.double() - norm.running_mean.double() * scale
    weight = conv.weight.detach().numpy()
    network = Network(
        "torch",
        (4, 7, 5),
        (
            Conv2d(
                "conv",
                terms=(Weight(weight),),
                bias=conv.bias.detach().numpy(),
                stride=(2, 1),
                padding=1,
                groups=groups,
            ),
            Affine("norm", scale=scale.detach().numpy(), offset=offset.detach().numpy()),
            ReLU("relu"),
        ),
    )
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Conv2d", "ReLU"]
    # each weight is the product, rounded once
    expected = (weight.astype(np.float64) * scale.detach().numpy()[:, None, None, None]).astype(np.float32)
    assert np.array_equal(folded.layers[0].terms[0].code, expected)
    images = torch.randn(5, 4, 7, 5)
    with torch.no_grad():
        expected = torch.relu(norm(conv(images))).numpy().reshape(5, -1)
    outputs = simulate(folded, images.numpy()).outputs
    assert np.abs(outputs - expected).max() < 1e-5 * np.abs(expected).max()


def test_dense_is_folded_by_column():
    generator = drawn(1)
    weight, bias = generator.normal(size=(8, 3)).astype("f4"), generator.normal(size=3).astype("f4")
    scale, offset = np.array([2.5, -1.25, 0.0]), np.array([1.0, 2.0, 3.0])
    layers = (Flatten("flat"), Dense("dense", terms=(Weight(weight),), bias=bias), Affine("norm", (), scale, offset))
    folded = batch_norm.convert(Network("dense", (2, 4), layers))
    assert kinds(folded) == ["Flatten", "Dense"]
    assert np.array_equal(folded.layers[1].terms[0].code, (weight.astype("f8") * scale).astype("f4") + 0)
    assert np.array_equal(folded.layers[1].bias, (bias.astype("f8") * scale + offset).astype("f4"))


def test_readers_of_the_affine_read_the_layer():
    network = real_network(
        Affine("norm", scale=[1, 2, 3], offset=1.0),
        ReLU("relu"),
        Conv2d("other", ("norm",), terms=(Weight(drawn().normal(size=(3, 3, 1, 1))),)),
        Affine("other_norm", scale=2.0),
        Affine("again", offset=0.5),
        Add("sum", ("again", "relu")),
    )
    folded = batch_norm.convert(network)
    assert {layer.name: layer.inputs for layer in folded.layers} == {
        "conv": ("input",), "relu": ("conv",), "other": ("conv",), "sum": ("other", "relu"),
    }  # fmt: skip
    np.testing.assert_allclose(simulate(folded, frames()).outputs, simulate(network, frames()).outputs, atol=1e-4)


def test_codes_that_meet_real_numbers_take_any_offset():
    term = Weight(drawn().integers(-1, 2, (8, 3)), TERNARY, 0.5)
    affine = Affine("norm", scale=[0.3, 1.7, 2.0], offset=0.123)
    network = Network("mixed", (8,), (Dense("dense", terms=(term,)), affine))
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Dense"]
    assert np.array_equal(folded.layers[0].terms[0].code, term.code)
    np.testing.assert_allclose(folded.layers[0].terms[0].scale, [0.15, 0.85, 1.0])
    np.testing.assert_allclose(
        simulate(folded, frames((8,))).outputs, simulate(network, frames((8,))).outputs, rtol=1e-5, atol=1e-6
    )


# --- integer accumulators


@pytest.mark.parametrize("format", [BINARY, TERNARY, NARROW, POWERS])
@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_integers_are_folded_to_the_bit(format, execution):
    # powers of two and whole steps (1/16 x scale), which the Affine's multipliers hold exactly too
    affine = Affine("norm", scale=np.array([0.5, -2.0, 4.0]), offset=np.array([5 / 32, 3 / 8, -1.0]))
    for after in ((), (ReLU("relu"), Quantize("out", scale=8.0, bit_width=5))):
        network = coded_network(affine, format, *after)
        folded = batch_norm.convert(network)
        assert kinds(folded) == [kind for kind in kinds(network) if kind != "Affine"]
        assert folded.is_integer
        run, expected = (simulate(each, frames(), execution) for each in (folded, network))
        assert np.array_equal(run.outputs, expected.outputs)
        assert np.abs(run.outputs).max() > 0
    conv = folded.layers[1]
    assert np.array_equal(
        conv.terms[0].code, network.layers[1].terms[0].code * np.array([1, -1, 1])[:, None, None, None]
    )
    assert conv.bias.tolist() == [5 + 5, 3 + 3, -4]
    assert np.asarray(conv.terms[0].scale).tolist() == [0.125, 0.5, 1.0]


def test_two_terms_are_scaled_alike():
    generator = drawn(4)
    terms = tuple(Weight(generator.integers(-1, 2, (3, 2, 3, 3)), TERNARY, scale) for scale in (0.5, 0.125))
    network = coded_network(Affine("norm", scale=[2, -1, 1], offset=[0.0, 0.125, 1.0]))
    conv = replace(network.layers[1], terms=terms)
    network = replace(network, layers=(network.layers[0], conv, network.layers[2]))
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Quantize", "Conv2d"]
    assert np.array_equal(simulate(folded, frames()).outputs, simulate(network, frames()).outputs)


def test_one_factor_for_all_keeps_one_step():
    folded = batch_norm.convert(coded_network(Affine("norm", scale=np.full(3, 0.7)), bias=(0, 0, 0)))
    assert np.shape(folded.layers[1].terms[0].scale) == ()
    assert folded.output.step == pytest.approx(0.7 / 16)


@pytest.mark.parametrize(
    ("affine", "options"),
    [
        ({"offset": 0.01}, {}),  # no whole number of steps of 1/16
        ({"offset": 1 / 16, "scale": 2.0}, {}),  # half of a step of 1/8
        ({"scale": [1.0, 0.0, 1.0]}, {}),
        ({"scale": -1.0}, {"format": integer(3)}),  # there is no 4 for -4
        ({"scale": -1.0}, {"format": integer(2, signed=False)}),
        ({"offset": 1e6 / 16}, {"accumulator": 12}),
    ],
)
def test_what_is_no_code_stays(affine, options):
    network = coded_network(Affine("norm", **affine), **options)
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Quantize", "Conv2d", "Affine"]
    assert folded == network


def test_positive_factors_do_not_touch_codes():
    network = coded_network(Affine("norm", scale=[1.0, 2.0, 0.5]), format=integer(3))
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Quantize", "Conv2d"]
    assert np.array_equal(folded.layers[1].terms[0].code, network.layers[1].terms[0].code)


def test_a_step_per_channel_that_cannot_be_read_stays():
    reader = Conv2d("reader", terms=(Weight(np.ones((2, 3, 1, 1)), TERNARY),))
    network = coded_network(Affine("norm", scale=[1.0, 2.0, 0.5]), TERNARY, reader)
    assert batch_norm.convert(network) == network
    # with one factor it can
    network = coded_network(Affine("norm", scale=0.5), TERNARY, reader)
    assert kinds(batch_norm.convert(network)) == ["Quantize", "Conv2d", "Conv2d"]


def test_other_signals_stay():
    norm = Affine("norm", scale=2.0)
    for network in (
        real_network(norm, Add("sum", ("norm", "conv"))),  # read by others too
        real_network(ReLU("relu"), norm),
        Network("input", (3, 2, 2), (norm, ReLU("relu"))),
    ):
        folded = batch_norm.convert(network)
        assert folded == network
        assert "Affine" in kinds(folded)


def test_real_weights_beyond_float32_or_with_a_scale_stay():
    for conv, affine in (
        ({}, Affine("norm", scale=1e300)),
        ({}, Affine("norm", offset=1e300)),
        ({"terms": (Weight(np.ones((3, 2, 3, 3)), scale=0.5),)}, Affine("norm", scale=2.0)),
        ({"terms": (Weight(np.ones((3, 2, 3, 3))), Weight(np.ones((3, 2, 3, 3))))}, Affine("norm", scale=2.0)),
    ):
        network = real_network(affine)
        network = replace(network, layers=(replace(network.layers[0], **conv), affine))
        assert batch_norm.convert(network) == network


def test_one_that_stays_keeps_no_other_from_being_folded():
    network = coded_network(
        Affine("norm", offset=0.01),
        TERNARY,
        ReLU("relu"),
        Quantize("codes2", scale=4.0, bit_width=4),
        Conv2d("conv2", terms=(Weight(np.ones((2, 3, 1, 1)), TERNARY),)),
        Affine("norm2", scale=3.0),
    )
    assert kinds(batch_norm.convert(network)) == ["Quantize", "Conv2d", "Affine", "ReLU", "Quantize", "Conv2d"]


def test_what_was_made_states_how():
    network = replace(real_network(Affine("norm", scale=2.0)), about={"method": "trained", "accuracy": {"percent": 1}})
    folded = batch_norm.convert(network)
    assert folded.name == "real-folded"
    assert folded.about["method"] == "trained"
    assert (folded.about["made_from"], folded.about["made_from_digest"]) == ("real", network.digest)
    assert (folded.about["layers_folded"], "accuracy" in folded.about) == (1, False)
    assert batch_norm.convert(network, name="other").name == "other"
    # the same function has the same accuracy
    assert "accuracy" in batch_norm.convert(replace(network, layers=network.layers[:1])).about


# --- offsets that a quantizer takes


@pytest.mark.parametrize("relu", [(), (ReLU("relu"),)])
def test_an_offset_between_steps_goes_into_the_quantizer(relu):
    """Every code is the nearest of scale and offset by channel, which fractions say."""
    norm = Affine("norm", scale=[0.7, -1.3, 0.31], offset=[0.123, -0.456, 1.7])
    quantize = Quantize("out", scale=3.1, bit_width=8, signed=not relu)
    network = coded_network(norm, TERNARY, *relu, quantize)
    folded = batch_norm.convert(network)
    assert kinds(folded) == ["Quantize", "Conv2d", "Quantize"]
    assert np.ndim(folded.layers[-1].offset) == 1

    conv = network.layers[1]
    bare = simulate(replace(network, layers=network.layers[:2]), frames(), "dense").outputs
    step = np.asarray(conv.terms[0].scale) * 0.25
    codes = np.rint(np.asarray(bare, np.float64).reshape(-1, 3, 20) / step).astype(int)
    made = simulate(folded, frames(), "dense").output_codes.reshape(codes.shape)
    for channel, (scale, offset) in enumerate(zip([0.7, -1.3, 0.31], [0.123, -0.456, 1.7], strict=True)):
        for accumulator, code in zip(codes[:, channel].ravel(), made[:, channel].ravel(), strict=True):
            exact = (Fraction(scale) * int(accumulator) * Fraction(float(step)) + Fraction(offset)) * Fraction(3.1)
            lowest, highest = (0, 255) if relu else (-128, 127)
            assert code == min(max(math.floor(exact + Fraction(1, 2)), lowest), highest)


def test_an_offset_stays_where_a_relu_is_more_than_the_lowest_code():
    norm = Affine("norm", scale=0.7, offset=[0.123, -0.456, 1.7])
    network = coded_network(norm, TERNARY, ReLU("relu"), Quantize("out", scale=3.1, bit_width=8, signed=True))
    assert kinds(batch_norm.convert(network)) == ["Quantize", "Conv2d", "Affine", "ReLU", "Quantize"]
