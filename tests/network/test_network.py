"""Networks: what is checked when they are made, what is worked out then, content digests; and bad input to a run."""

import dataclasses

import numpy as np
import pytest
from complaint import complaint

import hwsim
from hwsim import Affine, Conv2d, Dense, Flatten, Network, Quantize, ReLU, Weight
from hwsim.errors import DataError, HwsimError
from hwsim.network.number_format import FP32, NumberFormat, integer

INT8 = integer(8)
ONES = Weight(np.ones((4, 3), int), INT8)


def dense(name="dense", n_in=4, n_out=3, value=1, **fields):
    return Dense(name, terms=(Weight(np.full((n_in, n_out), value), INT8),), **fields)


def net(*layers, shape=(4,), format=INT8, step=1.0):
    return Network("net", shape, layers, format, step)


# ------------------------------------------------------------------------------------------ what is worked out


def test_layers_are_chained_by_name():
    network = net(dense(), ReLU("relu"), dense("more", 3, 2, inputs=("relu",)))
    assert [layer.inputs for layer in network.layers] == [("input",), ("dense",), ("relu",)]
    assert list(network.signals) == ["input", "dense", "relu", "more"]
    assert [(stage.name, stage.sources, stage.output) for stage in network.stages] == [
        ("input", (), "input"),
        ("dense", ("input",), "relu"),
        ("more", ("relu",), "more"),
    ]


