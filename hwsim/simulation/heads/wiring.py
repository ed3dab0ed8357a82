"""Codes that only move: signals side by side, borders, and element-wise layers that could not be fused into others."""

from collections.abc import Sequence

import numpy as np

from hwsim.network.layers import Concat, ElementWise, Pad2d
from hwsim.network.layers.window import padding_pairs
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Worker
from hwsim.simulation.heads.head import Head, serves
from hwsim.simulation.heads.terms import code_dtype


@serves(Concat, ElementWise)
class RelayHead(Head):
    """Codes of one signal, or of several one after the other along the channels, as they are.

    The one is what element-wise layers read that others read too: they are no part of this.
    """

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Lay the codes side by side."""
        dtype = np.result_type(*(source.codes.dtype for source in sources))
        codes = worker.zeros(("codes side by side", self.name, 0), worker.block + 2, self.n_neuron, dtype)
        codes = codes[: len(frames.reset) + 1]
        by_place = codes.reshape(len(codes), self.out.n_position, -1)
        first = 0
        for read, source in zip(self.reads, sources, strict=True):
            last = first + read.shape[0]
            by_place[:, :, first:last] = source.codes[:, : read.size].reshape(len(codes), read.n_position, -1)
            first = last
        if worker.notes.is_delta:
            self.note_changes([codes], frames, worker)
        return codes[1:]

    def lay(self, parts: Sequence[Array]) -> Array:
        """One after the other along the channels."""
        return np.concatenate(parts)


@serves(Pad2d)
class PadHead(Head):
    """The codes of a signal, in the middle of constant ones."""

    def __init__(self, layer: Pad2d, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.read = read = reads[0]
        self.border: Array = np.asarray(layer.value, np.float32) if read.format.is_real else layer.border(read)
        (top, _), (left, _) = padding_pairs(layer.padding)
        self.middle = np.s_[:, top : top + read.shape[1], left : left + read.shape[2]]

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Lay the codes into the border."""
        (source,) = sources
        codes = np.empty((len(frames.reset) + 1, self.n_neuron), code_dtype(self.out))
        image = codes.reshape(len(codes), *self.out.shape[1:], self.out.shape[0])
        image[:] = self.border
        image[self.middle] = source.codes[:, : self.read.size].reshape(len(codes), *self.read.shape[1:], -1)
        if worker.notes.is_delta:
            self.note_changes([codes], frames, worker)
        return codes[1:]

    def lay(self, parts: Sequence[Array]) -> Array:
        """In the middle of constants."""
        marks = np.full(self.out.shape, -1, np.int8)
        marks[self.middle] = parts[0]
        return marks
