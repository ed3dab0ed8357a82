"""Requantizing with offsets between integers and a quantizer, against onnxruntime and fractions."""

from fractions import Fraction

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from hwsim.counting.accounting import count  # noqa: E402
from hwsim.datasets import Dataset  # noqa: E402
from hwsim.network.layers import HardTanh, MultiThreshold, Quantize, ReLU  # noqa: E402
from hwsim.network_file import load_network, save_network  # noqa: E402
from hwsim.onnx_file import read_onnx  # noqa: E402
from hwsim.pricing.energy import price  # noqa: E402
from hwsim.simulation.simulator import simulate  # noqa: E402

pytestmark = pytest.mark.onnx

F = np.float32


def written(path, nodes, constants, shape_in, shape_out):
    named = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
        for name, shape in (("x", shape_in), ("y", shape_out))
    ]
    graph = helper.make_graph(
        [helper.make_node(*node[:3], **node[3]) for node in nodes], "g", ends[:1], ends[1:], named
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def convolution(path, bias, after=(), zero=None, seed=0, more=None, steps=(0.02, 0.01, 0.05)):
    """QDQ, a convolution of 8-bit weights, what comes after it, QDQ."""
    random = np.random.default_rng(seed)
    code = random.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    read, nodes = "c", []
    for k, (operator, names, options) in enumerate(after):
        nodes.append((operator, [read, *names], [f"a{k}"], options))
        read = f"a{k}"
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], ["q"], {}),
        ("DequantizeLinear", ["q", "s", "z"], ["a"], {}),
        ("DequantizeLinear", ["w", "sw"], ["wd"], {}),
        ("Conv", ["a", "wd", "b"], ["c"], {}),
        *nodes,
        ("QuantizeLinear", [read, "so", "zo"], ["cq"], {}),
        ("DequantizeLinear", ["cq", "so", "zo"], ["y"], {}),
    ]
    constants = {
        "s": F(steps[0]),
        "sw": F(steps[1]),
        "so": F(steps[2]),
        "z": np.uint8(0),
        "zo": np.uint8(0) if zero is None else zero,
        "w": code,
        "b": bias,
    }
    return written(path, nodes, constants | (more or {}), (3, 10, 10), (4, 8, 8))


def frames(n=8, seed=0, step=0.02):
    """Whole numbers of steps, so that the first quantizer has no ties, about which float32 and float64 differ."""
    return np.clip(np.round(np.random.default_rng(seed).normal(size=(n, 3, 10, 10)) * 80), 0, 255).astype(F) * F(step)


def codes_apart(path, inputs, scale, **options):
    """The share of codes that onnxruntime makes otherwise, and the furthest."""
    network = read_onnx(path, **options)
    made = simulate(network, Dataset(inputs, name="noise"), "dense").outputs
    as_written = onnxruntime.SessionOptions()  # its optimizations round a float bias to whole accumulator steps
    as_written.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    as_written.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, as_written, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": inputs})[0]
    apart = np.abs(np.asarray(made).reshape(expected.shape) - expected) / scale
    return np.mean(apart > 0.5), apart.max()


WHOLE = np.random.default_rng(1).integers(-900, 900, 4)


def cost(network):
    activity = simulate(network, Dataset(frames(), name="noise"), "dense").activity
    counts = count(activity, "mac-array")
    return price(counts, "default_45nm").per_inference, counts


def test_a_float_bias_costs_what_an_integer_one_does(tmp_path):
    paths = [
        convolution(str(tmp_path / f"{name}.onnx"), ((WHOLE + rest) * 0.02 * 0.01).astype(F))
        for name, rest in (("whole", 0), ("real", 0.37))
    ]
    (whole, _), (real, counts) = (cost(read_onnx(path)) for path in paths)
    assert abs(real / whole - 1) < 0.03
    neuron = {str(key.operation): int(n.sum()) for key, n in counts.entries.items() if key.phase == "neuron"}
    width = read_onnx(paths[1]).layers[-1].multiplier_bit_width
    n = 8 * 4 * 8 * 8
    # 27 x 127 x 255 + 901 needs 21 bits, so accumulators have 24; their products with 18 bits need 42
    assert neuron == {f"multiplication int24 x int{width}": n, "addition int64": n, "constant_shift int24": n}
    assert width <= 24


