"""What is read of weight rows, were they stored without their zeros."""

import numpy as np

from hwsim.block import Array, Emitted, Frames, Notes
from hwsim.stored_rows import ConvolutionRowsRead, DenseRowsRead, RowsStored, entries_of


class DenseRowReading:
    """Entries of one term's rows, which its layer's events deliver."""

    def __init__(self, name: str, code: Array) -> None:
        self.name = name
        self.n_entry = entries_of(code)  # (n_in, N_RUN_BITS)

    @property
    def stored(self) -> RowsStored:
        """All rows."""
        return RowsStored(len(self.n_entry), self.n_entry.sum(axis=0))

    def read(self, notes: Notes) -> DenseRowsRead:
        """Inputs with an event in each frame, and the entries of their rows."""
        if notes.execution.kind == "dense":
            every = np.full(-(-len(self.n_entry) // 8), 255, np.uint8)
            return DenseRowsRead(np.broadcast_to(every, (notes.n_frame, every.size)), self.n_entry)
        return DenseRowsRead(notes.read(self.name, "inputs with an event"), self.n_entry)


def note_inputs(name: str, events: Emitted, frames: Frames, notes: Notes) -> None:
    """Note which inputs had an event, a bit each; under a dense execution all have."""
    if notes.execution.kind == "dense":
        return
    codes, zero = events.codes[1:], events.codes.dtype.type(0)
    has_event = codes != (events.codes[:-1] if notes.is_delta else zero)
    if notes.is_delta and frames.reset.any():
        has_event[frames.reset] = codes[frames.reset] != zero
    notes.write(name, "inputs with an event", frames, np.packbits(has_event, axis=1), np.uint8)


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
        in_order = by_tap.transpose(0, 2, 3, 1) if is_depthwise else by_tap.transpose(0, 2, 1, 3)
        n_channel, n_row = n_group * by_tap.shape[2], 1 if is_depthwise else taps  # rows of a channel
        self.n_row = n_channel * n_row
        by_row = entries_of(in_order.reshape(self.n_row, -1))
        self.n_entry = by_row.reshape(n_channel, n_row, -1).sum(axis=1)  # (C_in, N_RUN_BITS)

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
