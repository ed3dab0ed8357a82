"""The canonical form of networks that model folders hold: the same outputs, to the bit, for fewer operations."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim import (
    Affine,
    Conv2d,
    Dense,
    HardTanh,
    LeakyReLU,
    MultiThreshold,
    Network,
    Quantize,
    ReLU,
    Sign,
    Tanh,
    Weight,
)
from hwsim.network.canonical import canonical
from hwsim.network.number_format import BINARY, FP32, integer

RANDOM = np.random.default_rng(5)


@examples(30)
@given(st.data())
def test_random_networks_keep_their_outputs(data):
    network = data.draw(st.one_of(strategies.networks(), strategies.real_networks()))
    frames = data.draw(strategies.inputs_for(network))
    if not network.input_format.is_real:
        frames = hwsim.Dataset(frames, network.input_step)
    same = canonical(network)
    np.testing.assert_array_equal(hwsim.simulate(same, frames).outputs, hwsim.simulate(network, frames).outputs)
    assert canonical(same) is same


def signs(n_in, n_out):
    return Dense("dense", terms=(Weight(RANDOM.choice([-1, 1], (n_in, n_out)), BINARY),))


def affine(n, offset=True):
    return Affine("norm", scale=RANDOM.uniform(0.2, 3, n), offset=RANDOM.normal(size=n) * offset)


BODIES = {
    "affine, sign": lambda: (affine(12), Sign("bit")),
    "affine, threshold": lambda: (affine(12), MultiThreshold("bit", (), [[0.25]], 1.0, 0.0)),
    "affine, two thresholds": lambda: (affine(12), MultiThreshold("bit", (), [[-0.25, 0.25]], 1.0, -1.0)),
    "relu, affine, sign": lambda: (ReLU("relu"), affine(12), Sign("bit")),
    "clip, affine, sign": lambda: (HardTanh("clip", lowest=-0.5, highest=0.75), affine(12), Sign("bit")),
    "affine, a quantizer of one bit": lambda: (affine(12), Quantize("bit", scale=1.5, bit_width=1, signed=False)),
    "half to even": lambda: (Quantize("bit", scale=0.75, bit_width=1, signed=False, rounding="half_even"),),
    "floor": lambda: (Quantize("bit", scale=0.7, bit_width=1, signed=False, rounding="floor"),),
    "offset by channel": lambda: (
        Quantize("bit", scale=0.7, bit_width=1, signed=False, offset=RANDOM.normal(size=12)),
    ),
    "offset, half to even": lambda: (
        Quantize("bit", scale=0.25, bit_width=1, signed=False, rounding="half_even", offset=-0.25),
    ),
    "offset, floor": lambda: (
        Quantize("bit", scale=0.5, bit_width=1, signed=False, rounding="floor", offset=RANDOM.normal(size=12)),
    ),
    "tanh, affine, sign": lambda: (Tanh("tanh"), affine(12), Sign("bit")),
    "levels, affine, sign": lambda: (
        MultiThreshold("levels", (), np.sort(RANDOM.normal(size=(12, 3)), axis=1), 1.0, -1.0),
        affine(12),
        Sign("bit"),
    ),
    "sign, sign": lambda: (Sign("first"), Sign("bit")),
    "sign, affine, threshold": lambda: (Sign("first"), affine(12), MultiThreshold("bit", (), [[0.5]], 2.0, -1.0)),
}


@pytest.mark.parametrize("format", [FP32, integer(6)], ids=str)
@pytest.mark.parametrize("name", BODIES)
def test_what_lies_before_one_bit_becomes_a_threshold(name, format):
    """Of frames with many codes, ties and zeros among them; one comparison per number remains."""
    network = Network("folder", (12,), (*BODIES[name](), signs(12, 4)), format, 1.0 if format.is_real else 0.25)
    same = canonical(network)
    assert len(same.layers) == 2
    codes = RANDOM.integers(-32, 32, (300, 12))
    frames = codes.astype(np.float32) / 8 if format.is_real else hwsim.Dataset(codes.astype(np.int8), 0.25)
    np.testing.assert_array_equal(hwsim.simulate(same, frames).outputs, hwsim.simulate(network, frames).outputs)
    table = hwsim.count(hwsim.simulate(same, frames).activity, "mac-array").to_dataframe()
    made = table[(table.phase == "encode")].groupby("operation")["count"].sum().to_dict()
    n_level = np.shape(getattr(same.layers[0], "thresholds", np.zeros((1, 1))))[1]
    assert made == {"comparison": 300 * 12 * n_level}


@pytest.mark.parametrize("format", [FP32, integer(6)], ids=str)
def test_a_quantizer_that_is_a_shift_stays_one(format):
    bit = Quantize("bit", scale=0.5, bit_width=1, signed=False)
    network = Network("folder", (12,), (bit, signs(12, 4)), format, 1.0 if format.is_real else 0.25)
    assert canonical(network) is network


def test_codes_zero_and_one_that_become_minus_one_and_one_are_binary():
    """Their next layer's bias, which counted in fixed-point steps, counts in codes; FINN's thresholds in a folder."""
    step = 2.0**-13
    last = Dense("last", terms=(Weight(RANDOM.choice([-1, 1], (8, 3)), BINARY),), bias=np.array([2, -3, 0]) * 2**13)
    network = Network(
        "folder",
        (12,),
        (
            MultiThreshold("first", (), [[0.0]], 1.0, 0.0),
            Affine("plus_minus", scale=2.0, offset=-1.0),
            signs(12, 8),
            MultiThreshold("second", (), [[0.0]], 1.0, 0.0),
            Affine("again", scale=2.0, offset=-1.0),
            last,
        ),
    )
    assert network.signals["again"].step == step
    same = canonical(network)
    assert [type(layer) for layer in same.layers] == [Sign, Dense, Sign, Dense]
    np.testing.assert_array_equal(same.layers[-1].bias, [2, -3, 0])
    frames = RANDOM.normal(size=(50, 12)).astype(np.float32)
    np.testing.assert_array_equal(hwsim.simulate(same, frames).outputs, hwsim.simulate(network, frames).outputs)


def test_what_others_read_too_stays():
    layers = (
        affine(12),
        Sign("bit"),
        signs(12, 12),
        hwsim.Add("sum", ("norm", "dense")),
    )
    network = Network("folder", (12,), layers, integer(6))
    assert canonical(network) is network


def test_a_bias_that_others_read_too_stays():
    """What is taken in before one bit is no reason to take the bias of sums that are added elsewhere."""
    first = Dense("first", terms=(Weight(RANDOM.choice([-1, 1], (12, 12)), BINARY),), bias=np.arange(12))
    layers = (first, affine(12), Sign("bit"), signs(12, 12), hwsim.Add("sum", ("first", "dense")))
    network = Network("folder", (12,), layers, integer(4))
    same = canonical(network)
    np.testing.assert_array_equal(same.layers[0].bias, np.arange(12))
    assert len(same.layers) == 4
    frames = hwsim.Dataset(RANDOM.integers(-8, 8, (40, 12)).astype(np.int8), 1.0)
    np.testing.assert_array_equal(hwsim.simulate(same, frames).outputs, hwsim.simulate(network, frames).outputs)


def test_what_falls_stays():
    network = Network("folder", (12,), (Affine("norm", scale=-1.0, offset=0.5), Sign("bit"), signs(12, 4)))
    assert canonical(network) is network


def test_a_folder_that_declares_real_weights_keeps_them(tmp_path):
    weight = Weight(RANDOM.choice([-0.5, 0.5], (12, 4)))
    hwsim.save_network(Network("folder", (12,), (Dense("dense", terms=(weight,)),)), tmp_path)
    assert hwsim.load_network(tmp_path).layers[0].terms[0].format.is_real


def test_folders_are_loaded_in_canonical_form(tmp_path):
    network = Network("folder", (12,), (affine(12), Sign("bit"), signs(12, 4)))
    hwsim.save_network(network, tmp_path)
    assert [layer.name for layer in hwsim.load_network(tmp_path).layers] == ["bit", "dense"]


def test_a_bias_of_integers_is_part_of_the_threshold():
    kernel = Weight(RANDOM.choice([-1, 1], (4, 2, 3, 3)), BINARY)
    layers = (Conv2d("conv", terms=(kernel,), bias=np.array([3, -2, 0, 1])), LeakyReLU("unused"))[:1]
    network = Network("folder", (2, 5, 5), (*layers, Sign("bit"), hwsim.Flatten("flat"), signs(36, 4)), integer(4))
    same = canonical(network)
    assert same.layers[0].bias is None or not np.any(same.layers[0].bias)
    np.testing.assert_array_equal(same.layers[1].levels(same.signals["conv"]), [[-3], [2], [0], [-1]])
    frames = hwsim.Dataset(RANDOM.integers(-8, 8, (20, 2, 5, 5)).astype(np.int8), 1.0)
    np.testing.assert_array_equal(hwsim.simulate(same, frames).outputs, hwsim.simulate(network, frames).outputs)
