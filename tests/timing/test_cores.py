"""Work of each core of a split layer against a walk through every row, and what lanes take then."""

import numpy as np
import pytest
from complaint import complaint
from hypothesis import assume, given
from hypothesis import strategies as st
from number_of_examples import examples
from split_layers import INT4, cases, deliveries, machine_of, made, run_of, slices, splits

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer
from hwsim.timing.cores import core_work, row_costs

EXECUTIONS = st.sampled_from(("sparse", "dense", "delta"))
MULTIPLY = 3  # cycles of a product; ternary weights are added, in one


def clocked(split, execution, run_bits, channels, positions=1, **changes):
    machine = machine_of(split, execution, run_bits, channels, positions, timing=True, **changes)
    timing = machine.timing.model_copy(
        update={"cycles": machine.timing.cycles.model_copy(update={"multiply": MULTIPLY})}
    )
    return machine.model_copy(update={"timing": timing})


def worked(case, split, execution, run_bits, channels, positions):
    """Of each frame, cycles of each core, and of the slowest one of each row."""
    ((_, n),) = split.items()
    takes = [MULTIPLY if term.format == INT4 else 1 for term in case.network.layers[0].terms]
    terms = [dict(slices(case, term, split, run_bits)) for term in range(len(takes))]
    for events in case.events(execution):
        met, of_core, lock_step = case.meetings(events), [0] * n, 0
        for served in terms[0]:
            for _ in range(deliveries(case, served, met, positions)):
                row = [0] * n
                for own, cycles in zip(terms, takes, strict=True):
                    for core, elements in enumerate(own[served]):
                        row[core] += len(range(0, len(elements), channels)) * cycles
                of_core = [each + more for each, more in zip(of_core, row, strict=True)]
                lock_step += max(row)
        yield of_core, lock_step


@examples(200)
@given(
    case=cases(),
    split=splits(),
    execution=EXECUTIONS,
    run_bits=st.sampled_from((None, 1, 4)),
    channels=st.sampled_from((1, 2)),
    positions=st.sampled_from((1, 3)),
)
def test_cores_do_what_their_rows_ask(case, split, execution, run_bits, channels, positions):
    machine = clocked(split, execution, run_bits, channels, positions)
    activity = run_of(case, machine).activity
    layer = activity.layers[-1]
    expected = list(worked(case, split, execution, run_bits, channels, positions))
    work = core_work(activity, layer, machine)
    assert work.cycles.tolist() == [of_core for of_core, _ in expected]
    assert work.lock_step.tolist() == [lock_step for _, lock_step in expected]
    # a core does not wait for others within a frame
    lanes = hwsim.schedule(activity, machine).layers[-1].resources["lanes"]
    assert lanes.tolist() == [max(of_core) for of_core, _ in expected]
    assert np.all(work.busiest <= work.lock_step)


@examples(60)
@given(case=cases(kinds=("dense", "plain", "grouped")), split=splits(), execution=EXECUTIONS)
def test_without_padding_cores_share_what_all_of_them_are_asked_for(case, split, execution):
    assume(not case.is_depthwise)  # whose rows are worked through for the busiest of their taps
    # an 8-bit run is longer than any row
    for run_bits, what in ((None, "n_operation"), (8, "n_nonzero")):
        machine = machine_of(split, execution, run_bits, timing=True)
        activity = run_of(case, machine).activity
        work = core_work(activity, activity.layers[-1], machine)
        total = sum(int(getattr(each.histogram, what).sum()) for each in activity.connections)
        assert work.cycles.sum() == total


def small(frames, groups=1):
    rows = np.array([[5, 0, 0, 0, 0, 0, 0, 3], [0, 1, 0, 0, 2, 0, 0, 0]])
    return made(np.array(frames, np.int8)[:, :, None, None], (rows.T[:, :, None, None],), (INT4,), True)


@pytest.mark.parametrize(
    ("machine", "costs"),
    [
        (machine_of({"interleaved": 2}, run_bits=1, timing=True), [[1, 2], [2, 1]]),
        (machine_of({"channels": 2}, run_bits=1, timing=True), [[1, 2], [1, 1]]),
        (machine_of({"interleaved": 3}, channels=2, timing=True), [[2, 2, 1]] * 2),
        (machine_of({"channels": 3}, channels=1, timing=True), [[3, 3, 2]] * 2),
        (machine_of({"channels": 5}, channels=1, timing=True), [[2, 2, 2, 2, 0]] * 2),
        (machine_of(None, channels=3, timing=True), [[3]] * 2),
        (machine_of(None, run_bits=1, timing=True), [[5], [3]]),
    ],
)
def test_cycles_of_a_row_by_hand(machine, costs):
    activity = run_of(small([[1, 1]]), machine).activity
    assert row_costs(activity, activity.layers[-1], machine).tolist() == costs


def test_neurons_are_those_of_the_busiest_core():
    def cycles(split, run_bits=None):
        machine = machine_of(split, run_bits=run_bits, timing=True)
        return hwsim.schedule(run_of(small([[1, 1], [0, 1]]), machine).activity, machine).layers[-1].resources["neuron"]

    assert cycles(None).tolist() == [8, 8]
    assert [cycles({way: 3}).tolist() for way in ("interleaved", "channels")] == [[3, 3]] * 2
    assert cycles({"channels": 5}).tolist() == [2, 2]