@pytest.mark.parametrize(
    ("bound", "width"),
    # |code| up to 128, four weights of 1 and a bias: 4 x 128 + bias
    [(2**15 - 1, 16), (2**15, 24), (2**23 - 1, 24), (2**23, 32), (2**31 - 1, 32), (2**31, 64)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_accumulators_are_as_wide_as_the_exact_bound_needs(bound, width, sign):
    bias = np.array([0, sign * (bound - 4 * 128), 7])
    network = net(dense(bias=bias))
    assert network.output.bound == bound
    assert network.output.format == integer(width)
    # at the bound itself nothing overflows
    frames = np.full((2, 4), -128, np.int8) if sign < 0 else np.full((2, 4), 127, np.int8)
    expected = bias + frames[0].astype(int).sum()
    for execution in ("dense", "sparse", "delta"):
        assert hwsim.simulate(network, frames, execution).output_codes.tolist() == [expected.tolist()] * 2


def test_a_declared_accumulator_is_kept_or_refused():
    assert net(dense(accumulator=32)).output.format == integer(32)
    assert net(dense(accumulator=11)).output.format == integer(11)  # 512 needs eleven bits
    message = complaint(net, dense(accumulator=10))
    for part in ("network net", "layer dense", "512", "11 bits", "10 are declared"):
        assert part in message


def test_no_accumulator_is_wider_than_64_bits():
    message = complaint(net, dense(bias=np.array([0, 0, 2**63 - 1])))
    for part in ("layer dense", "65 bits", "64 is the most"):
        assert part in message


def test_steps_follow_codes_through_the_network():
    network = net(
        Dense("dense", terms=(Weight(np.ones((4, 3), int), INT8, np.array([0.5, 0.25, 1.0])),)),
        Quantize("quantize", scale=2.0, bit_width=4, zero_point=3),
        step=0.125,
    )
    assert network.signals["dense"].step.tolist() == [0.0625, 0.03125, 0.125]
    assert network.output.step == 0.5
    # 4-bit codes are -8 ... 7, so -11 ... 4 about a zero point of 3
    assert (network.output.zero_point, network.output.bound, network.output.span) == (3, 11, 15)


def test_real_and_integer_networks_are_told_apart():
    assert net(dense()).is_integer
    assert not net(dense(), format=FP32).is_integer
    assert net(Quantize("quantize"), dense(), format=FP32).is_integer
    real = Dense("dense", terms=(Weight(np.ones((4, 3), np.float32)),))
    assert not net(real).is_integer
    assert net(real).output.format == FP32


# ------------------------------------------------------------------------------------------------ the digest


def test_networks_compare_by_what_they_compute():
    one, same = net(dense()), net(dense())
    assert one == same
    assert hash(one) == hash(same)
    assert one == dataclasses.replace(one, name="other", about={"seed": 1})
    assert len(one.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        net(dense(value=2)),
        net(dense(name="dense2")),
        net(dense(bias=np.array([0, 0, 1]))),
        net(dense(accumulator=32)),
        net(dense(), ReLU("relu")),
        net(dense(), step=0.5),
        net(dense(), format=NumberFormat("integer", 8, narrow_range=True)),
        net(dense(), shape=(4,), format=FP32),
        net(Dense("dense", terms=(Weight(np.ones((4, 3), int), integer(4)),))),
        net(Dense("dense", terms=(Weight(np.ones((4, 3), int), INT8, 0.5),))),
        net(Dense("dense", terms=(ONES, ONES))),
        net(dense(), Quantize("quantize", rounding="floor")),
    ],
)
def test_networks_that_differ_in_anything_differ(other):
    assert net(dense()) != other
    assert other != net(dense(), Quantize("quantize", rounding="half_even"))


def test_a_negative_zero_makes_no_other_bias():
    real = Weight(np.ones((4, 3), np.float32))
    zeros = np.zeros(3, np.float32)
    one, other = (Dense("dense", terms=(real,), bias=bias) for bias in (zeros, -zeros))
    assert np.signbit(-zeros).all()
    assert net(one, format=FP32) == net(other, format=FP32)


def test_what_is_made_cannot_be_changed():
    network = net(dense())
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.name = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.layers[0].accumulator = 8


# ------------------------------------------------------------------------------------------ networks that are none


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: net(), ("network net", "no layers")),
        (lambda: net(dense(), shape=()), ("network net", "input shape ()")),
        (lambda: net(dense(), shape=(0,)), ("network net", "input shape (0,)", "at least 1")),
        (lambda: net(dense(), ReLU("dense")), ("network net", "'dense'", "used twice")),
        (lambda: net(ReLU("")), ("network net", "''", "empty")),
        (lambda: net(ReLU("input")), ("network net", "'input'", "used twice")),
        (lambda: net(dense(inputs=("none",))), ("layer dense", "'none'", "no layer before it makes")),
        (
            lambda: net(dense(), ReLU("relu"), ReLU("late", inputs=("dense",))),
            ("nothing reads layer relu", "only the last layer"),
        ),
        (lambda: net(dense(), dense("more")), ("layer more", "4 inputs", "reads 3")),
        (lambda: net(dense(), shape=(1, 2, 2)), ("layer dense", "(1, 2, 2)", "Flatten")),
        (lambda: net(dense(), step=0.0), ("step", "0.0", "positive finite")),
        (lambda: net(dense(), step=float("nan")), ("step", "nan", "positive finite")),
        (lambda: net(Affine("affine", scale=np.ones(3))), ("layer affine", "3 numbers for 4 channels")),
        (lambda: net(Quantize("quantize", scale=np.ones(5))), ("layer quantize", "5 numbers for 4 channels")),
        (lambda: net(dense(bias=np.array([0.5, 0, 0]))), ("layer dense", "integer bias")),
        (
            lambda: net(dense(bias=np.array([1, 0, 0])), format=FP32),
            ("layer dense", "real arithmetic with an integer bias"),
        ),
        (
            lambda: net(Quantize("quantize", scale=np.arange(1.0, 5)), dense(), format=FP32),
            ("layer dense", "one step", "one per channel"),
        ),
    ],
)
def test_networks_that_do_not_fit_together(make, parts):
    message = complaint(make)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: Weight(np.ones(3)), ("(3,)", "(n_in, n_out)")),
        (lambda: Weight(np.ones((3, 0))), ("(3, 0)", "at least 1")),
        (lambda: Weight(np.full((2, 2), np.nan, np.float32)), ("not finite",)),
        (lambda: Weight(np.full((2, 2), 0.5), INT8), ("not whole numbers", "int8")),
        (lambda: Weight(np.full((2, 2), 128), INT8), ("128 ... 128", "int8", "-128 ... 127")),
        (lambda: Weight(np.zeros((2, 2), int), NumberFormat.parse("binary")), ("binary", "zeros")),
        (lambda: Weight(np.full((2, 2), 2), NumberFormat.parse("ternary")), ("ternary", "-1 ... 1")),
        (lambda: Weight(np.full((2, 2), 3), NumberFormat.parse("po2-4")), ("power-of-two", "others")),
        (lambda: Weight(np.ones((2, 2), int), INT8, 0.0), ("weight scale", "positive finite")),
        (lambda: Weight(np.ones((2, 2), int), INT8, np.ones((2, 2))), ("weight scale", "one per channel")),
        (lambda: Dense("dense"), ("layer dense", "one or two weight terms")),
        (lambda: Dense("dense", terms=(ONES, ONES, ONES)), ("layer dense", "one or two weight terms")),
        (lambda: Dense("dense", terms=(ONES, Weight(np.ones((4, 2), int), INT8))), ("layer dense", "of one shape")),
        (lambda: dense(bias=np.zeros(4, int)), ("layer dense", "(4,)", "(3,)")),
        (lambda: dense(bias=np.array([np.inf, 0, 0])), ("layer dense", "finite")),
        (lambda: Dense("dense", terms=(Weight(np.ones((4, 3), int), INT8, np.ones(4)),)), ("(4,)", "(3,)")),
        (lambda: Quantize("quantize", scale=-1.0), ("layer quantize", "-1.0", "positive finite")),
        (lambda: Quantize("quantize", bit_width=33), ("layer quantize", "1", "32")),
        (lambda: Quantize("quantize", rounding="up"), ("layer quantize", "'up'", "half_up, half_even or floor")),
        (lambda: Quantize("quantize", zero_point=128), ("layer quantize", "128", "int8")),
        (lambda: Affine("affine", scale=np.nan), ("layer affine", "scale", "finite")),
        (lambda: Affine("affine", offset=np.ones((2, 2))), ("layer affine", "offset", "one per channel")),
    ],
)
def test_layers_that_are_none(make, parts):
    message = complaint(make)
    for part in parts:
        assert part in message


