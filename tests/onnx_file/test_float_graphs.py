"""Float graphs against onnxruntime, operator by operator."""

import numpy as np
import pytest
from onnx_graphs import apart, chain, imported, model, node, onnxruntime_outputs, outputs

from hwsim import Affine, Conv2d, Dense

pytestmark = pytest.mark.onnx
RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


CONSTANTS = {
    "w": array(6, 4, 3, 3),
    "w_depth": array(4, 1, 3, 3),
    "w_groups": array(6, 2, 3, 3),
    "w_line": array(6, 4, 3),
    "b": array(6),
    "per_channel": array(4, 1, 1),
    "per_place": array(4, 9, 7),
    "per_place_turned": array(7, 4, 9),
    "one": np.float32(1.5),
    "zero": np.float32(0),
    "six": np.float32(6),
    "w_flat": array(252, 5),
    "w_row": array(5, 252),
    "w_last": array(7, 5),
    "w_long": array(63, 3),
    "bias_row": array(1, 5),
    "gamma": array(4),
    "beta": array(4),
    "mean": array(4),
    "variance": np.abs(array(4)) + 0.1,
    "flat": ints(1, -1),
    "keep": ints(0, 4, 63),
    "back": ints(0, 4, 9, 7),
    "pads": ints(0, 0, 1, 0, 0, 0, 2, 1),
    "hw": ints(2, 3),
    "two": ints(2),
}
IMAGE, NORM = (1, 4, 9, 7), ("gamma", "beta", "mean", "variance")

