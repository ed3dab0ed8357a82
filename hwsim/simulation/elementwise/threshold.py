"""What compares numbers with thresholds, at work: MultiThreshold, Sign."""

import numpy as np

from hwsim.network.layers import MultiThreshold, Sign
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for

FEW_THRESHOLDS = 16
"""Up to so many, a block is compared with each at once; beyond, each channel is looked up among its own."""


@step_for(MultiThreshold)
def multi_threshold(layer: MultiThreshold, signal: Signal) -> Step:
    """Count the thresholds that each number reaches."""
    levels = np.broadcast_to(layer.levels(signal), (signal.shape[0], layer.n_threshold))
    lowest, rise = layer.lowest, layer.rise

    def one_by_one(block: Array, out: Array) -> int:
        number, reached = block[:, : signal.size], np.full((len(block), signal.size), lowest, np.int64)
        for level in spread:
            reached += rise * (number >= level)
        out[:, : signal.size] = reached
        return 0

    def by_channel(block: Array, out: Array) -> int:
        number = block[:, : signal.size].reshape(len(block), signal.n_position, -1)
        reached = np.empty(number.shape, np.int64)
        for channel, level in enumerate(levels):
            reached[:, :, channel] = np.searchsorted(level, number[:, :, channel].astype(level.dtype), "right")
        out[:, : signal.size] = (lowest + rise * reached).reshape(len(block), -1)
        return 0

    few = layer.n_threshold <= FEW_THRESHOLDS
    spread = [signal.channels_last(level) for level in levels.T] if few else []
    return Step(one_by_one if few else by_channel, np.int64)


@step_for(Sign)
def sign(layer: Sign, signal: Signal) -> Step:
    """1 from zero up, else -1."""

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = np.where(block[:, : signal.size] >= 0, 1, -1)
        return 0

    return Step(run, np.int64)
