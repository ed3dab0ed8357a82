"""What moves numbers about, at work: Flatten, Rearrange."""

import numpy as np

from hwsim.network.layers import Flatten, Rearrange
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for


@step_for(Flatten)
def flatten(layer: Flatten, signal: Signal) -> Step | None:
    """From channels last to C order, where that is not the same."""
    n_channel, n_position = signal.shape[0], signal.n_position
    if n_channel == 1 or n_position == 1:
        return None

    def run(block: Array, out: Array) -> int:
        by_place = block[:, : signal.size].reshape(len(block), n_position, n_channel)
        out[:, : signal.size].reshape(len(block), n_channel, n_position)[:] = by_place.transpose(0, 2, 1)
        return 0

    return Step(run, np.float32 if signal.format.is_real else np.int64)


@step_for(Rearrange)
def rearrange(layer: Rearrange, signal: Signal) -> Step | None:
    """From the one order to the other, channels last before and after, where they differ."""
    source = signal.slots[layer.places(signal)].reshape(layer.signal(signal).shape[0], -1).T.ravel()
    if np.all(source[1:] > source[:-1]):
        return None

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = block[:, source]
        return 0

    return Step(run, np.float32 if signal.format.is_real else np.int64)
