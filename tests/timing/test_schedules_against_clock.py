"""When layers begin and end, on random graphs and cores, against timetables that go from one cycle to the next."""

from types import SimpleNamespace

import numpy as np
import pytest
from clocked import placements
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from reference import timetable

import hwsim
from hwsim.timing.schedules import schedule_named
from hwsim.timing.work import LayerWork, Work

FEW = st.integers(0, 3)


def names(n):
    return [f"layer {k}" for k in range(n)]


@st.composite
def graphs(draw, n_layer=(1, 6)):
    """What each layer reads: the first one nothing, the others some of those before them."""
    n = draw(st.integers(*n_layer))
    return [[]] + [sorted(draw(st.sets(st.integers(0, k - 1), min_size=1, max_size=2))) for k in range(1, n)]


@st.composite
def cases(draw, n_layer=(1, 6), n_frame=(1, 5), longest=6):
    """Sources, cores, cycles by layer and frame, and those of the DRAM."""
    sources = draw(graphs(n_layer))
    frames = draw(st.integers(*n_frame))
    cycles = st.integers(0, longest)
    takes = [draw(st.lists(cycles, min_size=frames, max_size=frames)) for _ in sources]
    shared = draw(
        st.sampled_from([0, 2, 12]).flatmap(
            lambda most: st.lists(st.integers(0, most), min_size=frames, max_size=frames)
        )
    )
    return sources, draw(placements(len(sources))), takes, shared


def times_of(schedule, sources, cores, takes, shared, **timing):
    """As the package has it."""
    named = names(len(sources))
    # in whatever order a placement names the layers of a core
    placement = [[named[k] for k in reversed(core)] for core in cores] or None
    machine = machine_with(schedule=schedule, placement=placement, **timing)
    layers = tuple(
        LayerWork(named[k], tuple(named[p] for p in reads), {}, 0, np.zeros(0), 1, np.array(takes[k], np.int64))
        for k, reads in enumerate(sources)
    )
    n = len(shared)
    work = Work(layers, np.array(shared, np.int64), np.ones(n, np.int64), np.zeros(n, bool), np.arange(n), ())
    return schedule_named(schedule)(machine, SimpleNamespace(network="random")).times(work)


def machine_with(**timing):
    """A machine that has nothing but a schedule to be told apart by."""
    level = {"name": "memory", "kind": "dram", "holds": ["weights", "codes", "state"], "word_length": 64}
    lanes = {"channels": 1}
    whole = {"clock": 1e9, "levels": {"memory": {"bits": 64}}, "neuron_lanes": 1, "encode_lanes": 1, **timing}
    return hwsim.Machine.model_validate(
        {
            "schema": 1,
            "name": "random",
            "description": "a schedule",
            "execution": "sparse",
            "event_arithmetic": "multiply",
            "lanes": {"dense": lanes, "convolution": lanes},
            "levels": [level, {"name": "sums", "kind": "registers", "holds": ["sums"]}],
            "timing": {key: value for key, value in whole.items() if value is not None},
        }
    )


@examples(400)
@given(case=cases())
def test_sequential(case):
    sources, _, takes, shared = case
    found, expected = times_of("sequential", sources, [], takes, shared), timetable.sequential(takes)
    assert expected.busy == [sum(map(sum, takes))]
    assert_same(found, expected)


@examples(800)
@given(case=cases())
def test_pipelined(case):
    sources, cores, takes, shared = case
    found, expected = times_of("pipelined", *case), timetable.pipelined(takes, sources, cores, shared)
    assert expected.busy == [sum(sum(takes[k]) for k in core) for core in cores]
    assert (found.done.tolist(), found.busy.tolist()) == (expected.done, expected.busy)
    assert list(found.cores) == [", ".join(names(len(sources))[k] for k in core) for core in cores]


@examples(800)
@given(case=cases(n_layer=(1, 4), n_frame=(1, 4)))
def test_frames_are_let_in_as_late_as_no_answer_is_late(case):
    sources, cores, takes, shared = case
    found = times_of("pipelined", *case)
    done, let_in = found.done.tolist(), found.start.tolist()
    together = timetable.pipelined(takes, sources, cores, shared, let_in)
    assert together.done == done
    assert together.start == let_in
    for frame in range(len(shared)):
        later = [cycle + (k == frame) for k, cycle in enumerate(let_in)]
        answers = timetable.pipelined(takes, sources, cores, shared, later).done
        assert any(answer > due for answer, due in zip(answers, done, strict=True))


@pytest.mark.parametrize("delay", [0, 1])
@examples(400)
@given(case=cases(), sync=FEW)
def test_barrier(case, sync, delay):
    sources, cores, takes, _ = case
    found = times_of("barrier", *case, sync=sync, layer_delay=delay)
    expected = timetable.barrier(takes, sources, cores, sync, bool(delay))
    assert expected.busy == [sum(sum(takes[k]) for k in core) for core in cores]
    assert_same(found, expected)


def assert_same(found, expected):
    assert found.start.tolist() == expected.start
    assert found.done.tolist() == expected.done
    assert found.busy.tolist() == expected.busy


def test_a_chain_under_a_delay_answers_a_step_later_for_every_layer_but_the_first():
    """Input and three layers of 5 cycles, 1 for synchronization: steps of 6 cycles, an answer in the third."""
    found = times_of(
        "barrier",
        [[], [0], [1], [2]],
        [[0], [1], [2], [3]],
        [[0, 0], [5, 5], [5, 5], [5, 5]],
        [0, 0],
        sync=1,
        layer_delay=1,
    )
    assert found.done.tolist() == [18, 24]
    assert found.start.tolist() == [0, 6]
