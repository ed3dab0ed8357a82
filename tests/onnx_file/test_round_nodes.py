"""Quantizers in other clothes: Clip, Round and Mul; a Clip between codes; few bits and scales per block."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto, helper
from onnx_graphs import apart, everywhere, imported, model, node, onnxruntime_outputs

import hwsim

pytestmark = pytest.mark.onnx

F = np.float32
ZERO, ONE, STEPS15 = ("c", F(0)), ("c", F(1)), ("c", F(15))
S = ("c", F(0.23))

FORMS = {  # steps behind a tensor, and how many codes there are
    "LSQ": ([("Div", S), ("Clip", ZERO, STEPS15), ("Round",), ("Mul", S)], 16),
    "LSQ, signed": ([("Div", S), ("Clip", ("c", F(-8)), ("c", F(7))), ("Round",), ("Mul", S)], 16),
    "ternary": ([("Div", S), ("Clip", ("c", F(-1)), ONE), ("Round",), ("Mul", S)], 3),
    "rounded first": ([("Div", S), ("Round",), ("Clip", ("c", F(-8)), ("c", F(7))), ("Mul", S)], 16),
    "by the inverse": ([("Mul", ("c", F(1 / 0.23))), ("Round",), ("Clip", ("c", F(-7)), ("c", F(7))), ("Mul", S)], 15),
    "DoReFa": ([("Clip", ZERO, ONE), ("Mul", STEPS15), ("Round",), ("Div", STEPS15)], 16),
    "PACT": ([("Relu",), ("Min", ("c", F(2.7))), ("Mul", ("c", F(15 / 2.7))), ("Round",), ("Mul", ("c", F(0.18)))], 16),
    "of no number of bits": ([("Div", S), ("Clip", ("c", F(-5)), ("c", F(6))), ("Round",), ("Mul", S)], 12),
    "limits that are no codes": ([("Clip", ("c", F(-0.6)), ("c", F(5.3))), ("Round",)], 7),
    "zero point": (
        [("Div", S), ("Add", ("c", F(4))), ("Clip", ZERO, STEPS15), ("Round",), ("Sub", ("c", F(4))), ("Mul", S)],
        16,
    ),
    "floor": ([("Div", S), ("Clip", ("c", F(-8)), ("c", F(7))), ("Floor",), ("Mul", S)], 16),
    "floor between codes": ([("Clip", ("c", F(-0.4)), ("c", F(5.6))), ("Floor",)], 7),
    "ceiling": ([("Clip", ("c", F(-0.4)), ("c", F(5.3))), ("Ceil",)], 7),
    "another step behind": ([("Clip", ZERO, ONE), ("Mul", STEPS15), ("Round",), ("Mul", ("c", F(0.5)))], 16),
}


class Drawing:
    """A graph that grows, node by node."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, value):
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def put(self, read, steps):
        for operator, *others in steps:
            name = f"t{len(self.nodes)}"
            self.nodes.append(node(operator, (read, *(self.constant(value) for _, value in others)), name))
            read = name
        return read

    def weight(self, value, step):
        """A weight of 4 bits, as it is trained."""
        limits = ("c", F(-8)), ("c", F(7))
        return self.put(
            self.constant(value), [("Div", ("c", step)), ("Clip", *limits), ("Round",), ("Mul", ("c", step))]
        )


def drawn(form, seed, hidden, per_channel):
    """A layer of 4-bit weights behind a quantizer, which reads the input or another such layer."""
    random, drawing, read = np.random.default_rng(seed), Drawing(), "x"
    if hidden:
        read = drawing.put(read, FORMS["LSQ, signed"][0])
        weight = drawing.weight(random.normal(size=(12, 12)).astype(F), F(random.uniform(0.09, 0.2)))
        drawing.nodes.append(node("MatMul", (read, weight), "hidden"))
        read = "hidden"
    read = drawing.put(read, FORMS[form][0])
    step = random.uniform(0.1, 0.3, 4 if per_channel else ()).astype(F)
    drawing.nodes.append(node("MatMul", (read, drawing.weight(random.normal(size=(12, 4)).astype(F), step)), "y"))
    return model(drawing.nodes, (1, 12), drawing.constants, opset=13), read


