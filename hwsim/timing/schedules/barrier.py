"""All cores take a step together, and the slowest one says how long it is."""

import numpy as np

from hwsim.timing.schedules.schedule import Schedule, Times, core_names
from hwsim.timing.work import Work


class Barrier(Schedule):
    """A step is as long as its busiest core, and `sync` cycles more.

    With ``layer_delay: 1`` a layer reads in one step what another one sent in the step before (Loihi, and lava, which
    simulates it), so that a chain of L layers answers L - 1 steps after the frame came in, and cores work on as many
    frames at once.
    """

    name = "barrier"

    def times(self, work: Work) -> Times:
        """Step by step."""
        cores = self.cores(work)
        takes = np.array([layer.total for layer in work.layers])
        n_layer, n_frame = takes.shape
        late = self._depths(work) if self.timing.layer_delay else [0] * n_layer
        n_step = n_frame + max(late, default=0) if n_frame else 0
        in_step = np.zeros((n_layer, n_step), np.int64)
        for k in range(n_layer):
            in_step[k, late[k] : late[k] + n_frame] = takes[k]
        by_core = np.array([in_step[core].sum(axis=0) for core in cores])
        end = (by_core.max(axis=0) + self.timing.sync).cumsum()
        start = np.concatenate([[0], end[:-1]]) if n_step else end
        answered = np.arange(n_frame) + max(late, default=0)
        return Times(start[:n_frame], end[answered], by_core.sum(axis=1), core_names(work, cores))

    def _depths(self, work: Work) -> list[int]:
        """How many layers each one stands behind the input, which is a layer here that hands frames on at once."""
        depth: dict[str, int] = {}
        for layer in work.layers:
            depth[layer.name] = max((depth[name] + 1 for name in layer.sources), default=0)
        return [max(number - 1, 0) for number in depth.values()]
