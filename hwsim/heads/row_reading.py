"""What is read of weight rows, were they stored without their zeros."""

import numpy as np

from hwsim.block import Array, Emitted, Frames, Notes, Worker
from hwsim.kernels.stored_rows import add_entries
from hwsim.stored_rows import ConvolutionRowsRead, DenseRowsRead, RowsStored, entries_of


class DenseRowReading:
    """Entries of one term's rows, added up over the events of each frame."""

    def __init__(self, name: str, term: int, code: Array) -> None:
        self.name, self.what = name, f"entries {term}"
        self.n_entry = entries_of(code)  # (n_in, N_RUN_BITS)
        # long runs are rare, so that most widths of a run need the same entries
        kinds, kind = np.unique(self.n_entry, axis=1, return_inverse=True)
        self.kinds, self.kind = np.ascontiguousarray(kinds), kind.ravel()

    @property
    def stored(self) -> RowsStored:
        """All rows."""
        return RowsStored(len(self.n_entry), self.n_entry.sum(axis=0))

    def run(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note the entries of a block's frames; a dense execution reads them all in every frame."""
        if worker.notes.execution.kind != "dense":
            total = np.zeros((len(frames.reset), self.kinds.shape[1]), np.int64)
            add_entries(events.start, events.n_event, events.place, self.kinds, total)
            worker.notes.write(self.name, self.what, frames, total)

    def read(self, notes: Notes) -> DenseRowsRead:
        """Entries read in each frame."""
        if notes.execution.kind == "dense":
            every = self.n_entry.sum(axis=0)
            return DenseRowsRead(np.broadcast_to(every, (notes.n_frame, every.size)))
        return DenseRowsRead(notes.read(self.name, self.what)[:, self.kind])


class ConvolutionRowReading:
    """Entries of one term's rows, by input channel, and the events of each channel and frame.

    Parameters
    ----------
    name : str
        Of the layer.
    by_group : (groups, taps x C_in / groups, C_out / groups)
        Weights; input channels of the group run faster than taps.
    taps : int
        Of the kernel.
    is_depthwise : bool
        Whether a row runs along the kernel: all taps of the first output channel, then of the next.
    n_position : int
        Of the image that is read.
    """

    def __init__(self, name: str, by_group: Array, taps: int, is_depthwise: bool, n_position: int) -> None:
        self.name, self.n_position = name, n_position
        n_group, _, n_column = by_group.shape
        by_tap = by_group.reshape(n_group, taps, -1, n_column)
        # (groups, channels of the group, rows of the channel, columns)
        rows = by_tap.transpose(0, 2, 1, 3) if not is_depthwise else by_tap.transpose(0, 2, 3, 1)
        rows = rows.reshape(n_group * by_tap.shape[2], 1 if is_depthwise else taps, -1)
        self.n_row = rows.shape[0] * rows.shape[1]
        by_row = entries_of(rows.reshape(self.n_row, -1))
        self.n_entry = by_row.reshape(rows.shape[0], rows.shape[1], -1).sum(axis=1)  # (C_in, N_RUN_BITS)

    @property
    def stored(self) -> RowsStored:
        """All rows."""
        return RowsStored(self.n_row, self.n_entry.sum(axis=0))

    def read(self, notes: Notes) -> ConvolutionRowsRead:
        """Events by channel in each frame, with the entries of the channels' rows."""
        dtype = np.min_scalar_type(self.n_position)
        if notes.execution.kind == "dense":
            all_of_them = np.asarray(self.n_position, dtype)
            return ConvolutionRowsRead(np.broadcast_to(all_of_them, (notes.n_frame, len(self.n_entry))), self.n_entry)
        return ConvolutionRowsRead(notes.read(self.name, "events by channel"), self.n_entry)


def note_channels(name: str, n_position: int, frames: Frames, notes: Notes, count: Array) -> None:
    """Note the events of each channel, in as few bits as they need. (n_frame, n_channel)"""
    notes.write(name, "events by channel", frames, count, np.min_scalar_type(n_position))
