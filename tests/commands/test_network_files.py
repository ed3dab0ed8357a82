"""``hwsim network check`` and ``hwsim import``: what would happen, and a model folder of a file."""

import sys

import numpy as np
import pytest

from hwsim import cli, simulate
from hwsim.network.graph import Network
from hwsim.network.layers import Add, Conv2d, Dense, Flatten, Quantize, ReLU, Weight
from hwsim.network.number_format import integer
from hwsim.network_file import load_network, save_network
from hwsim.report.check import n_parameter, parameters_text


@pytest.fixture
def hwsim(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: its code, its output, its complaint."""
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


def small(integers):
    """Two convolutions and an addition on (2, 4, 4) frames, then ten scores."""
    rng = np.random.default_rng(2)

    def weight(*shape):
        code = rng.integers(-3, 4, shape)
        return Weight(code, integer(4), 0.5) if integers else Weight(code.astype(np.float32))

    return Network(
        "small",
        (2, 4, 4),
        (
            *((Quantize("coded", bit_width=4, scale=2.0),) if integers else ()),
            Conv2d("first", terms=weight(2, 2, 3, 3), padding=1, bias=None if integers else np.ones(2)),
            ReLU("relu"),
            *((Quantize("again", bit_width=4, scale=1.0),) if integers else ()),
            Conv2d("second", terms=weight(2, 2, 1, 1)),
            Add("sum", ("second", "again" if integers else "relu")),
            Flatten("flat"),
            *((Quantize("last", bit_width=8),) if integers else ()),
            Dense("scores", terms=weight(32, 10)),
        ),
    )


def synapses_by_hand():
    """Taps that meet an input: of 16 places 4 in corners (4 taps), 8 at edges (6), 4 inside (9); 2 x 2 channels."""
    return {"first": (4 * 4 + 8 * 6 + 4 * 9) * 4, "second": 16 * 4, "scores": 320}


@pytest.mark.parametrize("integers", [True, False])
def test_check_of_a_model_folder(hwsim, tmp_path, integers):
    save_network(small(integers), tmp_path / "small")
    code, out, err = hwsim("network", "check", "./small")
    assert (code, err) == (0, "")
    assert out.startswith("small: can run; frames of shape (2, 4, 4), fp32")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    for layer, number in synapses_by_hand().items():
        assert rows[layer][-1] == str(number)
        assert rows[layer][1] == ("Dense" if layer == "scores" else "Conv2d")
    weights = 2 * 2 * 9 + 4 + 320
    assert f"parameters: {weights + (0 if integers else 2)} ({weights} {'int4' if integers else 'fp32'} weights" in out
    if integers:
        assert "executions: every sum is of integers: dense, sparse and delta give the same bits" in out
    else:
        assert "executions: real arithmetic: dense and sparse give the same bits, delta differs by" in out
        assert "layers with weights that compute in integers: 0 of 3" in out
        products = sum(synapses_by_hand().values())
        assert f"{products} multiplication fp32 x fp32" in out
        # accumulators start from their biases; 32 sums join two branches
        assert f"{products + 32} addition fp32" in out


def test_what_check_says_of_executions_is_true():
    data = np.random.default_rng(5).normal(size=(6, 2, 4, 4)).astype(np.float32)
    for integers in (True, False):
        runs = {kind: simulate(small(integers), data, kind) for kind in ("dense", "sparse", "delta")}
        assert np.array_equal(runs["dense"].outputs, runs["sparse"].outputs)
        assert np.array_equal(runs["dense"].outputs, runs["delta"].outputs) == integers
        np.testing.assert_allclose(runs["dense"].outputs, runs["delta"].outputs, rtol=1e-5, atol=1e-4)


def test_check_of_names_and_of_what_is_none(hwsim, tmp_path):
    code, out, _ = hwsim("network", "check", "digits-mlp-rounding")
    assert (code, out.count("Dense")) == (0, 3)
    for name, expected in (("digits-mpl", "did you mean"), ("./nothing", "nothing"), ("none.onnx", "none.onnx")):
        code, out, err = hwsim("network", "check", name)
        assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
        assert expected in err


def test_parameters_are_those_that_are_stored():
    network = small(False)
    by_layer = {layer.name: n_parameter(layer) for layer in network.layers}
    assert by_layer == {"first": 38, "relu": 0, "second": 4, "sum": 0, "flat": 0, "scores": 320}
    assert parameters_text(network) == "362 (360 fp32 weights, 2 others)"


# --- ONNX files


@pytest.fixture
def model(tmp_path):
    """A perceptron of 6-4-3 as an ONNX file, with weights of its own."""
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {"w1": rng.normal(size=(6, 4)), "b1": rng.normal(size=4), "w2": rng.normal(size=(4, 3))}

    def write(name="model.onnx", activation="Relu", times=1):
        nodes = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h0"], "first")]
        nodes += [helper.make_node(activation, [f"h{k}"], [f"h{k + 1}"], f"{activation}_{k}") for k in range(times)]
        nodes += [helper.make_node("MatMul", [f"h{times}", "w2"], ["y"], "second")]
        graph = helper.make_graph(
            nodes,
            "perceptron",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 6])],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])],
            [numpy_helper.from_array(each.astype(np.float32), key) for key, each in weights.items()],
        )
        made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        onnx.save(made, tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.onnx
def test_check_of_an_onnx_file(hwsim, model):
    code, out, err = hwsim("network", "check", model("perceptron.onnx"))
    assert (code, err) == (0, "")
    assert "perceptron.onnx: 3 nodes, opset ai.onnx 13" in out
    assert "perceptron: can run; frames of shape (6,), fp32" in out
    assert "parameters: 40 (36 fp32 weights, 4 others)" in out
    assert "36 multiplication fp32 x fp32" in out


@pytest.mark.onnx
def test_weights_read_as_codes_are_named_and_may_be_kept_real(hwsim, tmp_path):
    """In `check`, and in `import`, whose folder then declares what they are."""
    import onnx
    from onnx import helper, numpy_helper

    weight = np.resize(np.float32([0.3, -0.3, -0.3]), (6, 4))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "first")],
        "perceptron",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path / "signs.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    said = "mind: first: weights of the values -0.3 and 0.3, for which the file declares no format"
    for options, format, is_said in (((), "binary", True), (("--keep-real",), "fp32", False)):
        code, out, err = hwsim("network", "check", path, *options)
        assert (code, err) == (0, "")
        assert f"24 {format} weights" in out
        assert (said in out) == is_said
        code, out, _ = hwsim("import", path, "--out", tmp_path / format, *options)
        assert (code, said in out) == (0, is_said)
        loaded = load_network(tmp_path / format)
        assert loaded.layers[0].terms[0].format.name == format
        assert loaded.about["command"].endswith("--keep-real") == (not is_said)


@pytest.mark.onnx
def test_check_names_all_that_is_unsupported_and_does_not_run(hwsim, model):
    path = model(activation="Sinh", times=7)
    code, out, err = hwsim("network", "check", path)
    assert code == 2
    listed = ", ".join(f"Sinh_{k}" for k in range(7))
    assert f"unsupported: 7 x Sinh ({listed}): " in out
    assert "can run" not in out
    assert len(err.strip().splitlines()) == 1
    assert f"{path}: cannot run: 7 of 9 nodes are unsupported" in err


@pytest.mark.onnx
def test_signals_that_no_memory_holds(hwsim, monkeypatch, tmp_path):
    code, _, err = hwsim("network", "check", _wide(tmp_path / "wide.onnx"))
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "1 of 2 nodes" in err
    monkeypatch.setattr("hwsim.commands.network_files.MOST_NUMBERS", 60)
    code, _, err = hwsim("network", "check", "digits-mlp")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "input of shape (1, 8, 8) has 64 numbers; 60 are the most" in err


def _wide(path):
    import onnx
    from onnx import helper

    pads = onnx.numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 2**20, 2**20]), "pads")
    graph = helper.make_graph(
        [helper.make_node("Pad", ["x", "pads"], ["h"], "padded"), helper.make_node("Relu", ["h"], ["y"], "relu")],
        "wide",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 2, 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [pads],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(model, path)
    return path


@pytest.mark.onnx
def test_import_writes_a_model_folder_that_gives_the_file_s_outputs(hwsim, model, tmp_path):
    import onnxruntime

    path = model()
    code, out, err = hwsim("import", path, "--out", "made")
    assert (code, err) == (0, "")
    assert "3 layers, frames of shape (6,), fp32" in out
    assert "parameters: 40" in out
    assert "wrote made" in out
    network = load_network(tmp_path / "made")
    assert network.name == "made"
    assert network.about["command"] == "hwsim import model.onnx --out made"
    frames = np.random.default_rng(3).normal(size=(50, 6)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": frames})
    np.testing.assert_allclose(simulate(network, frames).outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.onnx
def test_import_overwrites_only_when_told_to(hwsim, model, tmp_path):
    path = model()
    (tmp_path / "made").mkdir()
    assert hwsim("import", path, "--out", "made")[0] == 0  # an empty folder is free
    before = (tmp_path / "made" / "weights.npz").read_bytes()
    (tmp_path / "made" / "weights.npz").write_bytes(b"mine")
    code, _, err = hwsim("import", path, "--out", "made")
    assert code == 2
    assert "made: a network is there; write elsewhere, or give --force" in err
    assert (tmp_path / "made" / "weights.npz").read_bytes() == b"mine"
    assert hwsim("import", path, "--out", "made", "--force")[0] == 0
    assert (tmp_path / "made" / "weights.npz").read_bytes() == before


@pytest.mark.onnx
def test_bad_imports_are_one_line_and_write_nothing(hwsim, model, tmp_path):
    model("odd.onnx", activation="Sinh")
    (tmp_path / "cut.onnx").write_bytes(model("cut.onnx").read_bytes()[:100])
    (tmp_path / "file").write_text("")
    for arguments, expected in (
        (("odd.onnx", "--out", "made"), "1 x Sinh (Sinh_0)"),
        (("cut.onnx", "--out", "made"), "cut.onnx"),
        (("none.onnx", "--out", "made"), "none.onnx"),
        (("digits-mlp", "--out", "made"), "digits-mlp: no .onnx file; only these are imported"),
        (("odd.onnx", "--out", "file"), "file: is a file; write the name of a folder"),
    ):
        code, _, err = hwsim("import", *arguments)
        assert (code, len(err.strip().splitlines())) == (2, 1), err
        assert expected in err
        assert not (tmp_path / "made").exists()


def test_without_onnx_one_line_names_the_extra(hwsim, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    (tmp_path / "model.onnx").write_bytes(b"")
    for command in (("network", "check", "model.onnx"), ("import", "model.onnx", "--out", "made")):
        code, _, err = hwsim(*command)
        assert code == 2
        assert "pip install 'hwsim[onnx]'" in err