def test_every_accumulator_leads_to_the_nearest_code(tmp_path):
    """Of all that the convolution can reach, by fractions of the float32 numbers that the file holds."""
    path = convolution(str(tmp_path / "real.onnx"), ((WHOLE + 0.37) * 0.02 * 0.01).astype(F), zero=np.uint8(7))
    network = read_onnx(path)
    layer, read = network.layers[-1], network.signals[network.layers[-2].name]
    fixed, constant = layer.ratio(read), layer.constant(read)
    bias = ((WHOLE + 0.37) * 0.02 * 0.01).astype(F)
    step = Fraction(float(F(0.02))) * Fraction(float(F(0.01))) / Fraction(float(F(0.05)))
    for channel in range(4):
        offset = Fraction(float(bias[channel])) / Fraction(float(F(0.05)))
        for accumulator in range(-50_000, 50_000, 7):
            exact = min(max(round(accumulator * step + offset), -7), 248)
            made = (accumulator * int(fixed.multiplier) + int(constant[channel])) >> int(fixed.shift)
            assert min(max(made, -7), 248) == exact


ODD = (0.0213, 0.0117, 0.0531)
"""Steps whose ratio is near no fraction of small numbers, so that ties are rare."""

BN = {
    "gamma": np.array([1.3, 0.7, 0.9, 2.1], F),
    "beta": np.array([0.3, -0.2, 0.05, 0.0], F),
    "mean": np.array([0.1, 0.0, -0.4, 0.2], F),
    "variance": np.array([1.0, 0.5, 2.0, 0.3], F),
}
FALLING = BN | {"gamma": np.array([1.3, -0.7, 0.0, 2.1], F)}
NORM = ("BatchNormalization", list(BN), {})
CLIP = ("Clip", ["low", "high"], {})
LIMITS = {"low": F(0), "high": F(6)}


@pytest.mark.parametrize(
    ("after", "more", "kinds"),
    [
        ((), {}, ()),
        ((("Relu", [], {}),), {}, ()),
        ((NORM,), BN, ()),
        ((NORM, ("Relu", [], {})), FALLING, ()),
        ((("Relu", [], {}), NORM), BN, (ReLU,)),
        ((NORM, CLIP), BN | LIMITS, (HardTanh,)),
        ((CLIP,), LIMITS, (HardTanh,)),
    ],
)
@pytest.mark.parametrize("zero", [np.uint8(0), np.uint8(19), np.int8(-30)])
def test_against_onnxruntime(tmp_path, after, more, kinds, zero):
    bias = np.random.default_rng(5).normal(size=4).astype(F) * F(0.3 * (ReLU not in kinds))
    path = convolution(str(tmp_path / "g.onnx"), bias, after, zero=zero, more=more, steps=ODD)
    network = read_onnx(path)
    assert not any(isinstance(layer, MultiThreshold) for layer in network.layers)
    assert isinstance(network.layers[2 + (ReLU in kinds)], Quantize)  # no Affine of its own
    share, furthest = codes_apart(path, frames(40, step=ODD[0]), ODD[2])
    # float32 rounds sums that are next to a tie
    assert share <= 1e-5
    assert furthest <= 1.01


def test_thresholds_where_asked_for(tmp_path):
    path = convolution(str(tmp_path / "g.onnx"), np.full(4, 0.123, F) * F([1, 2, 3, 4]), steps=ODD)
    network = read_onnx(path, thresholds=True)
    assert isinstance(network.layers[-1], MultiThreshold)
    assert any("asked for" in each for each in network.about["remarks"])
    assert codes_apart(path, frames(step=ODD[0]), ODD[2], thresholds=True)[0] <= 2e-4


def test_network_check_says_which_and_why(tmp_path):
    from typer.testing import CliRunner

    from hwsim.cli import app

    path = convolution(str(tmp_path / "g.onnx"), np.array([0.1111, 0.2, 0.3, 0.4], F))
    for options, means in (([], "a stored constant per channel"), (["--thresholds"], "thresholds of accumulators")):
        shown = " ".join(CliRunner().invoke(app, ["network", "check", path, *options]).stdout.split())
        assert means in shown


def test_folders_keep_constants(tmp_path):
    path = convolution(str(tmp_path / "g.onnx"), np.array([0.1111, 0.2, 0.3, 0.4], F))
    network = read_onnx(path)
    save_network(network, tmp_path / "saved")
    assert load_network(tmp_path / "saved") == network
    inputs = Dataset(frames(), name="noise")
    outputs = [simulate(each, inputs, "dense").outputs for each in (network, load_network(tmp_path / "saved"))]
    assert np.array_equal(*outputs)
