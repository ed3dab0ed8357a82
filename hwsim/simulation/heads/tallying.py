"""Counting synaptic operations by the magnitude of their event."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hwsim.activity import Histogram, Slicing
from hwsim.activity.stored_rows import N_RUN_BITS
from hwsim.network.signals import IntArray, Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker

WIDEST_HISTOGRAM = 2**17
"""Magnitudes up to this are counted in an array; beyond, by sorting."""


class Met(NamedTuple):
    """How many weights of each kind an event meets."""

    weights: Array  # (..., 1 + n) non-zero ones, then what would be padding with each of the runs
    runs: IntArray  # (n,) widths of runs, less one, that ask for padding anywhere


def with_padding(n_nonzero: Array, n_padding: Array) -> Met:
    """Put together what an event meets.

    Parameters
    ----------
    n_nonzero : (...,) int64
        Non-zero weights.
    n_padding : (..., n) int64
        Padding entries, with each of the runs that machines may have.
    """
    runs = np.flatnonzero(n_padding.reshape(-1, n_padding.shape[-1]).any(axis=0))
    return Met(np.concatenate([n_nonzero[..., None], n_padding[..., runs]], axis=-1), runs)


class Tallying:
    """The histogram of one connection, gathered block by block.

    Parameters
    ----------
    layer, term
        Whose connection.
    slicing : Slicing or None
        How rows are cut whose padding is counted; then it has one width of runs alone.
    read : Signal
        What the layer reads.
    runs : (n,) int
        For which widths of runs, less one, zeros would be stored as padding; few are, so others are not looked at.
    count : function (events, group, unit, histogram)
        Adds a block's events to a histogram (n_group, n_magnitude, 4, 2 + n): taps met, synaptic operations on
        non-zero weights and on padding.
    measure : function (events, slots) -> (taps, on_weights)
        The same of single events, (n_slot,) and (n_slot, 1 + n), for magnitudes too many to keep an array of.
    """

    def __init__(
        self,
        layer: str,
        term: int,
        slicing: Slicing | None,
        read: Signal,
        runs: IntArray,
        count: Callable[[Emitted, Array, bool, Array], None],
        measure: Callable[[Emitted, Array], tuple[Array, Array]],
    ) -> None:
        self.layer, self.term, self.slicing, self.runs = layer, term, slicing, runs
        self.n_number = 2 + len(runs)  # that a histogram has of each magnitude
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
        parts = worker.zeros(self._key, rows, self.n_magnitude * 4 * self.n_number, np.int64)
        n_group = len(frames.group) if notes.per_frame else 2
        shaped = parts[:n_group].reshape(n_group, self.n_magnitude, 4, self.n_number)
        self.count(events, frames.group, self.unit, shaped)
        if notes.per_frame:
            self._note(notes, _columns(shaped), frames.begin)
            parts[:] = 0

    def finish(self, worker: Worker) -> None:
        """Note what was gathered over all blocks."""
        parts = worker.known(self._key)
        if parts is not None and not worker.notes.per_frame:
            self._note(worker.notes, _columns(parts.reshape(2, -1, 4, self.n_number)), 0)

    @property
    def _key(self) -> tuple[str, str, int]:
        return f"histogram {self.slicing}", self.layer, self.term

    def _note(self, notes: Notes, columns: Array, begin: int) -> None:
        if notes.per_frame:
            columns[0] += begin
        notes.histograms.append(((self.layer, self.term, self.slicing), columns))

    def _by_sorting(self, events: Emitted, group: Array) -> Array:
        """Columns group, magnitude, taps met, operations on non-zero weights, on padding. (2 + n_number, n)"""
        frame = np.repeat(np.arange(len(group)), np.diff(events.start))
        slot = np.arange(frame.size)
        counted = slot[(slot - events.start[frame] < events.n_event[frame]) & (group[frame] >= 0)]
        key = np.stack([group[frame[counted]], np.abs(events.value[counted].astype(np.int64))])
        unique, inverse = np.unique(key, axis=1, return_inverse=True)
        totals = np.zeros((self.n_number, unique.shape[1]), np.int64)
        taps, on_weights = self.measure(events, counted)
        for total, each in zip(totals, (taps, *on_weights.T), strict=True):
            np.add.at(total, inverse.ravel(), each)
        return np.vstack([unique, totals])

    def histogram(self, notes: Notes, scale: int, n_synapse: int, n_met: IntArray) -> Histogram:
        """All blocks' columns added up; a dense execution also performs the operations of zero codes.

        Parameters
        ----------
        notes : Notes
            Of the run.
        scale : int
            Synaptic operations for each tap met.
        n_synapse : int
            Synapses.
        n_met : (1 + n,) int
            Those with a non-zero weight, and those that would be padding.
        """
        noted = [columns for whose, columns in notes.histograms if whose == (self.layer, self.term, self.slicing)]
        none = np.zeros((2 + self.n_number, 0), np.int64)
        group, magnitude, *numbers = np.concatenate([none, *noted], axis=1)
        numbers[0] = numbers[0] * scale
        # magnitudes by number, because group x magnitude could overflow
        magnitudes, which = np.unique(magnitude, return_inverse=True)
        key, inverse = np.unique(group * max(len(magnitudes), 1) + which, return_inverse=True)
        group, which = np.divmod(key, max(len(magnitudes), 1))
        magnitude = magnitudes[which]
        totals = np.zeros((self.n_number, group.size), np.int64)
        for total, each in zip(totals, numbers, strict=True):
            np.add.at(total, inverse, each)
        if notes.execution.presents_every_input:
            frames = np.bincount(notes.group, minlength=1)
            idle = np.multiply.outer(np.array([n_synapse, *n_met]), frames)
            for rest, total in zip(idle, totals, strict=True):
                np.subtract.at(rest, group, total)
            group = np.concatenate([np.arange(frames.size), group])
            magnitude = np.concatenate([np.zeros(frames.size, np.int64), magnitude])
            totals = np.concatenate([idle, totals], axis=1)
        n_padding = np.zeros((group.size, N_RUN_BITS), np.int64)
        n_padding[:, self.runs] = totals[2:].T
        return Histogram(group, magnitude, totals[0], totals[1], n_padding)


def _columns(parts: Array) -> Array:
    """A tally's parts added up, without what is zero. (2 + n_number, n): group, magnitude, numbers"""
    histogram = parts.sum(axis=2)
    histogram[:, 0] = 0  # null events
    group, magnitude = np.nonzero(histogram[:, :, 0])
    return np.stack([group, magnitude, *histogram[group, magnitude].T])
