"""Poolings at work."""

from collections.abc import Sequence

import numpy as np

from hwsim.activity import JoinActivity
from hwsim.kernels.pooling import max_pool
from hwsim.kernels.scatter import scatter
from hwsim.kernels.touch import touch_windows
from hwsim.network.layers import AvgPool2d, GlobalAvgPool, MaxPool2d
from hwsim.network.operation import Operation
from hwsim.network.signals import Signal
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.geometry import geometry_of
from hwsim.simulation.heads.head import Head, serves
from hwsim.simulation.heads.terms import SMALL


class PoolingHead(Head):
    """What poolings have in common: windows, and which of them a change reaches."""

    is_windowed = True

    def __init__(self, layer: MaxPool2d | AvgPool2d | GlobalAvgPool, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        self.read = read = reads[0]
        self.window = layer.window(read)
        self.geometry = geometry_of(self.window, read)
        self.reached = np.ascontiguousarray(self.window.reached.ravel())

    def _touch(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note how many windows (one per channel) have a changed input, and how many taps they have."""
        n_frame = len(frames.reset)
        touched, n_tap = np.zeros(n_frame, np.int64), np.zeros(n_frame, np.int64)
        n_word = -(-self.read.shape[0] // 64)
        seen = worker.zeros(("seen", self.name, 0), self.read.n_position, n_word, np.uint64)
        touch_windows(self.geometry, events.pixel, events.place, seen, touched, n_tap)
        worker.notes.write(self.name, "touched", frames, touched)
        worker.notes.write(self.name, "taps", frames, n_tap)

    @property
    def n_tap(self) -> int:
        """Taps of all windows that meet an input."""
        return int(self.window.taps.sum()) * self.read.shape[0]


@serves(MaxPool2d)
class MaxPoolHead(PoolingHead):
    """Largest code of each window; a delta machine finds it anew where an input has changed."""

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Take every window's maximum: what has not changed comes out the same."""
        (events,) = sources
        codes = events.codes[1:]
        out = worker.zeros(("largest", self.name, 0), worker.block + 1, self.out.size, codes.dtype)[: len(codes)]
        max_pool(self.geometry, codes, out)
        if worker.notes.is_delta:
            self._touch(events, frames, worker)
        return out

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """Comparisons: one less than the taps of each window that is looked at."""
        touched, _ = self.touched(notes)
        n_tap = np.full(notes.n_frame, self.n_tap)
        if notes.is_delta:
            n_tap = np.where(notes.first, n_tap, notes.read(self.name, "taps"))
        read = n_tap if notes.is_delta else None
        comparison = Operation.of("comparison", self.read.format)
        return (
            JoinActivity(
                self.name, (comparison,), self.read.format, n_tap - touched, n_state_read=read, starts_anew=True
            ),
        )


@serves(AvgPool2d, GlobalAvgPool)
class AveragePoolHead(PoolingHead):
    """Sum of each window, divided where it is a real number; a delta machine adds the changes to its sums."""

    def __init__(self, layer: AvgPool2d | GlobalAvgPool, reads: Sequence[Signal], out: Signal) -> None:
        super().__init__(layer, reads, out)
        n_tap = self.geometry.kernel_height * self.geometry.kernel_width
        wide = out.bound >= 2**31 or self.read.span > SMALL
        weight, total = (np.float32, np.float32) if self.is_real else (np.int64,) * 2 if wide else (np.int16, np.int32)
        # a sum over windows is a depthwise convolution with ones
        self.weight = np.ones((n_tap, self.read.shape[0]), weight)
        self.bias = np.zeros(self.read.shape[0], total)
        divisors = layer.divisors(self.read)
        self.factor = np.repeat((1 / divisors).astype(np.float32).ravel(), self.read.shape[0])

    def run(self, sources: Sequence[Emitted], frames: Frames, worker: Worker) -> Array:
        """Add up."""
        (events,) = sources
        total = worker.rows(("total", self.name, 0), len(frames.reset), self.out.size, self.bias.dtype)
        channels, rows = self.read.shape[0], self.geometry.out_height
        listed = events.pixel, events.place, events.value

        def add_up(first: int, last: int, _: int) -> None:
            line = np.empty(channels, total.dtype)
            scatter(self.geometry, channels, *listed, self.weight, self.bias, frames.reset, first, last, line, total)

        worker.share(rows, 1, add_up)
        if worker.notes.is_delta:
            self._touch(events, frames, worker)
            self._count_additions(events, frames, worker)
        return total[1:] * self.factor if self.is_real else total[1:]

    def _count_additions(self, events: Emitted, frames: Frames, worker: Worker) -> None:
        """Note the pairs of a changed input and a window that it is in."""
        worker.notes.write(self.name, "additions", frames, np.diff(events.pixel, axis=1) @ self.reached)

    def joins(self, notes: Notes) -> tuple[JoinActivity, ...]:
        """Additions: one less than the taps of each window, or one for each change and window that it reaches."""
        addition = Operation.of("addition", self.out.format)
        if not notes.is_delta:
            n_addition = np.full(notes.n_frame, self.n_tap - self.n_neuron)
            return (JoinActivity(self.name, (addition,), self.out.format, n_addition, starts_anew=True),)
        n_addition = notes.read(self.name, "additions")
        return (
            JoinActivity(
                self.name,
                (addition,),
                self.out.format,
                n_addition,
                n_state_read=n_addition,
                n_state_written=n_addition,
                n_sum=self.n_neuron,
            ),
        )
