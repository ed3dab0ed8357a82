"""The int8 conversion, against a float64 forward pass of what its codes stand for."""

import numpy as np
import pytest
from graphs import branching_network, drawn_conv, forward, frames_for
from test_rounding import make_data, make_network, parts

from hwsim.convert import int8
from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Gather,
    GlobalAvgPool,
    MaxPool2d,
    Quantize,
    ReLU,
    Slice,
    Weight,
)
from hwsim.simulation.simulator import simulate


def float_forward(network, values):
    """Outputs, and what each Dense layer reads, in float64."""
    x, read = values.reshape(len(values), -1).astype(np.float64), []
    for layer in network.layers:
        if isinstance(layer, Dense):
            read.append(x)
            x = x @ layer.terms[0].value + layer.bias
        elif isinstance(layer, ReLU):
            x = np.maximum(x, 0)
    return x, read


@pytest.mark.parametrize("per_channel", [False, True])
def test_everything_is_eight_bits_and_nearest(per_channel):
    network, data = make_network(), make_data()
    converted = int8.convert(network, data, per_channel=per_channel)
    assert converted.is_integer
    for old, new in zip(parts(network, Dense), parts(converted, Dense), strict=True):
        term, real = new.terms[0], old.terms[0].value
        assert term.format.name == "int8"
        assert np.shape(term.scale) == (real.shape[1:] if per_channel else ())
        largest = np.abs(real).max(axis=0 if per_channel else None)
        np.testing.assert_allclose(term.scale, largest / 127)
        assert np.all(np.abs(term.value - real) <= np.asarray(term.scale) / 2 * (1 + 1e-9))
        assert np.abs(term.code).max() == 127
    assert [each.format.name for each in parts(converted, Quantize)] == ["uint8"] * 3


@pytest.mark.parametrize("per_channel", [False, True])
def test_outputs_are_near_those_of_the_float_network(per_channel):
    network, data = make_network(), make_data()
    converted = int8.convert(network, data, per_channel=per_channel)
    expected, _ = float_forward(network, data.values())
    outputs = simulate(converted, data).outputs
    assert np.abs(outputs - expected).max() < 0.02 * np.abs(expected).max()


def test_data_of_eight_bit_codes_are_read_as_they_are():
    data = make_data()
    quantize = parts(int8.convert(make_network(), data), Quantize)[0]
    assert float(quantize.scale) * data.step == 1


def test_real_data_get_a_step_from_the_largest_value():
    data = make_data()
    real = Dataset(data.values() * 1.5, name="real")
    quantize = parts(int8.convert(make_network(), real), Quantize)[0]
    assert float(quantize.scale) == pytest.approx(255 / real.inputs.max())
    signed = Dataset(-real.inputs, name="negative")
    quantize = parts(int8.convert(make_network(), signed), Quantize)[0]
    assert quantize.signed
    assert float(quantize.scale) == pytest.approx(127 / real.inputs.max())


def test_hidden_codes_reach_their_whole_range_on_calibration_data():
    network, data = make_network(), make_data()
    converted = int8.convert(network, data)
    _, read = float_forward(network, data.values())
    for quantize, values in zip(parts(converted, Quantize)[1:], read[1:], strict=True):
        assert float(quantize.scale) == pytest.approx(255 / values.max(), rel=0.02)
    assert simulate(converted, data).n_saturated == 0


def test_dead_channels_and_layers_are_no_trouble():
    data = make_data()
    weight = np.zeros((12, 3))
    weight[:, 1] = -1
    layers = (
        Dense("first", terms=(Weight(weight),)),
        ReLU("relu"),
        Dense("second", terms=(Weight(np.ones((3, 2))),), bias=np.array([1.0, -1.0])),
    )
    flat = Dataset(data.inputs.reshape(-1, 12), step=data.step)
    for per_channel in (False, True):
        converted = int8.convert(Network("dead", (12,), layers), flat, per_channel=per_channel)
        np.testing.assert_allclose(simulate(converted, flat).outputs, [[1, -1]] * 60, atol=0.01)


