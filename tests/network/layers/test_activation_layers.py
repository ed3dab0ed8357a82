"""LeakyReLU, HardTanh, Sigmoid and Tanh: closed forms, torch, what they cost, and what they refuse."""

import dataclasses
import math

import numpy as np
import pytest
from one_layer import EXECUTIONS, INT8, REALS, on_codes, on_reals, work_of

import hwsim
from hwsim import (
    ELU,
    Dense,
    HardTanh,
    LeakyReLU,
    Network,
    Quantize,
    ReLU,
    Sigmoid,
    Tanh,
    Weight,
)
from hwsim.errors import NetworkError


@pytest.mark.parametrize("slope", [0.01, 0.0, 0.3, -2.0])
def test_leaky_relu_in_closed_form(slope):
    expected = np.where(REALS >= 0, REALS, REALS * np.float32(slope))
    assert np.array_equal(on_reals(LeakyReLU("leaky", slope=slope))[0], expected)


def test_curves_are_the_nearest_float32():
    """Of 28 digits' worth of arithmetic: the integral and the series of neither numpy nor the package."""
    from decimal import Decimal

    sigmoid, tanh = on_reals(Sigmoid("sigmoid"))[0], on_reals(Tanh("tanh"))[0]
    for k, x in enumerate(REALS):
        power = Decimal(float(-x)).exp()
        assert sigmoid[k] == np.float32(float(1 / (1 + power)))
        square = Decimal(float(-2 * abs(x))).exp()
        exact = float((1 - square) / (1 + square)) if abs(x) > 1e-6 else abs(float(x))
        assert tanh[k] == np.float32(math.copysign(exact, x))


def test_elu_in_closed_form():
    below = REALS < 0
    for layer, alpha, scale in ((ELU("e"), 1.0, 1.0), (ELU("e", alpha=1.5, scale=2.5), 1.5, 2.5)):
        found = on_reals(layer)[0]
        assert np.array_equal(found[~below], (scale * REALS[~below].astype(np.float64)).astype(np.float32))
        for number, result in zip(REALS[below].tolist(), found[below], strict=True):
            assert result == pytest.approx(scale * alpha * math.expm1(number), rel=1e-7, abs=1e-44)


@pytest.mark.torch
def test_curves_and_slopes_equal_torch():
    import torch

    x = torch.tensor(REALS)
    # torch works in float32, with errors of an ulp or two of its own
    for layer, expected in (
        (Sigmoid("s"), torch.sigmoid(x)),
        (Tanh("t"), torch.tanh(x)),
        (ELU("e", alpha=0.7), torch.nn.functional.elu(x, 0.7)),
    ):
        assert on_reals(layer)[0] == pytest.approx(expected.numpy(), rel=4e-7, abs=1e-37)
    leaky = torch.nn.functional.leaky_relu(x, 0.2)
    assert np.array_equal(on_reals(LeakyReLU("l", slope=0.2))[0], leaky.numpy())


def test_curves_read_codes_as_values():
    codes = np.arange(-8, 8, dtype=np.int64)[None]
    for layer, function in ((Sigmoid("s"), lambda x: 1 / (1 + math.exp(-x))), (Tanh("t"), math.tanh)):
        expected = [np.float32(function(0.3 * int(code))) for code in codes[0]]
        assert on_codes(codes, layer, step=0.3)[0].tolist() == expected


def test_a_curve_between_integer_layers_leaves_all_executions_alike():
    generator = np.random.default_rng(0)
    weights = [Weight(generator.integers(-5, 6, shape), INT8, 0.125) for shape in ((6, 8), (8, 5))]
    layers = (
        Dense("one", terms=weights[:1]), Sigmoid("sigmoid"), Quantize("codes", scale=255.0, signed=False),
        Dense("two", terms=weights[1:]), Tanh("tanh"), Quantize("last", scale=127.0),
    )  # fmt: skip
    frames = generator.integers(-9, 10, (7, 6))
    outputs = on_codes(frames, *layers)
    hidden = np.floor(255 / (1 + np.exp(-frames @ weights[0].value)) + 0.5)
    expected = np.tanh(hidden / 255 @ weights[1].value)
    assert np.abs(outputs - expected).max() <= 0.5 / 127 + 1e-6


@pytest.mark.parametrize(("lowest", "highest"), [(-math.inf, 1.5), (-0.5, math.inf), (-1, 2)])
def test_hard_tanh_may_be_open_at_one_end(lowest, highest):
    layer = HardTanh("clip", lowest=lowest, highest=highest)
    assert np.array_equal(on_reals(layer)[0], np.clip(REALS, lowest, highest))
    codes = np.arange(-128, 128)[None]
    assert np.array_equal(on_codes(codes, layer, step=0.5)[0], np.clip(codes[0] * 0.5, lowest, highest))


