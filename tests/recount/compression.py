"""Rows of weights without their zeros: entries of a weight and the zeros before it, padded where runs are too long."""

import numpy as np


def entries(rows, run_bits):
    """Which places of each row are entries: weights that are not zero, and padding. (rows, places) bool

    A run of 2**run_bits zeros ends in one that is stored as if it were a weight; zeros behind a row's last weight are
    not stored.
    """
    stored = rows != 0
    longest = 2**run_bits
    run = np.zeros(len(rows), np.int64)
    result = np.zeros(rows.shape, bool)
    beyond = np.cumsum(stored[:, ::-1], axis=1)[:, ::-1] > 0  # a weight is here or still to come
    for place in range(rows.shape[1]):
        run = np.where(stored[:, place], 0, run + 1)
        padding = (run == longest) & beyond[:, place]
        run[run == longest] = 0
        result[:, place] = stored[:, place] | padding
    return result
