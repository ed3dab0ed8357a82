"""What a training step costs: the paper's figures to the digit, and a step that counts each operation it performs."""

import itertools

import numpy as np
import pytest
from training_step import paper, step
from training_step.meter import Meter

import hwsim
from hwsim.errors import UnknownNameError
from hwsim.training_cost import METHODS, TrainingCostError, accountings, count_training

LIN = (784, 1024, 1024, 1024, 10)
SMALL = (5, 4, 3)
FRAMES = 3


@pytest.mark.parametrize(
    ("method", "batch_norm", "expected"),
    [
        ("full-precision", False, 1_747_974_000),
        ("ternary-connect-qbp", False, 1_849_200),
        ("full-precision", True, 1_753_549_338),
        ("ternary-connect-qbp", True, 7_424_538),
    ],
)
def test_multiplications_of_the_paper(method, batch_norm, expected):
    counts = hwsim.count_training(layers=LIN, method=method, batch=200, batch_norm=batch_norm)
    assert counts.total(kind="multiplication") == expected
    assert counts.machine == "paper accounting"  # theirs, unless said
    assert count_training(LIN, method, 200, batch_norm, "complete").total(kind="multiplication") < expected


def test_shifts_and_random_numbers_of_the_paper():
    counts = count_training(LIN, "ternary-connect-qbp")
    weights, read = 2_910_208, 200 * (784 + 3 * 1024)
    assert counts.total(kind="exponent_addition") == 200 * weights
    assert counts.total(kind="random_number") == weights + read
    assert counts.total(kind="addition") == 3 * 200 * weights
    assert count_training(LIN, "full-precision").total(kind="random_number") == 0


def make_layers(generator, method, **options):
    layers = []
    for number, (n_in, n_out) in enumerate(itertools.pairwise(SMALL), 1):
        weights = generator.uniform(-0.9, 0.9, n_in * n_out).tolist()
        layer = step.Layer(
            f"dense{number}",
            n_in,
            n_out,
            weights,
            generator.normal(size=n_out).tolist(),
            (1 + 0.1 * generator.normal(size=n_out)).tolist(),
            is_last=number == len(SMALL) - 1,
            squared=generator.exponential(size=n_in * n_out).tolist(),
            **options,
        )
        if method == "lsq":
            layer.learned = layer.learned[:1]
        layers.append(layer)
    return layers


def frames_and_labels(generator):
    return generator.normal(size=(FRAMES, SMALL[0])).tolist(), [0, 2, 1]


def as_tally(counts):
    """Counts in the meter's own terms."""
    return {
        (key.layer, which, key.phase, key.operation.kind, key.operation.format): int(number)
        for key, count in counts.entries.items()
        for which, number in zip(counts.groups, count, strict=True)
        if number
    }


def perform(run, method, seed=0, rounds=3, deterministic=False, **options):
    generator = np.random.default_rng(seed)
    layers = make_layers(generator, method, rounds=rounds, deterministic=deterministic)
    meter = Meter(generator)
    run(meter, layers, method, *frames_and_labels(generator), **options)
    return {key: number for key, number in meter.tally.items() if number}


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_complete_accounting_is_what_a_step_performs(method, batch_norm):
    performed = perform(step.training_step, method, batch_norm=batch_norm)
    counted = count_training(SMALL, method, FRAMES, batch_norm, "complete", rounds=3)
    assert as_tally(counted) == performed


@pytest.mark.parametrize("method", [name for name in METHODS if "connect" in name])
def test_options_change_what_is_counted_as_they_change_the_step(method):
    options = {"max_shift": 2} if method.endswith("-qbp") else {}
    performed = perform(step.training_step, method, deterministic=True, **options)
    counted = count_training(SMALL, method, FRAMES, False, "complete", deterministic=True, **options)
    assert as_tally(counted) == performed
    assert counted.total(kind="random_number") == (FRAMES * (5 + 4) if options else 0)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("method", [name for name in METHODS if "paper" in accountings(name)])
def test_paper_accounting_is_what_the_papers_step_performs(method, batch_norm):
    performed = perform(paper.training_step, method, batch_norm=batch_norm)
    without = {key: number for key, number in performed.items() if key[3] != "comparison"}
    counted = count_training(SMALL, method, FRAMES, batch_norm, "paper")
    assert _by_kind(as_tally(counted)) == _by_kind(without)


def _by_kind(tally):
    """By layer, pass and kind: the paper has no word for phases."""
    result = {}
    for (layer, which, _, kind, operands), number in tally.items():
        key = (layer, which, kind, operands)
        result[key] = result.get(key, 0) + number
    return result


