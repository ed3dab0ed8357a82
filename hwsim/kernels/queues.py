"""When events pass the queues between cores."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel

IntArray = npt.NDArray[np.int64]


class Cores(NamedTuple):
    """Cores, each before those that read it, and what their events ask of the readers. Times in cycles."""

    edge: IntArray  # (n_core + 1,) where the readers of each core begin
    reader: IntArray  # (n_edge,) cores
    table: IntArray  # (n_core,) where each core's costs begin
    cost: IntArray  # of each place that a core sends an event from, for one reader after the other
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
    start: IntArray,
    place: npt.NDArray[np.int32],
    prepares: IntArray,
    cores: Cores,
    progress: Progress,
    prepared: IntArray,
) -> None:
    """Let cores prepare, send and serve, frame after frame.

    A core takes those that it reads in their order, and each stands before those that read it: once a core's turn has
    come, all that it serves in this frame has been served, and all that its readers serve before it.

    Parameters
    ----------
    start : (n_frame * n_core + 1,)
        First event of each frame and core, cores of one frame side by side.
    place : (n_event,)
        Where in its core's table each event is; the last one of a frame and core is the token, sent in no time.
    prepares : (n_frame, n_core)
        Cycles before a core sends.
    cores : Cores
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
            first, last = start[t * n_core + c], start[t * n_core + c + 1]
            for k in range(first, last):
                makes = cores.sending if k < last - 1 else 0
                progress.busy[c] += makes
                progress.free[c] += makes
                _push(c, place[k], cores, progress)


@kernel
def _push(c: int, place: int, cores: Cores, progress: Progress) -> None:
    """Send an event to all readers at once, when each has room for it, and let them serve it."""
    first, last = cores.edge[c], cores.edge[c + 1]
    served = progress.served[progress.slot[c]]
    push = progress.free[c]
    for e in range(first, last):
        push = max(push, served[e])
    progress.stalled[c] += push - progress.free[c]
    progress.free[c] = push
    row = cores.table[c] + place * (last - first) - first
    for e in range(first, last):
        reader, cost = cores.reader[e], cores.cost[row + e]
        served[e] = max(push + cores.latency, progress.free[reader]) + cost
        progress.free[reader] = served[e]
        progress.busy[reader] += cost
    progress.slot[c] = (progress.slot[c] + 1) % len(progress.served)
