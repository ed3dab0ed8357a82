"""Where everything lives on a machine, and how each layer is cut: decided by shapes, before anything runs."""

from collections.abc import Iterator
from functools import lru_cache

from hwsim.activity import Activity, Need, Strip
from hwsim.machine import Machine
from hwsim.traffic.groups import costs_asked
from hwsim.traffic.planned import Plan
from hwsim.traffic.shape import Shape, shape_of
from hwsim.traffic.sharing import Share
from hwsim.traffic.slices import refuse_overfull


def plan(activity: Activity, machine: Machine) -> Plan:
    """Plan a network on a machine.

    Parameters
    ----------
    activity : Activity
        Of a run, of which nothing but shapes and formats is looked at.
    machine : Machine
        Of the run's execution.

    Raises
    ------
    MachineError
        When an operand has no level that can hold it, or a tile's sums do not fit.
    """
    if machine.slicing is not None:
        refuse_overfull(activity, machine)
    return _planned(shape_of(activity, machine), machine)


def needs_of(activity: Activity, machine: Machine) -> Iterator[tuple[str, Need]]:
    """What a run has to note for a machine, each with its layer; systolic arrays ask for nothing."""
    if machine.array is not None:
        return
    planned = plan(activity, machine)
    for layer in activity.layers:
        each = planned.layers[layer.name]
        if each.loops is None:
            continue
        if each.tiling.rows is not None:
            yield layer.name, Strip(each.tiling.rows, each.loops.lanes.positions)
        if machine.slicing is not None:
            yield layer.name, machine.slicing
        yield from ((layer.name, cost) for cost in costs_asked(layer, machine, each))


@lru_cache(maxsize=64)
def _planned(shape: Shape, machine: Machine) -> Plan:
    share = Share(shape, machine)
    plans = [found for limit in share.limits() if (found := share.plan(limit)) is not None]
    if not plans:
        share.complain()
    return min(plans, key=lambda found: found[0])[1]