# ------------------------------------------------------------------------------------------ bad input to a run


@pytest.mark.parametrize(
    ("frames", "parts"),
    [
        (np.zeros((2, 5), np.int8), ("net", "(4,)", "array", "(5,)")),
        (np.zeros((2, 2, 2), np.int8), ("(4,)", "(2, 2)")),
        (np.full((2, 4), 0.5, np.float32), ("int8 codes of step 1", "fp32")),
        (np.full((2, 4), 200, np.uint8), ("int8 codes, -128 ... 127", "200 ... 200")),
        (np.full((2, 4), -129, np.int16), ("int8 codes, -128 ... 127", "-129 ... -129")),
        (hwsim.Dataset(np.zeros((2, 4), np.int8), 0.5, name="mine"), ("codes of step 1", "mine", "step 0.5")),
    ],
)
@pytest.mark.parametrize("execution", ["dense", "delta"])
def test_frames_that_do_not_fit(frames, parts, execution):
    message = complaint(hwsim.simulate, net(dense()), frames, execution)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("frames", "parts"),
    [
        (np.array([[0, 1, 2, 3], [0, np.nan, 0, 0]], np.float32), ("NaN or infinity in frame 1", "finite")),
        (np.full((3, 4), np.inf), ("NaN or infinity in frame 0",)),
        (np.zeros((0, 4), np.float32), ("(0, 4)", "one frame or more")),
        (np.zeros(4, np.float32), ("(4,)", "(n_frame, ...)")),
        (np.zeros((2, 4), complex), ("complex128", "float32")),
        ([["a", "b"]], ("<U1",)),
        ([[1, 2], [3]], ("data set",)),
    ],
)
def test_frames_that_are_no_data(frames, parts):
    message = complaint(hwsim.simulate, net(dense(), format=FP32), frames, error=DataError)
    for part in parts:
        assert part in message


