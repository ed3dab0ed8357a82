"""Which rows of weights are read, and what of them, were they stored without their zeros."""

from functools import cache

import numpy as np

from hwsim.activity import Slicing
from hwsim.activity.slices import slice_rows
from hwsim.activity.stored_rows import ConvolutionRowsRead, DenseRowsRead, RowsStored, entries_of, padding_of
from hwsim.simulation.block import Array, Emitted, Frames, Notes


class DenseRowReading:
    """Entries of one term's rows, which its layer's events deliver."""

    def __init__(self, name: str, code: Array) -> None:
        self.name, self.rows = name, code
        self.sliced = cache(self._sliced)
        self.n_entry = entries_of(code)  # (n_in, N_RUN_BITS)
        self.n_padding = padding_of(code, 1)[:, 0]  # (n_in, N_RUN_BITS)

    @property
    def stored(self) -> RowsStored:
        """All rows."""
        return RowsStored(len(self.n_entry), self.n_entry.sum(axis=0))

    def _sliced(self, slicing: Slicing) -> tuple[Array, Array]:
        """Entries of each row on each core (n_in, n_core), and padding (n_in, 1), of rows cut into slices."""
        return slice_rows(self.rows, 1, 1, slicing)

    def read(self, notes: Notes) -> DenseRowsRead:
        """Inputs with an event in each frame, and the entries of their rows."""
        if notes.execution.presents_every_input:
            every = np.packbits(np.ones(len(self.n_entry), np.bool_))
            return DenseRowsRead(np.broadcast_to(every, (notes.n_frame, every.size)), self.n_entry)
        return DenseRowsRead(notes.read(self.name, "inputs with an event"), self.n_entry)


def note_inputs(name: str, events: Emitted, frames: Frames, notes: Notes) -> None:
    """Note which inputs had an event, a bit each; under a dense execution all have."""
    if notes.execution.presents_every_input:
        return
    codes, zero = events.codes[1:], events.codes.dtype.type(0)
    has_event = codes != (events.codes[:-1] if notes.is_delta else zero)
    if notes.is_delta and frames.reset.any():
        has_event[frames.reset] = codes[frames.reset] != zero
    notes.write(name, "inputs with an event", frames, np.packbits(has_event, axis=1), np.uint8)


class ConvolutionRowReading:
    """Entries of one term's rows, and how many events of each frame meet them.

    Parameters
    ----------
    name : str
        Of the layer.
    by_group : (groups, taps x C_in / groups, C_out / groups)
        Weights; input channels of the group run faster than taps.
    is_depthwise : bool
        Whether a row runs along the kernel: all taps of the first output channel, then of the next.
    kind : (n_place,) int
        Kind of each place of the image that is read.
    taps : (n_kind, n_tap) bool
        Whether places of a kind are met with a tap.
    """

    def __init__(self, name: str, by_group: Array, is_depthwise: bool, kind: Array, taps: Array) -> None:
        self.name, self.is_depthwise, self.kind, self.taps = name, is_depthwise, kind, taps
        n_tap, (n_group, _, n_column) = taps.shape[1], by_group.shape
        by_tap = by_group.reshape(n_group, n_tap, -1, n_column)
        self.n_channel = n_group * by_tap.shape[2]
        # (groups, channels of the group, rows of the channel, columns)
        in_order = by_tap.transpose(0, 2, 3, 1) if is_depthwise else by_tap.transpose(0, 2, 1, 3)
        self.rows = rows = in_order.reshape(self.n_channel if is_depthwise else self.n_channel * n_tap, -1)
        self.n_group, self.sliced = n_group, cache(self._sliced)
        self.n_entry = entries_of(rows)  # (n_row, N_RUN_BITS)
        # of each channel and tap, however they lie in rows (C_in, n_tap, N_RUN_BITS)
        self.n_padding = padding_of(rows, n_tap if is_depthwise else 1).reshape(self.n_channel, n_tap, -1)

    @property
    def stored(self) -> RowsStored:
        """All rows."""
        return RowsStored(len(self.n_entry), self.n_entry.sum(axis=0))

    def _sliced(self, slicing: Slicing) -> tuple[Array, Array]:
        """Entries of each row on each core (n_row, n_core), and padding at each channel and tap (C_in, n_tap, 1)."""
        n_tap = self.taps.shape[1]
        n_entry, n_padding = slice_rows(self.rows, n_tap if self.is_depthwise else 1, self.n_group, slicing)
        return n_entry, n_padding.reshape(self.n_channel, n_tap, 1)

    def meetings(self, count: Array) -> tuple[Array, Array]:
        """Events that meet each row (n_frame, n_row), and any tap (n_frame,), from those of each kind of place.

        Parameters
        ----------
        count : (n_frame, n_kind, C_in)
            Events of each kind of place and channel.
        """
        # whole numbers far below 2**53, for which floating point is exact and fast
        by_tap = (self.taps.T.astype(np.float64) @ count.astype(np.float64)).transpose(0, 2, 1)
        met = by_tap.max(axis=2) if self.is_depthwise else by_tap.reshape(len(count), -1)
        return met.astype(np.min_scalar_type(self.kind.size)), by_tap.sum(axis=(1, 2)).astype(np.int64)

    def note(self, count: Array, frames: Frames, notes: Notes) -> None:
        """Note how many events meet each row, in as few bits as they need."""
        met, taps = self.meetings(count)
        notes.write(self.name, "events that meet each row", frames, met, met.dtype)
        notes.write(self.name, "events that meet a tap", frames, taps)

    def read(self, notes: Notes) -> ConvolutionRowsRead:
        """Events that meet each row in each frame, with the rows' entries; under a dense execution all inputs do."""
        if notes.execution.presents_every_input:
            places = np.bincount(self.kind, minlength=len(self.taps))
            met, taps = self.meetings(np.repeat(places[None, :, None], self.n_channel, axis=2))
            taps = np.repeat(taps, notes.n_frame)
        else:
            met, taps = (notes.read(self.name, f"events that meet {what}") for what in ("each row", "a tap"))
        return ConvolutionRowsRead(notes.n_frame, met, self.n_entry, taps)
