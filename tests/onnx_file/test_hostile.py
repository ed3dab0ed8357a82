"""Broken and hostile ONNX files: one clear line each, in bounded time and memory, nothing read beyond the folder."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import FileError

pytestmark = pytest.mark.onnx


@pytest.fixture(scope="module")
def onnx():
    import onnx

    return onnx


def network(onnx, nodes=None, initializers=None, inputs=None, **options):
    """A model: a matrix product and a ReLU, unless other parts are given."""
    helper = onnx.helper
    weight = onnx.numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(4, 3), "w")
    graph = helper.make_graph(
        nodes
        or [helper.make_node("MatMul", ["x", "w"], ["h"], "product"), helper.make_node("Relu", ["h"], ["y"], "relu")],
        "small",
        inputs or [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [weight] if initializers is None else initializers,
    )
    options = {"ir_version": 8, "opset_imports": [helper.make_opsetid("", 13)]} | options
    return helper.make_model(graph, **options)


def tensor(onnx, dims, name="w", data_type=None, **data):
    made = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT if data_type is None else data_type, dims=dims)
    for field, value in data.items():
        setattr(made, field, value) if field == "raw_data" else getattr(made, field).extend(value)
    return made


def refused(tmp_path, model):
    """What is said of a model, or of bytes, in one line that begins with the file's name."""
    from hwsim.onnx_file.loading import load_graph

    path = tmp_path / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(FileError) as error:
        load_graph(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_a_sound_file_is_read_as_it_is(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    model = network(onnx)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert load_graph(tmp_path / "model.onnx") == model


# --- what is no ONNX file


def test_truncated_anywhere(onnx, tmp_path):
    whole = network(onnx).SerializeToString()
    for length in range(1, len(whole), 7):
        refused(tmp_path, whole[:length])


def test_every_byte_damaged_gives_a_model_or_one_line(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    whole, path, n_refused = network(onnx).SerializeToString(), tmp_path / "model.onnx", 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xA5]) + whole[at + 1 :])
        try:
            load_graph(path)
        except FileError as error:
            n_refused += "\n" not in str(error)
    assert n_refused > len(whole) / 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1000,
        b"hello, I am no network",
        b"\x08\x07",
        b"PK\x03\x04" + bytes(100),
        os.urandom(5000),
        b"\xff" * 99,
    ],
    ids=["empty", "zeros", "text", "no graph", "zip", "random", "endless number"],
)
def test_garbage(tmp_path, content):
    message = refused(tmp_path, content)
    assert any(words in message for words in ("no ONNX file", "holds no graph", "empty", "records"))


def test_no_file_a_folder_and_a_device(tmp_path):
    from hwsim.onnx_file.loading import load_graph

    os.mkfifo(tmp_path / "pipe.onnx")  # would wait for ever, were it read
    for path, expected in (
        (tmp_path / "none.onnx", "No such file"),
        (tmp_path, "no plain file"),
        (tmp_path / "pipe.onnx", "no plain file"),
        (Path("/dev/zero"), "no plain file"),
        (Path("a\0b.onnx"), "null byte"),
    ):
        with pytest.raises(FileError, match=expected):
            load_graph(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    from hwsim.onnx_file.loading import load_graph

    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(FileError, match=r"1,099,511,627,776 bytes; expected an ONNX file of up to 2,147,483,648 bytes"):
        load_graph(tmp_path / "huge.onnx")


def test_names_that_are_no_text(onnx, tmp_path):
    whole = network(onnx).SerializeToString()
    assert "not UTF-8" in refused(tmp_path, whole.replace(b"product", b"prod\xff\xfet"))
    message = refused(
        tmp_path, network(onnx, [onnx.helper.make_node("Relu", ["no\nsuch\x1b[31m" + 999 * "x"], ["y"], "n\n")])
    )
    assert "\x1b" not in message


# --- versions


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ir_version": 999}, "IR version 999; expected 1 to"),
        ({"ir_version": 0}, "IR version 0"),
        ({"ir_version": -4}, "IR version -4"),
        ({"opsets": []}, "states no opset"),
        ({"opsets": [("", 5)]}, "opset 5; expected 6 to"),
        ({"opsets": [("", 9999)]}, "opset 9999; expected 6 to"),
        ({"opsets": [("", -1)]}, "opset -1"),
        ({"opsets": [("ai.onnx", 0)]}, "opset 0"),
        ({"opsets": [("", 13), ("ai.onnx", 12)]}, "states opsets 13 and 12"),
        ({"opsets": [("", 13), ("mine", 2**40)]}, "opset 1099511627776 of the domain 'mine'"),
    ],
)
def test_versions_that_are_not_known(onnx, tmp_path, options, expected):
    model = network(onnx)
    model.ir_version = options.get("ir_version", 8)
    if "opsets" in options:
        del model.opset_import[:]
        model.opset_import.extend(onnx.helper.make_opsetid(*each) for each in options["opsets"])
    assert expected in refused(tmp_path, model)


