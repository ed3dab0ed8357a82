"""What a file declares of number formats is what is counted: counts and words by hand, outputs by other tools."""

import itertools

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_graphs import QONNX, apart, chain, imported, model, node, onnxruntime_outputs, qonnx_outputs

import hwsim
from hwsim.errors import DataError, NetworkError, TableError
from hwsim.onnx_file import write_onnx

pytestmark = pytest.mark.onnx
RNG = np.random.default_rng(8)


def typed(proto, read=TensorProto.FLOAT, shape=None, annotations=()):
    """A model whose input has a type, and tensors the datatypes that FINN's tools write beside them."""
    kept = shape or [each.dim_value for each in proto.graph.input[0].type.tensor_type.shape.dim]
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", read, kept))
    for tensor, datatype in dict(annotations).items():
        each = proto.graph.quantization_annotation.add(tensor_name=tensor)
        each.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
    return proto


def counted(network, frames, machine="mac-array"):
    """Operations outside memory by phase and name, and words read and written by what they are of."""
    counts = hwsim.count(hwsim.simulate(network, frames).activity, machine)
    operations, words = {}, {}
    for key, number in counts.entries.items():
        if key.phase != "memory":
            operations[key.phase, str(key.operation)] = int(number.sum())
        elif key.operation.memory:
            place = key.layer, key.operation.memory, key.operation.kind
            words[place] = words.get(place, 0) + int(number.sum())
    return operations, words, counts


# ------------------------------------------------------------------------------------------------ real formats

REAL = {
    "fp16": (TensorProto.FLOAT16, 16),
    "bf16": (TensorProto.BFLOAT16, 16),
    "fp32": (TensorProto.FLOAT, 32),
    "fp64": (TensorProto.DOUBLE, 64),
}


def product(kind, weight):
    """A matrix product in a format of real numbers."""
    proto = typed(model([node("MatMul", ("x", "w"), "y")], (1, 16)), kind)
    proto.graph.initializer.append(helper.make_tensor("w", kind, weight.shape, weight.ravel().tolist()))
    return proto


@pytest.mark.parametrize("name", REAL)
def test_real_numbers_are_counted_in_the_format_they_are_declared_in(name):
    kind, bits = REAL[name]
    weight, frames = RNG.normal(size=(16, 8)).astype(np.float16), RNG.normal(size=(1, 16)).astype(np.float16)
    network = imported(product(kind, weight))
    operations, words, counts = counted(network, frames)
    assert operations == {("synapse", f"multiplication {name} x {name}"): 128, ("synapse", f"addition {name}"): 128}
    # words of 64 bits: 16 numbers, 16 rows of 8 weights, 8 results
    assert words["input", "activations", "sram_read"] == 16 * bits // 64
    assert words["MatMul_0", "weights", "sram_read"] >= 16 * 8 * bits // 64
    assert words["MatMul_0", "activations", "sram_write"] == 8 * bits // 64
    tolerance = {"bf16": 0.02, "fp16": 0.002}.get(name, 1e-6)
    exact = frames.astype(np.float64) @ numpy_helper.to_array(product(kind, weight).graph.initializer[0])
    assert apart(hwsim.simulate(network, frames).outputs, exact.astype(np.float64)) < tolerance
    if name in ("bf16", "fp64"):  # which the default table has no price of
        with pytest.raises(TableError, match=rf"multiplication {name} x {name}.*128"):
            hwsim.price(counts, "default_45nm")
    else:
        assert hwsim.price(counts, "default_45nm").per_inference > 0


def test_half_precision_against_onnxruntime_and_by_price():
    """1.1 + 0.4 pJ a multiplication and addition of 16 bits, against 3.7 + 0.9 of 32 (Horowitz 2014)."""
    weight, frames = RNG.normal(size=(16, 8)).astype(np.float16), RNG.normal(size=(20, 16)).astype(np.float16)
    proto = product(TensorProto.FLOAT16, weight)
    network = imported(proto)
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 2e-3
    energy = {}
    for name in ("fp16", "fp32"):
        _, _, counts = counted(imported(product(REAL[name][0], weight)), frames[:1])
        table = hwsim.price(counts, "default_45nm").to_dataframe()
        energy[name] = table[(table["phase"] == "synapse")]["energy [J]"].sum()
    assert energy["fp16"] == pytest.approx(128 * 1.5e-12)
    assert energy["fp32"] == pytest.approx(128 * 4.6e-12)


