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
    notes, head = worker.notes, plan.head
    asked = sorted(notes.strips.get(plan.name, ()))
    if not asked or notes.execution.presents_every_input:
        return
    assert isinstance(head, ConvolutionHead)
    assert plan.places is not None
    assert plan.codes_by_row is not None
    geometry, n_frame = head.geometry, len(frames.reset)
    class_meets, column_class = np.unique(head.window.x.tap_meets_input, axis=0, return_inverse=True)
    column_class = column_class.ravel().astype(np.int32)
    n_source = len(plan.codes_by_row)
    table = np.zeros((geometry.height, len(class_meets), geometry.channels), np.int32)
    by_row = np.zeros((n_frame, geometry.height, n_source), np.int64)
    met, busiest = np.zeros_like(table[0]), np.zeros(geometry.channels, np.int32)
    found = np.zeros((len(asked), n_frame, 2), np.int64)
    for t in range(n_frame):
        spread(geometry, events.pixel[t], events.place, column_class, plan.places, table, by_row[t])
        for strip, each in zip(asked, found, strict=True):
            meet(geometry, head.is_depthwise, table, class_meets, *strip, met, busiest, each[t])
    for strip, each in zip(asked, found, strict=True):
        notes.write(plan.name, f"rows met in {strip}", frames, each[:, 0])
        notes.write(plan.name, f"deliveries in {strip}", frames, each[:, 1])
        first, last = head.window.y.bands(strip.rows)
        total = np.concatenate([np.zeros((n_frame, 1, n_source), np.int64), by_row.cumsum(axis=1)], axis=1)
        notes.write(plan.name, f"events in {strip}", frames, total[:, last] - total[:, first])


def noted_strips(notes: Notes, plan: StagePlan) -> Mapping[Strip, StripsMet]:
    """The strips that were noted of a stage."""
    if notes.execution.presents_every_input or not notes.n_frame:
        return {}

    def read(what: str) -> Array:
        return notes.read(plan.name, what)

    return {
        strip: StripsMet(read(f"rows met in {strip}"), read(f"deliveries in {strip}"), read(f"events in {strip}"))
        for strip in sorted(notes.strips.get(plan.name, ()))
    }
