"""Layers that read several signals at work, and element-wise layers that could not be fused into another one."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import JoinActivity
from hwsim.block import Array, Emitted, Frames, Notes, Worker
from hwsim.fixed_point import Rescale
from hwsim.heads.head import Head
from hwsim.layers import Add
from hwsim.signals import Signal


class AddHead(Head):
    """Sum of signals; a delta machine adds the changes to its sums."""

    def __init__(self, layer: Add, reads: Sequence[Signal], out: Signal, sources: Sequence[str]) -> None:
        super().__init__(layer.name, out.size)
        self.reads, self.out, self.sources = reads, out, sources
        self.is_real = out.format.is_real
        one = Rescale(np.asarray(1), np.asarray(0), "none")
        self.rescales = [one for _ in reads] if self.is_real else layer.factors(*reads)
        self.factors = [out.channels_last(each.multiplier) for each in self.rescales]

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Add the codes up, or their changes."""
        codes = [source.codes[:, : self.n_neuron] for source in sources]
        if worker.notes.is_delta:
            _note_changes(self.name, codes, frames, worker)
        if self.is_real:
            return self._add_real(codes, frames.reset, worker)
        total = np.zeros((len(frames.reset), self.n_neuron), np.int64)
        for each, factor in zip(codes, self.factors, strict=True):
            total += each[1:] * factor
        return total

    def _add_real(self, codes: Sequence[Array], reset: Array, worker: Worker) -> Array:
        """In float32, one number after the other, so that sums drift as a machine's do that keeps them."""
        total = worker.rows(("total", self.name, 0), len(reset), self.n_neuron, np.float32)
        for t, resets in enumerate(reset):
            total[t + 1] = 0 if resets else total[t]
            for each in codes:
                total[t + 1] += each[t + 1] if resets else each[t + 1] - each[t]
        return total[1:]

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """Additions, and what brings codes to a common step."""
        everyone = np.full(notes.n_frame, self.n_neuron, np.int64)
        arrived = [notes.read(name, "events") if notes.is_delta else everyone for name in self.sources]
        n_addition = np.sum(arrived, axis=0) - (0 if notes.is_delta else everyone)
        state = n_addition if notes.is_delta else None
        add = JoinActivity(
            self.name,
            "addition",
            self.out.format,
            n_addition,
            n_state_read=state,
            n_state_written=state,
            n_sum=self.n_neuron,
        )
        rescales = (
            JoinActivity(self.name, "rescale", read.format, n, ratio=each.kind)
            for read, n, each in zip(self.reads, arrived, self.rescales, strict=True)
            if each.kind != "none"
        )
        return (*rescales, add)


class RelayHead(Head):
    """Codes of one signal, or of several one after the other along the channels, as they are."""

    def __init__(self, name: str, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(name, out.size)
        self.reads, self.out = reads, out

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
            _note_changes(self.name, [codes], frames, worker)
        return codes[1:]


def _note_changes(name: str, codes: Sequence[Array], frames: Frames, worker: Worker) -> None:
    """Note how many neurons have a changed input."""
    changed = np.zeros(codes[0][1:].shape, np.bool_)
    for each in codes:
        changed |= np.where(frames.reset[:, None], each[1:] != 0, each[1:] != each[:-1])
    worker.notes.write(name, "touched", frames, np.count_nonzero(changed, axis=1))
