"""Walk blocks of frames through a prepared network, one stage after the other, and note what happened."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import Execution
from hwsim.elementwise import run_steps
from hwsim.kernels.dense import deliver_integer, deliver_real, tally, touch
from hwsim.kernels.events import GROUP, LANES, hold_back, list_changes
from hwsim.plan import StagePlan, TermPlan, code_dtype, event_dtypes, padded
from hwsim.record import Record
from hwsim.signals import Signal

Array: TypeAlias = npt.NDArray[Any]

Key: TypeAlias = tuple[str, str, int]
"""What an array holds, of which layer or signal, of which weight term."""

Carry: TypeAlias = dict[Key, Array]
"""What a machine remembers between two blocks of a stream: codes last sent, accumulators."""

WIDEST_HISTOGRAM = 2**17
"""Magnitudes up to this are counted in an array; beyond, by sorting."""


class Piece(NamedTuple):
    """Frames that are walked without regard to any other piece."""

    begin: int
    end: int
    warm: bool  # whether the frame before them is run first, uncounted, to restore the state it left


class Frames(NamedTuple):
    """The frames of a block."""

    begin: int
    end: int
    warm: bool  # whether the frame before begin comes first, uncounted
    reset: Array  # (n_frame,) bool: starts from rest
    group: Array  # (n_frame,) group it is counted in, -1: not counted


class Events(NamedTuple):
    """The events of a block of frames, as `list_changes` leaves them."""

    start: Array
    n_event: Array
    place: Array
    value: Array


class Walker:
    """One thread's worth: the prepared network and memory that is used again for every block."""

    def __init__(self, plans: tuple[StagePlan, ...], execution: Execution, frames: Array, block: int, record: Record):
        self.plans = plans
        self.execution = execution
        self.frames = frames  # (n_frame, n) as they arrive
        self.block = block
        self.record = record
        self._memory: dict[Key, Array] = {}

    def walk(self, piece: Piece) -> None:
        """Run a piece, block by block."""
        carry: Carry = {}
        for begin in range(piece.begin, piece.end, self.block):
            warm = piece.warm and begin == piece.begin
            self._walk_block(begin, min(begin + self.block, piece.end), warm, carry)

    def _walk_block(self, begin: int, end: int, warm: bool, carry: Carry) -> None:
        """Run frames begin ... end, and before them, uncounted, one more if `warm`."""
        frames = Frames(begin, end, warm, self._resets(begin - warm, end, warm), self._groups(begin, end, warm))
        block = self.frames[begin - warm : end]
        events: dict[str, Events] = {}
        for plan in self.plans:
            if plan.terms:
                block = self._synapses(plan, events[plan.stage.source], frames, carry)
            if plan.is_last:
                self.record.outputs[begin:end] = self._finish(plan, block, warm)[warm:]
            else:
                codes = self._emit(plan, block, frames, carry)
                events[plan.stage.output] = self._list(plan.stage.output, plan.out, codes, frames.reset)
                self.record.n_event[plan.stage.output][begin:end] = events[plan.stage.output].n_event[warm:]

    def _synapses(self, plan: StagePlan, events: Events, frames: "Frames", carry: Carry) -> Array:
        """Deliver events to a layer's accumulators, and note what they met. (n_frame, n_out)"""
        totals = []
        for k, term in enumerate(plan.terms):
            total = self._deliver((plan.stage.name, k), term, events, frames.reset, carry)
            totals.append(total[1:])
            self._tally(plan, k, events, frames)
        self._touch(plan, events, frames)
        return plan.combine(totals)

    def _resets(self, begin: int, end: int, warm: bool) -> Array:
        if self.execution.kind != "delta":
            return np.ones(end - begin, np.bool_)
        reset = self.record.first[begin:end].copy()
        reset[0] |= warm
        return reset

    def _groups(self, begin: int, end: int, warm: bool) -> Array:
        """Group of each frame, counted from the block's first where every frame is one; -1 is not counted."""
        group = np.full(end - begin + warm, -1)
        group[warm:] = self.record.group[begin:end] - (begin if self.record.per_frame else 0)
        return group

    def _emit(self, plan: StagePlan, block: Array, frames: Frames, carry: Carry) -> Array:
        """The codes a stage emits, behind those of the frame before. (n_frame + 1, n_padded)"""
        warm = frames.warm
        width = padded(plan.out.size, LANES)
        key = ("codes", plan.stage.output, 0)
        codes = self._buffer(key, self.block + 2, width, code_dtype(plan.out))[: len(block) + 1]
        codes[0] = carry.get(key, 0)
        if warm:
            run_steps(plan.steps, block[:1], codes[1:2], plan.out.size)
        clipped = run_steps(plan.steps, block[warm:], codes[1 + warm :], plan.out.size)
        if clipped:
            self.record.clipped.append((plan.stage.name, clipped))
        if self.execution.threshold > 1:
            zero = np.float32(0) if plan.out.format.is_real else np.int64(0)
            hold_back(codes, self._rest(plan.stage.output, codes), frames.reset, self.execution.threshold, zero)
        carry[key] = codes[-1].copy()
        return codes

    def _finish(self, plan: StagePlan, block: Array, warm: bool) -> Array:
        """What leaves the network."""
        if not plan.steps:
            return block[:, : plan.out.size]
        out = np.empty((len(block), plan.out.size), plan.steps[-1].dtype)
        run_steps(plan.steps, block[:warm], out[:warm], plan.out.size)
        clipped = run_steps(plan.steps, block[warm:], out[warm:], plan.out.size)
        self.record.clipped.append((plan.stage.name, clipped))
        return out

    def _list(self, name: str, signal: Signal, codes: Array, reset: Array) -> Events:
        n_frame, width = len(reset), codes.shape[1]
        place, value = event_dtypes(signal)
        slots = (self.block + 1) * (width + GROUP) + LANES
        events = Events(
            self._buffer(("start", name, 0), 1, self.block + 2, np.int64)[0, : n_frame + 1],
            self._buffer(("n_event", name, 0), 1, self.block + 1, np.int64)[0, :n_frame],
            self._buffer(("place", name, 0), 1, slots, place)[0],
            self._buffer(("value", name, 0), 1, slots, value)[0],
        )
        list_changes(codes, self._rest(name, codes), reset, *events)
        return events

    def _deliver(self, name: tuple[str, int], term: TermPlan, events: Events, reset: Array, carry: Carry) -> Array:
        """The accumulators after each frame, behind those of the frame before. (n_frame + 1, n_out_padded)"""
        key = ("total", *name)
        total = self._buffer(key, self.block + 2, term.bias.size, term.bias.dtype)[: len(reset) + 1]
        total[0] = carry.get(key, 0)
        if term.group is None:
            deliver_real(events.start, events.place, events.value, term.weight, term.bias, reset, total)
        else:
            deliver_integer(term.group, events.start, events.place, events.value, term.weight, term.bias, reset, total)
        carry[key] = total[-1].copy()
        return total

    def _tally(self, plan: StagePlan, k: int, events: Events, frames: Frames) -> None:
        """Note events and non-zero operations by group and magnitude."""
        n_nonzero, unit = plan.terms[k].n_nonzero, plan.read.format.is_real or plan.read.span == 1
        n_magnitude = 2 if unit else plan.read.span + 1
        if n_magnitude > WIDEST_HISTOGRAM:
            self._note(plan.stage.name, k, _tally_by_sorting(events, n_nonzero, frames.group), frames.begin)
            return
        n_group = len(frames.group) if self.record.per_frame else 2
        rows = self.block + 1 if self.record.per_frame else 2
        parts = self._buffer(("histogram", plan.stage.name, k), rows, n_magnitude * 8, np.int64)[:n_group]
        shaped = parts.reshape(n_group, n_magnitude, 4, 2)
        tally(events.start, events.place, events.value, n_nonzero, frames.group, unit, shaped)
        if self.record.per_frame:
            self._note(plan.stage.name, k, _columns(shaped), frames.begin)
            parts[:] = 0

    def finish(self) -> None:
        """Note what was tallied over all pieces."""
        if self.record.per_frame:
            return
        for plan in self.plans:
            for k in range(len(plan.terms)):
                parts = self._memory.get(("histogram", plan.stage.name, k))
                if parts is not None:
                    self._note(plan.stage.name, k, _columns(parts.reshape(2, -1, 4, 2)), 0)

    def _note(self, layer: str, term: int, columns: Array, begin: int) -> None:
        if self.record.per_frame:
            columns[0] += begin
        self.record.histograms.append((layer, term, columns))

    def _touch(self, plan: StagePlan, events: Events, frames: Frames) -> None:
        if plan.stage.name not in self.record.touched:
            return
        touched = self._buffer(("touched", plan.stage.name, 0), 1, self.block + 1, np.int64)[0, : len(frames.reset)]
        touch(
            events.start, events.n_event, events.place, plan.mask, np.zeros((2, plan.mask.shape[1]), np.uint64), touched
        )
        self.record.touched[plan.stage.name][frames.begin : frames.end] = touched[frames.warm :]

    def _rest(self, name: str, codes: Array) -> Array:
        """Zeros: what counts as sent at a stream's first frame."""
        rest: Array = self._buffer(("rest", name, 0), 1, codes.shape[1], codes.dtype)[0]
        return rest

    def _buffer(self, key: Key, rows: int, width: int, dtype: Any) -> Array:
        """Memory under a name: zeroed the first time, then as it was left."""
        if key not in self._memory:
            # lists of events are large, and only their beginning is ever used
            empty = key[0] in ("place", "value")
            self._memory[key] = np.empty((rows, width), dtype) if empty else np.zeros((rows, width), dtype)
        return self._memory[key]


def _columns(parts: Array) -> Array:
    """A tally's parts added up, without what is zero. (4, n): group, magnitude, events, non-zero operations"""
    histogram = parts.sum(axis=2)
    histogram[:, 0] = 0  # null events
    group, magnitude = np.nonzero(histogram[:, :, 0])
    return np.stack([group, magnitude, *histogram[group, magnitude].T])


def _tally_by_sorting(events: Events, n_nonzero: Array, group: Array) -> Array:
    """Tally for magnitudes too many to keep an array of. (4, n): group, magnitude, events, non-zero operations."""
    frame = np.repeat(np.arange(len(group)), np.diff(events.start))
    slot = np.arange(frame.size)
    counted = slot[(slot - events.start[frame] < events.n_event[frame]) & (group[frame] >= 0)]
    key = np.stack([group[frame[counted]], np.abs(events.value[counted].astype(np.int64))])
    unique, inverse, n_event = np.unique(key, axis=1, return_inverse=True, return_counts=True)
    nonzero = np.zeros(unique.shape[1], np.int64)
    np.add.at(nonzero, inverse.ravel(), n_nonzero[events.place[counted]])
    return np.vstack([unique, n_event, nonzero])
