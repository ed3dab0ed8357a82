"""Model folders: what is written is read back, byte for byte reproducible, and anything else is refused."""

import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import strategies
import yaml
from hypothesis import given
from number_of_examples import examples

from hwsim.errors import FileError, NetworkError, UnknownNameError
from hwsim.network.canonical import canonical
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
from hwsim.network.number_format import NumberFormat, integer
from hwsim.network_file import load_network, save_network


def small_network():
    generator = np.random.default_rng(1)
    ternary = NumberFormat("ternary", 2)
    return Network(
        "small",
        (1, 2, 3),
        (
            Affine("shift", scale=0.5, offset=np.array([0.25])),
            Quantize("codes", scale=np.array([3.0]), bit_width=5, rounding="floor", zero_point=-2),
            Flatten("flatten"),
            Quantize("again", scale=2.0, bit_width=6, narrow_range=True),
            Dense(
                "hidden",
                terms=(
                    Weight(generator.integers(-1, 2, (6, 4)), ternary, np.array([0.5, 1.0, 2.0, 0.25])),
                    Weight(generator.integers(-1, 2, (6, 4)), ternary, 0.125),
                ),
                bias=generator.integers(-300, 300, 4),
                accumulator=40,
            ),
            ReLU("relu"),
            Quantize("hidden_codes", scale=np.array([1.0, 2.0, 0.5, 1.0]), bit_width=7, signed=False),
            Dense("output", terms=(Weight(generator.normal(size=(4, 3))),), bias=generator.normal(size=3)),
        ),
        about={"method": "drawn", "data_set": "none", "seed": 1, "parts": {"a": [1, 2.5, "on", None, True]}},
    )


def branching_network():
    """Every layer type that small_network lacks, of real numbers and of codes, with and without their defaults."""
    generator = np.random.default_rng(2)
    binary = NumberFormat("binary", 1)
    return Network(
        "branching",
        (4, 9, 8),
        (
            Conv2d(
                "stem",
                terms=(Weight(generator.normal(size=(6, 2, 3, 2))),),
                bias=generator.normal(size=6),
                stride=(2, 1),
                padding=((1, 0), (2, 1)),
                dilation=(1, 2),
                groups=2,
            ),
            MaxPool2d("max", kernel=3, stride=1, padding=1),
            AvgPool2d("mean", ("stem",), (2, 3), (1, 1), ((0, 1), (1, 1)), ceil_mode=True, count_include_pad=False),
            MaxPool2d("same", ("stem",), kernel=(2, 3), stride=1, padding=((0, 1), (1, 1))),
            Add("sum", ("mean", "same", "max")),
            HardTanh("clip", lowest=-0.5, highest=6),
            Quantize("codes", scale=8.0, bit_width=4),
            Conv2d(
                "signs",
                terms=(
                    Weight(generator.choice([-1, 1], (5, 6, 1, 1)), binary, generator.uniform(1, 2, 5)),
                    Weight(generator.choice([-1, 1], (5, 6, 1, 1)), binary, 0.5),
                ),
                bias=np.arange(5),
                accumulator=32,
            ),
            Sign("sign"),
            Concat("both", ("sign", "sign")),
            GlobalAvgPool("all"),
            Softmax("softmax"),
        ),
    )


def imported_network():
    """The layers that networks from elsewhere bring."""
    generator = np.random.default_rng(3)
    thresholds = np.sort(generator.normal(size=(3, 7)), axis=1)
    thresholds[0, -1] = np.inf
    return Network(
        "imported",
        (2, 4, 3),
        (
            Pad2d("border", padding=((1, 0), (0, 2)), value=-0.5),
            Rearrange("turned", order=(1, 2, 0), shape=(5, 2, 5)),
            Conv2d("stem", terms=(Weight(generator.normal(size=(3, 5, 1, 1))),)),
            LeakyReLU("leaky", slope=0.2),
            Add("minus", ("leaky", "stem"), signs=(-1, 1)),
            MultiThreshold("levels", thresholds=thresholds, scale=0.5, offset=-1.5),
            GlobalAvgPool("mean"),
            Sigmoid("gate"),
            Tanh("bent", ("minus",)),
            Multiply("gated", ("bent", "gate")),
            HardTanh("floor", lowest=0.25, highest=float("inf")),
            Divide("over", ("bent", "floor")),
            HardTanh("ceiling", lowest=float("-inf"), highest=2),
            ELU("curved", alpha=1.5, scale=2),
            MultiThreshold("bit", thresholds=[[0.0]], scale=2.0, offset=-1.0),
        ),
    )