@pytest.mark.parametrize("name", REAL)
def test_weights_of_two_values_are_binary_in_every_format(name):
    kind, _ = REAL[name]
    operations, _, _ = counted(imported(product(kind, 0.5 * RNG.choice([-1, 1], (16, 8)))), RNG.normal(size=(1, 16)))
    scaled = {("neuron", f"multiplication {name} x {name}"): 8}
    assert operations == {("synapse", f"addition {name}"): 128, **scaled}


@pytest.mark.parametrize("name", REAL)
def test_codes_that_meet_real_weights_are_converted_to_their_format(name):
    """Each of 16 codes once; then 128 products of real numbers."""
    kind, _ = REAL[name]
    proto = typed(model([node("Cast", "x", "c", to=kind), node("MatMul", ("c", "w"), "y")], (1, 16)), TensorProto.INT8)
    weight = RNG.normal(size=(16, 8))
    proto.graph.initializer.append(helper.make_tensor("w", kind, weight.shape, weight.ravel().tolist()))
    operations, _, _ = counted(imported(proto), RNG.integers(1, 127, (1, 16)).astype(np.int8))
    assert operations["encode", f"conversion int8 x {name}"] == 16
    assert operations["synapse", f"multiplication {name} x {name}"] == 128
    assert operations["synapse", f"addition {name}"] == 128
    assert len(operations) == 3


def test_layers_behind_keep_the_format():
    """Bias, curves, pooling, sums and products of a convolutional network, all in half precision."""
    nodes = [
        node("Conv", ("x", "w", "b"), "c", pads=[1, 1, 1, 1]), node("Sigmoid", ("c",), "s"),
        node("Mul", ("c", "s"), "m"),
        node("Add", ("m", "c"), "a"), node("Relu", ("a",), "r"), node("GlobalAveragePool", ("r",), "g"),
    ]  # fmt: skip
    half = {"w": RNG.normal(size=(4, 3, 3, 3)), "b": RNG.normal(size=4)}
    proto = typed(model(nodes, (1, 3, 6, 6), {k: v.astype(np.float16) for k, v in half.items()}), TensorProto.FLOAT16)
    network = imported(proto)
    assert {str(signal.format) for signal in network.signals.values()} == {"fp16"}
    frames = RNG.normal(size=(4, 3, 6, 6)).astype(np.float16)
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 5e-3
    operations, _, _ = counted(network, frames[:1])
    assert not [name for _, name in operations if "fp32" in name]


def test_casts_at_the_ends_are_read_and_others_refused():
    def graph(*steps):
        return model(chain(*steps), (1, 16), {"w": np.eye(16, dtype=np.float16), "v": np.eye(16, dtype=np.float32)})

    to_half, to_single = ("Cast", (), {"to": TensorProto.FLOAT16}), ("Cast", (), {"to": TensorProto.FLOAT})
    network = imported(graph(to_half, ("MatMul", ("w",), {}), to_single, ("Softmax", (), {})))
    assert network.input_format.name == "fp16"
    assert [str(network.signals[layer.name].format) for layer in network.layers] == ["fp16", "fp16"]
    with pytest.raises(NetworkError, match="its numbers are fp32, what they are made of is fp16"):
        imported(graph(to_half, ("MatMul", ("w",), {}), to_single, ("MatMul", ("v",), {})))


@pytest.mark.parametrize("name", ["fp16", "bf16", "fp64"])
def test_a_format_survives_a_model_folder_and_is_told(name, tmp_path):
    path = tmp_path / "real.onnx"
    onnx.save(product(REAL[name][0], np.eye(16, 8)), path)
    network = hwsim.load_network(path)
    hwsim.save_network(network, tmp_path / "kept")
    again = hwsim.load_network(tmp_path / "kept")
    assert again == network
    assert again.real_formats == (name,)
    from typer.testing import CliRunner

    from hwsim.cli import app

    said = CliRunner().invoke(app, ["network", "check", str(path)])
    assert f"counted and stored as {name}, as declared; worked on in float32" in said.output
    with pytest.raises(NetworkError, match=f"holds {name}"):
        write_onnx(network, tmp_path / "out.onnx")


# ------------------------------------------------------------------------------------------- declared inputs


