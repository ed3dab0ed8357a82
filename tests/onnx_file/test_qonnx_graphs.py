"""Graphs of QONNX's quantizers, and FINN's thresholds, against qonnx's own executor."""

import warnings

import numpy as np
import pytest
from onnx_graphs import QONNX, apart, imported, model, node, outputs, qonnx_outputs

import hwsim
from hwsim import Affine, MultiThreshold

pytestmark = pytest.mark.onnx
N_FRAME = 100


class Quantized:
    """A QONNX graph that grows node by node."""

    def __init__(self, seed, shape=(1, 3, 8, 8)):
        self.random = np.random.default_rng(seed)
        self.shape, self.nodes, self.constants, self.last = shape, [], {}, "x"

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def to(self, operator, *inputs, domain="", **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(operator, (self.last, *inputs), name, domain, **attributes))
        self.last = name
        return self

    def quant(self, scale, bit_width, signed=1, narrow=0, zero_point=0, rounding_mode="ROUND"):
        inputs = (self.constant(each) for each in (scale, zero_point, bit_width))
        kind = {"signed": signed, "narrow": narrow, "rounding_mode": rounding_mode}
        return self.to("Quant", *inputs, domain=QONNX, **kind)

    def weight(self, shape, scale, bit_width, narrow=1):
        name = f"w{len(self.nodes)}"
        inputs = [self.constant(self.random.normal(size=shape) * 0.5)]
        inputs += [self.constant(each) for each in (scale, 0, bit_width)]
        kind = {"signed": 1, "narrow": narrow, "rounding_mode": "ROUND"}
        self.nodes.append(node("Quant", inputs, name, QONNX, **kind))
        return name

    def norm(self, n, falls=True):
        gamma = self.random.uniform(0.5, 2, n) * (self.random.choice([-1, 1], n) if falls else 1)
        numbers = gamma, self.random.normal(size=n), self.random.normal(size=n), self.random.uniform(0.5, 2, n)
        return self.to("BatchNormalization", *(self.constant(each) for each in numbers))

    def proto(self, opset=11):
        flat = len(self.shape) == 2 or any(each.op_type == "Flatten" for each in self.nodes)
        return model(self.nodes, self.shape, self.constants, opset=opset, n_axis=2 if flat else 4)

    def frames(self, n=N_FRAME):
        return self.random.normal(size=(n, *self.shape[1:])).astype(np.float32)

    def network(self):
        return imported(self.proto())

    def agree(self, tolerance=1e-6):
        """Whether hwsim's outputs are qonnx's; of few levels, within far less than one."""
        frames = self.frames()
        expected = qonnx_outputs(self.proto(), frames)
        return apart(outputs(self.proto(), frames), expected) <= tolerance


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


@pytest.mark.parametrize("scale", [0.25, 0.3])
@pytest.mark.parametrize(("bit_width", "signed", "narrow"), [(2, 1, 1), (4, 0, 0), (4, 0, 1), (8, 1, 0), (8, 0, 0)])
def test_quant_of_real_numbers(scale, bit_width, signed, narrow):
    assert Quantized(0).quant(scale, bit_width, signed, narrow).agree()


@pytest.mark.parametrize("rounding", ["ROUND", "HALF_EVEN", "FLOOR"])
def test_ties_are_rounded_as_qonnx_rounds_them(rounding):
    graph = Quantized(0).quant(0.5, 4, rounding_mode=rounding)
    ties = np.round(graph.frames() * 4) / 4
    np.testing.assert_array_equal(outputs(graph.proto(), ties), qonnx_outputs(graph.proto(), ties))


@pytest.mark.parametrize("zero_point", [100, 7])
def test_a_zero_point(zero_point):
    """An odd one makes of ties to even ties to odd, which thresholds can do."""
    graph = Quantized(0).quant(0.5, 4 if zero_point == 7 else 8, signed=0, zero_point=zero_point)
    (layer,) = graph.network().layers
    assert isinstance(layer, MultiThreshold if zero_point == 7 else hwsim.Quantize)
    ties = np.round(graph.frames() * 4) / 4
    np.testing.assert_array_equal(outputs(graph.proto(), ties), qonnx_outputs(graph.proto(), ties))


