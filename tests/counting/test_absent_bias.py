"""A layer without a bias is one throughout: made, written, read, run, exported, imported, converted."""

import dataclasses
import importlib

import numpy as np
import pytest
import yaml

import hwsim
from hwsim.convert import batch_norm, int8, msq, rounding
from hwsim.errors import FileError
from hwsim.network.number_format import integer
from hwsim.network_file import load_network, save_network

INT8 = integer(8)


def network(bias, dtype=np.int64):
    weight = np.array([[1, -2, 3], [4, 5, -6]], dtype)
    format = INT8 if dtype is np.int64 else hwsim.NumberFormat("real", 32)
    dense = hwsim.Dense("dense", terms=(hwsim.Weight(weight, format),), bias=bias)
    return hwsim.Network("net", (2,), (dense,), input_format=format)


@pytest.mark.plain
def test_zeros_and_nothing_are_two_networks_that_compute_the_same():
    none, zeros = network(None), network(np.zeros(3, int))
    assert none.layers[0].bias is None
    assert zeros.layers[0].bias.tolist() == [0, 0, 0]
    assert none.digest != zeros.digest
    assert none.output.format == zeros.output.format
    for execution in ("dense", "sparse", "delta"):
        one, other = (hwsim.simulate(net, np.array([[1, 2], [3, -4]], np.int8), execution) for net in (none, zeros))
        assert one.output_codes.tolist() == other.output_codes.tolist() == [[9, 8, -9], [-13, -26, 33]]


@pytest.mark.plain
@pytest.mark.parametrize("bias", [None, np.zeros(3, int), np.array([1, 0, 0])])
def test_a_folder_gives_back_what_was_declared(tmp_path, bias):
    net = network(bias)
    save_network(net, tmp_path)
    again = load_network(tmp_path)
    assert again.digest == net.digest
    assert (again.layers[0].bias is None) == (bias is None)
    (described,) = yaml.safe_load((tmp_path / "network.yaml").read_text())["layers"]
    assert described.get("bias") == (False if bias is None else None)
    with np.load(tmp_path / "weights.npz") as arrays:
        assert ("dense.bias" in arrays) == (bias is not None)


@pytest.mark.plain
def test_a_bias_that_got_lost_is_missed(tmp_path):
    save_network(network(None), tmp_path)
    path = tmp_path / "network.yaml"
    path.write_text(path.read_text().replace("  bias: false\n", ""))  # as folders are written where there is a bias
    with pytest.raises(FileError, match=r"dense\.bias: missing; expected shape \(3,\)"):
        load_network(tmp_path)


@pytest.mark.plain
@pytest.mark.parametrize("given", [None, np.zeros(3, np.float32)])
def test_conversions_leave_out_a_bias_that_is_zero(given):
    net = network(given, np.float32)
    data = hwsim.Dataset(np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32))
    for convert in (int8.convert, rounding.convert, msq.convert):
        made = convert(net, data)
        assert [layer.bias for layer in made.layers if isinstance(layer, hwsim.Dense)] == [None]
    affine = hwsim.Affine("norm", scale=[1.0, 2.0, 3.0])
    folded = batch_norm.convert(dataclasses.replace(net, layers=(*net.layers, affine)))
    assert [layer.bias for layer in folded.layers] == [None]
    offset = dataclasses.replace(affine, offset=np.array([0.0, 1.0, 0.0]))
    folded = batch_norm.convert(dataclasses.replace(net, layers=(*net.layers, offset)))
    assert folded.layers[0].bias.tolist() == [0, 1, 0]


@pytest.mark.parametrize("value", [None, np.zeros(3, np.float32), np.array([0, 1, 0], np.float32)])
def test_import_leaves_out_a_bias_that_is_zero(tmp_path, value):
    onnx = pytest.importorskip("onnx", reason="pip install 'hwsim[onnx]'")
    weight = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
    constants = {"w": weight} if value is None else {"w": weight, "b": value}
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    node = onnx.helper.make_node("Gemm", ["x", *constants], ["y"])
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, n]) for name, n in (("x", 2), ("y", 3))
    )
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y], tensors), ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    (layer,) = importlib.import_module("hwsim.onnx_file").read_onnx(tmp_path / "net.onnx").layers
    if value is None or not value.any():
        assert layer.bias is None
    else:
        assert layer.bias.tolist() == value.tolist()
