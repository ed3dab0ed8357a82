"""Every network that is shipped: it loads, round-trips, says how it was made, and does what it says."""

from pathlib import Path

import numpy as np
import pytest

from hwsim.datasets import load_dataset
from hwsim.files.catalogue import network_names
from hwsim.network.layers import Dense, Quantize, ReLU
from hwsim.network_file import load_network, save_network
from hwsim.simulation.simulator import simulate

MODELS = Path(__file__).parents[2] / "models"
NAMES = sorted(path.name for path in MODELS.iterdir() if path.is_dir())


def test_all_are_found_by_name():
    assert network_names() == NAMES
    assert {f"{data}-mlp{kind}" for data in ("digits", "mnist") for kind in ("", "-rounding", "-int8")} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_is_written_back_to_the_byte(name, tmp_path):
    network = load_network(name)
    assert network.name == name
    save_network(network, tmp_path)
    assert load_network(tmp_path) == network
    # the compressed bytes may differ with the version of zlib, the text may not
    assert (tmp_path / "network.yaml").read_bytes() == (MODELS / name / "network.yaml").read_bytes()


def words(path):
    """The text of a file, however its lines are broken."""
    return " ".join(path.read_text().split())


@pytest.mark.parametrize("name", NAMES)
def test_states_how_it_was_made(name):
    about = load_network(name).about
    assert {"method", "data_set", "seed", "command", "accuracy"} <= set(about)
    assert about["command"].startswith(("hwsim ", "python examples/"))
    # latent weights come beside the quantized ones, of the same training
    assert about["command"].endswith(f"--out {name.removesuffix('-latent')}")
    readme = words(MODELS / name / "README.md")
    assert about["command"] in readme
    accuracy = about["accuracy"]
    for number in (f"{accuracy['percent']:.2f} %", f"{accuracy['correct']:,} of {accuracy['frames']:,}"):
        assert number in readme
        assert number in words(MODELS / "README.md")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("digits-")])
def test_accuracy_on_digits_is_as_stated(name):
    check_accuracy(name, "digits")


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("mnist-")])
def test_accuracy_on_mnist_is_as_stated(name):
    check_accuracy(name, "mnist")


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("cifar-10-")])
def test_accuracy_on_cifar_10_is_as_stated(name):
    check_accuracy(name, "cifar-10")


def check_accuracy(name, data):
    network, test = load_network(name), load_dataset(data, split="test")
    run = simulate(network, test, execution="sparse")
    stated = network.about["accuracy"]
    correct = int(np.sum(run.outputs.argmax(axis=1) == test.labels))
    assert (len(test), correct) == (stated["frames"], stated["correct"])
    if name.endswith("-rounding"):
        assert run.n_saturated == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-rounding")])
def test_rounding_networks_multiply_nothing_after_the_input(name):
    network = load_network(name)
    assert network.is_integer
    quantizers = [layer for layer in network.layers if isinstance(layer, Quantize)]
    assert len(quantizers) == sum(isinstance(layer, Dense) for layer in network.layers)
    for layer in quantizers:
        assert (layer.rounding, layer.signed, float(layer.scale)) == ("half_up", False, 1.0)
    for layer in quantizers[1:]:
        assert layer.ratio(network.signals[layer.inputs[0]]).kind == "shift"
    assert all(layer.terms[0].format.name == "int8" for layer in network.layers if isinstance(layer, Dense))


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-int8")])
def test_int8_networks_are_eight_bits_throughout(name):
    network = load_network(name)
    assert network.is_integer
    assert {layer.format.name for layer in network.layers if isinstance(layer, Quantize)} == {"uint8"}
    assert {layer.terms[0].format.name for layer in network.layers if isinstance(layer, Dense)} == {"int8"}


def test_mnist_network_is_the_papers_and_good_enough():
    network = load_network("mnist-mlp")
    assert [layer.shape for layer in network.layers if isinstance(layer, Dense)] == [(784, 200), (200, 200), (200, 10)]
    assert sum(isinstance(layer, ReLU) for layer in network.layers) == 2
    assert network.about["accuracy"]["percent"] >= 97.9


@pytest.mark.data
def test_integer_weights_hardly_change_the_rounding_network():
    """Against the paper's equations in float64 with the float network's own weights."""
    test = load_dataset("mnist", split="test")
    x = test.inputs.reshape(len(test), -1) * np.float64(test.step)
    for layer in load_network("mnist-mlp").layers:
        if isinstance(layer, Dense):
            x = np.floor(x + 0.5) @ layer.terms[0].value + layer.bias
        elif isinstance(layer, ReLU):
            x = np.maximum(x, 0)
    expected = x.argmax(axis=1)
    found = simulate(load_network("mnist-mlp-rounding"), test, execution="sparse").outputs.argmax(axis=1)
    assert np.count_nonzero(found != expected) <= 60
    correct = [np.count_nonzero(each == test.labels) for each in (found, expected)]
    assert abs(correct[0] - correct[1]) <= 10
