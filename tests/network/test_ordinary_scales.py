"""Scales and steps beyond 2^-100 to 2^100 are refused, wherever one is given or comes about; no search goes there."""

import numpy as np
import pytest

from hwsim import Add, Conv2d, Dataset, Dense, Multiply, Network, NumberFormat, Quantize, Weight, load_dataset
from hwsim.convert import int8, rounding
from hwsim.convert.coding import Coding
from hwsim.errors import HwsimError, NetworkError
from hwsim.network_file import load_network

INT8 = NumberFormat("integer", 8)
BEYOND = [1e-310, 2.0**-101, np.nextafter(2.0**-100, 0), np.nextafter(2.0**100, np.inf), 1e300]
CODES = np.ones((4, 3), int)


def dense(scale=1.0, name="a"):
    return Dense(name, terms=(Weight(CODES, INT8, scale),))


GIVEN = {
    "input step": lambda scale: Network("n", (4,), (dense(),), INT8, scale),
    "weight scale": lambda scale: Weight(CODES, INT8, scale),
    "of a channel": lambda scale: Weight(CODES, INT8, np.array([1.0, scale, 1.0])),
    "quantizer": lambda scale: Quantize("q", scale=scale),
    "sum": lambda scale: Add("s", ("a", "b"), step=scale),
    "data": lambda scale: Dataset(np.ones((2, 4), np.uint8), scale),
    "coding": lambda scale: Coding(scale),
    "gain": lambda scale: Coding(1.0, scale),
}


@pytest.mark.parametrize("give", GIVEN.values(), ids=GIVEN)
def test_what_is_given_is_within(give):
    for scale in (2.0**-100, 1e-9, 1.0, 2.0**100):
        give(scale)
    for scale in BEYOND:
        with pytest.raises(HwsimError, match=r"expected 2\^-100 to 2\^100 \(7\.9e-31 to 1\.3e\+30\)") as error:
            give(scale)
        assert str(float(scale)) in str(error.value)
    for scale in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(HwsimError, match="positive"):
            give(scale)


def test_what_comes_about_is_within():
    def network(scale):
        layers = (Dense("a", ("input",), (Weight(np.eye(4, dtype=int), INT8, scale),)), Multiply("m", ("a", "a")))
        return Network("n", (4,), layers, INT8)

    assert network(2.0**-50).output.step == 2.0**-100
    with pytest.raises(NetworkError, match=r"^network n: layer m: makes codes of a step of 1\.97215\d*e-31: expect"):
        network(2.0**-51)


@pytest.mark.parametrize("scale", BEYOND)
def test_rounding_comes_to_an_end(scale):
    data = load_dataset("digits", frames=20)
    with pytest.raises(NetworkError, match=r"2\^-100 to 2\^100"):
        rounding.convert(load_network("digits-mlp"), data, scale=scale)


def test_channels_of_zeros_take_scale_1():
    weight = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    weight[:, 2] = 0
    network = Network("n", (1, 8, 8), (*load_network("digits-mlp").layers[:1], Dense("a", terms=(Weight(weight),))))
    made = int8.convert(network, load_dataset("digits", frames=20), per_channel=True)
    scale = made.layers[-1].terms[0].scale
    assert scale[2] == 1
    assert scale.shape == (5,)
    assert np.all(np.delete(scale, 2) < 0.1)


@pytest.mark.onnx
@pytest.mark.parametrize("scale", [0.0, 1e-40])
def test_channels_of_zeros_in_a_file_take_scale_1(tmp_path, scale):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    codes = np.random.default_rng(0).integers(-9, 10, (6, 2, 3, 3)).astype(np.int8)
    codes[4] = 0
    scales = np.full(6, 0.25, np.float32)
    scales[4] = scale
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw"], ["wd"], axis=0),
        helper.make_node("Conv", ["d", "wd"], ["y"]),
    ]
    constants = {"s": np.float32(0.5), "z": np.uint8(0), "w": codes, "sw": scales}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    (layer,) = (each for each in load_network(tmp_path / "m.onnx").layers if isinstance(each, Conv2d))
    assert layer.terms[0].scale.tolist() == [0.25, 0.25, 0.25, 0.25, 1.0, 0.25]
    codes[4, 0, 0, 0] = 1
    model.graph.initializer[2].CopyFrom(numpy_helper.from_array(codes, "w"))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(HwsimError, match="scale"):
        load_network(tmp_path / "m.onnx")
