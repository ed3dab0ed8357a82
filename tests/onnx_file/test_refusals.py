"""What cannot be imported is refused: all at once, by name, before anything runs."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_graphs import QONNX, chain, imported, model, node

import hwsim
from hwsim.errors import NetworkError
from hwsim.onnx_file import examine_onnx

pytestmark = pytest.mark.onnx
IMAGE = (1, 4, 9, 7)
RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.normal(size=shape).astype(np.float32)


CONSTANTS = {
    "w": array(4, 4, 3, 3),
    "w3d": array(4, 4, 3, 3, 3),
    "slopes": array(4, 1, 1),
    "five": array(5, 5),
    "n": array(4),
    "positive": np.abs(array(4)) + 1,
    "zeros": np.zeros((4, 1, 1), np.float32),
    "shape": np.array([4, 63], np.int64),
    "pads": np.array([0, 1, 0, 0, 0, 0, 0, 0], np.int64),
    "half": np.float32(0.5),
    "true": np.array(True),
    "huge": np.full((4, 4, 1, 1), 1e300),
    "bits": np.float32(2.5),
    "zero": np.float32(0),
    "infinite": np.float32(np.inf),
}
NORM = ("n", "n", "n", "positive")

CASES = {
    "pooling with dilation": ([("MaxPool", (), {"kernel_shape": [2, 2], "dilations": [2, 2]})], "dilations"),
    "training mode": ([("BatchNormalization", NORM, {"training_mode": 1})], "training mode"),
    "slope per channel": ([("PRelu", ("slopes",), {})], "a slope per channel"),
    "reflecting border": ([("Pad", ("pads",), {"mode": "reflect"})], "mode reflect"),
    "border of channels": ([("Pad", ("pads",), {})], "only height and width"),
    "frames mixed by a shape": ([("Reshape", ("shape",), {})], "mixes frames"),
    "frames mixed by an order": ([("Transpose", (), {"perm": [1, 0, 2, 3]})], "mixes frames"),
    "mean over channels": ([("ReduceMean", (), {"axes": [1]})], "not all places of each channel"),
    "division by zero": ([("Div", ("zeros",), {})], "division by zero"),
    "matrices in a row": ([("MatMul", ("five",), {})], "expected .7, outputs"),
    "cast to integers": ([("Cast", (), {"to": 7})], "casts to integers"),
    "softmax over frames": ([("Softmax", (), {"axis": 0})], "it adds up over frames or several axes"),
    "softmax in the middle": ([("Softmax", (), {"axis": 1}), ("Relu", (), {})], "not the network's last layer"),
    "three axes": ([("Conv", ("w3d",), {})], "one and two axes"),
    "half a bit": ([("Quant", ("half", "zero", "bits"), {"domain": QONNX})], "bit width is"),
    "scale of zero": ([("Quant", ("zero", "zero", "half"), {"domain": QONNX})], "expected one whole number"),
    "unknown domain": ([("Quant", ("half", "zero", "bits"), {"domain": "mine"})], "mine.Quant"),
    "huge weights": (
        [("Conv", ("huge",), {}), ("Conv", ("huge",), {})],
        "1 x Conv .Conv_0.: weight is not finite",
    ),
    "statistics by place": ([("BatchNormalization", NORM, {"spatial": 0})], "spatial"),
    "dropout in training": ([("Dropout", ("half", "true"), {})], "training mode"),
    "nan as limit": ([("Clip", ("half", "zero"), {})], "the lower one first"),
    "weights that are not finite": ([("Mul", ("infinite",), {})], "finite"),
}


def graph(steps):
    nodes = chain(*((operator, inputs, {**attributes}) for operator, inputs, attributes in steps))
    return model(nodes, IMAGE, CONSTANTS, opset=15)


@pytest.mark.parametrize(("steps", "expected"), CASES.values(), ids=CASES)
def test_refused_with_a_reason(steps, expected):
    with pytest.raises(NetworkError, match=expected) as caught:
        imported(graph(steps))
    assert "\n" not in str(caught.value)


def test_all_that_is_unsupported_is_named_at_once(tmp_path):
    """Also what lies behind the first of them, and the same operator twice with its names."""
    nodes = [
        node("Erf", ("x",), "a"),
        node("Conv", ("a", "w"), "b"),
        node("Erf", ("b",), "c"),
        node("Softplus", ("c",), "d"),
        node("MaxPool", ("x",), "e", kernel_shape=[2, 2], dilations=[2, 2]),
        node("GlobalAveragePool", ("e",), "f"),
        node("Add", ("d", "f"), "out"),
    ]
    proto = model(nodes, IMAGE, CONSTANTS)
    with pytest.raises(NetworkError) as caught:
        imported(proto)
    message = str(caught.value)
    for part in ("4 nodes cannot be imported", "2 x Erf (Erf_0, Erf_2)", "1 x Softplus (Softplus_3)", "1 x MaxPool"):
        assert part in message
    onnx.save(proto, tmp_path / "graph.onnx")
    examined = examine_onnx(tmp_path / "graph.onnx")
    assert examined.network is None
    assert examined.problem == message
    assert [(each.operator, each.nodes) for each in examined.unsupported] == [
        ("Erf", ("Erf_0", "Erf_2")),
        ("Softplus", ("Softplus_3",)),
        ("MaxPool", ("MaxPool_4",)),
    ]
    assert examined.n_node == 7


def test_an_examination_of_what_can_be_imported(tmp_path):
    proto = model(chain(("Conv", ("w",), {}), ("ArgMax", (), {"axis": 1})), IMAGE, CONSTANTS)
    onnx.save(proto, tmp_path / "graph.onnx")
    examined = examine_onnx(tmp_path / "graph.onnx")
    assert examined.network == hwsim.load_network(tmp_path / "graph.onnx")
    assert (examined.unsupported, examined.problem, examined.n_node) == ((), None, 2)
    assert examined.opsets["ai.onnx"] == 17
    assert "left out" in examined.remarks[0]


def test_nodes_that_the_output_does_not_need_do_not_matter():
    nodes = [node("Relu", ("x",), "out"), node("Erf", ("x",), "unused")]
    assert len(imported(model(nodes, IMAGE, output=["out"])).layers) == 1


@pytest.mark.parametrize(
    ("nodes", "outputs", "expected"),
    [
        ([node("Relu", ("x",), "a"), node("Relu", ("x",), "b")], ["a", "b"], "2 outputs"),
        ([node("Relu", ("b",), "a"), node("Relu", ("a",), "b")], ["b"], "no circles"),
        ([node("Relu", ("absent",), "a")], ["a"], "nothing makes the tensor 'absent'"),
        ([node("Identity", ("x",), "a")], ["a"], "no layers"),
        ([node("Identity", ("n",), "a")], ["a"], "does not depend on its input"),
    ],
)
def test_graphs_that_are_no_network(nodes, outputs, expected):
    with pytest.raises(NetworkError, match=expected):
        imported(model(nodes, IMAGE, CONSTANTS, output=outputs))


@pytest.mark.parametrize("shape", [("n", "c", 4, 4), ("n",), (1, 0)])
def test_inputs_of_no_fixed_shape(shape):
    proto = model(chain(("Relu", (), {})), IMAGE)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", 1, list(shape)))
    with pytest.raises(NetworkError, match="expected frames of a fixed shape"):
        imported(proto)


def test_an_open_number_of_frames():
    proto = model(chain(("Flatten", (), {}), ("Relu", (), {})), IMAGE)
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", 1, ["n", 4, 9, 7]))
    assert imported(proto).input_shape == (4, 9, 7)


def test_two_inputs():
    proto = model([node("Add", ("x", "y"), "out")], IMAGE)
    proto.graph.input.append(helper.make_tensor_value_info("y", 1, IMAGE))
    with pytest.raises(NetworkError, match=r"2 inputs \(x, y\)"):
        imported(proto)


def test_codes_and_real_numbers_do_not_add():
    bits, steps = np.float32(4), [("Quant", ("half", "zero", "four"), {"domain": QONNX, "signed": 1, "narrow": 0})]
    nodes = [*chain(*steps), node("Add", ("t0", "x"), "out")]
    with pytest.raises(NetworkError, match="adds real numbers and codes"):
        imported(model(nodes, IMAGE, {**CONSTANTS, "four": bits}))


def test_without_onnx(tmp_path, monkeypatch):
    """One line that says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(hwsim.HwsimError, match=r"pip install 'hwsim\[onnx\]'"):
        hwsim.load_network(tmp_path / "model.onnx")


