"""Convolutions at work."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import ChannelEvents, ConnectionActivity
from hwsim.block import Array, Emitted, Frames, Notes, Worker
from hwsim.heads.geometry import geometry_of, kinds_of_place
from hwsim.heads.head import Head
from hwsim.heads.row_reading import ConvolutionRowReading, note_channels
from hwsim.heads.tallying import Tallying
from hwsim.heads.terms import Term, combine_of, mask_of, term_of
from hwsim.kernels.convolution import Part, choose_width, gather, make_scratch, scatter, tile_weight
from hwsim.kernels.pixels import count_channels, tally, touch
from hwsim.layers import Conv2d
from hwsim.signals import Signal


def rows_of(code: Array) -> Array:
    """Rows (kH x kW x C_in / groups, C_out) that serve one event with one tap; of (C_out, C_in / groups, kH, kW)."""
    return np.ascontiguousarray(code.transpose(2, 3, 1, 0)).reshape(-1, code.shape[0])


class ConvolutionHead(Head):
    """Events reach the output positions that the kernel spans."""

    def __init__(self, layer: Conv2d, read: Signal, out: Signal) -> None:
        super().__init__(layer.name, out.size)
        self.read, self.out = read, out
        self.is_real = layer.is_real(read)
        self.window = layer.window(read)
        self.geometry = geometry_of(self.window, read)
        self.groups = layer.groups
        self.n_column = layer.n_channel // layer.groups  # output channels of one kernel tap
        self.kernel_size = layer.kernel[0] * layer.kernel[1]
        self.is_depthwise = layer.groups > 1 and layer.n_read == layer.groups
        codes = [rows_of(term.code) for term in layer.terms]
        self.terms = [term_of(layer, k, code, self._steps(), read) for k, code in enumerate(codes)]
        self.weights = [self._tiled(term) for term in self.terms]
        self.combine = combine_of(layer, read, out)
        by_group = [self._by_group(code) for code in codes]
        self.whole = all(np.all(code) for code in codes)
        self.mask = np.stack([mask_of([each[group] for each in by_group]) for group in range(self.groups)])
        self.n_weight = layer.terms[0].code.size
        self.reached = np.ascontiguousarray(self.window.reached.ravel())
        self.kind, taps = kinds_of_place(self.window)
        self.nonzero = [self._nonzero(each, taps) for each in by_group]
        self.n_synapse = int(self.reached.sum()) * read.shape[0] * self.n_column
        self.tallies = [self._tallying(k) for k in range(len(codes))]
        self.readings = [
            ConvolutionRowReading(self.name, each, self.kernel_size, self.is_depthwise, read.n_position)
            for each in by_group
        ]

    def _steps(self) -> Array:
        """Steps of the codes that meet each weight."""
        step = self.read.step
        if not step.ndim:
            return step
        # (kH x kW x C_in / groups, C_out): a column meets the channels of its group
        by_group = np.repeat(step.reshape(self.groups, -1), self.n_column, axis=0)
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

    def _nonzero(self, by_group: Array, taps: Array) -> Array:
        """Non-zero weights that an event meets, by kind of place and channel. (n_kind, C_in)"""
        n_nonzero = np.count_nonzero(by_group, axis=2).reshape(self.groups, self.kernel_size, -1)
        by_tap = n_nonzero.transpose(1, 0, 2).reshape(self.kernel_size, -1)
        return np.ascontiguousarray(taps.reshape(len(taps), -1).astype(np.int64) @ by_tap)

    def _tallying(self, k: int) -> Tallying:
        nonzero = self.nonzero[k]

        def count(events: Emitted, group: Array, unit: bool, histogram: Array) -> None:
            tally(events.pixel, events.place, events.value, self.reached, self.kind, nonzero, group, unit, histogram)

        def measure(events: Emitted, slots: Array) -> tuple[Array, Array]:
            pixel, channel = np.divmod(events.place[slots], self.read.shape[0])
            return self.reached[pixel], nonzero[self.kind[pixel], channel]

        return Tallying(self.name, k, self.read, count, measure)

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Deliver, tally, touch, and count the events of each channel."""
        (events,) = sources
        totals = []
        for k in range(len(self.terms)):
            totals.append(self._deliver(k, events, frames.reset, worker))
            self.tallies[k].tally(events, frames, worker)
        if worker.notes.is_delta:
            self._touch(events, frames, worker)
        if worker.notes.execution.kind != "dense":
            self._count_channels(events, frames, worker)
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
            self.n_column * self.groups,
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

    def _count_channels(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note how many events each channel had in each frame."""
        count = np.zeros((len(frames.reset), self.read.shape[0]), np.int32)
        count_channels(events.pixel, events.place, count)
        note_channels(self.name, self.read.n_position, frames, worker.notes, count)
        count = frames.counted(count)
        group = np.broadcast_to(worker.notes.group[frames.begin : frames.end, None], count.shape)
        some = count > 0
        # few of all numbers of events occur, so pairs are counted, not kept in an array
        key, n_channel = np.unique(group[some] * (self.read.n_position + 1) + count[some], return_counts=True)
        columns = np.stack([*np.divmod(key, self.read.n_position + 1), n_channel])
        worker.notes.channels.append((self.name, columns))

    def finish(self, worker: Worker) -> None:
        """Note the histograms."""
        for each in self.tallies:
            each.finish(worker)

    def connections(self, notes: Notes) -> tuple[ConnectionActivity, ...]:
        """One per weight term."""
        channel_events = self._channel_events(notes)
        return tuple(self._connection(notes, k, channel_events) for k in range(len(self.terms)))

    def _connection(self, notes: Notes, k: int, channel_events: ChannelEvents) -> ConnectionActivity:
        term, code = self.terms[k], self.read.format
        n_nonzero = int(self.nonzero[k][self.kind].sum())
        along = self.kernel_size if self.is_depthwise else 1
        return ConnectionActivity(
            layer=self.name,
            term=k,
            kind="convolution",
            n_in=self.read.size,
            n_out=self.n_neuron,
            n_weight=self.n_weight,
            row_length=self.n_column * along,
            n_reached=self.n_column,
            rows_per_event=self.kernel_size // along,
            n_synapse=self.n_synapse,
            n_nonzero=n_nonzero,
            event_format=code.difference() if notes.is_delta else code,
            weight_format=term.weight_format,
            accumulator_format=term.accumulator_format,
            histogram=self.tallies[k].histogram(notes, self.n_column, self.n_synapse, n_nonzero),
            channel_events=channel_events,
            rows_stored=self.readings[k].stored,
            rows_read=self.readings[k].read(notes),
            has_zero_point=term.has_zero_point,
        )

    def _channel_events(self, notes: Notes) -> ChannelEvents:
        if notes.execution.kind == "dense":
            n_channel = np.bincount(notes.group, minlength=1) * self.read.shape[0]
            group = np.flatnonzero(n_channel)
            return ChannelEvents(group, np.full_like(group, self.read.n_position), n_channel[group])
        noted = [columns for layer, columns in notes.channels if layer == self.name]
        group, n_event, n_channel = np.concatenate(noted, axis=1)
        key, inverse = np.unique(group * (self.read.n_position + 1) + n_event, return_inverse=True)
        total = np.zeros(key.size, np.int64)
        np.add.at(total, inverse, n_channel)
        return ChannelEvents(*np.divmod(key, self.read.n_position + 1), total)
