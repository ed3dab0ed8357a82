"""Operators that read codes and make codes, and what onnxruntime's own quantizer writes in both of its formats."""

import logging

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto, helper
from onnx_graphs import apart, everywhere, imported, model, node, onnxruntime_outputs
from onnxruntime import quantization

import hwsim

pytestmark = pytest.mark.onnx

MICROSOFT = "com.microsoft"
F = np.float32


def on_codes(operator, inputs, constants, shape, domain=MICROSOFT, **attributes):
    """One operator on codes between a QuantizeLinear and a DequantizeLinear."""
    nodes = [
        node("QuantizeLinear", ("x", "xs", "xz"), "q"),
        node(operator, inputs, "r", domain, **attributes),
        node("DequantizeLinear", ("r", "ys", "yz"), "y"),
    ]
    proto = model(nodes, shape, constants, opset=13)
    proto.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return proto


def frames_of(random, shape, step, n=12):
    """Whole numbers of steps, so that the first quantizer has no ties."""
    return (np.round(random.normal(size=(n, *shape[1:])) * 50) * step).astype(F)


OPERATORS = {
    "QLinearAdd": ("q", "xs", "xz", "q", "xs", "xz", "ys", "yz"),
    "QLinearMul": ("q", "xs", "xz", "q", "xs", "xz", "ys", "yz"),
    "QLinearAveragePool": ("q", "xs", "xz", "ys", "yz"),
    "QLinearGlobalAveragePool": ("q", "xs", "xz", "ys", "yz"),
    "QLinearLeakyRelu": ("q", "xs", "xz", "ys", "yz"),
    "QLinearSigmoid": ("q", "xs", "xz", "ys", "yz"),
    "QLinearConcat": ("ys", "yz", "q", "xs", "xz", "q", "xs", "xz"),
}
ATTRIBUTES = {"QLinearAveragePool": {"kernel_shape": [2, 2], "strides": [2, 2]}, "QLinearConcat": {"axis": 1}}
STEPS = {"QLinearMul": 0.31, "QLinearSigmoid": 1 / 256, "QLinearGlobalAveragePool": 0.004}


