"""Networks as ONNX and QONNX files: onnxruntime and qonnx's executor give the outputs, as what is read back does."""

import sys
import warnings

import numpy as np
import pytest

from hwsim import cli, load_dataset, simulate
from hwsim.datasets import Dataset
from hwsim.errors import FileError, NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import (
    ELU,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Divide,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    LeakyReLU,
    MaxPool2d,
    Multiply,
    MultiThreshold,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Weight,
)
from hwsim.network.number_format import BINARY, NumberFormat, integer
from hwsim.network_file import load_network

pytestmark = pytest.mark.onnx

TERNARY = NumberFormat("ternary", 2)
SHAPE = (4, 6, 6)


def write(network, path, qonnx=None):
    from hwsim.onnx_file import write_onnx

    return write_onnx(network, path, qonnx)


def runtime(path, frames):
    """What onnxruntime makes of frames."""
    import onnxruntime

    return onnxruntime.InferenceSession(str(path)).run(None, {"input": frames})[0]


def executor(path, frames):
    """What qonnx's own executor makes of frames, one at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx

        model = ModelWrapper(str(path))
        output = model.graph.output[0].name
        return np.concatenate([execute_onnx(model, {"input": frame[None]})[output] for frame in frames])


def drawn(n_frame=8, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).normal(size=(n_frame, *shape)).astype(np.float32)


def weight(*shape, format=None, scale=1.0, seed=3):
    rng = np.random.default_rng(seed)
    if format is None:
        return Weight(rng.normal(size=shape).astype(np.float32))
    codes = rng.integers(format.lowest, format.highest, shape, endpoint=True)
    return Weight(np.where(codes == 0, 1, codes) if format is BINARY else codes, format, scale)


# --- real layers

REAL = {
    "conv": (
        Conv2d("c", terms=weight(6, 2, 3, 2), bias=np.arange(6.0), stride=(2, 1), padding=((1, 0), (2, 1)), groups=2),
    ),
    "dilated": (Conv2d("c", terms=weight(3, 4, 3, 3), dilation=(2, 1), padding=2),),
    "dense": (Flatten("f"), Dense("d", terms=weight(144, 5), bias=np.arange(5.0))),
    "two terms": (Flatten("f"), Dense("d", terms=(weight(144, 5), weight(144, 5, seed=4)))),
    "ternary": (Flatten("f"), Dense("d", terms=weight(144, 5, format=TERNARY, scale=0.3))),
    "binary": (Conv2d("c", terms=weight(3, 4, 3, 3, format=BINARY, scale=np.array([0.5, 0.25, 3.0]))),),
    "powers of two": (Conv2d("c", terms=Weight(np.full((3, 4, 1, 1), 4), NumberFormat("power-of-two", 4), 0.5)),),
    "max pool": (MaxPool2d("p", kernel=(3, 2), stride=2, padding=((1, 1), (0, 1))),),
    "max pool, ceil": (MaxPool2d("p", kernel=3, stride=2, padding=1, ceil_mode=True),),
    "avg pool": (AvgPool2d("p", kernel=(3, 2), stride=(2, 1), padding=((1, 1), (1, 0))),),
    "avg pool, pads do not count": (
        AvgPool2d("p", kernel=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    ),
    "global pool": (GlobalAvgPool("p"),),
    "relu": (ReLU("r"),),
    "leaky relu": (LeakyReLU("r", slope=0.125),),
    "elu": (ELU("e", alpha=0.5),),
    "selu": (ELU("e", alpha=1.6733, scale=1.0507),),
    "hard tanh": (HardTanh("h", lowest=-0.5, highest=0.25),),
    "one limit": (HardTanh("h", lowest=-np.inf, highest=0.25),),
    "sigmoid": (Sigmoid("s"),),
    "tanh": (Tanh("t"),),
    "softmax": (Softmax("s"),),
    "affine": (Affine("a", scale=np.arange(1.0, 5.0), offset=np.array([0.0, 1.0, -2.0, 0.5])),),
    "affine of one": (Affine("a"), ReLU("r")),
    "nothing after": (ReLU("r"), Affine("a")),
    "pad": (Pad2d("p", padding=((1, 0), (2, 3)), value=0.5),),
    "rearrange": (Rearrange("m", order=(1, 2, 0), shape=(6, 24)),),
    "transpose": (Rearrange("m", order=(1, 0, 2)), ReLU("r")),
    "reshape": (Rearrange("m", shape=(2, 72)),),
    "add": (ReLU("r"), Tanh("t", "input"), Sigmoid("s", "input"), Add("a", ("r", "t", "s"), signs=(-1, 1, -1))),
    "concat": (ReLU("r"), Tanh("t", "input"), Concat("c", ("r", "t", "input"))),
    "multiply": (GlobalAvgPool("g"), Sigmoid("s"), Multiply("m", ("input", "s"))),
    "multiply by a vector": (GlobalAvgPool("g"), Flatten("f"), Multiply("m", ("f", "input"))),
    "divide": (Sigmoid("s"), Divide("d", ("input", "s"))),
    "names": (ReLU("r.value"), Tanh("r", "input"), Add("sum", ("r", "r.value"))),
}


@pytest.mark.parametrize("kind", REAL)
def test_real_layers_equal_onnxruntime_and_are_read_back(tmp_path, kind):
    from hwsim.onnx_file import read_onnx

    network, frames, path = Network("small", SHAPE, REAL[kind]), drawn(), tmp_path / "small.onnx"
    assert write(network, path, qonnx=False).startswith("ONNX, ")
    expected = simulate(network, frames).outputs
    got = runtime(path, frames)
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    assert got.shape[1:] == network.output.shape
    back = simulate(read_onnx(path), frames).outputs
    np.testing.assert_allclose(back.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def test_a_network_that_does_nothing(tmp_path):
    write(Network("same", SHAPE, (Affine("a"),)), tmp_path / "same.onnx")
    assert np.array_equal(runtime(tmp_path / "same.onnx", drawn()), drawn())


# --- integer layers


def coded(scale=4.0, **options):
    return Quantize("coded", **{"scale": scale, "bit_width": 6} | options)


INT4 = integer(4)
SUM = Add("a", ("coded", "q"), signs=(1, -1), multiplier_bit_width=16)  # within the 24 bits of a float32
CODED = {
    "signed, half up": (coded(),),
    "signed, half even": (coded(rounding="half_even"),),
    "unsigned, floor": (coded(signed=False, rounding="floor"),),
    "narrow": (coded(bit_width=3, narrow_range=True),),
    "zero point": (coded(signed=False, zero_point=11),),
    "even zero point": (coded(signed=False, zero_point=10, rounding="half_even"),),
    "offset per channel": (coded(offset=np.array([0.3, -1.2, 0.5, 2.0])),),
    "offset of codes": (
        coded(),
        Conv2d("c", terms=weight(3, 4, 3, 3, format=INT4, scale=0.25)),
        Quantize("q", scale=0.37, bit_width=6, offset=np.array([0.3, -1.2, 0.5])),
    ),
    "offset of codes beside a shift": (
        coded(),
        Conv2d("c", terms=weight(3, 4, 3, 3, format=INT4, scale=0.25)),
        Quantize("q", scale=0.25, bit_width=6, rounding="half_even", offset=np.array([0.3, -1.2, 0.5])),
    ),
    "scale per channel": (coded(scale=np.array([1.0, 2.0, 4.0, 8.0]), signed=False),),
    "conv": (
        coded(),
        Conv2d("c", terms=weight(3, 4, 3, 3, format=INT4, scale=0.25), bias=np.array([1, -9, 30]), padding=1),
    ),
    "again": (
        coded(),
        Conv2d("c", terms=weight(3, 4, 3, 3, format=INT4, scale=0.25)),
        ReLU("r"),
        Quantize("q", scale=0.5, bit_width=5, signed=False),
        Conv2d("d", terms=weight(2, 3, 2, 2, format=TERNARY, scale=np.array([0.5, 0.125]))),
    ),
    "ratio that is no power of two": (
        coded(scale=3.7),
        Conv2d("c", terms=weight(3, 4, 3, 3, format=INT4, scale=0.11)),
        Quantize("q", scale=0.77, bit_width=8),
    ),
    "binary": (coded(), Flatten("f"), Dense("d", terms=weight(144, 7, format=BINARY, scale=0.5))),
    "two terms": (
        coded(),
        Flatten("f"),
        Dense(
            "d", terms=(weight(144, 7, format=TERNARY, scale=0.5), weight(144, 7, format=TERNARY, scale=0.3, seed=5))
        ),
    ),
    "sign": (Sign("s"), Conv2d("c", terms=weight(3, 4, 1, 1, format=BINARY))),
    "thresholds": (
        MultiThreshold("t", thresholds=[[-1.0, 0.25, 1.0]], scale=0.5, offset=-1.0),
        Conv2d("c", terms=weight(2, 4, 2, 2, format=INT4)),
    ),
    "thresholds of codes": (
        coded(scale=3.0),
        Conv2d("c", terms=weight(2, 4, 2, 2, format=INT4, scale=0.3)),
        MultiThreshold("t", thresholds=[[-3.0, 0.0, 2.0], [-1.0, 1.0, 5.0]]),
    ),
    "affine": (coded(), Affine("a", scale=np.array([0.3, 1, 2, 3]), offset=np.array([0.1, 0, 0, -7]))),
    "limits": (coded(scale=3.0), HardTanh("h", lowest=-1.1, highest=2.0)),
    "limits per channel": (coded(scale=np.array([1.0, 2.0, 3.0, 8.0])), HardTanh("h", lowest=-1.1, highest=0.6)),
    "add": (coded(), Quantize("q", ("input",), scale=3.0, bit_width=4), SUM),
    "pools": (coded(), MaxPool2d("m", kernel=2, stride=1), AvgPool2d("p", kernel=(2, 1)), GlobalAvgPool("g")),
    "multiply": (coded(), Quantize("q", ("input",), scale=3.0, bit_width=4), Multiply("m", ("coded", "q"))),
    "pad and concat": (
        coded(),
        Pad2d("p", padding=1, value=0.25),
        MaxPool2d("m", kernel=3, stride=1, padding=0),
        Concat("c", ("coded", "m")),
    ),
}


@pytest.mark.parametrize("kind", CODED)
def test_layers_of_codes_equal_the_executor_of_qonnx(tmp_path, kind):
    network, frames, path = Network("small", SHAPE, CODED[kind]), drawn(), tmp_path / "small.onnx"
    assert write(network, path).startswith("QONNX, ")
    expected = simulate(network, frames).outputs
    got = executor(path, frames).reshape(expected.shape)
    # every output is its code times the step, to the rounding of float32: a code beside it would be a whole step off
    step = float(np.min(network.output.step)) if not network.output.format.is_real else 0.0
    tolerance = min(1e-5 * max(1.0, np.abs(expected).max()), step / 3 if step else np.inf)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["again", "binary", "thresholds", "sign", "conv"])
def test_integers_are_read_back_as_integers(tmp_path, kind):
    from hwsim.onnx_file import read_onnx

    network, frames, path = Network("small", SHAPE, CODED[kind]), drawn(), tmp_path / "small.onnx"
    write(network, path)
    back = read_onnx(path)
    assert back.is_integer
    expected = simulate(network, frames).outputs
    np.testing.assert_allclose(
        simulate(back, frames, "delta").outputs.reshape(expected.shape), expected, rtol=1e-6, atol=1e-6
    )


def test_an_input_of_codes_is_quantized_at_the_input(tmp_path):
    layers = (Flatten("f"), Dense("d", terms=weight(12, 3, format=INT4, scale=0.5)))
    network = Network("small", (12,), layers, integer(8, signed=False), 1 / 255)
    codes = np.random.default_rng(0).integers(0, 256, (6, 12)).astype(np.uint8)
    data = Dataset(codes, 1 / 255)
    write(network, tmp_path / "small.onnx")
    np.testing.assert_allclose(
        executor(tmp_path / "small.onnx", data.values()), simulate(network, data).outputs, atol=1e-4
    )


# --- networks that ship


@pytest.mark.data
def test_mnist_mlp_in_onnxruntime(tmp_path):
    data = load_dataset("mnist", frames=1000)
    write(load_network("mnist-mlp"), tmp_path / "exported.onnx")
    expected = simulate("mnist-mlp", data).outputs
    np.testing.assert_allclose(runtime(tmp_path / "exported.onnx", data.values()), expected, rtol=1e-5, atol=1e-5 * 56)


@pytest.mark.data
@pytest.mark.parametrize("name", ["mnist-mlp-rounding", "mnist-mlp-int8"])
def test_integer_networks_in_the_executor_of_qonnx_and_back(tmp_path, name):
    from hwsim.onnx_file import read_onnx

    data = load_dataset("mnist", frames=1000)
    network = load_network(name)
    write(network, tmp_path / "exported.onnx")
    expected = simulate(network, data, "sparse").outputs
    got = executor(tmp_path / "exported.onnx", data.values()[:60])
    np.testing.assert_allclose(got, expected[:60], rtol=0, atol=float(network.output.step) / 3)
    back = read_onnx(tmp_path / "exported.onnx")
    assert back.is_integer
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in network.layers]
    outputs = simulate(back, data, "sparse").outputs
    np.testing.assert_allclose(outputs, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


# --- what cannot be written


@pytest.mark.parametrize(
    ("layers", "qonnx", "expected"),
    [
        ((coded(),), False, "layer coded has no equivalent in plain ONNX: a quantizer"),
        ((ReLU("r"), Sign("s")), False, "layer s has no equivalent in plain ONNX: ONNX's Sign makes 0 of 0"),
        ((MultiThreshold("t", thresholds=[[0.0]]),), False, "layer t has no equivalent in plain ONNX: thresholds"),
        (
            (coded(zero_point=3, rounding="half_even"),),
            None,
            "layer coded has no equivalent in QONNX: half_even around",
        ),
        ((coded(bit_width=1),), None, "layer coded has no equivalent in QONNX: codes of -1 and 0"),
        (REAL["powers of two"], True, "layer c has no equivalent in QONNX: its weights are powers of two"),
        (
            (AvgPool2d("p", kernel=3, stride=4, ceil_mode=True),),
            None,
            "layer p has no equivalent in plain ONNX: windows that stick",
        ),
    ],
)
def test_layers_without_an_equivalent_are_named(tmp_path, layers, qonnx, expected):
    with pytest.raises(NetworkError) as error:
        write(Network("small", SHAPE, layers), tmp_path / "small.onnx", qonnx)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError, match=r"no/small\.onnx: cannot be written \(No such file or directory\)"):
        write(Network("small", SHAPE, (ReLU("r"),)), tmp_path / "no" / "small.onnx")


def test_the_same_network_gives_the_same_bytes_and_a_sound_file(tmp_path):
    from hwsim.onnx_file.loading import load_graph

    network = Network("small", SHAPE, CODED["again"])
    for name in ("one.onnx", "two.onnx"):
        write(network, tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    import onnx

    onnx.checker.check_model(load_graph(tmp_path / "one.onnx"))


# --- the command


@pytest.fixture
def hwsim(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hwsim", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_export_and_check_again(hwsim, tmp_path):
    code, out, err = hwsim("export", "digits-mlp-int8", "--out", "digits.onnx")
    assert (code, err) == (0, "")
    assert out.startswith("wrote digits.onnx: QONNX, ")
    assert hwsim("network", "check", "digits.onnx")[0] == 0
    before = (tmp_path / "digits.onnx").read_bytes()
    for arguments, expected in (
        (("digits-mlp", "--out", "digits.onnx"), "digits.onnx: is there; write elsewhere, or give --force"),
        (("digits-mlp", "--out", "digits.pb"), "expected a name that ends in .onnx"),
        (("digits-mpl", "--out", "new.onnx"), "did you mean digits-mlp"),
        (("digits-mlp-int8", "--out", "new.onnx", "--onnx"), "has no equivalent in plain ONNX"),
    ):
        code, out, err = hwsim("export", *arguments)
        assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
        assert expected in err
    assert (tmp_path / "digits.onnx").read_bytes() == before
    assert not (tmp_path / "new.onnx").exists()
    code, out, _ = hwsim("export", "digits-mlp", "--out", "digits.onnx", "--force")
    assert (code, out.split(":")[1].split(",")[0]) == (0, " ONNX")
