"""Memories made to measure, in other sizes than their own contents need.

A memory with `fit` is as large as what it holds, so that in a larger one the same words are moved, each at another
price. They are therefore resized in the counts, where each layer's memory stands by itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple, TypeAlias, get_args

from hwsim.counting.counts import Counts, IntArray, Key
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine

Chip: TypeAlias = Literal["own", "shared"]
"""Of which size memories with `fit` are: what each row needs, or the largest that any row needs."""


Access: TypeAlias = tuple[str, str, str, str]
"""Layer, kind of access, level and operand."""


class Sizes(NamedTuple):
    """Capacities that were counted. [bytes]"""

    by_access: Mapping[Access, int]
    by_level: Mapping[str, int]  # the largest of each level

    def of(self, key: Key) -> int:
        """Of the memory of an access; of a layer that is not known, the level's largest; 0 of an unknown level."""
        return self.by_access.get(_access(key), self.by_level.get(key.operation.memory, 0))


def checked_chip(chip: str) -> Chip:
    """A chip as it is asked for; MachineError for what is none."""
    for each in get_args(Chip):
        if chip == each:
            return each  # type: ignore[no-any-return]
    raise MachineError(
        f"chip {chip!r}; write 'own' (each row's memories as large as it needs) or 'shared' (as any row needs)"
    )


def made_to_measure(machine: Machine) -> tuple[str, ...]:
    """Names of the levels that are as large as what they hold."""
    return tuple(level.name for level in machine.hierarchy if level.is_made_to_measure)


def stated(counts: Counts, levels: Collection[str]) -> Sizes:
    """The capacities that some levels were counted with."""
    by_access: dict[Access, int] = {}
    by_level: dict[str, int] = {}
    for key in counts.entries:
        if _is_of(key, levels):
            access, level, capacity = _access(key), key.operation.memory, key.operation.capacity
            by_access[access] = max(by_access.get(access, 0), capacity)
            by_level[level] = max(by_level.get(level, 0), capacity)
    return Sizes(by_access, by_level)


def largest_of(counted: Iterable[tuple[Counts, Machine]]) -> Sizes:
    """Of each level that some machine makes to measure, the largest capacity that any of the counts needs."""
    largest: dict[str, int] = {}
    for counts, machine in counted:
        for name, capacity in stated(counts, made_to_measure(machine)).by_level.items():
            largest[name] = max(largest.get(name, 0), capacity)
    return Sizes({}, largest)


def resized(counts: Counts, levels: Collection[str], sizes: Sizes) -> Counts:
    """The same accesses to memories of other sizes; one that needs more than that keeps its own."""
    entries: dict[Key, IntArray] = {}
    for key, number in counts.entries.items():
        if _is_of(key, levels):
            capacity = max(key.operation.capacity, sizes.of(key))
            key = key._replace(operation=key.operation._replace(capacity=capacity))
        entries[key] = entries.get(key, 0) + number
    return replace(counts, entries=entries)


def has_grown(counts: Counts, level: str, sizes: Sizes) -> bool:
    """Whether a level needs more than it had, somewhere; one that had no size is not compared."""
    return any(0 < sizes.of(key) < key.operation.capacity for key in counts.entries if _is_of(key, (level,)))


def held_nothing(level: Level, counts: Counts) -> bool:
    """Whether a level with a limit would have had to be larger, so that what it holds was counted off chip."""
    operations = [key.operation for key in counts.entries]
    is_used = any(_is_of(key, (level.name,)) for key in counts.entries)
    off_chip = [each for each in operations if each.kind.startswith("dram")]
    is_missed = any(each.memory == level.name or each.operand in level.holds for each in off_chip)
    return level.at_most is not None and is_missed and not is_used


def _access(key: Key) -> Access:
    return key.layer, key.operation.kind, key.operation.memory, key.operation.operand


def _is_of(key: Key, levels: Collection[str]) -> bool:
    """Whether an access is one to a memory on chip that is among these levels."""
    return key.operation.kind.startswith("sram") and key.operation.memory in levels
