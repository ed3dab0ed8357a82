"""Affine at work."""

import numpy as np

from hwsim.network.layers import Affine
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise.step import Array, Step, step_for


@step_for(Affine)
def affine(layer: Affine, signal: Signal) -> Step:
    """In float32, or with fixed-point numbers on codes."""
    if signal.format.is_real:
        factor: Array = signal.channels_last(np.asarray(layer.scale, np.float32))
        offset: Array = signal.channels_last(np.asarray(layer.offset, np.float32))
    else:
        fixed = layer.fixed(signal)
        factor, offset = signal.channels_last(fixed.multiplier), signal.channels_last(fixed.offset)

    def run(block: Array, out: Array) -> int:
        out[:, : signal.size] = block[:, : signal.size] * factor + offset
        return 0

    return Step(run, factor.dtype)
