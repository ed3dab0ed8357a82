"""Note what events meet strip by strip, for machines that work on so many rows of outputs at a time."""

from collections.abc import Mapping

import numpy as np

from hwsim.activity import Strip, StripsMet
from hwsim.kernels.strips import meet, spread
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.convolution import ConvolutionHead
from hwsim.simulation.plan import StagePlan


def note_strips(plan: StagePlan, events: Emitted, frames: Frames, worker: Worker) -> None:
    """Note, of a block of frames, what a convolution's events meet in the strips that were asked for."""
    notes, asked = worker.notes, _asked(worker.notes, plan)
    if not asked or notes.execution.presents_every_input:
        return
    reading = worker.keep(("strips", plan.name, 0), lambda: StripReading(plan, asked))
    reading.note(events, frames, notes)


def _asked(notes: Notes, plan: StagePlan) -> list[Strip]:
    return sorted(need for need in notes.needs.get(plan.name, ()) if isinstance(need, Strip))


class StripReading:
    """What a convolution's strips are looked for with, made once for a worker: blocks may be of a single frame.

    Parameters
    ----------
    plan : StagePlan
        Of a convolution.
    asked : list of Strip
        How machines cut its outputs.
    """

    def __init__(self, plan: StagePlan, asked: list[Strip]) -> None:
        head = plan.head
        assert isinstance(head, ConvolutionHead)
        assert plan.places is not None
        assert plan.codes_by_row is not None
        self.name, self.asked, self.places = plan.name, asked, plan.places
        self.geometry, self.is_depthwise = head.geometry, head.is_depthwise
        self.n_source = len(plan.codes_by_row)
        self.bands = [head.window.y.bands(strip.rows) for strip in asked]
        self.class_meets, column_class = np.unique(head.window.x.tap_meets_input, axis=0, return_inverse=True)
        self.column_class = column_class.ravel().astype(np.int32)
        channels = self.geometry.channels
        self.table = np.zeros((self.geometry.height, len(self.class_meets), channels), np.int32)
        self.met, self.busiest = np.zeros_like(self.table[0]), np.zeros(channels, np.int32)

    def note(self, events: Emitted, frames: Frames, notes: Notes) -> None:
        """Note rows met, deliveries and events of every strip that was asked for."""
        n_frame = len(frames.reset)
        by_row = np.zeros((n_frame, self.geometry.height, self.n_source), np.int64)
        found = np.zeros((len(self.asked), n_frame, 2), np.int64)
        for t in range(n_frame):
            listed = events.pixel[t], events.place, self.column_class, self.places
            spread(self.geometry, *listed, self.table, by_row[t])
            for strip, each in zip(self.asked, found, strict=True):
                scratch = self.met, self.busiest
                meet(self.geometry, self.is_depthwise, self.table, self.class_meets, *strip, *scratch, each[t])
        before = np.zeros((n_frame, 1 + self.geometry.height, self.n_source), np.int64)
        before[:, 1:] = by_row.cumsum(axis=1)
        for strip, each, (first, last) in zip(self.asked, found, self.bands, strict=True):
            notes.write(self.name, f"rows met in {strip}", frames, each[:, 0])
            notes.write(self.name, f"deliveries in {strip}", frames, each[:, 1])
            notes.write(self.name, f"events in {strip}", frames, before[:, last] - before[:, first])


def noted_strips(notes: Notes, plan: StagePlan) -> Mapping[Strip, StripsMet]:
    """The strips that were noted of a stage."""
    if notes.execution.presents_every_input or not notes.n_frame:
        return {}

    def read(what: str) -> Array:
        return notes.read(plan.name, what)

    return {
        strip: StripsMet(read(f"rows met in {strip}"), read(f"deliveries in {strip}"), read(f"events in {strip}"))
        for strip in _asked(notes, plan)
    }
