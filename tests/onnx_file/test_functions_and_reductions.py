"""Functions that are looked up, slopes per channel, reductions and dilated windows, against onnxruntime."""

import numpy as np
import pytest
from onnx_graphs import apart, chain, imported, model, node, onnxruntime_outputs
from test_wires import EXECUTIONS, array, check, ints

import hwsim
from hwsim import GELU, Erf, Exp, HardSwish, LeakyReLU, Mish, MultiThreshold, SiLU, Softplus

pytestmark = pytest.mark.onnx
SHAPE = (1, 4, 6, 5)
CONSTANTS = {
    "slopes": np.abs(array(4, 1, 1)),
    "falling": -array(4, 1, 1),
    "odd": ints(1, 3),
    "two": ints(2),
    "s": np.float32(2**-4),
    "z": np.int8(0),
    "w": array(3, 4, 1, 1),
}

FUNCTIONS = {
    "Exp": (Exp, 17, {}),
    "Erf": (Erf, 17, {}),
    "Softplus": (Softplus, 17, {}),
    "Mish": (Mish, 18, {}),
    "Gelu": (GELU, 20, {}),
    "Gelu with tanh": (GELU, 20, {"approximate": "tanh"}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_equal_onnxruntime(name, tmp_path):
    kind, opset, options = FUNCTIONS[name]
    proto = model(chain((name.split()[0], (), options)), SHAPE, CONSTANTS, opset=opset)
    network = check(proto, tmp_path, 3 * array(5, *SHAPE[1:]))
    assert [type(layer) for layer in network.layers] == [kind]


@pytest.mark.parametrize("name", [*FUNCTIONS, "HardSwish"])
def test_between_quantizers_a_function_is_one_table(name, tmp_path):
    """Codes on both sides: one read for each neuron; of what always rises thresholds, which are exact, too."""
    kind, opset, options = FUNCTIONS.get(name, (HardSwish, 17, {}))
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "c"),
        node("DequantizeLinear", ("c", "s", "z"), "d"),
        node(name.split()[0], ("d",), "f", **options),
        node("QuantizeLinear", ("f", "s", "z"), "g"),
        node("DequantizeLinear", ("g", "s", "z"), "h"),
        node("Conv", ("h", "w"), "out"),
    ]
    network = check(model(nodes, SHAPE, CONSTANTS, opset=opset), tmp_path, 2 * array(5, *SHAPE[1:]))
    kinds = {type(layer) for layer in network.layers}
    if kind.direction == 1:
        assert MultiThreshold in kinds
        return
    assert kind in kinds
    counts = hwsim.count(hwsim.simulate(network, array(5, *SHAPE[1:]), "dense").activity, "mac-array")
    looked_up = [key for key in counts.entries if key.operation.memory == "functions"]
    assert [key.operation.word_length for key in looked_up] == [8]
    assert counts.entries[looked_up[0]].sum() == 5 * 4 * 6 * 5


def test_a_swish_of_any_slope():
    frames = array(3, 7)
    for alpha in (1.0, -0.5, 2.0):
        made = hwsim.simulate(hwsim.Network("n", (7,), (SiLU("s", alpha=alpha),)), frames).outputs
        assert np.allclose(made, frames / (1 + np.exp(-alpha * frames.astype(np.float64))), rtol=1e-6)


@pytest.mark.parametrize("slopes", ["slopes", "falling"])
def test_a_slope_per_channel(slopes, tmp_path):
    proto = model(chain(("PRelu", (slopes,), {}), ("Conv", ("w",), {})), SHAPE, CONSTANTS)
    network = check(proto, tmp_path, array(5, *SHAPE[1:]))
    assert isinstance(network.layers[0], LeakyReLU)
    work = hwsim.simulate(network, array(1, *SHAPE[1:])).activity.layers[0].work
    assert [(each.n_parameter, each.parameter_bit_width) for each in work] == [(4, 32)]


REDUCTIONS = {
    "ReduceMean of rows": ("ReduceMean", (), {"axes": [3]}),
    "ReduceMean of channels": ("ReduceMean", (), {"axes": [1], "keepdims": 0}),
    "ReduceMean of all": ("ReduceMean", (), {"axes": [1, 2, -1]}),
    "ReduceMax of columns": ("ReduceMax", (), {"axes": [2], "keepdims": 0}),
    "ReduceMax of channels and rows": ("ReduceMax", (), {"axes": [1, 3]}),
    "ReduceSum of channels and rows": ("ReduceSum", ("odd",), {}),
    "ReduceSum of columns": ("ReduceSum", ("two",), {"keepdims": 0}),
}


@pytest.mark.parametrize("step", REDUCTIONS.values(), ids=REDUCTIONS)
def test_reductions_over_any_axes(step, tmp_path):
    check(model(chain(("Relu", (), {}), step), SHAPE, CONSTANTS, opset=13), tmp_path, array(5, *SHAPE[1:]))


@pytest.mark.parametrize("step", REDUCTIONS.values(), ids=REDUCTIONS)
def test_reductions_of_codes_are_exact(step):
    """Sums of codes are whole, means have a finer step: nothing is rounded but the outputs, to float32."""
    quantized = [("QuantizeLinear", ("s", "z"), {}), ("DequantizeLinear", ("s", "z"), {})]
    network = imported(model(chain(*quantized, step), SHAPE, CONSTANTS, opset=13))
    frames = array(5, *SHAPE[1:])
    values = np.clip(np.rint(frames.astype(np.float64) * 16), -128, 127) / 16
    axes = {"odd": (1, 3), "two": (2,)}.get(*step[1]) if step[1] else tuple(step[2]["axes"])
    function = {"ReduceMean": np.mean, "ReduceMax": np.max, "ReduceSum": np.sum}[step[0]]
    wanted = function(values, axis=axes).reshape(5, -1)
    for execution in EXECUTIONS:
        assert np.allclose(hwsim.simulate(network, frames, execution).outputs, wanted, rtol=2e-7, atol=1e-7)


WINDOWS = {
    "largest": ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 3], "strides": [1, 2], "pads": [1, 1, 0, 1]}),
    "largest, wide border": ("MaxPool", {"kernel_shape": [3, 3], "pads": [2, 2, 2, 2]}),
    "mean": ("AveragePool", {"kernel_shape": [2, 2], "dilations": [2, 2], "pads": [0, 1, 1, 1]}),
    "mean, border counted": (
        "AveragePool",
        {"kernel_shape": [2, 2], "dilations": [2, 3], "pads": [1, 1, 0, 1], "count_include_pad": 1},
    ),
    "mean, wide border": ("AveragePool", {"kernel_shape": [3, 3], "pads": [2, 1, 2, 2]}),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_windows_with_gaps_and_wide_borders(window, tmp_path):
    operator, options = window
    check(model(chain((operator, (), options)), SHAPE, opset=19), tmp_path, array(5, *SHAPE[1:]))


def test_a_gelu_written_out():
    """As exporters wrote it before there was an operator: sums and products around the error function."""
    constants = {"root": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
    nodes = [
        node("Div", ("x", "root"), "a"),
        node("Erf", ("a",), "b"),
        node("Add", ("b", "one"), "c"),
        node("Mul", ("x", "c"), "d"),
        node("Mul", ("d", "half"), "out"),
    ]
    values = array(5, *SHAPE[1:])
    proto = model(nodes, SHAPE, constants)
    made = hwsim.simulate(imported(proto), values).outputs
    assert apart(made, onnxruntime_outputs(proto, values)) <= 1e-5
