"""Systolic arrays: multipliers in rows and columns through which operands are handed on, instead of lanes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from hwsim.files.strict_yaml import Schema
from hwsim.machine.level import Level, Operand, PositiveInt

if TYPE_CHECKING:
    from hwsim.machine.machine import Machine


class Array(Schema):
    """A systolic array: what stays in it while the rest streams past."""

    systolic: Literal["weight", "output", "input"]
    rows: PositiveInt
    columns: PositiveInt

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.rows} x {self.columns} systolic array ({self.systolic} stationary)"


def contradictions_of_array(machine: "Machine") -> Iterator[tuple[str, str]]:
    """What a machine says that does not go with having an array, or with having neither array nor lanes."""
    if machine.array is None:
        if machine.lanes is None:
            yield (
                "lanes",
                "how much works side by side? Write `lanes`, or the `array` of a systolic machine",
            )
        return
    if machine.lanes is not None:
        yield "array", "a machine has lanes or an array, never both; take one of the two out"
    if not machine.walk.presents_every_input:
        yield "array", f"every code streams through an array, but this execution is {machine.execution}; write dense"
    for name, only in (("operations", "elementary"), ("weights", "rows"), ("reuse", "lanes"), ("order", "best")):
        if (found := getattr(machine, name)) != only:
            yield name, f"a machine with an array has no `{name}: {found}`; take it out"
    if machine.tile is not None:
        yield "tile", "an array works in folds of its own size; take tile out"
    if machine.memories is not None:
        yield "memories", "a machine with an array names its levels; write `levels` instead of memories"
        return
    yield from _contradictions_of_levels(machine)


def _contradictions_of_levels(machine: "Machine") -> Iterator[tuple[str, str]]:
    """An array is served by one sram for each operand, perhaps with a dram behind it; its own registers hold sums."""
    for level in machine.levels:
        if level.fit is not None:
            yield "levels", f"level {level.name}: an array's memories are as large as they are; write its `capacity`"
    if machine.holding("sums")[-1:] and machine.holding("sums")[-1].kind != "registers":
        yield "levels", "sums are added up inside an array; end `levels` with a level of kind registers that holds sums"
    operands: tuple[Operand, ...] = ("weights", "codes", "sums")
    for operand in operands:
        kinds = [level.kind for level in memories_of(machine, operand)]
        if kinds not in (["sram"], ["dram", "sram"]):
            found = ", ".join(kinds) or "no memory"
            yield (
                "levels",
                f"an array reads and writes {operand} in one sram, behind which may be a dram; found {found}",
            )


def memories_of(machine: "Machine", operand: Operand) -> tuple[Level, ...]:
    """The memories that an operand passes through on its way to the array, from far to near."""
    return tuple(level for level in machine.holding(operand) if level.kind != "registers")
