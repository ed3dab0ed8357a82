"""Greedy path-following quantization of layers and networks, against recursions written here from the definitions."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim.convert import gpfq, greedy, msq
from hwsim.convert.alphabet import Alphabet, gapped, unit_of
from hwsim.convert.greedy import Gram, Rows, Rule, gram_of, moments_of
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Add, Affine, Concat, Conv2d, Dense, Flatten, MaxPool2d, Quantize, ReLU, Weight
from hwsim.network_file import load_network
from hwsim.simulation.simulator import simulate


def residual_recursion(weight, analog, quantized, level):
    """Values of levels, one neuron and one weight after the other; zeros on dead columns."""
    result = np.zeros(weight.shape)
    for k in range(weight.shape[1]):
        u = np.zeros(len(analog))
        for t in range(len(weight)):
            column = quantized[:, t]
            u = u + weight[t, k] * analog[:, t]
            length = np.sum(column * column)
            if np.sqrt(length) >= 1e-16:
                result[t, k] = level[np.argmin(np.abs(level - np.sum(column * u) / length))]
            u = u - result[t, k] * column
    return result


def drawn(seed, m, n_in, n_out, dead=()):
    generator = np.random.default_rng(seed)
    analog = generator.normal(size=(m, n_in))
    quantized = analog + 0.2 * generator.normal(size=(m, n_in))
    quantized[:, list(dead)] = 0
    return generator.uniform(-1, 1, (n_in, n_out)), analog, quantized


LEVELS = {3: np.array([-1.0, 0, 1]), 4: np.array([-3.0, -1, 1, 3]) / 3, 16: np.arange(-15.0, 16, 2) / 15}


# --- one layer


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize(("m", "n_in", "n_out"), [(200, 30, 45), (20, 60, 33), (1, 5, 1)])
def test_both_forms_equal_the_residual_recursion(m, n_in, n_out, levels):
    for seed, dead in enumerate([(), (0, 3)]):
        data = drawn(seed, m, n_in, n_out, dead)
        expected = residual_recursion(*data, LEVELS[levels])
        assert np.array_equal(gpfq.quantize_weight(*data, LEVELS[levels]), expected)
        for moments in (gram_of(*data[1:]), Rows(*(np.ascontiguousarray(each.T) for each in data[1:]))):
            index = greedy.quantize(data[0], moments, LEVELS[levels])
            assert np.array_equal(np.where(index < 0, 0, LEVELS[levels][index]), expected)


def test_the_form_is_chosen_by_the_shape_of_the_data():
    assert isinstance(moments_of(np.ones((5, 5)), np.ones((5, 5))), Gram)
    assert isinstance(moments_of(np.ones((4, 5)), np.ones((4, 5))), Rows)


def test_threads_and_company_change_no_code():
    weight, analog, quantized = drawn(2, 300, 50, 130)
    for rows in (slice(None), slice(20)):
        one = gpfq.quantize_weight(weight, analog[rows], quantized[rows], LEVELS[3], threads=1)
        two = gpfq.quantize_weight(weight, analog[rows], quantized[rows], LEVELS[3], threads=2)
        assert np.array_equal(one, two)
        for k in (0, 31, 32, 129):
            alone = gpfq.quantize_weight(weight[:, k : k + 1], analog[rows], quantized[rows], LEVELS[3])
            assert np.array_equal(alone[:, 0], one[:, k])


@pytest.mark.parametrize(("m", "n"), [(16, 256), (16, 1024), (16, 4096), (64, 256), (64, 1024), (64, 4096)])
def test_error_on_gaussian_data(m, n):
    """About 0.51 sqrt(m / N) of |X w| for ternary weights, and about half for rounding."""
    generator = np.random.default_rng(m + n)
    weight, data = generator.uniform(-1, 1, (n, 40)), generator.normal(size=(m, n))
    errors = [
        np.median(np.linalg.norm(data @ (weight - each), axis=0) / np.linalg.norm(data @ weight, axis=0))
        for each in (gpfq.quantize_weight(weight, data, data, LEVELS[3]), msq.quantize_weight(weight, LEVELS[3]))
    ]
    assert errors[0] == pytest.approx(0.51 * np.sqrt(m / n), rel=0.12)
    assert errors[1] == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("levels", "radius", "expected"), [(3, 2, 0.175), (4, 2, 0.134), (8, 3, 0.070), (16, 4, 0.038)]
)
def test_error_on_gaussian_weights(levels, radius, expected):
    generator = np.random.default_rng(levels)
    weight, data = generator.normal(size=(1024, 40)), generator.normal(size=(128, 1024))
    level = radius * np.median(np.abs(weight)) * np.linspace(-1, 1, levels)
    error = data @ (weight - gpfq.quantize_weight(weight, data, data, level))
    relative = np.linalg.norm(error, axis=0) / np.linalg.norm(data @ weight, axis=0)
    assert np.median(relative) == pytest.approx(expected, rel=0.12)


def test_alignment_is_no_worse_on_data_that_drifted():
    weight, analog, quantized = drawn(6, 400, 60, 40)
    errors = []
    for passes in (1, 4):
        found = gpfq.quantize_weight(weight, analog, quantized, LEVELS[16], Rule(alignment=passes))
        errors.append(np.linalg.norm(analog @ weight - quantized @ found))
    assert errors[1] < errors[0]
    few = gpfq.quantize_weight(weight, analog[:30], quantized[:30], LEVELS[16], Rule(alignment=2))
    assert set(few.ravel()) <= set(LEVELS[16])


def test_shapes_and_numbers_that_do_not_fit():
    weight, analog, quantized = drawn(0, 6, 4, 3)
    for arrays in ((weight[:3], analog, quantized), (weight, analog[:5], quantized), (weight[0], analog, quantized)):
        with pytest.raises(NetworkError, match=r"expected \(n_in, n_out\) and twice"):
            gpfq.quantize_weight(*arrays, LEVELS[3])
    with pytest.raises(NetworkError, match="must be finite"):
        gpfq.quantize_weight(weight * np.nan, analog, quantized, LEVELS[3])
    with pytest.raises(NetworkError, match="rising"):
        gpfq.quantize_weight(weight, analog, quantized, [1.0, 0.0])
    with pytest.raises(NetworkError, match="drops small weights to zero, so let it have one"):
        gpfq.quantize_weight(weight, analog, quantized, LEVELS[4], Rule("hard", 0.1))


@pytest.mark.parametrize(
    "choices",
    [
        {"sparsity": "some"},
        {"rounding": "up"},
        {"alignment": 0},
        {"sparsity": "soft"},
        {"threshold": 0.1},
        {"sparsity": "hard", "threshold": -1.0},
        {"sparsity": "soft", "threshold": np.inf},
        {"sparsity": "soft", "threshold": np.nan},
        {"rounding": "stochastic", "seed": -1},
    ],
)
def test_rules_that_are_none(choices):
    with pytest.raises(NetworkError, match=r"write|a threshold above 0 goes with soft or hard"):
        Rule(**choices)


# --- alphabets of the follow-up


def test_gapped_alphabets():
    alphabet = gapped(9, 2.0, 0.5)  # four spacings of (2 - gap) / 4: the gap is one of 1.3 spacings, so one
    assert alphabet.code.tolist() == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]
    assert alphabet.scale == pytest.approx(2 / 5)
    alphabet = gapped(9, 2.0, 1.0)
    assert alphabet.code.tolist() == [-8, -7, -6, -5, -4, 0, 4, 5, 6, 7, 8]
    assert alphabet.level[[0, 6, -1]].tolist() == [-2, 1, 2]
    assert gapped(3, 2.0, 1.0).code.tolist() == [-1, 0, 1]
    assert gapped(9, 2.0, 0.0).code.size == 9
    with pytest.raises(NetworkError, match="odd number"):
        gapped(4, 2.0, 1.0)
    with pytest.raises(NetworkError, match="below the radius"):
        gapped(5, 2.0, 2.0)


@pytest.mark.parametrize("code", [[-1, 0, 1], [-127, 0, 127], [-32767, 0, 32767], [-(2**40), 0, 2**40]])
def test_codes_of_any_width(code):
    weight = Alphabet(np.array(code), 0.5).weight(np.array([[2, -1], [0, 1]], np.int16))
    assert weight.code.tolist() == [[code[2], 0], [code[0], 0]]


def test_units():
    weight = np.array([[0.0, -3.0], [0.0, 1.0], [0.0, 0.5]])
    assert unit_of(weight, "nonzero-median") == 1.0
    assert unit_of(weight, "largest") == 1.5
    with pytest.raises(NetworkError, match="take the unit nonzero-median"):
        unit_of(np.array([[0.0, 0.0], [0.0, 1.0]]), "median")
    with pytest.raises(NetworkError, match="write median, nonzero-median, largest"):
        unit_of(weight, "mean")
    with pytest.raises(NetworkError, match="nothing to quantize"):
        unit_of(weight * 0, "largest")


# --- networks


def make_network(groups=1):
    """Padding, strides, pooling, a branch and batch norm after ReLU."""
    draw = np.random.default_rng(8).normal
    return Network(
        "made",
        (2, 8, 7),
        (
            Conv2d("conv1", terms=(Weight(draw(size=(4, 2, 3, 3))),), bias=draw(size=4), padding=1, stride=(2, 1)),
            ReLU("relu1"),
            Affine("norm1", scale=draw(size=4), offset=draw(size=4)),
            MaxPool2d("pool", kernel=2, stride=1),
            Conv2d("conv2", terms=(Weight(draw(size=(6, 4 // groups, 2, 2))),), bias=draw(size=6), groups=groups),
            ReLU("relu2"),
            Conv2d("conv3", ("pool",), terms=(Weight(draw(size=(2, 4, 2, 2))),), bias=draw(size=2)),
            Concat("both", ("relu2", "conv3")),
            Flatten("flatten"),
            Dense("dense", terms=(Weight(draw(size=(8 * 2 * 5, 5))),), bias=draw(size=5)),
        ),
        about={"seed": 3},
    )


def frames(n=40):
    return Dataset(np.random.default_rng(9).integers(0, 256, (n, 2, 8, 7)).astype(np.uint8), 1 / 255, name="drawn")


def patches_of(images, layer):
    """(n_frame x positions, channels, kH x kW), gathered pixel by pixel."""
    (top, bottom), (left, right) = layer.padding
    images = np.pad(np.asarray(images, np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    height, width = layer.kernel
    rows = [
        images[k, :, y : y + height, x : x + width].reshape(images.shape[1], -1)
        for k in range(len(images))
        for y in range(0, images.shape[2] - height + 1, layer.stride[0])
        for x in range(0, images.shape[3] - width + 1, layer.stride[1])
    ]
    return np.array(rows)


def recursion_of_convolution(layer, analog, quantized, level, joint):
    analog, quantized = patches_of(analog, layer), patches_of(quantized, layer)
    value = layer.terms[0].value
    result = np.zeros(value.shape)
    n_out, n_in = value.shape[0] // layer.groups, value.shape[1]
    for group in range(layer.groups):
        filters, channels = slice(group * n_out, (group + 1) * n_out), range(group * n_in, (group + 1) * n_in)
        if joint:
            x, y = (each[:, list(channels)].reshape(len(each), -1) for each in (analog, quantized))
            found = residual_recursion(value[filters].reshape(n_out, -1).T, x, y, level)
            result[filters] = found.T.reshape(value[filters].shape)
            continue
        for k, channel in enumerate(channels):
            weight = value[filters, k].reshape(n_out, -1).T
            found = residual_recursion(weight, analog[:, channel], quantized[:, channel], level)
            result[filters, k] = found.T.reshape(result[filters, k].shape)
    return result


def signal(network, name, data):
    """A signal, by a network that ends there."""
    wanted, layers = {name}, []
    for layer in reversed(network.layers):
        if layer.name in wanted:
            layers.insert(0, layer)
            wanted |= set(layer.inputs)
    return simulate(Network("part", network.input_shape, tuple(layers)), data).outputs.reshape(
        len(data), *network.signals[name].shape
    )


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("levels", [3, 4])
def test_every_layer_of_a_network(joint, groups, levels):
    """Each is quantized on what the float network, and the quantized layers before it, make of the frames."""
    network, data = make_network(groups), frames()
    converted = gpfq.convert(network, data, levels, 2.0, joint=joint, rule=Rule())
    done = network
    for layer, ours in zip(network.layers, converted.layers, strict=True):
        if not isinstance(layer, Conv2d | Dense):
            continue
        (term,) = ours.terms
        level = 2 * np.median(np.abs(layer.terms[0].value)) * np.linspace(-1, 1, levels)
        x, y = (
            data.values() if layer.inputs == ("input",) else signal(each, layer.inputs[0], data)
            for each in (network, done)
        )
        if isinstance(layer, Dense):
            expected = residual_recursion(layer.terms[0].value, x.astype(np.float64), y.astype(np.float64), level)
        else:
            expected = recursion_of_convolution(layer, x, y, level, joint)
        np.testing.assert_allclose(term.value, expected, rtol=1e-12)
        assert term.format.name == {3: "ternary", 4: "int3"}[levels]
        assert np.array_equal(ours.bias, layer.bias)
        done = replace(done, layers=tuple(ours if each.name == ours.name else each for each in done.layers))
    assert converted == done


@pytest.mark.parametrize("joint", [False, True])
def test_batches_threads_and_what_is_kept_change_nothing(joint, monkeypatch):
    network, data = make_network(), frames(60)
    expected = gpfq.convert(network, data, joint=joint)
    assert gpfq.convert(network, data, joint=joint, threads=1) == expected
    shared = LayerInputs(network, data, joint=joint, batch=60)
    shared.prepare()
    assert gpfq.convert(network, shared) == gpfq.convert(network, shared) == expected
    monkeypatch.setattr("hwsim.convert.layer_inputs.KEPT_BYTES", 0)
    assert not LayerInputs(network, data).keep
    assert gpfq.convert(network, data, joint=joint) == expected
    in_batches = gpfq.convert(network, LayerInputs(network, data, joint=joint, batch=7))
    same = [
        np.mean(one.terms[0].code == other.terms[0].code)
        for one, other in zip(in_batches.layers, expected.layers, strict=True)
        if isinstance(one, Conv2d | Dense)
    ]
    assert min(same) > 0.99  # sums in another order


def moments_in_batches(network, data, joint, batch):
    inputs = LayerInputs(network, data, joint, batch=batch)
    return [each for layer in inputs.layers for each in inputs.moments(layer, inputs.analog)]


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("patch_bytes", [6.4e7, 1])
def test_every_frame_counts_whatever_the_batches(joint, patch_bytes, monkeypatch):
    """Batches, and pieces of them, that have fewer rows than a neuron has weights, first, last or all."""
    monkeypatch.setattr("hwsim.convert.patches.PATCH_BYTES", patch_bytes)
    network, data = make_network(), frames(100)
    expected = moments_in_batches(network, data, joint, 100)
    images = data.values().astype(np.float64)
    assert expected[0].quantized_sum[4] == pytest.approx(images[:, 0, 0::2].sum())
    for batch in (1, 7, 79, 90, 99):
        for ours, whole in zip(moments_in_batches(network, data, joint, batch), expected, strict=True):
            assert isinstance(ours, Gram)
            assert ours.n_row == whole.n_row
            for name in ("cross", "own", "analog_sum", "quantized_sum"):
                mine, other = getattr(ours, name), getattr(whole, name)
                np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-10 * np.abs(other).max())


def test_fewer_frames_than_inputs():
    """The dense layer reads 80 numbers; twenty frames in batches of seven are kept as rows."""
    network, data = make_network(), frames(20)
    assert gpfq.convert(network, LayerInputs(network, data, batch=7)) == gpfq.convert(network, data)


def test_some_of_the_patches():
    network, data = make_network(), frames()
    some = gpfq.convert(network, data, joint=True, patch_fraction=0.3, seed=1)
    assert some == gpfq.convert(network, data, joint=True, patch_fraction=0.3, seed=1)
    assert some != gpfq.convert(network, data, joint=True, patch_fraction=0.3, seed=2)
    for fraction in (0, 1.5):
        with pytest.raises(NetworkError, match="patch fraction"):
            gpfq.convert(network, data, patch_fraction=fraction)
    with pytest.raises(NetworkError, match="seed -1; write a whole number from 0"):
        gpfq.convert(network, data, patch_fraction=0.5, seed=-1)


@pytest.mark.parametrize("joint", [False, True])
def test_biases_take_in_the_mean_error(joint):
    network, data = make_network(groups=2), frames()
    plain = gpfq.convert(network, data, joint=joint)
    corrected = gpfq.convert(network, data, joint=joint, bias_correction="all")
    last = gpfq.convert(network, data, joint=joint, bias_correction="last")
    conv1 = corrected.layers[0]
    float_sums, sums = (signal(each, "conv1", data).mean(axis=(0, 2, 3)) for each in (network, corrected))
    np.testing.assert_allclose(sums, float_sums, atol=1e-4)
    assert not np.allclose(signal(plain, "conv1", data).mean(axis=(0, 2, 3)), float_sums, atol=1e-3)
    np.testing.assert_allclose(signal(corrected, "conv2", data).mean(axis=(0, 2, 3)),
                               signal(network, "conv2", data).mean(axis=(0, 2, 3)), atol=1e-4)  # fmt: skip
    assert np.array_equal(conv1.terms[0].code, plain.layers[0].terms[0].code)
    assert [
        np.array_equal(a.bias, b.bias) for a, b in zip(last.layers, plain.layers, strict=True) if hasattr(a, "bias")
    ] == [
        True,
        True,
        True,
        False,
    ]
    with pytest.raises(NetworkError, match="write none, last or all"):
        gpfq.convert(network, data, bias_correction="some")


def test_choices_reach_every_layer():
    network, data = make_network(), frames()
    zeros = {}
    for sparsity, threshold in (("none", 0.0), ("soft", 0.5), ("hard", 1.2)):
        converted = gpfq.convert(network, data, 5, 2.0, rule=Rule(sparsity, threshold))
        codes = [layer.terms[0].code.ravel() for layer in converted.layers if hasattr(layer, "terms")]
        zeros[sparsity] = np.mean(np.concatenate(codes) == 0)
        assert converted.about.get("sparsity", "none") == sparsity
    assert zeros["none"] + 0.1 < min(zeros["soft"], zeros["hard"])
    random = [gpfq.convert(network, data, rule=Rule(rounding="stochastic", seed=seed)) for seed in (0, 0, 1)]
    assert random[0] == random[1] != random[2]
    for rule in (Rule("soft", 0.5), Rule("hard", 0.5)):
        with pytest.raises(NetworkError, match=r"layer conv1: 4 levels: .* take an odd number"):
            gpfq.convert(network, data, 4, rule=rule)


def test_channels_are_rounded_by_numbers_of_their_own():
    """Channels that are alike would else all be rounded the same way, and their errors add up."""
    weight = np.tile(np.random.default_rng(1).uniform(-1, 1, (8, 1, 3, 3)), (1, 2, 1, 1))
    network = Network("twins", (2, 6, 6), (Conv2d("conv", terms=(Weight(weight),)),))
    data = Dataset(np.tile(np.random.default_rng(2).normal(size=(20, 1, 6, 6)), (1, 2, 1, 1)).astype(np.float32))
    for rounding, alike in (("nearest", True), ("stochastic", False)):
        (layer,) = gpfq.convert(network, data, rule=Rule(rounding=rounding)).layers
        assert np.array_equal(layer.terms[0].code[:, 0], layer.terms[0].code[:, 1]) == alike


def test_dead_inputs_get_zeros_in_even_alphabets_too():
    network = Network("dead", (6,), (Dense("dense", terms=(Weight(np.full((6, 3), 0.5)),)),))
    data = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    data[:, [1, 4]] = 0
    for levels, format in ((2, "ternary"), (4, "int3")):
        (layer,) = gpfq.convert(network, Dataset(data), levels, 1.5).layers
        assert layer.terms[0].format.name == format
        assert np.all(layer.terms[0].code[[1, 4]] == 0)
        assert np.all(layer.terms[0].code[[0, 2, 3, 5]] != 0)


def test_residual_connections():
    draw = np.random.default_rng(2).normal
    convs = [Conv2d(f"conv{k}", terms=(Weight(draw(size=(3, 3, 3, 3))),), padding=1) for k in range(3)]
    layers = (convs[0], ReLU("relu"), convs[1], ReLU("relu1"), Add("sum", ("relu1", "relu")), convs[2])
    network = Network("residual", (3, 5, 5), layers)
    data = Dataset(draw(size=(30, 3, 5, 5)).astype(np.float32))
    converted = gpfq.convert(network, data, 3, 2.0)
    x, y = (signal(each, "sum", data) for each in (network, converted))
    level = 2 * np.median(np.abs(convs[2].terms[0].value)) * np.linspace(-1, 1, 3)
    expected = recursion_of_convolution(convs[2], x, y, level, False)
    np.testing.assert_allclose(converted.layers[-1].terms[0].value, expected, rtol=1e-12)


def test_networks_that_cannot_be_converted():
    network, data = make_network(), frames()
    with pytest.raises(NetworkError, match="layer conv1: its weights are codes already"):
        gpfq.convert(gpfq.convert(network, data), data)
    codes = Network("coded", (2, 8, 7), (Quantize("codes"), Conv2d("conv", terms=(Weight(np.ones((1, 2, 3, 3))),))))
    with pytest.raises(NetworkError, match="layer codes: Quantize makes codes"):
        gpfq.convert(codes, data)
    with pytest.raises(NetworkError, match="prepared for another, made"):
        gpfq.convert(make_network(groups=2), LayerInputs(network, data))
    with pytest.raises(NetworkError, match="nothing to convert"):
        gpfq.convert(Network("flat", (2, 8, 7), (Flatten("flatten"),)), data)


def test_what_was_made_states_how():
    converted = gpfq.convert(make_network(), frames(), 3, 2.5, bias_correction="last", name="other")
    about = converted.about
    assert converted.name == "other"
    assert (about["levels"], about["radius"], about["radius_unit"]) == (3, 2.5, "median")
    assert (about["made_from"], about["calibration_frames"], about["convolution"]) == ("made", 40, "per channel")
    assert about["bias_correction"] == "last"


@pytest.mark.parametrize("name", ["mnist-500-300-gpfq", "mnist-500-300-gpfq-int4"])
def test_shipped_networks_are_ternary_and_multiply_nothing_in_synapses(name):
    """On a stream of frames; with integer signals delta comes to the same bits as sparse, and adds less."""
    network = load_network(name)
    assert {layer.terms[0].format.name for layer in network.layers if isinstance(layer, Dense)} == {"ternary"}
    generator = np.random.default_rng(0)
    stream = np.repeat(generator.integers(0, 256, (1, 1, 28, 28)), 20, axis=0)
    stream = np.where(generator.random(stream.shape) < 0.02, generator.integers(0, 256, stream.shape), stream)
    data = Dataset(stream.astype(np.uint8), 1 / 255, name="slow")
    sparse, delta = (simulate(network, data, execution) for execution in ("sparse", "delta"))
    counts = [count(sparse.activity, "zero-skipping-mac"), count(delta.activity, "delta-mac")]
    assert [each.total("synapse", "multiplication") for each in counts] == [0, 0]
    if network.is_integer:
        assert np.array_equal(sparse.outputs, delta.outputs)
        assert [each.total("neuron", "multiplication") for each in counts] == [0, 0]
        assert counts[1].total("synapse", "addition") < counts[0].total("synapse", "addition")


@pytest.mark.bench
def test_the_largest_layer_of_vgg_16():
    """25,088 x 4,096 from 1,500 vectors within ten minutes on two cores and 6 GiB."""
    import resource
    import time

    generator = np.random.default_rng(0)
    analog = np.maximum(generator.normal(size=(1500, 25088)), 0)
    quantized = analog + 0.1 * generator.normal(size=analog.shape)
    weight = generator.normal(size=(25088, 4096)) / 100
    start = time.perf_counter()
    found = gpfq.quantize_weight(weight, analog, quantized, 0.02 * LEVELS[3])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{seconds:.0f} s, at most {peak:.1f} GiB in memory")  # noqa: T201
    assert seconds < 600
    assert peak < 6
    assert set(np.unique(found[:100])) <= {-0.02, 0.0, 0.02}


def test_frames_without_an_axis_of_height():
    generator = np.random.default_rng(5)
    weight = generator.normal(size=(4, 2, 1, 3)).astype(np.float32)
    network = Network("row", (2, 1, 9), (Conv2d("conv", terms=Weight(weight)), Flatten("flat")))
    frames = generator.normal(size=(20, 2, 9)).astype(np.float32)
    converted = gpfq.convert(network, Dataset(frames), 3, 2.0)
    assert converted == gpfq.convert(network, Dataset(frames[:, :, None]), 3, 2.0)
    assert np.any(converted.layers[0].terms[0].code)