# --- data beside the file


def beside(onnx, **stated):
    made = tensor(onnx, [4, 3])
    made.data_location = onnx.TensorProto.EXTERNAL
    for key, value in stated.items():
        made.external_data.add(key=key, value=str(value))
    return network(onnx, initializers=[made])


@pytest.fixture
def secret(tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "secret.bin"
    path.write_bytes(bytes(48))
    return path


@pytest.fixture
def opened():
    """Every file that is opened from now on."""
    paths, on = [], [True]

    def note(event, arguments):
        if on and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(note)
    yield paths
    on.clear()


def test_data_within_the_folder_are_read(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "w.bin").write_bytes(bytes(5) + values.tobytes())
    (tmp_path / "model.onnx").write_bytes(beside(onnx, location="deep/w.bin", offset=5, length=48).SerializeToString())
    (weight,) = load_graph(tmp_path / "model.onnx").graph.initializer
    assert np.array_equal(onnx.numpy_helper.to_array(weight), values)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("{secret}", "expected a plain path within the folder"),
        ("../{folder}/secret.bin", "expected a plain path within the folder"),
        ("deep/../../{folder}/secret.bin", "expected a plain path within the folder"),
        ("link.bin", "symbolic link"),
        ("linked/secret.bin", "symbolic link"),
        ("C:\\secret.bin", "expected a plain path"),
        ("C:secret.bin", "expected a plain path"),
        ("a\0b", "expected a plain path"),
        ("", "expected a plain path"),
        ("none.bin", "cannot be read (No such file"),
        ("deep", "no plain file"),
        ("pipe", "no plain file"),
    ],
)
def test_data_beyond_the_folder_are_never_opened(onnx, tmp_path, secret, opened, place, expected):
    (tmp_path / "deep").mkdir()
    (tmp_path / "link.bin").symlink_to(secret)
    (tmp_path / "linked").symlink_to(secret.parent)
    os.mkfifo(tmp_path / "pipe")
    model = beside(onnx, location=place.format(secret=secret, folder=secret.parent.name))
    opened.clear()
    assert expected in refused(tmp_path, model)
    assert not [path for path in opened if "secret" in path or "elsewhere" in path]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"offset": 1}, "has 48 bytes; bytes 1 to 49 are asked for"),
        ({"offset": -1}, "offset '-1' of its data; expected a whole number"),
        ({"offset": 10**30}, "of its data; expected a whole number"),
        ({"length": 40}, "40 bytes beside the file, but its shape needs 48"),
        ({"length": "all"}, "length 'all' of its data"),
    ],
)
def test_data_beside_the_file_that_do_not_fit(onnx, tmp_path, stated, expected):
    (tmp_path / "w.bin").write_bytes(bytes(48))
    assert expected in refused(tmp_path, beside(onnx, location="w.bin", **stated))


