"""One layer on 64 cores that are told of every event at once: how evenly they work, by the depth of their queues.

The sizes are those of the first layer of AlexNet that EIE compresses (S. Han et al., ISCA 2016): 9,216 inputs of which
35.1 % are not zero, 4,096 outputs in turn on 64 cores, 9 % of the weights, runs of 4 bits. Its authors find about half
of all cycles idle where queues have one place, and little to gain beyond 8.
"""

import numpy as np
import pytest

from hwsim.kernels.queues import CoreGraph, Progress, pass_on

N_CORE, N_INPUT, N_OUTPUT = 64, 9216, 4096
LONGEST_RUN = 16  # zeros that one entry stands for if it is one itself


@pytest.fixture(scope="module")
def entries():
    """Of the row of each event, on each core, weights drawn at random. (n_event, n_core)"""
    generator = np.random.default_rng(0)
    n_event = round(0.351 * N_INPUT)
    found, zeros = np.zeros((2, n_event, N_CORE), np.int64)
    for _ in range(N_OUTPUT // N_CORE):  # of a core's outputs, one after the other
        is_weight = generator.random((n_event, N_CORE)) < 0.09
        found += np.where(is_weight, zeros // LONGEST_RUN + 1, 0)
        zeros = np.where(is_weight, 0, zeros + 1)
    return found


def load_balance(entries, places):
    """Share of the cores' cycles, until all is served, in which they serve."""
    return entries.sum() / (N_CORE * makespan(entries, places))


def makespan(entries, places):
    """Cycles until all is served; the sender is never what cores wait for."""
    n_event = len(entries)
    cores = CoreGraph(
        first=np.append(0, n_event + 1 + np.arange(1 + N_CORE)),
        neuron=np.append(np.arange(n_event + 1), np.full(N_CORE, n_event)).astype(np.int32),
        column=np.zeros(1 + N_CORE, np.int64),
        edge=np.append(0, np.full(1 + N_CORE, N_CORE)),
        reader=np.arange(1, 1 + N_CORE),
        table=np.zeros(1 + N_CORE, np.int64),
        cost=np.append(entries, np.zeros(N_CORE, np.int64)),  # the token takes nothing
        sending=1,
        latency=0,
    )
    free, slot, busy, stalled = np.zeros((4, 1 + N_CORE), np.int64)
    progress = Progress(free, slot, np.zeros((places, N_CORE), np.int64), busy, stalled)
    nothing = np.zeros((1, 1 + N_CORE), np.int64)
    pass_on(np.ones((1, n_event), np.uint8), nothing, cores, progress, nothing.copy())
    assert busy[1:].sum() == entries.sum() > 0
    return int(free[1:].max())


def test_one_place_is_lock_step(entries):
    lock_step = entries.sum() / (N_CORE * entries.max(axis=1).sum())
    assert load_balance(entries, 1) == pytest.approx(
        lock_step, abs=1e-4
    )  # but for the cycle in which the first is made
    assert lock_step == pytest.approx(0.57, abs=0.03)


def test_eight_places_are_nearly_enough(entries):
    eight, most = load_balance(entries, 8), load_balance(entries, len(entries))
    assert eight == pytest.approx(0.97, abs=0.01)
    assert load_balance(entries, 4) < eight < load_balance(entries, 16) < most
    busiest = entries.sum() / (N_CORE * entries.sum(axis=0).max())
    assert most == pytest.approx(busiest, abs=1e-3)
