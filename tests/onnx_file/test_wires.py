"""Operators that only move numbers, against onnxruntime: under all executions, there and back, and what they cost."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from number_of_examples import examples
from onnx_graphs import apart, chain, imported, model, node, onnxruntime_outputs

import hwsim
from hwsim import Add, Concat, Conv2d, Gather, Quantize, ReLU, Slice

pytestmark = pytest.mark.onnx
EXECUTIONS = ("dense", "sparse", "delta")
RNG = np.random.default_rng(7)
SHAPE = (1, 8, 6, 4)


def array(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


CONSTANTS = {
    "w": array(4, 8, 1, 1),
    "w_half": array(4, 4, 3, 3),
    "w_groups": array(8, 4, 1, 1),
    "in_groups": ints(-1, 2, 4, 6, 4),
    "as_image": ints(-1, 8, 6, 4),
    "as_fine_image": ints(-1, 2, 12, 8),
    "split_up": ints(-1, 2, 2, 2, 6, 4),
    "one": ints(1),
    "two": ints(2),
    "five": ints(5),
    "last": ints(-1),
    "before_all": ints(-100),
    "picked": ints(3, 0, 0, 7),
    "one_picked": np.int64(2),
    "times": ints(1, 1, 2, 3),
    "image": ints(1, 8, 6, 4),
    "beside": array(1, 2, 6, 4),
    "scales": np.array([1, 1, 2, 3], np.float32),
    "sizes": ints(1, 8, 12, 8),
    "some": np.float32(0.25),
    "pads": ints(0, 1, 2, 0, 0, 0, 1, 9),
    "pads_inside": ints(0, 0, 2, 1, 0, 0, 3, 2),
    "uneven": ints(1, 7),
}

CASES = {
    "shuffled channels": [
        ("Reshape", ("in_groups",), {}),
        ("Transpose", (), {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ("as_image",), {}),
        ("Conv", ("w_groups",), {"group": 2}),
    ],
    "shuffled pixels": [
        ("Reshape", ("split_up",), {}),
        ("Transpose", (), {"perm": [0, 1, 4, 2, 5, 3]}),
        ("Reshape", ("as_fine_image",), {}),
        ("Relu", (), {}),
    ],
    "five axes at work": [("Reshape", ("in_groups",), {}), ("Relu", (), {}), ("Reshape", ("as_image",), {})],
    "five axes at the end": [("Relu", (), {}), ("Reshape", ("in_groups",), {})],
    "a slice": [("Slice", ("one", "five", "one"), {}), ("Conv", ("w_half",), {})],
    "every second row": [("Slice", ("one", "five", "two", "two"), {}), ("Conv", ("w",), {})],
    "backwards": [("Slice", ("last", "before_all", "one", "last"), {}), ("Conv", ("w",), {})],
    "gathered": [("Gather", ("picked",), {"axis": 1}), ("Conv", ("w_half",), {})],
    "gathered without its axis": [("Gather", ("one_picked",), {"axis": 1}), ("Relu", (), {})],
    "tiled": [("Tile", ("times",), {}), ("Conv", ("w",), {})],
    "depth to space": [("DepthToSpace", (), {"blocksize": 2, "mode": "CRD"}), ("Relu", (), {})],
    "depth to space, by columns": [("DepthToSpace", (), {"blocksize": 2}), ("Relu", (), {})],
    "space to depth": [("SpaceToDepth", (), {"blocksize": 2}), ("Relu", (), {})],
    "expanded": [("GlobalAveragePool", (), {}), ("Expand", ("image",), {}), ("Conv", ("w",), {})],
    "beside a constant": [("Concat", ("beside",), {"axis": 1}), ("Relu", (), {})],
    "resized": [("Resize", ("", "scales"), {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"})],
    "resized to sizes": [("Resize", ("", "", "sizes"), {}), ("Conv", ("w",), {})],
    "resized from below": [
        ("Resize", ("", "scales"), {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil"}),
        ("Conv", ("w",), {}),
    ],
    "border of channels": [("Pad", ("pads", "some"), {}), ("Relu", (), {})],
    "reflecting border": [("Pad", ("pads_inside",), {"mode": "reflect"}), ("Conv", ("w",), {})],
    "border of the edge": [("Pad", ("pads_inside",), {"mode": "edge"}), ("Conv", ("w",), {})],
    "border, then a part of it": [("Pad", ("pads_inside", "some"), {}), ("Slice", ("one", "five", "two"), {})],
}


def there_and_back(network, folder):
    """The network saved, loaded, written as ONNX, and loaded again."""
    hwsim.save_network(network, folder / "saved")
    loaded = hwsim.load_network(folder / "saved")
    assert loaded == network
    hwsim.write_onnx(loaded, folder / "written.onnx")
    return hwsim.load_network(folder / "written.onnx")


def check(proto, folder, values, most=1e-5):
    """The network, whose outputs are onnxruntime's under all executions, and after the round trip."""
    expected, network = onnxruntime_outputs(proto, values), imported(proto)
    frames = values.reshape(len(values), *network.input_shape)
    for execution in EXECUTIONS:
        assert apart(hwsim.simulate(network, frames, execution).outputs, expected) <= most
    again = there_and_back(network, folder)
    assert again.input_shape == network.input_shape
    assert apart(hwsim.simulate(again, frames, "sparse").outputs, expected) <= most
    return network


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_numbers_are_where_onnxruntime_has_them(steps, tmp_path):
    network = check(model(chain(*steps), SHAPE, CONSTANTS), tmp_path, array(4, *SHAPE[1:]))
    assert any(isinstance(layer, Slice | Gather) for layer in network.layers)


