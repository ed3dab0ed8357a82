"""Rearrange and Pad2d: where numpy has the numbers, what they cost, and what they refuse."""

import math
from collections import Counter

import numpy as np
import pytest
from one_layer import EXECUTIONS, INT8, on_codes, on_reals

import hwsim
from hwsim import (
    Conv2d,
    Network,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Weight,
)
from hwsim.errors import NetworkError

ARRANGEMENTS = [
    (Rearrange("r", order=(1, 2, 0)), lambda x: x.transpose(0, 2, 3, 1)),
    (Rearrange("r", order=(0, 2, 1)), lambda x: x.transpose(0, 1, 3, 2)),
    (Rearrange("r", shape=(12, 5)), lambda x: x),
    (Rearrange("r", order=(2, 0, 1), shape=(5, 4, 3)), lambda x: x.transpose(0, 3, 1, 2)),
    (Rearrange("r"), lambda x: x),
    (Pad2d("p", padding=((1, 0), (2, 3)), value=-2), lambda x: padded(x, ((1, 0), (2, 3)), -2)),
    (Pad2d("p", padding=(0, 1)), lambda x: padded(x, ((0, 0), (1, 1)), 0)),
    (Pad2d("p"), lambda x: x),
]


def padded(x, sides, value):
    return np.pad(x, ((0, 0), (0, 0), *sides), constant_values=value)


@pytest.mark.parametrize(("layer", "expected"), ARRANGEMENTS)
@pytest.mark.parametrize("before", [(), (ReLU("relu"),)])
def test_numbers_are_where_numpy_has_them(layer, expected, before):
    frames = np.random.default_rng(3).integers(-9, 10, (6, 3, 4, 5))
    frames[2] = frames[1]
    values = np.maximum(frames, 0) if before else frames
    reals = on_reals(*before, layer, frames=frames.astype(np.float32))
    assert np.array_equal(reals, expected(values).reshape(6, -1))
    assert np.array_equal(on_codes(frames, *before, layer, step=0.5), expected(values * 0.5).reshape(6, -1))


def test_a_step_per_channel_goes_along_where_it_can():
    frames = np.random.default_rng(4).normal(size=(4, 3, 2, 2)).astype(np.float32)
    quantize = Quantize("codes", scale=np.array([1.0, 2.0, 4.0]))
    steps = np.array([1.0, 0.5, 0.25])
    wanted = np.floor(frames / steps[:, None, None] + 0.5) * steps[:, None, None]
    for layer, moved in (
        (Rearrange("r", order=(0, 2, 1)), wanted.transpose(0, 1, 3, 2)),
        (Rearrange("r", shape=(12,)), wanted),
        (Rearrange("r", order=(1, 0, 2), shape=(12, 1, 1)), wanted.transpose(0, 2, 1, 3)),
        (Pad2d("p", padding=1), padded(wanted, ((1, 1), (1, 1)), 0)),
        (Pad2d("p", padding=1, value=-3), padded(wanted, ((1, 1), (1, 1)), -3)),
    ):
        assert np.array_equal(on_reals(quantize, layer, frames=frames), moved.reshape(4, -1))
    with pytest.raises(NetworkError, match=r"layer r: shape \(2, 3, 2\) puts codes of unequal steps"):
        Network("n", (3, 2, 2), (quantize, Rearrange("r", order=(1, 0, 2))))


IMAGES = np.random.default_rng(5).integers(-3, 4, (5, 2, 4, 4))
KERNEL = Weight(np.random.default_rng(6).integers(-3, 4, (3, 2, 3, 3)), INT8)


