"""What a network takes on a machine: cycles of every layer and resource, latency, throughput, and what binds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.activity.rules import COLUMN, RULES
from hwsim.files.views import Viewed

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]
GROUPS = ("first", "steady")


@dataclass(frozen=True, eq=False)
class LayerTiming:
    """What a layer takes, step by step."""

    name: str
    resources: Mapping[str, IntArray]  # (n_step,) each; ties are named in this order [cycles]
    total: IntArray  # (n_step,) [cycles]
    operations: IntArray  # (n_step,) that its lanes carried out
    n_lane: int

    @property
    def bound_by(self) -> str:
        """The resource that takes the most cycles of all steps."""
        return max(self.resources, key=lambda name: int(self.resources[name].sum()))

    @property
    def utilization(self) -> float:
        """Share of its lanes' cycles in which they carry out operations."""
        offered = int(self.total.sum()) * self.n_lane
        return int(self.operations.sum()) / offered if offered else 0.0


@dataclass(frozen=True, eq=False)
class Timing(Viewed):
    """What a network takes on a machine. A step is a frame, or the frames of a batch."""

    layers: tuple[LayerTiming, ...]
    start: IntArray  # (n_step,) when each begins [cycles]
    done: IntArray  # (n_step,) when its answer is there [cycles]
    first: npt.NDArray[np.bool_]  # (n_step,) whether a stream starts with it
    n_frame: IntArray  # (n_step,) frames of each
    clock: float  # [Hz]
    schedule: str
    n_lane: int  # of all cores together
    cores: tuple[str, ...]  # by their layers
    busy: IntArray  # (n_core,) [cycles]
    stalled: IntArray | None = None  # (n_core,) waiting for room in a queue [cycles]
    starved: IntArray | None = None  # (n_core,) waiting for something to do [cycles]
    network: str = ""
    data: str = ""
    execution: str = ""
    machine: str = ""
    notes: tuple[str, ...] = ()
    rules: int = RULES

    def __repr__(self) -> str:
        """What took how long, and what it waits for."""
        return (
            f"<Timing of {self.network} on {self.data}, {self.machine} ({self.schedule}): {self.latency:.4g} s per "
            f"inference, {self.frames_per_second:,.4g} frames per second, bound by {self.bound_by}>"
        )

    @property
    def n_inference(self) -> int:
        """Frames."""
        return int(self.n_frame.sum())

    @property
    def makespan(self) -> int:
        """From the first frame's arrival to the last answer. [cycles]"""
        return int(self.done.max(initial=0))

    @property
    def seconds(self) -> float:
        """The same. [s]"""
        return self.makespan / self.clock

    @property
    def latencies(self) -> IntArray:
        """From the start of each step to its answer, which comes for all frames of a batch at once. (n_step,)"""
        return self.done - self.start

    @property
    def latency(self) -> float:
        """Mean over frames, first ones included. [s]"""
        return float(self.latencies @ self.n_frame / self.n_inference / self.clock) if self.n_inference else 0.0

    @property
    def worst_latency(self) -> float:
        """That of the slowest frame. [s]"""
        return int(self.latencies.max(initial=0)) / self.clock

    @property
    def frames_per_second(self) -> float:
        """Frames over the time until all are done, back to back. [1/s]"""
        return self.n_inference / self.seconds if self.makespan else 0.0

    @property
    def utilization(self) -> float:
        """Share of the cycles of all cores' lanes that operations fill."""
        operations = sum(int(layer.operations.sum()) for layer in self.layers)
        offered = self.makespan * self.n_lane
        return operations / offered if offered else 0.0

    @property
    def bound_by(self) -> str:
        """The resource that binds the layers that take the most cycles together."""
        taken: dict[str, int] = {}
        for layer in self.layers:
            taken[layer.bound_by] = taken.get(layer.bound_by, 0) + int(layer.total.sum())
        return max(taken, key=lambda name: taken[name])

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per layer, resource and group of frames (first ones of streams, later ones)."""
        import pandas as pd

        rows = []
        for layer in self.layers:
            for group, chosen in zip(GROUPS, (self.first, ~self.first), strict=True):
                if not chosen.any():
                    continue
                total = int(layer.total[chosen].sum())
                cycles = {name: int(each[chosen].sum()) for name, each in layer.resources.items()}
                binds = max(cycles, key=lambda name: cycles[name])
                rows += [
                    (layer.name, name, group, int(self.n_frame[chosen].sum()), number, total, name == binds, self.rules)
                    for name, number in cycles.items()
                ]
        columns = ["layer", "resource", "group", "frames", "cycles", "cycles of the layer", "binds", COLUMN]
        return pd.DataFrame(rows, columns=columns)
