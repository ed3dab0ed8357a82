"""What keeps numbers within limits, at work: ReLU, HardTanh, Wrap."""

import numpy as np

from hwsim.network.layers import HardTanh, ReLU, Wrap
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for


@step_for(ReLU)
def relu(layer: ReLU, signal: Signal) -> Step:
    """Of numbers and codes alike."""

    def run(block: Array, out: Array) -> int:
        np.maximum(block[:, : signal.size], 0, out=out[:, : signal.size], casting="same_kind")
        return 0

    return Step(run, np.float32 if signal.format.is_real else np.int64)


@step_for(HardTanh)
def hard_tanh(layer: HardTanh, signal: Signal) -> Step:
    """Of codes by the outermost ones within the limits."""
    if signal.format.is_real:
        lowest: Array = np.asarray(layer.lowest, np.float32)
        highest: Array = np.asarray(layer.highest, np.float32)
    else:
        lowest, highest = (signal.channels_last(limit) for limit in layer.limits(signal))

    def run(block: Array, out: Array) -> int:
        np.clip(block[:, : signal.size], lowest, highest, out=out[:, : signal.size], casting="same_kind")
        return 0

    return Step(run, np.float32 if signal.format.is_real else np.int64)


@step_for(Wrap)
def wrap(layer: Wrap, signal: Signal) -> Step:
    """The lowest bits of codes."""
    format = layer.signal(signal).format

    def run(block: Array, out: Array) -> int:
        number = block[:, : signal.size].astype(np.int64)  # frames as they arrive are as narrow as their dtype
        out[:, : signal.size] = (number - format.lowest) % 2**format.bit_width + format.lowest
        return 0

    return Step(run, np.int64)