@pytest.fixture(params=[small_network, branching_network, imported_network])
def network(request):
    return request.param()


@pytest.fixture
def branching(tmp_path):
    save_network(branching_network(), tmp_path / "branching")
    return tmp_path / "branching"


@pytest.fixture
def imported(tmp_path):
    save_network(imported_network(), tmp_path / "imported")
    return tmp_path / "imported"


@pytest.fixture
def folder(tmp_path):
    save_network(small_network(), tmp_path / "small")
    return tmp_path / "small"


def members(folder):
    with np.load(folder / "weights.npz") as arrays:
        return dict(arrays)


def rewrite(folder, **changes):
    """Replace, add or (None) remove arrays, which the description no longer names."""
    path = folder / "network.yaml"
    path.write_text(re.sub("\narrays: .*", "", path.read_text()))
    arrays = {**members(folder), **changes}
    np.savez(folder / "weights.npz", **{name: array for name, array in arrays.items() if array is not None})


def edit(folder, old, new):
    path = folder / "network.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def error_of(folder, kind=FileError):
    with pytest.raises(kind) as caught:
        load_network(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.mark.plain
def test_round_trip_keeps_every_bit_and_word(network, tmp_path):
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    assert again == canonical(network)
    assert again.digest == canonical(network).digest
    assert (again.name, again.about) == (network.name, network.about)


@examples(30)
@given(strategies.networks())
def test_random_networks_round_trip(tmp_path_factory, network):
    folder = tmp_path_factory.mktemp("network")
    save_network(network, folder)
    assert load_network(folder) == canonical(network)


def test_same_network_same_bytes(network, tmp_path):
    folder = tmp_path / "once"
    save_network(canonical(network), folder)
    network = load_network(folder)
    # arrays in another order of memory are the same network
    fortran = [
        replace(layer, terms=tuple(replace(term, code=np.asfortranarray(term.code)) for term in layer.terms))
        if isinstance(layer, Dense | Conv2d)
        else layer
        for layer in network.layers
    ]
    save_network(replace(network, layers=tuple(fortran)), tmp_path / "again")
    for name in ("network.yaml", "weights.npz"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [".hwsim.lock", "network.yaml", "weights.npz"]


def test_arrays_are_plain_compact_and_named_after_layers(folder):
    arrays = members(folder)
    assert set(arrays) == {
        "shift.offset", "codes.scale", "hidden.weight0", "hidden.scale0", "hidden.weight1", "hidden.scale1",
        "hidden.bias", "hidden_codes.scale", "output.weight", "output.scale", "output.bias",
    }  # fmt: skip
    assert arrays["hidden.weight0"].dtype == np.int8
    assert arrays["hidden.bias"].dtype == np.int16
    assert arrays["output.weight"].dtype == np.float32
    assert arrays["hidden.weight0"].shape == (6, 4)


def test_description_is_what_a_reader_expects(folder):
    description = yaml.safe_load((folder / "network.yaml").read_text())
    assert description["schema"] == 1
    assert description["name"] == "small"
    assert description["input"] == {"shape": [1, 2, 3], "format": "fp32", "step": 1.0}
    assert [layer["type"] for layer in description["layers"]] == [
        "affine", "quantize", "flatten", "quantize", "dense", "relu", "quantize", "dense",
    ]  # fmt: skip
    assert description["layers"][4] == {
        "name": "hidden", "type": "dense", "shape": [6, 4], "terms": [{"format": "ternary"}] * 2, "accumulator": 40,
    }  # fmt: skip


def test_geometry_and_inputs_stand_in_the_description(branching):
    layers = {each["name"]: each for each in yaml.safe_load((branching / "network.yaml").read_text())["layers"]}
    assert layers["stem"] == {
        "name": "stem", "type": "conv2d", "shape": [6, 2, 3, 2], "terms": [{"format": "fp32"}], "stride": [2, 1],
        "padding": [[1, 0], [2, 1]], "dilation": [1, 2], "groups": 2,
    }  # fmt: skip
    assert layers["max"] == {
        "name": "max", "type": "maxpool2d", "kernel": [3, 3], "stride": [1, 1], "padding": [[1, 1], [1, 1]],
        "ceil_mode": False,
    }  # fmt: skip
    assert layers["mean"] == {
        "name": "mean", "type": "avgpool2d", "inputs": ["stem"], "kernel": [2, 3], "stride": [1, 1],
        "padding": [[0, 1], [1, 1]], "ceil_mode": True, "count_include_pad": False,
    }  # fmt: skip
    assert layers["sum"] == {"name": "sum", "type": "add", "inputs": ["mean", "same", "max"]}
    assert layers["clip"] == {"name": "clip", "type": "hardtanh", "lowest": -0.5, "highest": 6}
    assert layers["signs"]["accumulator"] == 32
    assert layers["all"] == {"name": "all", "type": "globalavgpool"}
    with np.load(branching / "weights.npz") as arrays:
        assert set(arrays) == {
            "stem.weight", "stem.scale", "stem.bias", "signs.weight0", "signs.scale0", "signs.weight1",
            "signs.scale1", "signs.bias",
        }  # fmt: skip
        assert arrays["signs.weight0"].dtype == np.int8


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("shape: [6, 2, 3, 2]", "shape: [6, 2, 3, 3]", "stem.weight: shape (6, 2, 3, 2); expected shape (6, 2, 3, 3)"),
        ("shape: [6, 2, 3, 2]", "shape: [6, 2, 3]", "layers.0.shape"),
        ("shape: [6, 2, 3, 2]", "shape: 6", "layers.0.shape"),
        ("stride: [2, 1]", "stride: 2", "layers.0.stride"),
        ("stride: [2, 1]", "stride: [0, 1]", "layer stem: stride (0, 1); expected a whole number from 1"),
        ("stride: [2, 1]", "stride: [2.5, 1]", "layers.0.stride.0"),
        ("stride: [2, 1]", "strides: [2, 1]", "layers.0.stride"),
        ("\n  stride: [2, 1]", "", ".stride: missing"),
        ("\n  kernel: [3, 3]", "", ".kernel: missing"),
        ("padding: [[1, 0], [2, 1]]", "padding: [[1, 0]]", "layers.0.padding"),
        ("padding: [[1, 0], [2, 1]]", "padding: [[1, -1], [2, 1]]", "layer stem: padding (1, -1)"),
        ("dilation: [1, 2]", "dilation: [1, 90]", "layer stem: a kernel of 91"),
        ("groups: 2", "groups: 4", "layer stem: 4 groups of 6 output channels"),
        ("groups: 2", "groups: 3", "layer stem: its weight takes 6 channels, but it reads 4"),
        ("ceil_mode: true", "ceil_mode: 1", "layers.2.ceil_mode"),
        ("padding: [[1, 1], [1, 1]]", "padding: [[2, 2], [1, 1]]", "layer max: padding ((2, 2), (1, 1)) is more than"),
        ("lowest: -0.5", "lowest: 7.5", "layer clip: limits 7.5 ... 6"),
        ("lowest: -0.5", "lowest: low", "layers.5.lowest"),
        ("inputs: [mean, same, max]", "inputs: [mean, max]", "layer same"),
        ("inputs: [mean, same, max]", "inputs: [mean, some, max]", "layer sum: reads 'some', which no layer before"),
        ("inputs: [mean, same, max]", "inputs: mean", "layers.4.inputs"),
        ("accumulator: 32", "accumulator: 4", "layer signs: its accumulator can reach"),
    ],
)
def test_wrong_geometry_and_graphs(branching, old, new, expected):
    edit(branching, old, new)
    assert expected in error_of(branching, (FileError, NetworkError))


