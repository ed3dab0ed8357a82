"""What the lanes of a machine take for the rows that are delivered to them, and row by row what else they wait for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Machine
from hwsim.timing.cores import are_alike, core_work, weights_by_core
from hwsim.traffic.groups import Groups, noted_cycles
from hwsim.traffic.loops import Loops
from hwsim.traffic.meetings import Batches, meetings
from hwsim.traffic.planned import LayerPlan, Plan
from hwsim.traffic.systolic import cycles_of, product_of

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LaneWork:
    """What lanes, or an array, do for a layer; frames of a batch stand under its first one."""

    cycles: IntArray  # (n_frame,) [cycles]
    operations: IntArray  # (n_frame,) of single lanes
    n_lane: int  # 0 of a layer without weights
    in_rows: IntArray  # (n_frame,) of overlap event: each row waits for all that it needs [cycles]
    # by level and way: moved for single rows, while the lanes work on them (n_frame,) [bits]
    row_bits: Mapping[tuple[str, str], IntArray] = field(default_factory=dict)


def lane_work(
    activity: Activity, layer: LayerActivity, machine: Machine, planned: Plan | None, batches: Batches
) -> LaneWork:
    """What a layer asks of the lanes."""
    nothing = np.zeros(activity.n_frame, np.int64)
    if machine.array is not None:
        return _array_work(layer, machine, batches, nothing)
    if planned is None or not layer.connections:
        return LaneWork(nothing, nothing, 0, nothing)
    each = [_Rows(activity, layer, term, machine, planned, batches).work() for term in range(len(layer.connections))]
    row_bits: dict[tuple[str, str], IntArray] = {}
    for found in each:
        for key, bits in found.row_bits.items():
            row_bits[key] = row_bits.get(key, nothing) + bits
    cycles, operations, in_rows = (
        np.sum([getattr(found, name) for found in each], axis=0) for name in ("cycles", "operations", "in_rows")
    )
    if not are_alike(layer, machine):
        cycles = _of_busiest_core(activity, layer, machine)
    return LaneWork(cycles, operations, each[0].n_lane, in_rows, row_bits)


def _of_busiest_core(activity: Activity, layer: LayerActivity, machine: Machine) -> IntArray:
    """Cycles where cores have more to do for one row than for another. (n_frame,)"""
    assert machine.timing is not None
    if machine.timing.overlap == "event":
        raise MachineError(
            f"machine {machine.name}: layer {layer.name} has groups of channels, whose rows wait for some cores alone, "
            "and with overlap: event their time is not told; write overlap: layer"
        )
    return core_work(activity, layer, machine).busiest


def row_cycles(activity: Activity, layer: LayerActivity, machine: Machine, planned: Plan) -> int:
    """Cycles of a row that is alone, term by term and tile by tile, each as long as the slowest part that it needs."""
    batches = Batches(activity.first, machine.batch)
    terms = [_Rows(activity, layer, term, machine, planned, batches) for term in range(len(layer.connections))]
    return sum(each.timing.cycles.event + each._slowest(tile) for each in terms for tile in each.tiles)


def _array_work(layer: LayerActivity, machine: Machine, batches: Batches, nothing: IntArray) -> LaneWork:
    """Closed forms, batch by batch."""
    array = machine.array
    assert array is not None
    cycles, operations = nothing.copy(), nothing.copy()
    starts = batches.starts(batches.size)
    sizes = np.diff(np.append(starts, nothing.size))
    for connection in layer.connections:
        for size in np.unique(sizes).tolist():
            product = product_of(connection, size)
            cycles[starts[sizes == size]] += cycles_of(product, array)
            operations[starts[sizes == size]] += product.m * product.n * product.k
    return LaneWork(cycles, operations, array.rows * array.columns, cycles)


class _Rows:
    """The rows of one weight term, as they are delivered."""

    def __init__(
        self, activity: Activity, layer: LayerActivity, term: int, machine: Machine, planned: Plan, batches: Batches
    ) -> None:
        self.activity, self.layer, self.term, self.machine = activity, layer, term, machine
        self.connection: ConnectionActivity = layer.connections[term]
        self.plan: LayerPlan = planned.layers[layer.name]
        assert machine.timing is not None
        self.groups = Groups(self.connection, self.plan, machine)
        self.loops: Loops = self.groups.loops
        self.timing, self.batches = machine.timing, batches
        if self.loops.is_depthwise and machine.keeps_sums_in_state and machine.timing.overlap == "event":
            raise MachineError(
                f"machine {machine.name}: layer {layer.name} is depthwise, so that a row meets accumulators of several "
                "positions, and with overlap: event and access: per-row their time is not told; write overlap: layer"
            )
        self.tiles = self.groups.tiles

    def work(self) -> LaneWork:
        """Cycles and operations of this term."""
        lanes, tiling = self.loops.lanes, self.plan.tiling
        met = meetings(self.activity, self.layer, self.term, self.loops, tiling, self.batches)
        delivered = met.delivered
        if not self.loops.is_depthwise and lanes.inputs > 1:  # so many rows at once, where every input is presented
            delivered = delivered // self.loops.n_channel * -(-self.loops.n_channel // lanes.inputs)
        cost = self.groups.cost
        taken = delivered * self.groups.single if cost is None else noted_cycles(self.activity, self.layer, cost)
        return LaneWork(
            cycles=taken * sum(self.groups.n_pass(tile) for tile in self.tiles),
            operations=self.batches.booked(
                np.add.reduceat(self._operations(), self.batches.starts(self.batches.size)), self.batches.size
            ),
            n_lane=lanes.channels * lanes.positions * lanes.inputs * lanes.frames * self.machine.cores.n,
            in_rows=self._in_rows(delivered),
            row_bits=self._row_bits(met.delivered),
        )

    def _operations(self) -> IntArray:
        if self.machine.run_bits is not None:  # padding is worked through as well
            n_entry = weights_by_core(self.connection, self.machine).sum(axis=1, keepdims=True)
            return self.connection.rows_read.summed(n_entry, 1)[:, 0]
        return np.asarray(self.connection.rows_read.meetings * self.connection.n_reached)

    def _in_rows(self, delivered: IntArray) -> IntArray:
        """Cycles if each row waits for all that it needs."""
        total, cost = np.zeros_like(delivered), self.groups.cost
        for tile in self.tiles if self.timing.overlap == "event" else ():
            if cost is None:
                taken = delivered * self._slowest(tile)
            else:
                taken = noted_cycles(self.activity, self.layer, self.groups.in_turn(cost, tile))
            total += delivered * self.timing.cycles.event + taken
        return total

    def _slowest(self, tile: int) -> int:
        """Cycles of the slowest part that a row of a tile needs, whatever its event."""
        return max(self.groups.n_pass(tile) * self.groups.single, self.groups.port_cycles(tile))

    def _row_bits(self, delivered: IntArray) -> dict[tuple[str, str], IntArray]:
        total: dict[tuple[str, str], IntArray] = {}
        for tile in self.tiles:
            for level, ways in self.groups.moved(tile).items():
                for way, bits in ways.items():
                    total[level.name, way] = total.get((level.name, way), np.int64(0)) + delivered * bits
        return total
