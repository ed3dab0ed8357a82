"""Calibration runs only what is needed, and finds what a run of the whole network would find."""

import numpy as np
import pytest
from graphs import branching_network, forward, frames_for

from hwsim.convert import calibration as module
from hwsim.convert import int8
from hwsim.convert.calibration import Calibration, Reach
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Quantize
from hwsim.simulation.simulator import simulate


def finished(network, data):
    calibration = Calibration(network, network.layers, data)
    for layer in network.layers:
        calibration.add(layer)
    return calibration


def whole(blocks):
    return np.concatenate(list(blocks))


def upto(network, name):
    """The network as far as a signal."""
    layers = {layer.name: layer for layer in network.layers}
    needed, left = set(), [name]
    while left:
        each = left.pop()
        if each != INPUT and each not in needed:
            needed.add(each)
            left += layers[each].inputs
    chosen = tuple(layer for layer in network.layers if layer.name in needed)
    return Network("part", network.input_shape, chosen, network.input_format, network.input_step)


def test_real_signals_are_those_of_the_network():
    network = branching_network()
    data = frames_for(network)
    calibration = Calibration.of_real(network, data)
    expected = forward(network, data.values())
    for name, values in expected.items():
        np.testing.assert_allclose(whole(calibration.values(name)), values, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", [5, 5000])
def test_codes_are_those_of_the_whole_network(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    network = branching_network()
    data = frames_for(network)
    network = int8.convert(network, data)
    calibration = finished(network, data)
    for layer in network.layers:
        run = simulate(upto(network, layer.name), data)
        codes, values = whole(calibration.codes(layer.name)), whole(calibration.values(layer.name))
        assert codes.shape[1:] == network.signals[layer.name].shape
        assert np.array_equal(codes.reshape(len(data), -1), run.output_codes)
        np.testing.assert_allclose(values.reshape(len(data), -1), run.outputs, rtol=1e-12)
    again = calibration.codes("flat", Quantize("again", scale=4.0, bit_width=8))
    expected = np.floor(whole(calibration.values("flat")) * 4 + 0.5)
    assert np.array_equal(whole(again), expected)


def test_runs_begin_at_the_codes_that_are_kept(monkeypatch):
    network = branching_network()
    data = frames_for(network)
    network = int8.convert(network, data)
    calibration = finished(network, data)
    run = []
    monkeypatch.setattr(module, "simulate", lambda part, *_, **__: run.append(part) or simulate(part, *_, **__))
    list(calibration.codes("mean"))
    list(calibration.codes("mean"))
    names = [[layer.name for layer in part.layers] for part in run]
    assert names[-1] == ["mean"]
    assert names[0] == ["stem_input"]
    # the joint is kept whole; every layer was run once, but for those behind the last codes
    assert ["left", "left_relu", "left_relu_codes", "right", "right_relu", "right_relu_codes", "fire"] in names
    once = [name for part in names[:-1] for name in part]
    assert len(once) == len(set(once))


def test_codes_are_dropped_when_nothing_is_left_that_needs_them():
    network = branching_network()
    data = frames_for(network)
    network = int8.convert(network, data)
    calibration = Calibration(network, network.layers, data)
    for layer in network.layers:
        assert calibration.is_ready(layer)
        calibration.add(layer)
        list(calibration.codes(layer.name))
    calibration.add(network.layers[-1])
    assert set(calibration._kept) == {INPUT}
    assert not Calibration(network, network.layers, data).is_ready(network.layers[1])


def test_mean_square_is_per_channel_of_codes():
    network = branching_network()
    data = frames_for(network)
    calibration = Calibration.of_real(network, data)
    np.testing.assert_allclose(calibration.mean_square(INPUT), (data.inputs.astype(float) ** 2).mean(axis=(0, 2, 3)))
    expected = (forward(network, data.values())["flat"] ** 2).mean(axis=0)
    np.testing.assert_allclose(calibration.mean_square("flat"), expected, rtol=1e-4)


def test_reach():
    assert Reach.of(iter([np.array([1, 2]), np.array([-3, 0])])) == (-3, 2)
