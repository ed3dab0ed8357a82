"""Every method on small data: it learns, and its network computes what torch computes, in its own number format."""

import drawn
import numpy as np
import pytest

from hwsim import training_cost
from hwsim.datasets import Dataset
from hwsim.errors import UnknownNameError
from hwsim.network.layers import Affine, Quantize, Synaptic
from hwsim.network_file import load_network, save_network
from hwsim.simulation.simulator import simulate
from hwsim.train import TrainingError
from hwsim.train.methods import METHODS, method_of

pytestmark = pytest.mark.torch

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


def weights_of(network):
    return [term for layer in network.layers if isinstance(layer, Synaptic) for term in layer.terms]


def assert_as_torch(trained, data, tmp_path):
    """All variants: outputs as torch's model computes them, predictions the same, the file too."""
    for variant in trained.settings.chosen.variants:
        network = trained.network(variant, data, "network")
        run = simulate(network, data, "sparse")
        assert np.array_equal(run.outputs.argmax(axis=1), trained.predictions(variant, data))
        save_network(network, tmp_path / variant)
        assert load_network(tmp_path / variant) == network
        yield variant, network


@pytest.mark.parametrize("method", METHODS)
def test_network_computes_what_torch_computes(method, tmp_path):
    data = drawn.vectors(300, seed=9)
    trained = drawn.trained(method)
    for variant, network in assert_as_torch(trained, data, tmp_path):
        names = {term.format.name for term in weights_of(network)}
        assert names == {"fp32" if variant == "latent" else FORMATS.get(method, "ternary")}
        assert len(weights_of(network)) == 3 * (2 if "two-scales" in method or method == "ttq" else 1)
        assert network.is_integer == (method == "lsq")
        assert sum(isinstance(layer, Affine) for layer in network.layers) == 3
        assert [layer.name for layer in network.layers][-2:] == ["dense3", "norm3"]
        assert network.about["training_method"] == method


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(method):
    trained = drawn.trained(method, epochs=12, seed=4)
    test = drawn.vectors(200, seed=5)
    for variant in METHODS[method].variants:
        assert np.mean(trained.predictions(variant, test) == test.labels) > 0.8
    assert trained.progress.history[-1]["loss"] < trained.progress.history[0]["loss"]


@pytest.mark.parametrize("method", ["full-precision", "ternary-connect-qbp", "lat", "laq-log", "lsq"])
@pytest.mark.parametrize("layers", ["2x8x8-4C3p1-MP2-3C2-5-3", "2x8x8-4C3-5C3p1-MP2-3"])
def test_convolutions(method, layers, tmp_path):
    data = drawn.images(60, seed=3)
    trained = drawn.trained(method, drawn.images(), layers, epochs=2)
    for _ in assert_as_torch(trained, data, tmp_path):
        pass


def test_integers_are_read_as_they_come_and_shifted_between_layers():
    data = drawn.vectors()
    network = drawn.trained("lsq", bit_width=4).network("quantized", data, "few-bits")
    first, *others = [layer for layer in network.layers if isinstance(layer, Quantize)]
    assert (first.bit_width, first.signed, float(first.scale)) == (8, False, pytest.approx(1 / data.step))
    for layer in others:
        assert layer.ratio(network.signals[layer.inputs[0]]).kind == "shift"
        assert (layer.bit_width, layer.signed) == (4, False)
    assert {term.format.name for term in weights_of(network)} == {"int4"}


def test_deterministic_weights_are_those_of_the_quantized_network():
    trained = drawn.trained("ternary-connect", deterministic=True, epochs=1)
    for module in trained.model:
        if hasattr(module, "parametrizations"):
            used = module.weight.detach().numpy()
            (term,) = module.parametrizations.weight[0].terms(module.parametrizations.weight.original.detach())
            np.testing.assert_array_equal(used, np.float32(term.code * np.float32(term.scale)))


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("binary-connect", {"batch_norm_gradient": "released"}),
        ("ternary-connect-qbp", {"batch_norm_gradient": "released", "max_shift": 4, "zero": "released"}),
        ("laq-log", {"bit_width": 4, "scale_rule": "released"}),
        ("full-precision", {"recipe": "loss-aware"}),
        ("lsq", {"bit_width": 2}),
        ("dorefa", {"bit_width": 1}),
    ],
)
def test_options(method, options, tmp_path):
    trained = drawn.trained(method, **options)
    for _, network in assert_as_torch(trained, drawn.vectors(100, seed=8), tmp_path):
        assert network.about["options"] == METHODS[method].defaults | options


