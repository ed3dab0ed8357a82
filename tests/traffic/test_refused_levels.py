"""Machines with levels that cannot do a network, and calls that cannot be answered: one line each, with the remedy."""

import numpy as np
import pytest
from complaint import complaint
from levelled import machine_of

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer

INT8 = integer(8)
SIDE_BY_SIDE = {"channels": 2, "positions": 2}
FAR = {"name": "dram", "kind": "dram", "word_length": 64, "holds": ["weights", "codes", "state"]}
SUMS = {"name": "accumulators", "kind": "registers", "holds": ["sums"]}


def network(n_last=10):
    kernel = hwsim.Weight(np.ones((4, 2, 3, 3), int), INT8)
    layers = [
        hwsim.Conv2d("first", terms=(kernel,)),
        hwsim.Quantize("quantize", bit_width=8),
        hwsim.Flatten("flatten"),
        hwsim.Dense("last", terms=(hwsim.Weight(np.ones((64, n_last), int), INT8),)),
    ]
    return hwsim.Network("small", (2, 6, 6), tuple(layers), input_format=INT8)


FRAMES = np.ones((3, 2, 6, 6), np.int8)


def machine(*levels, execution="sparse", **changes):
    said = {"schema": 1, "name": "refused", "description": "for a test", "execution": execution}
    said |= {"event_arithmetic": "multiply", "lanes": {"dense": SIDE_BY_SIDE, "convolution": SIDE_BY_SIDE}}
    return machine_of(said, levels=list(levels), **changes)


def simulated(each):
    return hwsim.simulate(network(), FRAMES, machines=[each])


def holding(capacity, *operands):
    return {"name": "on-chip", "kind": "sram", "capacity": capacity, "word_length": 32, "holds": list(operands)}


@pytest.mark.parametrize("execution", ["sparse", "delta"])
def test_a_run_that_noted_no_strips(execution):
    strips = machine(FAR, SUMS, execution=execution, order="code-stationary", tile={"channels": 4, "rows": 2})
    run = hwsim.simulate(network(), FRAMES, execution)
    said = complaint(hwsim.count, run.activity, strips, error=MachineError)
    assert "layer first" in said
    assert "2 rows of outputs" in said
    assert "machines=[" in said
    # other strips are no remedy, these are
    others = machine(FAR, SUMS, execution=execution, order="code-stationary", tile={"channels": 4, "rows": 3})
    assert complaint(hwsim.count, simulated(others).activity, strips, error=MachineError) == said
    assert hwsim.count(simulated(strips).activity, strips).words()


def test_a_dense_run_needs_no_notes():
    strips = machine(FAR, SUMS, execution="dense", order="code-stationary", tile={"channels": 4, "rows": 2})
    noted, plain = simulated(strips).activity, hwsim.simulate(network(), FRAMES, "dense").activity
    one, other = (hwsim.count(activity, strips).entries for activity in (noted, plain))
    assert {key: number.tolist() for key, number in one.items()} == {k: n.tolist() for k, n in other.items()}


@pytest.mark.parametrize("order", ["best", "weight-stationary"])
def test_sums_of_one_row_of_outputs_that_do_not_fit(order):
    # two lanes by four positions of 16 bits: products of bytes and ones, 18 of them
    few = SUMS | {"capacity": 15}
    said = complaint(simulated, machine(FAR, few, order=order), error=MachineError)
    assert "layer first" in said
    assert "16 bytes" in said
    assert "accumulators holds 15" in said
    assert simulated(machine(FAR, SUMS | {"capacity": 16}, order=order)).activity


def test_weights_that_no_level_holds():
    # 18 rows of a word, and 64 rows of ten bytes in three words: 72 + 768 bytes
    levels = holding(839, "weights"), FAR | {"holds": ["codes", "state"]}, SUMS
    said = complaint(simulated, machine(*levels), error=MachineError)
    for part in ("weights", "all layers", "840 bytes", "on-chip 839", "dram"):
        assert part in said
    assert simulated(machine(holding(840, "weights"), *levels[1:])).activity


def test_signals_that_no_level_holds():
    # 72 events of 8 + 7 bits live beside 64 of 8 + 6: 135 and 112 bytes
    levels = holding(246, "codes"), FAR | {"holds": ["weights", "state"]}, SUMS
    said = complaint(simulated, machine(*levels), error=MachineError)
    for part in ("codes", "layer", "247 bytes", "on-chip 246", "dram"):
        assert part in said
    with_more = machine(holding(247, "codes"), *levels[1:])
    assert simulated(with_more).activity


def test_state_that_no_level_holds():
    # 64 sums of the convolution and 10 of the Dense layer in 16 bits; last codes: 72 and 64 bytes
    levels = FAR | {"holds": ["weights", "codes"]}, holding(283, "state"), SUMS
    said = complaint(simulated, machine(*levels, execution="delta"), error=MachineError)
    for part in ("state", "all layers", "284 bytes", "on-chip 283", "dram"):
        assert part in said
    assert simulated(machine(levels[0], holding(284, "state"), SUMS, execution="delta")).activity


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_streams_shorter_than_a_batch_are_batches_of_their_own(execution):
    four = machine(FAR, SUMS, execution=execution, batch=4)
    two_streams = hwsim.Dataset(FRAMES, stream_start=np.array([0, 1, 3]))
    run = hwsim.simulate(network(), two_streams, machines=[four], per_frame=True)
    read = sum(
        number
        for key, number in hwsim.count(run.activity, four).entries.items()
        if key.layer == "first" and key.operation.operand == "weights"
    )
    assert read[0] > 0
    assert read[1] > 0
    assert read[2] == 0  # booked under the first frame of its batch


def test_a_machine_of_another_execution():
    dense = machine(FAR, SUMS, execution="dense")
    said = complaint(hwsim.simulate, network(), FRAMES, "sparse", machines=[dense], error=MachineError)
    assert "refused" in said
    assert "dense" in said
    assert "sparse" in said
    two = [dense, machine(FAR, SUMS, name="other")]
    said = complaint(hwsim.simulate, network(), FRAMES, machines=two, error=MachineError)
    assert "refused" in said
    assert "other" in said