def test_layers_from_elsewhere_stand_in_the_description(imported):
    layers = {each["name"]: each for each in yaml.safe_load((imported / "network.yaml").read_text())["layers"]}
    assert layers["border"] == {
        "name": "border", "type": "pad2d", "padding": [[1, 0], [0, 2]], "value": -0.5,
    }  # fmt: skip
    assert layers["turned"] == {"name": "turned", "type": "rearrange", "order": [1, 2, 0], "shape": [5, 2, 5]}
    assert layers["leaky"] == {"name": "leaky", "type": "leakyrelu", "slope": 0.2}
    assert layers["curved"] == {"name": "curved", "type": "elu", "alpha": 1.5, "scale": 2.0}
    assert layers["minus"] == {"name": "minus", "type": "add", "inputs": ["leaky", "stem"], "signs": [-1, 1]}
    assert layers["levels"] == {
        "name": "levels", "type": "multithreshold", "shape": [3, 7], "scale": 0.5, "offset": -1.5,
    }  # fmt: skip
    assert layers["gated"] == {"name": "gated", "type": "multiply", "inputs": ["bent", "gate"]}
    assert layers["floor"] == {"name": "floor", "type": "hardtanh", "lowest": 0.25, "highest": "none"}
    assert layers["ceiling"] == {"name": "ceiling", "type": "hardtanh", "lowest": "none", "highest": 2.0}
    with np.load(imported / "weights.npz") as arrays:
        assert arrays["levels.thresholds"].shape == (3, 7)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("highest: none", "highest: .inf", "layers.10.highest"),
        ("highest: none", "highest: open", "layers.10.highest"),
        ("lowest: none", "lowest: 2.5", "layer ceiling: limits 2.5 ... 2"),
        ("slope: 0.2", "slope: steep", "layers.3.slope"),
        ("\n  slope: 0.2", "", ".slope: missing"),
        ("signs: [-1, 1]", "signs: [-1, 2]", "layer minus: signs (-1, 2); expected 1"),
        ("signs: [-1, 1]", "signs: [-1]", "layer minus: has 1 signs for 2 signals"),
        ("signs: [-1, 1]", "signs: [-1, true]", "layers.4.signs.1"),
        ("order: [1, 2, 0]", "order: [1, 2, 3]", "layer turned: order (1, 2, 3) of a frame of shape (2, 5, 5)"),
        ("shape: [5, 2, 5]", "shape: [5, 5]", "layer turned: shape (5, 5) of a frame"),
        ("padding: [[1, 0], [0, 2]]", "padding: 1", "layers.0.padding"),
        ("value: -0.5", "value: .nan", "layers.0.value"),
        ("shape: [3, 7]", "shape: [3, 8]", "levels.thresholds: shape (3, 7); expected shape (3, 8)"),
        ("shape: [3, 7]", "shape: [3]", "layers.5.shape"),
        ("scale: 0.5", "scale: 0", "layer levels: scale 0.0 and offset -1.5; expected"),
        ("offset: -1.5", "offset: -1.3", "layer levels: offset -1.3 is no multiple of the scale 0.5"),
        ("inputs: [bent, gate]", "inputs: [bent, gate, gate]", "layer gated: multiplies frames of shapes"),
    ],
)
def test_wrong_layers_from_elsewhere(imported, old, new, expected):
    edit(imported, old, new)
    assert expected in error_of(imported, (FileError, NetworkError))