def tensor_of(proto, name):
    """The graph with another output."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    copy.graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return copy


@pytest.mark.parametrize("form", FORMS)
@examples(24)
@given(seed=st.integers(0, 2**16), hidden=st.booleans(), per_channel=st.booleans())
def test_clip_round_and_mul(form, seed, hidden, per_channel, tmp_path_factory):
    """Integers throughout; equal to onnxruntime but next to its ties, which float32 steps make rare."""
    proto, read = drawn(form, seed, hidden, per_channel)
    network = imported(proto)
    assert network.is_integer
    assert str(network.layers[-1].terms[0].format) == "int4"
    frames = (np.random.default_rng(seed).normal(size=(100, 12)) * 2).astype(F)
    found, expected = everywhere(network, frames, tmp_path_factory.mktemp("n")), onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.1
    wrong = np.abs(found - expected).max(axis=1) > 1e-5 * np.abs(expected).max()
    # a sum of nothing is a whole number, which float32 brings below or above itself
    assert np.mean(wrong) <= (0.1 if hidden and ("floor" in form or "ceil" in form) else 0.02)
    levels = np.unique(onnxruntime_outputs(tensor_of(proto, read), frames))
    assert 3 <= len(levels) <= FORMS[form][1]


@pytest.mark.parametrize("form", ["LSQ", "LSQ, signed", "DoReFa", "by the inverse"])
def test_it_is_the_quantizer_that_quant_nodes_make(form):
    """The same network as with one Quant, and so the same cost."""
    proto, _ = drawn(form, 1, False, False)
    (layer,) = (each for each in imported(proto).layers if type(each).__name__ == "Quantize")
    steps, n_code = FORMS[form]
    step = 1 / 15 if form == "DoReFa" else float(steps[-1][1][1])
    assert np.isclose(float(layer.scale), 1 / step, rtol=1e-6)
    assert (layer.bit_width, layer.narrow_range) == (4, n_code == 15)
    assert len(imported(proto).layers) == 2


@pytest.mark.parametrize("second", ["LSQ", "LSQ, signed", "PACT", "of no number of bits"])
def test_one_right_behind_another(second):
    """No node belongs to two of them."""
    drawing = Drawing()
    drawing.put(drawing.put("x", FORMS["LSQ, signed"][0]), FORMS[second][0])
    proto = model(drawing.nodes, (1, 12), drawing.constants)
    frames = (np.random.default_rng(1).normal(size=(20, 12)) * 2).astype(F)
    expected = onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.1
    assert apart(hwsim.simulate(imported(proto), frames).outputs, expected) < 1e-6


def test_what_is_rounded_without_limits_is_refused():
    drawing = Drawing()
    drawing.put("x", [("Div", S), ("Round",), ("Mul", S)])
    with pytest.raises(hwsim.HwsimError, match=r"Round_1\): it rounds numbers whose limits nothing states; put a Clip"):
        imported(model(drawing.nodes, (1, 12), drawing.constants))


def test_what_others_read_stays_what_it_is():
    """The clipped numbers are an input of another layer too, so that they are not taken away."""
    drawing = Drawing()
    clipped = drawing.put("x", [("Clip", ("c", F(-8)), ("c", F(7)))])
    rounded, other = drawing.put(clipped, [("Round",)]), drawing.put(clipped, FORMS["LSQ, signed"][0])
    drawing.nodes.append(node("Add", (rounded, other), "y"))
    proto = model(drawing.nodes, (1, 12), drawing.constants)
    frames = (np.random.default_rng(0).normal(size=(20, 12)) * 9).astype(F)
    assert apart(hwsim.simulate(imported(proto), frames).outputs, onnxruntime_outputs(proto, frames)) < 1e-6


def clipped(lowest, highest, dtype, zero):
    """A Clip between the codes of what is read, and of a weight."""
    random = np.random.default_rng(7)
    weight = random.integers(-20, 20, (12, 4)).astype(np.int8)
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "q"), node("Clip", ("q", "lo", "hi"), "c"),
        node("DequantizeLinear", ("c", "s", "z"), "a"), node("Clip", ("w", "wlo", "whi"), "wc"),
        node("DequantizeLinear", ("wc", "ws"), "d"), node("MatMul", ("a", "d"), "y"),
    ]  # fmt: skip
    constants = {"s": F(0.25), "z": dtype(zero), "lo": dtype(lowest), "hi": dtype(highest), "w": weight, "ws": F(0.125)}
    return model(nodes, (1, 12), constants | {"wlo": np.int8(-7), "whi": np.int8(7)}, opset=13)


@pytest.mark.parametrize(
    ("lowest", "highest", "dtype", "zero", "bits"),
    [
        (-8, 7, np.int8, 0, 4), (-7, 7, np.int8, 0, 4), (0, 15, np.uint8, 0, 4), (0, 15, np.uint8, 6, 4),
        (0, 3, np.int8, 0, 2), (-1, 1, np.int8, 0, 2), (-5, 6, np.int8, 0, 4), (-8, 7, np.int8, 20, 8),
        (3, 200, np.uint8, 100, 8),
    ],
)  # fmt: skip
def test_a_clip_between_codes(lowest, highest, dtype, zero, bits, tmp_path):
    """Codes have as many bits as the limits need, those of weights too."""
    proto = clipped(lowest, highest, dtype, zero)
    network = imported(proto)
    assert network.is_integer
    (layer,) = (each for each in network.layers if type(each).__name__ == "Quantize")
    assert (layer.bit_width, layer.zero_point) == (bits, zero)
    assert str(network.layers[-1].terms[0].format) == "int4-narrow"
    frames = (np.random.default_rng(1).integers(-150, 150, (50, 12)) / 4).astype(F)
    found, expected = everywhere(network, frames, tmp_path), onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.1
    np.testing.assert_array_equal(found, expected)


def test_a_clip_of_codes_that_others_read_is_refused():
    proto = clipped(-8, 7, np.int8, 0)
    proto.graph.node[-1].output[0] = "p"
    proto.graph.node.extend([node("DequantizeLinear", ("q", "s", "z"), "b"), node("MatMul", ("b", "d"), "o")])
    proto.graph.node.append(node("Add", ("p", "o"), "y"))
    with pytest.raises(hwsim.HwsimError, match=r"Clip_1\): it clips codes that others read too"):
        imported(proto)


def test_weights_of_few_bits(tmp_path):
    """int4 and uint4 around a zero point, as they are stored, in integer and in real layers."""
    random = np.random.default_rng(8)
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "q"), node("DequantizeLinear", ("q", "s", "z"), "a"),
        node("DequantizeLinear", ("w0", "s0"), "d0", axis=1), node("MatMul", ("a", "d0"), "h"),
        node("Relu", ("h",), "r"), node("DequantizeLinear", ("w1", "s1", "z1"), "d1", axis=1),
        node("MatMul", ("r", "d1"), "y"),
    ]  # fmt: skip
    constants = {"s": F(0.25), "z": np.int8(0), "s0": F(0.1), "s1": F(0.05)}
    proto = model(nodes, (1, 12), constants, opset=21)
    proto.ir_version = 10
    proto.graph.initializer.extend([
        helper.make_tensor("w0", TensorProto.INT4, (12, 8), random.integers(-8, 8, 96).tolist()),
        helper.make_tensor("w1", TensorProto.UINT4, (8, 3), random.integers(0, 16, 24).tolist()),
        helper.make_tensor("z1", TensorProto.UINT4, (), [5]),
    ])  # fmt: skip
    network = imported(proto)
    terms = [each.terms[0] for each in network.layers if hasattr(each, "terms")]
    assert [(str(each.format), np.max(each.zero_point)) for each in terms] == [("int4", 0), ("uint4", 5)]
    frames = (random.integers(-60, 60, (20, 12)) / 4).astype(F)
    found, expected = everywhere(network, frames, tmp_path), onnxruntime_outputs(proto, frames)
    assert apart(found, expected) < 1e-6


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_per_block(axis):
    """Along the inputs they leave real weights of the same values, which is said."""
    random = np.random.default_rng(9)
    nodes = [node("DequantizeLinear", ("w", "ws"), "d", axis=axis, block_size=4), node("MatMul", ("x", "d"), "y")]
    shape = (3, 8) if axis == 0 else (12, 2)
    proto = model(nodes, (1, 12), {"ws": random.uniform(0.1, 0.2, shape).astype(F)}, opset=21)
    proto.ir_version = 10
    proto.graph.initializer.append(
        helper.make_tensor("w", TensorProto.INT4, (12, 8), random.integers(-8, 8, 96).tolist())
    )
    network = imported(proto)
    assert str(network.layers[0].terms[0].format) == "fp32"
    assert "taken as real numbers" in network.about["remarks"][0]
    frames = random.normal(size=(20, 12)).astype(F)
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 1e-6


@pytest.mark.parametrize(("block", "format"), [(16, "fp32"), (64, "int4")])
@pytest.mark.parametrize("around", [False, True])
def test_packed_weights(block, format, around):
    """As onnxruntime packs them, two codes in a byte; one block for all inputs leaves codes."""
    random = np.random.default_rng(10)
    n_in, n_out, n_block = 40, 6, -(-40 // block)
    constants = {
        "w": random.integers(0, 256, (n_out, n_block, block // 2)).astype(np.uint8),
        "s": random.uniform(0.05, 0.2, n_out * n_block).astype(F),
    }
    if around:
        constants["z"] = random.integers(0, 256, n_out * -(-n_block // 2)).astype(np.uint8)
    options = {"K": n_in, "N": n_out, "bits": 4, "block_size": block}
    proto = model([node("MatMulNBits", ("x", *constants), "y", "com.microsoft", **options)], (1, n_in), constants)
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    network = imported(proto)
    expected = "uint4" if around and format == "int4" else format
    assert str(network.layers[0].terms[0].format) == expected
    frames = random.normal(size=(20, n_in)).astype(F)
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 1e-5
