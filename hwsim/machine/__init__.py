"""A machine: its schema and YAML presets, and what it asks of a layer."""

from hwsim.machine.array import Array, memories_of
from hwsim.machine.level import Level, Memory, Operand, Tile
from hwsim.machine.machine import (
    DEFAULT_MACHINE,
    Lanes,
    LanesByLayer,
    Machine,
    Overhead,
    UnaryUpTo,
    load_machine,
)

__all__ = [
    "DEFAULT_MACHINE",
    "Array",
    "Lanes",
    "LanesByLayer",
    "Level",
    "Machine",
    "Memory",
    "Operand",
    "Overhead",
    "Tile",
    "UnaryUpTo",
    "load_machine",
    "memories_of",
]
