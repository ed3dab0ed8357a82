"""One function, many spellings, one cost: pairs of graphs that do the same, of which both must cost the same."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from onnx import TensorAnnotation
from onnx_graphs import QONNX, model, node, onnxruntime_outputs, qonnx_outputs

import hwsim
from hwsim.onnx_file.reading import network_of

pytestmark = pytest.mark.onnx

PRESETS = (
    "mac-array",
    "mac-array-gated",
    "mac-array-dram",
    "ideal-reuse",
    "zero-skipping-mac",
    "eie-like",
    "delta-mac",
    "rounding-adder",
    "sigma-delta-adder",
    "neuromorphic-core",
)
RANDOM = np.random.default_rng(14)


def signs(*shape):
    return RANDOM.choice([-1.0, 1.0], shape).astype(np.float32)


def thirds(*shape):
    """Weights -1, 0 and 1, of which every channel has several of each sign."""
    codes = np.resize([1, -1, 0, 1, -1, 0, 1, -1], int(np.prod(shape)))
    return RANDOM.permuted(codes).reshape(shape).astype(np.float32)


class Spelling:
    """A graph that grows node by node; constants are put in place, and weights may be declared."""

    def __init__(self, *shape):
        self.shape, self.nodes, self.constants, self.last, self.formats = shape or (1, 12), [], {}, "x", {}

    def constant(self, value, format=None):
        name = f"c{len(self.constants)}"
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        if format:
            self.formats[name] = format
        return name

    def made(self, operator, *inputs, **attributes):
        """A node of constants."""
        name = f"m{len(self.nodes)}"
        domain = QONNX if operator in ("Quant", "BipolarQuant") else ""
        self.nodes.append(node(operator, [self.constant(each) for each in inputs], name, domain, **attributes))
        return name

    def to(self, operator, *inputs, **attributes):
        """A node of what is there; arrays become constants, names of tensors stay."""
        name = f"t{len(self.nodes)}"
        domain = QONNX if operator in ("Quant", "BipolarQuant", "MultiThreshold") else ""
        given = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.nodes.append(node(operator, (self.last, *given), name, domain, **attributes))
        self.last = name
        return self

    def bipolar(self, scale=1.0):
        return self.to("BipolarQuant", scale)

    def threshold(self, thresholds, scale=2.0, bias=-1.0):
        return self.to("MultiThreshold", np.asarray(thresholds, np.float32), out_scale=scale, out_bias=bias)

    def quant(self, bit_width, signed, scale=1.0, **attributes):
        given = {"narrow": 0, "rounding_mode": "ROUND"} | attributes
        return self.to("Quant", scale, 0.0, float(bit_width), signed=signed, **given)

    def norm(self, n, seed, offset=True, falls=False):
        """Batch norm, of which every channel has its own numbers."""
        draw = np.random.default_rng(seed)
        gamma = draw.uniform(0.5, 2, n) * (draw.choice([-1, 1], n) if falls else 1)
        beta, mean = (draw.normal(size=n) * offset for _ in range(2))
        return self.to("BatchNormalization", gamma, beta, mean, draw.uniform(0.5, 2, n))

    def proto(self):
        proto = model(self.nodes, self.shape, self.constants, opset=13, n_axis=self.n_axis)
        for name, format in self.formats.items():
            kept = TensorAnnotation(tensor_name=name)
            kept.quant_parameter_tensor_names.add(key="finn_datatype", value=format)
            proto.graph.quantization_annotation.append(kept)
        return proto

    @property
    def n_axis(self):
        flat = len(self.shape) == 2 or any(each.op_type == "Flatten" for each in self.nodes)
        return 2 if flat else len(self.shape)

    def network(self, keep_real=False):
        return network_of(self.proto(), "graph", "graph.onnx", keep_real=keep_real)

    def frames(self, n=6):
        return np.random.default_rng(3).normal(size=(n, *self.shape[1:])).astype(np.float32)


def cost(network, frames):
    """Counts of every preset, of all layers together, by all that pricing tells apart."""
    found = {}
    by = ["phase", "operation", "format", "memory", "capacity [bytes]", "word length [bits]", "frames"]
    for execution in ("dense", "sparse", "delta"):
        machines = [each for each in PRESETS if hwsim.load_machine(each).execution == execution]
        activity = hwsim.simulate(network, frames, execution).activity
        for machine in machines:
            table = hwsim.count(activity, machine).to_dataframe()
            found[machine] = table.groupby(by)["count"].sum().to_dict()
    return found


def outputs(network, frames):
    return hwsim.simulate(network, frames).outputs


def weight(graph, value, shape=None):
    """Weights -a and a, declared by a BipolarQuant with a scale of a shape that fits them."""
    return graph.made("BipolarQuant", value, np.abs(value).max(axis=shape, keepdims=shape is not None))


W1, W2 = signs(12, 8), signs(8, 4)
CONV = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
KERNEL, DEEP = signs(4, 3, 3, 3), signs(4, 1, 3, 3)


def finn(first, second):
    """FINN's tutorial network: activations of one bit in one spelling or another, binary weights."""
    graph = Spelling()
    for quantize, each in ((first, W1), (second, W2)):
        quantize(graph).to("MatMul", graph.constant(each, "BIPOLAR"))
    return graph


