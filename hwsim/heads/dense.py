"""Fully connected layers at work."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwsim.activity import ChannelEvents, ConnectionActivity
from hwsim.block import Array, Emitted, Frames, Notes, Worker
from hwsim.heads.head import Head
from hwsim.heads.tallying import Tallying
from hwsim.heads.terms import VECTOR, Term, combine_of, mask_of, padded, term_of
from hwsim.kernels.dense import deliver_integer, deliver_real, tally, touch
from hwsim.layers import Dense
from hwsim.signals import Signal

HELPER_COLUMNS = 64  # a helper's share of neurons is a multiple of this


def _padded(term: Term) -> Term:
    """Rows of weights that fill vectors."""
    more = padded(term.bias.size, VECTOR) - term.bias.size
    return replace(term, weight=np.pad(term.weight, ((0, 0), (0, more))), bias=np.pad(term.bias, (0, more)))


class DenseHead(Head):
    """Events deliver their rows of weights to the accumulators of all neurons."""

    def __init__(self, layer: Dense, read: Signal, out: Signal, source: str) -> None:
        super().__init__(layer.name, layer.n_channel)
        self.read, self.source = read, source
        codes = [term.code for term in layer.terms]
        step = read.step[:, None] if read.step.ndim else read.step
        self.terms = [_padded(term_of(layer, k, code, step, read)) for k, code in enumerate(codes)]
        self.combine = combine_of(layer, read, out)
        self.mask = mask_of(codes)
        self.n_nonzero = [np.count_nonzero(code, axis=1).astype(np.int64) for code in codes]
        self.tallies = [self._tallying(k) for k in range(len(codes))]

    def _tallying(self, k: int) -> Tallying:
        n_nonzero = self.n_nonzero[k]

        def count(events: Emitted, group: Array, unit: bool, histogram: Array) -> None:
            tally(events.start, events.place, events.value, n_nonzero, group, unit, histogram)

        def measure(events: Emitted, slots: Array) -> tuple[Array, Array]:
            return np.ones(slots.size, np.int64), n_nonzero[events.place[slots]]

        return Tallying(self.name, k, self.read, count, measure)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Deliver, tally, touch."""
        (events,) = sources
        totals = []
        for k, term in enumerate(self.terms):
            totals.append(self._deliver(k, term, events, frames.reset, worker))
            self.tallies[k].tally(events, frames, worker)
        if worker.notes.is_delta:
            touched = np.zeros(len(frames.reset), np.int64)
            reached = np.zeros((2, self.mask.shape[1]), np.uint64)
            touch(events.start, events.n_event, events.place, self.mask, reached, touched)
            worker.notes.write(self.name, "touched over non-zero weights", frames, touched)
            worker.notes.write(self.name, "touched", frames, (events.n_event > 0) * self.n_neuron)
        return self.combine(totals)

    def _deliver(self, k: int, term: Term, events: Emitted, reset: Array, worker: Worker) -> Array:
        total = worker.rows(("total", self.name, k), len(reset), term.bias.size, term.bias.dtype)
        listed = events.start, events.place, events.value

        def deliver(first: int, last: int, _: int) -> None:
            if term.group is None:
                deliver_real(*listed, term.weight, term.bias, reset, first, last, total)
            else:
                deliver_integer(term.group, *listed, term.weight, term.bias, reset, first, last, total)

        worker.share(term.bias.size, HELPER_COLUMNS, deliver)
        return total[1:]

    def finish(self, worker: Worker) -> None:
        """Note the histograms."""
        for each in self.tallies:
            each.finish(worker)

    def connections(self, notes: Notes) -> tuple[ConnectionActivity, ...]:
        """One per weight term."""
        return tuple(self._connection(notes, k) for k in range(len(self.terms)))

    def _connection(self, notes: Notes, k: int) -> ConnectionActivity:
        term, n_in, n_out = self.terms[k], self.n_nonzero[k].size, self.n_neuron
        n_nonzero = int(self.n_nonzero[k].sum())
        code = self.read.format
        return ConnectionActivity(
            layer=self.name,
            term=k,
            kind="dense",
            n_in=n_in,
            n_out=n_out,
            n_weight=n_in * n_out,
            row_length=n_out,
            rows_per_event=1,
            n_synapse=n_in * n_out,
            n_nonzero=n_nonzero,
            event_format=code.difference() if notes.is_delta else code,
            weight_format=term.weight_format,
            accumulator_format=term.accumulator_format,
            histogram=self.tallies[k].histogram(notes, n_out, n_in * n_out, n_nonzero),
            channel_events=self._channel_events(notes, n_in),
        )

    def _channel_events(self, notes: Notes, n_in: int) -> ChannelEvents:
        """A channel of one position has an event, or none."""
        if notes.execution.kind == "dense":
            n_event = np.full(notes.n_frame, n_in)
        else:
            n_event = notes.read(self.source, "events")
        with_event = np.zeros(int(notes.group.max(initial=0)) + 1, np.int64)
        np.add.at(with_event, notes.group, n_event)
        group = np.flatnonzero(with_event)
        return ChannelEvents(group, np.ones_like(group), with_event[group])