def test_one_file_beside_asked_for_many_times(onnx, tmp_path):
    """1,000 tensors of one sparse file of 1 GB would be a terabyte."""
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(2**30)
    made = []
    for k in range(1000):
        made.append(tensor(onnx, [2**28], f"w{k}"))
        made[-1].data_location = onnx.TensorProto.EXTERNAL
        made[-1].external_data.add(key="location", value="w.bin")
    # the first is read; what no more memory than that can hold is told before
    made[0].dims[0] = 1
    made[1].dims[0] = 2**29
    assert "exceed 2,147,483,648 bytes in all" in refused(tmp_path, network(onnx, initializers=made))


# --- tensors


@pytest.mark.parametrize(
    ("dims", "data", "expected"),
    [
        ([2**29], {}, "needs 536,870,912 bytes or numbers, but there are 0"),
        ([2**62, 2**62], {"raw_data": bytes(48)}, "bytes or numbers, but there are 48"),
        ([4, 3], {"raw_data": bytes(47)}, "shape (4, 3) of float needs 48 bytes or numbers, but there are 47"),
        ([4, 3], {"float_data": [1.0] * 11}, "needs 12 bytes or numbers, but there are 11"),
        ([-4, 3], {"raw_data": bytes(48)}, "expected sizes from 0"),
        ([1] * 65, {"float_data": [1.0]}, "expected sizes from 0, at most 64"),
        ([1], {"raw_data": b"x", "data_type": 99}, "data type 99"),
        ([1], {"raw_data": b"x", "data_type": 0}, "data type 0"),
        ([2, 2], {"float_data": [1.0, 2.0, float("nan"), 3.0]}, "'w': nan at (1, 0); expected finite numbers"),
        ([2], {"float_data": [1.0, float("-inf")]}, "'w': -inf at (1,); expected finite numbers"),
        ([], {"float_data": [float("nan")]}, "'w': nan at (); expected finite numbers"),
    ],
)
def test_tensors_that_are_not_what_they_say(onnx, tmp_path, dims, data, expected):
    assert expected in refused(tmp_path, network(onnx, initializers=[tensor(onnx, dims, **data)]))


def test_a_limit_may_be_infinite(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    limits = [tensor(onnx, [], name, float_data=[value]) for name, value in (("low", 0.0), ("high", float("inf")))]
    model = network(onnx, [onnx.helper.make_node("Clip", ["x", "low", "high"], ["y"])], limits)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    load_graph(tmp_path / "model.onnx")


def test_tensors_within_nodes_graphs_and_functions_are_checked_too(onnx, tmp_path):
    helper, bad = onnx.helper, tensor(onnx, [2], "bad", float_data=[1.0, float("nan")])
    constant = helper.make_node("Constant", [], ["y"], value=bad)
    assert "'bad': nan" in refused(tmp_path, network(onnx, [constant]))
    branch = helper.make_graph([helper.make_node("Constant", [], ["z"], value=bad)], "branch", [], [])
    assert "'bad': nan" in refused(
        tmp_path, network(onnx, [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)])
    )
    outside = tensor(onnx, [2], "outside")
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/hostname")
    body = helper.make_function("mine", "F", ["a"], ["b"], [helper.make_node("Constant", [], ["b"], value=outside)], [])
    model = network(onnx, functions=[body])
    assert "'outside': its data lie at '/etc/hostname'" in refused(tmp_path, model)


def test_attributes_that_are_nan(onnx, tmp_path):
    node = onnx.helper.make_node("LeakyRelu", ["x"], ["y"], "leaky", alpha=float("nan"))
    assert "node 'leaky': 'alpha' is NaN" in refused(tmp_path, network(onnx, [node]))


@pytest.mark.parametrize("stored", ["initializer", "constant"])
@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand"])
def test_2_gb_of_a_shape_alone(onnx, tmp_path, operator, stored):
    helper = onnx.helper
    shape = tensor(onnx, [2], "shape", onnx.TensorProto.INT64, int64_data=[2**15, 2**14])
    nodes = [
        helper.make_node(operator, ["shape"] if operator == "ConstantOfShape" else ["x", "shape"], ["y"], "filled")
    ]
    if stored == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["shape"], value=shape))
    model = network(onnx, nodes, [] if stored == "constant" else [shape])
    assert "'filled': makes a tensor of shape '(32768, 16384)'; expected at most" in refused(tmp_path, model)
    assert len(model.SerializeToString()) < 1000


