"""Add with signs, Multiply and Divide: closed forms, what they cost, and what they refuse."""

import math

import numpy as np
import pytest
from one_layer import EXECUTIONS, INT8, on_codes, run_all

import hwsim
from hwsim import (
    Add,
    Dense,
    Divide,
    Multiply,
    Network,
    Quantize,
    Rearrange,
    ReLU,
    Weight,
)
from hwsim.errors import NetworkError
from hwsim.machine import DEFAULT_MACHINE
from hwsim.network.number_format import FP32


def test_signals_are_subtracted():
    generator = np.random.default_rng(1)
    frames = generator.integers(-128, 128, (9, 4))
    layers = (Quantize("half", scale=0.5, inputs=("input",)), Add("minus", ("input", "half"), signs=(1, -1)))
    half = np.floor(frames / 2 + 0.5)
    assert np.array_equal(on_codes(frames, *layers), frames - 2 * np.clip(half, -128, 127))
    layers = (*layers[:1], Add("minus", ("half", "input", "input"), signs=(-1, -1, 1)))
    assert np.array_equal(on_codes(frames, *layers), -2 * half)


def test_a_difference_of_real_numbers():
    frames = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    network = Network("minus", (4,), (ReLU("relu"), Add("minus", ("relu", "input"), signs=(1, -1))))
    expected = np.maximum(frames, 0) - frames
    for execution in EXECUTIONS:
        assert hwsim.simulate(network, frames, execution).outputs == pytest.approx(expected, abs=1e-6)


def test_a_subtraction_costs_what_an_addition_costs():
    def counts(signs, execution):
        layers = (ReLU("relu"), Add("sum", ("relu", "input"), signs=signs))
        network = Network("sum", (4,), layers, INT8)
        frames = np.array([[1, -2, 0, 5], [1, 3, 0, -5]])
        return hwsim.count(hwsim.simulate(network, frames, execution).activity)

    for execution in EXECUTIONS:
        added, subtracted = (counts(signs, execution) for signs in ((), (-1, 1)))
        assert {key: n.tolist() for key, n in added.entries.items()} == {
            key: n.tolist() for key, n in subtracted.entries.items()
        }


def test_signs_that_say_nothing_make_no_other_network():
    plain, signed, minus = (
        Network("sum", (4,), (ReLU("relu"), Add("sum", ("relu", "input"), signs=signs)), INT8)
        for signs in ((), (1, 1), (1, -1))
    )
    assert plain == signed != minus


SHAPES = [((4, 3, 2), (4, 3, 2)), ((4, 3, 2), (4, 1, 1)), ((4, 3, 2), (4,)), ((6,), (6,)), ((4, 1, 1), (4,))]


def paired(kind, shapes, *between, format=FP32, swapped=False):
    """A network that takes both operands, one after the other, as one frame. Also: how many numbers each has."""
    sizes = [math.prod(shape) for shape in shapes]
    eye = np.eye(sum(sizes), dtype=np.float32 if format.is_real else np.int64)
    ends = np.split(eye, [sizes[0]], axis=1)
    layers = []
    for name, shape, end in zip("ab", shapes, ends, strict=True):
        layers.append(Dense(f"take {name}", ("input",), terms=(Weight(end, format),)))
        if not format.is_real:
            layers.append(Quantize(f"codes {name}"))
        layers.append(Rearrange(name, shape=shape))
    layers.append(kind("pair", ("b", "a") if swapped else ("a", "b")))
    return Network("paired", (sum(sizes),), (*layers, *between), format), sizes[0]


def spread(values, shape, like):
    values = values.reshape(len(values), *shape)
    return values.reshape(len(values), shape[0], 1, 1) if len(like) == 3 and len(shape) == 1 else values


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shapes", SHAPES)
def test_products_and_quotients(shapes, swapped):
    generator = np.random.default_rng(8)
    for kind, format in ((Multiply, INT8), (Multiply, FP32), (Divide, FP32)):
        network, n = paired(kind, shapes, format=format, swapped=swapped)
        frames = generator.integers(1, 12, (6, *network.input_shape)) * generator.choice([-1, 1], network.input_shape)
        frames[3] = frames[2]
        values = frames if format is INT8 else frames.astype(np.float32)
        first, second = (
            spread(part, shape, shapes[0]) for part, shape in zip(np.split(values, [n], 1), shapes, strict=True)
        )
        if swapped:
            first, second = second, first
        expected = (first * second if kind is Multiply else first / second).reshape(6, -1)
        assert network.output.shape == shapes[0]
        assert np.array_equal(run_all(network, values), expected)


