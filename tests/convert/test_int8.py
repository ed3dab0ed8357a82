"""The int8 conversion, against a float64 forward pass of what its codes stand for."""

import numpy as np
import pytest
from test_rounding import make_data, make_network, parts

from hwsim.convert import int8
from hwsim.datasets import Dataset
from hwsim.network import Dense, Network, Quantize, ReLU, Weight
from hwsim.simulator import simulate


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
