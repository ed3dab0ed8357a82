"""Codes that only move: led elsewhere by wires, or read by element-wise layers that could not be fused into others."""

from collections.abc import Sequence

import numpy as np

from hwsim.network.layers import ElementWise, Wiring
from hwsim.network.layers.gathering import constant_codes
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Worker
from hwsim.simulation.heads.head import Head, serves
from hwsim.simulation.heads.terms import code_dtype


@serves(ElementWise)
class RelayHead(Head):
    """Codes of a signal as they are: what element-wise layers read that others read too, who are no part of this."""

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Hand the codes on."""
        (source,) = sources
        codes = source.codes[:, : self.n_neuron]
        if worker.notes.is_delta:
            self.note_changes([codes], frames, worker)
        return codes[1:]


@serves(Wiring)
class WiringHead(Head):
    """The codes of its signals, and constant ones, each where it is wanted."""

    def __init__(self, layer: Wiring, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        origins = _channels_last(layer.origins(*reads).ravel(), out)
        sizes = np.cumsum([0, *(read.size for read in reads)])
        slots = [first + read.slots for first, read in zip(sizes[:-1], reads, strict=True)]
        self.taken = np.concatenate(slots)[np.maximum(origins, 0)]
        self.is_constant = origins < 0
        constants = np.zeros(out.size, code_dtype(out))
        constants[layer.origins(*reads).ravel() < 0] = constant_codes(layer, tuple(reads), out)
        self.constants = _channels_last(constants, out)[self.is_constant]

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Take every code from where it is."""
        parts = [source.codes[:, : read.size] for read, source in zip(self.reads, sources, strict=True)]
        together = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        codes = together.take(self.taken, axis=1).astype(code_dtype(self.out), copy=False)
        codes[:, self.is_constant] = self.constants
        if worker.notes.is_delta:
            self.note_changes([codes], frames, worker)
        return codes[1:]


def _channels_last(numbers: Array, out: Signal) -> Array:
    """Numbers of a frame in C order, in the order of a row of codes. (size,)"""
    return numbers.reshape(out.shape[0], -1).T.ravel()
