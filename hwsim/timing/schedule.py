"""From what happened to how long it took: scheduling an Activity on a Machine."""

from pathlib import Path

from hwsim.activity import Activity
from hwsim.errors import MachineError
from hwsim.machine import Machine, load_machine
from hwsim.timing.schedules import schedule_named
from hwsim.timing.timing import LayerTiming, Timing
from hwsim.timing.work import work_of


def schedule(activity: Activity, machine: str | Path | Machine) -> Timing:
    """Find out how long what happened takes on a machine, and what it waits for.

    Parameters
    ----------
    activity : Activity
        Of a run that was told of the machine (``simulate(..., machines=[machine])``).
    machine : str, path or Machine
        A preset's name, a YAML file or a Machine, with a ``timing``.

    Returns
    -------
    Timing
        In whole cycles of the machine as written; no silicon was measured.

    Raises
    ------
    MachineError
        When the machine has no time or is of another execution, or the run did not note what it needs.
    """
    machine = load_machine(machine)
    if machine.timing is None:
        raise MachineError(
            f"machine {machine.name} has no time; write a `timing` block (docs/machines.md), or choose a machine that "
            "has one (hwsim machine list)"
        )
    if machine.execution != activity.execution.kind:
        raise MachineError(
            f"machine {machine.name} walks {machine.execution}, but this run of {activity.network} was "
            f"{activity.execution.kind}; simulate with execution={machine.execution!r} or choose another machine"
        )
    way = schedule_named(machine.timing.schedule)(machine, activity)
    work = work_of(activity, machine)
    times = way.times(work)
    return Timing(
        layers=tuple(
            LayerTiming(layer.name, layer.resources, layer.total, layer.operations, layer.n_lane)
            for layer in work.layers
        ),
        start=times.start,
        done=times.done,
        first=work.first,
        n_frame=work.n_frame,
        clock=machine.timing.clock,
        schedule=way.name,
        n_lane=way.n_lane(work),
        cores=times.cores,
        busy=times.busy,
        stalled=times.stalled,
        starved=times.starved,
        network=activity.network,
        data=activity.data,
        execution=str(activity.execution),
        machine=machine.name,
        notes=(*activity.notes, *work.notes),
        rules=activity.rules,
    )
