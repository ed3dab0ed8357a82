"""The rounding conversion, against the equations of its paper in plain float64."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from graphs import branching_network, drawn_conv, forward, frames_for

from hwsim.convert import rounding
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    HardTanh,
    MaxPool2d,
    Quantize,
    ReLU,
    Sign,
    Weight,
)
from hwsim.simulation.simulator import simulate


def make_network(layers=(12, 9, 7, 4), seed=0):
    """Weights and biases are multiples of 1/64, so that sums of whole inputs are exact in any arithmetic."""
    generator = np.random.default_rng(seed)
    parts = [Flatten("flatten")]
    for number, (n_in, n_out) in enumerate(pairwise(layers), 1):
        weight = generator.integers(-100, 101, (n_in, n_out)) / 64
        parts += [Dense(f"dense{number}", terms=(Weight(weight),), bias=generator.integers(-64, 65, n_out) / 64)]
        parts += [ReLU(f"relu{number}")]
    return Network("made", (3, 4), tuple(parts[:-1]), about={"seed": 5})


def make_data(n_frame=60, seed=1):
    inputs = np.random.default_rng(seed).integers(0, 256, (n_frame, 3, 4)).astype(np.uint8)
    return Dataset(inputs, step=1 / 64, name="drawn", split="train")


def rounding_forward(network, data, scales):
    """O'Connor & Welling 2017: s_l = round(k_l x_l), u_l = (s_l / k_l) W_l + b_l, x_{l+1} = relu(u_l)."""
    x = data.inputs.reshape(len(data), -1) * np.float64(data.step)
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    codes = []
    for layer, k in zip(dense, scales, strict=True):
        codes.append(np.floor(k * x + 0.5))
        u = codes[-1] / k @ layer.terms[0].value + layer.bias
        x = np.maximum(u, 0)
    return u, codes


def parts(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


@pytest.mark.parametrize("scales", [(1, 1, 1), (2, 2, 2), (2, 1, 4)])
@pytest.mark.parametrize("weight_bit_width", [None, 8])
def test_equals_the_paper_exactly_where_weights_are_representable(scales, weight_bit_width):
    network, data = make_network(), make_data()
    # these weights are eight-bit codes of step 1/64 as they are, and with scales that are powers of two
    converted = rounding.convert(network, data, scales, weight_bit_width)
    expected, _ = rounding_forward(network, data, scales)
    np.testing.assert_array_equal(simulate(converted, data).outputs, expected)


def test_one_scale_serves_all_layers():
    network, data = make_network(), make_data()
    assert rounding.convert(network, data, 2.0) == rounding.convert(network, data, (2, 2, 2))


@pytest.mark.parametrize("scale", [49.0, 1.3, 0.7])
def test_scales_are_baked_as_in_equations_26_and_27(scale):
    network, data = make_network(), make_data()
    scales = (scale, 3.0, 0.3, 1.0)
    converted = rounding.convert(network, data, scales[:-1], None)
    quantizers = parts(converted, Quantize)
    assert float(quantizers[0].scale) == pytest.approx(scale, rel=1e-15)
    assert [float(each.scale) for each in quantizers[1:]] == [1, 1]
    for number, (old, new) in enumerate(zip(parts(network, Dense), parts(converted, Dense), strict=True)):
        step = 1 / float(quantizers[number].scale)
        per_code = new.terms[0].value * step
        np.testing.assert_allclose(per_code, old.terms[0].value * scales[number + 1] / scales[number], rtol=1e-6)
        np.testing.assert_allclose(new.bias, old.bias * scales[number + 1], rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 49.0, 1.3, 1 / 3, 103.0])
def test_nothing_is_multiplied_after_the_network_input(scale):
    network, data = make_network(), make_data()
    converted = rounding.convert(network, data, scale)
    assert converted.is_integer
    for layer in parts(converted, Quantize)[1:]:
        assert layer.ratio(converted.signals[layer.inputs[0]]).kind in ("none", "shift")
    step = np.log2(float(converted.output.step))
    assert step == round(step)


def test_integer_weights_are_nearest_and_of_eight_bits():
    generator = np.random.default_rng(3)
    network, data = make_network(), make_data()
    layers = [
        replace(layer, terms=(Weight(generator.normal(size=layer.shape)),), inputs=())
        if isinstance(layer, Dense)
        else replace(layer, inputs=())
        for layer in network.layers
    ]
    network = replace(network, layers=tuple(layers))
    for old, new in zip(parts(network, Dense), parts(rounding.convert(network, data), Dense), strict=True):
        term = new.terms[0]
        assert (term.format.name, term.code.dtype) == ("int8", np.int8)
        inside = (term.code > -128) & (term.code < 127)
        assert np.abs(term.value - old.terms[0].value)[inside].max() <= float(term.scale) / 2
        assert np.all(inside.mean() > 0.9)
        np.testing.assert_allclose(new.bias * float(term.scale), old.bias, atol=float(term.scale) / 2)


