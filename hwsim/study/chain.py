"""What an advantage is made of: the machines between a baseline and a row, each one step from the last.

A factor is the energy before its step over the energy after it, so that all of them multiply to the advantage.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hwsim.counting.counts import Counts
from hwsim.errors import HwsimError
from hwsim.machine import Machine, Memory
from hwsim.study.capacities import has_grown, held_nothing, made_to_measure, resized, stated

FACTORS = ("bits", "memory size", "event arithmetic", "reuse", "zero skipping", "delta")
"""In the order in which the steps are taken. The row's network comes to the baseline's machine made dense, in memories
as large as the baseline's network needs; the memories become as large as its own needs; one event at one synapse is
carried out as on the row's machine; then all of that machine but its skipping, so that a buffer is not taken for
skipped zeros; then what is zero is skipped; then only differences are presented."""

WHOLE = "whole operations"
"""The only factor where one of the two machines has operations that hold several: they cannot be taken apart."""

Count = Callable[[str, Machine], Counts]
"""Counts of a network, by its name, on a machine."""


class Chain(NamedTuple):
    """Counts along the way from a baseline to a row."""

    steps: dict[str, Counts]  # by the factor whose step leads there; the baseline under an empty name; or nothing
    notes: tuple[str, ...] = ()


def made_dense(machine: Machine) -> Machine:
    """The machine presenting every input; itself where it does so."""
    if machine.walk.presents_every_input:
        return machine
    return _changed(machine, execution="dense", events="indexed")


def without_delta(machine: Machine) -> Machine:
    """The machine presenting what is not zero instead of differences; itself where it presents none."""
    return _changed(machine, execution="sparse") if machine.walk.presents_changes else machine


def _changed(machine: Machine, **keys: Any) -> Machine:
    """The machine with other keys, itself where it has these: what is on the way is counted, and has no time."""
    changed = machine.model_copy(update=keys)
    return machine if changed == machine else changed.model_copy(update={"timing": None})


def machines_between(baseline: Machine, machine: Machine) -> tuple[Machine, ...]:
    """The machines of the steps after the second, to a row's machine, which is the last.

    Parameters
    ----------
    baseline, machine : Machine
        Of the baseline and of the row, neither of whole operations.
    """
    start = made_dense(baseline)
    return (
        _changed(start, event_arithmetic=machine.event_arithmetic),
        _changed(made_dense(machine), zero_operands=start.zero_operands, skip_zero_weights=start.skip_zero_weights),
        without_delta(machine),
        machine,
    )


def machines_needed(baseline: Machine, machine: Machine) -> tuple[Machine, ...]:
    """All machines that a row's network may be counted on, for a run that has to know them before."""
    if "whole" in (baseline.operations, machine.operations):
        return (machine,)
    start = made_dense(baseline)
    limited = [level.name for level in start.hierarchy if level.at_most is not None]
    return (start, _without(start, limited), *machines_between(baseline, machine))


def chain_of(count: Count, row: tuple[str, Machine], first: tuple[str, Machine]) -> Chain:
    """Counts of a baseline, of a row, and of what lies between them.

    Parameters
    ----------
    count : callable
        Counts a network on a machine.
    row, first : (network, Machine)
        The row and the baseline, networks by their names.

    Returns
    -------
    Chain
        Without steps, and with the reason, where a machine on the way refuses the row's network.

    Raises
    ------
    MachineError
        When the row or the baseline itself cannot be counted.
    """
    before, after = count(*first), count(*row)
    if "whole" in (row[1].operations, first[1].operations):
        return Chain({"": before, WHOLE: after})
    if row == first:
        return Chain({"": before, **dict.fromkeys(FACTORS, before)})
    network, start = row[0], made_dense(first[1])
    try:
        own = count(network, start)
        frozen, notes = _frozen(count, row[0], start, first, before)
        rest = [count(network, machine) for machine in machines_between(first[1], row[1])]
    except HwsimError as error:
        return Chain({}, (f"no factors over {first[0]} on {first[1].name}: {error}",))
    return Chain({"": before, **dict(zip(FACTORS, [frozen, own, *rest], strict=True))}, notes)


def _frozen(
    count: Count, network: str, start: Machine, first: tuple[str, Machine], before: Counts
) -> tuple[Counts, tuple[str, ...]]:
    """A network on the baseline's machine made dense, with the memories that the baseline was counted with."""
    if (network, start) == first:
        return before, ()
    names = made_to_measure(start)
    outside = [level.name for level in start.hierarchy if held_nothing(level, before)]
    counts = count(network, _without(start, outside))
    sizes = stated(before, names)
    grown = [name for name in names if has_grown(counts, name, sizes)]
    said = f"{' and '.join(grown)} need more than {first[0]} does on {first[1].name}, and keep what they need"
    return resized(counts, names, sizes), (f"factors of bits and memory size: {said}",) if grown else ()


def _without(machine: Machine, names: list[str]) -> Machine:
    """The machine with nothing in some of the memories that are made to measure: what they would hold is off chip."""
    if not names:
        return machine
    if machine.memories is not None:
        outside = {name: Memory(off_chip=machine.off_chip or "dram") for name in names}
        return machine.model_copy(update={"memories": machine.memories.model_copy(update=outside)})
    levels = [
        level.model_copy(update={"at_most": 1}) if level.name in names else level  # not one byte fits
        for level in machine.levels
    ]
    return machine.model_copy(update={"levels": tuple(levels)})