def test_thresholds_that_are_none(imported):
    rewrite(imported, **{"levels.thresholds": np.full((3, 7), np.nan)})
    assert "layer levels: thresholds that do not rise" in error_of(imported, (FileError, NetworkError))


def test_defaults_may_be_left_out(branching):
    path = branching / "network.yaml"
    text = path.read_text()
    for default in ("  dilation: [1, 1]\n", "  groups: 1\n", "  ceil_mode: false\n"):
        assert default in text
        text = text.replace(default, "")
    path.write_text(text)
    assert load_network(branching) == canonical(branching_network())


def test_inputs_may_be_written_out(folder):
    edit(folder, "type: relu", "type: relu\n  inputs: [hidden]")
    assert load_network(folder) == small_network()


def test_a_network_is_returned_as_it_is():
    network = small_network()
    assert load_network(network) is network


def test_unknown_name_suggests_close_ones():
    with pytest.raises(UnknownNameError, match=r"no network named 'mnist-mlq'.*mnist-mlp"):
        load_network("mnist-mlq")


def test_existing_folder_is_replaced_when_told_to(folder):
    network = small_network()
    shorter = replace(network, layers=network.layers[:4], name="shorter")
    with pytest.raises(FileError, match=r"small: a network is there; write elsewhere, or give --force \(force=True\)"):
        save_network(shorter, folder)
    assert load_network(folder).name == "small"
    save_network(shorter, folder, force=True)
    assert load_network(folder).name == "shorter"