def test_an_input_of_2_gb(onnx, tmp_path):
    huge = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2**15, 2**14])
    assert "input 'x': shape '[1, 32768, 16384]'" in refused(tmp_path, network(onnx, inputs=[huge]))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (("MaxPool", ["x"], {}), "node 'odd': no kernel_shape, which a MaxPool needs"),
        (("Concat", ["x", "w"], {}), "node 'odd': no axis, which a Concat needs"),
        (("MatMul", ["x"], {}), "node 'odd': 1 inputs; a MatMul has 2"),
        (("Relu", ["x", "w"], {}), "node 'odd': 2 inputs; a Relu has 1"),
        (("Add", ["x", ""], {}), "node 'odd': no input B, which a Add needs"),
        (("LeakyRelu", ["x"], {"alpha": 1}), "node 'odd': 'alpha' is of another type than a LeakyRelu has"),
        (("Concat", ["x", "w"], {"axis": 0.5}), "node 'odd': 'axis' is of another type than a Concat has"),
        (("Quant", ["x", "w", ""], {"domain": "qonnx.custom_op.general"}), "fewer inputs than the 4 that a Quant has"),
    ],
)
def test_nodes_that_are_not_what_their_operator_is(onnx, tmp_path, node, expected):
    operator, inputs, attributes = node
    made = onnx.helper.make_node(operator, inputs, ["y"], "odd", **attributes)
    assert expected in refused(tmp_path, network(onnx, [made]))
    made = onnx.helper.make_node("Softmax", ["x"], ["y"], "odd", axis=1)
    made.attribute.append(made.attribute[0])
    assert "node 'odd': 'axis' is there twice" in refused(tmp_path, network(onnx, [made]))


def test_operators_that_onnx_does_not_know_are_left_to_the_importer(onnx, tmp_path):
    from hwsim.onnx_file import examine_onnx

    nodes = [onnx.helper.make_node("NoSuchThing", ["x"], ["y"], "odd")]
    (tmp_path / "model.onnx").write_bytes(network(onnx, nodes).SerializeToString())
    (found,) = examine_onnx(tmp_path / "model.onnx").unsupported
    assert (found.operator, found.nodes) == ("NoSuchThing", ("odd",))


def test_numbers_that_do_not_fit_a_node_are_a_reason_to_refuse_it(onnx, tmp_path):
    from hwsim.onnx_file import examine_onnx

    thresholds = onnx.numpy_helper.from_array(np.float32(1), "t")  # expected (channels, thresholds)
    domain = "qonnx.custom_op.general"
    node = onnx.helper.make_node("MultiThreshold", ["x", "t"], ["y"], "odd", domain=domain, out_dtype="UINT2")
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid(domain, 1)]
    model = network(onnx, [node], [thresholds], opset_imports=opsets)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    (found,) = examine_onnx(tmp_path / "model.onnx").unsupported
    assert (found.operator, found.nodes) == (f"{domain}.MultiThreshold", ("odd",))
    assert "does not fit it" in found.reason


# --- names and wiring


def test_nodes_in_a_circle(onnx, tmp_path):
    node = onnx.helper.make_node
    circle = [node("Add", ["x", "b"], ["a"], "first"), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]
    assert "nodes in a circle, among them 'first'" in refused(tmp_path, network(onnx, circle))
    assert "nodes in a circle" in refused(tmp_path, network(onnx, [node("Add", ["x", "y"], ["y"])]))


