"""What every schedule says: when each step begins, and when its answer is there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity
from hwsim.errors import HwsimError, MachineError, UnknownNameError
from hwsim.files.plugins import load_plugins
from hwsim.machine import Machine
from hwsim.timing.work import Work

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Times:
    """When steps happen, from 0. [cycles]"""

    start: IntArray  # (n_step,) the first layer begins
    done: IntArray  # (n_step,) the answer is there
    busy: IntArray  # (n_core,) cycles in which each core works
    cores: tuple[str, ...]  # names of the cores: their layers
    stalled: IntArray | None = None  # (n_core,) cycles in which it waits for a place to put what it sends
    starved: IntArray | None = None  # (n_core,) cycles in which it waits for something to do

    @property
    def makespan(self) -> int:
        """Until all is done. [cycles]"""
        return int(self.done.max(initial=0))


class Schedule:
    """A way to put layers in order; a class with a `name` is found by it in a machine's `timing`.

    Parameters
    ----------
    machine : Machine
        With a ``timing``.
    activity : Activity
        Of the run, for schedules that look at single events.
    """

    name: ClassVar[str]

    def __init__(self, machine: Machine, activity: Activity) -> None:
        assert machine.timing is not None
        self.machine, self.activity, self.timing = machine, activity, machine.timing

    def __init_subclass__(cls) -> None:
        """Register a schedule under its name, which no other has."""
        if cls.name in _SCHEDULES:
            raise HwsimError(f"schedule {cls.name!r}: there is one of this name; give yours another")
        _SCHEDULES[cls.name] = cls

    def times(self, work: Work) -> Times:
        """When each step begins and is done.

        Raises
        ------
        MachineError
            When the machine or the network is none for this schedule.
        """
        raise NotImplementedError

    def n_lane(self, work: Work) -> int:
        """Lanes that there are: of each core, as many as any of its layers may use."""
        return sum(max(work.layers[k].n_lane for k in core) for core in self.cores(work))

    def cores(self, work: Work) -> list[list[int]]:
        """The layers of each core, by their places: one each unless the machine says otherwise.

        Raises
        ------
        MachineError
            When the machine places layers that are not there, or leaves some out.
        """
        placement = self.timing.placement
        names = [layer.name for layer in work.layers]
        if placement is None:
            return [[k] for k in range(len(names))]
        placed = [name for core in placement for name in core]
        where = f"machine {self.machine.name}: timing.placement"
        if unknown := [name for name in placed if name not in names]:
            raise MachineError(f"{where}: {self.activity.network} has no layer {unknown[0]}; it has {', '.join(names)}")
        if left := [name for name in names if name not in placed]:
            raise MachineError(
                f"{where} leaves out {', '.join(left)}; give each layer of {self.activity.network} a core"
            )
        return [sorted(names.index(name) for name in core) for core in placement]


_SCHEDULES: dict[str, type[Schedule]] = {}


def schedule_named(name: str) -> type[Schedule]:
    """A schedule by name; modules of one's own are loaded where the package has none of it.

    Raises
    ------
    UnknownNameError
        When there is none.
    """
    if name not in _SCHEDULES:
        load_plugins()
    if name not in _SCHEDULES:
        raise UnknownNameError("schedule", name, _SCHEDULES)
    return _SCHEDULES[name]


def core_names(work: Work, cores: list[list[int]]) -> tuple[str, ...]:
    """Names of cores: those of their layers."""
    return tuple(", ".join(work.layers[k].name for k in core) for core in cores)
