"""When events pass the queues between cores."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel

IntArray = npt.NDArray[np.int64]


class CoreGraph(NamedTuple):
    """Cores, each before those that read it, and what their events ask of the readers. Times in cycles."""

    first: IntArray  # (n_core + 1,) where the neurons of each core begin
    neuron: npt.NDArray[np.int32]  # of its layer, ascending; the last one of each core is the token
    column: IntArray  # (n_core,) where its layer begins among all that may be sent
    edge: IntArray  # (n_core + 1,) where the readers of each core begin
    reader: IntArray  # (n_edge,) cores
    table: IntArray  # (n_core,) where its layer's costs begin
    cost: IntArray  # of the event of each neuron, for one reader after the other
    sending: int  # takes the core, for each event
    latency: int  # from a push to the earliest start


class Progress(NamedTuple):
    """How far cores have come; zeros at first."""

    free: IntArray  # (n_core,) when each has done what it was given so far
    slot: IntArray  # (n_core,) of the queues behind each core, the one that it takes next
    served: IntArray  # (n_slot, n_edge) when the last event of each slot was served
    busy: IntArray  # (n_core,) cycles
    stalled: IntArray  # (n_core,) cycles


@kernel
def pass_on(
    sent: npt.NDArray[np.uint8], prepares: IntArray, cores: CoreGraph, progress: Progress, prepared: IntArray
) -> None:
    """Let cores prepare, send and serve, frame after frame.

    A core takes those that it reads in their order, and each stands before those that read it: once a core's turn has
    come, all that it serves in this frame has been served, and all that its readers serve before it.

    Parameters
    ----------
    sent : (n_frame, n_column)
        Whether each neuron of each layer sends an event. Its core sends a token behind them, in no time.
    prepares : (n_frame, n_core)
        Cycles before a core sends.
    cores : CoreGraph
        What does not change.
    progress : Progress
        Brought up to date.
    prepared : (n_frame, n_core)
        When a core has prepared, to be filled.
    """
    n_frame, n_core = prepares.shape
    for t in range(n_frame):
        for c in range(n_core):
            progress.free[c] += prepares[t, c]
            progress.busy[c] += prepares[t, c]
            prepared[t, c] = progress.free[c]
            token = cores.first[c + 1] - 1
            for k in range(cores.first[c], token):
                if sent[t, cores.column[c] + cores.neuron[k]]:
                    progress.busy[c] += cores.sending
                    progress.free[c] += cores.sending
                    _push(c, cores.neuron[k], cores, progress)
            _push(c, cores.neuron[token], cores, progress)


@kernel
def _push(c: int, neuron: int, cores: CoreGraph, progress: Progress) -> None:
    """Send an event to all readers at once, when each has room for it, and let them serve it."""
    first, last = cores.edge[c], cores.edge[c + 1]
    served = progress.served[progress.slot[c]]
    push = progress.free[c]
    for e in range(first, last):
        push = max(push, served[e])
    progress.stalled[c] += push - progress.free[c]
    progress.free[c] = push
    row = cores.table[c] + neuron * (last - first) - first
    for e in range(first, last):
        reader, cost = cores.reader[e], cores.cost[row + e]
        served[e] = max(push + cores.latency, progress.free[reader]) + cost
        progress.free[reader] = served[e]
        progress.busy[reader] += cost
    progress.slot[c] = (progress.slot[c] + 1) % len(progress.served)
