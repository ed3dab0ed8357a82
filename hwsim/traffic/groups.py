"""Groups: what one delivery of a row of weights serves, and what lanes and ports take for it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, GroupCost, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine
from hwsim.traffic.arithmetic import event_cycles, is_by_magnitude
from hwsim.traffic.loops import Loops
from hwsim.traffic.planned import LayerPlan
from hwsim.traffic.staying import PASSED_BY

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """What single deliveries of a connection's rows serve, on a machine with a ``timing``."""

    connection: ConnectionActivity
    planned: LayerPlan  # of its layer
    machine: Machine

    @property
    def loops(self) -> Loops:
        """Of its layer."""
        assert self.planned.loops is not None
        return self.planned.loops

    @property
    def tiles(self) -> list[int]:
        """Weights of a row that come together: those of a tile's channels; a depthwise row is whole."""
        if self.loops.is_depthwise:
            return [self.loops.row_length]
        return self.loops.tiles(self.planned.tiling.channels)

    def n_pass(self, tile: int) -> int:
        """How often all lanes of a core are at work before a tile's channels have been served."""
        return -(-self.share(tile) // self.loops.lanes.channels)

    def share(self, tile: int) -> int:
        """Weights of a tile on the core that has most of them, where channels of all cores lie in it."""
        return -(-tile // self.machine.cores.n)

    def moved(self, tile: int) -> dict[Level, dict[str, int]]:
        """What a row of a tile moves at each level that lanes read or write while they work on it. [bits]"""
        near = next(kept.level for kept in reversed(self.planned.weights) if kept.stay != PASSED_BY)
        width = self.connection.weight_format.bit_width
        found = {near: {"read": -(-tile * width // near.width) * near.width}}
        if self.machine.keeps_sums_in_state:
            sums, width = self.machine.holding("sums")[-1], self.connection.accumulator_format.bit_width
            bits = -(-tile * width // sums.width) * sums.width
            found.setdefault(sums, {"read": 0})
            found[sums] = {"read": found[sums]["read"] + bits, "write": bits}
        return found

    def by_port(self, tile: int) -> dict[str, int]:
        """Cycles of each port that a row of a tile needs, by its level."""
        assert self.machine.timing is not None
        needs = {}
        for level, ways in self.moved(tile).items():
            port = self.machine.timing.levels[level.name]
            moved = sum(ways.values()) if port.ports == 1 else max(ways.values())
            needs[level.name] = -(-moved // port.bits)
        return needs

    def port_cycles(self, tile: int) -> int:
        """Cycles of the slowest port that a row of a tile needs."""
        return max(self.by_port(tile).values())

    @property
    def single(self) -> int:
        """What one pass takes where all events take the same. [cycles]"""
        return int(event_cycles(self.connection, self.machine, np.ones(1, np.int64))[0])

    @property
    def cost(self) -> GroupCost | None:
        """What one pass takes where it depends on the magnitudes of events; None where it does not."""
        machine = self.machine
        assert machine.timing is not None
        if not is_by_magnitude(self.connection, machine):
            return None
        by_digits = machine.event_arithmetic == "shift-add"
        return GroupCost(
            rows=self.planned.tiling.rows,
            positions=self.loops.lanes.positions if self.loops.window else 1,
            digits=by_digits,
            largest=float("inf") if by_digits else machine.unary_limit,
            multiply=machine.timing.cycles.multiply,
        )

    def in_turn(self, cost: GroupCost, tile: int) -> GroupCost:
        """The same where every row of a tile waits for all that it needs."""
        return replace(cost, n_pass=self.n_pass(tile), at_least=self.port_cycles(tile))


def costs_asked(layer: LayerActivity, machine: Machine, planned: LayerPlan) -> Iterator[GroupCost]:
    """What a run has to note of a layer's groups for a machine."""
    if machine.timing is None:
        return
    for connection in layer.connections:
        groups = Groups(connection, planned, machine)
        cost = groups.cost
        if cost is None:
            continue
        yield cost
        if machine.timing.overlap == "event":
            yield from (groups.in_turn(cost, tile) for tile in groups.tiles)


def noted_cycles(activity: Activity, layer: LayerActivity, cost: GroupCost) -> IntArray:
    """What all groups of a layer take in each frame. (n_frame,) [cycles]

    Raises
    ------
    MachineError
        When the run did not note it.
    """
    if cost not in layer.group_cycles:
        raise MachineError(
            f"layer {layer.name}: on this machine large events take longer than small ones, and the run of "
            f"{activity.network} did not note how long; simulate(..., machines=[it]) does"
        )
    return layer.group_cycles[cost]