@pytest.mark.torch
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("run", [step.training_step, paper.training_step])
def test_the_step_that_is_counted_is_a_training_step(run, batch_norm):
    """Torch's own step from the same weights ends at the same weights."""
    import torch

    generator = np.random.default_rng(0)
    layers = make_layers(generator, "full-precision")
    frames, labels = frames_and_labels(generator)
    modules = []
    for layer in layers:
        linear = torch.nn.Linear(layer.n_in, layer.n_out, bias=not batch_norm).double()
        linear.weight.data = torch.tensor(layer.weights, dtype=torch.float64).reshape(layer.n_in, layer.n_out).T
        norm = torch.nn.BatchNorm1d(layer.n_out, eps=1e-4).double()
        norm.weight.data, norm.bias.data = (torch.tensor(each).double() for each in (layer.gamma, layer.bias))
        if not batch_norm:
            linear.bias.data = torch.tensor(layer.bias).double()
        modules += [linear, *([norm] if batch_norm else []), torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    target = 2 * torch.nn.functional.one_hot(torch.tensor(labels), SMALL[-1]).double() - 1
    loss = (1 - target * model(torch.tensor(frames).double())).clamp(min=0).square().sum(1).mean()
    loss.backward()
    optimizer.step()
    run(Meter(generator), layers, "full-precision", frames, labels, batch_norm=batch_norm)
    linears = [module for module in model if isinstance(module, torch.nn.Linear)]
    for layer, linear in zip(layers, linears, strict=True):
        found = np.reshape(layer.weights, (layer.n_in, layer.n_out)).T
        np.testing.assert_allclose(found, linear.weight.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_newtons_root_is_good_enough():
    meter = Meter(np.random.default_rng(0)).at("x", "forward", "neuron")
    for x in (1e-6, 0.3, 2.0, 7e5):
        assert meter.root(x) == pytest.approx(x**0.5, rel=1e-6)
        assert meter.quotient(3.0, x) == pytest.approx(3 / x, rel=1e-6)


def test_priced_like_any_other_counts():
    counts = count_training((784, 200, 10), "ternary-connect-qbp", 100, accounting="complete")
    energy = hwsim.price(counts, "default_45nm")
    assert energy.per_inference == pytest.approx(energy.total / 100)
    assert energy.by_group.sum() == pytest.approx(energy.total)
    assert energy.by_group[1] > energy.by_group[0] > energy.by_group[2] > 0
    full = hwsim.price(count_training((784, 200, 10), "full-precision", 100, accounting="complete"))
    assert full.total > 3 * energy.total


def test_every_method_can_be_priced():
    for method in METHODS:
        assert hwsim.price(count_training((20, 10, 5), method, 10, batch_norm=True)).total > 0


def test_batch_and_layers_add_up():
    one = count_training((30, 20), "lat", 10, accounting="complete")
    assert {key.layer for key in one.entries} == {"dense1"}
    assert one.n_inference == 10
    table = one.to_dataframe()
    assert set(table["frames"]) == {"forward", "backward", "update"}


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (((784,), "lat"), TrainingCostError, "expected two positive numbers or more"),
        (((784, 0), "lat"), TrainingCostError, "expected two positive numbers or more"),
        (((784, 10), "lat", 0), TrainingCostError, "batch of 0"),
        (((784, 10), "latt"), UnknownNameError, "no training method named 'latt'; did you mean lat"),
        (((784, 10), "lat", 10, False, "papers"), UnknownNameError, "did you mean paper"),
        (((784, 10), "lat", 10, False, "paper"), TrainingCostError, "does not speak of it; write complete"),
    ],
)
def test_bad_input(arguments, error, expected):
    with pytest.raises(error, match=expected):
        count_training(*arguments)


@pytest.mark.parametrize("number", [None, "3", float("nan"), float("inf"), 1.5, True, 0, -1])
def test_numbers_that_count_nothing(number):
    for arguments in ({"layers": (5, number)}, {"batch": number}, {"rounds": number}):
        with pytest.raises(TrainingCostError, match=r"expected (two positive|whole) numbers"):
            count_training(**({"layers": (5, 3), "method": "lat"} | arguments))
    if number is not None:
        expect_no_shift(number)


def expect_no_shift(number):
    with pytest.raises(TrainingCostError, match=r"shifts by at most .*: expected a whole number from 1 to 126"):
        count_training((5, 3), "ternary-connect-qbp", max_shift=number)


def test_shifts_beyond_all_exponents():
    expect_no_shift(127)


@pytest.mark.parametrize("layers", [None, 784])
def test_layers_that_are_none(layers):
    with pytest.raises(TrainingCostError, match="expected two positive numbers or more"):
        count_training(layers)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("lat", {"max_shift": 3}, "method lat has no option max-shift"),
        ("ternary-connect", {"max_shift": 3}, "method ternary-connect has no option max-shift"),
        ("lat", {"deterministic": True}, "method lat has no option deterministic"),
    ],
)
def test_options_that_a_method_does_not_have(method, options, expected):
    with pytest.raises(TrainingCostError, match=expected):
        count_training((5, 3), method, **options)


def test_more_operations_than_can_be_counted():
    with pytest.raises(TrainingCostError, match="more operations than 64 bits can count"):
        count_training((10**9, 10**9), batch=10**6)
