"""Sigma-delta networks: the paper's identities to the bit, on every kind of network that can be converted."""

from dataclasses import replace

import numpy as np
import pytest
import reference
from reference.tally import Meter

import hwsim
from hwsim import Add, Affine, AvgPool2d, Concat, Conv2d, Dense, Flatten, MaxPool2d, Network, Quantize, ReLU, Weight
from hwsim.convert import rounding, sigma_delta
from hwsim.convert.coding import Coding, read_codings, write_codings
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError

N_FRAME = 10_000


def weights(generator, *shape):
    return (Weight((generator.normal(size=shape) / np.prod(shape[:-1]) ** 0.5).astype(np.float32)),)


def conv(generator, name, inputs, shape, **geometry):
    bias = generator.normal(size=shape[0]).astype(np.float32) / 4
    weight = (generator.normal(size=shape) / np.prod(shape[1:]) ** 0.5).astype(np.float32)
    return [Conv2d(name, inputs, terms=(Weight(weight),), bias=bias, **geometry), ReLU(f"{name}_relu", (name,))]


def perceptron():
    generator = np.random.default_rng(0)
    layers = [Flatten("flatten")]
    for number, shape in enumerate([(12, 9), (9, 7), (7, 4)], 1):
        layers += [Dense(f"dense{number}", terms=weights(generator, *shape), bias=generator.normal(size=shape[1]) / 4)]
        layers += [ReLU(f"relu{number}")]
    return Network("perceptron", (3, 4), tuple(layers[:-1]))


def normalized():
    """Batch norm behind its layers, and none of them ReLU: codes have signs."""
    generator = np.random.default_rng(1)
    layers = (
        *conv(generator, "first", (), (3, 2, 3, 3), stride=2)[:1],
        Affine("norm", scale=generator.uniform(-1, 2, 3), offset=generator.normal(size=3)),
        *conv(generator, "second", (), (4, 3, 1, 1))[:1],
        Affine("norm2", scale=generator.uniform(0.5, 2, 4), offset=generator.normal(size=4)),
        Flatten("flatten"),
        Dense("last", terms=weights(generator, 4, 3)),
    )
    return Network("normalized", (2, 4, 4), layers)


def branching():
    """Windows, groups, a joint, a residual connection, both poolings."""
    generator = np.random.default_rng(2)
    layers = (
        *conv(generator, "first", ("input",), (6, 2, 3, 3), padding=1),
        MaxPool2d("pool", kernel=2),
        *conv(generator, "wide", ("pool",), (4, 3, 3, 3), padding=1, groups=2),
        *conv(generator, "narrow", ("pool",), (2, 6, 1, 1)),
        Concat("joint", ("wide_relu", "narrow_relu")),
        *conv(generator, "deep", ("joint",), (6, 6, 1, 1)),
        Add("sum", ("joint", "deep_relu")),
        AvgPool2d("average", kernel=2),
        Flatten("flatten"),
        Dense("last", terms=weights(generator, 6, 3)),
    )
    return Network("branching", (2, 4, 4), layers)


def drawn(network, n_frame=N_FRAME, step=1 / 64, seed=1):
    inputs = np.random.default_rng(seed).integers(0, 256, (n_frame, *network.input_shape)).astype(np.uint8)
    return Dataset(inputs, step=step, name="drawn", split="train")


def apart(n_units):
    """Codings with numbers of their own for each unit of the layers that have some."""
    generator = np.random.default_rng(4)

    def of(n):
        shape = () if n == 1 else n
        return Coding(
            generator.uniform(0.6, 2, shape), generator.uniform(0.8, 1.2, shape), generator.uniform(-0.4, 1, shape)
        )

    return [of(n) for n in n_units]


NETWORKS = [
    pytest.param(perceptron(), (0.7, 1.3, 2.0), id="perceptron"),
    pytest.param(perceptron(), apart((12, 9, 7)), id="units-apart"),
    pytest.param(normalized(), (0.6, 3.0, 1.7), id="batch-norm"),
    pytest.param(branching(), (1.5, 2.0, 2.0, 3.0, 3.0), id="branching"),
]


# -------------------------------------------------------------------------------------------------- the identities