@pytest.mark.parametrize("operator", OPERATORS)
@examples(24)
@given(dtype=st.sampled_from([np.uint8, np.int8]), zeros=st.tuples(*[st.integers(0, 255)] * 2), seed=st.integers(0, 99))
def test_one_operator(operator, dtype, zeros, seed, tmp_path_factory):
    """Codes are onnxruntime's, but for its ties; the same ones under all executions, and after saving and loading."""
    random = np.random.default_rng(seed)
    least = np.iinfo(dtype).min
    step, made = F(random.uniform(0.02, 0.04)), F(STEPS.get(operator, 0.05) * random.uniform(0.8, 1.2))
    constants = {"xs": step, "xz": dtype(zeros[0] + least), "ys": made, "yz": dtype(zeros[1] + least)}
    proto = on_codes(operator, OPERATORS[operator], constants, (1, 2, 4, 4), **ATTRIBUTES.get(operator, {}))
    network = imported(proto)
    frames = frames_of(random, (1, 2, 4, 4), step)
    found = everywhere(network, frames, tmp_path_factory.mktemp("network"))
    if operator == "QLinearSigmoid":  # at the end its rounding is left out
        expected = onnxruntime_outputs(proto, frames)
        inside = (expected > expected.min()) & (expected < expected.max())
        assert np.all(np.abs(found - expected)[inside] <= made / 2 * 1.001)
        return
    assert network.is_integer
    code, expected = np.rint(found / made), np.rint(onnxruntime_outputs(proto, frames) / made)
    assert len(np.unique(expected)) > 1
    assert np.abs(code - expected).max() <= 1
    assert np.mean(code != expected) <= 0.02


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("codes", [False, True])
def test_qgemm(turned, per_channel, codes, tmp_path):
    random = np.random.default_rng(3)
    shape = (4, 12) if turned else (12, 4)
    scale = random.uniform(0.01, 0.02, 4).astype(F) if per_channel else F(0.0123)
    constants = {
        "xs": F(0.03), "xz": np.uint8(120), "w": random.integers(-64, 65, shape).astype(np.int8), "ws": scale,
        "wz": np.zeros(np.shape(scale), np.int8), "b": random.integers(-900, 900, 4).astype(np.int32),
        "ys": F(0.06), "yz": np.uint8(128),
    }  # fmt: skip
    inputs = ("q", "xs", "xz", "w", "ws", "wz", "b", *(("ys", "yz") if codes else ()))
    proto = on_codes("QGemm", inputs, constants, (1, 12), transB=turned, alpha=1.0)
    if not codes:
        proto.graph.node.pop()
        proto.graph.output[0].name = "r"
    network, frames = imported(proto), frames_of(random, (1, 12), 0.03, 100)
    assert network.is_integer
    found, expected = everywhere(network, frames, tmp_path), onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.3
    if codes:
        assert np.mean(np.rint(found / F(0.06)) != np.rint(expected / F(0.06))) <= 0.01
    assert apart(found, expected) < (0.02 if codes else 1e-6)


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("zero", [0, 117])
@pytest.mark.parametrize("operator", ["ConvInteger", "MatMulInteger"])
def test_products_of_codes(operator, zero, arrives, tmp_path):
    """Behind a QuantizeLinear, or of frames that are codes; a Cast and a factor make values of them."""
    random, image = np.random.default_rng(4), operator == "ConvInteger"
    shape = (1, 3, 6, 6) if image else (1, 12)
    code = random.integers(-64, 65, (4, 3, 3, 3) if image else (12, 4)).astype(np.int8)
    nodes = [] if arrives else [node("QuantizeLinear", ("x", "s", "z"), "q")]
    nodes += [
        node(operator, ("x" if arrives else "q", "w", "z", "wz"), "i"), node("Cast", ("i",), "f", to=TensorProto.FLOAT),
        node("Mul", ("f", "k"), "y"),
    ]  # fmt: skip
    constants = {"s": F(0.25), "z": np.uint8(zero), "w": code, "wz": np.int8(3), "k": F(0.25 * 0.125)}
    proto = model(nodes, shape, constants, opset=13)
    frames = frames_of(random, shape, 0.25)
    if arrives:
        proto.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
        frames = random.integers(0, 256, (12, *shape[1:])).astype(np.uint8)
    network = imported(proto)
    assert network.is_integer
    found = everywhere(network, frames, tmp_path)
    assert np.any(found)
    np.testing.assert_array_equal(found, onnxruntime_outputs(proto, frames))


def test_a_scale_by_frame_is_refused():
    nodes = [
        node("DynamicQuantizeLinear", ("x",), ("q", "s", "z")), node("MatMulInteger", ("q", "w", "z"), "y"),
    ]  # fmt: skip
    with pytest.raises(hwsim.HwsimError, match=r"DynamicQuantizeLinear_0\): its scale depends on the frame; quantize"):
        imported(model(nodes, (1, 4), {"w": np.ones((4, 2), np.int8)}))


def joined(random, behind):
    """Two branches of codes around different zero points, joined."""
    nodes = [
        node("QuantizeLinear", ("x", "s0", "z0"), "q0"), node("DequantizeLinear", ("q0", "s0", "z0"), "a0"),
        node("DequantizeLinear", ("w", "ws"), "d"), node("Conv", ("a0", "d"), "c"),
        node("QuantizeLinear", ("c", "s1", "z1"), "q1"), node("DequantizeLinear", ("q1", "s1", "z1"), "a1"),
        node("Concat", ("a0", "a1"), "j", axis=1), *behind,
    ]  # fmt: skip
    constants = {
        "s0": F(0.03), "z0": np.uint8(120), "s1": F(0.071), "z1": np.uint8(0), "s2": F(0.064), "z2": np.uint8(90),
        "w": random.integers(-127, 128, (4, 3, 1, 1)).astype(np.int8), "ws": F(0.01),
    }  # fmt: skip
    return model(nodes, (1, 3, 4, 4), constants, opset=13)


