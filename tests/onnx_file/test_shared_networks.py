"""Networks of other people's tools, against onnxruntime and qonnx."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_graphs import apart, onnxruntime_outputs, qonnx_outputs, qonnx_tensors

import hwsim
from hwsim import Dense

pytestmark = [pytest.mark.onnx, pytest.mark.data]
RNG = np.random.default_rng(1)
N_FRAME = 1000


def path(name):
    return Path(os.environ["HWSIM_DATA"]) / "nets" / name


def tensor(file):
    proto = onnx.TensorProto()
    proto.ParseFromString(file.read_bytes())
    return numpy_helper.to_array(proto)


def test_mnist_conv_meets_its_expected_output():
    folder = path("onnx/mnist-conv")
    network = hwsim.load_network(folder / "model.onnx")
    assert network.name == "mnist-conv"
    frame, expected = (tensor(folder / "test_data_set_0" / f"{each}_0.pb") for each in ("input", "output"))
    assert apart(hwsim.simulate(network, frame).outputs, expected) <= 1e-5


def test_mnist_conv_on_mnist():
    network = hwsim.load_network(path("onnx/mnist-conv/model.onnx"))
    data = hwsim.load_dataset("mnist", split="test")
    run = hwsim.simulate(network, data)
    expected = onnxruntime_outputs(onnx.load(path("onnx/mnist-conv/model.onnx")), data[:N_FRAME].values())
    assert apart(run.outputs[:N_FRAME], expected) <= 1e-5
    assert run.accuracy == 0.989
    # its own example has pixels of 0 ... 255
    pixels = hwsim.Dataset(data.inputs, 1.0, labels=data.labels)
    assert hwsim.simulate(network, pixels).accuracy == 0.9891


def test_batch_norm_of_an_old_opset():
    """Opset 6, which onnxruntime runs no longer: onnx brings it to opset 9 for it."""
    file = path("onnx/three_layer_bn_pytorch.onnx")
    newer = onnx.version_converter.convert_version(onnx.load(file), 9)
    for each in (newer.graph.output[0], *(given for given in newer.graph.input if given.name == "0")):
        each.type.tensor_type.shape.dim[0].dim_value = 1
    values = RNG.normal(size=(N_FRAME, 16)).astype(np.float32)
    network = hwsim.load_network(file)
    assert apart(hwsim.simulate(network, values).outputs, onnxruntime_outputs(newer, values)) <= 1e-5
    assert [type(layer).__name__ for layer in network.layers] == ["Dense", "ReLU"] * 3 + ["Dense", "Softmax"]


def test_a_network_that_reads_channels_last():
    file = path("onnx/conv2d_small_mp_keras.onnx")
    values = RNG.normal(size=(N_FRAME, 25, 25, 1)).astype(np.float32)
    network = hwsim.load_network(file)
    assert network.input_shape == (1, 25, 25)
    run = hwsim.simulate(network, values.transpose(0, 3, 1, 2))
    assert apart(run.outputs, onnxruntime_outputs(onnx.load(file), values)) <= 1e-5


@pytest.fixture(scope="module")
def tfc():
    return hwsim.load_network(path("qonnx/TFC_2W2A.onnx"))


def test_tfc_is_integer_all_through(tfc):
    layers = [layer for layer in tfc.layers if isinstance(layer, Dense)]
    assert tfc.is_integer
    assert [str(layer.terms[0].format) for layer in layers] == ["ternary"] * 4
    assert [str(tfc.signals[layer.inputs[0]].format) for layer in layers] == ["int2"] * 4
    assert [str(tfc.signals[layer.name].format) for layer in layers] == ["int16", "int8", "int8", "int8"]


def test_tfc_on_all_of_mnist(tfc):
    """The same codes under every execution, and those of qonnx's executor at every layer."""
    data = hwsim.load_dataset("mnist", split="test")
    runs = [hwsim.simulate(tfc, data, execution=each) for each in ("dense", "sparse", "delta")]
    for run in runs:
        np.testing.assert_array_equal(run.output_codes, runs[0].output_codes)
    assert runs[0].accuracy == 0.966
    expected = qonnx_outputs(str(path("qonnx/TFC_2W2A.onnx")), data.values())
    assert apart(runs[0].outputs, expected) <= 1e-6
    # the integers before the last scale and offset
    bare = hwsim.Network("scores", tfc.input_shape, tfc.layers[:-1])
    sums = hwsim.simulate(bare, data).outputs
    scale, offset = np.polyfit(sums.ravel(), expected.ravel().astype(np.float64), 1)
    np.testing.assert_array_equal(np.rint((expected - offset) / scale), sums)


def test_jettagging_equals_qonnx():
    file = path("qonnx/qkeras_jettagging.onnx")
    network = hwsim.load_network(file)
    values = RNG.normal(size=(2000, 16)).astype(np.float32)
    run = hwsim.simulate(network, values)
    assert apart(run.outputs, qonnx_outputs(str(file), values)) <= 1e-6
    layers = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert [str(layer.terms[0].format) for layer in layers] == ["int6"] * 4
    # its inputs are real numbers: nothing in the graph quantizes them
    assert [str(network.signals[layer.name].format) for layer in layers] == ["fp32", "int16", "int16", "int16"]
    codes = [layer for layer in network.layers if isinstance(layer, hwsim.Quantize)]
    assert [(str(layer.format), layer.rounding) for layer in codes] == [("uint6", "half_even")] * 3


@pytest.mark.parametrize("name", ["TFC_2W2A", "qkeras_jettagging"])
def test_codes_of_every_quantizer_are_qonnxs(name):
    file = path(f"qonnx/{name}.onnx")
    network = hwsim.load_network(file)
    values = RNG.random((2000, *network.input_shape)).astype(np.float32)
    levels, _ = qonnx_tensors(str(file), values)
    ends = [k for k, layer in enumerate(network.layers, 1) if isinstance(layer, hwsim.Quantize | hwsim.MultiThreshold)]
    assert len(ends) == len(levels) == {"TFC_2W2A": 4, "qkeras_jettagging": 3}[name]
    for end, expected in zip(ends, levels, strict=True):
        part = hwsim.Network("part", network.input_shape, network.layers[:end])
        np.testing.assert_array_equal(hwsim.simulate(part, values).outputs, expected)


@pytest.mark.parametrize("name", ["TFC_2W2A", "qkeras_jettagging"])
def test_executions_agree(name):
    network = hwsim.load_network(path(f"qonnx/{name}.onnx"))
    values = RNG.random((64, *network.input_shape)).astype(np.float32)
    dense, sparse, delta = (hwsim.simulate(network, values, execution=each) for each in ("dense", "sparse", "delta"))
    np.testing.assert_array_equal(dense.outputs, sparse.outputs)
    if network.is_integer:
        np.testing.assert_array_equal(dense.outputs, delta.outputs)
