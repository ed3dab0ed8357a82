"""Delivery of events to the accumulators of a fully connected layer, and what is counted there."""

from typing import Any

import numpy as np

from hwsim.kernels.compile import kernel


@kernel
def deliver_integer(
    group: Any,
    start: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    first: int,
    last: int,
    total: np.ndarray,
) -> None:
    """Add eight events at a time to a row of accumulators.

    Parameters
    ----------
    group : NumPy integer type
        Holds any sum of eight products value x weight: the narrower, the faster.
    start : (n_frame + 1,) int64
        Where each frame's events start; multiples of eight.
    index, value : (n_slot,) int
        Input and signed value of each event.
    weight : (n_in, n_out) int
        Weight codes.
    bias : (n_out,) dtype of total
        What the accumulators hold after a reset.
    reset : (n_frame,) bool
        Frames that start from the bias.
    first, last : int
        Accumulators to deliver to, so that several threads can share a frame.
    total : (n_frame + 1, n_out) int
        Row 0 holds the accumulators before the first frame; the others are written.
    """
    for t in range(reset.shape[0]):
        row = total[t + 1, first:last]
        before = bias[first:last] if reset[t] else total[t, first:last]
        for j in range(row.shape[0]):
            row[j] = before[j]
        for e in range(start[t], start[t + 1], 8):
            # in 64 bits as written, in as few as `group` has once compiled
            s0, s1, s2, s3 = (
                np.int64(value[e]), np.int64(value[e + 1]), np.int64(value[e + 2]), np.int64(value[e + 3])
            )  # fmt: skip
            s4, s5, s6, s7 = (
                np.int64(value[e + 4]), np.int64(value[e + 5]), np.int64(value[e + 6]), np.int64(value[e + 7])
            )  # fmt: skip
            w0, w1 = weight[index[e], first:last], weight[index[e + 1], first:last]
            w2, w3 = weight[index[e + 2], first:last], weight[index[e + 3], first:last]
            w4, w5 = weight[index[e + 4], first:last], weight[index[e + 5], first:last]
            w6, w7 = weight[index[e + 6], first:last], weight[index[e + 7], first:last]
            for j in range(row.shape[0]):
                row[j] += group(
                    s0 * w0[j] + s1 * w1[j] + s2 * w2[j] + s3 * w3[j]
                    + s4 * w4[j] + s5 * w5[j] + s6 * w6[j] + s7 * w7[j]
                )  # fmt: skip


@kernel
def deliver_real(
    start: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    first: int,
    last: int,
    total: np.ndarray,
) -> None:
    """Add events in ascending order of inputs, each product rounded before it is added.

    Parameters are those of `deliver_integer`, with weight, bias and total float32.
    """
    for t in range(reset.shape[0]):
        row = total[t + 1, first:last]
        before = bias[first:last] if reset[t] else total[t, first:last]
        for j in range(row.shape[0]):
            row[j] = before[j]
        for e in range(start[t], start[t + 1], 8):
            s0, s1, s2, s3 = (
                np.float32(value[e]), np.float32(value[e + 1]), np.float32(value[e + 2]), np.float32(value[e + 3])
            )  # fmt: skip
            s4, s5, s6, s7 = (
                np.float32(value[e + 4]), np.float32(value[e + 5]), np.float32(value[e + 6]), np.float32(value[e + 7])
            )  # fmt: skip
            w0, w1 = weight[index[e], first:last], weight[index[e + 1], first:last]
            w2, w3 = weight[index[e + 2], first:last], weight[index[e + 3], first:last]
            w4, w5 = weight[index[e + 4], first:last], weight[index[e + 5], first:last]
            w6, w7 = weight[index[e + 6], first:last], weight[index[e + 7], first:last]
            for j in range(row.shape[0]):
                row[j] = (
                    row[j] + s0 * w0[j] + s1 * w1[j] + s2 * w2[j] + s3 * w3[j]
                    + s4 * w4[j] + s5 * w5[j] + s6 * w6[j] + s7 * w7[j]
                )  # fmt: skip


@kernel
def tally(
    start: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    n_nonzero: np.ndarray,
    group: np.ndarray,
    unit: bool,
    histogram: np.ndarray,
) -> None:
    """Count events, and their synaptic operations on non-zero weights, by magnitude.

    Parameters
    ----------
    start, index, value
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    n_nonzero : (n_in,) int64
        Non-zero weights of each input.
    group : (n_frame,) int64
        Group of each frame; frames of a negative group are not counted.
    unit : bool
        Whether every event counts as of magnitude one: real events, and those of binary codes.
    histogram : (n_group, n_magnitude, 4, 2) int64
        Incremented: events, and synaptic operations on non-zero weights, in four parts to be added up. Null events
        count as of magnitude zero. Larger magnitudes than it holds are the caller's mistake.
    """
    for t in range(group.shape[0]):
        if group[t] < 0:
            continue
        counts = histogram[group[t]]
        if unit:
            n, n_on_nonzero = 0, 0
            for e in range(start[t], start[t + 1]):
                n += value[e] != 0
                n_on_nonzero += (value[e] != 0) * n_nonzero[index[e]]
            counts[1, 0, 0] += n
            counts[1, 0, 1] += n_on_nonzero
        else:
            for e in range(start[t], start[t + 1], 4):
                # many events are of one magnitude: four parts, so that no increment waits for the one before
                for part in range(4):
                    magnitude = abs(np.int64(value[e + part]))
                    counts[magnitude, part, 0] += 1
                    counts[magnitude, part, 1] += n_nonzero[index[e + part]]


@kernel
def touch(
    start: np.ndarray,
    n_event: np.ndarray,
    index: np.ndarray,
    mask: np.ndarray,
    reached: np.ndarray,
    touched: np.ndarray,
) -> None:
    """Count the neurons that received an event over a non-zero weight.

    Parameters
    ----------
    start, n_event, index
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    mask : (n_in, n_word) uint64
        One bit per neuron: whether its weight from that input is non-zero.
    reached : (2, n_word) uint64
        Scratch.
    touched : (n_frame,) int64
        Written.
    """
    now, most = reached
    most[:] = 0
    for i in range(mask.shape[0]):
        for word in range(mask.shape[1]):
            most[word] |= mask[i, word]
    for t in range(n_event.shape[0]):
        now[:] = 0
        for e in range(start[t], start[t] + n_event[t]):
            row = mask[index[e]]
            missing = np.uint64(0)
            for word in range(mask.shape[1]):
                now[word] |= row[word]
                missing |= now[word] ^ most[word]
            # nearly every layer is touched whole by its first few events
            if missing == 0:
                break
        touched[t] = 0
        for word in range(mask.shape[1]):
            touched[t] += _ones(now[word])


@kernel
def _ones(word: Any) -> Any:
    """Bits that are set."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    word += word >> np.uint64(32)
    return np.int64(word & np.uint64(0x7F))