GROWING = {
    "laid side by side": lambda last, made: node("Concat", (last, last), made, axis=0),
    "spread": lambda last, made: node("Add", (last, "column"), made),
    "gathered": lambda last, made: node("Gather", (last, "index"), made, axis=0),
    "multiplied": lambda last, made: node("MatMul", (last, "row"), made),
}


@pytest.mark.parametrize("kind", GROWING)
def test_constants_that_grow_are_bounded(monkeypatch, kind):
    """Few bytes do not become many numbers, of one constant or of all together."""
    monkeypatch.setattr("hwsim.onnx_file.folding.MOST_NUMBERS", 2**12)
    constants = {
        "start": np.ones((64, 1), np.float32),
        "column": np.ones((65, 1, 1), np.float32),
        "row": np.ones((1, 65), np.float32),
        "index": np.zeros((65, 65), np.int64),
    }
    names = ["start", *(f"c{number}" for number in range(1, 14))]
    grown = [GROWING[kind](last, made) for last, made in itertools.pairwise(names)]
    proto = model([*grown, node("MatMul", ("x", names[-1]), "out")], (1, 4), constants)
    with pytest.raises(NetworkError, match="has more than 4,096 numbers"):
        imported(proto)


def test_constants_are_bounded_together(monkeypatch):
    """Each is small; all of them are not. What the file holds counts for as many more."""
    monkeypatch.setattr("hwsim.onnx_file.builder.MOST_NUMBERS", 2**12)
    constants = {"start": np.ones((8, 8), np.float32)}
    for n_node, fits in ((79, True), (81, False)):
        names = ["start", *(f"c{number}" for number in range(n_node))]
        turned = [node("Transpose", (last,), made) for last, made in itertools.pairwise(names)]
        proto = model([*turned, node("MatMul", ("x", names[-1]), "out")], (1, 8), constants)
        if fits:
            assert len(imported(proto).layers) == 1
        else:
            with pytest.raises(NetworkError, match="more numbers than the file accounts for"):
                imported(proto)