@pytest.mark.parametrize(("network", "scales"), NETWORKS)
def test_ten_thousand_frames_in_any_order_are_those_of_the_rounding_network(network, scales):
    data = drawn(network)
    converted = sigma_delta.convert(network, data[:500], scales, headroom=1)
    assert converted.is_integer
    expected = hwsim.simulate(converted, data, "dense").output_codes
    assert len(np.unique(expected)) > 20
    for execution in ("sparse", "delta", hwsim.Delta(threshold=1)):
        run = hwsim.simulate(converted, data, execution)
        assert np.array_equal(run.output_codes, expected)
    order = np.random.default_rng(5).permutation(len(data))
    assert np.array_equal(hwsim.simulate(converted, data[order], "delta").output_codes, expected[order])


@pytest.mark.parametrize(("network", "scales"), NETWORKS)
def test_half_integers_are_no_trap(network, scales):
    # every input lies on a whole number or halfway between two, where rounding to even would break the identity
    data = drawn(network, step=1.0)
    data = replace(data, inputs=data.inputs % 16)
    first = 0.5 if not isinstance(scales[0], Coding) else Coding(np.full(12, 0.5), 1.0, np.arange(12) % 2 / 2)
    converted = sigma_delta.convert(network, data[:500], (first, *scales[1:]), headroom=1)
    quantize = next(layer for layer in converted.layers if isinstance(layer, Quantize))
    assert quantize.rounding == "half_up"
    expected = hwsim.simulate(converted, data, "dense").output_codes
    assert np.array_equal(hwsim.simulate(converted, data, "delta").output_codes, expected)


def test_herding_of_differences_is_differences_of_rounding():
    """Algorithms 2 and 4 of the paper on half-integers, and what the simulator sends."""
    codes = np.random.default_rng(6).integers(0, 40, (300, 5)).astype(np.uint8)
    layers = (Quantize("codes", scale=0.5, bit_width=6, signed=False), Dense("only", terms=(Weight(np.eye(5)),)))
    run = hwsim.simulate(Network("herd", (5,), layers), codes, "delta", per_frame=True)
    value = codes / 2
    residue, sent = np.zeros(5), []
    for change in np.diff(value, axis=0, prepend=0):
        residue += change
        sent.append(np.floor(residue + 0.5))
        residue -= sent[-1]
    rounded = np.floor(value + 0.5)
    assert np.array_equal(sent, np.diff(rounded, axis=0, prepend=0))
    assert np.array_equal(np.cumsum(sent, axis=0), rounded)
    events = run.activity.layers[0].emitted.n_event
    assert events.tolist() == [int(np.count_nonzero(each)) for each in sent]
    np.testing.assert_array_equal(run.outputs, rounded * 2)


# ------------------------------------------------------------------------------------------ nothing is multiplied


@pytest.mark.parametrize(("network", "scales"), NETWORKS)
def test_the_reference_never_multiplies_behind_the_encoding(network, scales, monkeypatch):
    data = drawn(network, 200)
    converted = sigma_delta.convert(network, data, scales)
    frames = data.inputs[:4]
    called, multiply = [], Meter.multiply

    def watched(meter, *operands):
        called.append(meter.phase)
        return multiply(meter, *operands)

    monkeypatch.setattr(Meter, "multiply", watched)
    result = reference.run(converted, frames, reference.PRESETS["sigma-delta-adder"], data_step=data.step)
    assert set(called) == {"encode"}
    operations = {key[2] for key in result.arithmetic if key[1] in ("synapse", "neuron")}
    assert operations <= {"addition", "constant_shift", "comparison"}
    run = hwsim.simulate(converted, data[:4], "delta")
    assert np.array_equal(run.output_codes, result.outputs)
    counts = hwsim.count(run.activity, "sigma-delta-adder")
    assert counts.total("synapse", "addition") > 0
    assert counts.total("synapse", "multiplication") == counts.total("neuron", "multiplication") == 0


# ------------------------------------------------------------------------------------------------ what is computed


def by_hand(network, data, codings):
    """s = floor(k x - o + 1/2), read as g s / k, in float64."""
    x = data.inputs.reshape(len(data), -1) * np.float64(data.step)
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    for number, (layer, each) in enumerate(zip(dense, codings, strict=True), 1):
        codes = np.maximum(np.floor(each.scale * x - each.offset + 0.5), 0)
        x = each.gain * codes / each.scale @ layer.terms[0].value + layer.bias
        x = np.maximum(x, 0) if number < len(dense) else x
    return x


