"""The two ends of quantized graphs: frames that arrive as codes, and probabilities that a quantizer follows."""

import numpy as np
import pytest
import reference
from against_reference import assert_same_counts, assert_same_outputs, both
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto
from onnx_graphs import apart, everywhere, imported, model, node, onnxruntime_outputs

import hwsim

pytestmark = pytest.mark.onnx

TYPES = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8, np.int16: TensorProto.INT16}


def with_input_of(proto, kind):
    """The graph with an input of another element type."""
    proto.graph.input[0].type.tensor_type.elem_type = kind
    return proto


@examples(40)
@given(dtype=st.sampled_from(list(TYPES)), zero=st.integers(-128, 255), seed=st.integers(0, 2**16), image=st.booleans())
def test_frames_that_arrive_as_codes(dtype, zero, seed, image, tmp_path_factory):
    """A DequantizeLinear of the input, whatever its zero point: integers throughout, and free."""
    random, range_ = np.random.default_rng(seed), np.iinfo(dtype)
    zero = dtype(np.clip(zero, range_.min, range_.max))
    shape, size = ((1, 2, 5, 4), (3, 2, 3, 3)) if image else ((1, 12), (12, 4))
    code = random.integers(-127, 128, size).astype(np.int8)
    code[code == 0] = 1
    nodes = [
        node("DequantizeLinear", ("x", "s", "z"), "a"), node("DequantizeLinear", ("w", "ws"), "d"),
        node("Conv" if image else "MatMul", ("a", "d"), "y"),
    ]  # fmt: skip
    constants = {"s": np.float32(0.5), "z": zero, "w": code, "ws": np.float32(0.25)}
    proto = with_input_of(model(nodes, shape, constants, opset=21), TYPES[dtype])
    network = imported(proto)
    assert network.is_integer
    assert str(network.input_format) == np.dtype(dtype).name
    frames = random.integers(range_.min, range_.max + 1, (6, *shape[1:])).astype(dtype)
    frames[3] = zero
    found = everywhere(network, frames, tmp_path_factory.mktemp("codes"))
    np.testing.assert_array_equal(found, onnxruntime_outputs(proto, frames))
    assert np.any(found)
    counts = hwsim.count(hwsim.simulate(network, frames, "sparse").activity, "zero-skipping-mac")
    # a code that stands for zero is no event
    taken = np.count_nonzero(frames != zero)
    assert image or counts.total("synapse", "addition") == 4 * taken
    if zero:
        assert type(network.layers[0]).__name__ == "Quantize"
        assert not [key for key in counts.entries if key.layer == "input" and key.phase == "neuron"]


def test_arriving_codes_of_steps_per_channel_are_real():
    """One zero point for all, a scale per channel: nothing is read as what it is not."""
    random = np.random.default_rng(0)
    nodes = [node("DequantizeLinear", ("x", "s", "z"), "a", axis=1), node("Conv", ("a", "w"), "y")]
    constants = {
        "s": np.asarray([0.5, 0.25], np.float32),
        "z": np.asarray([3, -4], np.int8),
        "w": random.normal(size=(3, 2, 2, 2)).astype(np.float32),
    }
    proto = with_input_of(model(nodes, (1, 2, 5, 4), constants), TensorProto.INT8)
    frames = random.integers(-128, 128, (4, 2, 5, 4)).astype(np.int8)
    found = hwsim.simulate(imported(proto), frames.astype(np.float32)).outputs
    assert apart(found, onnxruntime_outputs(proto, frames)) < 1e-6


def scores(*behind, constants=(), images=False):
    """A quantized layer, and what makes the graph's output of its scores."""
    random = np.random.default_rng(1)
    code = random.integers(-127, 128, (5, 3, 1, 1) if images else (12, 5)).astype(np.int8)
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "q"), node("DequantizeLinear", ("q", "s", "z"), "a"),
        node("DequantizeLinear", ("w", "ws"), "d"), node("Conv" if images else "MatMul", ("a", "d"), "t0"),
    ]  # fmt: skip
    for k, (operator, inputs, attributes) in enumerate(behind):
        nodes.append(node(operator, (f"t{k}", *inputs), f"t{k + 1}", **attributes))
    named = {"s": np.float32(0.03125), "z": np.int8(4), "w": code, "ws": np.float32(0.01)}
    frames = random.normal(size=(20, 3, 4, 5) if images else (20, 12)).astype(np.float32)
    return model(nodes, (1, *frames.shape[1:]), named | dict(constants), opset=13), frames


OUT = {"so": np.float32(1 / 256), "zo": np.uint8(0)}
PAIR = [("QuantizeLinear", ("so", "zo"), {}), ("DequantizeLinear", ("so", "zo"), {})]
LAST = {"Softmax": {"axis": 1}, "LogSoftmax": {"axis": 1}, "Sigmoid": {}}


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("operator", LAST)
def test_probabilities(operator, images, tmp_path):
    proto, frames = scores((operator, (), LAST[operator]), images=images)
    network = imported(proto)
    assert type(network.layers[-1]).__name__ == operator
    found, expected = everywhere(network, frames, tmp_path / "saved"), onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-6)
    hwsim.write_onnx(network, tmp_path / "again.onnx")
    again = hwsim.load_network(tmp_path / "again.onnx")
    np.testing.assert_allclose(hwsim.simulate(again, frames).outputs, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("behind", [[], [("Flatten", (), {})], [("Transpose", (), {"perm": [0, 3, 1, 2]})]])
@pytest.mark.parametrize("axis", [1, 2, 3, -1])
@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_probabilities_along_any_axis(operator, axis, behind, tmp_path):
    """Outputs lie in the graph's order; what moves them is free."""
    proto, frames = scores((operator, (), {"axis": axis}), *behind, images=True)
    network = imported(proto)
    found, expected = everywhere(network, frames, tmp_path), onnxruntime_outputs(proto, frames)
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-6)
    plain, _ = scores((operator, (), {"axis": 1}), images=True)
    costs = [
        hwsim.price(hwsim.count(hwsim.simulate(each, frames).activity, "mac-array"), "default_45nm").per_inference
        for each in (network, imported(plain))
    ]
    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize("n_node", [1, 2])