def zero_one(graph):
    return graph.threshold([[0.0]], 1.0, 0.0).to("Mul", 2.0).to("Sub", 1.0)


def one_bit_quant(graph):
    """Round(x / 1 + 0.5 less a hair) of one bit: 1 from the first float32 above zero, which no frame is between."""
    return graph.to("Add", np.float32(0.5)).quant(1, 0).to("Mul", 2.0).to("Add", -1.0)


ONE_BIT = {
    "thresholds from -1 to 1": lambda graph: graph.threshold([[0.0]]),
    "thresholds of every channel": lambda graph: graph.threshold(np.zeros((len_of(graph), 1))),
    "0 and 1, times two less one": zero_one,
    "0 and 1 over one half": lambda graph: graph.threshold([[0.0]], 1.0, 0.0).to("Sub", 0.5).to("Div", 0.5),
    "a quant of one bit": lambda graph: graph.quant(1, 1),
    "a factor before it": lambda graph: graph.to("Mul", 3.0).bipolar(),
    "clipped before it": lambda graph: graph.to("Clip", np.float32(-1), np.float32(1)).bipolar(),
    "a curve before it": lambda graph: graph.to("Tanh").bipolar(),
    "a leaky slope before it": lambda graph: graph.to("LeakyRelu", alpha=0.1).bipolar(),
    "a sign, a little, a sign": lambda graph: graph.to("Sign").to("Add", np.float32(0.1)).to("Sign"),
    "a sign of the sign": lambda graph: graph.to("Sign").to("Add", np.float32(0.1)).bipolar(),
    "twice": lambda graph: graph.bipolar().bipolar(),
}


def len_of(graph):
    """Channels of what is there."""
    return 8 if any(each.op_type == "MatMul" for each in graph.nodes) else graph.shape[1]


def binary(graph):
    return graph.bipolar()


