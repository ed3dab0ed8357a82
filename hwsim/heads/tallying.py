"""Counting synaptic operations by the magnitude of their event."""

from collections.abc import Callable

import numpy as np

from hwsim.activity import Histogram
from hwsim.block import Array, Emitted, Frames, Notes, Worker
from hwsim.signals import Signal

WIDEST_HISTOGRAM = 2**17
"""Magnitudes up to this are counted in an array; beyond, by sorting."""


class Tallying:
    """The histogram of one connection, gathered block by block.

    Parameters
    ----------
    layer, term
        Whose connection.
    read : Signal
        What the layer reads.
    count : function (events, group, unit, histogram)
        Adds a block's events to a histogram (n_group, n_magnitude, 4, 2).
    measure : function (events, slots) -> (operations, on_nonzero)
        Of single events, for magnitudes too many to keep an array of.
    """

    def __init__(
        self,
        layer: str,
        term: int,
        read: Signal,
        count: Callable[[Emitted, Array, bool, Array], None],
        measure: Callable[[Emitted, Array], tuple[Array, Array]],
    ) -> None:
        self.layer, self.term = layer, term
        self.count, self.measure = count, measure
        self.unit = read.format.is_real or read.span == 1
        self.n_magnitude = 2 if self.unit else read.span + 1

    def tally(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Count a block's synaptic operations."""
        notes = worker.notes
        if self.n_magnitude > WIDEST_HISTOGRAM:
            self._note(notes, self._by_sorting(events, frames.group), frames.begin)
            return
        rows = worker.block + 1 if notes.per_frame else 2
        parts = worker.zeros(self._key, rows, self.n_magnitude * 8, np.int64)
        n_group = len(frames.group) if notes.per_frame else 2
        shaped = parts[:n_group].reshape(n_group, self.n_magnitude, 4, 2)
        self.count(events, frames.group, self.unit, shaped)
        if notes.per_frame:
            self._note(notes, _columns(shaped), frames.begin)
            parts[:] = 0

    def finish(self, worker: Worker) -> None:
        """Note what was gathered over all blocks."""
        parts = worker.known(self._key)
        if parts is not None and not worker.notes.per_frame:
            self._note(worker.notes, _columns(parts.reshape(2, -1, 4, 2)), 0)

    @property
    def _key(self) -> tuple[str, str, int]:
        return "histogram", self.layer, self.term

    def _note(self, notes: Notes, columns: Array, begin: int) -> None:
        if notes.per_frame:
            columns[0] += begin
        notes.histograms.append((self.layer, self.term, columns))

    def _by_sorting(self, events: Emitted, group: Array) -> Array:
        """Columns group, magnitude, operations, operations on non-zero weights. (4, n)"""
        frame = np.repeat(np.arange(len(group)), np.diff(events.start))
        slot = np.arange(frame.size)
        counted = slot[(slot - events.start[frame] < events.n_event[frame]) & (group[frame] >= 0)]
        key = np.stack([group[frame[counted]], np.abs(events.value[counted].astype(np.int64))])
        unique, inverse = np.unique(key, axis=1, return_inverse=True)
        totals = np.zeros((2, unique.shape[1]), np.int64)
        for total, each in zip(totals, self.measure(events, counted), strict=True):
            np.add.at(total, inverse.ravel(), each)
        return np.vstack([unique, totals])

    def histogram(self, notes: Notes, scale: int, n_synapse: int, n_nonzero: int) -> Histogram:
        """All blocks' columns added up; a dense execution also performs the operations of zero codes.

        Parameters
        ----------
        notes : Notes
            Of the run.
        scale : int
            Synaptic operations for each one counted.
        n_synapse, n_nonzero : int
            Synapses, and those with a non-zero weight.
        """
        noted = [columns for layer, term, columns in notes.histograms if (layer, term) == (self.layer, self.term)]
        group, magnitude, counted, on_nonzero = np.concatenate(noted, axis=1)
        # magnitudes by number, because group x magnitude could overflow
        magnitudes, which = np.unique(magnitude, return_inverse=True)
        key, inverse = np.unique(group * max(len(magnitudes), 1) + which, return_inverse=True)
        group, which = np.divmod(key, max(len(magnitudes), 1))
        magnitude = magnitudes[which]
        n_operation, n_on_nonzero = np.zeros(group.size, np.int64), np.zeros(group.size, np.int64)
        np.add.at(n_operation, inverse, counted * scale)
        np.add.at(n_on_nonzero, inverse, on_nonzero)
        if notes.execution.kind == "dense":
            frames = np.bincount(notes.group, minlength=1)
            idle, idle_nonzero = frames * n_synapse, frames * n_nonzero
            np.subtract.at(idle, group, n_operation)
            np.subtract.at(idle_nonzero, group, n_on_nonzero)
            group = np.concatenate([np.arange(frames.size), group])
            magnitude = np.concatenate([np.zeros(frames.size, np.int64), magnitude])
            n_operation = np.concatenate([idle, n_operation])
            n_on_nonzero = np.concatenate([idle_nonzero, n_on_nonzero])
        return Histogram(group, magnitude, n_operation, n_on_nonzero)


def _columns(parts: Array) -> Array:
    """A tally's parts added up, without what is zero. (4, n): group, magnitude, operations, on non-zero weights"""
    histogram = parts.sum(axis=2)
    histogram[:, 0] = 0  # null events
    group, magnitude = np.nonzero(histogram[:, :, 0])
    return np.stack([group, magnitude, *histogram[group, magnitude].T])
