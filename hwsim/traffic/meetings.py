"""What the events of a run met, tile by tile, as a machine cuts its frames: rows of weights and codes, per frame."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, LayerActivity, RowsRead, SignalActivity, Strip, StripsMet
from hwsim.activity.stored_rows import CHUNK, DenseRowsRead
from hwsim.errors import MachineError
from hwsim.machine import Machine
from hwsim.traffic.contents import words
from hwsim.traffic.loops import Loops, Tiling, all_met

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batches:
    """Which frames are worked on together: a batch ends with its stream."""

    first: npt.NDArray[np.bool_]  # (n_frame,) whether a stream starts here
    size: int
    _known: dict[int, IntArray] = field(default_factory=dict, repr=False)  # asked for layer by layer

    def starts(self, n: int) -> IntArray:
        """Frames at which so many begin that are worked on together within a batch. (n_group,)"""
        if n not in self._known:
            frame = np.arange(self.first.size)
            begin = np.maximum.accumulate(np.where(self.first, frame, 0)) if frame.size else frame
            self._known[n] = np.flatnonzero((frame - begin) % self.size % n == 0)
        return self._known[n]

    def booked(self, number: npt.ArrayLike, n: int) -> IntArray:
        """Numbers of groups of n frames, each under the first frame of its batch. (n_frame,)"""
        per_frame, whole = np.zeros(self.first.size, np.int64), self.starts(self.size)
        per_frame[self.starts(n)] = number
        if whole.size:
            per_frame[whole] = np.add.reduceat(per_frame, whole)
        is_first = np.zeros(self.first.size, np.bool_)
        is_first[whole] = True
        return np.where(is_first, per_frame, 0)


@dataclass(frozen=True, eq=False)
class Meetings:
    """Rows of weights that events meet (or their entries), under the first frame of their batch. (n_frame,) each"""

    by_tile: IntArray  # rows met, added up over position tiles
    by_batch: IntArray  # rows met anywhere in the batch
    delivered: IntArray  # deliveries to the lanes
    all_by_tile: IntArray  # all rows, once for each position tile
    all_by_batch: IntArray  # all rows, once for each batch


def meetings(
    activity: Activity,
    layer: LayerActivity,
    term: int,
    loops: Loops,
    tiling: Tiling,
    batches: Batches,
    of_row: IntArray | None = None,
) -> Meetings:
    """What a connection's rows meet.

    Parameters
    ----------
    activity, layer
        Whose connection.
    term : int
        Which one.
    loops, tiling
        As the machine cuts it.
    batches : Batches
        Frames that are worked on together.
    of_row : (n_row,) int64, optional
        Add up a number of each row instead of counting rows; of rows in strips nothing but their number is known.
    """
    rows, n = layer.connections[term].rows_read, tiling.frames
    of_row = np.ones(len(rows.n_entry), np.int64) if of_row is None else of_row
    frames, positions = loops.lanes.frames, loops.lanes.positions
    is_alike = activity.execution.presents_every_input

    def summed(n: int, of: Callable[[IntArray], IntArray]) -> IntArray:
        alike = _meetings_of_one(rows) if is_alike else None
        return _summed(rows, batches.starts(n), batches.first.size, frames, of, alike)

    def met(counts: IntArray) -> IntArray:
        return np.asarray((counts > 0) @ of_row)

    every, size = int(of_row.sum()), batches.size
    by_batch, all_by_batch = batches.booked(summed(size, met), size), batches.booked(every, size)
    if tiling.rows is not None:
        strips = strips_met(activity, layer, loops, tiling)
        n_strip = strips.n_event.shape[1]
        in_strips = (strips.n_row, strips.n_delivered, np.full(activity.n_frame, every * n_strip))
        by_tile, delivered, all_by_tile = (batches.booked(each, 1) for each in in_strips)
        return Meetings(by_tile, by_batch, delivered, all_by_tile, all_by_batch)
    by_tile, delivered = (
        batches.booked(summed(n, of), n) for of in (met, lambda counts: np.asarray(-(-counts // positions) @ of_row))
    )
    return Meetings(by_tile, by_batch, delivered, batches.booked(every, n), all_by_batch)


def _meetings_of_one(rows: RowsRead) -> IntArray:
    """What every row meets in a frame in which every input is presented. (n_row,)"""
    if isinstance(rows, DenseRowsRead):
        return np.ones(len(rows.n_entry), np.int64)
    return np.asarray(rows.n_meeting[0], np.int64)


def _summed(
    rows: RowsRead,
    starts: IntArray,
    n_frame: int,
    side_by_side: int,
    of: Callable[[IntArray], IntArray],
    alike: IntArray | None,
) -> IntArray:
    """A number made of how often each row is met, for each group of frames. (n_group,)

    Parameters
    ----------
    rows : RowsRead
        What each row meets in each frame.
    starts : (n_group,)
        First frame of each group.
    n_frame : int
        Frames in all.
    side_by_side : int
        Frames of a group that lanes of their own work on.
    of : function of (n, n_row)
        Makes n numbers of meetings.
    alike : (n_row,) or None
        What each row meets in every frame, where all are alike.
    """
    sizes, n_row = np.diff(np.append(starts, n_frame)), len(rows.n_entry)
    if alike is not None:
        each, which = np.unique(sizes, return_inverse=True)
        return np.asarray(of(-(-each[:, None] // side_by_side) * alike)[which.ravel()])
    total = np.zeros(starts.size, np.int64)
    largest = int(sizes.max(initial=1))
    n_at_once = max(1, CHUNK // (n_row * largest))
    for begin in range(0, starts.size, n_at_once):
        part = starts[begin : begin + n_at_once]
        frames = slice(part[0], part[-1] + sizes[begin + len(part) - 1])
        if isinstance(rows, DenseRowsRead):
            met = np.unpackbits(rows.has_event[frames], axis=1, count=n_row)
        else:
            met = rows.n_meeting[frames]
        if largest > 1:
            met = np.add.reduceat(met, part - part[0], axis=0, dtype=np.int64)
        total[begin : begin + len(part)] = of(met.astype(np.int64))
    return total


def strips_met(activity: Activity, layer: LayerActivity, loops: Loops, tiling: Tiling) -> StripsMet:
    """What was noted of a layer's strips; of a dense execution, what follows from its shapes.

    Raises
    ------
    MachineError
        When the run noted no such strips.
    """
    assert tiling.rows is not None
    strip = Strip(tiling.rows, loops.lanes.positions)
    if strip in layer.strips:
        return layer.strips[strip]
    if not activity.execution.presents_every_input:
        raise MachineError(
            f"layer {layer.name}: this machine works on {strip.rows} rows of outputs at a time, and the run of "
            f"{activity.network} did not note what they meet; simulate(..., machines=[it]) does"
        )
    every = np.ones(activity.n_frame, np.int64)
    n_row, n_delivered = all_met(loops, tiling.rows, 1)
    in_strips = codes_in_strips(layer, loops, tiling.rows)
    return StripsMet(
        every * n_row, every * n_delivered, np.broadcast_to(in_strips, (activity.n_frame, *in_strips.shape))
    )


def codes_in_strips(layer: LayerActivity, loops: Loops, rows: int) -> IntArray:
    """Codes of each source in the rows of the image that each strip of outputs reads. (n_strip, n_source)"""
    assert layer.codes_by_row is not None
    assert loops.window is not None
    first, last = loops.window.y.bands(rows)
    total = np.pad(layer.codes_by_row.cumsum(axis=1), ((0, 0), (1, 0)))
    return np.asarray((total[:, last] - total[:, first]).T)


@dataclass(frozen=True, eq=False)
class Told:
    """How a signal's codes are told to those who read them, and how many in each frame."""

    n_code: int
    n_event: IntArray  # (n_frame,) codes, or events
    bits: int  # of each [bits]
    mark_bits: int = 0  # beside those, for every code there is [bits]

    def of(self, part: SignalActivity | None) -> "Told":
        """The same of a part of the signal, which lies where it lay in the whole."""
        return self if part is None else replace(self, n_code=part.n_code, n_event=part.n_event)

    @property
    def worst(self) -> int:
        """Bits of a frame in which every code is an event. [bits]"""
        return self.n_code * (self.bits + self.mark_bits)

    def packed(self, n_event: IntArray, n_code: IntArray | int, word_length: int) -> IntArray:
        """Words of events among so many codes, packed."""
        return words(n_event * self.bits + n_code * self.mark_bits, 1, word_length)

    def by_frame(self, word_length: int) -> IntArray:
        """Words of each frame. (n_frame,)"""
        return self.packed(self.n_event, self.n_code, word_length)


def told_codes(activity: Activity, machine: Machine, signal: SignalActivity) -> Told:
    """A signal between layers, as codes or as events with their places."""
    if activity.execution.presents_every_input:
        return Told(signal.n_code, signal.n_event, signal.format.bit_width)
    value = activity.execution.event_format(signal.format).bit_width
    if machine.events == "bitmap":
        return Told(signal.n_code, signal.n_event, value, mark_bits=1)
    return Told(signal.n_code, signal.n_event, value + (signal.n_code - 1).bit_length())


def words_by_tile(
    activity: Activity, layer: LayerActivity, loops: Loops, tiling: Tiling, source: int, told: Told, word_length: int
) -> IntArray:
    """Words of what a layer's position tiles read of one of its sources, each packed for itself. (n_frame,)"""
    if tiling.rows is None:
        return told.by_frame(word_length)
    n_event = strips_met(activity, layer, loops, tiling).n_event[:, :, source]
    n_code = codes_in_strips(layer, loops, tiling.rows)[:, source]
    return np.asarray(told.packed(n_event, n_code, word_length).sum(axis=1), np.int64)