def test_codes_by_annotation():
    """Inputs of -1 and 1, weights of -1, 0 and 1: additions; sums of 16 of them fit 8 bits."""
    weight = RNG.integers(-1, 2, (16, 8)).astype(np.float32)
    proto = model([node("MatMul", ("x", "w"), "y")], (1, 16), {"w": weight})
    network = imported(typed(proto, annotations={"x": "BIPOLAR", "w": "TERNARY"}))
    frames = np.sign(RNG.normal(size=(5, 16))).astype(np.float32)
    assert network.input_format.name == "binary"
    assert counted(network, frames[:1])[0] == {("synapse", "addition int8"): 128}
    np.testing.assert_array_equal(hwsim.simulate(network, frames).outputs, frames @ weight)  # as real numbers
    np.testing.assert_array_equal(hwsim.simulate(network, frames.astype(np.int8)).outputs, frames @ weight)
    for wrong in (frames * 0, frames * 0.5, frames * 2):
        with pytest.raises((NetworkError, DataError), match="takes"):
            hwsim.simulate(network, wrong)


@pytest.mark.parametrize(("datatype", "format"), [("TERNARY", "int2-narrow"), ("INT4", "int4"), ("UINT3", "uint3")])
def test_integers_by_annotation(datatype, format):
    proto = model([node("MatMul", ("x", "w"), "y")], (1, 16), {"w": np.eye(16, 8, dtype=np.float32)})
    network = imported(typed(proto, annotations={"x": datatype, "w": "INT4"}))
    assert network.input_format.name == format
    assert network.is_integer
    with pytest.raises(NetworkError, match=f"takes {format} codes"):
        hwsim.simulate(network, np.full((1, 16), 0.5))


def quantized_product(*steps, kind=TensorProto.UINT8):
    """The input, what is done to it, and a product with weights of int8."""
    steps = [("Cast", (), {"to": TensorProto.FLOAT}), *steps, ("MatMul", ("d",), {})]
    nodes = [node("DequantizeLinear", ("w", "s"), "d"), *chain(*steps)]
    constants = {
        "w": RNG.integers(-127, 128, (16, 8)).astype(np.int8), "s": np.float32(0.01), "fraction": np.float32(1 / 255),
        "whole": np.float32(128), "mean": np.float32(0.4),
    }  # fmt: skip
    return typed(model(nodes, (1, 16), constants), kind)


@pytest.mark.parametrize(
    ("steps", "format", "operation"),
    [
        ((), "uint8", "multiplication int8 x int8"),
        ((("Mul", ("fraction",), {}),), "uint8", "multiplication int8 x int8"),
        # less 128, as sums of 16 bits
        ((("Sub", ("whole",), {}),), "uint8", "multiplication int16 x int8"),
        # a mean that is no code is taken off real numbers
        ((("Mul", ("fraction",), {}), ("Sub", ("mean",), {})), "fp32", "multiplication fp32 x fp32"),
    ],
)
def test_codes_by_the_type_of_the_input(steps, format, operation):
    proto = quantized_product(*steps)
    network = imported(proto)
    frames = RNG.integers(0, 256, (9, 16)).astype(np.uint8)
    assert network.input_format.name == format
    operations, _, _ = counted(network, frames[:1])
    assert operations["synapse", operation] == 128
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 1e-6
    said = [each for each in network.about.get("remarks", []) if "taken as real numbers" in each]
    assert len(said) == (format == "fp32")


@pytest.mark.parametrize("zero_point", [0, -3])
def test_an_input_of_codes_and_what_they_stand_for(zero_point):
    steps = ("DequantizeLinear", ("s", "z"), {}), ("MatMul", ("d",), {})
    nodes = [node("DequantizeLinear", ("w", "s"), "d"), *chain(*steps)]
    weight = RNG.integers(-127, 128, (16, 8)).astype(np.int8)
    proto = typed(
        model(nodes, (1, 16), {"w": weight, "s": np.float32(0.01), "z": np.int8(zero_point)}), TensorProto.INT8
    )
    network = imported(proto)
    assert network.input_format.name == "int8"
    assert network.is_integer
    frames = RNG.integers(-128, 128, (9, 16)).astype(np.int8)
    assert apart(hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)) < 1e-6


# ------------------------------------------------------------------------------------- weights with a zero point


