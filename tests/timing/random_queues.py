"""Cores at random, as the cycle-stepped machine takes them and as the kernel does."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from hypothesis import strategies as st
from reference.queues import Core, Machine, Queue

from hwsim.kernels.queues import CoreGraph, Progress, pass_on


@dataclass(frozen=True)
class Drawn:
    """Cores, each reading some of those before it."""

    sources: list  # of each core: others, ascending
    n_neuron: list  # of each core
    sends: list  # of each core and frame: neurons, ascending
    costs: dict  # by sender and reader: of the event of each neuron [cycles]
    prepares: list  # of each core and frame [cycles]
    making: int
    latency: int
    places: int

    @property
    def n_frame(self):
        return len(self.sends[0])

    def readers(self, sender):
        return [k for k, sources in enumerate(self.sources) if sender in sources]

    @property
    def edges(self):
        """Of each sender in turn: it and a reader."""
        return [(sender, reader) for sender in range(len(self.sources)) for reader in self.readers(sender)]


@st.composite
def drawn_cores(draw):
    n_core, n_frame = draw(st.integers(3, 6)), draw(st.integers(1, 4))
    sources = [[]]
    for k in range(1, n_core):
        sources.append(sorted(draw(st.sets(st.integers(0, k - 1), min_size=1, max_size=3))))
    n_neuron = [draw(st.integers(1, 12)) for _ in range(n_core)]
    sends = [[sorted(draw(st.sets(st.integers(0, n - 1)))) for _ in range(n_frame)] for n in n_neuron]
    prepares = [draw(st.lists(st.integers(0, 9), min_size=n_frame, max_size=n_frame)) for _ in n_neuron]
    edges = [(source, k) for k, each in enumerate(sources) for source in each]
    of_edges = {e: draw(st.lists(st.integers(0, 9), min_size=n_neuron[e[0]], max_size=n_neuron[e[0]])) for e in edges}
    depth = draw(st.sampled_from((1, 2, 3, 4, 8, 64)))
    return Drawn(sources, n_neuron, sends, of_edges, prepares, draw(st.integers(0, 3)), draw(st.integers(0, 3)), depth)


def stepped(drawn):
    """Cycles that the machine of single cycles takes, its cores and its queues."""
    queues = {edge: Queue(drawn.places) for edge in drawn.edges}
    cores = [
        Core(
            [(queues[source, k], drawn.costs[source, k]) for source in sources],
            [queues[k, reader] for reader in drawn.readers(k)],
            drawn.prepares[k],
            drawn.sends[k],
        )
        for k, sources in enumerate(drawn.sources)
    ]
    return Machine(cores, drawn.making, drawn.latency, drawn.n_frame).run(), cores, list(queues.values())


def passed(drawn, n_part=1):
    """When the kernel says that cores have prepared, and how far they come; it gets the frames in so many parts."""
    n_core, readers = len(drawn.sources), [drawn.readers(k) for k in range(len(drawn.sources))]
    tables = [
        [drawn.costs[k, reader][neuron] for neuron in range(drawn.n_neuron[k]) for reader in readers[k]]
        + [0] * len(readers[k])
        for k in range(n_core)
    ]
    column = np.cumsum([0, *drawn.n_neuron])
    cores = CoreGraph(
        first=np.cumsum([0, *(n + 1 for n in drawn.n_neuron)]),
        neuron=np.concatenate([np.arange(n + 1) for n in drawn.n_neuron]).astype(np.int32),
        column=column,
        edge=np.cumsum([0, *map(len, readers)]),
        reader=np.array(list(chain(*readers)), np.int64),
        table=np.cumsum([0, *map(len, tables)]),
        cost=np.array(list(chain(*tables)), np.int64),
        sending=drawn.making,
        latency=drawn.latency,
    )
    sent = np.zeros((drawn.n_frame, column[-1]), np.uint8)
    for k in range(n_core):
        for t in range(drawn.n_frame):
            sent[t, column[k] + np.array(drawn.sends[k][t], int)] = 1
    progress = empty_progress(n_core, drawn.places, len(drawn.edges))
    prepares = np.array(drawn.prepares).T.copy()
    prepared = np.zeros_like(prepares)
    for part in np.array_split(np.arange(drawn.n_frame), n_part):
        frames = slice(part[0], part[-1] + 1) if part.size else slice(0)
        pass_on(sent[frames], prepares[frames], cores, progress, prepared[frames])
    return prepared.T, progress


def empty_progress(n_core, places, n_edge):
    free, slot, busy, stalled = (np.zeros(n_core, np.int64) for _ in range(4))
    return Progress(free, slot, np.zeros((places, n_edge), np.int64), busy, stalled)
