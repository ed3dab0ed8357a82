"""What the command line does to convert: from names to a measured, written network."""

from dataclasses import replace

import numpy as np
import pytest
from test_rounding import make_network

from hwsim.convert.model_folder import convert_to_folder
from hwsim.errors import DataError, UnknownNameError
from hwsim.network.graph import Network
from hwsim.network.layers import Affine, Dense, Flatten, ReLU, Weight
from hwsim.network_file import load_network, save_network
from hwsim.simulation.simulator import simulate


@pytest.fixture
def source(tmp_path):
    generator = np.random.default_rng(0)
    layers = (
        Flatten("flatten"),
        Dense("dense1", terms=(Weight(generator.normal(size=(64, 8))),)),
        ReLU("relu1"),
        Dense("dense2", terms=(Weight(generator.normal(size=(8, 10))),)),
    )
    save_network(Network("source", (1, 8, 8), layers, about={"seed": 9}), tmp_path / "source")
    return tmp_path / "source"


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [("int8", {}, ""), ("rounding", {"scale": 2.0, "headroom": 0}, " --scale 2.0 --headroom 0")],
)
def test_folder_states_the_command_and_the_accuracy(source, tmp_path, method, options, words):
    out = tmp_path / "converted"
    network, test = convert_to_folder(method, source, "digits", out, **options)
    written = load_network(out)
    assert written == network
    assert written.name == "converted"
    assert written.about["command"] == f"hwsim convert {method} source --data digits{words} --out converted"
    correct = int((simulate(written, test, execution="sparse").outputs.argmax(1) == test.labels).sum())
    assert written.about["accuracy"]["correct"] == correct
    assert (written.about["data_set"], written.about["calibration_frames"]) == ("digits train", 898)


def test_calibration_on_some_frames_is_stated(source, tmp_path):
    network, _ = convert_to_folder("int8", source, "digits", tmp_path / "few", split="test", frames=50)
    assert (network.about["data_set"], network.about["calibration_frames"]) == ("digits test", 50)
    assert network.about["command"] == "hwsim convert int8 source --data digits --split test --frames 50 --out few"
    assert network.about["accuracy"]["frames"] == 899


@pytest.mark.parametrize("data", [None, "digits"])
def test_batch_norm_needs_no_data_but_can_be_measured(source, tmp_path, data):
    network = load_network(source)
    layers = (*network.layers[:2], Affine("norm", scale=0.5, offset=1.0), *network.layers[2:])
    layers = [replace(layer, inputs=()) for layer in layers]
    save_network(replace(network, layers=tuple(layers)), tmp_path / "normed")
    folded, _ = convert_to_folder("batch-norm", tmp_path / "normed", data, tmp_path / "folded")
    assert [layer.name for layer in load_network(tmp_path / "folded").layers] == [
        "flatten",
        "dense1",
        "relu1",
        "dense2",
    ]
    words = f" --data {data}" if data else ""
    assert folded.about["command"] == f"hwsim convert batch-norm source{words} --out folded"
    assert ("accuracy" in folded.about) == bool(data)


def test_calibration_needs_data(source, tmp_path):
    with pytest.raises(DataError, match="conversion int8: no data to calibrate on"):
        convert_to_folder("int8", source, None, tmp_path / "out")


def test_unknown_method(tmp_path):
    save_network(make_network(), tmp_path / "made")
    with pytest.raises(UnknownNameError, match="no conversion named 'roundings'; did you mean rounding"):
        convert_to_folder("roundings", tmp_path / "made", "digits", tmp_path / "out")