def test_power_of_two_scale_clips_a_lone_large_weight_when_that_loses_less():
    value = np.full((200, 10), 3 * 2.0**-9)
    value[0, 0] = 1.01
    scale = rounding.power_of_two_scale(value, 8, np.ones((200, 1)))
    assert scale == 2.0**-7  # without clipping: 2**-6
    # a weight whose input is never seen does not count
    importance = np.ones((200, 1))
    importance[0] = 0
    assert rounding.power_of_two_scale(value, 8, importance) == 2.0**-9


@pytest.mark.parametrize("headroom", [0, 1])
def test_widths_are_the_smallest_that_hold_the_codes_seen(headroom):
    network, data = make_network(), make_data()
    converted = rounding.convert(network, data, headroom=headroom)
    _, codes = rounding_forward(network, data, (1, 1, 1))
    needed = [int(code.max()).bit_length() for code in codes]
    quantizers = parts(converted, Quantize)
    assert [each.bit_width for each in quantizers] == [needed[0], needed[1] + headroom, needed[2] + headroom]
    assert not any(each.signed for each in quantizers)
    assert all(each.rounding == "half_up" for each in quantizers)
    assert simulate(converted, data).n_saturated == 0


def test_negative_inputs_and_missing_relu_make_signed_codes():
    generator = np.random.default_rng(2)
    layers = (
        Dense("first", terms=(Weight(generator.normal(size=(3, 4))),)),
        Dense("second", terms=(Weight(generator.normal(size=(4, 2))),)),
    )
    data = Dataset(generator.normal(size=(50, 3)).astype(np.float32) * 3, name="drawn")
    quantizers = parts(rounding.convert(Network("linear", (3,), layers), data), Quantize)
    assert [each.signed for each in quantizers] == [True, True]


def test_outputs_do_not_depend_on_the_execution():
    data = make_data()
    converted = rounding.convert(make_network(), data)
    codes = [simulate(converted, data, execution=each).output_codes for each in ("dense", "sparse", "delta")]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])


def test_what_was_made_states_how():
    network = make_network()
    converted = rounding.convert(network, make_data(), 2.0, headroom=0, name="other")
    assert converted.name == "other"
    assert rounding.convert(network, make_data()).name == "made-rounding"
    assert converted.about["made_from"] == "made"
    assert converted.about["data_set"] == "drawn train"
    assert (converted.about["seed"], converted.about["headroom_bits"], converted.about["scale"]) == (5, 0, [2.0] * 3)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, (1.0, 2.0), (1.0, 1.0, np.inf)])
def test_scales_that_are_none(scale):
    with pytest.raises(NetworkError, match="expected one positive number, or one for each of 3 layers"):
        rounding.convert(make_network(), make_data(), scale)


def test_scale_that_makes_codes_too_wide():
    with pytest.raises(NetworkError, match="layer dense1_input: codes need more than 24 bits; give a smaller scale"):
        rounding.convert(make_network(), Dataset(make_data().values(), name="real"), 1e7)


def test_headroom_is_at_most_a_bit():
    with pytest.raises(NetworkError, match="headroom 2: write 0 or 1"):
        rounding.convert(make_network(), make_data(), headroom=2)


def test_layers_that_cannot_be_converted_are_named():
    network, data = make_network(), make_data()
    with pytest.raises(NetworkError, match=r"network made-rounding: layer dense1_input: only .* this is Quantize"):
        rounding.convert(rounding.convert(network, data), data)
    layers = (Flatten("flatten"), Sign("sign"))
    with pytest.raises(NetworkError, match="layer sign: only"):
        rounding.convert(Network("signs", (3, 4), layers), data)
    with pytest.raises(NetworkError, match="no Dense or Conv2d layer, so there is nothing to convert"):
        rounding.convert(Network("flat", (3, 4), layers[:1]), data)


