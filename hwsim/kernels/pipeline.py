"""When layers of a pipeline begin and end."""

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel

IntArray = npt.NDArray[np.int64]


@kernel
def earliest(takes: IntArray, start: IntArray, source: IntArray, core: IntArray, free: IntArray, end: IntArray) -> None:
    """Begin every layer as soon as what it reads is there and its core has done what comes before.

    Parameters
    ----------
    takes : (n_layer, n_step)
        What each layer takes.
    start, source : (n_layer + 1,), (n_source,)
        What layer k reads: source[start[k]:start[k + 1]], layers before it.
    core : (n_layer,)
        Where each layer runs.
    free : (n_core,)
        Zeros; left as when each core is last done.
    end : (n_layer, n_step)
        When each layer is done, to be filled.
    """
    for t in range(takes.shape[1]):
        for k in range(takes.shape[0]):
            begin = free[core[k]]
            for n in range(start[k], start[k + 1]):
                begin = max(begin, end[source[n], t])
            end[k, t] = begin + takes[k, t]
            free[core[k]] = end[k, t]


@kernel
def latest(takes: IntArray, start: IntArray, source: IntArray, core: IntArray, busy: IntArray, end: IntArray) -> None:
    """Let every layer end as late as nothing that follows is late by it.

    Parameters
    ----------
    takes, start, source, core
        As of :func:`earliest`.
    busy : (n_core,)
        When each core has to be done at the latest; changed.
    end : (n_layer, n_step)
        When each layer has to be done at the latest, as far as that is given; brought up to date.
    """
    for t in range(takes.shape[1] - 1, -1, -1):
        for k in range(takes.shape[0] - 1, -1, -1):
            end[k, t] = min(end[k, t], busy[core[k]])
            begin = end[k, t] - takes[k, t]
            busy[core[k]] = begin
            for n in range(start[k], start[k + 1]):
                end[source[n], t] = min(end[source[n], t], begin)