WINDOW = {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "pads": [1, 1, 1, 1], "group": 1}


def convolution(seed, bit_width=4, out_bits=4, falls=True, scale=0.125, rounding="ROUND"):
    graph = Quantized(seed).quant(0.0625, 8)
    graph.to("Conv", graph.weight((5, 3, 3, 3), scale, bit_width), **WINDOW)
    return graph.norm(5, falls).to("Relu").quant(0.2, out_bits, signed=0, rounding_mode=rounding)


@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO"][:3])
@pytest.mark.parametrize("out_bits", [1, 2, 4])
def test_batch_norm_and_quantizer_are_thresholds(out_bits, rounding):
    """Channels with a negative factor among them, whose weights are turned."""
    graph = convolution(out_bits, out_bits=out_bits, rounding=rounding)
    network = graph.network()
    assert kinds(network) == ["Quantize", "Conv2d", "MultiThreshold"]
    assert network.is_integer
    assert graph.agree()


@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR"])
def test_batch_norm_and_quantizer_of_many_levels_multiply_add_and_shift(rounding):
    """What thresholds would be too many for; a rounding that no shift has is thresholds still."""
    graph = convolution(8, out_bits=8, rounding=rounding)
    network = graph.network()
    assert kinds(network) == ["Quantize", "Conv2d", "Quantize"]
    assert np.shape(network.layers[-1].offset) == (5,)
    assert "stored constant per channel" in "".join(network.about["remarks"])
    assert graph.agree()
    assert kinds(convolution(8, out_bits=8, rounding="CEIL").network())[-1] == "MultiThreshold"


@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR", "CEIL"])
def test_an_input_that_is_scaled_first_is_compared_with_thresholds(rounding):
    """Of codes that arrive too: no real number is computed."""
    graph = Quantized(17, (1, 12)).to("Mul", "two").to("Sub", "one")
    graph.constants |= {"two": np.float32(2), "one": np.float32(1)}
    graph.quant(1.0, 2, 1, 1, rounding_mode=rounding)
    assert kinds(graph.network()) == ["MultiThreshold"]
    assert graph.agree()
    codes = graph.random.integers(0, 256, (50, 12)).astype(np.uint8)
    run = hwsim.simulate(graph.network(), hwsim.Dataset(codes, 1 / 255))
    np.testing.assert_array_equal(run.outputs, qonnx_outputs(graph.proto(), (codes / np.float32(255))))
    assert set(hwsim.count(run.activity).to_dataframe().operation) == {"comparison", "sram_read"}


@pytest.mark.parametrize("rounding", ["CEIL", "DOWN", "UP", "HALF_UP", "HALF_DOWN"])
def test_roundings_that_no_layer_has_are_thresholds(rounding):
    graph = Quantized(18, (1, 12)).quant(0.5, 4, rounding_mode=rounding)
    ties = np.round(graph.frames() * 4) / 4
    assert kinds(graph.network()) == ["MultiThreshold"]
    np.testing.assert_array_equal(outputs(graph.proto(), ties), qonnx_outputs(graph.proto(), ties))


