"""What comes of a run."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity
from hwsim.simulation.accuracy import Interval, interval
from hwsim.simulation.block import Array


@dataclass(frozen=True, eq=False)
class Run:
    """What came out of a network, and what happened inside."""

    outputs: Array  # (n_frame, n_out) float32 of real networks, float64 (codes x step) of integer ones
    output_codes: Array  # (n_frame, n_out) codes, with their zero point, or accumulators: int64; of real ones float32
    activity: Activity
    labels: npt.NDArray[np.int64] | None = None  # of the data
    n_saturated: int = 0  # codes clipped to their format, in all layers
    largest_deviation: float = 0.0  # real networks under delta: largest |output - dense output|
    notes: tuple[str, ...] = ()  # what a reader must know of these outputs, and of whatever is made of the activity

    def __repr__(self) -> str:
        """What ran on what, how exact it was, and what came out."""
        activity, right = self.activity, self.accuracy
        exact = "" if right is None else f", accuracy {right:.4g}"
        what = f"outputs {self.outputs.shape} {self.outputs.dtype}{exact}, {len(self.notes)} notes"
        return f"<Run of {activity.network} on {activity.data}, {activity.execution}: {what}>"

    @property
    def rules(self) -> int:
        """Rules that the activity was counted by."""
        return self.activity.rules

    @property
    def predictions(self) -> npt.NDArray[np.int64]:
        """(n_frame,) index of the largest output; the first of equals."""
        return np.asarray(np.argmax(self.outputs, axis=1), np.int64)

    @property
    def accuracy(self) -> float | None:
        """Fraction of frames whose prediction is their label; None without labels."""
        return None if self.right is None else float(np.mean(self.right))

    @property
    def accuracy_interval(self) -> Interval | None:
        """The accuracy's interval of 95 % (Wilson)."""
        return None if self.right is None else interval(int(self.right.sum()), self.right.size)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_] | None:
        """(n_frame,) whether each prediction is the label; None without labels."""
        return None if self.labels is None else np.asarray(self.predictions == self.labels)
