"""Softmax at work, and its logarithm."""

import numpy as np

from hwsim.network.layers import LogSoftmax, Softmax
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for


@step_for(Softmax)
def softmax(layer: Softmax, signal: Signal) -> Step:
    """In float32, over the channels of each position."""

    def run(block: Array, out: Array) -> int:
        power = np.exp(_below_largest(block, signal))
        out[:, : signal.size] = (power / power.sum(axis=2, keepdims=True)).reshape(len(block), -1)
        return 0

    return Step(run, np.float32)


@step_for(LogSoftmax)
def log_softmax(layer: LogSoftmax, signal: Signal) -> Step:
    """In float32, over the channels of each position."""

    def run(block: Array, out: Array) -> int:
        below = _below_largest(block, signal)
        out[:, : signal.size] = (below - np.log(np.exp(below).sum(axis=2, keepdims=True))).reshape(len(block), -1)
        return 0

    return Step(run, np.float32)


def _below_largest(block: Array, signal: Signal) -> Array:
    """Values less the largest of their position, so that no power overflows. (n_frame, n_position, channels) float32"""
    step = signal.channels_last(signal.step).astype(np.float32)
    value = (block[:, : signal.size] * step).astype(np.float32).reshape(len(block), signal.n_position, -1)
    return np.asarray(value - value.max(axis=2, keepdims=True))
