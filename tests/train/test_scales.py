"""Learned scales: the loss and its derivatives against plain numpy and finite differences, and what is counted."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import hwsim
from hwsim import AvgPool2d, Concat, Conv2d, Dense, Flatten, MaxPool2d, Network, ReLU, Softmax, Weight
from hwsim.convert import sigma_delta
from hwsim.convert.coding import Coding, read_codings
from hwsim.datasets import Dataset
from hwsim.errors import FileError
from hwsim.train import TrainingError
from hwsim.train.closed_form import closed_form
from hwsim.train.graph import Graph
from hwsim.train.rounded import Parameters, Rounder, noise, secant, straight_through
from hwsim.train.scale_loss import distance, objective
from hwsim.train.scales import RECIPES, Settings, learn, outputs_of, save

pytestmark = pytest.mark.torch


def perceptron(seed=0, layers=(12, 9, 7, 4)):
    generator = np.random.default_rng(seed)
    parts = [Flatten("flatten")]
    for number, (n_in, n_out) in enumerate(pairwise(layers), 1):
        weight = Weight(generator.normal(size=(n_in, n_out)).astype(np.float32) / n_in**0.5)
        parts += [Dense(f"dense{number}", terms=(weight,), bias=generator.normal(size=n_out).astype(np.float32) / 4)]
        parts += [ReLU(f"relu{number}")]
    return Network("made", (3, 4), tuple(parts[:-1]))


def convolutional(seed=0, average=True):
    """Strides, padding, groups, poolings and a joint."""
    generator = np.random.default_rng(seed)

    def conv(name, inputs, n_out, n_in, size, **geometry):
        weight = generator.normal(size=(n_out, n_in, size, size)).astype(np.float32) / (size * n_in**0.5)
        bias = generator.normal(size=n_out).astype(np.float32) / 4
        return [Conv2d(name, inputs, terms=(Weight(weight),), bias=bias, **geometry), ReLU(f"{name}_relu", (name,))]

    dense = Weight(generator.normal(size=(6 * (4 if average else 16), 5)).astype(np.float32))
    layers = (
        *conv("first", ("input",), 6, 2, 3, padding=1),
        MaxPool2d("pool", kernel=3, stride=2, ceil_mode=True),
        *conv("wide", ("pool",), 4, 3, 3, padding=((1, 1), (0, 2)), groups=2),
        *conv("narrow", ("pool",), 2, 6, 1),
        Concat("joint", ("wide_relu", "narrow_relu")),
        *([AvgPool2d("average", kernel=2)] if average else []),
        Flatten("flatten"),
        Dense("last", terms=(dense,)),
        Softmax("softmax"),
    )
    return Network("convolutional", (2, 8, 8), layers)


def frames_for(network, n_frame=20, seed=1):
    """Frames that change little by little."""
    walk = np.random.default_rng(seed).normal(size=(n_frame, *network.input_shape)).cumsum(axis=0)
    return Dataset(np.abs(walk).astype(np.float32) / 2, name="walk", split="train")


def graph_and_frames(network, n_frame=20):
    graph = Graph(network, torch.float64)
    frames = torch.from_numpy(frames_for(network, n_frame).values()).double()
    return graph, frames, graph.run(frames).detach()


# ------------------------------------------------------------------------------------------------------ the graph


@pytest.mark.parametrize("make", [perceptron, convolutional])
def test_the_graph_computes_what_the_network_does(make):
    network = make()
    data = frames_for(network)
    outputs = Graph(network).run(torch.from_numpy(data.values()))
    expected = hwsim.simulate(network, data, "sparse").outputs
    outputs = outputs.softmax(1) if make is convolutional else outputs
    np.testing.assert_allclose(outputs, expected.reshape(len(data), -1), rtol=1e-4, atol=1e-5)


def test_codes_cannot_be_learned_on():
    data = Dataset(np.zeros((2, 3, 4), np.uint8), name="drawn")
    rounded = sigma_delta.convert(perceptron(), data)
    with pytest.raises(TrainingError, match="layer dense1: its weights are codes; give the float network"):
        Graph(rounded)


@pytest.mark.parametrize("cost", ["rounding", "temporal"])
@pytest.mark.parametrize(
    ("network", "scales"),
    [(perceptron(), (3.0, 2.0, 4.0)), (convolutional(average=False), (3.0, 2.0, 2.0, 5.0))],
    ids=["perceptron", "convolutional"],
)
def test_computation_is_what_the_simulator_counts(network, scales, cost):
    data = frames_for(network)
    graph = Graph(network, torch.float64)
    parameters = Parameters(graph, [Coding(scale) for scale in scales], per_unit=False, more=False)
    frames = torch.from_numpy(data.values()).double()
    found = objective(parameters, frames, graph.run(frames), straight_through, cost, "kl", "per-sample")
    rounded = sigma_delta.convert(network, data, parameters.codings(), weight_bit_width=None)
    run = hwsim.simulate(rounded, data, "sparse" if cost == "rounding" else "delta", per_frame=True)
    additions = np.zeros(len(data))
    for connection in run.activity.connections:
        histogram = connection.histogram
        np.add.at(additions, histogram.group, histogram.magnitude * histogram.n_operation)
    # a batch has no change at its first frame
    assert found.computation.item() == pytest.approx(additions[cost == "temporal" :].mean(), rel=1e-12)


# ---------------------------------------------------------------------------------------------------- the losses


def softmax(z):
    power = np.exp(z - z.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def test_distances_as_the_notes_state_them():
    generator = np.random.default_rng(0)
    ours, original = generator.normal(size=(2, 6, 4))
    graph = Graph(perceptron(), torch.float64)
    one, two = torch.tensor(ours), torch.tensor(original)
    p, q = softmax(ours), softmax(original)
    expected = (p * (np.log(p) - np.log(q))).sum(axis=1).mean()
    assert distance(graph, one, two, "kl").item() == pytest.approx(expected)
    p, q = softmax(ours / 3), softmax(original / 3)
    expected = 9 * (p * (np.log(p) - np.log(q))).sum(axis=1).mean()
    assert distance(graph, one, two, "kl", 3.0).item() == pytest.approx(expected)
    assert distance(graph, one, two, "l2").item() == pytest.approx(((ours - original) ** 2).sum(axis=1).mean())
    ends_in_softmax = Graph(convolutional(), torch.float64)
    p, q = softmax(ours), softmax(original)
    assert distance(ends_in_softmax, one, two, "l2").item() == pytest.approx(((p - q) ** 2).sum(axis=1).mean())


def test_normalizations_differ_by_the_batch():
    graph, frames, target = graph_and_frames(perceptron())
    parameters = Parameters(graph, [Coding(2.0)] * 3, per_unit=False, more=False)
    found = {
        each: objective(parameters, frames, target, straight_through, "rounding", "kl", each)
        for each in ("released", "per-sample")
    }
    assert found["released"].error.item() == found["per-sample"].error.item()
    assert found["released"].computation.item() == pytest.approx(20 * found["per-sample"].computation.item())
    # the released one is the plain sum of |s_l| d_(l+1), O'Connor & Welling 2017, eq. 9
    x, total = frames.flatten(1).numpy(), 0.0
    layers = [layer for layer in graph.network.layers if isinstance(layer, Dense)]
    for number, layer in enumerate(layers, 1):
        codes = np.floor(2 * x + 0.5)
        total += np.abs(codes).sum() * layer.shape[1]
        x = codes / 2 @ layer.terms[0].value + layer.bias
        x = np.maximum(x, 0) if number < 3 else x
    assert found["released"].computation.item() == pytest.approx(total)


# ---------------------------------------------------------------------------------------- derivatives of the scales


def frozen(graph, frames, target, scales, residues, read_at_start, lam, cost, loss):
    """The loss with rounding's residues held constant; and, for what it costs, each layer's input too."""
    computation = 0.0

    def read(k, x):
        nonlocal computation
        events = scales[k] * read_at_start[k]
        events = events if cost == "rounding" else torch.diff(events, dim=0)
        computation = computation + (events.abs() * graph.fan_out(k)).sum() / len(events) * len(frames)
        return x + residues[k] / scales[k]

    return distance(graph, graph.run(frames, read), target, loss) + lam * computation


@pytest.mark.parametrize("make", [perceptron, convolutional])
@pytest.mark.parametrize("cost", ["rounding", "temporal"])
@pytest.mark.parametrize("loss", ["kl", "l2"])
@pytest.mark.parametrize("per_unit", [False, True])
def test_gradients_are_those_with_the_residue_frozen(make, cost, loss, per_unit):
    graph, frames, target = graph_and_frames(make())
    lam = 1e-5
    generator = np.random.default_rng(2)
    parameters = Parameters(graph, [Coding(2.3)] * len(graph.readers), per_unit, more=False)
    for value in parameters.learned:
        value.data += torch.tensor(generator.uniform(-0.3, 0.3, value.shape))
    found = objective(parameters, frames, target, straight_through, cost, loss, "released")
    gradients = torch.autograd.grad(found.total(lam), parameters.learned)

    residues, signals = {}, {}

    def note(k, x):
        rounder = parameters.of(k)
        signals[k] = x.detach()
        residues[k] = (rounder.codes(x) - rounder.scale * x).detach()
        return rounder.decode(rounder.codes(x)).detach()

    graph.run(frames, note)

    def at():
        scales = [parameters.of(k).scale for k in range(len(graph.readers))]
        return frozen(graph, frames, target, scales, residues, signals, lam, cost, loss).item()

    reach = 1e-5
    for value, gradient in zip(parameters.learned, gradients, strict=True):
        differences = torch.zeros_like(gradient)
        for unit in range(value.numel()):
            with torch.no_grad():
                value[unit] += reach
                above = at()
                value[unit] -= 2 * reach
                differences[unit] = (above - at()) / (2 * reach)
                value[unit] += reach
        error = (gradient - differences).norm() / differences.norm()
        assert differences.norm() > 0
        assert error < 1e-4


def test_noise_passes_back_what_it_added():
    graph, frames, target = graph_and_frames(perceptron())
    parameters = Parameters(graph, [Coding(1.5)] * 3, per_unit=False, more=False)
    torch.manual_seed(3)
    drawn = []

    def remember(rounder, x, cost):
        decoded, events = noise(rounder, x, cost)
        drawn.append(((decoded - x) * rounder.scale).detach())
        return decoded, events

    found = objective(parameters, frames, target, remember, "rounding", "l2", "per-sample")
    assert all(each.abs().max() <= 0.5 and each.std() > 0.25 for each in drawn)
    gradient = torch.autograd.grad(found.error, parameters.log_scale[parameters.of_readers[0]])[0]

    def at(change):
        scales = [1.5 * np.exp(change), 1.5, 1.5]
        outputs = graph.run(frames, lambda k, x: x + drawn[k] / scales[k])
        return distance(graph, outputs, target, "l2").item()

    assert gradient.item() == pytest.approx((at(1e-5) - at(-1e-5)) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("cost", ["rounding", "temporal"])
def test_the_secant_is_the_slope_between_two_scales(cost):
    generator = np.random.default_rng(0)
    x = torch.tensor(np.abs(generator.normal(size=(50, 6))))
    log_scale, offset = (torch.full((6,), value, dtype=torch.float64, requires_grad=True) for value in (0.3, 0.1))
    rounder = Rounder(log_scale, torch.zeros(6, dtype=torch.float64), offset, True)
    decoded, events = secant(rounder, x, cost)
    codes = np.floor(np.exp(0.3) * x.numpy() - 0.1 + 0.5).clip(0)
    np.testing.assert_allclose(decoded.detach(), codes / np.exp(0.3))
    assert events.sum().item() == (codes if cost == "rounding" else np.abs(np.diff(codes, axis=0))).sum()
    slope = torch.autograd.grad(events.sum(), [log_scale, offset])

    def events_at(stretch, shift):
        found = np.floor(np.exp(0.3 + stretch) * x.numpy() - (0.1 + shift) + 0.5).clip(0)
        return found.sum(axis=0) if cost == "rounding" else np.abs(np.diff(found, axis=0)).sum(axis=0)

    np.testing.assert_allclose(slope[0], (events_at(0.15, 0) - events_at(-0.15, 0)) / 0.3)
    np.testing.assert_allclose(slope[1], (events_at(0, 0.2) - events_at(0, -0.2)) / 0.4)


# --------------------------------------------------------------------------------------------------- closed form


@pytest.mark.parametrize("cost", ["rounding", "temporal"])
def test_closed_form_is_the_cube_root_of_sensitivity_by_cost(cost):
    # one layer, squared error: the sensitivity is the sum of squared weights
    weight = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32)
    network = Network("one", (5,), (Dense("only", terms=(Weight(weight),)),))
    data = frames_for(network, 400)
    graph = Graph(network, torch.float64)
    torch.manual_seed(0)
    (found,) = closed_form(graph, torch.from_numpy(data.values()).double(), 1e-3, cost, "l2", 1.0, False)
    places = np.linspace(0, 350, 8).astype(int)
    looked = np.stack([data.values()[place : place + 50] for place in places]).astype(np.float64)
    events = np.abs(looked if cost == "rounding" else np.diff(looked, axis=1)).mean(axis=(0, 1)).sum()
    expected = ((weight.astype(np.float64) ** 2).sum() / (6 * 1e-3 * 300 * events)) ** (1 / 3)
    assert float(found.scale) == pytest.approx(expected, rel=0.03)  # the sensitivity is sampled


# -------------------------------------------------------------------------------------------------------- learning


def test_larger_lambdas_compute_less():
    network = perceptron()
    data = frames_for(network, 200)
    found = {lam: learn(network, data, Settings(lam, learning_rate=0.02, epochs=5)) for lam in (1e-8, 1e-3)}
    assert found[1e-8].computation > 2 * found[1e-3].computation
    assert found[1e-8].error < found[1e-3].error


def test_the_same_seed_learns_the_same():
    network = perceptron()
    data = frames_for(network, 60)
    settings = Settings(1e-4, **(RECIPES["temporal"] | {"epochs": 2, "batch_size": 10}))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    one, two = (learn(network, data, settings) for _ in range(2))
    assert torch.equal(torch.rand(2), expected)
    other = learn(network, data, replace(settings, seed=1))
    for name in one.codings:
        assert one.codings[name].same(two.codings[name])
        assert not one.codings[name].same(other.codings[name])


def test_units_have_codings_of_their_own_and_zero_stays_zero():
    network = perceptron()
    settings = Settings(1e-3, **(RECIPES["temporal"] | {"epochs": 5, "batch_size": 10, "learning_rate": 0.1}))
    codings = learn(network, frames_for(network, 60), settings).codings
    assert [each.n_unit for each in codings.values()] == [12, 9, 7]
    for each in codings.values():
        assert all(np.ptp(value) > 0 for value in each.arrays)
        assert np.min(each.offset) > -0.5


def test_signals_that_share_a_scale_learn_one():
    network = convolutional()
    settings = Settings(1e-4, epochs=2, batch_size=5, estimator="noise", loss="l2")
    codings = learn(network, frames_for(network), settings).codings
    assert codings["wide"].same(codings["narrow"])
    assert not codings["wide"].same(codings["first"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"lam": 0.0}, "lam 0.0: expected a positive finite number"),
        ({"lam": 1.0, "cost": "time"}, "cost 'time'; write rounding or temporal"),
        (
            {"lam": 1.0, "cost": "temporal", "batch_size": 1},
            "expected at least two frames a batch",
        ),
        ({"lam": 1.0, "epochs": -1}, "-1 epochs"),
        ({"lam": 1.0, "gains_and_offsets": True}, "estimator straight-through; write secant"),
    ],
)
def test_settings_that_are_none(options, expected):
    with pytest.raises(TrainingError, match=expected):
        Settings(**options)


def test_loss_that_is_not_finite_stops():
    with pytest.raises(TrainingError, match=r"lambda 1: the loss is not finite any more; give a learning rate below"):
        learn(perceptron(), frames_for(perceptron(), 60), Settings(1.0, learning_rate=1e10))


def test_too_few_frames():
    with pytest.raises(TrainingError, match="data set walk: 5 frames; a batch takes 10"):
        learn(perceptron(), frames_for(perceptron(), 5), Settings(1.0))


# ---------------------------------------------------------------------------------------------------------- files


def test_files_keep_codings_to_the_bit(tmp_path):
    network, data = perceptron(), frames_for(perceptron(), 60)
    settings = Settings(1e-4, **(RECIPES["temporal"] | {"epochs": 1, "batch_size": 10}))
    learned = learn(network, data, settings)
    save(learned, data, settings, tmp_path / "scales.yaml")
    names = list(learned.codings)
    found = read_codings(tmp_path / "scales.yaml", names, network.digest)
    assert all(one.same(two) for one, two in zip(found, learned.codings.values(), strict=True))
    converted = sigma_delta.convert(network, data, tmp_path / "scales.yaml")
    assert converted == sigma_delta.convert(network, data, found)
    with pytest.raises(FileError, match="of another network than this one"):
        sigma_delta.convert(perceptron(seed=1), data, tmp_path / "scales.yaml")


def test_targets_come_in_pieces():
    network = perceptron()
    frames = torch.from_numpy(frames_for(network, 30).values())
    graph = Graph(network)
    np.testing.assert_array_equal(outputs_of(graph, frames), graph.run(frames).detach())
