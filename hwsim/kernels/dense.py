"""Delivery of events to the accumulators of a fully connected layer, and what is counted there.

The inner loop is that of convolutions, which meets one list of events per output position; here a frame is one.
"""

from typing import Any

import numpy as np

from hwsim.kernels.accumulate import add_events
from hwsim.kernels.compile import kernel


@kernel
def deliver(
    start: np.ndarray,
    n_event: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    reset: np.ndarray,
    first: int,
    last: int,
    total: np.ndarray,
) -> None:
    """Add events to rows of accumulators, tile by tile of neurons, so that a tile's weights stay in the cache.

    Integers are exact. Real products are rounded and then added, in ascending order of the inputs.

    Parameters
    ----------
    start, n_event, index, value
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    weight : (n_tile, n_in, width) int or float32
        By `hwsim.kernels.tiles.tile_weight`; a third faster where rows begin with a line of the cache.
    bias : (n_tile * width,) dtype of total
        What the accumulators hold after a reset.
    reset : (n_frame,) bool
        Frames that start from the bias.
    first, last : int
        Tiles to deliver to, so that several threads can share a frame.
    total : (n_frame + 1, n_tile * width) int or float32
        Row 0 holds the accumulators before the first frame; of the others the tiles are written.
    """
    for tile in range(first, last):
        weights, column = weight[tile], tile * weight.shape[2]
        for t in range(reset.shape[0]):
            before = bias if reset[t] else total[t]
            add_events(index, value, start[t], start[t] + n_event[t], weights, before, column, total[t + 1], column)


@kernel
def tally(
    start: np.ndarray,
    index: np.ndarray,
    value: np.ndarray,
    met: np.ndarray,
    group: np.ndarray,
    unit: bool,
    histogram: np.ndarray,
) -> None:
    """Count events, and their synaptic operations on several kinds of weights, by magnitude.

    Parameters
    ----------
    start, index, value
        Events, as `hwsim.kernels.events.list_changes` leaves them.
    met : (n_in, n_column) int64
        Weights of each kind (non-zero ones, say) that each input has.
    group : (n_frame,) int64
        Group of each frame; frames of a negative group are not counted.
    unit : bool
        Whether every event counts as of magnitude one: real events, and those of binary codes.
    histogram : (n_group, n_magnitude, 4, 1 + n_column) int64
        Incremented: events, and synaptic operations on each kind of weights, in four parts to be added up. Null
        events count as of magnitude zero. Larger magnitudes than it holds are the caller's mistake.
    """
    n_column = met.shape[1]
    for t in range(group.shape[0]):
        if group[t] < 0:
            continue
        counts = histogram[group[t]]
        if unit:
            n = 0
            for e in range(start[t], start[t + 1]):
                n += value[e] != 0
            counts[1, 0, 0] += n
            for column in range(n_column):
                on_weights = 0
                for e in range(start[t], start[t + 1]):
                    on_weights += (value[e] != 0) * met[index[e], column]
                counts[1, 0, 1 + column] += on_weights
        else:
            for e in range(start[t], start[t + 1], 4):
                # many events are of one magnitude: four parts, so that no increment waits for the one before
                for part in range(4):
                    magnitude = abs(np.int64(value[e + part]))
                    counts[magnitude, part, 0] += 1
                    for column in range(n_column):
                        counts[magnitude, part, 1 + column] += met[index[e + part], column]


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
    # also in `hwsim.kernels.touch`, because helpers stay in the file of their kernel
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word += word >> np.uint64(8)
    word += word >> np.uint64(16)
    word += word >> np.uint64(32)
    return np.int64(word & np.uint64(0x7F))
