"""Graphs of QuantizeLinear and DequantizeLinear, as exported by PyTorch's and TensorFlow's tools."""

import numpy as np
import pytest
from onnx_graphs import imported, model, node, onnxruntime_outputs, outputs

import hwsim

pytestmark = pytest.mark.onnx
RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def _seeded():
    """The same numbers for a test wherever it runs, and whatever ran before it."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


STEP = np.float32(0.0317)


class Pairs:
    """A graph of quantized layers: every tensor is quantized and dequantized."""

    def __init__(self, shape=(1, 3, 8, 8)):
        self.shape, self.nodes, self.constants, self.last = shape, [], {}, "x"

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def to(self, operator, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(operator, (self.last, *inputs), name, **attributes))
        self.last = name
        return self

    def pair(self, scale, zero_point):
        inputs = self.constant(np.float32(scale)), self.constant(zero_point)
        return self.to("QuantizeLinear", *inputs).to("DequantizeLinear", *inputs)

    def stored(self, code, scale, zero_point, axis=0):
        """A constant of codes, dequantized."""
        name = f"w{len(self.nodes)}"
        inputs = [self.constant(each) for each in (code, np.float32(scale), zero_point)]
        self.nodes.append(node("DequantizeLinear", inputs, name, axis=axis))
        return name

    def weight(self, *shape, axis=0):
        n = shape[axis]
        code = RNG.integers(-127, 128, shape).astype(np.int8)
        return self.stored(code, RNG.uniform(0.01, 0.02, n), np.zeros(n, np.int8), axis)

    def proto(self):
        return model(self.nodes, self.shape, self.constants, opset=13)

    def network(self):
        return imported(self.proto())

    def steps_apart(self, step, n=200):
        """By how many codes of a step hwsim's outputs differ from onnxruntime's, in each number."""
        frames = RNG.normal(size=(n, *self.shape[1:])).astype(np.float32)
        found, expected = outputs(self.proto(), frames), onnxruntime_outputs(self.proto(), frames)
        return np.abs(np.rint(found / step) - np.rint(expected / step))


@pytest.mark.parametrize("zero_point", [np.int8(0), np.uint8(0), np.uint8(117), np.int8(-12)])
def test_codes_of_the_input(zero_point):
    graph = Pairs().pair(STEP, zero_point)
    ties = (np.arange(2 * 3 * 64).reshape(2, 3, 8, 8) % 37 - 18).astype(np.float32) / 4
    exact = Pairs().pair(0.5, zero_point).proto()
    np.testing.assert_array_equal(outputs(exact, ties), onnxruntime_outputs(exact, ties))
    (layer,) = graph.network().layers
    assert (layer.bit_width, layer.signed, layer.zero_point) == (8, zero_point.dtype.kind == "i", zero_point)
    assert not graph.steps_apart(STEP).any()


def convolution():
    graph = Pairs().pair(STEP, np.uint8(117))
    weight = graph.weight(5, 3, 3, 3)
    scales = graph.constants[graph.nodes[-1].input[1]]
    bias = RNG.integers(-900, 900, 5).astype(np.int32)
    stored = graph.stored(bias, STEP * scales, np.zeros(5, np.int32))
    return graph.to("Conv", weight, stored, pads=[1, 1, 1, 1]), bias


def test_a_convolution_with_a_bias():
    """Scales per channel, a zero point, a bias of 32 bits: all codes, and equal but for ties."""
    graph, bias = convolution()
    graph.to("Relu").pair(0.0433, np.uint8(0))
    network = graph.network()
    assert network.is_integer
    assert [type(each).__name__ for each in network.layers] == ["Quantize", "Conv2d", "ReLU", "Quantize"]
    np.testing.assert_array_equal(network.layers[1].bias, bias)
    apart = graph.steps_apart(0.0433)
    assert apart.max() <= 1
    assert apart.mean() <= 1e-5


def test_pooling_addition_and_a_linear_layer():
    graph, _ = convolution()
    graph.to("Relu").pair(0.0433, np.uint8(0))
    left = graph.last
    graph.to("Conv", graph.weight(5, 5, 1, 1)).pair(0.0391, np.int8(3)).to("Add", left).pair(0.0511, np.uint8(30))
    graph.to("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).to("GlobalAveragePool").pair(0.0249, np.uint8(7))
    graph.to("Flatten").to("Gemm", graph.weight(4, 5), transB=1).pair(0.1, np.int8(-4))
    network = graph.network()
    assert network.is_integer
    apart = graph.steps_apart(0.1, 400)
    assert apart.max() <= 1
    assert apart.mean() <= 0.005  # averages that lie on a tie, which float32 rounds


def test_weights_with_a_zero_point():
    graph = Pairs((1, 12)).pair(STEP, np.int8(0))
    code = RNG.integers(0, 256, (12, 4)).astype(np.uint8)
    graph.to("MatMul", graph.stored(code, 0.0123, np.uint8(100))).pair(0.0871, np.int8(0))
    weight = graph.network().layers[1].terms[0]
    assert (str(weight.format), weight.zero_point) == ("uint8", 100)
    np.testing.assert_array_equal(weight.code, code.astype(int) - 100)
    assert graph.steps_apart(0.0871).max() == 0


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_weights_quantized_in_the_graph(axis):
    """As fake quantization is exported; scales per input make no codes, but real weights."""
    graph = Pairs((1, 12)).pair(STEP, np.int8(0))
    scale = np.float32(0.02) if axis is None else RNG.uniform(0.01, 0.03, (12, 4)[axis]).astype(np.float32)
    inputs = graph.constant(scale), graph.constant(np.zeros(scale.shape, np.int8))
    given = graph.constant(RNG.normal(size=(12, 4)).astype(np.float32))
    graph.nodes += [
        node("QuantizeLinear", (given, *inputs), "q", **({} if axis is None else {"axis": axis})),
        node("DequantizeLinear", ("q", *inputs), "d", **({} if axis is None else {"axis": axis})),
    ]
    graph.to("MatMul", "d").pair(0.0871, np.int8(0))
    if axis == 0:
        assert str(graph.network().layers[1].terms[0].format) == "fp32"
        return
    assert str(graph.network().layers[1].terms[0].format) == "int8"
    assert graph.steps_apart(0.0871).max() == 0


@pytest.mark.parametrize("operator", ["QLinearConv", "QLinearMatMul"])
def test_operators_on_codes(operator):
    conv = operator == "QLinearConv"
    graph = Pairs((1, 3, 8, 8) if conv else (1, 12))
    read = [graph.constant(each) for each in (np.float32(STEP), np.uint8(117))]
    out = [graph.constant(each) for each in (np.float32(0.0871), np.uint8(128))]
    shape = (5, 3, 3, 3) if conv else (12, 4)
    scale = RNG.uniform(0.02, 0.04, 5).astype(np.float32) if conv else np.float32(0.0262)
    # to 64 only: where a processor multiplies bytes in pairs, onnxruntime's sums of two products clip at 16 bits
    code = RNG.integers(-64, 65, shape).astype(np.int8)
    weight = [graph.constant(each) for each in (code, scale, np.zeros(np.shape(scale), np.int8))]
    graph.to("QuantizeLinear", *read)
    bias = [graph.constant(RNG.integers(-900, 900, 5).astype(np.int32))] if conv else []
    graph.to(operator, *read, *weight, *out, *bias).to("DequantizeLinear", *out)
    network = graph.network()
    assert network.is_integer
    apart = graph.steps_apart(0.0871)
    assert apart.max() <= 1
    assert apart.mean() <= 1e-4


def test_codes_may_be_moved_but_not_computed_with():
    graph = Pairs((1, 3, 8, 8))
    inputs = graph.constant(np.float32(STEP)), graph.constant(np.uint8(117))
    graph.to("QuantizeLinear", *inputs).to("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).to("Flatten")
    assert not graph.to("DequantizeLinear", *inputs).steps_apart(STEP).any()
    graph = Pairs((1, 3, 8, 8)).to("QuantizeLinear", "scale", "zero").to("Relu")
    graph.constants |= {"scale": np.float32(0.5), "zero": np.int8(-5)}
    with pytest.raises(hwsim.HwsimError, match="computes with the codes"):
        graph.network()


def test_codes_at_the_end_are_told_apart_from_values():
    graph = Pairs((1, 12)).to("QuantizeLinear", "scale", "zero")
    graph.constants |= {"scale": np.float32(0.5), "zero": np.int8(-5)}
    network = graph.network()
    assert "not the codes" in network.about["remarks"][0]
    frames = RNG.normal(size=(50, 12)).astype(np.float32) * 20
    run = hwsim.simulate(network, frames)
    np.testing.assert_array_equal(run.output_codes, onnxruntime_outputs(graph.proto(), frames))
    np.testing.assert_array_equal(run.outputs, (run.output_codes + 5.0) * 0.5)
    assert run.output_codes.min() < -5 < run.output_codes.max()


@pytest.mark.parametrize("kind", ["QUInt8", "QInt8"])
def test_what_onnxruntimes_own_quantizer_writes(kind, tmp_path):
    """A residual network, quantized by onnxruntime: scales per channel, biases of 32 bits, ReLUs gone."""
    import logging

    import onnx
    from onnxruntime import quantization

    def real(*shape):
        return RNG.normal(size=shape).astype(np.float32) * 0.3

    nodes = [
        node("Conv", ("x", "w1", "b1"), "c1", pads=[1, 1, 1, 1]), node("Relu", ("c1",), "r1"),
        node("Conv", ("r1", "w2", "b2"), "c2", pads=[1, 1, 1, 1]), node("Add", ("c2", "r1"), "a"),
        node("Relu", ("a",), "r2"), node("MaxPool", ("r2",), "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ("m", "w3"), "c3", group=8), node("GlobalAveragePool", ("c3",), "g"), node("Flatten", ("g",), "f"),
        node("Gemm", ("f", "w4", "b4"), "out", transB=1),
    ]  # fmt: skip
    constants = {
        "w1": real(8, 3, 3, 3), "b1": real(8), "w2": real(8, 8, 3, 3), "b2": real(8), "w3": real(8, 1, 3, 3),
        "w4": real(5, 8), "b4": real(5),
    }  # fmt: skip
    plain, file = tmp_path / "plain.onnx", tmp_path / "quantized.onnx"
    onnx.save(model(nodes, (1, 3, 10, 10), constants, opset=13, n_axis=2), plain)
    frames = RNG.normal(size=(200, 3, 10, 10)).astype(np.float32)

    class Reader(quantization.CalibrationDataReader):
        rest = iter([{"x": frame[None]} for frame in frames[:20]])

        def get_next(self):
            return next(self.rest, None)

    logging.disable(logging.WARNING)
    try:
        chosen = quantization.QuantType[kind]
        quantization.quantize_static(plain, file, Reader(), activation_type=chosen, per_channel=True)
    finally:
        logging.disable(logging.NOTSET)
    network = hwsim.load_network(file)
    assert network.is_integer
    step = float(network.output.step)
    found, expected = hwsim.simulate(network, frames).outputs, onnxruntime_outputs(onnx.load(file), frames)
    apart = np.abs(np.rint(found / step) - np.rint(expected / step))
    # one code next to a tie, in a layer before, moves a few
    assert apart.max() <= 2
    assert np.mean(apart > 0) <= 0.03


def test_all_executions_agree():
    graph, _ = convolution()
    network = graph.to("Relu").pair(0.0433, np.uint8(0)).network()
    frames = RNG.normal(size=(32, 3, 8, 8))
    runs = [hwsim.simulate(network, frames, execution=each).output_codes for each in ("dense", "sparse", "delta")]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


def test_a_pair_that_does_not_fit_is_refused():
    graph = Pairs().to("QuantizeLinear", "scale", "zero").to("DequantizeLinear", "other", "zero")
    graph.constants |= {"scale": np.float32(0.5), "other": np.float32(0.25), "zero": np.uint8(0)}
    with pytest.raises(hwsim.HwsimError, match="not those of the QuantizeLinear before it"):
        graph.network()