def test_lanes_of_all_cores_are_used_in_part():
    machine = machine_of({"interleaved": 2}, run_bits=1, timing=True)
    layer = hwsim.schedule(run_of(small([[1, 1]]), machine).activity, machine).layers[-1]
    assert layer.resources["lanes"].tolist() == [3]
    assert layer.operations.tolist() == [6]
    assert layer.n_lane == 2


def grouped():
    kernel = np.ones((4, 1, 1, 1), int)
    return made(np.ones((2, 2, 2, 2), np.int8), (kernel,), (INT4,), False, groups=2)


@pytest.mark.parametrize(
    ("case", "changes", "parts"),
    [
        (small([[7, 7]]), {"run_bits": 2, "event_arithmetic": "unary"}, ("large events", "multiply")),
        (grouped(), {"batch": 2}, ("batch", "batch: 1")),
        (
            grouped(),
            {"execution": "dense", "lanes": {k: {"channels": 1, "inputs": 2} for k in ("dense", "convolution")}},
            ("several rows", "inputs: 1"),
        ),
    ],
    ids=["magnitudes", "batch", "inputs"],
)
def test_rows_of_which_nothing_is_known_one_by_one(case, changes, parts):
    machine = machine_of({"interleaved": 2}, timing=True, **changes)
    said = complaint(hwsim.schedule, run_of(case, machine).activity, machine, error=MachineError)
    assert "layer layer" in said
    assert all(part in said for part in parts), said


def test_groups_of_channels_have_no_time_row_by_row():
    machine = machine_of({"interleaved": 2}, timing=True)
    machine = machine.model_copy(update={"timing": machine.timing.model_copy(update={"overlap": "event"})})
    said = complaint(hwsim.schedule, run_of(grouped(), machine).activity, machine, error=MachineError)
    assert "groups" in said
    assert "overlap: layer" in said


def streamed(machine, queue):
    timing = {"schedule": "stream", "queue": queue, "encode_lanes": 2**20}
    return machine.model_copy(update={"timing": machine.timing.model_copy(update=timing)})


@examples(60)
@given(
    case=cases(kinds=("dense",)),
    split=splits(),
    execution=EXECUTIONS,
    run_bits=st.sampled_from((None, 2)),
    queue=st.integers(1, 3),
)
def test_each_core_of_a_stream_does_its_own_work(case, split, execution, run_bits, queue):
    machine = machine_of(split, execution, run_bits, timing=True)
    activity = run_of(case, machine).activity
    work = core_work(activity, activity.layers[-1], machine)
    timing = hwsim.schedule(activity, streamed(machine, queue))
    neurons = int(timing.layers[-1].resources["neuron"].sum())
    assert timing.busy[1:].tolist() == (work.cycles.sum(axis=0) + neurons).tolist()
    assert (timing.busy + timing.stalled + timing.starved == timing.makespan).all()
    assert timing.makespan >= work.cycles.sum(axis=0).max() + neurons


# ------------------------------------------------------------------------------------------------------------- EIE


def balance(n_in, at_depth_8):
    """Work over what 64 elements could do meanwhile: waiting for each other at every row, and at the end alone."""
    generator = np.random.default_rng(0)
    weight = generator.integers(1, 8, (n_in, 4096)) * (generator.random((n_in, 4096)) < 0.09)
    dense = hwsim.Dense("layer", terms=(hwsim.Weight(weight, integer(4)),))
    network = hwsim.Network("one layer", (n_in,), (dense,), input_format=integer(4))
    frame = generator.integers(1, 8, (1, n_in)) * (generator.random((1, n_in)) < 0.351)
    activity = hwsim.simulate(network, frame.astype(np.int8), machines=["eie-2016"]).activity
    work = core_work(activity, activity.layers[-1], hwsim.load_machine("eie-2016"))
    (total,) = work.cycles.sum(axis=1)
    stream = hwsim.schedule(activity, streamed(hwsim.load_machine("eie-2016"), queue=8))
    assert total == stream.busy[1:].sum() - 64 * stream.layers[-1].resources["neuron"].sum()
    assert total / (64 * stream.makespan) == pytest.approx(at_depth_8, abs=0.015)
    return total, total / (64 * work.lock_step[0]), total / (64 * work.busiest[0])


def test_in_lock_step_half_of_eies_cycles_are_idle():
    total, lock_step, at_the_end = balance(1024, at_depth_8=0.92)
    assert total > 0
    assert lock_step == pytest.approx(0.57, abs=0.03)
    assert at_the_end > 0.9


@pytest.mark.slow
def test_the_largest_layer_that_eies_authors_timed():
    # 9,216 inputs: 28.1 microseconds if no element ever waited, 30.3 as they measured it
    total, lock_step, at_the_end = balance(9216, at_depth_8=0.965)
    assert lock_step == pytest.approx(0.57, abs=0.03)
    assert at_the_end == pytest.approx(0.98, abs=0.02)
    assert total / 64 / 800e6 == pytest.approx(28.1e-6, rel=0.02)