def test_the_largest_is_taken_before_what_waits():
    """Conv, norm, pooling, quantizer: channels that fall are turned, and the norm stays part of the thresholds."""
    graph = Quantized(19).quant(0.0625, 8)
    graph.to("Conv", graph.weight((6, 3, 3, 3), 0.125, 4)).norm(6).to("LeakyRelu", alpha=0.2)
    graph.to("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).quant(0.2, 4)
    assert kinds(graph.network()) == ["Quantize", "Conv2d", "MaxPool2d", "MultiThreshold"]
    assert graph.agree()


def test_limits_between_codes_are_told():
    graph = Quantized(20, (1, 12)).quant(0.125, 8)
    graph.to("MatMul", graph.weight((12, 4), 0.25, 3)).to("Clip", graph.constant(-1.03), graph.constant(2.0))
    network = graph.network()
    assert "limits between two codes" in network.about["remarks"][0]
    assert network.signals[network.layers[-1].name].step == 0.125 * 0.25


def test_turned_weights_that_reach_the_lowest_code_get_a_bit_more():
    graph = Quantized(3).quant(0.0625, 8)
    name = graph.weight((5, 3, 3, 3), 0.01, 4, narrow=0)
    graph.to("Conv", name).norm(5).quant(0.2, 4)
    network = graph.network()
    assert str(network.layers[1].terms[0].format) == "int5"
    assert graph.agree()


def test_scales_per_channel():
    graph = Quantized(4).quant(0.0625, 8)
    scale = np.float32([0.10317, 0.20713, 0.05129, 0.30411, 0.17023]).reshape(5, 1, 1, 1)
    graph.to("Conv", graph.weight((5, 3, 3, 3), scale, 4)).to("Relu").quant(0.25, 3, signed=0)
    network = graph.network()
    np.testing.assert_array_equal(network.layers[1].terms[0].scale, scale.ravel().astype(np.float64))
    assert graph.agree()


def test_a_shift_stays_a_shift():
    """Steps in a ratio of a power of two need no thresholds, however few the levels."""
    graph = Quantized(5).quant(0.0625, 8)
    graph.to("Conv", graph.weight((5, 3, 3, 3), 0.125, 4)).to("Relu").quant(0.25, 3, signed=0)
    assert kinds(graph.network()) == ["Quantize", "Conv2d", "ReLU", "Quantize"]
    assert graph.agree()


def test_codes_of_many_bits_are_made_by_a_multiplier():
    graph = Quantized(6).quant(0.0625, 8)
    graph.to("Conv", graph.weight((5, 3, 3, 3), 0.1103517, 4)).quant(0.0301371, 8)
    network = graph.network()
    assert kinds(network) == ["Quantize", "Conv2d", "Quantize"]
    n_bit = network.layers[-1].multiplier_bit_width
    assert n_bit < 32
    assert f"multiplier of {n_bit} bits" in network.about["remarks"][0]
    assert "every code is the nearest" in network.about["remarks"][0]
    assert graph.agree()


def test_a_bias_of_whole_codes_is_the_accumulators():
    graph = Quantized(7, (1, 12)).quant(0.125, 8)
    bias = graph.random.integers(-8, 8, 4) / 32
    graph.to("MatMul", graph.weight((12, 4), 0.25, 3)).to("Add", graph.constant(bias)).quant(0.5, 4)
    layers = graph.network().layers
    np.testing.assert_array_equal(layers[1].bias, bias * 32)
    assert kinds(graph.network()) == ["Quantize", "Dense", "Quantize"]
    assert graph.agree()


def test_a_bias_of_real_numbers_goes_into_the_thresholds():
    graph = Quantized(8, (1, 12)).quant(0.125, 8)
    graph.to("MatMul", graph.weight((12, 4), 0.25, 3)).to("Add", graph.constant(graph.random.normal(size=4)))
    graph.quant(0.5, 4)
    assert kinds(graph.network()) == ["Quantize", "Dense", "MultiThreshold"]
    assert graph.agree()


def bipolar(graph, scale=1.0):
    return graph.to("BipolarQuant", graph.constant(scale), domain=QONNX)


def test_codes_of_minus_one_and_one():
    graph = bipolar(Quantized(9, (1, 12)), 0.5)
    weight = graph.constant(graph.random.normal(size=(12, 6)))
    graph.nodes.append(node("BipolarQuant", (weight, graph.constant(0.3)), "w", QONNX))
    graph.to("MatMul", "w").norm(6)
    bipolar(graph)
    network = graph.network()
    # a threshold at zero is a sign whose codes have a step of their own
    assert kinds(network) == ["MultiThreshold", "Dense", "MultiThreshold"]
    assert [str(network.signals[layer.name].format) for layer in network.layers] == ["binary", "int8", "binary"]
    assert str(network.layers[1].terms[0].format) == "binary"
    assert graph.agree()


def test_a_factor_goes_into_the_next_weights():
    """Codes times a number, as FINN writes scales, need no multiplication."""
    graph = Quantized(10, (1, 12)).quant(1.0, 4).to("Mul", graph_scale := "scale")
    graph.constants[graph_scale] = np.float32(0.375)
    graph.to("MatMul", graph.weight((12, 4), 0.5, 3))
    network = graph.network()
    assert kinds(network) == ["Quantize", "Dense"]
    assert float(network.output.step) == 0.375 * 0.5
    assert graph.agree()


def test_trunc_after_an_average():
    graph = Quantized(11).quant(0.25, 4, signed=0)
    graph.to("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).to("Mul", graph.constant(4.0))
    graph.to("Trunc", *(graph.constant(each) for each in (0.25, 0, 6, 4)), domain=QONNX, rounding_mode="FLOOR")
    graph.to("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).to("Flatten")
    graph.to("MatMul", graph.weight((12, 5), 0.5, 4))
    assert graph.network().is_integer
    assert graph.agree()


@pytest.mark.parametrize("rounding", ["FLOOR", "ROUND"])
@pytest.mark.parametrize(("scale", "signed", "narrow"), [(1.0, 0, 0), (1.1, 0, 0), (0.5, 1, 1)])
def test_trunc_to_a_scale_of_its_own(scale, signed, narrow, rounding):
    """The second version, whose scale need not be the power of two that its codes are shifted by."""
    from qonnx.custom_op.general.trunc import trunc_v2

    graph = Quantized(11, (1, 12)).quant(0.25, 6, signed=signed)
    given = (0.25, 0, 6, scale, 4)
    inputs = [graph.constant(each) for each in given]
    graph.to("Trunc", *inputs, domain=QONNX, rounding_mode=rounding, signed=signed, narrow=narrow)
    network = graph.network()
    values = (np.random.default_rng(0).integers(-40, 80, (50, 12)) / 4).astype(np.float32)
    codes = np.clip(values, *((-7.75, 7.75) if signed else (0, 15.75)))
    expected = trunc_v2(codes, *map(np.float64, (0.25, 0, 6)), narrow, signed, *map(np.float64, (scale, 4)), rounding)
    found = hwsim.simulate(network, values).outputs
    assert len(np.unique(expected)) > 5
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_finn_thresholds():
    graph = Quantized(12, (1, 12)).quant(0.125, 8)
    thresholds = np.sort(graph.random.normal(size=(4, 7)), axis=1)
    graph.to("MatMul", graph.weight((12, 4), 0.25, 3))
    graph.to("MultiThreshold", graph.constant(thresholds), domain=QONNX, out_dtype="INT3", out_scale=0.5, out_bias=-1.5)
    network = graph.network()
    assert isinstance(network.layers[-1], MultiThreshold)
    assert graph.agree()


def test_finn_thresholds_with_an_offset_between_codes():
    graph = Quantized(13)
    thresholds = graph.constant([[-1.0, 0.0, 0.5]])
    graph.to("MultiThreshold", thresholds, domain=QONNX, out_dtype="UINT2", out_scale=1.0, out_bias=-1.3)
    assert isinstance(graph.network().layers[-1], Affine)
    assert graph.agree()


def test_formats_beside_the_graph_make_codes_of_weights():
    """FINN's tools keep whole numbers as float32, and say what they are."""
    import onnx

    graph = Quantized(14, (1, 12)).quant(1.0, 4)
    graph.to("MatMul", graph.constant(graph.random.integers(-1, 2, (12, 4))))
    proto = graph.proto()
    note = onnx.TensorAnnotation(tensor_name=graph.nodes[-1].input[1])
    note.quant_parameter_tensor_names.append(onnx.StringStringEntryProto(key="finn_datatype", value="TERNARY"))
    proto.graph.quantization_annotation.append(note)
    network = imported(proto)
    assert str(network.layers[1].terms[0].format) == "ternary"
    assert network.is_integer
    assert str(imported(graph.proto(), keep_real=True).layers[1].terms[0].format) == "fp32"


def test_a_residual_block():
    graph = Quantized(15, (1, 5, 6, 6)).quant(0.25, 4)
    start = graph.last
    graph.to("Conv", graph.weight((5, 5, 3, 3), 0.25, 3), pads=[1, 1, 1, 1]).norm(5).quant(0.25, 4)
    graph.to("Add", start).to("Relu").quant(0.5, 4, signed=0).to("GlobalAveragePool").to("Flatten")
    graph.to("MatMul", graph.weight((5, 3), 0.5, 4))
    network = graph.network()
    assert network.is_integer
    assert graph.agree()


def test_a_graph_that_qonnx_brought_into_channels_last():
    graph = convolution(17)
    graph.to("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    graph.to("Conv", graph.weight((4, 5, 3, 3), 0.25, 4), **{**WINDOW, "strides": [2, 1], "pads": [0] * 4})
    graph.norm(4).quant(0.25, 4)
    graph.to("Flatten").to("MatMul", graph.weight((8, 3), 0.5, 4))
    frames = graph.frames()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
        from qonnx.util.cleanup import cleanup_model

        turned = cleanup_model(ModelWrapper(graph.proto())).transform(ConvertToChannelsLastAndClean())
    assert {each.op_type for each in turned.graph.node if "channels_last" in each.domain} >= {"Conv", "MaxPool"}
    network = imported(turned.model)
    assert network.input_shape == (3, 8, 8)
    assert network.is_integer
    found = hwsim.simulate(network, frames).outputs
    assert apart(found, qonnx_outputs(graph.proto(), frames)) <= 1e-6


def test_a_batch_norm_at_the_end_is_fixed_point():
    """Scores are scaled with multipliers of 24 bits: as near to qonnx as float32 is."""
    graph = Quantized(16, (1, 12)).quant(0.125, 8)
    graph.to("MatMul", graph.weight((12, 4), 0.25, 3)).norm(4)
    network = graph.network()
    assert kinds(network) == ["Quantize", "Dense", "Affine"]
    assert graph.agree(1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_random_networks(seed):
    """Convolutions, norms, quantizers of random widths; codes equal qonnx's everywhere, under all executions."""
    random = np.random.default_rng(seed)
    graph, n = Quantized(seed).quant(0.0625, 8), 3
    for _ in range(3):
        n_out, bits = int(random.integers(2, 6)), int(random.integers(2, 7))
        scale = random.uniform(0.02, 0.3, (n_out, 1, 1, 1)) if random.random() < 0.5 else 0.125
        graph.to("Conv", graph.weight((n_out, n, 3, 3), scale, bits), pads=[1, 1, 1, 1])
        if random.random() < 0.7:
            graph.norm(n_out)
        if random.random() < 0.5:
            graph.to("Relu")
        graph.quant(float(random.uniform(0.1, 0.5)), int(random.integers(2, 5)), signed=int(random.integers(2)))
        n = n_out
    frames = graph.frames()
    network, expected = graph.network(), qonnx_outputs(graph.proto(), frames)
    runs = [hwsim.simulate(network, frames, execution=each) for each in ("dense", "sparse", "delta")]
    assert network.is_integer
    step = np.broadcast_to(network.output.step, n).max()
    for run in runs:
        np.testing.assert_array_equal(np.rint(run.outputs / step), np.rint(expected / step))


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize(("curve", "factors"), [("Elu", {"alpha": -4.0}), ("Selu", {"gamma": -1.0})])
def test_curves_that_do_not_rise(curve, factors, pooled):
    """One that falls may be thresholds, unless a maximum is taken behind it; one that turns round is computed."""
    graph = Quantized(4).quant(0.0625, 8)
    graph.to("Conv", graph.weight((5, 3, 3, 3), 0.25, 4), **WINDOW).to(curve, **factors)
    if pooled:
        graph.to("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    graph.quant(0.5, 4)
    assert graph.agree()
    assert ("ELU" in kinds(graph.network())) == (pooled or curve == "Elu")
