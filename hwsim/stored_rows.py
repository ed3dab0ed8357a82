"""Weight rows stored without their zeros: how many entries they have, and how many are read in each frame.

Each entry is a weight and the number of zeros that it skips, in so many *run bits*, counted anew in every row (as in
EIE: S. Han et al., ISCA 2016, section III-B). Zeros behind a row's last weight are not stored. A run longer than the
run bits can say is broken by padding entries, which are zeros themselves: with r run bits, each takes in 2**r zeros,
so that g zeros before a weight need floor(g / 2**r) of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

N_RUN_BITS = 8
"""Run bits from 1 up to this are kept apart."""

CHUNK = 2**20
"""Weights that are looked at in one go, to bound memory."""


@dataclass(frozen=True, eq=False)
class RowsStored:
    """All rows of a connection, stored without their zeros; column k is about k + 1 run bits."""

    n_row: int  # rows
    n_entry: IntArray  # (N_RUN_BITS,) entries of all rows, padding included


@dataclass(frozen=True, eq=False)
class DenseRowsRead:
    """Which inputs of a Dense layer had an event, and the entries of the row that each of them delivers."""

    has_event: npt.NDArray[np.uint8]  # (n_frame, >= n_in / 8) a bit for each input, the first one the highest
    n_entry: IntArray  # (n_in, N_RUN_BITS) padding included; column k is about k + 1 run bits

    def entries(self, run_bits: int, n_position: int | None) -> IntArray:
        """Entries read in each frame. (n_frame,)

        Parameters
        ----------
        run_bits : int
            Width of an entry's run of zeros. [bits]
        n_position : int or None
            Positions served by one read; an input of a Dense layer has only one.
        """
        n_entry = self.n_entry[:, run_bits - 1]
        n_at_once = max(1, CHUNK // n_entry.size)
        total = np.zeros(len(self.has_event), np.int64)
        for first in range(0, total.size, n_at_once):
            part = slice(first, first + n_at_once)
            total[part] = np.unpackbits(self.has_event[part], axis=1, count=n_entry.size) @ n_entry
        return total


@dataclass(frozen=True, eq=False)
class ConvolutionRowsRead:
    """Events by channel, and the entries of all rows (kernel taps) of each channel."""

    n_event: npt.NDArray[np.unsignedinteger]  # (n_frame, n_channel) events of each input channel
    n_entry: IntArray  # (n_channel, N_RUN_BITS) padding included; column k is about k + 1 run bits

    def entries(self, run_bits: int, n_position: int | None) -> IntArray:
        """Entries read in each frame. (n_frame,)

        Parameters
        ----------
        run_bits : int
            Width of an entry's run of zeros. [bits]
        n_position : int or None
            Positions served by one read; all of them if None.
        """
        n_event = self.n_event.astype(np.int64)
        n_read = (n_event > 0).astype(np.int64) if n_position is None else -(-n_event // n_position)
        return n_read @ self.n_entry[:, run_bits - 1]


RowsRead = DenseRowsRead | ConvolutionRowsRead


def entries_of(rows: npt.NDArray[np.generic]) -> IntArray:
    """Entries of each row for 1, 2 ... N_RUN_BITS run bits, padding included. (n_row, N_RUN_BITS)

    Parameters
    ----------
    rows : (n_row, n_column)
        Weights in the order in which they are stored.
    """
    total = np.zeros((len(rows), N_RUN_BITS), np.int64)
    n_at_once = max(1, CHUNK // rows.shape[1])
    for first in range(0, len(rows), n_at_once):
        _add_entries(rows[first : first + n_at_once], total[first : first + n_at_once])
    return total


def _add_entries(rows: npt.NDArray[np.generic], total: IntArray) -> None:
    """Write the entries of some rows. (n_row, N_RUN_BITS)"""
    row, column = np.nonzero(rows)
    if not row.size:
        return
    is_first = np.concatenate([[True], row[1:] != row[:-1]])
    before = np.where(is_first, -1, np.concatenate([[-1], column[:-1]]))
    gap = column - before - 1
    first = np.flatnonzero(is_first)
    for k in range(N_RUN_BITS):
        total[row[first], k] = np.add.reduceat(1 + (gap >> (k + 1)), first)