def test_branches_are_quantized_before_they_are_joined(tmp_path):
    random = np.random.default_rng(5)
    behind = [node("QuantizeLinear", ("j", "s2", "z2"), "q2"), node("DequantizeLinear", ("q2", "s2", "z2"), "y")]
    proto, frames = joined(random, behind), frames_of(random, (1, 3, 4, 4), 0.03, 50)
    network = imported(proto)
    assert network.is_integer
    assert [type(each).__name__ for each in network.layers[-3:]] == ["Quantize", "Quantize", "Concat"]
    code = np.rint(everywhere(network, frames, tmp_path) / F(0.064))
    assert np.mean(code != np.rint(onnxruntime_outputs(proto, frames) / F(0.064))) <= 0.01
    assert code.std() > 5


def test_branches_that_nothing_quantizes_are_refused():
    proto = joined(np.random.default_rng(5), [node("Relu", ("j",), "y")])
    with pytest.raises(hwsim.HwsimError, match="quantize them alike"):
        imported(proto)


def real_network(random, kind):
    """A float network, in which operators of every kind that onnxruntime quantizes occur."""

    def drawn(*shape):
        return random.normal(size=shape).astype(F) * F(0.3)

    if kind == "residual":
        same = {"pads": [1, 1, 1, 1]}
        nodes = [
            node("Conv", ("x", "w1", "b1"), "c1", **same), node("Relu", ("c1",), "r1"),
            node("Conv", ("r1", "w2", "b2"), "c2", **same), node("Add", ("c2", "r1"), "a"), node("Relu", ("a",), "r2"),
            node("AveragePool", ("r2",), "m", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ("m", "w3"), "c3", group=8, **same), node("Concat", ("c3", "m"), "j", axis=1),
            node("GlobalAveragePool", ("j",), "g"), node("Flatten", ("g",), "f"),
            node("Gemm", ("f", "w4", "b4"), "o", transB=1), node("Softmax", ("o",), "out", axis=1),
        ]  # fmt: skip
        weights = {
            "w1": drawn(8, 3, 3, 3), "b1": drawn(8), "w2": drawn(8, 8, 3, 3), "b2": drawn(8), "w3": drawn(8, 1, 3, 3),
            "w4": drawn(5, 16), "b4": drawn(5),
        }  # fmt: skip
    else:
        nodes = [
            node("Conv", ("x", "w1", "b1"), "c1"), node("Sigmoid", ("c1",), "s"), node("Mul", ("c1", "s"), "m"),
            node("LeakyRelu", ("m",), "l"), node("Flatten", ("l",), "f"), node("MatMul", ("f", "w2"), "o"),
            node("Sigmoid", ("o",), "out"),
        ]  # fmt: skip
        weights = {"w1": drawn(4, 3, 3, 3), "b1": drawn(4), "w2": drawn(256, 5)}
    return model(nodes, (1, 3, 10, 10), weights, opset=13, n_axis=2)


@pytest.mark.parametrize("contrib", [False, True])
@pytest.mark.parametrize("kind", ["residual", "gated"])
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_what_quantize_static_writes(form, kind, contrib, tmp_path):
    """Int8 and uint8, one scale or one per channel; probabilities within a step, and the same classes."""
    random = np.random.default_rng(6)
    frames = random.normal(size=(100, 3, 10, 10)).astype(F)
    onnx.save(real_network(random, kind), tmp_path / "real.onnx")

    class Reader(quantization.CalibrationDataReader):
        rest = iter([{"x": frame[None]} for frame in frames[:20]])

        def get_next(self):
            return next(self.rest, None)

    logging.disable(logging.WARNING)
    try:
        quantization.quantize_static(
            tmp_path / "real.onnx", tmp_path / "codes.onnx", Reader(), per_channel=not contrib,
            quant_format=quantization.QuantFormat[form], weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType["QInt8" if contrib else "QUInt8"],
            extra_options={"UseQDQContribOps": contrib},
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    network, proto = hwsim.load_network(tmp_path / "codes.onnx"), onnx.load(tmp_path / "codes.onnx")
    assert network.is_integer
    found, expected = hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.02
    assert np.abs(found - expected).max() < 0.02
    assert np.mean(found.argmax(axis=1) != expected.argmax(axis=1)) <= 0.05
