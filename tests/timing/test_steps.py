"""Cores that take steps together: a loop over single spikes, and when a chain of layers answers."""

import numpy as np
import pytest
from with_a_clock import chain, machine, spikes, timed

SIZES = 30, 20, 12, 5
N_FRAME = 38  # with three layers, 40 steps
A_SPIKE, SYNC = 3, 11  # cycles: of one spike at one neuron, and of the end of a step


def spikes_of(network, frames):
    """Frame by frame, which neurons of the input and of each layer but the last one spike: plain sums."""
    layers = [layer for layer in network.layers if hasattr(layer, "terms")]
    found = []
    for frame in frames.tolist():
        here, path = frame, [frame]
        for layer in layers[:-1]:
            weight = np.asarray(layer.terms[0].code).tolist()
            there = []
            for j in range(len(weight[0])):
                total = int(layer.bias[j])
                for i, spike in enumerate(here):
                    total += spike * weight[i][j]
                there.append(1 if total > 0 else 0)
            here = there
            path.append(here)
        found.append(path)
    return found


def steps_by_hand(found, sizes):
    """Cycles of each step: every core hears spikes one by one and brings its neurons up to date one by one."""
    n_layer = len(sizes) - 1
    steps = []
    for step in range(len(found) + n_layer - 1):
        busy = []
        if step < len(found):
            busy.append(sizes[0])  # the input looks at each of its numbers
        for k in range(n_layer):
            frame = step - k
            if not 0 <= frame < len(found):
                continue
            hearing = generating = 0
            for spike in found[frame][k]:
                for _ in range(sizes[k + 1] * spike):
                    hearing += A_SPIKE
            for _ in range(sizes[k + 1]):
                generating += 1
            busy += [hearing, generating]
        steps.append(sorted(busy)[-1] + SYNC)
    return steps


def test_steps_are_those_of_a_loop_over_spikes():
    network, frames = chain(*SIZES), spikes(N_FRAME, SIZES[0], np.random.default_rng(5))
    found = spikes_of(network, frames)
    # what is heard differs from step to step, and now one core is the slowest, now another
    assert len({sum(path[1]) for path in found}) > 1
    own = machine({"schedule": "barrier", "sync": SYNC, "layer_delay": 1, "cycles": {"multiply": A_SPIKE}})
    timing = timed(network, frames, own)
    steps = steps_by_hand(found, SIZES)
    assert len(steps) == 40
    assert len(set(steps)) > 10
    ends = np.cumsum(steps).tolist()
    assert timing.start.tolist() == [0, *ends][:N_FRAME]
    assert timing.done.tolist() == ends[-N_FRAME:]
    assert timing.makespan == sum(steps)


@pytest.mark.parametrize("n_layer", [1, 2, 3, 4])
@pytest.mark.parametrize("delay", [0, 1])
def test_a_chain_answers_a_step_later_for_each_layer_behind_the_first(n_layer, delay):
    # the sync is all that takes long, so that every step is as long as any other
    sync = 10**6
    own = machine({"schedule": "barrier", "sync": sync, "layer_delay": delay, "neuron_lanes": 100, "encode_lanes": 100})
    network, frames = chain(4, *[3] * n_layer), spikes(5, 4, np.random.default_rng(1))
    timing = timed(network, frames, own)
    steps_until_answered = timing.latencies // sync
    assert steps_until_answered.tolist() == [1 + delay * (n_layer - 1)] * 5
    assert timing.makespan // sync == 5 + delay * (n_layer - 1)


def test_layers_on_one_core_add_up_within_a_step():
    network, frames = chain(6, 5, 4), spikes(3, 6, np.random.default_rng(2))
    apart = timed(network, frames, machine({"schedule": "barrier"}))
    names = [layer.name for layer in apart.layers]
    together = timed(network, frames, machine({"schedule": "barrier", "placement": [names[:1], names[1:]]}))
    totals = np.array([layer.total for layer in apart.layers])
    assert apart.makespan == totals.max(axis=0).sum()
    two = np.array([totals[0], totals[1:].sum(axis=0)])
    assert together.makespan == two.max(axis=0).sum() > apart.makespan
    assert together.cores == (names[0], ", ".join(names[1:]))
    assert together.busy.tolist() == two.sum(axis=1).tolist()