def test_a_part_along_one_axis_is_a_slice():
    (layer, _) = imported(model(chain(*CASES["every second row"]), SHAPE, CONSTANTS)).layers
    assert (layer.start, layer.stop, layer.stride, layer.axis) == (1, 4, 2, 1)


@pytest.mark.parametrize("sizes", [(), ("uneven",)])
def test_what_is_split_and_joined_again_is_the_same(sizes, tmp_path):
    nodes = [
        node("Split", ("x", *sizes), ("left", "right"), axis=1),
        node("Relu", ("left",), "a"),
        node("Concat", ("right", "a"), "out", axis=1),
    ]
    network = check(model(nodes, SHAPE, CONSTANTS), tmp_path, array(3, *SHAPE[1:]), most=0)
    assert [type(layer) for layer in network.layers] == [Slice, ReLU, Gather]


def quantized(read, made):
    return [
        node("QuantizeLinear", (read, "s", "z"), f"{made}_codes"),
        node("DequantizeLinear", (f"{made}_codes", "s", "z"), made),
    ]


def shuffle_block(quantize):
    """A block as ShuffleNet V2 has it: half of the channels pass by, then all are shuffled, and split again."""
    step = quantized if quantize else lambda read, made: [node("Identity", (read,), made)]
    return [
        *step("x", "given"),
        node("Split", ("given",), ("passes", "goes"), axis=1),
        node("Conv", ("goes", "w_half"), "c", pads=[1, 1, 1, 1]),
        node("Relu", ("c",), "r"),
        *step("r", "worked"),
        node("Concat", ("passes", "worked"), "both", axis=1),
        node("Reshape", ("both", "in_groups"), "grouped"),
        node("Transpose", ("grouped",), "turned", perm=[0, 2, 1, 3, 4]),
        node("Reshape", ("turned", "as_image"), "shuffled"),
        node("Split", ("shuffled",), ("passes again", "goes again"), axis=1),
        node("Conv", ("goes again", "w_half"), "out"),
    ]


POWERS = {"s": np.float32(2**-4), "z": np.int8(0), "w_half": RNG.integers(-8, 9, (4, 4, 3, 3)).astype(np.float32) / 16}