def test_nodes_out_of_order_are_no_circle(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    node = onnx.helper.make_node
    model = network(onnx, [node("Relu", ["h"], ["y"]), node("MatMul", ["x", "w"], ["h"])])
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert len(load_graph(tmp_path / "model.onnx").graph.node) == 2


def test_names_used_twice(onnx, tmp_path):
    node = onnx.helper.make_node
    weight = onnx.numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    assert "two inputs or initializers named 'w'" in refused(tmp_path, network(onnx, initializers=[weight, weight]))
    twice = [node("Relu", ["x"], ["y"], "one"), node("Neg", ["x"], ["y"], "two")]
    assert "tensor 'y' is made twice, at last by node 'two'" in refused(tmp_path, network(onnx, twice))
    again = [node("MatMul", ["x", "w"], ["w"], "again"), node("Relu", ["w"], ["y"])]
    assert "tensor 'w' is made twice" in refused(tmp_path, network(onnx, again))


def test_a_missing_initializer_or_output(onnx, tmp_path):
    message = refused(tmp_path, network(onnx, initializers=[]))
    assert "node 'product' reads 'w', which nothing makes" in message
    assert "nothing makes the output 'y'" in refused(
        tmp_path, network(onnx, [onnx.helper.make_node("Relu", ["x"], ["z"])])
    )


# --- small files that would become large


def doubling(onnx, n):
    """Functions of which each calls the next one twice: 2**n nodes once written out."""
    helper = onnx.helper
    functions = []
    for k in range(n):
        inner = ("Relu", "") if k == n - 1 else (f"F{k + 1}", "mine")
        body = [helper.make_node(inner[0], [a], [b], domain=inner[1]) for a, b in (("a", "m"), ("m", "b"))]
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("mine", 1)]
        functions.append(helper.make_function("mine", f"F{k}", ["a"], ["b"], body, opsets))
    call = helper.make_node("F0", ["x"], ["y"], domain="mine")
    return network(onnx, [call], functions=functions, opset_imports=[*functions[0].opset_import])


def test_functions_that_double(onnx, tmp_path):
    from hwsim.onnx_file.loading import load_graph

    assert "more than 1,000,000 nodes once functions are written out" in refused(tmp_path, doubling(onnx, 60))
    (tmp_path / "model.onnx").write_bytes(doubling(onnx, 5).SerializeToString())
    load_graph(tmp_path / "model.onnx")


def test_functions_that_call_themselves_or_have_one_name(onnx, tmp_path):
    model = doubling(onnx, 3)
    model.functions[2].node[0].op_type, model.functions[2].node[0].domain = "F0", "mine"
    assert "calls itself" in refused(tmp_path, model)
    model = doubling(onnx, 3)
    model.functions[2].name = "F1"
    assert "two functions named 'F1'" in refused(tmp_path, model)


def varint(number):
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def graph_of(content):
    return b"\x08\x08" + b"\x3a" + varint(len(content)) + content


def test_millions_of_empty_nodes(tmp_path):
    assert "more than 1,000,000 records" in refused(tmp_path, graph_of(b"\x0a\x00" * 1_100_000))


def test_messages_within_messages(tmp_path):
    content = b""
    for _ in range(200):  # graph in an attribute of a node of a graph
        attribute = b"\x32" + varint(len(content)) + content
        node = b"\x2a" + varint(len(attribute)) + attribute
        content = b"\x0a" + varint(len(node)) + node
    assert "messages within messages" in refused(tmp_path, graph_of(content))


LIMITED = """\
import resource, sys
from pathlib import Path
import onnx, numpy
from hwsim.errors import FileError
from hwsim.onnx_file.loading import load_graph
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), used + int(sys.argv[2])))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
try:
    load_graph(Path(sys.argv[1]))
except FileError as error:
    print(error)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits of memory are set as Linux has them")
def test_memory_is_bounded(onnx, tmp_path):
    """Files of a few MB, read by a process that may take 512 MB more than its libraries."""
    shape = tensor(onnx, [1], "shape", onnx.TensorProto.INT64, int64_data=[2**31])
    files = {
        "functions": doubling(onnx, 60).SerializeToString(),
        "nodes": graph_of(b"\x0a\x00" * 2_000_000),
        "shape": network(
            onnx, [onnx.helper.make_node("ConstantOfShape", ["shape"], ["y"])], [shape]
        ).SerializeToString(),
        "tensor": network(onnx, initializers=[tensor(onnx, [2**31])]).SerializeToString(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        command = [sys.executable, "-c", LIMITED, str(tmp_path / name), str(512 * 2**20)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{tmp_path / name}: ")
