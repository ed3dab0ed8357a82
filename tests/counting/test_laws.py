"""Laws of the whole simulator: what must hold between runs, on real data and shipped networks."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import hwsim
from hwsim.network.number_format import NumberFormat, integer

MACHINE = {"dense": "mac-array", "sparse": "rounding-adder", "delta": "sigma-delta-adder"}
PAPER = (784, 200, 200, 10)
N_SYNAPSE = 784 * 200 + 200 * 200 + 200 * 10  # 198,800
CASES = [pytest.param(("digits", 400), id="digits"), pytest.param(("mnist", 1000), id="mnist", marks=pytest.mark.data)]


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A shipped rounding network and real frames for it."""
    name, n_frame = request.param
    return hwsim.load_network(f"{name}-mlp-rounding"), hwsim.load_dataset(name)[:n_frame]


@pytest.fixture(scope="module")
def runs(case):
    return {execution: hwsim.simulate(*case, execution) for execution in MACHINE}


def entries_of(counts):
    """Counts as plain numbers, all groups apart."""
    return {key: number.tolist() for key, number in counts.entries.items()}


def totals_of(counts):
    """Counts as plain numbers, groups together."""
    return {key: int(number.sum()) for key, number in counts.entries.items()}


def as_stream_of(data, frames):
    """Frames picked by number, in that order, as one stream."""
    return data[np.asarray(frames)]


# -------------------------------------------------------------------------------------- the same bits, always


def rounding_network_by_hand(network, data):
    """A rounding network from its arrays alone: codes / step rounded half up, integer matrices, ReLU, shifts."""
    dense = [layer for layer in network.layers if isinstance(layer, hwsim.Dense)]
    quantize = [layer for layer in network.layers if isinstance(layer, hwsim.Quantize)]
    per_unit = round(1 / data.step)  # 255 codes per unit for MNIST, 16 for digits
    code = data.inputs.reshape(len(data), -1).astype(np.int64)
    # floor(code x scale / per_unit + 1/2), in whole numbers
    code = (2 * code * int(quantize[0].scale) + per_unit) // (2 * per_unit)
    step = 1.0  # of the codes, which have scale 1
    for k, layer in enumerate(dense):
        code = np.clip(code, 0, 2 ** quantize[k].bit_width - 1)
        total = code @ layer.terms[0].code.astype(np.int64) + (0 if layer.bias is None else layer.bias.astype(np.int64))
        if k + 1 == len(dense):
            return total
        per_code = round(1 / (step * float(layer.terms[0].scale) * float(quantize[k + 1].scale)))
        assert per_code & (per_code - 1) == 0  # step ratios of rounding networks are powers of two
        code = (2 * np.maximum(total, 0) + per_code) // (2 * per_code)
    raise AssertionError("no layer")


def test_outputs_are_those_of_integer_matrices(case, runs):
    expected = rounding_network_by_hand(*case)
    assert np.ptp(expected) > 100  # something comes out
    for run in runs.values():
        assert np.array_equal(run.output_codes, expected)


def test_executions_agree_and_tell_the_digits(runs):
    assert runs["dense"].accuracy > 0.8
    for execution in ("sparse", "delta"):
        assert np.array_equal(runs[execution].output_codes, runs["dense"].output_codes)
        assert runs[execution].output_codes.dtype == runs["dense"].output_codes.dtype
        assert runs[execution].n_saturated == runs["dense"].n_saturated


@pytest.mark.parametrize("execution", MACHINE)
@pytest.mark.parametrize(("threads", "block"), [(1, 1), (1, 7), (2, 64), (2, None), (1, 10**6)])
def test_blocks_and_threads_change_nothing(case, runs, execution, threads, block):
    network, data = case
    one, other = runs[execution], hwsim.simulate(network, data, execution, threads=threads, block=block)
    assert np.array_equal(one.output_codes, other.output_codes)
    assert one.n_saturated == other.n_saturated
    expected = hwsim.count(one.activity, MACHINE[execution])
    assert expected.total("synapse") > 0
    assert entries_of(hwsim.count(other.activity, MACHINE[execution])) == entries_of(expected)


def test_frames_kept_apart_add_up_to_the_run(case, runs):
    network, data = case
    for execution, run in runs.items():
        apart = hwsim.count(hwsim.simulate(network, data, execution, per_frame=True).activity, MACHINE[execution])
        assert len(apart.groups) == len(data)
        assert totals_of(apart) == totals_of(hwsim.count(run.activity, MACHINE[execution]))


