"""What the command line does to convert: from names to a measured, written network."""

import numpy as np
import pytest
from test_rounding import make_network

from hwsim.convert.model_folder import convert_to_folder
from hwsim.errors import UnknownNameError
from hwsim.network import Dense, Flatten, Network, ReLU, Weight
from hwsim.network_file import load_network, save_network
from hwsim.simulator import simulate


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


def test_unknown_method(tmp_path):
    save_network(make_network(), tmp_path / "made")
    with pytest.raises(UnknownNameError, match="no conversion named 'roundings'; did you mean rounding"):
        convert_to_folder("roundings", tmp_path / "made", "digits", tmp_path / "out")
