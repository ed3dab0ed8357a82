"""What heads with weights have in common: histograms of events, also of rows that machines cut into slices."""

from collections.abc import Sequence
from functools import cache

from hwsim.activity import ConnectionActivity, Histogram, SlicesStored, Slicing
from hwsim.network.layers import Layer
from hwsim.network.signals import IntArray, Signal
from hwsim.simulation.block import Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.head import Head
from hwsim.simulation.heads.row_reading import ConvolutionRowReading, DenseRowReading
from hwsim.simulation.heads.tallying import Met, Tallying
from hwsim.simulation.heads.terms import Term


class SynapticHead(Head):
    """A head whose events meet weights of one or two terms."""

    terms: list[Term]
    readings: Sequence[DenseRowReading | ConvolutionRowReading]  # one per term
    n_reached: int  # neurons of one position that an event reaches

    def __init__(self, layer: Layer, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.met = cache(self._met)
        self.tallying = cache(self._tallying)

    def _met(self, k: int, slicing: Slicing | None) -> Met:
        """Weights that an event meets; padding as a machine would store it that cuts rows so, or leaves them whole."""
        raise NotImplementedError

    def _tallying(self, k: int, slicing: Slicing | None) -> Tallying:
        """The histogram of a term, with that padding."""
        raise NotImplementedError

    def _n_met(self, k: int, slicing: Slicing | None) -> IntArray:
        """Weights, and padding, that all inputs together meet."""
        raise NotImplementedError

    def _connection(self, notes: Notes, k: int) -> ConnectionActivity:
        """A term at work."""
        raise NotImplementedError

    def tally(self, k: int, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Count a block's synaptic operations of a term."""
        for slicing in (None, *self._asked(worker.notes)):
            self.tallying(k, slicing).tally(events, frames, worker)

    def finish(self, worker: Worker) -> None:
        """Note the histograms."""
        for k in range(len(self.terms)):
            for slicing in (None, *self._asked(worker.notes)):
                self.tallying(k, slicing).finish(worker)

    def connections(self, notes: Notes) -> tuple[ConnectionActivity, ...]:
        """One per weight term."""
        return tuple(self._connection(notes, k) for k in range(len(self.terms)))

    def histogram(self, notes: Notes, k: int, slicing: Slicing | None = None) -> Histogram:
        """Of a term."""
        n_met = self._n_met(k, slicing)
        return self.tallying(k, slicing).histogram(notes, self.n_reached, self.n_synapse, n_met)

    def slices(self, notes: Notes, k: int) -> dict[Slicing, SlicesStored]:
        """A term's rows, cut as machines ask for it."""
        found = {}
        for slicing in self._asked(notes):
            n_entry, _ = self.readings[k].sliced(slicing)
            found[slicing] = SlicesStored(n_entry, self.histogram(notes, k, slicing).n_padding[:, 0])
        return found

    def _asked(self, notes: Notes) -> list[Slicing]:
        return sorted(need for need in notes.needs.get(self.name, ()) if isinstance(need, Slicing))
