"""Layers that read several signals at work, borders, and element-wise layers that could not be fused into others."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import JoinActivity
from hwsim.network.fixed_point import Rescale
from hwsim.network.layers import Add, Divide, Pad2d, Pairing
from hwsim.network.layers.window import padding_pairs
from hwsim.network.number_format import integer
from hwsim.network.operation import Operation
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.head import Head
from hwsim.simulation.heads.terms import code_dtype


class AddHead(Head):
    """Sum of signals, or their difference; a delta machine adds the changes to its sums."""

    def __init__(self, layer: Add, reads: Sequence[Signal], out: Signal, sources: Sequence[str]) -> None:
        super().__init__(layer.name, out.size)
        self.reads, self.out, self.sources = reads, out, sources
        self.is_real = out.format.is_real
        one = Rescale(np.asarray(1), np.asarray(0), "none")
        self.rescales = [one for _ in reads] if self.is_real else layer.factors(*reads)
        self.multiplier_bits = layer.multiplier_bits
        self.n_common_step = layer.n_common_step(reads[0])
        self.signs = [layer.sign(k) for k in range(len(reads))]
        self.factors = [
            out.channels_last(each.multiplier) * sign for each, sign in zip(self.rescales, self.signs, strict=True)
        ]

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
            for each, sign in zip(codes, self.signs, strict=True):
                change = each[t + 1] if resets else each[t + 1] - each[t]
                total[t + 1] += change if sign > 0 else -change
        return total[1:]

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """Additions, and what brings codes to a common step."""
        everyone = np.full(notes.n_frame, self.n_neuron, np.int64)
        arrived = [notes.read(name, "events") if notes.is_delta else everyone for name in self.sources]
        n_addition = np.sum(arrived, axis=0) - (0 if notes.is_delta else everyone)
        state = n_addition if notes.is_delta else None
        add = JoinActivity(
            self.name,
            (Operation.of("addition", self.out.format),),
            self.out.format,
            n_addition,
            n_state_read=state,
            n_state_written=state,
            n_sum=self.n_neuron,
        )
        rescales = (
            JoinActivity(
                self.name,
                self._rescaling(read, each),
                read.format,
                n,
                n_parameter=max(self.n_common_step, read.n_step) if each.kind == "multiply" else 0,
                parameter_bit_width=self.multiplier_bits,
            )
            for read, n, each in zip(self.reads, arrived, self.rescales, strict=True)
            if each.kind != "none"
        )
        return (*rescales, add)

    def _rescaling(self, read: Signal, factor: Rescale) -> tuple[Operation, ...]:
        """What brings a code to the common step."""
        shift = Operation.of("constant_shift", self.out.format)
        if factor.kind == "shift":
            return (shift,)
        return Operation.of("multiplication", read.format, integer(self.multiplier_bits)), shift


class PairHead(Head):
    """Products or quotients of two signals; a delta machine makes those anew of which an operand has changed."""

    def __init__(self, layer: Pairing, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer.name, out.size)
        self.reads, self.out = reads, out
        self.divides = isinstance(layer, Divide)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Work on pairs of codes; a number for a channel is one of many pairs."""
        first, second = (self._spread(source, read) for source, read in zip(sources, self.reads, strict=True))
        if worker.notes.is_delta:
            changed = _note_changes(self.name, [first, second], frames, worker)
            by_place = changed.reshape(len(changed), self.out.n_position, -1)
            channels = np.count_nonzero(by_place.any(axis=1), axis=1)
            worker.notes.write(self.name, "channels", frames, channels)
        with np.errstate(all="ignore"):  # outputs that are not finite are reported
            if self.divides:
                return first[1:] / second[1:]
            return first[1:] * second[1:]

    def _spread(self, source: Emitted, read: Signal) -> Array:
        """A signal's codes, one for each pair. (n_frame + 1, n_neuron)"""
        codes = source.codes[:, : read.size].astype(np.float32 if self.out.format.is_real else np.int64, copy=False)
        return codes if read.size == self.n_neuron else np.tile(codes, self.out.n_position)

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """One operation for each pair; both operands come from where a delta machine keeps them."""
        touched, _ = self.touched(notes)
        first, second = self.reads
        multiplication = Operation.of("multiplication", first.format, second.format)
        executed = Operation.of("division", first.format) if self.divides else multiplication
        operation = JoinActivity(self.name, (executed,), first.format, touched, n_state_read=self._n_read(first, notes))
        none = np.zeros(notes.n_frame, np.int64)
        other = JoinActivity(self.name, (), second.format, none, n_state_read=self._n_read(second, notes))
        return operation, other

    def _n_read(self, read: Signal, notes: Notes) -> Array | None:
        """Operands that a delta machine reads: one for each pair, or for each channel that has one to work on."""
        if not notes.is_delta:
            return None
        touched, _ = self.touched(notes)
        if read.size == self.n_neuron:
            return touched
        return np.where(notes.first, read.size, notes.read(self.name, "channels"))


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


class PadHead(Head):
    """The codes of a signal, in the middle of constant ones."""

    def __init__(self, layer: Pad2d, read: Signal, out: Signal) -> None:
        super().__init__(layer.name, out.size)
        self.read, self.out = read, out
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
            _note_changes(self.name, [codes], frames, worker)
        return codes[1:]


def _note_changes(name: str, codes: Sequence[Array], frames: Frames, worker: Worker) -> Array:
    """Note how many neurons have a changed input, and tell which. (n_frame, n)"""
    changed = np.zeros(codes[0][1:].shape, np.bool_)
    for each in codes:
        changed |= np.where(frames.reset[:, None], each[1:] != 0, each[1:] != each[:-1])
    worker.notes.write(name, "touched", frames, np.count_nonzero(changed, axis=1))
    return changed