def counts_of(execution, *layers):
    """Outputs, and how often each operation was executed, whatever layer it is in."""
    run = hwsim.simulate(Network("images", (2, 4, 4), layers, INT8), IMAGES, execution)
    total = Counter()
    for key, number in hwsim.count(run.activity).entries.items():
        total[key.phase, key.operation] += int(number.sum())
    return run.outputs, +total


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_wiring_costs_nothing(execution):
    plain = counts_of(execution, Conv2d("conv", terms=(KERNEL,), padding=1))
    turned = counts_of(
        execution,
        Rearrange("turn", order=(0, 2, 1)),
        Conv2d("conv", terms=(Weight(KERNEL.code.transpose(0, 1, 3, 2), INT8),), padding=1),
        Rearrange("back", order=(0, 2, 1)),
    )
    assert np.array_equal(plain[0], turned[0])
    assert plain[1] == turned[1]


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_only_a_dense_machine_works_on_a_border_of_zeros(execution):
    plain = counts_of(execution, Conv2d("conv", terms=(KERNEL,), padding=1))
    padded = counts_of(execution, Pad2d("pad", padding=1), Conv2d("conv", terms=(KERNEL,)))
    assert np.array_equal(plain[0], padded[0])
    if execution != "dense":
        assert plain[1] == padded[1]
        return
    n_tap = 4 * 4 * 9 - (2 + 3 + 3 + 2) ** 2  # of all windows on one channel, those on the border
    more = {key: number - plain[1][key] for key, number in padded[1].items() if number != plain[1][key]}
    arithmetic = {operation.kind: number for (phase, operation), number in more.items() if phase == "synapse"}
    assert arithmetic == {"multiplication": 5 * n_tap * 2 * 3, "addition": 5 * n_tap * 2 * 3}
    assert not any(operation.memory == "activations" for _, operation in more)  # nobody stores it


def test_a_border_of_something_arrives_once_in_a_stream():
    kernel = Weight(np.ones((1, 1, 1, 1), int), INT8)
    layers = (Pad2d("pad", padding=((0, 0), (1, 1)), value=3), Conv2d("conv", terms=(kernel,)))
    network = Network("bordered", (1, 2, 2), layers, INT8)
    frames = np.array([[[[1, 0], [0, 2]]], [[[1, 0], [0, 0]]]])
    expected = {"dense": [8, 8], "sparse": [6, 5], "delta": [6, 1]}
    for execution in EXECUTIONS:
        activity = hwsim.simulate(network, frames, execution, per_frame=True).activity
        histogram = activity.layers[-1].connections[0].histogram
        operations = [int(histogram.n_operation[histogram.group == frame].sum()) for frame in (0, 1)]
        assert operations == expected[execution]
        assert [layer.name for layer in activity.layers] == ["input", "conv"]


def test_a_border_is_not_held_back():
    layers = (Pad2d("pad", padding=1, value=1), Conv2d("conv", terms=(Weight(np.ones((1, 1, 1, 1), int), INT8),)))
    network = Network("bordered", (1, 1, 1), layers, INT8)
    run = hwsim.simulate(network, np.array([[[[5]]], [[[6]]], [[[8]]]]), hwsim.Delta(3))
    assert run.outputs[:, 4].tolist() == [5, 5, 8]
    assert np.all(np.delete(run.outputs, 4, axis=1) == 1)


@pytest.mark.parametrize(
    ("layer", "format", "expected"),
    [
        (Pad2d("p", value=0.5), INT8, r"layer p: a border of 0.5 around int8 codes of step 1"),
        (Pad2d("p", value=128), INT8, r"layer p: a border of 128 around int8"),
        (Pad2d("p"), hwsim.NumberFormat.parse("binary"), r"layer p: a border of 0 around binary codes"),
        (Rearrange("r", order=(0, 1)), INT8, r"layer r: order \(0, 1\) of a frame of shape \(2, 2, 3\)"),
        (Rearrange("r", order=(0, 1, 1)), INT8, r"layer r: order \(0, 1, 1\)"),
        (Rearrange("r", shape=(2, 5)), INT8, r"layer r: shape \(2, 5\) of .* has 12 numbers"),
    ],
)
def test_arrangements_that_do_not_fit(layer, format, expected):
    with pytest.raises(NetworkError, match=expected):
        Network("n", (2, 2, 3), (layer,), format)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Pad2d("p", padding=(-1, 0)), r"layer p: padding \(-1, 0\); expected a whole number from 0"),
        (lambda: Pad2d("p", value=math.inf), "layer p: value inf; expected a finite number"),
        (lambda: Network("n", (3,), (Pad2d("p", padding=1),)), r"layer p: reads a frame of shape \(3,\)"),
        (lambda: Rearrange("r", order=(-1, 0)), r"layer r: order \(-1, 0\); expected whole numbers from 0"),
        (lambda: Rearrange("r", shape=(0, 2)), r"layer r: shape \(0, 2\); expected whole numbers from 1"),
    ],
)
def test_arrangements_that_are_none(make, expected):
    with pytest.raises(NetworkError, match=expected):
        make()