CASES = {
    "conv": [("Conv", ("w", "b"), {})],
    "conv stride and dilation": [("Conv", ("w",), {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 2, 3]})],
    "conv same upper": [("Conv", ("w",), {"auto_pad": "SAME_UPPER", "strides": [2, 2]})],
    "conv same lower": [("Conv", ("w",), {"auto_pad": "SAME_LOWER", "strides": [3, 2]})],
    "conv valid": [("Conv", ("w",), {"auto_pad": "VALID"})],
    "conv in groups": [("Conv", ("w_groups", "b"), {"group": 2})],
    "conv by depth": [("Conv", ("w_depth",), {"group": 4, "pads": [1, 1, 1, 1]})],
    "batch norm after conv": [("Conv", ("w_depth",), {"group": 4}), ("BatchNormalization", NORM, {"epsilon": 0.01})],
    "batch norm first": [("BatchNormalization", NORM, {}), ("Conv", ("w",), {})],
    "relu": [("Relu", (), {})],
    "leaky relu": [("LeakyRelu", (), {"alpha": 0.2})],
    "prelu": [("PRelu", ("one",), {})],
    "relu6": [("Clip", ("zero", "six"), {})],
    "clip below": [("Clip", ("one",), {})],
    "clip above": [("Clip", ("", "one"), {})],
    "max": [("Max", ("one",), {})],
    "min": [("Min", ("one",), {})],
    "hard swish": [("HardSwish", (), {})],
    "hard swish of sums": [("Conv", ("w", "b"), {}), ("HardSwish", (), {})],
    "hard sigmoid": [("HardSigmoid", (), {"alpha": 0.3, "beta": 0.4})],
    "sigmoid": [("Sigmoid", (), {})],
    "elu": [("Elu", (), {"alpha": 0.7})],
    "selu": [("Selu", (), {})],
    "tanh": [("Tanh", (), {})],
    "sign": [("Sign", (), {})],
    "neg": [("Neg", (), {})],
    "max pool": [("MaxPool", (), {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]})],
    "max pool ceil": [("MaxPool", (), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})],
    "max pool same": [("MaxPool", (), {"kernel_shape": [2, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"})],
    "average pool": [("AveragePool", (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})],
    "average pool with padding": [
        ("AveragePool", (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1})
    ],
    "average pool ceil": [("AveragePool", (), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})],
    "global average pool": [("GlobalAveragePool", (), {}), ("Flatten", (), {})],
    "global max pool": [("GlobalMaxPool", (), {})],
    "mean over places": [("ReduceMean", (), {"axes": [2, 3], "keepdims": 0})],
    "mean over places kept": [("ReduceMean", (), {"axes": [-1, -2]})],
    "flatten and gemm": [
        ("Flatten", (), {}),
        ("Gemm", ("w_row", "bias_row"), {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ],
    "reshape and matmul": [("Reshape", ("flat",), {}), ("MatMul", ("w_flat",), {}), ("Add", ("bias_row",), {})],
    "matmul at every place": [("MatMul", ("w_last",), {}), ("Add", ("bias_row",), {}), ("Relu", (), {})],
    "matmul of rows": [("Reshape", ("keep",), {}), ("MatMul", ("w_long",), {}), ("Flatten", (), {}), ("Tanh", (), {})],
    "reshape there and back": [("Reshape", ("keep",), {}), ("Reshape", ("back",), {}), ("Conv", ("w",), {})],
    "transposed": [("Transpose", (), {"perm": [0, 2, 3, 1]})],
    "transposed and flat": [
        ("Relu", (), {}),
        ("Transpose", (), {"perm": [0, 3, 1, 2]}),
        ("Flatten", (), {}),
        ("MatMul", ("w_flat",), {}),
    ],
    "transposed twice": [
        ("Transpose", (), {"perm": [0, 2, 3, 1]}),
        ("Relu", (), {}),
        ("Transpose", (), {"perm": [0, 3, 1, 2]}),
        ("Conv", ("w",), {}),
    ],
    "mean of channels last": [
        ("Relu", (), {}),
        ("Transpose", (), {"perm": [0, 2, 3, 1]}),
        ("ReduceMean", (), {"axes": [1, 2]}),
    ],
    "pad and conv": [("Pad", ("pads",), {}), ("Conv", ("w",), {})],
    "pad with a number": [("Pad", ("pads", "one"), {}), ("Conv", ("w",), {})],
    "pad and pool": [("Pad", ("pads",), {}), ("MaxPool", (), {"kernel_shape": [2, 2]})],
    "add one": [("Add", ("one",), {})],
    "multiply by channel": [("Mul", ("per_channel",), {})],
    "subtract and divide": [("Sub", ("per_channel",), {}), ("Div", ("one",), {})],
    "by place": [("Mul", ("per_place",), {}), ("Conv", ("w",), {})],
    "by place, seen transposed": [
        ("Relu", (), {}),
        ("Transpose", (), {"perm": [0, 3, 1, 2]}),
        ("Mul", ("per_place_turned",), {}),
        ("Transpose", (), {"perm": [0, 2, 3, 1]}),
        ("Conv", ("w",), {}),
    ],
    "dropout and identity": [("Dropout", (), {}), ("Identity", (), {}), ("Relu", (), {})],
    "cast": [("Cast", (), {"to": 1}), ("Relu", (), {})],
    "softmax": [("Flatten", (), {}), ("MatMul", ("w_flat",), {}), ("Softmax", (), {"axis": 1})],
    "unsqueezed and squeezed": [
        ("GlobalAveragePool", (), {}),
        ("Squeeze", ("hw",), {}),
        ("Unsqueeze", ("two",), {}),
        ("BatchNormalization", NORM, {}),
        ("Squeeze", ("two",), {}),
    ],
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_operators_equal_onnxruntime(steps):
    proto = model(chain(*steps), IMAGE, CONSTANTS, opset=17)
    values = array(16, *IMAGE[1:])
    assert apart(outputs(proto, values), onnxruntime_outputs(proto, values)) <= 1e-5


LINES = {
    "conv": [("Conv", ("w_line", "b"), {"pads": [1, 2], "strides": [2]})],
    "conv same": [("Conv", ("w_line",), {"auto_pad": "SAME_UPPER", "strides": [2]})],
    "batch norm": [("Conv", ("w_depth_line",), {"group": 4}), ("BatchNormalization", NORM, {})],
    "pool": [("MaxPool", (), {"kernel_shape": [3], "strides": [2]}), ("Conv", ("w_line",), {})],
    "mean": [("AveragePool", (), {"kernel_shape": [4], "pads": [1, 1]}), ("Flatten", (), {})],
    "global mean": [("GlobalAveragePool", (), {})],
    "mean over places": [("Relu", (), {}), ("ReduceMean", (), {"axes": [2], "keepdims": 0})],
    "mean over places kept": [("Relu", (), {}), ("ReduceMean", (), {"axes": [-1]}), ("Conv", ("w_point",), {})],
    "hard swish of sums": [("Conv", ("w_line",), {}), ("HardSwish", (), {})],
    "transposed": [("Transpose", (), {"perm": [0, 2, 1]}), ("Relu", (), {})],
    "pad": [("Pad", ("pads_line",), {}), ("Conv", ("w_line",), {})],
}


@pytest.mark.parametrize("steps", LINES.values(), ids=LINES)
def test_sequences_are_images_of_height_one(steps):
    constants = {
        **CONSTANTS,
        "w_depth_line": array(4, 1, 3),
        "w_point": array(3, 4, 1),
        "pads_line": ints(0, 0, 2, 0, 0, 1),
    }
    proto = model(chain(*steps), (1, 4, 13), constants)
    assert imported(proto).input_shape == (4, 1, 13)
    values = array(8, 4, 13)
    assert apart(outputs(proto, values), onnxruntime_outputs(proto, values)) <= 1e-5


def branches(*nodes):
    return [node("Conv", ("x", "w_depth"), "left", group=4, pads=[1, 1, 1, 1]), node("Relu", ("x",), "right"), *nodes]


BRANCHES = {
    "add": branches(node("Add", ("left", "right"), "out")),
    "subtract": branches(node("Sub", ("left", "right"), "out")),
    "multiply": branches(node("Mul", ("left", "right"), "out")),
    "divide": branches(node("Exp", ("one",), "e"), node("Sigmoid", ("right",), "s"), node("Div", ("left", "s"), "out")),
    "sum of three": branches(node("Sum", ("left", "right", "x"), "out")),
    "concat": branches(node("Concat", ("left", "right"), "out", axis=1)),
    "concat along rows": branches(node("Concat", ("left", "right"), "out", axis=2)),
    "concat along lines": branches(node("Concat", ("left", "right", "left"), "out", axis=-1)),
    "concat of vectors": branches(
        node("Flatten", ("left",), "a"), node("Flatten", ("right",), "b2"), node("Concat", ("a", "b2"), "out", axis=1)
    ),
    "the same twice": branches(node("Add", ("left", "left"), "d"), node("Add", ("d", "right"), "out")),
    "squeeze and excitation": branches(
        node("GlobalAveragePool", ("left",), "m"), node("Sigmoid", ("m",), "s"), node("Mul", ("right", "s"), "out")
    ),
    "swish": branches(
        node("Sigmoid", ("left",), "s"), node("Mul", ("left", "s"), "p"), node("Add", ("p", "right"), "out")
    ),
    "two orders": branches(
        node("Transpose", ("left",), "a", perm=[0, 2, 3, 1]),
        node("Transpose", ("right",), "b2", perm=[0, 2, 3, 1]),
        node("Add", ("a", "b2"), "out"),
    ),
    "norm read twice": branches(
        node("BatchNormalization", ("left", *NORM), "n"),
        node("Relu", ("n",), "r"),
        node("Add", ("n", "r"), "a"),
        node("Add", ("a", "right"), "out"),
    ),
    "conv read before its norm": branches(
        node("BatchNormalization", ("left", *NORM), "n"),
        node("Add", ("n", "left"), "a"),
        node("Add", ("a", "right"), "out"),
    ),
}


@pytest.mark.parametrize("nodes", BRANCHES.values(), ids=BRANCHES)
def test_branches_equal_onnxruntime(nodes):
    proto = model(nodes, IMAGE, CONSTANTS)
    values = array(8, *IMAGE[1:])
    assert apart(outputs(proto, values), onnxruntime_outputs(proto, values)) <= 1e-5


def test_constants_are_worked_out():
    """A shape taken from the input, its first number, -1 beside it; a weight scaled and turned."""
    nodes = [
        node("Shape", ("x",), "shape"),
        node("Gather", ("shape", "first"), "n"),
        node("Unsqueeze", ("n", "axis"), "n1"),
        node("Concat", ("n1", "rest"), "wanted", axis=0),
        node("Reshape", ("x", "wanted"), "flat"),
        node("Constant", (), "half", value_float=0.5),
        node("Sqrt", ("nine",), "three"),
        node("Mul", ("weight", "half"), "scaled"),
        node("Div", ("scaled", "three"), "divided"),
        node("Transpose", ("divided",), "turned", perm=[1, 0]),
        node("MatMul", ("flat", "turned"), "out"),
    ]
    constants = {"first": ints(0)[0], "axis": ints(0), "rest": ints(-1), "nine": np.float32(9), "weight": array(3, 252)}
    proto = model(nodes, IMAGE, constants)
    network = imported(proto)
    assert [type(layer).__name__ for layer in network.layers] == ["Flatten", "Dense"]
    values = array(8, *IMAGE[1:])
    assert apart(outputs(proto, values), onnxruntime_outputs(proto, values)) <= 1e-5


def test_batch_norm_is_folded_into_real_weights():
    proto = model(chain(("Conv", ("w_depth",), {"group": 4}), ("BatchNormalization", NORM, {})), IMAGE, CONSTANTS)
    (layer,) = imported(proto).layers
    assert isinstance(layer, Conv2d)


def test_a_norm_that_others_pass_by_is_not_folded():
    network = imported(model(BRANCHES["conv read before its norm"], IMAGE, CONSTANTS))
    assert sum(isinstance(layer, Affine) for layer in network.layers) == 1


def test_a_border_of_zeros_becomes_the_convolutions_own():
    network = imported(model(chain(("Pad", ("pads",), {}), ("Conv", ("w",), {})), IMAGE, CONSTANTS))
    (layer,) = network.layers
    assert layer.padding == ((1, 2), (0, 1))


@pytest.mark.parametrize("operator", ["ArgMax", "TopK"])
def test_a_choice_at_the_end_is_left_out(operator):
    """Outputs are then the scores; the network says so."""
    nodes = chain(("Flatten", (), {}), ("MatMul", ("w_flat",), {}))
    last = nodes[-1].output[0]
    if operator == "ArgMax":
        nodes.append(node("ArgMax", (last,), "best", axis=1))
        proto = model(nodes, IMAGE, CONSTANTS)
    else:
        nodes.append(node("TopK", (last, "two"), ["values", "places"]))
        proto = model(nodes, IMAGE, CONSTANTS, output=["values", "places"])
    network = imported(proto)
    assert isinstance(network.layers[-1], Dense)
    assert "left out" in network.about["remarks"][0]


def test_a_constant_whose_axis_is_named():
    """As opsets before 7 spread constants: here along the channels, although the width would fit as well."""
    square = (1, 4, 5, 4)
    old = model(chain(("Add", ("row",), {"broadcast": 1, "axis": 1})), square, {"row": array(4)}, opset=6)
    values = array(8, *square[1:])
    row = np.array(old.graph.initializer[0].float_data or np.frombuffer(old.graph.initializer[0].raw_data, np.float32))
    expected = values + row[:, None, None]
    assert apart(outputs(old, values), expected.reshape(8, -1)) <= 1e-6


def test_older_opsets():
    """Attributes that later became inputs, and the Softmax of all that follows an axis."""
    steps = [
        ("Pad", (), {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}),
        ("Clip", (), {"min": 0.0, "max": 1.0}),
        ("GlobalAveragePool", (), {}),
        ("Squeeze", (), {"axes": [2, 3]}),
        ("Softmax", (), {}),
    ]
    proto = model(chain(*steps), IMAGE, CONSTANTS, opset=9)
    values = array(8, *IMAGE[1:])
    assert apart(outputs(proto, values), onnxruntime_outputs(proto, values)) <= 1e-5