def test_steps_multiply():
    layers = (
        Quantize("codes", scale=np.array([2.0, 4.0])),
        Quantize("gate", ("input",), scale=np.array([10.0, 1.0]), zero_point=5),
        Multiply("product", ("codes", "gate")),
    )
    frames = np.random.default_rng(9).normal(size=(8, 2, 1, 1)).astype(np.float32)
    network = Network("steps", (2, 1, 1), layers)
    assert network.output.step.tolist() == [1 / 2 * 1 / 10, 1 / 4]
    assert (network.output.zero_point, network.output.bound) == (0, 128 * 133)
    run = hwsim.simulate(network, frames, "delta")
    flat = frames.reshape(8, 2)
    expected = np.floor(flat * [2, 4] + 0.5) / [2, 4] * (np.floor(flat * [10, 1] + 0.5) / [10, 1])
    assert run.outputs == pytest.approx(expected)


def test_what_a_product_costs():
    shapes = ((3, 2, 2), (3, 1, 1))
    for kind, format, name in (
        (Multiply, INT8, ("multiplication", "int8", "int8")),
        (Divide, FP32, ("division", "fp32")),
    ):
        network, n = paired(kind, shapes, format=format)
        assert n == 12
        frame = np.arange(1, 16)
        frames = np.stack([frame, frame, frame, frame]).astype(np.float32 if format.is_real else np.int64)
        frames[2, 0] += 1  # of the image's first channel
        frames[3, 0] += 1
        frames[3, 13] += 1  # the gate of the second channel, all four of whose products are made anew
        for execution, expected in (("dense", [12] * 4), ("sparse", [12] * 4), ("delta", [12, 0, 1, 4])):
            run = hwsim.simulate(network, frames, execution, per_frame=True)
            machine = hwsim.load_machine(DEFAULT_MACHINE[execution]).model_copy(update={"functions": "unit"})
            counts = hwsim.count(run.activity, machine)
            (found,) = [
                number for key, number in counts.entries.items()
                if (key.operation.kind, *key.operation.format) == name and key.layer == "pair"
            ]  # fmt: skip
            assert found.tolist() == expected
            (state,) = [
                number for key, number in counts.entries.items()
                if key.layer == "pair" and key.operation.kind == "sram_read" and key.operation.memory == "state"
            ] or [np.zeros(4)]  # fmt: skip
            bits = 32 if format.is_real else 8
            wanted = [(12, 3), (0, 0), (1, 1), (4, 1)] if execution == "delta" else [(0, 0)] * 4
            assert state.tolist() == [sum(-(-each * bits // 64) for each in pair) for pair in wanted]


def test_a_division_is_priced_as_what_it_is_made_of_and_a_unit_for_it_where_a_table_states_one():
    network, _ = paired(Divide, ((2,), (2,)))
    activity = hwsim.simulate(network, np.ones((1, 4), np.float32)).activity
    # 4 comparisons (as additions of int32), 2 multiplications and 1 addition of fp32, each twice
    made_of = hwsim.price(hwsim.count(activity), "default_45nm", phases=("neuron",))
    assert made_of.of(layer="pair") == pytest.approx(2 * (4 * 0.1 + 2 * 3.7 + 0.9) * 1e-12)
    counts = hwsim.count(activity, hwsim.load_machine("mac-array").model_copy(update={"functions": "unit"}))
    with pytest.raises(hwsim.HwsimError, match="division fp32"):
        hwsim.price(counts, "default_45nm", phases=("neuron",))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Add("a", signs=(1, 0)), r"layer a: signs \(1, 0\); expected 1 \(added\) or -1"),
        (
            lambda: Network("n", (3,), (Add("a", ("input", "input"), signs=(-1,)),)),
            "layer a: has 1 signs for 2 signals",
        ),
        (lambda: paired(Multiply, ((4, 3, 2), (3, 1, 1))), "layer pair: multiplies frames of .*expected two of one"),
        (lambda: paired(Divide, ((4,), (3,))), "layer pair: divides frames of shapes"),
        (lambda: paired(Divide, ((4,), (4,)), format=INT8), "layer pair: divides int8 and int8; expected real numbers"),
        (
            lambda: Network("n", (3,), (Quantize("q"), Multiply("m", ("q", "input")))),
            "layer m: multiplies int8 and fp32; expected real numbers, or codes only: quantize both",
        ),
        (lambda: Network("n", (3,), (Multiply("m", ("input",) * 3),)), "layer m: multiplies frames of shapes"),
    ],
)
def test_joints_that_are_refused(make, expected):
    with pytest.raises(NetworkError, match=expected):
        make()
