"""Events in queues between cores: the kernel against the machine of single cycles, and laws that need neither."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from random_queues import Drawn, drawn_cores, passed, stepped


@examples(1000)
@given(drawn_cores(), st.integers(1, 3))
def test_kernel_is_the_machine_of_single_cycles(drawn, n_part):
    makespan, cores, queues = stepped(drawn)
    assert [queue.n_push for queue in queues] == [queue.n_pop for queue in queues]
    assert all(queue.n_push >= drawn.n_frame for queue in queues)
    prepared, progress = passed(drawn, n_part)
    assert prepared.tolist() == [core.prepared for core in cores]
    assert (prepared - np.array(drawn.prepares)).tolist() == [core.began for core in cores]
    assert progress.free.max() == makespan
    assert progress.busy.tolist() == [core.busy for core in cores]
    assert progress.stalled.tolist() == [core.stalled for core in cores]
    starved = makespan - progress.busy - progress.stalled
    assert starved.tolist() == [core.starved for core in cores]


@examples(400)
@given(drawn_cores())
def test_makespan_lies_between_the_most_work_and_all_of_it(drawn):
    _, progress = passed(drawn)
    n_item = sum(len(sent) + 1 for each in drawn.sends for sent in each)
    assert progress.busy.max() <= progress.free.max() <= progress.busy.sum() + drawn.latency * n_item


@examples(400)
@given(drawn_cores(), st.integers(1, 8))
def test_nothing_is_later_for_more_places(drawn, more):
    few, _ = passed(drawn)
    many, _ = passed(replace(drawn, places=drawn.places + more))
    assert (many <= few).all()


def one_after_the_other(n_event, making, costs, latency, places, n_frame=1, prepares=0):
    """A chain: a sender of so many events, and cores of which each serves those of the one before it."""
    n_core = len(costs) + 1
    return Drawn(
        sources=[[], *([k] for k in range(n_core - 1))],
        n_neuron=[n_event] * n_core,
        sends=[[list(range(n_event))] * n_frame] * n_core,
        costs={(k, k + 1): [cost] * n_event for k, cost in enumerate(costs)},
        prepares=[[prepares] * n_frame] * n_core,
        making=making,
        latency=latency,
        places=places,
    )


@pytest.mark.plain
@pytest.mark.parametrize(
    ("making", "cost", "latency", "places", "answer", "stalled"),
    [
        (3, 2, 1, 4, 10 * 3 + 1 + 2, 0),  # the sender binds: served 3 cycles after its last one is begun
        (1, 4, 1, 16, 1 + 1 + 10 * 4, 0),  # the reader binds, and there is a place for each
        # one place: each is pushed when the one before it is served, after 5 cycles, of which the next one is made in
        # 1; the token is pushed when all are served, and then on its way
        (1, 4, 1, 1, 1 + 10 * (1 + 4) + 1, 9 * (5 - 1) + 5),
        # two places: pushed at 1, 2, then when the last but one is served, at 6, 10 ... 34; the token at 38
        (1, 4, 1, 2, 1 + 1 + 10 * 4, 38 - 10),
        # three: 1, 2, 3, then 6, 10 ... 30; the token at 34
        (1, 4, 1, 3, 1 + 1 + 10 * 4, 34 - 10),
    ],
)
def test_one_queue_by_hand(making, cost, latency, places, answer, stalled):
    prepared, progress = passed(one_after_the_other(10, making, [cost], latency, places))
    assert prepared[1, 0] == answer
    assert progress.stalled[0] == stalled


@pytest.mark.parametrize("places", [1, 2, 8])
def test_equal_frames_of_one_event_are_a_pipeline(places):
    costs, making, latency, n_frame = [5, 17, 3], 2, 1, 9
    prepared, _ = passed(one_after_the_other(1, making, costs, latency, places, n_frame, prepares=4))
    takes = [4 + making, *(cost + 4 + making for cost in costs)]
    assert max(takes) == 23
    # the last core's own event is made, for nobody
    whole = sum(takes) + latency * len(costs) + (n_frame - 1) * max(takes)
    if places > 1:
        assert prepared[-1, -1] + making == whole
    else:
        assert prepared[-1, -1] + making > whole