SIXTEEN_LINES = {("comparison", "fp32"): 3 * 4, ("multiplication", "fp32", "fp32"): 3, ("addition", "fp32"): 3}
"""Of three neurons: the one of 16 lines that a number is on, and a x + b."""


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ((LeakyReLU("l"),), {("comparison", "fp32"): 3, ("multiplication", "fp32", "fp32"): 3}),
        ((Sigmoid("s"),), SIXTEEN_LINES),
        ((Tanh("t"),), SIXTEEN_LINES),
        ((ELU("e"),), SIXTEEN_LINES),
        ((HardTanh("h"),), {("comparison", "fp32"): 6}),
        ((HardTanh("h", lowest=-math.inf),), {("comparison", "fp32"): 3}),
        ((HardTanh("h", highest=math.inf),), {("comparison", "fp32"): 3}),
        ((ReLU("r"), HardTanh("h", lowest=0.5)), {("comparison", "fp32"): 6}),
        ((ReLU("r"), HardTanh("h", lowest=-math.inf)), {("comparison", "fp32"): 6}),
        ((ReLU("r"), HardTanh("h", lowest=0.5, highest=math.inf)), {("comparison", "fp32"): 3}),
    ],
)
def test_work_of_a_neuron(layers, expected, execution):
    assert work_of(*layers, execution=execution) == expected


def test_a_weight_scale_is_taken_along_by_a_quantize_but_not_through_a_curve():
    scaled = Weight(np.eye(3, dtype=np.int64), INT8, 0.5)
    quantize = Quantize("codes", scale=16.0)
    machine = hwsim.load_machine("mac-array").model_copy(update={"functions": "unit"})
    for body, n_multiplication in (
        ((quantize,), 3),
        ((LeakyReLU("leaky"), quantize), 6),
        ((Tanh("tanh"), quantize), 6),
        ((quantize, Tanh("tanh")), 3),
        ((Tanh("tanh"),), 3),
        ((ELU("elu"), quantize), 6),
    ):
        network = Network("scaled", (3,), (Dense("dense", terms=(scaled,)), *body))
        counts = hwsim.count(hwsim.simulate(network, np.ones((1, 3), np.float32)).activity, machine)
        assert counts.total("neuron", "multiplication") == n_multiplication


OWN_TABLE = """\
schema: 1
name: own
description: for tests
process_node: 45
unit: pJ
extends: default_45nm
sources:
  mine: {authors: A. Author, title: A title, venue: A venue, year: 2020}
operations:
  - {operation: sigmoid, format: fp32, energy: 5.0, source: mine, where: Table 1, standing: printed}
  - {operation: tanh, format: fp32, energy: 7.0, source: mine, where: Table 1, standing: printed}
  - {operation: division, format: fp32, energy: 9.0, source: mine, where: Table 1, standing: printed}
"""


@pytest.mark.parametrize(("layer", "picojoule"), [(Sigmoid("curve"), 5), (Tanh("curve"), 7)])
def test_a_unit_for_a_curve_has_no_price_unless_a_table_states_one(layer, picojoule, tmp_path):
    network = Network("curved", (3,), (Dense("dense", terms=(Weight(np.eye(3)),)), layer))
    machine = hwsim.load_machine("mac-array").model_copy(update={"functions": "unit"})
    counts = hwsim.count(hwsim.simulate(network, np.ones((1, 3), np.float32)).activity, machine)
    with pytest.raises(hwsim.HwsimError, match=f"{type(layer).__name__.lower()} fp32"):
        hwsim.price(counts, "default_45nm", phases=("neuron",))
    assert hwsim.price(counts, "default_45nm", phases=("synapse",)).total > 0
    (tmp_path / "own.yaml").write_text(OWN_TABLE)
    assert hwsim.price(counts, tmp_path / "own.yaml", phases=("neuron",)).total == pytest.approx(3e-12 * picojoule)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: HardTanh("h", lowest=-math.inf, highest=math.inf), "layer h: limits -inf ... inf; expected two"),
        (lambda: HardTanh("h", lowest=1, highest=1), "layer h: limits 1 ... 1; expected two numbers, rising"),
        (lambda: HardTanh("h", lowest=math.nan), "layer h: limits nan ... 1"),
        (lambda: ELU("e", alpha=math.nan), "layer e: alpha nan; expected a finite number"),
        (lambda: LeakyReLU("l", slope=math.inf), "layer l: slope inf; expected a finite number"),
        (lambda: Network("n", (3,), (LeakyReLU("l"),), INT8), "layer l: a LeakyReLU of int8 codes.*quantize after it"),
    ],
)
def test_activations_that_are_refused(make, expected):
    with pytest.raises(NetworkError, match=expected):
        make()


def test_activations_that_differ_make_other_networks():
    layers = [LeakyReLU("x"), LeakyReLU("x", slope=0.2), Sigmoid("x"), Tanh("x"), HardTanh("x", highest=math.inf)]
    layers += [ELU("x"), ELU("x", alpha=2.0), ELU("x", scale=2.0)]
    digests = [Network("one", (3,), (layer,)).digest for layer in (*layers, dataclasses.replace(layers[0]))]
    assert len(set(digests)) == len(layers)
    assert digests[0] == digests[-1]