def test_names_are_those_of_the_training_cost():
    assert set(METHODS) == set(training_cost.METHODS)


def test_unknown_method():
    with pytest.raises(
        UnknownNameError, match="no training method named 'ternary-conect'; did you mean ternary-connect"
    ):
        method_of("ternary-conect")


@pytest.mark.parametrize(
    ("method", "options", "error", "expected"),
    [
        ("lab", {"bit_width": 3}, TrainingError, "method lab has no option bit-width; it has: none"),
        ("lsq", {"max_shift": 3}, TrainingError, "has no option max-shift; it has: bit-width"),
        ("laq-log", {"bit_width": 5}, TrainingError, "method laq-log: levels of 5 bits; write 2 to 4"),
        ("lsq", {"bit_width": 9}, TrainingError, "weights of 9 bits; write 2 to 8"),
        ("laq-linear", {"scale_rule": "relased"}, UnknownNameError, "did you mean released"),
        ("ternary-connect-qbp", {"max_shift": 0}, TrainingError, "shifts by at most 0"),
        ("ternary-connect-qbp", {"zero": "released"}, TrainingError, "give a max-shift too"),
        ("lab", {"layers": "8"}, TrainingError, "layers '8': write"),
        ("lab", {"layers": "9-3"}, TrainingError, r"read 9, but a frame of drawn has 1x2x4: begin with 8"),
        ("lab", {"layers": "8-2"}, TrainingError, "end with 2 units, but there are 3 classes"),
        ("lab", {"layers": "8-4C3-3"}, TrainingError, "4C3 cannot come after 8"),
        ("lab", {"layers": "1x2x4-4C3-3"}, TrainingError, "a kernel of 3 .* does not fit"),
        ("lab", {"layers": "1x2x4-MP2-3"}, TrainingError, "MP2 cannot come after 1x2x4"),
        ("lab", {"layers": "1x2x4-3-3C1"}, TrainingError, "3C1 cannot come after 3"),
        ("lab", {"layers": "1x2x4-3C1"}, TrainingError, "the last one has to be dense"),
        ("lab", {"layers": "mlp-784-1024x2-10"}, UnknownNameError, "did you mean mlp-784-1024x3-10"),
        ("lab", {"epochs": 0}, TrainingError, "0 epochs"),
        ("lab", {"batch_size": 1}, TrainingError, "batches of 1"),
        ("lab", {"validation_frames": 119}, TrainingError, "119 of 120 frames"),
        ("lab", {"learning_rate": -1.0}, TrainingError, "learning rate -1.0"),
        ("lab", {"learning_rate": float("nan")}, TrainingError, "learning rate nan"),
    ],
)
def test_bad_input(method, options, error, expected):
    with pytest.raises(error, match=expected) as caught:
        drawn.trained(method, **options)
    assert "\n" not in str(caught.value)


def test_data_without_labels():
    data = drawn.vectors()
    with pytest.raises(TrainingError, match="data set drawn: no labels"):
        drawn.settings("lat", Dataset(data.inputs, step=data.step, name="drawn"))


def test_integer_networks_need_codes():
    data = drawn.vectors()
    real = Dataset(data.values(), labels=data.labels, name="drawn", split="train")
    with pytest.raises(TrainingError, match=r"method lsq makes networks of integers, .* drawn holds fp32"):
        drawn.settings("lsq", real)
    assert drawn.trained("lat", real, epochs=1).network("quantized", real, "real").input_shape == (1, 2, 4)


def test_a_layer_whose_weights_are_all_zero_cannot_be_binary():
    trained = drawn.trained("lab", epochs=1)
    best = trained.progress.best["quantized"].model
    for name, value in best.items():
        if name.endswith("dense2.parametrizations.weight.original"):
            value.zero_()
    with pytest.raises(TrainingError, match="layer dense2: all weights have become zero"):
        trained.network("quantized", drawn.vectors(), "zero")
