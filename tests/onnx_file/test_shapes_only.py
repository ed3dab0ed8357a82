"""Multiply-accumulates of graphs by their shapes, with weights and without."""

import itertools
import math
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto, helper, numpy_helper
from onnx_graphs import chain, imported, model, node

import hwsim
from hwsim import cli
from hwsim.errors import FileError, NetworkError
from hwsim.onnx_file import shapes_of

pytestmark = pytest.mark.onnx


def array(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def saved(tmp_path, proto):
    onnx.save(proto, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def small():
    """A convolution that sticks out, one in groups, and two dense layers, on (3, 9, 8) frames."""
    steps = (
        ("Conv", ("w",), {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
        ("Relu", (), {}),
        ("Conv", ("grouped",), {"group": 2, "dilations": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("Flatten", (), {}),
        ("Gemm", ("first",), {"transB": 1}),
        ("Relu", (), {}),
        ("MatMul", ("second",), {}),
    )
    constants = {"w": array(4, 3, 3, 3), "grouped": array(6, 2, 3, 3), "first": array(7, 240), "second": array(7, 5)}
    return model(chain(*steps), ("N", 3, 9, 8), constants)


def without_weights(proto, way):
    """The same graph, as somebody keeps it who does not want its weights."""
    stripped = onnx.ModelProto()
    stripped.CopyFrom(proto)
    for tensor in stripped.graph.initializer:
        tensor.ClearField("raw_data")
        if way == "elsewhere":
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights.bin")
        if way == "inputs":
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            stripped.graph.input.append(value)
    if way == "inputs":
        del stripped.graph.initializer[:]
    return stripped


def taps(n_in, n_out, kernel, stride, dilation, before):
    """One by one."""
    return sum(0 <= place * stride + tap * dilation - before < n_in for place in range(n_out) for tap in range(kernel))


@pytest.mark.parametrize("way", ["empty", "elsewhere", "inputs"])
def test_weights_need_not_be_there(tmp_path, way):
    shaped = shapes_of(saved(tmp_path, without_weights(small(), way)))
    with_weights = shapes_of(saved(tmp_path, small()))
    assert shaped == with_weights
    assert [(each.operator, each.weight) for each in shaped.nodes] == [
        ("Conv", (4, 3, 3, 3)),
        ("Conv", (6, 2, 3, 3)),
        ("Gemm", (7, 240)),
        ("MatMul", (7, 5)),
    ]
    assert (shaped.frame, shaped.others) == ((3, 9, 8), {"Relu": 2, "Flatten": 1})
    first = 4 * 3 * taps(9, 5, 3, 2, 1, 1) * taps(8, 8, 3, 1, 1, 1)
    second = 6 * 2 * taps(5, 5, 3, 1, 2, 2) * taps(8, 8, 3, 1, 2, 2)
    assert [each.n_operation for each in shaped.nodes] == [first, second, 7 * 240, 7 * 5]


def test_they_are_the_synaptic_operations_of_a_run(tmp_path):
    run = hwsim.simulate(imported(small()), np.ones((1, 3, 9, 8), np.float32), "dense")
    synapses = [each.n_synapse for each in run.activity.connections]
    shaped = shapes_of(saved(tmp_path, small()))
    assert len(synapses) == 4
    assert [each.n_operation for each in shaped.nodes] == synapses


@examples(200)
@given(st.data())
def test_convolutions_of_any_geometry(tmp_path_factory, data):
    n = data.draw(st.integers(1, 3))
    several = lambda low, high: data.draw(st.lists(st.integers(low, high), min_size=n, max_size=n))  # noqa: E731
    kernel, stride, dilation, group = several(1, 3), several(1, 3), several(1, 2), data.draw(st.sampled_from([1, 2]))
    automatic = data.draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    size = [(k - 1) * d + extra for k, d, extra in zip(kernel, dilation, several(1, 6), strict=True)]
    pads = several(0, 2) + several(0, 2) if automatic == "NOTSET" else None
    n_frame = data.draw(st.integers(1, 3))
    attributes = {"strides": stride, "dilations": dilation, "group": group, "auto_pad": automatic}
    attributes |= {"pads": pads} if pads else {}
    proto = model(
        [node("Conv", ("x", "w"), "y", **attributes)], (n_frame, 4, *size), {"w": array(6, 4 // group, *kernel)}
    )
    (made,) = onnx.shape_inference.infer_shapes(proto).graph.output[0].type.tensor_type.shape.dim[1:2]
    assert made.dim_value == 6
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True).graph.output[0].type.tensor_type.shape
    out = [axis.dim_value for axis in inferred.dim[2:]]
    expected = 6 * 4 // group
    for k in range(n):
        before = pads[k] if pads else 0
        if automatic.startswith("SAME"):
            total = max(0, (out[k] - 1) * stride[k] + (kernel[k] - 1) * dilation[k] + 1 - size[k])
            before = total // 2 if automatic == "SAME_UPPER" else total - total // 2
        expected *= taps(size[k], out[k], kernel[k], stride[k], dilation[k], before)
    (found,) = shapes_of(saved(tmp_path_factory.mktemp("onnx"), proto)).nodes
    assert found.n_operation == expected


@examples(50)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_products_of_matrices_of_any_rank(tmp_path_factory, outer, inner, n_out, n_frame):
    shape = (n_frame, *outer, inner)
    proto = model([node("MatMul", ("x", "w"), "y")], shape, {"w": array(inner, n_out)})
    (found,) = shapes_of(saved(tmp_path_factory.mktemp("onnx"), proto)).nodes
    products = sum(1 for _ in itertools.product(*(range(each) for each in (*outer, n_out, inner))))
    assert found.n_operation == products


def test_other_operators_that_multiply(tmp_path):
    codes = {"w": np.ones((6, 5), np.int8), "s": np.float32(1), "z": np.int8(0)}
    q = ("s", "z")
    nodes = [
        node("QuantizeLinear", ("x", *q), "a"),
        node("QLinearMatMul", ("a", *q, "w", *q, *q), "b"),
        node("MatMulInteger", ("a", "w"), "c"),
    ]
    found = shapes_of(saved(tmp_path, model(nodes, ("N", 6), codes, output=["b", "c"])))
    assert [(each.operator, each.n_operation) for each in found.nodes] == [("QLinearMatMul", 30), ("MatMulInteger", 30)]
    turned = model([node("Gemm", ("w", "x"), "y", transA=1, transB=1)], (2, 3), {"w": array(3, 4)})
    assert shapes_of(saved(tmp_path, turned)).nodes[0].n_operation == math.prod((4, 2, 3)) // 2


def test_shapes_that_cannot_be_known(tmp_path):
    proto = model([node("MatMul", ("x", "w"), "y")], ("N", "L", 6), {"w": array(6, 4)})
    with pytest.raises(NetworkError, match=r"network net: the shapes of nodes MatMul_0 cannot be inferred; export"):
        shapes_of(saved(tmp_path, proto))
    many = [node("MatMul", ("x", "w"), f"y{k}") for k in range(6)]
    with pytest.raises(NetworkError, match=r"nodes MatMul_0, MatMul_1, MatMul_2, MatMul_3 and 2 more cannot"):
        shapes_of(saved(tmp_path, model(many, ("N", "L", 6), {"w": array(6, 4)})))
    (tmp_path / "net.onnx").write_bytes(b"no")
    with pytest.raises(FileError, match="no ONNX file"):
        shapes_of(tmp_path / "net.onnx")


def test_attributes_that_do_not_fit(tmp_path):
    proto = model([node("Conv", ("x", "w"), "y", strides=[0, 1])], (1, 2, 4, 4), {"w": array(2, 2, 1, 1)}, n_axis=4)
    for axis, size in zip(proto.graph.output[0].type.tensor_type.shape.dim, (1, 2, 4, 4), strict=True):
        axis.dim_value = size
    with pytest.raises(NetworkError, match="do not fit its shapes"):
        shapes_of(saved(tmp_path, proto))


def test_no_tensor_without_data_is_looked_for_elsewhere(tmp_path):
    """A constant whose data are said to lie beside the file."""
    tensor = numpy_helper.from_array(array(3, 2))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/dev/zero")
    nodes = [helper.make_node("Constant", [], ["w"], value=tensor), node("MatMul", ("x", "w"), "y")]
    assert shapes_of(saved(tmp_path, model(nodes, ("N", 3)))).nodes[0].n_operation == 6


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    onnx.save(without_weights(small(), "elsewhere"), "net.onnx")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", "network", "check", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, *capsys.readouterr()

    code, out, _ = run("net.onnx", "--shapes-only")
    assert not code
    total = sum(each.n_operation for each in shapes_of(tmp_path / "net.onnx").nodes)
    assert "net.onnx: shapes only; frames of shape (3, 9, 8)" in out
    assert f"dense operations per frame: {total:,} multiply-accumulates" in out
    assert "not counted: 2 x Relu, 1 x Flatten" in out
    assert run("digits-mlp", "--shapes-only")[2] == (
        "hwsim: digits-mlp: --shapes-only is for .onnx files; leave it out\n"
    )
    for way, expected in (("elsewhere", "weights.bin: cannot be read"), ("empty", "but there are 0")):
        onnx.save(without_weights(small(), way), "net.onnx")
        code, _, err = run("net.onnx")
        assert code == 2
        assert expected in err
        assert err.endswith("or take hwsim network check --shapes-only\n")