def test_units_are_coded_as_the_formula_says():
    network, codings = perceptron(), apart((12, 9, 7))
    data = drawn(network, 400)
    expected = by_hand(network, data, codings)
    real = sigma_delta.convert(network, data, codings, weight_bit_width=None)
    same = np.isclose(hwsim.simulate(real, data).outputs, expected, rtol=1e-4, atol=1e-4).all(axis=1)
    assert same.mean() > 0.98  # a tie that float32 breaks otherwise changes a frame
    errors = [
        np.abs(hwsim.simulate(sigma_delta.convert(network, data, codings, bits), data).outputs - expected).mean()
        for bits in (4, 8, 12)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_one_number_for_all_units_is_a_scale_of_the_layer():
    network = perceptron()
    data = drawn(network, 300)
    one = sigma_delta.convert(network, data, (1.0, 1.3, 0.7))
    two = sigma_delta.convert(network, data, (1.0, np.full(9, 1.3), np.full(7, 0.7)))
    assert one == two


def test_batch_norm_is_folded_first():
    network = normalized()
    data = drawn(network, 100)
    converted = sigma_delta.convert(network, data, 2.0)
    assert not any(isinstance(layer, Affine) for layer in converted.layers)
    assert converted.about["layers_folded"] == 2
    from hwsim.convert import batch_norm

    assert converted == rounding.convert(batch_norm.convert(network), data, 2.0)


def test_accumulators_are_derived_and_reported():
    network = perceptron()
    data = drawn(network, 100)
    converted = sigma_delta.convert(network, data, 2.0)
    stated = converted.about["accumulator_bits"]
    assert list(stated) == ["dense1", "dense2", "dense3"]
    for layer in converted.layers:
        if isinstance(layer, Dense):
            read = converted.signals[layer.inputs[0]]
            largest = (np.abs(layer.terms[0].code.astype(int)).sum(axis=0) * read.bound + np.abs(layer.bias)).max()
            assert 2 ** (stated[layer.name] - 1) > largest
            assert converted.signals[layer.name].format.bit_width == stated[layer.name]
    assert sigma_delta.accumulator_bits(network) == {}


def test_a_file_holds_the_codings_of_many_units(tmp_path):
    generator = np.random.default_rng(3)
    codings = {
        f"dense{k}": Coding(*generator.uniform(0.5, 2, (2, 2000)), generator.uniform(-0.4, 1, 2000)) for k in range(3)
    }
    path = tmp_path / "scales.yaml"
    write_codings(path, ("many", "digest"), codings, {"seed": 0})
    assert path.stat().st_size > 300_000
    found = read_codings(path, list(codings), "digest")
    assert all(one.same(two) for one, two in zip(found, codings.values(), strict=True))


# ------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        ((1.0, np.ones(8), 1.0), "layer dense2: scales of 8 units; expected one number or 9"),
        ((1.0, [1.0, -1.0], 1.0), "expected one positive number, or one for each of 3 layers"),
        ((1.0, Coding(1.0, 1.0, np.full(9, -0.7)), 1.0), "layer dense2: offset -0.7; expected one above -0.5"),
    ],
)
def test_units_that_do_not_fit(scales, expected):
    network = perceptron()
    with pytest.raises(NetworkError, match=expected):
        sigma_delta.convert(network, drawn(network, 50), scales)


def test_units_that_are_rounded_alike():
    network = branching()
    data = drawn(network, 50)
    with pytest.raises(NetworkError, match="layer first: scales of 3 units; expected one number or 2"):
        sigma_delta.convert(network, data, (np.ones(3), 2.0, 2.0, 1.0, 1.0))
    with pytest.raises(NetworkError, match="layer deep: scales of 6 units; expected one number, because its units are"):
        sigma_delta.convert(network, data, (1.0, 2.0, 2.0, np.ones(6), 1.0))
    with pytest.raises(NetworkError, match="layer second: an offset before rounding needs a signal that is never neg"):
        sigma_delta.convert(normalized(), drawn(normalized(), 50), (1.0, Coding(1.0, 1.0, 0.2), 1.0))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.0,), "scale 0.0: expected one positive"),
        ((1.0, -1.0), "gain"),
        ((1.0, 1.0, np.nan), "offset"),
        (("a",), "scale a"),
    ],
)
def test_codings_that_are_none(numbers, expected):
    with pytest.raises(NetworkError, match=expected):
        Coding(*numbers)
    with pytest.raises(NetworkError, match="2, 3"):
        Coding(np.ones(2), np.ones(3))
