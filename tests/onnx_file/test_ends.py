"""The two ends of quantized graphs: frames that arrive as codes, and probabilities that a quantizer follows."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto, helper
from onnx_graphs import apart, imported, model, node, onnxruntime_outputs

import hwsim

pytestmark = pytest.mark.onnx

STEP, OUT = np.float32(0.0317), np.float32(1 / 256)
TYPES = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8, np.int16: TensorProto.INT16}


def with_input_of(proto, kind):
    """The graph with an input of another element type."""
    proto.graph.input[0].type.tensor_type.elem_type = kind
    return proto


def everywhere(network, frames, folder):
    """Outputs of a network, which are the same under all executions, and after saving and loading."""
    runs = [hwsim.simulate(network, frames, each).outputs for each in ("dense", "sparse", "delta")]
    hwsim.save_network(network, folder)
    again = hwsim.load_network(folder)
    assert again == network
    runs.append(hwsim.simulate(again, frames).outputs)
    for each in runs[1:]:
        np.testing.assert_array_equal(each, runs[0])
    return runs[0]


@examples(40)
@given(
    dtype=st.sampled_from(list(TYPES)), zero=st.integers(-128, 255), seed=st.integers(0, 2**16), image=st.booleans()
)
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