@pytest.mark.parametrize("name", ONE_BIT)
def test_activations_of_one_bit_cost_the_same_however_they_are_written(name):
    found, expected = finn(ONE_BIT[name], ONE_BIT[name]), finn(binary, binary)
    frames = found.frames()
    frames[:, :3] = 0, -0.0, 1e-3  # a sign of zero is the hard part
    np.testing.assert_array_equal(outputs(found.network(), frames), qonnx_outputs(expected.proto(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)


def test_they_cost_binary_events_and_xnor():
    """By hand: 12 x 8 + 8 x 4 synapses, a comparison for each input and hidden neuron, and nothing else."""
    graph = finn(ONE_BIT["thresholds from -1 to 1"], zero_one)
    table = hwsim.count(hwsim.simulate(graph.network(), graph.frames(1)).activity, "mac-array").to_dataframe()
    executed = table[table.phase != "memory"].groupby(["operation", "format"])["count"].sum().to_dict()
    assert executed == {
        ("xnor", "binary x binary"): 128,
        ("addition", "int8"): 128,
        ("comparison", "fp32"): 12,
        ("comparison", "int8"): 8,
    }


@pytest.mark.parametrize("scale", [0.5, 0.3, 4.0])
def test_a_scale_of_what_is_binary_costs_nothing(scale):
    """Also where nothing takes it in: at the end, and in a sum of branches."""

    def graph(quantize):
        made = quantize(Spelling()).to("MatMul", W1)
        return quantize(made)

    found = graph(lambda made: made.threshold([[0.0]], 2 * scale, -scale))
    expected = graph(lambda made: made.bipolar(scale))
    plain = graph(lambda made: made.bipolar())
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), qonnx_outputs(expected.proto(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames) == cost(plain.network(), frames)


def behind_a_conv(depthwise, before, quantize):
    """Codes, a convolution with weights -1 and 1, what lies before the quantizer, the quantizer, and a Dense layer."""
    graph = Spelling(1, 4 if depthwise else 3, 6, 6)
    graph.quant(4, 1, 0.25)
    graph.to("Conv", graph.constant(DEEP if depthwise else KERNEL, "BIPOLAR"), group=4 if depthwise else 1, **CONV)
    return quantize(before(graph)).to("Flatten").to("MatMul", WIDE)


WIDE = signs(144, 4)


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("name", ["thresholds from -1 to 1", "0 and 1, times two less one", "clipped before it"])
def test_batch_norm_before_a_sign_is_a_threshold_per_channel(depthwise, falls, name):
    """Whose numbers are worked out here: where the batch norm, carried out on every code, becomes positive."""
    steps = []

    def norm(graph):
        graph.norm(4, 5, falls=falls)
        steps.extend(graph.constants[each].astype(np.float64) for each in graph.nodes[-1].input[1:])
        return graph

    found = behind_a_conv(depthwise, norm, ONE_BIT[name])
    gamma, beta, mean, variance = steps[:4]
    codes = np.arange(-300, 301)[:, None] * 0.25
    positive = gamma / np.sqrt(variance + 1e-5) * (codes - mean) + beta >= 0
    sign = np.sign(gamma)
    first = [codes[:, 0][positive[:, k]][0 if sign[k] > 0 else -1] * sign[k] - 0.125 for k in range(4)]

    def turned(graph):
        (kernel,) = (each for each in graph.constants if graph.constants[each].ndim == 4)
        graph.constants[kernel] = graph.constants[kernel] * sign[:, None, None, None].astype(np.float32)
        return graph

    expected = behind_a_conv(depthwise, turned, lambda graph: graph.threshold(np.reshape(first, (4, 1))))
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), qonnx_outputs(expected.proto(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)


@pytest.mark.parametrize("spelling", ["conv", "add", "norm"])
def test_a_bias_before_a_sign_is_a_threshold(spelling):
    bias = np.float32([3, -2, 0, 1]) * np.float32(0.25)

    def added(graph):
        if spelling == "conv":
            last = graph.nodes[-1]
            last.input.append(graph.constant(bias))
            return graph
        if spelling == "add":
            return graph.to("Add", bias[:, None, None])
        one, none = np.ones(4, np.float32), np.zeros(4, np.float32)
        return graph.to("BatchNormalization", one, bias, none, one, epsilon=0.0)

    found = behind_a_conv(False, added, binary)
    expected = behind_a_conv(False, lambda graph: graph, lambda graph: graph.threshold(-bias[:, None]))
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), qonnx_outputs(expected.proto(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)


@pytest.mark.parametrize("quantize", [binary, lambda graph: graph.quant(1, 0), lambda graph: graph.to("Sign")])
@pytest.mark.parametrize("per_channel", [False, True])
def test_scale_and_offset_of_an_input_are_a_threshold_of_what_arrives(quantize, per_channel):
    """No real number is added or multiplied; nor of codes that arrive, which the sensor's 8 bits are."""
    n = 12 if per_channel else 1
    scale, offset = RANDOM.uniform(0.5, 3, n).astype(np.float32), RANDOM.normal(size=n).astype(np.float32)
    graph = quantize(Spelling().to("Mul", scale).to("Sub", offset)).to("MatMul", W1)
    frames = graph.frames(50)
    np.testing.assert_array_equal(outputs(graph.network(), frames), qonnx_outputs(graph.proto(), frames))
    codes = hwsim.Dataset(RANDOM.integers(0, 256, (20, 12)).astype(np.uint8), 1 / 255)
    for data in (frames, codes):
        table = hwsim.count(hwsim.simulate(graph.network(), data).activity, "mac-array").to_dataframe()
        assert "fp32 x fp32" not in set(table.format)
        assert set(table[table.phase.isin(["encode", "neuron"])].operation) == {"comparison"}


def test_one_bit_never_costs_more_than_two():
    """What is said of 1W1A and 1W2A: the same scale and offset before both."""
    energies = []
    for bit_width in (1, 2):
        graph = Spelling().to("Mul", 2.0).to("Sub", 1.0).quant(bit_width, 1, narrow=1).to("MatMul", W1)
        run = hwsim.simulate(graph.network(), graph.frames())
        energies.append(hwsim.price(hwsim.count(run.activity, "mac-array"), "default_45nm").per_inference)
    assert energies[0] < energies[1]


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3])
def test_a_sign_of_three_values_is_binary_where_it_cannot_be_zero(scale):
    """Half a step lies between all sums and zero."""

    def graph(quantize):
        made = Spelling().bipolar().to("MatMul", W1 * np.float32(scale)).to("Add", np.float32(scale / 2))
        return quantize(made).to("MatMul", W2)

    found, expected = graph(lambda made: made.to("Sign")), graph(binary)
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), onnx_like(found, frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)
    at_zero = Spelling().bipolar().to("MatMul", W1).to("Sign").to("MatMul", W2)
    np.testing.assert_array_equal(outputs(at_zero.network(), frames), onnx_like(at_zero, frames))
    assert 0 in np.sign(np.where(frames >= 0, 1, -1) @ W1)  # so that three values it must stay


