"""Where everything lives on a machine, and how each layer is cut: decided by shapes, before anything runs."""

from functools import lru_cache

from hwsim.activity import Activity, Strip
from hwsim.machine import Machine
from hwsim.traffic.planned import Plan
from hwsim.traffic.shape import Shape, shape_of
from hwsim.traffic.sharing import Share


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
    return _planned(shape_of(activity, machine), machine)


def strips_asked(activity: Activity, machine: Machine) -> dict[str, Strip]:
    """The strips that a run has to note for a machine, by layer; systolic arrays ask for none."""
    found: dict[str, Strip] = {}
    if machine.array is not None:
        return found
    for name, each in plan(activity, machine).layers.items():
        if each.loops is not None and each.tiling.rows is not None:
            found[name] = Strip(each.tiling.rows, each.loops.lanes.positions)
    return found


@lru_cache(maxsize=64)
def _planned(shape: Shape, machine: Machine) -> Plan:
    share = Share(shape, machine)
    plans = [found for limit in share.limits() if (found := share.plan(limit)) is not None]
    if not plans:
        share.complain()
    return min(plans, key=lambda found: found[0])[1]
