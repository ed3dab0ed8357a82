"""What happened in a run: events, synaptic operations, neurons touched. Nothing of machines or joules.

An Activity stands on its own: with the network and the data gone, it can still be counted on any machine of its
execution, because it keeps shapes, formats and work per neuron beside the counts. All counts are exact integers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity.execution import Execution
from hwsim.activity.group_cost import GroupCost
from hwsim.activity.rules import COLUMN, RULES
from hwsim.activity.slices import SlicesStored, Slicing
from hwsim.activity.stored_rows import RowsRead, RowsStored
from hwsim.activity.strips import Strip, StripsMet
from hwsim.files.views import Viewed
from hwsim.network.layers.window import Window
from hwsim.network.neuron_work import NeuronWork
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

IntArray: TypeAlias = npt.NDArray[np.int64]
Need: TypeAlias = Strip | GroupCost | Slicing
"""What some machine has to be told of a layer beside what every run notes."""


@dataclass(frozen=True, eq=False)
class JoinActivity:
    """What pooling and joining do with the numbers that arrive, before anything is done once per neuron.

    One without operations executes nothing: it is the other operand of the one before it, which a delta machine keeps.
    """

    layer: str
    operations: tuple[Operation, ...]  # in order
    format: NumberFormat  # of the number worked on: codes compared, rescaled or multiplied, sums added to
    n_operation: IntArray  # (n_frame,) how many times each is executed
    n_parameter: int = 0  # channels with a multiplier of their own, that is stored
    parameter_bit_width: int = 0  # of that multiplier [bits]
    n_state_read: IntArray | None = None  # (n_frame,) numbers of that format that a delta machine reads from its state
    n_state_written: IntArray | None = None  # (n_frame,)
    n_sum: int = 0  # sums of that format that a delta machine keeps
    starts_anew: bool = False  # whether the first number that a neuron is made of meets no other


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
    n_padding: IntArray  # (n_entry, N_RUN_BITS) those that would meet padding, were rows stored without their zeros


@dataclass(frozen=True, eq=False)
class ConnectionActivity:
    """One weight tensor at work."""

    layer: str
    term: int  # 0, or 1 for the second of two weight terms
    kind: Literal["dense", "convolution"]  # which lanes it runs on
    n_in: int  # inputs
    n_out: int  # neurons reached
    n_weight: int  # weights stored
    row_length: int  # F, weights that lie together and serve one event
    n_reached: int  # neurons of one position that an event reaches: output channels of its group
    n_synapse: int  # that exist: taps on padding do not
    n_nonzero: int  # synapses with a non-zero weight
    event_format: NumberFormat  # of an event under this execution: under delta the difference of two codes
    weight_format: NumberFormat
    accumulator_format: NumberFormat
    n_bias: int  # biases stored, one per output channel; 0: there are none, or they are the first term's
    histogram: Histogram
    rows_stored: RowsStored  # were they stored without their zeros
    rows_read: RowsRead  # frame by frame, because what is read of compressed rows is packed frame by frame
    has_zero_point: bool = False  # whether some other weight code than 0 stands for zero
    groups: int = 1  # of a convolution
    window: Window | None = None  # that slides over the image; None: there is no image
    slices: Mapping[Slicing, SlicesStored] = field(default_factory=dict)  # those that some machine asked for


@dataclass(frozen=True, eq=False)
class LayerActivity:
    """A layer with its neurons; the first one is the network's input, which reads no signal.

    A Concat or Pad2d on its own is no layer here: whoever reads it reads the signals it is made of.
    """

    name: str
    n_neuron: int
    sources: tuple[str, ...]  # names of the emitted signals it reads
    connections: tuple[ConnectionActivity, ...]
    joins: tuple[JoinActivity, ...]
    work: tuple[NeuronWork, ...]
    touched: IntArray  # (n_frame,) neurons that something arrived at; all at a stream's first frame
    touched_nonzero: IntArray  # (n_frame,) the same, counting only operations on non-zero weights
    out_format: NumberFormat  # of what leaves it: codes, or the last layer's accumulators
    emitted: SignalActivity | None  # None: the last layer, whose accumulators leave the network
    n_saturated: int  # codes clipped to their format
    codes_by_row: IntArray | None = None  # (n_source, height) of an image that a window slides over: codes in its rows
    strips: Mapping[Strip, StripsMet] = field(default_factory=dict)  # those that some machine asked for
    group_cycles: Mapping[GroupCost, IntArray] = field(default_factory=dict)  # (n_frame,) the same, of all groups


@dataclass(frozen=True, eq=False)
class Activity(Viewed):
    """What happened when a network ran over a data set under one execution."""

    network: str
    data: str
    execution: Execution
    raw_format: NumberFormat  # of the frames as they arrive
    first: npt.NDArray[np.bool_]  # (n_frame,) whether a stream starts here
    per_frame: bool  # whether histograms are kept for every frame
    layers: tuple[LayerActivity, ...]
    notes: tuple[str, ...] = ()  # what a reader must know of whatever is made of it
    rules: int = RULES  # that it was counted by

    def __repr__(self) -> str:
        """What ran on what, and how much happened."""
        n_operation = sum(int(connection.histogram.n_operation.sum()) for connection in self.connections)
        what = f"{len(self.layers)} layers, {self.n_frame:,} frames, {n_operation:,} synaptic operations"
        return f"<Activity of {self.network} on {self.data}, {self.execution}: {what}>"

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

    def sum_of_groups(self, group: IntArray, number: IntArray) -> IntArray:
        """Add numbers up by the group of frames that each belongs to. (n_group,) int64"""
        total = np.zeros(len(self.groups), np.int64)
        np.add.at(total, group, number)
        return total

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per layer: events read, synaptic operations, neurons, saturated codes, totals over all frames."""
        import pandas as pd

        emitted = {layer.emitted.name: layer.emitted for layer in self.layers if layer.emitted}
        rows = []
        for layer in self.layers:
            sources = set(layer.sources)
            rows.append(
                {
                    "layer": layer.name,
                    "neurons": layer.n_neuron,
                    "inputs [per frame]": sum(emitted[name].n_code for name in sources),
                    "events read": sum(int(emitted[name].n_event.sum()) for name in sources),
                    "synaptic operations": sum(int(c.histogram.n_operation.sum()) for c in layer.connections),
                    "of them on non-zero weights": sum(int(c.histogram.n_nonzero.sum()) for c in layer.connections),
                    "joining operations": sum(int(join.n_operation.sum()) for join in layer.joins),
                    "neurons touched": int(layer.touched.sum()),
                    "codes emitted": int(layer.emitted.n_event.sum()) if layer.emitted else 0,
                    "codes saturated": layer.n_saturated,
                    COLUMN: self.rules,
                }
            )
        return pd.DataFrame(rows)