def test_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file: is a file; write the name of a folder"):
        save_network(small_network(), tmp_path / "file")
    with pytest.raises(FileError, match=f"in: {tmp_path / 'file'} is a file; write the name of a folder"):
        save_network(small_network(), tmp_path / "file" / "in")


@pytest.mark.parametrize("value", [np.float32(1), {1, 2}, float("nan"), object()])
def test_what_yaml_cannot_say_is_refused_before_anything_is_written(tmp_path, value):
    with pytest.raises(NetworkError, match=r"network small: about\.odd.*cannot be written"):
        save_network(replace(small_network(), about={"odd": value}), tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_truncated_arrays(folder):
    data = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(data[: len(data) // 2])
    assert "cut short" in error_of(folder)


def test_damaged_arrays(folder):
    data = bytearray((folder / "weights.npz").read_bytes())
    start = data.index(b"hidden.weight0.npy") + 60
    data[start : start + 20] = bytes(20)
    (folder / "weights.npz").write_bytes(data)
    assert "hidden.weight0: damaged" in error_of(folder)


def test_missing_files(folder):
    (folder / "weights.npz").unlink()
    assert "weights.npz: cannot be read (No such file" in error_of(folder)
    (folder / "network.yaml").unlink()
    assert "network.yaml: cannot be read (No such file" in error_of(folder)


def test_pickle_is_never_loaded(folder, monkeypatch):
    import pickle

    def refuse(*_):
        raise AssertionError("a pickle was loaded")

    rewrite(folder, **{"output.bias": np.array([1, None, 3], object)})
    monkeypatch.setattr(pickle, "load", refuse)
    message = error_of(folder)
    assert "output.bias: a pickle, which is never loaded; expected shape (3,), float32 or signed integers" in message


def test_pickle_in_place_of_the_file(folder):
    import pickle

    (folder / "weights.npz").write_bytes(pickle.dumps({"output.bias": 1}))
    assert "not an npz file" in error_of(folder)


def test_member_that_is_no_array(folder):
    rewrite(folder, **{"output.bias": None})
    with zipfile.ZipFile(folder / "weights.npz", "a") as archive:
        archive.writestr("output.bias.npy", b"hello")
    assert "output.bias: damaged, or no array" in error_of(folder)


def test_array_written_twice(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3, np.float32))
    with zipfile.ZipFile(folder / "weights.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("output.bias.npy", buffer.getvalue())
    assert "output.bias: written twice" in error_of(folder)


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("output.bias", None, "output.bias: missing; expected shape (3,), float32 or signed integers"),
        ("extra.weight", np.zeros(2), "extra.weight: unknown array"),
        ("output.weight", np.zeros((3, 4), np.float32), "shape (3, 4); expected shape (4, 3), float32"),
        ("output.weight", np.zeros((4, 3)), "dtype float64; expected shape (4, 3), float32"),
        ("output.weight", np.zeros((4, 3), ">f4"), "dtype >f4"),
        ("hidden.weight0", np.zeros((6, 4), np.float32), "dtype float32; expected shape (6, 4), signed integers"),
        ("hidden.weight0", np.zeros((6, 4), np.uint8), "dtype uint8"),
        ("hidden.scale0", np.ones(3), "hidden.scale0: shape (3,); expected shape () or (4,), float64"),
        ("hidden_codes.scale", np.ones((2, 2)), "hidden_codes.scale: shape (2, 2); expected a vector, float64"),
    ],
)
def test_wrong_arrays(folder, name, array, expected):
    rewrite(folder, **{name: array})
    message = error_of(folder)
    assert "weights.npz: " in message
    assert expected in message


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("output.weight", np.full((4, 3), np.nan, np.float32), "layer output: weight is not finite everywhere"),
        ("output.bias", np.full(3, np.inf, np.float32), "layer output: bias of shape (3,); expected"),
        ("hidden.weight0", np.full((6, 4), 2, np.int8), "layer hidden: weight codes reach 2 ... 2; ternary holds"),
        ("hidden.scale0", np.zeros(4), "layer hidden: weight scale"),
        ("hidden_codes.scale", np.ones(3), "layer hidden_codes: 3 numbers for 4 channels"),
    ],
)
def test_arrays_that_are_no_network(folder, name, array, expected):
    rewrite(folder, **{name: array})
    assert expected in error_of(folder, NetworkError)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("type: relu", "type: relo", "layers.5: unknown layer type 'relo'; write type: and one of add, affine"),
        ("  type: relu\n", "", "layers.5: unknown layer type None"),
        ("type: relu", "type: relu\n  slope: 0.1", "layers.5.slope: unknown key"),
        ("name: small", "name: small\nname: big", "name: written twice"),
        ("schema: 1", "schema: 2", "schema: expected 1, got 2"),
        ("schema: 1\n", "", "schema: missing"),
        ("bit_width: 7", "bit_width: seven", "layers.6.bit_width: expected a valid integer, got text 'seven'"),
        ("bit_width: 7", "bit_width: 99", "layer hidden_codes: bit widths go from 1"),
        ("scale: 2.0", "scale: 2e0", "layers.3.scale"),
        ("format: fp32", "format: fp31", "no bit width 31"),
        ("{format: ternary}", "{format: trinary}", "layer hidden: number format 'trinary'"),
        ("shape: [6, 4]", "shape: [6]", "layers.4.shape"),
        ("step: 1.0", "step: .nan", "input.step: expected a finite number"),
        ("seed: 1", "seed: .nan", "about.seed"),
        ("accumulator: 40", "accumulator: 4", "layer hidden: its accumulator can reach"),
        ("shape: [1, 2, 3]", "shape: [1, 2, 4]", "layer hidden: its weight takes 6 inputs, but it reads 8"),
    ],
)
def test_wrong_descriptions(folder, old, new, expected):
    edit(folder, old, new)
    message = error_of(folder, (FileError, NetworkError))
    assert "network.yaml" in message
    assert re.sub(r"\s+", " ", expected) in message


def test_a_file_is_no_folder(folder):
    with pytest.raises(FileError, match="expected a model folder"):
        load_network(folder / "network.yaml")


def test_widest_codes_survive(tmp_path):
    code = np.array([[-(2**31), 2**31 - 1]])
    network = Network("wide", (1,), (Dense("dense", terms=(Weight(code, integer(32)),)),), integer(2))
    save_network(network, tmp_path)
    assert load_network(tmp_path) == network