def test_the_order_of_frames_changes_deltas_counts_and_nothing_else(case, runs):
    network, data = case
    order = np.random.default_rng(3).permutation(len(data))
    for execution, run in runs.items():
        shuffled = hwsim.simulate(network, as_stream_of(data, order), execution)
        assert np.array_equal(shuffled.output_codes, run.output_codes[order])
        assert shuffled.n_saturated == run.n_saturated
        same = totals_of(hwsim.count(shuffled.activity, MACHINE[execution])) == totals_of(
            hwsim.count(run.activity, MACHINE[execution])
        )
        assert same == (execution != "delta")


def test_two_streams_are_each_alone(case):
    network, data = case
    cut = 150
    both = dataclasses.replace(data, stream_start=np.array([0, cut, len(data)]))
    together = hwsim.simulate(network, both, "delta")
    alone = [hwsim.simulate(network, part, "delta") for part in (data[:cut], data[cut:])]
    assert np.array_equal(together.output_codes, np.concatenate([run.output_codes for run in alone]))
    first, second = (entries_of(hwsim.count(run.activity, "delta-mac")) for run in alone)
    added = {key: (np.array(first.get(key, [0, 0])) + second.get(key, [0, 0])).tolist() for key in {*first, *second}}
    assert entries_of(hwsim.count(together.activity, "delta-mac")) == added
    one_stream = hwsim.count(hwsim.simulate(network, data, "delta").activity, "delta-mac")
    assert entries_of(one_stream) != added


# ------------------------------------------------------------------------------------------- a constant stream


def steady_entries(counts):
    return {
        (key.layer, key.phase, key.operation.kind, key.operation.format or key.operation.memory): int(number[1])
        for key, number in counts.entries.items()
        if number[1]
    }


