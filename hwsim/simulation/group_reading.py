"""Note what single deliveries of weights take, for machines on which large events take longer than small ones."""

from collections.abc import Mapping

import numpy as np

from hwsim.activity import GroupCost
from hwsim.kernels.groups import add_up_groups
from hwsim.simulation.block import Array, Emitted, Frames, Notes, Worker
from hwsim.simulation.heads.convolution import ConvolutionHead
from hwsim.simulation.plan import StagePlan
from hwsim.traffic.arithmetic import group_cycles


def note_group_cycles(plan: StagePlan, events: Emitted, frames: Frames, worker: Worker) -> None:
    """Note, of a block of frames, what all groups of a layer take, by each cost that was asked for."""
    for cost in _asked(worker.notes, plan):
        listed = events.value[: events.start[-1]].astype(np.int64)
        cycles = group_cycles(cost, np.abs(listed))
        if isinstance(plan.head, ConvolutionHead):
            found = _of_image(plan.head, cost, events, cycles)
        else:
            found = _of_events(events, cycles)
        worker.notes.write(plan.name, f"cycles by {cost}", frames, found)


def _asked(notes: Notes, plan: StagePlan) -> list[GroupCost]:
    return [need for need in notes.needs.get(plan.name, ()) if isinstance(need, GroupCost)]


def _of_events(events: Emitted, cycles: Array) -> Array:
    """Of events that are delivered one by one. (n_frame,) [cycles]"""
    total = np.concatenate([[0], cycles.cumsum()])
    first = events.start[:-1]
    return np.asarray(total[first + events.n_event] - total[first])


def _of_image(head: ConvolutionHead, cost: GroupCost, events: Emitted, cycles: Array) -> Array:
    """Of the events of images. (n_frame,) [cycles]"""
    geometry, n_channel = head.geometry, head.geometry.channels
    rows = cost.rows or geometry.out_height
    n_group = -(-rows * geometry.out_width // cost.positions) if head.is_depthwise else 1
    group, left = np.zeros((2, n_channel), np.int64)
    most = np.zeros((n_group, n_channel), np.int64)
    listed = events.place, cycles, rows, cost.positions, group, left, most
    return np.array([add_up_groups(geometry, head.is_depthwise, pixel, *listed) for pixel in events.pixel], np.int64)


def noted_group_cycles(notes: Notes, plan: StagePlan) -> Mapping[GroupCost, Array]:
    """What was noted of a stage's groups. (n_frame,) each [cycles]"""
    return {cost: notes.read(plan.name, f"cycles by {cost}") for cost in _asked(notes, plan)}
