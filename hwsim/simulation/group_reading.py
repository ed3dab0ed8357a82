"""Note what single deliveries of weights take, for machines on which large events take longer than small ones."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from hwsim.activity import GroupCost
from hwsim.kernels.groups import add_up_depthwise, add_up_events, add_up_groups
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.convolution import ConvolutionHead
from hwsim.simulation.heads.tallying import WIDEST_HISTOGRAM
from hwsim.simulation.plan import StagePlan
from hwsim.traffic.arithmetic import group_cycles


def note_group_cycles(plan: StagePlan, events: Emitted, frames: Frames, worker: Worker) -> None:
    """Note, of a block of frames, what all groups of a layer take, by each cost that was asked for."""
    for k, cost in enumerate(_asked(worker.notes, plan)):
        reading = worker.keep(("groups", plan.name, k), partial(GroupReading, plan, cost))
        worker.notes.write(plan.name, f"cycles by {cost}", frames, reading.cycles(events, worker))


def _asked(notes: Notes, plan: StagePlan) -> list[GroupCost]:
    return [need for need in notes.needs.get(plan.name, ()) if isinstance(need, GroupCost)]


class GroupReading:
    """What a layer's groups are looked at with, made once for a worker: blocks may be of a single frame.

    Parameters
    ----------
    plan : StagePlan
        Of a layer that reads integers.
    cost : GroupCost
        What a machine takes for them.
    """

    def __init__(self, plan: StagePlan, cost: GroupCost) -> None:
        self.head, self.cost, self.read = plan.head, cost, plan.reads[0]
        n_magnitude = self.read.span + 1
        self.table = self._table(np.arange(n_magnitude)) if n_magnitude <= WIDEST_HISTOGRAM else None

    def _table(self, magnitude: Array) -> Array:
        """What events of some magnitudes take, in a type that holds what those of a frame take. [cycles]"""
        found = group_cycles(self.cost, magnitude)
        return found.astype(np.int32 if int(found.max(initial=0)) * self.read.size < 2**31 else np.int64)

    def cycles(self, events: Emitted, worker: Worker) -> Array:
        """Cycles of all groups of each frame. (n_frame,) int64"""
        table, value = self.table, events.value
        if table is None:  # magnitudes are too many to keep an array of, but not those that occur
            listed = np.abs(events.value[: events.start[-1]].astype(np.int64))
            magnitude, value = np.unique(listed, return_inverse=True)
            table = self._table(magnitude)
        if isinstance(self.head, ConvolutionHead):
            return self._of_images(self.head, events, value, table, worker)
        found = np.zeros(len(events.n_event), np.int64)
        add_up_events(events.start, events.n_event, value, table, found)
        return found

    def _of_images(self, head: ConvolutionHead, events: Emitted, value: Array, table: Array, worker: Worker) -> Array:
        geometry, positions = head.geometry, self.cost.positions
        rows = self.cost.rows or geometry.out_height
        if head.is_depthwise:
            most = np.zeros((-(-rows * geometry.out_width // positions), geometry.channels), np.int64)
            scratch = most, np.zeros(geometry.channels, np.int64)
        else:
            key = "image of cycles", table.dtype.str, self.read.size
            image = worker.zeros(key, 1, self.read.size, table.dtype)[0]
            scratch = image, np.zeros((3, geometry.kernel_width * geometry.channels), table.dtype)
        add_up = add_up_depthwise if head.is_depthwise else add_up_groups
        listed = events.place, value, table, rows, positions, *scratch
        return np.array([add_up(geometry, pixel, *listed) for pixel in events.pixel], np.int64)


def noted_group_cycles(notes: Notes, plan: StagePlan) -> Mapping[GroupCost, Array]:
    """What was noted of a stage's groups. (n_frame,) each [cycles]"""
    return {cost: notes.read(plan.name, f"cycles by {cost}") for cost in _asked(notes, plan)}
