"""Layers whose output channels lie on several cores, and what their rows without zeros are there."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.activity.stored_rows import padding_of

IntArray = npt.NDArray[np.int64]


class Cores(NamedTuple):
    """How the output channels of each layer are dealt out to cores."""

    n: int
    is_interleaved: bool  # channel j on core j mod n, instead of so many neighbours on each

    def of_channels(self, n_channel: int) -> IntArray:
        """The core of each output channel. (n_channel,)"""
        channel = np.arange(n_channel)
        return channel % self.n if self.is_interleaved else channel // -(-n_channel // self.n)

    def n_channels(self, n_channel: int) -> IntArray:
        """Output channels of each core. (n,)"""
        return np.bincount(self.of_channels(n_channel), minlength=self.n)


class Slicing(NamedTuple):
    """How rows without their zeros are cut: each core stores what is its own, with runs counted there."""

    cores: Cores
    run_bits: int  # of each entry's run of zeros [bits]


@dataclass(frozen=True, eq=False)
class SlicesStored:
    """All rows of a connection, cut into a slice for each core."""

    n_entry: IntArray  # (n_row, n_core) padding included
    n_padding: IntArray  # of each entry of the connection's histogram, operations that meet padding


def slice_rows(rows: npt.NDArray[np.generic], n_tap: int, groups: int, slicing: Slicing) -> tuple[IntArray, IntArray]:
    """Entries of each row on each core (n_row, n_core), and the padding among them at each tap (n_row, n_tap).

    Parameters
    ----------
    rows : (n_row, n_column)
        Weights in the order in which they are stored; as many rows for each group of output channels, one group after
        the other.
    n_tap : int
        Taps that take turns along a row: column c is of tap c mod n_tap.
    groups : int
        Of output channels; a row has those of one group.
    slicing : Slicing
        How they are cut.
    """
    n_column = rows.shape[1] // n_tap
    n_entry = np.zeros((len(rows), slicing.cores.n), np.int64)
    n_padding = np.zeros((len(rows), n_tap), np.int64)
    of_group = np.split(np.arange(len(rows)), groups)
    for row, of_channel in zip(of_group, slicing.cores.of_channels(groups * n_column).reshape(groups, -1), strict=True):
        of_column = np.repeat(of_channel, n_tap)
        for core in np.unique(of_channel):
            own = rows[row][:, of_column == core]
            padding = padding_of(own, n_tap)[:, :, slicing.run_bits - 1]
            n_entry[row, core] = np.count_nonzero(own, axis=1) + padding.sum(axis=1)
            n_padding[row] += padding
    return n_entry, n_padding
