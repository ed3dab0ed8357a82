"""Layers that lie on several cores, each with some of their output channels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

import pydantic
from pydantic import Field

from hwsim.activity import Cores
from hwsim.files.strict_yaml import Schema

if TYPE_CHECKING:
    from hwsim.machine.machine import Machine

SeveralCores = Annotated[int, Field(ge=2, le=65536)]


class Split(Schema):
    """On how many cores the output channels of a layer lie, and which of them on which."""

    channels: SeveralCores | None = None  # as many neighbours on each core, fewer on the last
    interleaved: SeveralCores | None = None  # channel j on core j mod n

    @pydantic.model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if [self.channels, self.interleaved].count(None) != 1:
            raise ValueError("expected either `channels: n` (neighbours on a core) or `interleaved: n` (one by one)")
        return self

    @property
    def cores(self) -> Cores:
        """The cores."""
        return Cores(self.channels or self.interleaved or 1, self.interleaved is not None)

    @property
    def text(self) -> str:
        """In words."""
        of_core = f"channel j on core j mod {self.cores.n}" if self.interleaved else "neighbouring channels on each"
        return f"each layer on {self.cores.n} cores, {of_core}"


def contradictions_of_split(machine: "Machine") -> Iterator[tuple[str, str]]:
    """What a machine says that does not go with layers on several cores."""
    if machine.split is None:
        return
    if machine.array is not None:
        yield "split", "an array takes layers whole; write lanes, or take split out"
    if machine.operations == "whole":
        yield "split", "whole operations say nothing of cores; take split out"
    if machine.run_bits is not None:
        yield from _of_slices(machine)


def _of_slices(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Slices are stored for good, each in its core, with two pointers to each."""
    if not machine.levels:
        yield "split", "slices of compressed rows have pointers in a level of their own; write `levels`"
        return
    if not machine.holding("pointers"):
        yield "levels", "no level holds pointers to the slices of compressed rows; name it in the `holds` of one"
    for level in machine.holding("weights"):
        if set(level.holds) - {"weights", "pointers"}:
            yield (
                "levels",
                f"{level.name}: slices of compressed rows fill a memory of each core that holds weights and pointers "
                f"alone, this one holds {', '.join(level.holds)}",
            )
        if level.kind == "dram":
            yield "levels", f"{level.name}: slices of compressed rows stay in their cores; write kind: sram"
    if machine.batch > 1:
        yield "batch", f"slices of compressed rows are read frame by frame; write batch: 1, got {machine.batch}"