def test_executions_that_are_none():
    assert complaint(hwsim.simulate, net(dense()), np.zeros((1, 4), np.int8), "fast") == (
        "execution 'fast'; write dense, sparse or delta"
    )
    assert "threshold 0" in complaint(hwsim.Delta, 0)
    assert "threshold 2" in complaint(hwsim.Execution, "sparse", 2)
    assert "whole numbers" in complaint(hwsim.Delta, 1.5)


@pytest.mark.parametrize("what", ["threads", "block"])
def test_threads_and_blocks_are_one_or_more(what):
    message = complaint(hwsim.simulate, net(dense()), np.zeros((1, 4), np.int8), error=HwsimError, **{what: -1})
    assert what in message
    assert "-1" in message


# ---------------------------------------------------------------------------------------------- smallest cases


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
@pytest.mark.parametrize("format", [INT8, FP32])
def test_one_frame_one_input_one_neuron(execution, format):
    one = Weight(np.full((1, 1), 3), INT8) if format == INT8 else Weight(np.full((1, 1), 3.0, np.float32))
    network = Network("one", (1,), (Dense("dense", terms=(one,)),), format)
    frames = np.array([[5]], np.int8 if format == INT8 else np.float32)
    run = hwsim.simulate(network, frames, execution)
    assert run.output_codes.tolist() == [[15]]
    assert run.predictions.tolist() == [0]
    assert run.accuracy is None
    counts = hwsim.count(run.activity)
    assert counts.n_inference == 1
    assert counts.total("synapse", "addition") == 1
    # 5 on a machine with unary events up to 2 is multiplied, like a real number
    assert counts.total("synapse", "multiplication") == 1


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_a_network_without_synapses_encodes_and_leaves(execution):
    network = Network("none", (2, 2, 2), (Quantize("quantize", scale=np.array([2.0, 4.0])), Flatten("flatten")))
    frames = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2) / 8
    run = hwsim.simulate(network, frames, execution)
    scale = np.repeat([2.0, 4.0], 4)
    expected = np.floor(frames.reshape(2, 8) * scale + 0.5)
    assert np.array_equal(run.output_codes, expected)
    assert np.array_equal(run.outputs, expected / scale)


def test_outputs_of_a_frame_with_channels_have_their_steps():
    network = Network("none", (2, 2, 2), (Quantize("quantize", scale=np.array([2.0, 4.0])),))
    frames = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2) / 8
    run = hwsim.simulate(network, frames)
    scale = np.repeat([2.0, 4.0], 4)
    assert np.array_equal(run.outputs.reshape(2, 8), np.floor(frames.reshape(2, 8) * scale + 0.5) / scale)


@pytest.mark.parametrize(
    "fields",
    [
        {"stride": 1.5},
        {"stride": "ab"},
        {"stride": (1, 2, 3)},
        {"stride": 0},
        {"dilation": None},
        {"padding": None},
        {"padding": -1},
        {"padding": (1, (2, 3))},
        {"groups": "2"},
        {"groups": True},
        {"groups": 2.0},
        {"groups": 3},
    ],
)
def test_windows_that_are_none(fields):
    weight = Weight(np.ones((4, 2, 3, 3), int), integer(8))
    message = complaint(lambda: Conv2d("conv", terms=(weight,), **fields))
    assert "layer conv" in message
    assert "expected" in message
    assert "\n" not in message


def test_one_input_may_be_named_without_a_tuple():
    assert net(dense(), ReLU("relu", inputs="dense")).layers[1].inputs == ("dense",)


def test_one_number_for_a_channel_is_not_one_for_the_layer():
    """Of a layer with one channel both have one number, but one is stored and counted, and the other is wired in."""
    dense = Dense("dense", terms=(Weight(np.array([[1], [2]]), integer(8)),))
    made = [
        Network("n", (2,), (dense, Quantize("quantize", scale=0.3, offset=offset)), integer(8))
        for offset in (0.25, np.array([0.25]))
    ]
    assert made[0] != made[1]
    assert made[0].digest != made[1].digest
    frames = np.array([[3, 4]], np.int8)
    words = [hwsim.count(hwsim.simulate(each, frames).activity).total("memory", "sram_read", "dense") for each in made]
    assert words[0] < words[1]
