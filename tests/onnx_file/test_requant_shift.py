"""RequantShift, against whole numbers of Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx import TensorProto
from onnx_graphs import everywhere, imported, model, node

import hwsim

pytestmark = pytest.mark.onnx


def shifted(sums, mul, add, shift, lowest, highest):
    """(Sums x mul + add) >> shift within limits, one by one. (n, channels) in and out"""
    made = [[(int(n) * int(m) + int(a)) >> shift for n, m, a in zip(row, mul, add, strict=True)] for row in sums]
    return np.asarray([[min(max(each, lowest), highest) for each in row] for row in made])


def drawn(seed, image, per_channel, bits):
    """Two layers of whole numbers; where images, of one place."""
    random = np.random.default_rng(seed)
    weights = [random.integers(-127, 128, shape).astype(np.int8) for shape in ((12, 8), (8, 4))]
    mul, add = random.integers(20, 90, 8 if per_channel else 1), random.integers(-9000, 9000, 8)
    operator, constants = "MatMul", {"m0": mul, "a0": add, "m1": np.full(4, 37), "a1": np.zeros(4)}
    constants = {name: value.astype(np.int32) for name, value in constants.items()}
    shift, n_level = 22 - bits, 2**bits
    if image:
        operator, kernels = "Conv", [each.T[:, :, None, None] for each in weights]
    nodes = [
        node(operator, ("x", "w0"), "h"),
        node("RequantShift", ("h", "m0", "a0"), "r", div=2**shift, n_levels=n_level, signed=0),
        node(operator, ("r", "w1"), "k"),
        node("RequantShift", ("k", "m1", "a1"), "y", div=np.asarray(2**14), n_levels_out=256, signed=1),
    ]
    given = zip(("w0", "w1"), kernels if image else weights, strict=True)
    proto = model(nodes, (1, 12, 1, 1) if image else (1, 12), constants | dict(given))
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    frames = random.integers(-128, 128, (20, 12))
    hidden = shifted(frames @ weights[0].astype(int), np.broadcast_to(mul, 8), add, shift, 0, n_level - 1)
    expected = shifted(hidden @ weights[1].astype(int), [37] * 4, [0] * 4, 14, -128, 127)
    return proto, frames.astype(np.int8).reshape(20, *((12, 1, 1) if image else (12,))), hidden, expected


@examples(40)
@given(seed=st.integers(0, 2**16), image=st.booleans(), per_channel=st.booleans(), bits=st.sampled_from([4, 8]))
def test_to_the_bit(seed, image, per_channel, bits, tmp_path_factory):
    proto, frames, hidden, expected = drawn(seed, image, per_channel, bits)
    network = imported(proto)
    assert network.is_integer
    assert len(np.unique(hidden)) > 2
    np.testing.assert_array_equal(everywhere(network, frames, tmp_path_factory.mktemp("network")), expected)


def test_real_numbers_are_refused():
    proto, *_ = drawn(0, False, True, 8)
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(hwsim.HwsimError, match=r"it shifts real numbers; give the graph an input of integers"):
        imported(proto)


def test_a_divisor_that_is_no_shift_is_refused():
    proto, *_ = drawn(0, False, True, 8)
    proto.graph.node[1].attribute[0].i = 3000
    with pytest.raises(hwsim.HwsimError, match=r"RequantShift_1\): it divides by 3000, to 256 levels; expected powers"):
        imported(proto)
