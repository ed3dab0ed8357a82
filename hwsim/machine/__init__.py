"""A machine: its schema and YAML presets, and what it asks of a layer."""

from hwsim.machine.machine import (
    DEFAULT_MACHINE,
    Lanes,
    LanesByLayer,
    Machine,
    Memory,
    Overhead,
    UnaryUpTo,
    load_machine,
)

__all__ = ["DEFAULT_MACHINE", "Lanes", "LanesByLayer", "Machine", "Memory", "Overhead", "UnaryUpTo", "load_machine"]
