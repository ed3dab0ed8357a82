"""Rows of weights: how often they are delivered in each frame, and how many entries they have without their zeros.

Each entry is a weight and the number of zeros that it skips, in so many *run bits*, counted anew in every row (as in
EIE: S. Han et al., ISCA 2016, section III-B). Zeros behind a row's last weight are not stored. A run longer than the
run bits can say is broken by padding entries, which are zeros themselves: with r run bits, each takes in 2**r zeros,
so that g zeros before a weight need floor(g / 2**r) of them. The hardware cannot tell a padding entry from a weight:
it is read and executed like one.
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

    has_event: npt.NDArray[np.uint8]  # (n_frame, >= n_in / 8) a bit for each input, the first one the highest; rest 0
    n_entry: IntArray  # (n_in, N_RUN_BITS) padding included; column k is about k + 1 run bits

    @property
    def meetings(self) -> IntArray:
        """Events that meet their row in each frame. (n_frame,)"""
        return self.delivered(None)

    def delivered(self, n_position: int | None) -> IntArray:
        """Rows delivered in each frame, one per event; the positions that share a row are one here. (n_frame,)"""
        return np.asarray(np.bitwise_count(self.has_event).sum(axis=1, dtype=np.int64))

    def entries(self, run_bits: int, n_position: int | None) -> IntArray:
        """Entries read in each frame. (n_frame,)

        Parameters
        ----------
        run_bits : int
            Width of an entry's run of zeros. [bits]
        n_position : int or None
            Positions served by one read; an input of a Dense layer has only one.
        """
        return self.summed(self.n_entry[:, run_bits - 1 : run_bits], n_position)[:, 0]

    def summed(self, of_row: IntArray, n_position: int | None) -> IntArray:
        """Numbers of each row (n_in, n), as often as the row is delivered, added up in each frame. (n_frame, n)"""
        n_at_once = max(1, CHUNK // len(of_row))
        total = np.zeros((len(self.has_event), of_row.shape[1]), np.int64)
        for first in range(0, len(total), n_at_once):
            part = slice(first, first + n_at_once)
            # whole numbers far below 2**53, for which floating point is exact and fast
            has_event = np.unpackbits(self.has_event[part], axis=1, count=len(of_row)).astype(np.float64)
            total[part] = has_event @ of_row.astype(np.float64)
        return total


@dataclass(frozen=True, eq=False)
class ConvolutionRowsRead:
    """How many events of a frame meet each row: a kernel tap of an input channel, or all taps of a depthwise one.

    An event meets a tap at one output position, or at none: what a stride skips or falls on padding delivers nothing.
    The positions of a row lie in different places, so that those which meet it share its reads; a depthwise row is
    needed as often as its busiest tap is.
    """

    n_frame: int
    n_meeting: npt.NDArray[np.unsignedinteger]  # (n_frame, n_row), or (1, n_row) if all frames are alike
    n_entry: IntArray  # (n_row, N_RUN_BITS) padding included; column k is about k + 1 run bits
    n_tap_met: IntArray  # (n_frame,) events that meet a tap, added up over all taps of all input channels

    @property
    def meetings(self) -> IntArray:
        """Events that meet a tap in each frame. (n_frame,)"""
        return self.n_tap_met

    def delivered(self, n_position: int | None) -> IntArray:
        """Rows delivered in each frame. (n_frame,)

        Parameters
        ----------
        n_position : int or None
            Positions served by one read; all of them if None.
        """
        return self.summed(np.ones((len(self.n_entry), 1), np.int64), n_position)[:, 0]

    def entries(self, run_bits: int, n_position: int | None) -> IntArray:
        """Entries read in each frame. (n_frame,)

        Parameters
        ----------
        run_bits : int
            Width of an entry's run of zeros. [bits]
        n_position : int or None
            Positions served by one read; all of them if None.
        """
        return self.summed(self.n_entry[:, run_bits - 1 : run_bits], n_position)[:, 0]

    def summed(self, of_row: IntArray, n_position: int | None) -> IntArray:
        """Numbers of each row (n_row, n), as often as the row is delivered, added up in each frame. (n_frame, n)"""
        n_at_once = max(1, CHUNK // len(of_row))
        total = np.zeros((len(self.n_meeting), of_row.shape[1]), np.int64)
        for first in range(0, len(total), n_at_once):
            met = self.n_meeting[first : first + n_at_once].astype(np.int64)
            n_read = np.minimum(met, 1) if n_position is None else -(-met // n_position)
            # whole numbers far below 2**53, for which floating point is exact and fast
            total[first : first + n_at_once] = n_read.astype(np.float64) @ of_row.astype(np.float64)
        return np.array(np.broadcast_to(total, (self.n_frame, of_row.shape[1])))


RowsRead = DenseRowsRead | ConvolutionRowsRead


def entries_of(rows: npt.NDArray[np.generic]) -> IntArray:
    """Entries of each row for 1, 2 ... N_RUN_BITS run bits, padding included. (n_row, N_RUN_BITS)

    Parameters
    ----------
    rows : (n_row, n_column)
        Weights in the order in which they are stored.
    """
    n_weight = np.count_nonzero(rows, axis=1).astype(np.int64)
    return np.asarray(n_weight[:, None] + padding_of(rows, 1)[:, 0])


def padding_of(rows: npt.NDArray[np.generic], n_tap: int) -> IntArray:
    """Padding entries of each row at each of its taps for 1, 2 ... N_RUN_BITS run bits. (n_row, n_tap, N_RUN_BITS)

    Parameters
    ----------
    rows : (n_row, n_column)
        Weights in the order in which they are stored.
    n_tap : int
        Taps that take turns along a row: column c is of tap c mod n_tap.
    """
    total = np.zeros((len(rows), n_tap, N_RUN_BITS), np.int64)
    n_at_once = max(1, CHUNK // rows.shape[1])
    for first in range(0, len(rows), n_at_once):
        _add_padding(rows[first : first + n_at_once], total[first : first + n_at_once])
    return total


def _add_padding(rows: npt.NDArray[np.generic], total: IntArray) -> None:
    """Count the padding entries of some rows. (n_row, n_tap, N_RUN_BITS)"""
    row, column = np.nonzero(rows)
    is_first = np.concatenate([[True], row[1:] != row[:-1]])[: row.size]
    before = np.where(is_first, -1, np.concatenate([[-1], column[:-1]])[: row.size])
    gap = column - before - 1
    for k in range(N_RUN_BITS):
        n_padding = gap >> (k + 1)
        weight = np.repeat(np.arange(row.size), n_padding)  # that each padding entry stands before
        nth = np.arange(weight.size) - (np.cumsum(n_padding) - n_padding)[weight] + 1
        place = before[weight] + (nth << (k + 1))
        np.add.at(total[:, :, k], (row[weight], place % total.shape[1]), 1)
