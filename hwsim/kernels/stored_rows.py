"""Entries of weight rows that events deliver, were the rows stored without their zeros."""

import numpy as np

from hwsim.kernels.compile import kernel


@kernel
def add_entries(
    start: np.ndarray, n_event: np.ndarray, index: np.ndarray, n_entry: np.ndarray, total: np.ndarray
) -> None:
    """Add up what is stored of the rows that events deliver.

    Parameters
    ----------
    start, n_event, index
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    n_entry : (n_in, n_kind) int64
        Entries of each input's row, for several kinds of storage.
    total : (n_frame, n_kind) int64
        Written. [entries]
    """
    for t in range(n_event.shape[0]):
        row = total[t]
        row[:] = 0
        for e in range(start[t], start[t] + n_event[t]):
            each = n_entry[index[e]]
            for k in range(row.shape[0]):
                row[k] += each[k]
