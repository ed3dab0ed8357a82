"""A machine: its schema and YAML presets, and what it asks of a layer."""

from hwsim.machine.array import Array, memories_of
from hwsim.machine.functions import WIDEST_TABLE, Functions, PiecewiseLinear, is_looked_up, n_segment
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
from hwsim.machine.split import Split
from hwsim.machine.timing import MachineTiming, Port

__all__ = [
    "DEFAULT_MACHINE",
    "WIDEST_TABLE",
    "Array",
    "Functions",
    "Lanes",
    "LanesByLayer",
    "Level",
    "Machine",
    "MachineTiming",
    "Memory",
    "Operand",
    "Overhead",
    "PiecewiseLinear",
    "Port",
    "Split",
    "Tile",
    "UnaryUpTo",
    "is_looked_up",
    "load_machine",
    "memories_of",
    "n_segment",
]
