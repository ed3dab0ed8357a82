"""Sums, products and quotients of several signals at work."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import JoinActivity
from hwsim.network.fixed_point import Rescale
from hwsim.network.layers import Add, Divide, Multiply
from hwsim.network.number_format import integer
from hwsim.network.operation import Operation
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.head import Head, serves


@serves(Add)
class AddHead(Head):
    """Sum of signals, or their difference; a delta machine adds the changes to its sums."""

    def __init__(self, layer: Add, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.sources = layer.inputs
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
            self.note_changes(codes, frames, worker)
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
    """Pairs of two signals' codes; a delta machine works on those anew of which an operand has changed."""

    def pair(self, first: Array, second: Array) -> Array:
        """Work on pairs of codes. (n_frame, n_neuron)"""
        raise NotImplementedError

    @property
    def operation(self) -> Operation:
        """What that is."""
        raise NotImplementedError

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Lay the codes in pairs; a number for a channel is one of many."""
        first, second = (self._spread(source, read) for source, read in zip(sources, self.reads, strict=True))
        if worker.notes.is_delta:
            changed = self.note_changes([first, second], frames, worker)
            by_place = changed.reshape(len(changed), self.out.n_position, -1)
            channels = np.count_nonzero(by_place.any(axis=1), axis=1)
            worker.notes.write(self.name, "channels", frames, channels)
        with np.errstate(all="ignore"):  # outputs that are not finite are reported
            return self.pair(first[1:], second[1:])

    def _spread(self, source: Emitted, read: Signal) -> Array:
        """A signal's codes, one for each pair. (n_frame + 1, n_neuron)"""
        codes = source.codes[:, : read.size].astype(np.float32 if self.out.format.is_real else np.int64, copy=False)
        return codes if read.size == self.n_neuron else np.tile(codes, self.out.n_position)

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """One operation for each pair; both operands come from where a delta machine keeps them."""
        touched, _ = self.touched(notes)
        first, second = self.reads
        executed = JoinActivity(
            self.name, (self.operation,), first.format, touched, n_state_read=self._n_read(first, notes)
        )
        none = np.zeros(notes.n_frame, np.int64)
        other = JoinActivity(self.name, (), second.format, none, n_state_read=self._n_read(second, notes))
        return executed, other

    def _n_read(self, read: Signal, notes: Notes) -> Array | None:
        """Operands that a delta machine reads: one for each pair, or for each channel that has one to work on."""
        if not notes.is_delta:
            return None
        touched, _ = self.touched(notes)
        if read.size == self.n_neuron:
            return touched
        return np.where(notes.first, read.size, notes.read(self.name, "channels"))


@serves(Multiply)
class MultiplyHead(PairHead):
    """Products."""

    def pair(self, first: Array, second: Array) -> Array:
        """Multiply."""
        return first * second

    @property
    def operation(self) -> Operation:
        """A multiplication."""
        return Operation.of("multiplication", *(read.format for read in self.reads))


@serves(Divide)
class DivideHead(PairHead):
    """Quotients."""

    def pair(self, first: Array, second: Array) -> Array:
        """Divide."""
        return first / second

    @property
    def operation(self) -> Operation:
        """A division."""
        return Operation.of("division", self.reads[0].format)