@pytest.mark.parametrize("operator", LAST)
def test_a_quantizer_behind_probabilities_is_left_out(operator, n_node, tmp_path):
    """It is said, and outputs are those before it, at most half a step from those behind it; no work is added."""
    constants = OUT if operator != "LogSoftmax" else {"so": np.float32(0.05), "zo": np.uint8(255)}
    plain, frames = scores((operator, (), LAST[operator]))
    proto, _ = scores((operator, (), LAST[operator]), *PAIR[:n_node], constants=constants)
    network = imported(proto)
    assert [each for each in network.about["remarks"] if "is left out" in each] == network.about["remarks"]
    assert network == imported(plain)
    expected = onnxruntime_outputs(proto, frames).astype(np.float64)
    if n_node == 1:
        expected = (expected - constants["zo"]) * constants["so"]
    within = np.abs(expected - constants["so"] * (255 - int(constants["zo"]))) > 1e-6  # what is not clipped
    distance = np.abs(hwsim.simulate(network, frames).outputs - expected)[within]
    assert distance.size > 50
    assert 0 < distance.max() <= constants["so"] / 2 * (1 + 1e-5)


@pytest.mark.parametrize("behind", [[], PAIR[:1], PAIR])
def test_a_choice_at_the_end(behind):
    proto, frames = scores(("Softmax", (), {"axis": 1}), *behind, ("ArgMax", (), {"axis": 1}), constants=OUT)
    network = imported(proto)
    assert any("ArgMax" in each for each in network.about["remarks"])
    chosen = onnxruntime_outputs(proto, frames)[:, 0]
    made = hwsim.simulate(network, frames)
    # the largest of rounded probabilities may be any of those that are rounded to it
    top = np.take_along_axis(made.outputs, chosen[:, None].astype(int), 1)[:, 0]
    assert np.all(made.outputs.max(axis=1) - top <= (OUT["so"] if behind else 0))


def test_a_softmax_in_the_middle_is_refused():
    proto, _ = scores(("Softmax", (), {"axis": 1}), ("Relu", (), {}))
    with pytest.raises(hwsim.HwsimError, match=r"Softmax_4\): a Softmax that is not the network's last layer"):
        imported(proto)


def test_both_twins_take_the_same_frames():
    """Images with their channels last, brought to the front at once, or behind the quantizer of the input."""
    random = np.random.default_rng(2)
    weight = random.integers(-127, 128, (4, 3, 2, 2)).astype(np.int8)
    turn, constants = {"perm": [0, 3, 1, 2]}, {"w": weight, "ws": np.float32(0.02), "s": np.float32(1 / 32)}
    constants |= {"z": np.int8(-5)}
    stored = node("DequantizeLinear", ("w", "ws"), "d")
    real = [stored, node("Transpose", ("x",), "t", **turn), node("Conv", ("t", "d"), "y")]
    pair = [node("QuantizeLinear", ("x", "s", "z"), "q"), node("DequantizeLinear", ("q", "s", "z"), "a")]
    whole = [stored, *pair, node("Transpose", ("a",), "t", **turn), node("Conv", ("t", "d"), "y")]
    codes = [stored, pair[0], node("Transpose", ("q",), "u", **turn)]
    codes += [node("DequantizeLinear", ("u", "s", "z"), "t"), node("Conv", ("t", "d"), "y")]
    frames = (random.integers(-100, 100, (3, 6, 7, 3)) / 32).astype(np.float32)
    made = []
    for nodes in (real, whole, codes):
        proto = model(nodes, (1, 6, 7, 3), constants, opset=13)
        network = imported(proto)
        assert network.input_shape == (3, 6, 7)
        assert "(H, W, C)" in network.about["remarks"][0]
        made.append(hwsim.simulate(network, np.moveaxis(frames, -1, 1)).outputs)
        assert apart(made[-1], onnxruntime_outputs(proto, frames)) < 1e-6
    np.testing.assert_allclose(made[1], made[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("preset", ["mac-array", "zero-skipping-mac", "delta-mac"])
def test_arriving_codes_in_the_reference(preset):
    """Outputs and every count, of a layer whose frames are codes around a zero point."""
    random = np.random.default_rng(3)
    nodes = [
        node("DequantizeLinear", ("x", "s", "z"), "a"), node("DequantizeLinear", ("w", "ws"), "d"),
        node("MatMul", ("a", "d"), "y"),
    ]  # fmt: skip
    constants = {"s": np.float32(0.5), "z": np.int8(-3), "ws": np.float32(0.25)}
    constants["w"] = random.integers(-5, 6, (6, 4)).astype(np.int8)
    network = imported(with_input_of(model(nodes, (1, 6), constants), TensorProto.INT8))
    frames = random.integers(-8, 8, (5, 6)).astype(np.int8)
    frames[1:3, 2:] = -3
    machine, scalar = both(preset, 64, 1)
    assert_same_counts(network, frames, machine, scalar)
    run, expected = hwsim.simulate(network, frames), reference.run(network, frames, scalar)
    assert_same_outputs(network, run, expected)