def test_biases_are_nearest_in_the_accumulators_step():
    network, data = make_network(), make_data()
    converted = int8.convert(network, data)
    for old, new in zip(parts(network, Dense), parts(converted, Dense), strict=True):
        step = float(converted.signals[new.name].step)
        np.testing.assert_allclose(new.bias * step, old.bias, atol=step / 2 * (1 + 1e-9))


def test_what_was_made_states_how():
    converted = int8.convert(make_network(), make_data())
    assert converted.name == "made-int8"
    assert converted.about["weight_scale"] == "per layer"
    assert {"method", "made_from", "made_from_digest", "data_set", "seed"} <= set(converted.about)


# --- convolutions and branches


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_branching_network_stays_near_the_real_one(per_channel):
    network = branching_network()
    data = frames_for(network, 40)
    converted = int8.convert(network, data, per_channel=per_channel)
    assert converted.is_integer
    for layer in parts(converted, Conv2d):
        assert np.shape(layer.terms[0].scale) == ((layer.n_channel,) if per_channel else ())
        assert np.abs(layer.terms[0].code).max(axis=(1, 2, 3) if per_channel else None).min() == 127
        assert converted.signals[layer.inputs[0]].format.bit_width == 8
    for layer in (*parts(converted, MaxPool2d), *parts(converted, Concat), *parts(converted, Add)):
        assert all(converted.signals[name].format.bit_width == 8 for name in layer.inputs)
    expected = forward(network, data.values())["out"]
    outputs = simulate(converted, data).outputs
    assert np.abs(outputs - expected).max() < 0.05 * np.abs(expected).max()
    for execution in ("sparse", "delta"):
        assert np.array_equal(simulate(converted, data, execution).outputs, outputs)


def test_what_a_joint_reads_has_one_step_and_reaches_its_whole_range_once():
    network = branching_network()
    data = frames_for(network, 40)
    converted = int8.convert(network, data)
    left, right = (layer for layer in parts(converted, Quantize) if layer.name.endswith("relu_codes"))
    assert (float(left.scale), left.format) == (float(right.scale), right.format)
    assert not left.signed
    signals = forward(network, data.values())
    largest = max(signals["left_relu"].max(), signals["right_relu"].max())
    assert float(left.scale) == pytest.approx(255 / largest, rel=0.02)
    assert simulate(converted, data).n_saturated == 0


def test_a_joint_of_signals_that_depend_on_each_other():
    generator = np.random.default_rng(3)
    layers = (
        drawn_conv("first", generator, (3, 2, 1, 1)),
        ReLU("first_relu"),
        drawn_conv("second", generator, (4, 3, 3, 3), padding=1),
        ReLU("second_relu"),
        Concat("dense_block", ("first_relu", "second_relu")),
        drawn_conv("third", generator, (2, 7, 1, 1)),
        Concat("again", ("dense_block", "third")),
        drawn_conv("last", generator, (5, 9, 1, 1)),
        GlobalAvgPool("mean"),
    )
    network = Network("dense", (2, 6, 6), layers)
    data = frames_for(network, 30)
    converted = int8.convert(network, data)
    assert converted.is_integer
    expected = forward(network, data.values())["mean"].reshape(30, -1)
    assert np.abs(simulate(converted, data).outputs - expected).max() < 0.05 * np.abs(expected).max()


def test_a_shuffled_block_of_halves():
    """Half of the channels pass by a convolution, all are shuffled, and half of those go on."""
    generator = np.random.default_rng(4)
    places = np.arange(4 * 36).reshape(2, 2, 36).transpose(1, 0, 2).ravel()
    layers = (
        drawn_conv("first", generator, (4, 2, 1, 1)),
        ReLU("first_relu"),
        Slice("passes", ("first_relu",), stop=2),
        Slice("goes", ("first_relu",), start=2),
        drawn_conv("second", generator, (2, 2, 3, 3), padding=1),
        ReLU("second_relu"),
        Gather("shuffled", ("passes", "second_relu"), places=places, shape=(4, 6, 6)),
        Slice("half", start=1, stop=3),
        drawn_conv("last", generator, (5, 2, 1, 1)),
        GlobalAvgPool("mean"),
    )
    network = Network("shuffled", (2, 6, 6), layers)
    data = frames_for(network, 30)
    converted = int8.convert(network, data)
    assert converted.is_integer
    expected = simulate(network, data).outputs
    assert np.abs(simulate(converted, data).outputs - expected).max() < 0.05 * np.abs(expected).max()