@pytest.mark.parametrize("machine", ["sigma-delta-adder", "delta-mac"])
def test_a_constant_stream_costs_the_input_scan(case, machine):
    network, data = case
    n_repeat, word = 6, 64
    constant = as_stream_of(data, [5] * (1 + n_repeat))
    run = hwsim.simulate(network, constant, "delta", per_frame=True)
    assert np.unique(run.output_codes, axis=0).shape[0] == 1
    for layer in run.activity.layers:
        events = layer.emitted.n_event if layer.emitted else None
        if events is not None:
            assert events[0] > 0
            assert not events[1:].any()
        if layer.connections:
            assert layer.touched[0] == layer.touched_nonzero[0] == layer.n_neuron
            assert not layer.touched[1:].any()
            assert not layer.touched_nonzero[1:].any()
            later = layer.connections[0].histogram.group > 0
            assert not layer.connections[0].histogram.n_operation[later].any()
    counts = hwsim.count(hwsim.simulate(network, constant, "delta").activity, machine)
    assert counts.total("synapse") > 0  # of the first frame
    n = math.prod(data.shape)
    scan = {
        ("input", "encode", "constant_shift", ("int8",)): n,  # Quantize of 8-bit pixels
        ("input", "encode", "addition", ("int1",)): n,  # difference from the code last sent, of one bit
        ("input", "encode", "comparison", ("int1",)): n,  # is it zero
        ("input", "memory", "sram_read", "activations"): -(-n * 8 // word),  # the raw frame
        ("input", "memory", "sram_read", "state"): -(-n * 1 // word),  # the last codes
    }
    if data.name == "mnist":  # 1/255 is no power of two: a multiplier of 16 bits
        scan["input", "encode", "multiplication", ("int8", "int16")] = n
    assert steady_entries(counts) == {what: n_repeat * number for what, number in scan.items()}


@pytest.mark.data
def test_sixty_thousand_frames_do_not_drift():
    network, data = hwsim.load_network("mnist-mlp-rounding"), hwsim.load_dataset("mnist")
    generator = np.random.default_rng(0)
    # six different orders: a tile would only repeat itself
    order = np.concatenate([generator.permutation(len(data)) for _ in range(6)])
    assert len(order) == 60_000
    frames = as_stream_of(data, order)
    delta, dense = (hwsim.simulate(network, frames, execution) for execution in ("delta", "dense"))
    assert np.array_equal(delta.output_codes, dense.output_codes)
    assert np.array_equal(delta.output_codes, rounding_network_by_hand(network, data)[order])
    assert delta.activity.first.sum() == 1


# -------------------------------------------------------------------------- the first layer of the rounding nets


@pytest.fixture(scope="module")
def mnist_orders():
    file = hwsim.load_dataset("mnist")
    return {"file": file, "temporal": hwsim.load_dataset("mnist", order="temporal")}


@pytest.mark.data
@pytest.mark.parametrize(
    ("scale", "sparse", "delta_file", "delta_temporal"),
    [(1, 105.24, 130.77, 57.06), (2, 208.61, 256.64, 113.05), (4, 417.14, 510.52, 225.36)],
)
def test_first_layer_of_mnist(mnist_orders, scale, sparse, delta_file, delta_temporal):
    network = hwsim.Network(
        "first layer",
        (1, 28, 28),
        (
            hwsim.Flatten("flatten"),
            hwsim.Quantize("quantize", scale=scale, bit_width=3, signed=False),
            hwsim.Dense("dense", terms=(hwsim.Weight(np.ones((784, 1), int), integer(8)),)),
        ),
    )

    def mean_magnitude(data, execution):
        """Sum of |s| over the events of an image, by operations of the only neuron."""
        run = hwsim.simulate(network, data, execution)
        assert run.n_saturated == 0
        histogram = next(run.activity.connections).histogram
        return (histogram.magnitude * histogram.n_operation).sum() / 10_000

    assert mean_magnitude(mnist_orders["file"], "sparse") == pytest.approx(sparse, abs=0.005)
    assert mean_magnitude(mnist_orders["temporal"], "sparse") == pytest.approx(sparse, abs=0.005)
    assert mean_magnitude(mnist_orders["file"], "delta") == pytest.approx(delta_file, abs=0.005)
    assert mean_magnitude(mnist_orders["temporal"], "delta") == pytest.approx(delta_temporal, abs=0.005)


# ------------------------------------------------------------------------------------------------ real networks


def real_network_by_hand(network, data):
    """A float network in float32, inputs in ascending order, every product rounded before it is added."""
    value = (data.inputs.reshape(len(data), -1) * data.step).astype(np.float32)
    dense = [layer for layer in network.layers if isinstance(layer, hwsim.Dense)]
    for k, layer in enumerate(dense):
        weight = layer.terms[0].code
        bias = np.zeros(layer.n_channel, np.float32) if layer.bias is None else layer.bias
        total = np.tile(bias.astype(np.float32), (len(value), 1))
        for i in range(weight.shape[0]):
            total = total + value[:, i : i + 1] * weight[i]
        value = total if k + 1 == len(dense) else np.maximum(total, np.float32(0))
    return value


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist", marks=pytest.mark.data)])
def test_real_sparse_equals_dense_to_the_bit(name):
    network, data = hwsim.load_network(f"{name}-mlp"), hwsim.load_dataset(name)[:200]
    dense, sparse = (hwsim.simulate(network, data, execution) for execution in ("dense", "sparse"))
    assert dense.accuracy > 0.9
    assert dense.output_codes.dtype == np.float32
    assert np.array_equal(dense.output_codes.view(np.uint32), sparse.output_codes.view(np.uint32))
    # -0.0 and 0.0 may differ here, and do not elsewhere
    assert np.array_equal(dense.output_codes, real_network_by_hand(network, data))


def test_real_delta_says_how_far_it_is_from_dense():
    network, data = hwsim.load_network("digits-mlp"), hwsim.load_dataset("digits")[:300]
    dense, delta = (hwsim.simulate(network, data, execution) for execution in ("dense", "delta"))
    deviation = np.abs(delta.outputs.astype(np.float64) - dense.outputs).max()
    assert 0 < deviation < 1e-3  # rounding, in another order
    assert delta.largest_deviation == deviation
    assert any("delta" in note for note in delta.notes)
    assert dense.largest_deviation == 0
    assert dense.notes == ()


def test_the_deviation_is_one_of_values_not_of_codes():
    generator = np.random.default_rng(0)
    weight = hwsim.Weight(generator.normal(size=(32, 4)).astype(np.float32))
    fine = hwsim.Quantize("quantize", scale=1e6, bit_width=32)
    network = hwsim.Network("fine", (32,), (hwsim.Dense("dense", terms=(weight,)), fine))
    frames = generator.normal(size=(12, 32)).astype(np.float32)
    dense, delta = (hwsim.simulate(network, frames, execution) for execution in ("dense", "delta"))
    deviation = np.abs(delta.outputs - dense.outputs).max()
    assert 0 < deviation < 1e-4
    assert delta.largest_deviation == pytest.approx(deviation, rel=1e-6)


# --------------------------------------------------------------------------------------- the papers' arithmetic


@pytest.fixture(scope="module")
def int32_network():
    """784-200-200-10 in int32 throughout: one weight of 1 per column and narrow codes, so that nothing overflows."""
    format = NumberFormat("integer", 32, narrow_range=True)
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(PAPER)):
        code = np.zeros((n_in, n_out), np.int64)
        code[np.arange(n_out) * 3 % n_in, np.arange(n_out)] = 1
        layers.append(hwsim.Dense(f"dense{k}", terms=(hwsim.Weight(code, integer(32)),), accumulator=32))
        layers += [hwsim.ReLU(f"relu{k}"), hwsim.Quantize(f"quantize{k}", bit_width=32, narrow_range=True)]
    return hwsim.Network("int32", (784,), tuple(layers[:-2]), input_format=format)


@pytest.fixture(scope="module")
def int32_frames():
    highest = 2**31 - 1
    generator = np.random.default_rng(1)
    frames = generator.integers(-highest, highest + 1, (5, 784))
    frames[1], frames[2], frames[3] = highest, -highest, 0
    return frames.astype(np.int32)


def one_synapse_phase(counts, n_frame):
    """The multiplications and additions of a frame, and that there is nothing else."""
    phase = {key.operation: int(number.sum()) for key, number in counts.entries.items() if key.phase == "synapse"}
    assert {operation.kind for operation in phase} == {"multiplication", "addition"}
    return {kind: counts.total("synapse", kind) / n_frame for kind in ("multiplication", "addition")}


def test_int32_network_of_the_paper_costs_636_nanojoules(int32_network, int32_frames):
    counts = hwsim.count(hwsim.simulate(int32_network, int32_frames).activity, "mac-array")
    assert one_synapse_phase(counts, 5) == {"multiplication": 198_800, "addition": 198_800}
    assert N_SYNAPSE == 198_800
    energy = hwsim.price(counts, "horowitz_2014_45nm", phases=["synapse"])
    # 3.1 pJ a multiplication, 0.1 pJ an addition
    assert energy.per_inference == pytest.approx(N_SYNAPSE * (3.1 + 0.1) * 1e-12, rel=1e-12)
    assert energy.per_inference == pytest.approx(636.16e-9, rel=1e-9)


@pytest.mark.parametrize("execution", MACHINE)
def test_int32_network_at_the_ends_of_its_range(int32_network, int32_frames, execution):
    # its columns pick single inputs
    picked = int32_frames.astype(np.int64)
    for n_in, n_out in itertools.pairwise(PAPER):
        picked = np.maximum(picked[:, np.arange(n_out) * 3 % n_in], 0 if n_out != 10 else -(2**62))
    assert picked.max() == 2**31 - 1
    assert np.array_equal(hwsim.simulate(int32_network, int32_frames, execution).output_codes, picked)


def test_fp32_network_of_the_paper_costs_914_nanojoules():
    network = hwsim.load_network("mnist-mlp")
    frames = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    counts = hwsim.count(hwsim.simulate(network, frames).activity, "mac-array")
    assert one_synapse_phase(counts, 3) == {"multiplication": 198_800, "addition": 198_800}
    energy = hwsim.price(counts, "horowitz_2014_45nm", phases=["synapse"])
    # 3.7 pJ a multiplication, 0.9 pJ an addition
    assert energy.per_inference == pytest.approx(N_SYNAPSE * (3.7 + 0.9) * 1e-12, rel=1e-12)
    assert energy.per_inference == pytest.approx(914.48e-9, rel=1e-9)
    # the same operations as if they were of int32: a hypothesis, which says so
    supposed = hwsim.price(counts.as_format("int32"), "horowitz_2014_45nm", phases=["synapse"])
    assert supposed.per_inference == pytest.approx(636.16e-9, rel=1e-9)
    assert any("hypothetical" in note and "int32" in note for note in supposed.notes)
    assert not any("hypothetical" in note for note in energy.notes)


# ---------------------------------------------------------------------------------------------------- advantages


def test_factors_of_an_advantage_multiply_to_it():
    data = hwsim.load_dataset("digits")[:60]
    baseline = ("digits-mlp", "mac-array")
    rows = [("digits-mlp-rounding", "sigma-delta-adder"), ("digits-mlp-int8", "zero-skipping-mac"), baseline]
    study = hwsim.compare(rows=rows, data=data, baseline=baseline)

    def total(network, machine):
        network = hwsim.load_network(network)
        run = hwsim.simulate(network, data, hwsim.load_machine(machine).execution)
        return hwsim.price(hwsim.count(run.activity, machine), "default_45nm").total

    reference = total(*baseline)
    assert len(study.cells) == 3
    for cell in study.cells:
        assert set(cell.factors) == {"bits", "memory size", "event arithmetic", "reuse", "zero skipping", "delta"}
        assert math.prod(cell.factors.values()) == pytest.approx(
            reference / total(cell.network, cell.machine), rel=1e-9
        )
        assert cell.advantage == pytest.approx(math.prod(cell.factors.values()), rel=1e-12)
    by_method = {cell.method: cell for cell in study.cells}
    assert by_method["digits-mlp on mac-array"].advantage == pytest.approx(1)
    assert by_method["digits-mlp-int8 on zero-skipping-mac"].factors["delta"] == pytest.approx(1)
    assert by_method["digits-mlp-rounding on sigma-delta-adder"].advantage > 1
