"""Sums of codes of unequal steps against Python's fractions, for every combination of codes."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.layers import Add, Dense, HardTanh, Quantize, ReLU, Weight
from hwsim.network.number_format import integer
from hwsim.network_file import load_network, save_network
from hwsim.simulation.simulator import simulate


def float32(number):
    return float(np.float32(number))


def summing(parameters, out, signs=(), bit_width=8, rounding="half_even", between=(), add=None, **quantize):
    """A network whose frames are codes of several signals, as real values, which are quantized, added, quantized."""
    n = len(parameters)
    layers = []
    for k, (step, zero_point) in enumerate(parameters):
        row = np.zeros((n, 1), np.float32)
        row[k] = 1
        own = {"scale": 1 / step, "zero_point": zero_point, "bit_width": bit_width, "rounding": "half_even"}
        layers += [Dense(f"dense{k}", ("input",), terms=(Weight(row),)), Quantize(f"codes{k}", **own)]
    names = tuple(f"codes{k}" for k in range(n))
    layers.append(replace(add or Add("add", signs=signs), inputs=names))
    layers += between
    step, zero_point = out
    fields = {"scale": 1 / step, "zero_point": zero_point, "rounding": rounding, "bit_width": bit_width, **quantize}
    return Network("sums", (n,), (*layers, Quantize("out", **fields)))


def made(network, parameters, codes):
    """Codes, zero point included, that the network makes of codes (n, n_signal)."""
    values = np.stack([(codes[:, k] - z) * s for k, (s, z) in enumerate(parameters)], axis=1).astype(np.float32)
    return simulate(network, Dataset(values, name="codes"), "dense").output_codes[:, 0]


def right(parameters, out, codes, signs=(), rounding="half_even", bit_width=8):
    """The nearest codes of the exact sums."""
    steps = [Fraction(step) / Fraction(out[0]) for step, _ in parameters]
    signs, reach = signs or (1,) * len(steps), 2 ** (bit_width - 1)
    result = []
    for row in codes.tolist():
        value = sum(
            sign * (code - zero) * step
            for sign, code, step, (_, zero) in zip(signs, row, steps, parameters, strict=True)
        )
        code = round(value) if rounding == "half_even" else math.floor(value + Fraction(rounding == "half_up", 2))
        result.append(min(max(code + out[1], -reach), reach - 1))
    return np.array(result)


def every(n, bit_width=8):
    reach = 2 ** (bit_width - 1)
    return np.array(list(itertools.product(range(-reach, reach), repeat=n)))


RESIDUAL = ((float32(0.0447614), -17), (float32(0.1131188), 4)), (float32(0.0532362), -128)


def test_residual_sum_of_every_pair_of_codes():
    network, codes = summing(*RESIDUAL), every(2)
    assert np.array_equal(made(network, RESIDUAL[0], codes), right(*RESIDUAL, codes))
    assert network.notes == ()


def test_sixteen_bits_are_too_few_for_it():
    """So that the test above tests something."""
    add = Add("add", step=RESIDUAL[1][0], multiplier_bit_width=16)
    network, codes = summing(*RESIDUAL, add=add), every(2)
    n_wrong = np.count_nonzero(made(network, RESIDUAL[0], codes) != right(*RESIDUAL, codes))
    assert n_wrong > 0
    assert f"of 65,536 combinations of codes {n_wrong:,} lead to another code" in network.notes[0]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_random_sums_and_differences_of_two_signals(seed):
    random = np.random.default_rng(seed)
    steps, zeros = random.uniform(0.01, 0.3, 3), random.integers(-128, 128, 3).tolist()
    *parameters, out = [(float32(step), zero) for step, zero in zip(steps, zeros, strict=True)]
    signs = ((), (1, -1), (-1, 1), ())[seed]
    rounding = ("half_even", "half_even", "half_up", "floor")[seed]
    network, codes = summing(parameters, out, signs, rounding=rounding), every(2)
    expected = right(parameters, out, codes, signs, rounding)
    assert np.array_equal(made(network, parameters, codes), expected)
    assert network.notes == ()
    assert len(np.unique(expected)) > 40

    # and not with fewer bits
    add = next(layer for layer in network.layers if isinstance(layer, Add))
    narrower = replace(add, multiplier_bit_width=add.multiplier_bit_width - 1)
    network = replace(network, layers=tuple(narrower if layer is add else layer for layer in network.layers))
    assert not np.array_equal(made(network, parameters, codes), expected)


def test_three_signals():
    """Of 4 bits every triple; that those of 8 bits are all tried is what n_wrong counts, on a sample held to it."""
    parameters, out = ((float32(0.31), 3), (float32(0.17), -8), (float32(0.233), 0)), (float32(0.41), -1)
    network, codes = summing(parameters, out, (1, 1, -1), bit_width=4), every(3, 4)
    assert np.array_equal(made(network, parameters, codes), right(parameters, out, codes, (1, 1, -1), bit_width=4))


@pytest.mark.slow
def test_three_signals_of_eight_bits_next_to_ties():
    parameters, out = ((float32(0.031), 3), (float32(0.117), -18), (float32(0.0533), 0)), (float32(0.141), -9)
    network = summing(parameters, out)
    code = np.arange(-128, 128)
    value = sum(
        (code.reshape([-1 if k == axis else 1 for axis in range(3)]) - zero) * step / out[0]
        for k, (step, zero) in enumerate(parameters)
    )
    nearest = np.argsort(np.abs(value - np.floor(value) - 0.5), axis=None)[:20_000]
    codes = np.stack(np.unravel_index(nearest, value.shape), axis=1) - 128
    wrong = np.count_nonzero(made(network, parameters, codes) != right(parameters, out, codes))
    noted = int(network.notes[0].split("codes ")[1].split(" ")[0].replace(",", "")) if network.notes else 0
    assert wrong == noted


def test_a_signal_that_is_always_zero_may_have_any_step():
    """One whose weights are all zero: what its step makes of a common unit can be beyond 64 bits."""
    one, none = np.ones((1, 1), np.int8), np.zeros((1, 1), np.int8)
    offset, out = 0.5 + 2.0**-33, float32(1.1)  # 0 is next to a tie
    layers = (
        Dense("codes", ("input",), terms=(Weight(one, integer(8)),)),
        Dense("zero", ("input",), terms=(Weight(none, integer(8), scale=1000 / 3),)),
        Add("add", inputs=("codes", "zero")),
        Quantize("out", scale=1 / out, bit_width=8, rounding="half_up", offset=offset),
    )
    network = Network("zeros", (1,), layers, input_format=integer(2))
    codes = np.arange(-2, 2, dtype=np.int8)[:, None]
    made = simulate(network, Dataset(codes, name="codes"), "dense").output_codes[:, 0]
    exact = [code / Fraction(out) + Fraction(offset) for code in codes[:, 0].tolist()]
    assert made.tolist() == [math.floor(value + Fraction(1, 2)) for value in exact]


def test_equal_steps_take_one_factor():
    step = float32(0.0447614)
    parameters, out = ((step, -17), (step, 4)), (float32(0.0632362), 3)
    network, codes = summing(parameters, out), every(2)
    assert np.array_equal(made(network, parameters, codes), right(parameters, out, codes))
    work = simulate(network, Dataset(np.zeros((1, 2), np.float32), name="zeros"), "dense").activity.layers[-1]
    assert [operation.kind for join in work.joins for operation in join.operations] == ["addition"]
    assert [operation.kind for each in work.work for operation, _ in each.operations] == [
        "multiplication",
        "constant_shift",
    ]


def test_ties_that_no_multiplier_meets_are_counted():
    """1.25 / 1.5 = 5/6, whose ties must go up and down in turn: a factor that is rounded sends all of them one way."""
    parameters, out = ((1.25, 0), (0.75, 0)), (1.5, 0)
    network, codes = summing(parameters, out), every(2)
    n_wrong = np.count_nonzero(made(network, parameters, codes) != right(parameters, out, codes))
    assert n_wrong > 0
    assert network.notes == (
        f"add: of 65,536 combinations of codes {n_wrong:,} lead to another code than the nearest, with multipliers of "
        "32 bits",
    )
    assert run_note(network) in network.notes
    assert simulate(network, Dataset(np.zeros((1, 2), np.float32), name="zeros"), "dense").notes == network.notes


def run_note(network):
    from hwsim.commands.network_files import _told

    return next(line.removeprefix("mind: ") for line in _told(network).splitlines() if line.startswith("mind: add"))


@pytest.mark.parametrize("between", [(ReLU("relu"),), (HardTanh("clip", lowest=0, highest=6),)])
def test_clips_between_sum_and_quantizer(between):
    network, codes = summing(*RESIDUAL, between=between), every(2)
    zero = RESIDUAL[1][1]
    highest = zero + round(Fraction(6) / Fraction(RESIDUAL[1][0])) if isinstance(between[0], HardTanh) else 127
    expected = np.clip(right(*RESIDUAL, codes), zero, highest)
    assert np.array_equal(made(network, RESIDUAL[0], codes), expected)


@pytest.mark.onnx
def test_sums_are_the_same_through_qonnx(tmp_path):
    onnx_file = pytest.importorskip("hwsim.onnx_file")
    pytest.importorskip("onnx")
    parameters, out = ((float32(0.0447614), -16), (float32(0.1131188), 4)), (float32(0.0532362), -128)
    network, codes = summing(parameters, out), every(2)
    onnx_file.write_onnx(network, tmp_path / "sums.onnx")
    back = onnx_file.read_onnx(tmp_path / "sums.onnx")
    (add,) = (layer for layer in back.layers if isinstance(layer, Add))
    assert add.multiplier_bit_width == network.layers[-2].multiplier_bit_width
    assert np.array_equal(made(back, parameters, codes), right(parameters, out, codes))


def test_widths_are_saved_and_counted(tmp_path):
    network = summing(*RESIDUAL)
    add = next(layer for layer in network.layers if isinstance(layer, Add))
    save_network(network, tmp_path / "saved")
    text = (tmp_path / "saved" / "network.yaml").read_text()
    assert f"multiplier_bit_width: {add.multiplier_bit_width}" in text
    assert load_network(tmp_path / "saved") == network
    activity = simulate(network, Dataset(np.zeros((1, 2), np.float32), name="zeros"), "dense").activity
    from hwsim.counting.accounting import count

    entries = count(activity, "mac-array").entries
    mine = {key: int(n.sum()) for key, n in entries.items() if (key.layer, key.phase) == ("add", "neuron")}
    done = {str(key.operation): n for key, n in mine.items()}
    # codes of 8 bits by the width found; the products, their sum and its shift in 32 bits
    width = add.multiplier_bit_width
    assert done == {
        f"multiplication int8 x int{width}": 2,
        "constant_shift int32": 3,
        "addition int32": 1,
    }