# --- convolutions and branches


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("weight_bit_width", [None, 8])
def test_a_branching_network_equals_the_paper_exactly(scale, weight_bit_width):
    network = branching_network()
    data = frames_for(network)
    if weight_bit_width is None:  # real sums and codes cannot be added
        layers = [layer for layer in network.layers if not isinstance(layer, Add)]
        network = replace(
            network,
            layers=tuple(replace(each, inputs=("inner",)) if each.name == "sum_relu" else each for each in layers),
        )
    converted = rounding.convert(network, data, scale, weight_bit_width)
    expected = forward(network, data.values(), scale)["out"]
    np.testing.assert_allclose(
        simulate(converted, data).outputs, expected, rtol=0, atol=1e-9 if weight_bit_width else 1e-3
    )
    if weight_bit_width:
        assert converted.is_integer
        for layer in parts(converted, Quantize)[1:]:
            assert layer.ratio(converted.signals[layer.inputs[0]]).kind in ("none", "shift")
        run = simulate(converted, data, "delta")
        assert run.n_saturated == 0
        assert np.array_equal(run.outputs, simulate(converted, data).outputs)


def test_scales_along_a_graph_are_baked_in():
    network = branching_network()
    data = frames_for(network)
    # squeeze, left and right, inner, out; inner's own output is added to what it reads
    scales = {"stem": 8.0, "squeeze": 2.0, "left": 4.0, "right": 4.0, "inner": 0.5, "out": 0.5}
    converted = rounding.convert(network, data, list(scales.values()))
    assert [float(each.scale) for each in parts(converted, Quantize)] == [8.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    following = {"stem": 2.0, "squeeze": 4.0, "left": 0.5, "right": 0.5, "inner": 0.5, "out": 1.0}
    for old, new in zip(parts(network, Conv2d), parts(converted, Conv2d), strict=True):
        per_code = new.terms[0].value * float(converted.signals[new.inputs[0]].step)
        ratio = following[old.name] / scales[old.name]
        np.testing.assert_array_equal(per_code, old.terms[0].value * ratio)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ((1, 1, 2, 4, 1, 1), r"layer right: scale 4; expected 2, that of layer left, because signals of the two are"),
        ((1, 1, 1, 1, 2, 4), r"layer out: scale 4; expected 2, that of layer inner"),
        ((1, 1, 1), "expected one positive number, or one for each of 6 layers"),
    ],
)
def test_scales_that_contradict_each_other(scales, message):
    network = branching_network()
    with pytest.raises(NetworkError, match=message):
        rounding.convert(network, frames_for(network), scales)


def test_the_output_and_the_input_have_their_scales():
    generator = np.random.default_rng(0)
    conv = drawn_conv("conv", generator, (2, 2, 3, 3), padding=1)
    data = frames_for(Network("reads", (2, 5, 5), (conv,)))
    ends = Network("ends", (2, 5, 5), (conv, drawn_conv("last", generator, (2, 2, 1, 1)), Add("sum", ("last", "conv"))))
    with pytest.raises(NetworkError, match="layer last: scale 2; expected 1, that of the network's output"):
        rounding.convert(ends, data, 2.0)
    begins = Network(
        "begins", (2, 5, 5), (conv, Add("sum", ("conv", "input")), drawn_conv("last", generator, (2, 2, 1, 1)))
    )
    with pytest.raises(NetworkError, match="layer sum: joins the network's input with others"):
        rounding.convert(begins, data, 2.0)
    for network in (ends, begins):
        expected = forward(network, data.values(), 1.0)
        # the input that is added is rounded too
        if network is begins:
            x = np.floor(data.values() + 0.5).astype(np.float64)
            expected = forward(network, x, 1.0)
        outputs = simulate(rounding.convert(network, data), data).outputs
        np.testing.assert_allclose(outputs, expected[network.layers[-1].name].reshape(len(data), -1), atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_offsets_limits_and_averages_are_of_the_scaled_values(scale):
    generator = np.random.default_rng(4)
    layers = (
        Affine("before", scale=0.5, offset=np.array([0.25, -1.0])),
        drawn_conv("first", generator, (3, 2, 3, 3)),
        Affine("norm", scale=np.array([0.5, 1.0, 2.0]), offset=np.array([1.0, -0.5, 0.25])),
        HardTanh("clip", lowest=-3.0, highest=4.5),
        AvgPool2d("mean", kernel=2),
        drawn_conv("second", generator, (2, 3, 1, 1)),
        MaxPool2d("pool", kernel=2, stride=1),
    )
    network = Network("many", (2, 6, 8), layers)
    data = frames_for(network)
    converted = rounding.convert(network, data, scale)
    assert converted.is_integer
    expected = forward(network, data.values(), scale)["pool"].reshape(len(data), -1)
    np.testing.assert_allclose(simulate(converted, data).outputs, expected, atol=1e-9)
