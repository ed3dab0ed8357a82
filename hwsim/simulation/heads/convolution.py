"""Convolutions at work."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import ConnectionActivity, Slicing
from hwsim.kernels.gather import Part, gather, make_scratch
from hwsim.kernels.pixels import count_channels, tally
from hwsim.kernels.scatter import scatter
from hwsim.kernels.tiles import choose_width, tile_weight
from hwsim.kernels.touch import touch
from hwsim.network.layers import Conv2d
from hwsim.network.signals import IntArray, Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.geometry import geometry_of, kinds_of_place
from hwsim.simulation.heads.head import serves
from hwsim.simulation.heads.row_reading import ConvolutionRowReading
from hwsim.simulation.heads.synaptic import SynapticHead
from hwsim.simulation.heads.tallying import Met, Tallying, with_padding
from hwsim.simulation.heads.terms import Term, combine_of, mask_of, term_of


def rows_of(code: Array) -> Array:
    """Rows (kH x kW x C_in / groups, C_out) that serve one event with one tap; of (C_out, C_in / groups, kH, kW)."""
    return np.ascontiguousarray(code.transpose(2, 3, 1, 0)).reshape(-1, code.shape[0])


@serves(Conv2d)
class ConvolutionHead(SynapticHead):
    """Events reach the output positions that the kernel spans."""

    is_windowed = True
    readings: list[ConvolutionRowReading]

    def __init__(self, layer: Conv2d, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.read = read = reads[0]
        self.window = layer.window(read)
        self.geometry = geometry_of(self.window, read)
        self.groups = layer.groups
        self.n_reached = layer.n_channel // layer.groups  # output channels of one kernel tap
        self.kernel_size = layer.kernel[0] * layer.kernel[1]
        self.is_depthwise = layer.groups > 1 and layer.n_read == layer.groups
        codes = [rows_of(term.code) for term in layer.terms]
        self.terms = [term_of(layer, k, code, self._steps(), read) for k, code in enumerate(codes)]
        self.weights = [self._tiled(term) for term in self.terms]
        self.combine = combine_of(layer, read, out)
        by_group = [self._by_group(code) for code in codes]
        self.n_nonzero = [self._by_tap(each) for each in by_group]
        self.whole = all(np.all(code) for code in codes)
        self.mask = np.stack([mask_of([each[group] for each in by_group]) for group in range(self.groups)])
        self.n_weight = layer.terms[0].code.size
        self.reached = np.ascontiguousarray(self.window.reached.ravel())
        self.kind, taps = kinds_of_place(self.window)
        self.taps = taps.reshape(len(taps), -1)
        self.readings = [
            ConvolutionRowReading(self.name, each, self.is_depthwise, self.kind, self.taps) for each in by_group
        ]
        self.n_synapse = int(self.reached.sum()) * read.shape[0] * self.n_reached

    def _steps(self) -> Array:
        """Steps of the codes that meet each weight."""
        step = self.read.step
        if not step.ndim:
            return step
        # (kH x kW x C_in / groups, C_out): a column meets the channels of its group
        by_group = np.repeat(step.reshape(self.groups, -1), self.n_reached, axis=0)
        return np.tile(by_group.T, (self.kernel_size, 1))

    def _tiled(self, term: Term) -> Array:
        """Weights in the layout and width that the kernel takes."""
        weight = term.weight
        if weight.dtype == np.int16 and np.abs(weight, dtype=np.int32).max() <= 127:
            weight = weight.astype(np.int8)
        if self.groups > 1:
            return np.ascontiguousarray(weight)
        return tile_weight(weight, choose_width(weight.shape[0], weight.shape[1], weight.itemsize))

    def _by_group(self, code: Array) -> Array:
        """(groups, kH x kW x C_in / groups, C_out / groups)"""
        return code.reshape(len(code), self.groups, -1).transpose(1, 0, 2)

    def _by_tap(self, by_group: Array) -> Array:
        """Non-zero weights that an event of each channel meets with each tap. (C_in, n_tap)"""
        n_nonzero = np.count_nonzero(by_group, axis=2).reshape(self.groups, self.kernel_size, -1)
        return np.asarray(n_nonzero.transpose(0, 2, 1).reshape(-1, self.kernel_size))

    def _met(self, k: int, slicing: Slicing | None) -> Met:
        """By kind of place and channel. (n_kind, C_in, 1 + n)"""
        reading = self.readings[k]
        n_padding = reading.n_padding if slicing is None else reading.sliced(slicing)[1]
        of_tap = with_padding(self.n_nonzero[k], n_padding)
        by_kind = np.tensordot(self.taps.astype(np.int64), of_tap.weights, axes=(1, 1))
        return Met(np.ascontiguousarray(by_kind), of_tap.runs)

    def _n_met(self, k: int, slicing: Slicing | None) -> IntArray:
        places = np.bincount(self.kind, minlength=len(self.taps))
        return np.asarray(np.tensordot(places, self.met(k, slicing).weights, axes=1).sum(axis=0))

    def _tallying(self, k: int, slicing: Slicing | None) -> Tallying:
        met, runs = self.met(k, slicing)

        def count(events: Emitted, group: Array, unit: bool, histogram: Array) -> None:
            tally(events.pixel, events.place, events.value, self.reached, self.kind, met, group, unit, histogram)

        def measure(events: Emitted, slots: Array) -> tuple[Array, Array]:
            pixel, channel = np.divmod(events.place[slots], self.read.shape[0])
            return self.reached[pixel], met[self.kind[pixel], channel]

        return Tallying(self.name, k, slicing, self.read, runs, count, measure)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Deliver, tally, touch, and count the events that meet each row."""
        (events,) = sources
        totals = []
        for k in range(len(self.terms)):
            totals.append(self._deliver(k, events, frames.reset, worker))
            self.tally(k, events, frames, worker)
        if worker.notes.is_delta:
            self._touch(events, frames, worker)
        if not worker.notes.execution.presents_every_input:
            self._count_meetings(events, frames, worker)
        return self.combine(totals)

    def _deliver(self, k: int, events: Emitted, reset: Array, worker: Worker) -> Array:
        """The accumulators after each frame. (n_frame, n_neuron)"""
        term, weight, rows = self.terms[k], self.weights[k], self.geometry.out_height
        total = worker.rows(("total", self.name, k), len(reset), self.n_neuron, term.bias.dtype)
        listed = events.pixel, events.place, events.value

        def deliver(first: int, last: int, helper: int) -> None:
            if self.groups > 1:
                line = np.empty(self.read.shape[0], total.dtype)
                scatter(self.geometry, self.groups, *listed, weight, term.bias, reset, first, last, line, total)
                return
            n_tile, _, width = weight.shape
            scratch = worker.keep(
                (f"scratch of term {k}", self.name, helper),
                lambda: make_scratch(self.geometry, width, events.value.dtype, total.dtype),
            )
            part = Part(first, last, 0, n_tile)
            gather(self.geometry, *listed, weight, term.bias, reset, part, scratch, total)

        worker.share(rows, 1, deliver)
        return total[1:]

    def _touch(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note how many neurons an event reaches, over any synapse and over non-zero weights."""
        n_frame, n_word = len(frames.reset), -(-self.groups // 64)
        seen = worker.zeros(("seen", self.name, 0), self.read.n_position, n_word, np.uint64)
        reached = np.zeros((self.groups + 1, self.mask.shape[2]), np.uint64)
        touched, touched_nonzero = np.zeros(n_frame, np.int64), np.zeros(n_frame, np.int64)
        touch(
            self.geometry,
            self.groups,
            self.n_reached * self.groups,
            events.pixel,
            events.place,
            self.mask,
            self.whole,
            seen,
            reached,
            touched,
            touched_nonzero,
        )
        worker.notes.write(self.name, "touched", frames, touched)
        worker.notes.write(self.name, "touched over non-zero weights", frames, touched_nonzero)

    def _count_meetings(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note how many events meet each row in each frame."""
        count = np.zeros((len(frames.reset), len(self.taps), self.read.shape[0]), np.int32)
        count_channels(events.pixel, events.place, self.kind, count)
        self.readings[0].note(count, frames, worker.notes)  # of all terms alike

    def _connection(self, notes: Notes, k: int) -> ConnectionActivity:
        term, code = self.terms[k], self.read.format
        return ConnectionActivity(
            layer=self.name,
            term=k,
            kind="convolution",
            n_in=self.read.size,
            n_out=self.n_neuron,
            n_weight=self.n_weight,
            row_length=self.n_reached * (self.kernel_size if self.is_depthwise else 1),
            n_reached=self.n_reached,
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
            groups=self.groups,
            window=self.window,
            slices=self.slices(notes, k),
        )
