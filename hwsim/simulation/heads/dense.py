"""Fully connected layers at work."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import ConnectionActivity, Slicing
from hwsim.kernels.dense import deliver, tally, touch
from hwsim.kernels.tiles import choose_width, tile_weight
from hwsim.network.layers import Dense
from hwsim.network.signals import IntArray, Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.head import serves
from hwsim.simulation.heads.row_reading import DenseRowReading, note_inputs
from hwsim.simulation.heads.synaptic import SynapticHead
from hwsim.simulation.heads.tallying import Met, Tallying, with_padding
from hwsim.simulation.heads.terms import aligned, combine_of, mask_of, term_of


def _tiled(weight: Array) -> Array:
    """Weights as the kernel takes them: tiles of neurons, and bytes where they fit."""
    if weight.dtype == np.int16 and np.abs(weight, dtype=np.int32).max() <= 127:
        weight = weight.astype(np.int8)
    return aligned(tile_weight(weight, choose_width(weight.shape[0], weight.shape[1], weight.itemsize)))


@serves(Dense)
class DenseHead(SynapticHead):
    """Events deliver their rows of weights to the accumulators of all neurons."""

    def __init__(self, layer: Dense, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.read = read = reads[0]
        codes = [term.code for term in layer.terms]
        self.n_synapse, self.n_reached = codes[0].size, self.n_neuron
        step = read.step[:, None] if read.step.ndim else read.step
        self.terms = [term_of(layer, k, code, step, read) for k, code in enumerate(codes)]
        self.weights = [_tiled(term.weight) for term in self.terms]
        self.biases = [self._padded(term.bias) for term in self.terms]
        self.combine = combine_of(layer, read, out)
        self.mask = mask_of(codes)
        self.n_nonzero = [np.count_nonzero(code, axis=1).astype(np.int64) for code in codes]
        self.readings = [DenseRowReading(self.name, code) for code in codes]

    def _padded(self, bias: Array) -> Array:
        n_tile, _, width = self.weights[0].shape
        return np.pad(bias, (0, n_tile * width - bias.size))

    def _met(self, k: int, slicing: Slicing | None) -> Met:
        reading = self.readings[k]
        return with_padding(self.n_nonzero[k], reading.n_padding if slicing is None else reading.sliced(slicing)[1])

    def _n_met(self, k: int, slicing: Slicing | None) -> IntArray:
        return np.asarray(self.met(k, slicing).weights.sum(axis=0))

    def _tallying(self, k: int, slicing: Slicing | None) -> Tallying:
        met, runs = self.met(k, slicing)

        def count(events: Emitted, group: Array, unit: bool, histogram: Array) -> None:
            tally(events.start, events.place, events.value, met, group, unit, histogram)

        def measure(events: Emitted, slots: Array) -> tuple[Array, Array]:
            return np.ones(slots.size, np.int64), met[events.place[slots]]

        return Tallying(self.name, k, slicing, self.read, runs, count, measure)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Deliver, tally, touch."""
        (events,) = sources
        note_inputs(self.name, events, frames, worker.notes)
        totals = []
        for k in range(len(self.terms)):
            totals.append(self._deliver(k, events, frames.reset, worker))
            self.tally(k, events, frames, worker)
        if worker.notes.is_delta:
            touched = np.zeros(len(frames.reset), np.int64)
            reached = np.zeros((2, self.mask.shape[1]), np.uint64)
            touch(events.start, events.n_event, events.place, self.mask, reached, touched)
            worker.notes.write(self.name, "touched over non-zero weights", frames, touched)
            worker.notes.write(self.name, "touched", frames, (events.n_event > 0) * self.n_neuron)
        return self.combine(totals)

    def _deliver(self, k: int, events: Emitted, reset: Array, worker: Worker) -> Array:
        """The accumulators after each frame. (n_frame, >= n_neuron)"""
        weight, bias = self.weights[k], self.biases[k]
        total = worker.rows(("total", self.name, k), len(reset), bias.size, bias.dtype)
        listed = events.start, events.n_event, events.place, events.value

        def share(first: int, last: int, _: int) -> None:
            deliver(*listed, weight, bias, reset, first, last, total)

        worker.share(len(weight), 1, share)
        return total[1:]

    def _connection(self, notes: Notes, k: int) -> ConnectionActivity:
        term, n_in, n_out = self.terms[k], self.n_nonzero[k].size, self.n_neuron
        code = self.read.format
        return ConnectionActivity(
            layer=self.name,
            term=k,
            kind="dense",
            n_in=n_in,
            n_out=n_out,
            n_weight=n_in * n_out,
            row_length=n_out,
            n_reached=n_out,
            n_synapse=self.n_synapse,
            n_nonzero=int(self._n_met(k, None)[0]),
            event_format=notes.execution.event_format(code),
            weight_format=term.weight_format,
            accumulator_format=term.accumulator_format,
            n_bias=term.n_bias,
            histogram=self.histogram(notes, k),
            rows_stored=self.readings[k].stored,
            rows_read=self.readings[k].read(notes),
            has_zero_point=term.has_zero_point,
            slices=self.slices(notes, k),
        )