def onnx_like(graph, frames):
    return qonnx_outputs(graph.proto(), frames)


# --- weights


def dense_of(value, declare=None, front=binary, transposed=False):
    graph = front(Spelling())
    name = graph.constant(value) if declare is None else declare(graph)
    if transposed:
        return graph.to("Gemm", name, transB=1)
    return graph.to("MatMul", name)


PER_CHANNEL = np.float32([0.3, 0.1, 2, 0.7, 0.25, 1, 1.5, 0.9])
REAL = {"binary": binary, "real": lambda graph: graph, "codes": lambda graph: graph.quant(4, 1, 0.25)}


@pytest.mark.parametrize("front", REAL)
@pytest.mark.parametrize("a", [1.0, 0.5, 0.3, PER_CHANNEL])
def test_weights_of_two_values_are_binary(front, a):
    """As exporters of BinaryConnect, Larq and LAB leave them."""
    value = W1 * np.float32(a)
    found = dense_of(value, front=REAL[front])
    expected = dense_of(value, lambda graph: weight(graph, value, None if np.ndim(a) == 0 else 0), REAL[front])
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), outputs(expected.network(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)
    assert found.network().layers[-1].terms[0].format.name == "binary"
    deviation = np.abs(outputs(found.network(), frames) - onnx_like(found, frames)).max()
    assert deviation <= 1e-6 * 12 * np.max(a)


def quant_weight(graph, value, scale):
    return graph.made("Quant", value, scale, 0.0, 2.0, signed=1, narrow=1, rounding_mode="ROUND")


@pytest.mark.parametrize("front", REAL)
@pytest.mark.parametrize("a", [1.0, 0.3, PER_CHANNEL])
def test_weights_of_three_values_are_ternary(front, a):
    value = thirds(12, 8) * np.float32(a)
    scale = np.reshape(np.float32(a), (1, -1)) if np.ndim(a) else np.float32(a)
    found = dense_of(value, front=REAL[front])
    expected = dense_of(value, lambda graph: quant_weight(graph, value, scale), REAL[front])
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), outputs(expected.network(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("a", [0.3, np.float32([0.3, 0.1, 2, 0.7])])
@pytest.mark.parametrize("zeros", [False, True])
def test_so_are_kernels(groups, a, zeros):
    shape = (4, 4 // groups, 3, 3)
    value = (thirds(*shape) if zeros else signs(*shape)) * np.reshape(np.float32(a), (-1, 1, 1, 1))
    scale = np.reshape(np.float32(a), (-1, 1, 1, 1))

    def graph(declared):
        made = Spelling(1, 4, 6, 6).bipolar()
        name = made.constant(value)
        if declared and zeros:
            name = quant_weight(made, value, scale)
        elif declared:
            name = made.made("BipolarQuant", value, scale)
        return made.to("Conv", name, group=groups, **CONV)

    found, expected = graph(False), graph(True)
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), outputs(expected.network(), frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)
    assert np.abs(outputs(found.network(), frames) - onnx_like(found, frames)).max() < 1e-4


@pytest.mark.parametrize("front", REAL)
def test_weights_of_two_scales_are_two_ternary_terms(front):
    """As a model folder has them, which declares both terms."""
    code = thirds(12, 8)
    value = np.where(code > 0, np.float32(0.5), np.float32(0.25)) * code
    bias = np.float32([1, 0, -1, 2, 0, 0, 3, 1])
    found = REAL[front](Spelling()).to("Gemm", value, bias)
    network = found.network()
    first = network.layers[:-1]
    ternary = hwsim.NumberFormat("ternary", 2)
    terms = (
        hwsim.Weight(np.maximum(code, 0).astype(int), ternary, 0.5),
        hwsim.Weight(np.minimum(code, 0).astype(int), ternary, 0.25),
    )
    step = network.signals[network.layers[-1].inputs[0]].step
    given = bias if front == "real" else (bias / 0.5 / float(step)).astype(int)
    declared = hwsim.Network("folder", network.input_shape, (*first, hwsim.Dense("dense", terms=terms, bias=given)))
    frames = found.frames()
    np.testing.assert_array_equal(outputs(network, frames), outputs(declared, frames))
    np.testing.assert_allclose(outputs(network, frames), onnx_like(found, frames), rtol=1e-5, atol=1e-6)
    assert cost(network, frames) == cost(declared, frames)


def test_a_matrix_that_is_turned_and_scaled_is_binary_too():
    """Gemm's transB and alpha; and weights that the file works out."""
    value = W1 * np.float32(0.5)
    frames = dense_of(value).frames()
    expected = cost(dense_of(value).network(), frames)
    assert cost(dense_of(np.ascontiguousarray(value.T), transposed=True).network(), frames) == expected
    graph = binary(Spelling())
    worked_out = graph.made("Mul", W1, np.float32(0.5))
    assert cost(graph.to("MatMul", worked_out).network(), frames) == expected
    scaled = binary(Spelling()).to("Gemm", W1, alpha=0.5)
    assert cost(scaled.network(), frames) == expected


def larq(value, sign, scale=1.0):
    """As Larq's networks are exported: weights -1 and 1, batch norm, and a sign; the input is real."""
    graph = Spelling(1, 3, 6, 6)
    graph.to("Conv", value(graph, KERNEL, (1, 2, 3)), **CONV).norm(4, 1, falls=True)
    sign(graph).to("Conv", value(graph, signs(4, 4, 3, 3), (1, 2, 3)), **CONV).norm(4, 2, falls=True)
    sign(graph).to("Flatten")
    return graph.to("MatMul", value(graph, WIDE, 0)).to("Mul", scale)


@pytest.mark.parametrize("name", ["thresholds from -1 to 1", "a sign, a little, a sign"])
def test_a_network_of_binary_weights_and_signs_multiplies_nowhere(name):
    """Also where batch norm falls, in the first layer, which reads real numbers, and in the second."""
    global RANDOM
    state = RANDOM.bit_generator.state
    found = larq(lambda graph, value, axis: graph.constant(value), ONE_BIT[name])
    RANDOM.bit_generator.state = state
    expected = larq(lambda graph, value, axis: weight(graph, value, axis), binary)
    frames = found.frames()
    np.testing.assert_array_equal(outputs(found.network(), frames), outputs(expected.network(), frames))
    np.testing.assert_array_equal(outputs(found.network(), frames), onnx_like(found, frames))
    assert cost(found.network(), frames) == cost(expected.network(), frames)
    table = hwsim.count(hwsim.simulate(found.network(), frames).activity, "mac-array").to_dataframe()
    assert "multiplication" not in set(table.operation)


def one_scale_less_a_hair():
    value = W1 * np.float32(0.3)
    value[3, 3] = np.nextafter(value[3, 3], np.float32(0))
    return value


def with_channel(channel):
    value = W1.copy()
    value[:, 2] = channel
    return value


NO_FORMAT = {
    "nearly two values": one_scale_less_a_hair(),
    "four values": np.resize(np.float32([-1, 0, 2, 3]), (12, 8)),
    "two values of unlike size, and no zero": np.resize(np.float32([-1, 2, 2]), (12, 8)),
    "one value": np.full((12, 8), np.float32(0.25)),
    "one value in every channel": np.tile(np.float32([1, -2, 3, -4, 5, -6, 7, -8]), (12, 1)),
    "zero and one value": np.resize(np.float32([0, 1, 1]), (12, 8)),
    "binary but for a channel of zeros": with_channel(0),
    "zeros": np.zeros((12, 8), np.float32),
    "a scale per input": W1 * np.arange(1, 13, dtype=np.float32)[:, None],
    "real numbers": RANDOM.normal(size=(12, 8)).astype(np.float32),
}


@pytest.mark.parametrize("name", NO_FORMAT)
@pytest.mark.parametrize("front", ["binary", "real"])
def test_what_is_no_format_stays_real(name, front):
    network = dense_of(NO_FORMAT[name], front=REAL[front]).network()
    assert network.layers[-1].terms[0].format.is_real
    assert not [each for each in network.about.get("remarks", ()) if "keep-real" in each]


def test_a_kernel_of_one_weight_per_channel_says_nothing():
    graph = Spelling(1, 4, 6, 6).to("Conv", np.float32([1, -2, 3, -4]).reshape(4, 1, 1, 1), group=4)
    assert graph.network().layers[-1].terms[0].format.is_real


def test_two_weights_of_unlike_size_in_every_channel_are_no_scales():
    """As pruning leaves them: each has some value in any case."""
    value = np.zeros((12, 8), np.float32)
    value[0], value[1] = RANDOM.uniform(0.5, 1, 8), -RANDOM.uniform(1.5, 2, 8)
    assert dense_of(value).network().layers[-1].terms[0].format.is_real


def test_a_dead_channel_of_ternary_weights_is_ternary():
    """Its zeros are codes that the others have, too."""
    value = thirds(12, 8) * np.float32(0.3)
    value[:, 2] = 0
    found = dense_of(value)
    (term,) = found.network().layers[-1].terms
    assert term.format.name == "ternary"
    np.testing.assert_array_equal(term.value.astype(np.float32), value)


def test_biases_are_no_codes():
    bias = np.resize(np.float32([0.5, -0.5]), 8)
    value = RANDOM.normal(size=(12, 8)).astype(np.float32)
    network = Spelling().to("Gemm", value, bias).network()
    np.testing.assert_array_equal(network.layers[0].bias, bias)
    assert network.layers[0].terms[0].format.is_real


def test_weights_that_two_layers_share_are_what_they_are_in_each():
    """Scales by the channels of one are none of the other's, as it is of weights that are declared so."""
    square = signs(12, 12) * np.arange(1, 13, dtype=np.float32)

    def graph(declared):
        made = binary(Spelling())
        name = weight(made, square, 0) if declared else made.constant(square)
        return binary(made.to("MatMul", name)).to("Gemm", name, transB=1)

    frames = graph(False).frames()
    formats = [each.terms[0].format.name for each in graph(False).network().layers if hasattr(each, "terms")]
    assert formats == ["binary", "fp32"]
    assert cost(graph(False).network(), frames) == cost(graph(True).network(), frames)
    np.testing.assert_array_equal(outputs(graph(False).network(), frames), outputs(graph(True).network(), frames))


@pytest.mark.parametrize("format", ["FLOAT32", "INT8"])
def test_what_the_file_declares_is_no_other_format(format):
    """Also when the weights are turned on their way."""
    graph = binary(Spelling())
    (last, *_) = [graph.constant(W1.T.copy(), format)]
    graph.nodes.append(node("Transpose", (last,), "turned", perm=[1, 0]))
    network = graph.to("MatMul", "turned").network()
    assert network.layers[-1].terms[0].format.name == {"FLOAT32": "fp32", "INT8": "int8"}[format]


def test_they_are_named_and_may_be_kept_real():
    graph = dense_of(W1 * np.float32(0.5), front=lambda made: made)
    (remark,) = graph.network().about["remarks"]
    assert "values -0.5 and 0.5" in remark
    assert "--keep-real" in remark
    kept = graph.network(keep_real=True)
    assert "remarks" not in kept.about
    assert kept.layers[0].terms[0].format.is_real
    frames = graph.frames()
    np.testing.assert_array_equal(outputs(kept, frames), outputs(graph.network(), frames))  # by a power of two
    np.testing.assert_allclose(outputs(kept, frames), onnxruntime_outputs(graph.proto(), frames), rtol=1e-5, atol=1e-6)
