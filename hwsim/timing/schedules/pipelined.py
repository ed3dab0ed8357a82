"""A core for each layer, or for several: while one works on a frame, those before it work on the next ones."""

import numpy as np

from hwsim.kernels.pipeline import earliest, latest
from hwsim.timing.schedules.schedule import IntArray, Schedule, Times, core_names
from hwsim.timing.work import Work


class Pipelined(Schedule):
    """A layer begins when all that it reads is there and its core is free.

    C(l, t) = max(C(p, t) over what l reads, when its core was last done) + S(l, t). What leaves the chip goes through
    one DRAM for all cores: no answer comes sooner after the one before than the DRAM is busy for it. A frame is let in
    as late as no answer is late by it, so that latency holds no waiting that a full pipeline could have spared.
    """

    name = "pipelined"

    def times(self, work: Work) -> Times:
        """Forward for the answers, backward for the latest starts."""
        cores = self.cores(work)
        core_of = np.zeros(len(work.layers), np.int64)
        for n, core in enumerate(cores):
            core_of[core] = n
        start, source = sources_of(work)
        takes = np.array([layer.total for layer in work.layers])
        end = np.zeros_like(takes)
        graph = start, source, core_of
        earliest(takes, *graph, np.zeros(len(cores), np.int64), end)
        shared = work.shared.cumsum()
        # done(t) = max(what the cores say, done(t - 1) + shared(t)), unrolled
        done = np.maximum.accumulate(np.concatenate([[0], end.max(axis=0) - shared]))[1:] + shared
        due = np.repeat(done[None, :], len(takes), axis=0)
        latest(takes, *graph, np.full(len(cores), np.iinfo(np.int64).max), due)
        by_core = np.array([takes[core].sum() for core in cores], np.int64)
        return Times((due - takes).min(axis=0), done, by_core, core_names(work, cores))


def sources_of(work: Work) -> tuple[IntArray, IntArray]:
    """What each layer reads: places of layers, and where those of each begin. (n_layer + 1,), (n_source,)"""
    place = {layer.name: k for k, layer in enumerate(work.layers)}
    sources = [[place[name] for name in layer.sources] for layer in work.layers]
    start = np.cumsum([0, *map(len, sources)])
    return start, np.array([k for each in sources for k in each], np.int64)
