"""What happened in a run: events, synaptic operations, neurons touched. Nothing of machines or joules.

An Activity stands on its own: with the network and the data gone, it can still be counted on any machine of its
execution, because it keeps shapes, formats and work per neuron beside the counts. All counts are exact integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError
from hwsim.number_format import NumberFormat

if TYPE_CHECKING:
    import pandas as pd

IntArray: TypeAlias = npt.NDArray[np.int64]
ExecutionKind = Literal["dense", "sparse", "delta"]


@dataclass(frozen=True)
class Execution:
    """How a machine walks through a network: every input, the non-zero ones, or what changed.

    Raises
    ------
    NetworkError
        For an unknown kind, or a threshold where there is nothing to threshold.
    """

    kind: ExecutionKind
    threshold: int = 1  # delta: a change is sent when |change| >= threshold; the rest waits [codes]

    def __post_init__(self) -> None:
        """Check kind and threshold."""
        if self.kind not in ("dense", "sparse", "delta"):
            raise NetworkError(f"execution {self.kind!r}; write dense, sparse or delta")
        number = self.threshold
        if type(number) is not int or not 1 <= number < 2**31 or (self.kind != "delta" and number != 1):
            raise NetworkError(f"execution {self.kind}: threshold {number!r}; delta takes whole numbers from 1")

    def __str__(self) -> str:
        """``dense``, ``sparse``, ``delta`` or ``delta(threshold=2)``."""
        return self.kind if self.threshold == 1 else f"{self.kind}(threshold={self.threshold})"


@dataclass(frozen=True)
class Delta(Execution):
    """Only what changed since the last frame, once it has changed by at least `threshold` codes."""

    kind: ExecutionKind = field(default="delta", init=False)


@dataclass(frozen=True)
class NeuronWork:
    """What each neuron does once when it is updated, as the network declares it."""

    layer: str
    kind: Literal["relu", "quantize", "affine", "scale", "merge"]
    format: NumberFormat  # of the number worked on
    ratio: Literal["none", "shift", "multiply"] = "multiply"  # quantize: of the steps
    multiplier_bit_width: int = 16  # of fixed-point factors [bits]
    n_parameter: int = 0  # multipliers and offsets stored, when they are per channel or neuron
    parameter_bit_width: int = 0  # bits of all that one channel stores [bits]


@dataclass(frozen=True, eq=False)
class SignalActivity:
    """Codes on their way from one layer to the next."""

    name: str
    n_code: int  # codes per frame
    format: NumberFormat  # of a code
    n_event: IntArray  # (n_frame,) events presented to the readers; delta: codes that changed and were sent


@dataclass(frozen=True, eq=False)
class Histogram:
    """Synaptic operations by the magnitude |s| of their event, sparse; real events are 0 or 1 (non-zero)."""

    group: IntArray  # (n_entry,) group of frames
    magnitude: IntArray  # (n_entry,) |s|
    n_operation: IntArray  # (n_entry,) synaptic operations
    n_nonzero: IntArray  # (n_entry,) those that met a non-zero weight


@dataclass(frozen=True, eq=False)
class ConnectionActivity:
    """One weight tensor at work."""

    layer: str
    term: int  # 0, or 1 for the second of two weight terms
    source: str  # name of the signal it reads
    n_in: int  # inputs
    n_out: int  # neurons reached
    row_length: int  # F, weights that lie together and serve one event
    rows_per_event: int  # kernel taps; 1 for Dense
    n_synapse: int
    n_nonzero: int  # synapses with a non-zero weight
    event_format: NumberFormat  # of an event under this execution: under delta the difference of two codes
    weight_format: NumberFormat
    accumulator_format: NumberFormat
    histogram: Histogram
    channel_events: IntArray  # (n_group, positions + 1) how often a channel had that many events in a frame


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """A layer with its neurons; the first one is the network's input, which has no connections."""

    name: str
    n_neuron: int
    connections: tuple[ConnectionActivity, ...]
    work: tuple[NeuronWork, ...]
    touched: IntArray  # (n_frame,) neurons that received a synaptic operation; all at a stream's first frame
    touched_nonzero: IntArray  # (n_frame,) the same, counting only operations on non-zero weights
    out_format: NumberFormat  # of what leaves it: codes, or the last layer's accumulators
    emitted: SignalActivity | None  # None: the last layer, whose accumulators leave the network
    n_saturated: int  # codes clipped to their format


@dataclass(frozen=True, eq=False)
class Activity:
    """What happened when a network ran over a data set under one execution."""

    network: str
    data: str
    execution: Execution
    raw_format: NumberFormat  # of the frames as they arrive
    first: npt.NDArray[np.bool_]  # (n_frame,) whether a stream starts here
    per_frame: bool  # whether histograms are kept for every frame
    layers: tuple[LayerActivity, ...]

    @property
    def n_frame(self) -> int:
        """Frames seen."""
        return int(self.first.size)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of frames that are counted apart."""
        return tuple(str(frame) for frame in range(self.n_frame)) if self.per_frame else ("first", "steady")

    @property
    def group(self) -> IntArray:
        """(n_frame,) group of each frame."""
        return np.arange(self.n_frame) if self.per_frame else np.where(self.first, 0, 1).astype(np.int64)

    @property
    def connections(self) -> Iterator[ConnectionActivity]:
        """All connections, in order."""
        return (connection for layer in self.layers for connection in layer.connections)

    def sum_by_group(self, per_frame: npt.ArrayLike) -> IntArray:
        """Add numbers given per frame up by group. (n_group,) int64"""
        number = np.asarray(per_frame, np.int64)
        if self.per_frame:
            return number
        first = number[self.first].sum()
        return np.array([first, number.sum() - first])

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per layer: events read, synaptic operations, neurons, saturated codes, totals over all frames."""
        import pandas as pd

        emitted = {layer.emitted.name: layer.emitted for layer in self.layers if layer.emitted}
        rows = []
        for layer in self.layers:
            sources = {connection.source for connection in layer.connections}
            rows.append(
                {
                    "layer": layer.name,
                    "neurons": layer.n_neuron,
                    "inputs [per frame]": sum(emitted[name].n_code for name in sources),
                    "events read": sum(int(emitted[name].n_event.sum()) for name in sources),
                    "synaptic operations": sum(int(c.histogram.n_operation.sum()) for c in layer.connections),
                    "of them on non-zero weights": sum(int(c.histogram.n_nonzero.sum()) for c in layer.connections),
                    "neurons touched": int(layer.touched.sum()),
                    "codes emitted": int(layer.emitted.n_event.sum()) if layer.emitted else 0,
                    "codes saturated": layer.n_saturated,
                }
            )
        return pd.DataFrame(rows)
