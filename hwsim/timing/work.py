"""What each layer asks of each part of a machine: operations of its lanes, words of its levels, neurons, in cycles.

A step is what is worked on at once: a frame, or the frames of a batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, LayerActivity
from hwsim.machine import Level, Machine, MachineTiming
from hwsim.timing.lanes import LaneWork, lane_work
from hwsim.traffic.booking import Moved
from hwsim.traffic.functions import carried_out
from hwsim.traffic.meetings import Batches
from hwsim.traffic.plan import plan
from hwsim.traffic.shape import raw_frames_are_codes
from hwsim.traffic.words import words_moved

IntArray = npt.NDArray[np.int64]

LANES, ARRAY, NEURON, ENCODE, FIXED = "lanes", "array", "neuron", "encode", "layer"
"""Names of resources beside those of levels; the last is what a layer takes whatever happens in it."""


@dataclass(frozen=True, eq=False)
class LayerWork:
    """What a layer takes of each resource, step by step."""

    name: str
    sources: tuple[str, ...]  # layers that it waits for
    resources: Mapping[str, IntArray]  # (n_step,) each, in the order in which ties are named [cycles]
    fixed: int  # beside all of them [cycles]
    operations: IntArray  # (n_step,) what its lanes do
    n_lane: int  # that it may use
    total: IntArray  # (n_step,) [cycles]


@dataclass(frozen=True, eq=False)
class Work:
    """What a network takes on a machine before its layers are put in order."""

    layers: tuple[LayerWork, ...]
    shared: IntArray  # (n_step,) of the level that all cores share, where there is one [cycles]
    n_frame: IntArray  # (n_step,) frames of each step
    first: npt.NDArray[np.bool_]  # (n_step,) whether a stream starts with it
    step_of: IntArray  # (n_frame,)
    notes: tuple[str, ...]


def work_of(activity: Activity, machine: Machine) -> Work:
    """Cycles of every layer and resource.

    Parameters
    ----------
    activity : Activity
        Of a run that was told of the machine.
    machine : Machine
        With a ``timing``, and of the run's execution.

    Raises
    ------
    MachineError
        As :func:`hwsim.traffic.plan.plan` and :func:`hwsim.traffic.words.words_moved` do.
    """
    assert machine.timing is not None
    batches = Batches(activity.first, machine.batch)
    planned = plan(activity, machine) if machine.array is None else None
    activity, _, notes = carried_out(activity, machine)
    steps = _Steps(activity, batches)
    moved: dict[str, list[Moved]] = defaultdict(list)
    for each in words_moved(activity, machine, planned):
        moved[each.layer].append(each)
    resources = _Resources(activity, machine, steps)
    found, shared = [], np.zeros(steps.n, np.int64)
    for layer in activity.layers:
        lanes = lane_work(activity, layer, machine, planned, batches)
        found.append(resources.of(layer, lanes, moved[layer.name]))
        shared += sum(
            (found[-1].resources[level.name] for level in machine.levels if level.kind == "dram"), np.int64(0)
        )
    return Work(tuple(found), shared, steps.n_frame, activity.first[steps.starts], steps.of_frame, notes)


class _Steps:
    """The frames that are worked on together."""

    def __init__(self, activity: Activity, batches: Batches) -> None:
        self.starts = batches.starts(batches.size)
        self.n = self.starts.size
        self.n_frame = np.diff(np.append(self.starts, activity.n_frame)).astype(np.int64)
        self.of_frame = np.repeat(np.arange(self.n), self.n_frame)

    def summed(self, by_frame: IntArray) -> IntArray:
        """Numbers given per frame, added up by step. (n_step,)"""
        return np.add.reduceat(by_frame, self.starts) if self.n else np.zeros(0, np.int64)


class _Resources:
    """Cycles that layers ask of the parts of a machine."""

    def __init__(self, activity: Activity, machine: Machine, steps: _Steps) -> None:
        assert machine.timing is not None
        self.activity, self.machine, self.steps = activity, machine, steps
        self.timing: MachineTiming = machine.timing
        self.senders = {layer.emitted.name: layer.name for layer in activity.layers if layer.emitted is not None}

    def of(self, layer: LayerActivity, lanes: LaneWork, moved: list[Moved]) -> LayerWork:
        """What a layer takes."""
        found: dict[str, IntArray] = {ARRAY if self.machine.array else LANES: self.steps.summed(lanes.cycles)}
        levels = [level for level in reversed(self.machine.levels) if level.name in self.timing.levels]
        # near to far, what is off the chip last
        for level in sorted(levels, key=lambda level: level.kind == "dram"):
            found[level.name] = self._port_cycles(level, moved)
        found[NEURON], found[ENCODE] = self._neurons(layer), self._encoding(layer)
        whole = np.stack(list(found.values()))
        if self.timing.overlap == "event":
            total = self._by_event(layer, lanes, moved, found)
        else:
            total = whole.sum(axis=0) if self.timing.overlap == "none" else whole.max(axis=0)
        return LayerWork(
            layer.name,
            tuple(self.senders[name] for name in layer.sources),
            found,
            self.timing.cycles.layer,
            self.steps.summed(lanes.operations),
            lanes.n_lane,
            total + self.timing.cycles.layer,
        )

    def _port_cycles(
        self, level: Level, moved: Iterable[Moved], less: Mapping[str, IntArray] | None = None
    ) -> IntArray:
        """Cycles in which a level moves its words, less some bits of each way that are spoken for already."""
        bits = {way: np.zeros(self.steps.n, np.int64) for way in ("read", "write")}
        for each in moved:
            if each.operation.memory == level.name:
                way = each.operation.kind.rpartition("_")[2]
                bits[way] += self.steps.summed(each.by_frame) * each.operation.word_length
        for way, spoken_for in (less or {}).items():
            bits[way] -= spoken_for
        port = self.timing.levels[level.name]
        if port.ports == 1:
            return np.asarray(-(-(bits["read"] + bits["write"]) // port.bits))
        return np.maximum(-(-bits["read"] // port.bits), -(-bits["write"] // port.bits))

    def _neurons(self, layer: LayerActivity) -> IntArray:
        """As many numbers go into the unit in a cycle as neurons are brought up to date in it; the longer list counts.

        Every number of a window goes in, of a sum of signals each addition, of a sum that is kept each change.
        """
        if not layer.sources:
            return np.zeros(self.steps.n, np.int64)
        updated = self.steps.summed(self.machine.touched(layer))
        taken_in = [join.n_operation + layer.touched * join.starts_anew for join in layer.joins if join.operations]
        passing = np.max([updated, *map(self.steps.summed, taken_in)], axis=0)
        return np.asarray(-(-self._on_busiest_core(layer, passing) // self.timing.neuron_lanes))

    def _on_busiest_core(self, layer: LayerActivity, n_neuron: IntArray) -> IntArray:
        """Those of some neurons that lie on the core with most channels, if all channels have as many of them."""
        cores = self.machine.cores
        if not layer.connections:
            return np.asarray(-(-n_neuron // cores.n))
        n_channel = layer.connections[0].groups * layer.connections[0].n_reached
        return np.asarray(-(-n_neuron * cores.n_channels(n_channel).max() // n_channel))

    def _encoding(self, layer: LayerActivity) -> IntArray:
        """Every number of a frame is looked at; frames that serve as codes as they arrive are not."""
        if layer.sources or raw_frames_are_codes(self.activity, layer):
            return np.zeros(self.steps.n, np.int64)
        return np.asarray(-(-layer.n_neuron * self.steps.n_frame // self.timing.encode_lanes))

    def _by_event(
        self, layer: LayerActivity, lanes: LaneWork, moved: list[Moved], found: Mapping[str, IntArray]
    ) -> IntArray:
        """Row after row, each as long as the slowest part needs for it; then what is left, at once."""
        in_rows = self.steps.summed(lanes.in_rows)
        rest = [found[NEURON], found[ENCODE]]
        for name in self.timing.levels:
            level = next(each for each in self.machine.levels if each.name == name)
            spoken_for = {
                way: self.steps.summed(bits) for (where, way), bits in lanes.row_bits.items() if where == name
            }
            rest.append(self._port_cycles(level, moved, spoken_for))
        return np.asarray(in_rows + np.max(rest, axis=0))
