"""The power that flows whether or not anything happens, of which each inference pays its share.

At a frame rate that is the time from one frame to the next; with a machine's own time it is what a frame takes where
frame follows frame, or the longer of the two. Nothing is switched off in between: no machine says that it could be.

A table states it of a whole chip, or of memories by capacity and word length. Of a chip it is taken as it is. Of
memories it is that of each one that was counted: the largest of those that hold the same thing, because a machine
builds one for all its layers; but each table of a function is a memory of its own. Where a machine names its levels it
is that of each level on chip, times its banks, one of declared capacity also where nothing was moved to it. Arithmetic
units and registers leak too; no machine says how many of them it has.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from hwsim.counting.counts import Counts, Key
from hwsim.errors import MachineError, TableError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import EnergyTable, StaticPower
from hwsim.pricing.energy_table.price import Price, is_quantity
from hwsim.pricing.energy_table.price_list import PriceList
from hwsim.timing.timing import Timing

FRAME_RATE = 30.0
"""Inferences per second at which energy is shown as power, unless said. [1/s]"""


class Leak(NamedTuple):
    """The static power of one thing."""

    key: Key
    power: Price  # [W]

    def share(self, frame_rate: float) -> Price:
        """What one inference pays of it. [J]"""
        energy, low, high = (watt / frame_rate for watt in self.power[:3])
        return self.power._replace(energy=energy, low=low, high=high)


def leaks(counts: Counts, table: EnergyTable) -> tuple[Leak, ...] | None:
    """Static powers of what was counted; None where the table states neither a chip's nor a memory's.

    Parameters
    ----------
    counts : Counts
        Say which memories there are.
    table : EnergyTable
        States powers. [W]

    Raises
    ------
    TableError
        When the table states powers of memories but not that of one which is needed.
    """
    if "chip" in table.leakage:
        whole = Operation("leakage", (), "chip")
        powers = [(whole, _price(each)) for each in table.leakage["chip"]]
    elif "sram" in table.leakage:
        banks = {level.name: level.banks for level in counts.levels}
        powers = [
            (memory, _of_banks(_power(memory, table), banks.get(memory.memory, 1))) for memory in memories(counts)
        ]
    else:
        return None
    return tuple(Leak(Key("chip", "static", operation), power) for operation, power in powers)


def checked_rate(frame_rate: float) -> float:
    """A frame rate [1/s]; what is none is refused with a TableError."""
    if not (is_quantity(frame_rate) and frame_rate > 0):
        raise TableError(f"frame rate {frame_rate!r}: write inferences per second, above 0")
    return frame_rate


def reached(frame_rate: float | None, timing: Timing | None) -> float:
    """Inferences per second at a frame rate, or without one back to back: never more than the machine does. [1/s]"""
    fastest = timing.frames_per_second if timing is not None and timing.makespan else math.inf
    return min(fastest, math.inf if frame_rate is None else frame_rate)


def notes(frame_rate: float | None, timing: Timing | None) -> Iterator[str]:
    """What must be known of static energy that is in a total."""
    rate = reached(frame_rate, timing)
    if frame_rate is None:
        yield f"static energy back to back, at {rate:,.6g} inferences per second, is in the total"
    elif rate < frame_rate:
        yield (
            f"too slow for {frame_rate:g} inferences per second: that rate is not reached, and static energy at "
            f"{rate:,.6g} is in the total"
        )
    else:
        yield f"static energy at {frame_rate:g} inferences per second is in the total"
    if timing is not None:
        yield "static power flows all the time: nothing is switched off between frames, gating is not modelled"


def check_same_run(counts: Counts, timing: Timing) -> None:
    """Refuse a time that is not that of the counts, with a MachineError."""
    counted, timed = (
        f"{of.network} on {of.machine} ({of.execution}), {of.n_inference:,} frames of {of.data}"
        for of in (counts, timing)
    )
    if counted != timed:
        raise MachineError(
            f"counts of {counted} do not go with timing of {timed}; count and schedule the activity of one run on one "
            "machine"
        )


def memories(counts: Counts) -> list[Operation]:
    """The memories on chip, each as the operation of leaking.

    Parameters
    ----------
    counts : Counts
        Of what was counted the largest memory of each purpose is taken; of a machine's levels those of declared
        capacity are there without being counted. The capacity of a level is that of one of its banks.
    """
    largest: dict[str, Operation] = {}
    for key in counts.entries:
        kind, _, memory, capacity, word_length, _ = key.operation
        if key.operation in counts.tables:
            continue
        if kind.startswith("sram") and capacity > largest.get(memory, Operation("")).capacity:
            largest[memory] = Operation("leakage", (), memory, capacity, word_length)
    for level in counts.levels:
        if level.kind == "sram" and level.capacity is not None and level.word_length is not None:
            largest.setdefault(level.name, Operation("leakage", (), level.name, level.capacity, level.word_length))
    return [*largest.values(), *(table._replace(kind="leakage", operand="") for table in counts.tables)]


def _of_banks(power: Price, n_bank: int) -> Price:
    """Power of a level of equal memories. [W]"""
    return power if n_bank == 1 else power.times(n_bank)._replace(rule=f"{n_bank} banks, of each: {power.rule}")


def _power(memory: Operation, table: EnergyTable) -> Price:
    """Power of a memory, found as the energy of an access is. [W]"""
    powers = table.leakage["sram"]
    columns: dict[int, dict[int, Price]] = {}
    for each in powers:
        if each.per:
            scale = memory.capacity * (8 if each.per == "bit" else 1)
            return _price(each).times(scale)
        columns.setdefault(each.word_length, {})[each.capacity] = _price(each)
    found = PriceList({}, {}, {}, {"sram_read": columns}, table.rules).price(memory._replace(kind="sram_read"))
    if found is None:
        ask = "" if "interpolation" in table.rules else "ask for the rule interpolation, "
        size = f"{memory.capacity:,} bytes in words of {memory.word_length} bits"
        raise TableError(
            f"energy table {table.name} states the static power of memories, but not of {size} ({memory.memory}); "
            f"{ask}leave the frame rate out, or write a table that extends it"
        )
    return found


def _price(power: StaticPower) -> Price:
    energies = (power.power, power.low, power.high)
    return Price(*energies, "exact", power.standing, power.source, power.where, power.process)