def with_zero_point(zero_point, code, conv=False, bits=np.uint8):
    """Codes of 8 bits around 4, times weights around a zero point of their own."""
    shape = (1, 3, 6, 6) if conv else (1, code.shape[0])
    axis = 0 if conv else 1
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "q"), node("DequantizeLinear", ("q", "s", "z"), "a"),
        node("DequantizeLinear", ("w", "sw", "zw"), "d", **({"axis": axis} if np.ndim(zero_point) else {})),
        node("Conv", ("a", "d"), "y", pads=[1, 1, 1, 1]) if conv else node("MatMul", ("a", "d"), "y"),
    ]  # fmt: skip
    scale = np.full(np.shape(zero_point), 0.01, np.float32)
    constants = {
        "s": np.float32(0.02), "z": np.uint8(4), "sw": scale, "zw": np.asarray(zero_point, bits),
        "w": code.astype(bits),
    }  # fmt: skip
    return model(nodes, shape, constants)


def test_weights_with_a_zero_point_are_stored_in_their_own_bits():
    """Eight words of 64 bits a row of 64 weights; the zero point costs what it costs, and no wider multipliers."""
    network = imported(with_zero_point(131, RNG.integers(0, 256, (16, 64))))
    operations, words, counts = counted(network, np.zeros((1, 16), np.float32))
    assert operations["synapse", "multiplication int8 x int8"] == 16 * 64
    # every event is also added up by itself, once; every neuron takes off that sum times the zero point
    assert operations["synapse", "addition int24"] == 16 * 64 + 16
    assert operations["neuron", "multiplication int24 x int8"] == operations["neuron", "addition int24"] == 64
    biases = 64 * 24 // 64
    assert words["MatMul_3", "weights", "sram_read"] in (
        16 * 8,
        16 * 8 + biases,
    )  # with an absent bias, or one of zeros
    assert {key.operation.capacity for key in counts.entries if key.operation.memory == "weights"} <= {1024, 2048}


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_with_a_zero_point_give_what_onnxruntime_gives(conv, per_channel, tmp_path):
    shape = (4, 3, 3, 3) if conv else (16, 4)
    zero_point = np.array([7, 131, 0, 255]) if per_channel else 131
    proto = with_zero_point(zero_point, RNG.integers(0, 256, shape), conv)
    network = imported(proto)
    frames = RNG.normal(size=(7, *proto_shape(proto))).astype(np.float32)
    runs = [hwsim.simulate(network, frames, execution) for execution in ("dense", "sparse", "delta")]
    assert apart(runs[0].outputs, onnxruntime_outputs(proto, frames)) < 1e-5
    for run in runs[1:]:
        np.testing.assert_array_equal(run.output_codes, runs[0].output_codes)
    hwsim.save_network(network, tmp_path / "kept")
    assert hwsim.load_network(tmp_path / "kept") == network
    assert imported(with_zero_point(130, RNG.integers(0, 256, shape), conv)) != network
    if per_channel:
        with pytest.raises(NetworkError, match="zero point for each channel"):
            write_onnx(network, tmp_path / "out.onnx", qonnx=True)
    else:
        write_onnx(network, tmp_path / "out.onnx", qonnx=True)
        again = hwsim.load_network(tmp_path / "out.onnx")
        assert str(again.layers[1].terms[0].format) == "uint8"
        np.testing.assert_array_equal(hwsim.simulate(again, frames).outputs, runs[0].outputs)


def proto_shape(proto):
    return tuple(each.dim_value for each in proto.graph.input[0].type.tensor_type.shape.dim)[1:]


def test_weights_around_128_are_int8():
    code = RNG.integers(0, 256, (16, 4))
    (weight,) = imported(with_zero_point(128, code)).layers[1].terms
    assert (str(weight.format), weight.is_offset) == ("int8", False)
    np.testing.assert_array_equal(weight.code, code - 128)


def test_turned_channels_are_mirrored_within_their_format():
    """A falling batch norm before a quantizer changes the signs of weights, which stay codes of 8 bits."""
    proto = with_zero_point(100, RNG.integers(0, 256, (16, 4)))
    factor = {"factor": np.float32([1, -1, 1, -1]), "offset": np.float32([0.1, 0.2, 0.3, 0.4]), "so": np.float32(3.7)}
    for name, value in {**factor, "zo": np.int8(0)}.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    proto.graph.node.extend(
        [
            node("Mul", ("y", "factor"), "m"),
            node("Add", ("m", "offset"), "o"),
            node("QuantizeLinear", ("o", "so", "zo"), "oq"),
            node("DequantizeLinear", ("oq", "so", "zo"), "out"),
        ]
    )
    proto.graph.output[0].name = "out"
    network = imported(proto)
    (weight,) = network.layers[1].terms
    assert (str(weight.format), weight.zero_point.tolist()) == ("uint8", [100, 155, 100, 155])
    frames = RNG.normal(size=(50, 16)).astype(np.float32)
    found = hwsim.simulate(network, frames).outputs / np.float32(3.7)
    np.testing.assert_allclose(found, onnxruntime_outputs(proto, frames) / np.float32(3.7), atol=1e-5)


