"""Layer after layer, frame after frame: one core for all."""

import numpy as np

from hwsim.timing.schedules.schedule import Schedule, Times
from hwsim.timing.work import Work


class Sequential(Schedule):
    """One thing at a time."""

    name = "sequential"

    def times(self, work: Work) -> Times:
        """Each step begins when the one before is done."""
        done = np.sum([layer.total for layer in work.layers], axis=0).cumsum()
        start = np.concatenate([[0], done[:-1]]) if done.size else done
        return Times(start, done, np.array([done.max(initial=0)]), ("all layers",))

    def cores(self, work: Work) -> list[list[int]]:
        """All layers are on the one core."""
        return [list(range(len(work.layers)))]
