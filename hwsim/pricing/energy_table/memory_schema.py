"""What a figure of a memory may say: accesses by capacity and word length, and the power that leaks."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from hwsim.files.strict_yaml import Schema
from hwsim.pricing.energy_table.figure_schema import Above, Amount, Figure, Many, Origin, Spread, Text, in_order

UNITS_PER_WATT = {"W": 1.0, "mW": 1e3, "uW": 1e6, "nW": 1e9}
Bytes = Annotated[int, Field(ge=1, le=2**60)]
WordLength = Annotated[int, Field(ge=1, le=2**20)]  # [bits]
LEAST = 1e-12
"""Accesses of less are none. [the table's unit]"""


class Access(Schema):
    """The energy of moving one word to or from a memory."""

    capacity: Bytes | None = None  # a DRAM has none
    word_length: WordLength
    access: "MemorySpread | None" = None  # where the source does not tell read from write
    read: "MemorySpread | None" = None
    write: "MemorySpread | None" = None

    @property
    def by_way(self) -> dict[str, Spread]:
        """Energy of a read and of a write."""
        ways = {"read": self.read or self.access, "write": self.write or self.access}
        return {way: spread for way, spread in ways.items() if spread is not None}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        stated = (self.access is not None, self.read is not None, self.write is not None)
        if stated not in ((True, False, False), (False, True, True)):
            raise ValueError("write either `access` or both `read` and `write`")
        if any(spread.bounds[0] < LEAST for spread in self.by_way.values()):
            raise ValueError("expected energies above 0: no access to a memory is free")
        return self


MemorySpread: TypeAlias = Annotated[
    Spread,
    BeforeValidator(
        lambda found: found if isinstance(found, dict | Spread) else {"energy": found},
        json_schema_input_type=float | Spread,
    ),
]
Access.model_rebuild()


class Memory(Figure):
    """Accesses to memories of one kind, from one source."""

    memory: Literal["sram", "dram"]
    # the interval of every energy that has none of its own, as factors on it
    low_factor: Annotated[float, Field(ge=1e-6, le=1)] | None = None
    high_factor: Annotated[float, Field(ge=1, le=1e6)] | None = None
    interval: Origin | None = None
    entries: Annotated[Many[Access], Field(min_length=1)]

    def bounds(self, spread: Spread) -> tuple[float, float]:
        """Low and high of one of the energies. [the table's unit]"""
        if spread.low is not None or spread.high is not None:
            return spread.bounds
        return spread.energy * (self.low_factor or 1.0), spread.energy * (self.high_factor or 1.0)

    @model_validator(mode="after")
    def _has_capacities(self) -> Self:
        if any((entry.capacity is None) == (self.memory == "sram") for entry in self.entries):
            raise ValueError("every entry of an sram has its capacity [bytes], and none of a dram")
        if (self.low_factor or self.high_factor) and self.interval is None:
            raise ValueError("low_factor, high_factor: write where they come from as `interval`")
        return self


class StaticEntry(Schema):
    """A power that flows whether or not anything happens. [the unit of its group]"""

    power: Above
    low: Amount | None = None
    high: Amount | None = None
    capacity: Bytes | None = None  # of a memory
    word_length: WordLength | None = None  # of a memory

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high; the power itself where none is given."""
        return self.power if self.low is None else self.low, self.power if self.high is None else self.high

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        in_order("power", self.power, self.bounds)
        return self


class Leakage(Figure):
    """Static power of one kind of thing, from one source."""

    of: Text  # sram, chip, or the unit in words
    unit: Literal["W", "mW", "uW", "nW"]
    per: Literal["byte", "bit"] | None = None  # silent: of the whole
    interval: Origin | None = None
    entries: Annotated[Many[StaticEntry], Field(min_length=1)]