# ----------------------------------------------------------------------------------------------------- Trunc


@pytest.mark.parametrize(
    ("signed", "rounding", "format"), [(0, "FLOOR", "uint4"), (0, "ROUND", "uint4"), (1, "FLOOR", "int4")]
)
def test_trunc_leaves_codes_of_the_width_it_says(signed, rounding, format):
    """Sums of sixteen codes of 4 bits, of which the highest 4 of 8 stay."""
    parameters = {"s": 0.25, "z": 0, "b4": 4, "b8": 8, "k": 16}
    constants = {name: np.float32(value) for name, value in parameters.items()}
    constants["w"] = (RNG.integers(-7, 8, (4, 2, 1, 1)) * 0.25).astype(np.float32)
    quant = {"domain": QONNX, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [
        node("Quant", ("x", "s", "z", "b4"), "q", signed=signed, **quant),
        node("AveragePool", ("q",), "p", kernel_shape=[4, 4]),
        node("Mul", ("p", "k"), "m"),
        node("Trunc", ("m", "s", "z", "b8", "b4"), "t", domain=QONNX, rounding_mode=rounding),
        node("Quant", ("w", "s", "z", "b4"), "wq", signed=1, **(quant | {"narrow": 1})),
        node("Conv", ("t", "wq"), "y"),
    ]
    proto = model(nodes, (1, 2, 4, 4), constants, n_axis=4)
    network = imported(proto)
    trunc = next(layer for layer in network.layers if layer.name.startswith("Trunc"))
    assert str(network.signals[trunc.name].format) == format
    frames = np.concatenate([RNG.normal(size=(60, 2, 4, 4)) * 3, np.full((1, 2, 4, 4), 99)]).astype(np.float32)
    operations, _, _ = counted(network, frames[:1])
    assert operations["synapse", f"multiplication int{format[-1]} x int4"] == 8
    expected = np.concatenate([qonnx_outputs(proto, frame[None]) for frame in frames])
    np.testing.assert_array_equal(hwsim.simulate(network, frames).outputs, expected)


# --------------------------------------------------------------------------------------------- stated widths


def dead_channel(bias, weight_of_it=0, quantized=True, out_step=0.05):
    """A quantized convolution of four channels, the second of which has a bias at the end of int32."""
    code = RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    code[1] = weight_of_it
    nodes = [
        node("QuantizeLinear", ("x", "s", "z"), "q"), node("DequantizeLinear", ("q", "s", "z"), "a"),
        node("DequantizeLinear", ("w", "sw"), "wd"), node("DequantizeLinear", ("b", "sb"), "bd"),
        node("Conv", ("a", "wd", "bd"), "c"), node("QuantizeLinear", ("c", "so", "z"), "cq"),
        node("DequantizeLinear", ("cq", "so", "z"), "y"),
    ]  # fmt: skip
    constants = {
        "s": np.float32(0.02), "sw": np.float32(0.01), "sb": np.float32(0.0002), "so": np.float32(out_step),
        "z": np.uint8(7), "w": code, "b": np.array([3, bias, -900, 12], np.int32),
    }  # fmt: skip
    return model(nodes if quantized else nodes[:5], (1, 3, 6, 6), constants)


@pytest.mark.parametrize(("bias", "weight"), [(-(2**31), 0), (2**31 - 1, 0), (-(2**31), 3), (2**31 - 1, -5)])
def test_one_dead_channel_widens_no_sums(bias, weight):
    proto = dead_channel(bias, weight)
    network = imported(proto)
    conv = network.layers[1]
    assert str(network.signals[conv.name].format) == "int32"
    assert conv.bias[[0, 2, 3]].tolist() == [3, -900, 12]
    assert any("never change" in remark for remark in network.about["remarks"])
    frames = RNG.normal(size=(40, 3, 6, 6)).astype(np.float32)
    found, expected = hwsim.simulate(network, frames).outputs, onnxruntime_outputs(proto, frames)
    apart = np.abs(np.rint((found - expected) / 0.05)).reshape(40, 4, -1)
    # of the others a code next to a tie may be the neighbouring one
    assert not apart[:, 1].any()
    assert apart.max() <= 1
    assert apart.mean() <= 0.003


def test_sums_that_the_stated_width_does_not_hold_are_refused():
    with pytest.raises(NetworkError, match=r"layer Conv_4: sums reach 2,147,\d+,\d+, beyond the int32 of its bias"):
        imported(dead_channel(-(2**31), 3, quantized=False))
    # 2**31 steps of 0.0002 are 107 of 4000: a code among others, which may change
    with pytest.raises(NetworkError, match="beyond the int32 of its bias"):
        imported(dead_channel(2**31 - 1, 3, out_step=4000))


def test_the_last_bits_of_a_stored_bias_are_kept():
    """Float32 has 24 of them."""
    assert imported(dead_channel(2**24 + 1)).layers[1].bias[1] == 2**24 + 1


# -------------------------------------------------------------------------------------- arithmetic of integers

TYPES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8, "int16": TensorProto.INT16, "int32": TensorProto.INT32}


