"""The networks that ship for every training method: what they are made of, and what they do not multiply."""

import numpy as np
import pytest

import hwsim
from hwsim.datasets import Dataset
from hwsim.files.catalogue import network_names, network_path
from hwsim.network.layers import Synaptic
from hwsim.training_cost import METHODS

FORMATS = {
    "full-precision": "fp32",
    "binary-connect": "binary",
    "binary-connect-qbp": "binary",
    "lab": "binary",
    "bwn": "binary",
    "laq-linear": "int3-narrow",
    "laq-log": "po2-3",
    "dorefa": "int4-narrow",
    "lsq": "int3",
}
"""Of weights; the others are ternary."""

MULTIPLIED = ("full-precision", "laq-linear", "dorefa", "lsq")
LARGEST = 110 * 1024
"""Of a file of weights that are codes. [bytes]"""


SHIPPED = [method for method in METHODS if f"mnist-{method}" in network_names()]


@pytest.fixture(params=SHIPPED)
def network(request):
    return hwsim.load_network(f"mnist-{request.param}")


def method_of(network):
    return network.name.removeprefix("mnist-")


def test_it_is_made_of_the_methods_own_codes(network):
    terms = [layer.terms for layer in network.layers if isinstance(layer, Synaptic)]
    formats = {term.format.name for each in terms for term in each}
    assert formats == {FORMATS.get(method_of(network), "ternary")}
    two = "two-scales" in network.name or network.name.endswith("ttq")
    assert [len(each) for each in terms] == [2 if two else 1] * 3
    assert [each[0].code.shape for each in terms] == [(784, 200), (200, 200), (200, 10)]


def test_it_states_how_it_was_made(network):
    about = network.about
    assert about["training_method"] == method_of(network)
    assert about["predictions_unlike_torch"] == 0
    assert about["accuracy"]["percent"] > 97
    assert ("float" if method_of(network) == "full-precision" else "quantized") in about["weights"]
    assert 0 < about["best_epoch"] <= about["epochs"]


def test_codes_are_small_files(network):
    size = (network_path(network.name) / "weights.npz").stat().st_size
    assert size < LARGEST or method_of(network) == "full-precision"


def test_synapses_multiply_only_where_weights_have_several_bits(network):
    generator = np.random.default_rng(0)
    data = Dataset(generator.integers(0, 256, (5, 1, 28, 28)).astype(np.uint8), step=1 / 255)
    counts = hwsim.count(hwsim.simulate(network, data, "sparse").activity)
    multiplications = counts.total(phase="synapse", kind="multiplication")
    assert (multiplications > 0) == (method_of(network) in MULTIPLIED)
    shifts = counts.total(phase="synapse", kind="exponent_addition")
    assert (shifts > 0) == (method_of(network) == "laq-log")
    # batch norm, and of integers nothing else: shifts make the codes
    assert counts.total(phase="neuron", kind="multiplication") >= 5 * 410


FULL_SIZE = {
    "mnist-1024-ternary-connect-qbp": [(784, 1024), (1024, 1024), (1024, 1024), (1024, 10)],
    "mnist-2048-lat": [(784, 2048), (2048, 2048), (2048, 2048), (2048, 10)],
}


@pytest.mark.parametrize("name", FULL_SIZE)
def test_networks_of_full_size_are_the_papers_and_ternary(name):
    network = hwsim.load_network(name)
    terms = [layer.terms for layer in network.layers if isinstance(layer, Synaptic)]
    assert [each[0].code.shape for each in terms] == FULL_SIZE[name]
    assert {term.format.name for each in terms for term in each} == {"ternary"}
    assert network.about["predictions_unlike_torch"] == 0
    assert network.about["accuracy"]["percent"] > 98.5


def test_the_convolutional_network_adds_and_never_multiplies_in_its_synapses():
    network = hwsim.load_network("cifar-10-ternary-connect-qbp")
    convolutions = [layer.terms[0] for layer in network.layers if isinstance(layer, hwsim.Conv2d)]
    assert [term.code.shape for term in convolutions] == [
        *((128, 3, 3, 3), (128, 128, 3, 3), (256, 128, 2, 2), (256, 256, 2, 2)),
        *((512, 256, 2, 2), (512, 512, 2, 2), (1024, 512, 2, 2)),
    ]
    generator = np.random.default_rng(0)
    data = Dataset(generator.integers(0, 256, (2, 3, 32, 32)).astype(np.uint8), step=1 / 255)
    run = hwsim.simulate(network, data, "sparse")
    counts = hwsim.count(run.activity)
    assert counts.total(phase="synapse", kind="multiplication") == 0
    assert 0 < counts.total(phase="synapse", kind="addition") < 2 * 211_656_192  # as dense, of an image
