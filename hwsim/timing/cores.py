"""What each core of a machine that splits layers does for them, row by row of their weights."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Machine
from hwsim.traffic.contents import slices_of
from hwsim.traffic.groups import Groups
from hwsim.traffic.plan import plan

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CoreWork:
    """What the lanes of each core take for a layer."""

    cycles: IntArray  # (n_frame, n_core) [cycles]
    lock_step: IntArray  # (n_frame,) if no core begins a row before all are through with the last one [cycles]

    @property
    def busiest(self) -> IntArray:
        """If cores wait for each other at the end of a frame alone. (n_frame,) [cycles]"""
        return np.asarray(self.cycles.max(axis=1))


def are_alike(layer: LayerActivity, machine: Machine) -> bool:
    """Whether every row of a layer's weights asks the same of each core.

    Rows without their zeros do not, nor do those of groups of channels that lie on cores of their own.
    """
    return machine.run_bits is None and (machine.split is None or layer.connections[0].groups == 1)


def weights_by_core(connection: ConnectionActivity, machine: Machine) -> IntArray:
    """Weights that each row asks of each core: those of its channels, or what is stored of them. (n_row, n_core)

    Raises
    ------
    MachineError
        When the run did not note how the machine cuts its rows.
    """
    if machine.slicing is not None:
        return slices_of(connection, machine).n_entry
    if machine.run_bits is not None:
        return connection.rows_read.n_entry[:, machine.run_bits - 1 : machine.run_bits]
    core = machine.cores.of_channels(connection.groups * connection.n_reached).reshape(connection.groups, -1)
    n_channel = np.array([np.bincount(each, minlength=machine.cores.n) for each in core])
    n_tap = connection.row_length // connection.n_reached  # that lie in one row
    return np.repeat(n_channel * n_tap, connection.rows_stored.n_row // connection.groups, axis=0)


def row_costs(activity: Activity, layer: LayerActivity, machine: Machine) -> IntArray:
    """Cycles that lanes of each core take for one delivery of each row, of all weight terms.

    Parameters
    ----------
    activity : Activity
        Of a run that was told of the machine.
    layer : LayerActivity
        With weights. Of a Dense layer a row is an input, of a convolution a kernel tap of an input channel.
    machine : Machine
        With a ``timing``; one that does not split layers has one core.

    Returns
    -------
    (n_row, n_core) int64
        Without ``cycles.event``, and without what the row waits for at a level. [cycles]

    Raises
    ------
    MachineError
        When rows are not delivered one by one to lanes that take every event alike.
    """
    planned = plan(activity, machine).layers[layer.name]
    costs = []
    for connection in layer.connections:
        groups = Groups(connection, planned, machine)
        _refuse_groups(groups)
        is_whole = machine.run_bits is not None or groups.loops.is_depthwise
        tile = max(groups.tiles) if is_whole else groups.share(max(groups.tiles))
        n_tile, rest = np.divmod(weights_by_core(connection, machine), tile)
        lanes = groups.loops.lanes.channels
        costs.append((n_tile * -(-tile // lanes) + -(-rest // lanes)) * groups.single)
    return np.asarray(np.sum(costs, axis=0))


def core_work(activity: Activity, layer: LayerActivity, machine: Machine) -> CoreWork:
    """What each core does for a layer, frame by frame.

    Parameters
    ----------
    activity, layer, machine
        As :func:`row_costs` takes them.

    Raises
    ------
    MachineError
        As :func:`row_costs` does.
    """
    costs = row_costs(activity, layer, machine)
    loops = plan(activity, machine).layers[layer.name].loops
    assert loops is not None
    with_largest = np.column_stack([costs, costs.max(axis=1)])
    summed = layer.connections[0].rows_read.summed(with_largest, loops.lanes.positions)
    return CoreWork(summed[:, :-1], summed[:, -1])


def _refuse_groups(groups: Groups) -> None:
    """Refuse deliveries of which nothing is known row by row."""
    machine, lanes = groups.machine, groups.loops.lanes
    remedy = None
    if groups.cost is not None:
        remedy = "lanes take longer for large events; write event_arithmetic: multiply"
    elif groups.planned.tiling.rows is not None:
        remedy = "it is cut into strips; give the level of its sums room for whole frames"
    elif machine.batch > 1:
        remedy = f"frames of a batch share rows; write batch: 1, got {machine.batch}"
    elif lanes.inputs > 1:
        remedy = f"lanes take several rows at once; write inputs: 1, got {lanes.inputs}"
    if remedy is not None:
        raise MachineError(
            f"machine {machine.name}: layer {groups.connection.layer}: what single rows ask of each core is not told "
            f"where {remedy}"
        )
