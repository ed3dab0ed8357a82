"""Softmax at work."""

import numpy as np

from hwsim.network.layers import Softmax
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for


@step_for(Softmax)
def softmax(layer: Softmax, signal: Signal) -> Step:
    """In float32, over the channels of each position."""
    step = signal.channels_last(signal.step).astype(np.float32)

    def run(block: Array, out: Array) -> int:
        value = (block[:, : signal.size] * step).astype(np.float32).reshape(len(block), signal.n_position, -1)
        power = np.exp(value - value.max(axis=2, keepdims=True))
        out[:, : signal.size] = (power / power.sum(axis=2, keepdims=True)).reshape(len(block), -1)
        return 0

    return Step(run, np.float32)