def means_network(*after, padding=0, scale=1.0, offset=(-100.0, -30.0)):
    affine = Affine("less_means", scale=scale, offset=np.array(offset))
    conv = drawn_conv("first", np.random.default_rng(5), (3, 2, 3, 3), padding=padding)
    return Network("means", (2, 6, 5), (affine, conv, *after))


@pytest.mark.parametrize("scale", [1.0, (2.0, 0.5), (-1.0, 1.0)])
def test_subtracted_means_go_into_weights_and_biases(scale):
    network = means_network(ReLU("relu"), scale=scale)
    data = frames_for(network, 30, step=1.0)
    converted = int8.convert(network, data)
    assert [type(layer) for layer in converted.layers] == [Quantize, Conv2d, ReLU]
    assert (converted.layers[0].format.name, float(converted.layers[0].scale)) == ("uint8", 1.0)
    # the codes are the data's own, and the result is that of the weight codes on shifted data
    first = converted.layers[1]
    real = Conv2d("first", terms=(Weight(first.terms[0].value.astype(np.float32)),), bias=network.layers[1].bias)
    factor = np.broadcast_to(scale, 2)[:, None, None]
    shifted = data.inputs + np.array([-100.0, -30.0])[:, None, None] / factor
    expected = np.maximum(forward(Network("codes", (2, 6, 5), (real,)), shifted)["first"], 0).reshape(30, -1)
    np.testing.assert_allclose(simulate(converted, data).outputs, expected, atol=float(converted.output.step))


def test_means_of_flat_inputs_go_into_a_dense_layer():
    generator = np.random.default_rng(6)
    dense = Dense("dense", terms=(Weight(generator.normal(size=(8, 3))),), bias=generator.normal(size=3))
    layers = (Affine("less_means", offset=np.array([-100.0, -30.0])), Flatten("flat"), dense)
    network = Network("flat", (2, 2, 2), layers)
    data = frames_for(network, 30, step=1.0)
    converted = int8.convert(network, data)
    assert [layer.name for layer in converted.layers] == ["flat", "dense_input", "dense"]
    expected = forward(network, data.values())["dense"]
    assert np.abs(simulate(converted, data).outputs - expected).max() < 0.02 * np.abs(expected).max()


def test_means_stay_where_padding_stands_for_no_shifted_zero_or_data_are_no_codes():
    padded, plain = means_network(padding=1), means_network()
    for network, data in ((padded, frames_for(padded, step=1.0)), (plain, frames_for(plain, step=1.0).values())):
        data = data if isinstance(data, Dataset) else Dataset(data, name="real")
        converted = int8.convert(network, data)
        assert [type(layer) for layer in converted.layers] == [Affine, Quantize, Conv2d]
        assert converted.layers[1].signed
        expected = forward(network, data.values())["first"].reshape(len(data), -1)
        assert np.abs(simulate(converted, data).outputs - expected).max() < 0.02 * np.abs(expected).max()
    # without an offset there is nothing that padding could miss
    scaled = means_network(padding=1, scale=0.5, offset=(0.0, 0.0))
    assert [type(layer) for layer in int8.convert(scaled, frames_for(scaled)).layers] == [Quantize, Conv2d]


def test_an_affine_between_layers_is_done_to_accumulators():
    affine = Affine("norm", scale=np.array([0.5, 2.0, 1.5]), offset=np.array([1.0, -2.0, 0.25]))
    last = drawn_conv("last", np.random.default_rng(7), (2, 3, 1, 1))
    first = drawn_conv("first", np.random.default_rng(5), (3, 2, 3, 3))
    network = Network("normed", (2, 6, 5), (first, affine, ReLU("relu"), last))
    data = frames_for(network, 30)
    converted = int8.convert(network, data)
    assert converted.is_integer
    expected = forward(network, data.values())["last"].reshape(30, -1)
    assert np.abs(simulate(converted, data).outputs - expected).max() < 0.03 * np.abs(expected).max()