def integers(name, operator, constant, first=True):
    """The input and a constant, both of an integer type, at work with each other."""
    inputs = ("x", "c") if first else ("c", "x")
    return typed(model([node(operator, inputs, "y")], (1, 256), {"c": np.asarray(constant, name)}), TYPES[name])


def all_codes(name):
    info = np.iinfo(name)
    if info.bits == 8:
        return np.arange(info.min, info.max + 1)[None].astype(name)
    return RNG.integers(info.min, info.max, (1, 256), endpoint=True).astype(name)


@pytest.mark.parametrize(
    ("name", "operator", "constant", "first"),
    [
        case
        for case in itertools.product(TYPES, ("Add", "Sub", "Mul"), (3, 100), (True, False))
        if case[0] != "int32" or case[1] != "Mul"
    ],
)
def test_integers_wrap_as_their_type_does(name, operator, constant, first):
    """All codes of 8 bits, and wider ones drawn, against onnx's own reference."""
    proto, frames = integers(name, operator, constant, first), all_codes(name)
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": frames})
    for execution in ("dense", "delta"):
        run = hwsim.simulate(imported(proto), frames, execution)
        np.testing.assert_array_equal(run.outputs, expected)
        np.testing.assert_array_equal(run.output_codes, expected)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
def test_two_computed_tensors_wrap_too(operator):
    nodes = [
        node("Add", ("x", "c"), "a"),
        node(operator, ("a", "x"), "b"),
        node("Cast", ("b",), "y", to=TensorProto.INT8),
    ]
    proto = typed(model(nodes, (1, 256), {"c": np.uint8(77)}), TensorProto.UINT8)
    frames = all_codes("uint8")
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": frames})
    np.testing.assert_array_equal(hwsim.simulate(imported(proto), frames).outputs, expected)


def test_what_cannot_wrap_costs_no_wrapping():
    nodes = [node("Cast", ("x",), "w", to=TensorProto.INT32), node("Sub", ("w", "c"), "y")]
    network = imported(typed(model(nodes, (1, 256), {"c": np.int32(128)}), TensorProto.UINT8))
    assert not [layer for layer in network.layers if isinstance(layer, hwsim.Wrap)]


def test_a_layer_that_wraps_survives_a_model_folder(tmp_path):
    network = imported(integers("uint8", "Add", 3))
    hwsim.save_network(network, tmp_path / "kept")
    assert hwsim.load_network(tmp_path / "kept") == network
    with pytest.raises(NetworkError, match="a Wrap has none"):
        write_onnx(network, tmp_path / "out.onnx")


@pytest.mark.parametrize(
    ("name", "operator", "constant"),
    [("int8", "Div", 3), ("uint8", "Div", 2), ("int32", "Div", 7)],
)
def test_divisions_of_integers_are_refused(name, operator, constant):
    with pytest.raises(NetworkError, match=f"it divides {name} numbers, which drops what remains"):
        imported(integers(name, operator, constant))


def test_wide_integers_are_never_computed_with_as_real_numbers():
    proto = typed(model([node("Add", ("x", "c"), "y")], (1, 4), {"c": np.int64(1)}), TensorProto.INT64)
    with pytest.raises(NetworkError, match="computes with int64 numbers"):
        imported(proto)
    proto = typed(model([node("Relu", ("x",), "y")], (1, 4)), TensorProto.INT64)
    assert "taken as real numbers" in imported(proto).about["remarks"][0]