@pytest.mark.parametrize("quantize", [False, True])
def test_a_block_of_shufflenet(quantize, tmp_path):
    proto = model(shuffle_block(quantize), SHAPE, CONSTANTS | POWERS)
    network = check(proto, tmp_path, array(5, *SHAPE[1:]), most=0 if quantize else 1e-5)
    kinds = [type(layer) for layer in network.layers if not isinstance(layer, Quantize)]
    assert kinds.count(Conv2d) == 2
    assert not {Concat, Add} & set(kinds)  # shuffled at once, as it is read


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_wires_cost_nothing_and_lead_to_what_is_read_only(execution):
    network = imported(model(shuffle_block(False), SHAPE, CONSTANTS | POWERS))
    activity = hwsim.simulate(network, array(5, *SHAPE[1:]), execution).activity
    assert [layer.name for layer in activity.layers] == [
        "input",
        *(each.name for each in network.layers if isinstance(each, Conv2d)),
    ]
    first, second = activity.layers[1:]
    half = SHAPE[2] * SHAPE[3] * 4
    assert [first.part(0).n_code] == [half]
    # of the second half of the shuffled channels, two are the input's and two the first layer's
    assert [part.n_code for part in second.parts] == [half // 2, half // 2]


@examples(60)
@given(st.data())
def test_any_wires_equal_onnxruntime(data):
    """Operators one behind the other, on shapes of any rank, with a layer in between here and there."""
    draw = data.draw
    shape, steps, constants = [1, 4, 2, 6], [], {}

    def constant(array):
        name = f"c{len(constants)}"
        constants[name] = array
        return name

    for _ in range(draw(st.integers(1, 5))):
        axis = draw(st.integers(1, len(shape) - 1))
        size = shape[axis]
        what = draw(st.sampled_from(("slice", "gather", "turn", "unfold", "fold", "tile", "pad", "relu")))
        if what == "slice":
            start = draw(st.integers(0, size - 1))
            stop, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 2))
            given_ = [constant(ints(n)) for n in (start, stop, axis, step)]
            steps.append(("Slice", given_, {}))
            shape[axis] = -(-(stop - start) // step)
        elif what == "gather":
            taken = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))
            steps.append(("Gather", (constant(ints(*taken)),), {"axis": axis}))
            shape[axis] = len(taken)
        elif what == "turn":
            order = [0, *draw(st.permutations(range(1, len(shape))))]
            steps.append(("Transpose", (), {"perm": order}))
            shape = [shape[k] for k in order]
        elif what == "unfold" and size % 2 == 0:
            shape = [*shape[:axis], 2, size // 2, *shape[axis + 1 :]]
            steps.append(("Reshape", (constant(ints(*shape)),), {}))
        elif what == "fold" and len(shape) > 3:
            shape = [1, shape[1] * shape[2], *shape[3:]]
            steps.append(("Reshape", (constant(ints(*shape)),), {}))
        elif what == "tile" and math.prod(shape) < 200:
            steps.append(("Tile", (constant(ints(*(2 if k == axis else 1 for k in range(len(shape))))),), {}))
            shape[axis] *= 2
        elif what == "pad" and math.prod(shape) < 200:
            pads = np.zeros(2 * len(shape), np.int64)
            pads[[axis, len(shape) + axis]] = draw(st.integers(0, 2)), 1
            mode = draw(st.sampled_from(("constant", "edge")))
            steps.append(("Pad", (constant(pads), constant(np.float32(0.5))), {"mode": mode}))
            shape[axis] += int(pads.sum())
        else:
            steps.append(("Relu", (), {}))
    assume(len(steps) > 0)
    steps.append(("Relu", (), {}))
    proto = model(chain(*steps), (1, 4, 2, 6), constants)
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(3, 4, 2, 6)).astype(np.float32)
    network, expected = imported(proto), onnxruntime_outputs(proto, values)
    for execution in EXECUTIONS:
        assert np.array_equal(hwsim.simulate(network, values, execution).outputs, expected)
