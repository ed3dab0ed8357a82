"""A machine in words, and its levels as rows of text."""

from collections.abc import Iterator

from hwsim.machine.contradictions import never_used
from hwsim.machine.level import Level
from hwsim.machine.machine import Lanes, Machine
from hwsim.machine.timing import MachineTiming

LEVEL_HEADS = ("level", "kind", "capacity", "word [bits]", "holds", "reached")
KIBI, MEBI = 1024, 1024**2


def size_text(n_byte: int) -> str:
    """A capacity as people write it, such as 256 KiB. [bytes]"""
    for size, unit in ((MEBI, "MiB"), (KIBI, "KiB")):
        if n_byte >= size:
            return f"{n_byte / size:g} {unit}"
    return f"{n_byte} bytes"


def levels_in_short(machine: Machine) -> str:
    """Names and sizes of the levels from far to near, on one line."""
    return ", ".join(_in_short(level) for level in machine.hierarchy)


def _in_short(level: Level) -> str:
    if level.is_made_to_measure:
        return f"{level.name} to fit"
    return level.name if level.capacity is None else f"{level.name} {_capacity(level)}"


def clock_in_short(machine: Machine) -> str:
    """Its clock, or that it has none."""
    return "no clock" if machine.timing is None else f"{machine.timing.clock / 1e6:g} MHz"


def level_rows(machine: Machine) -> list[tuple[str, ...]]:
    """The levels from far to near, a row of text each, under `LEVEL_HEADS`."""
    return [
        (
            level.name,
            level.kind,
            _capacity(level),
            str(level.word_length or "a sum"),
            ", ".join(level.holds),
            _reached(level, machine),
        )
        for level in machine.hierarchy
    ]


def _capacity(level: Level) -> str:
    if level.fit is not None:
        limit = f", at most {size_text(level.at_most)}" if level.at_most else ""
        return f"fits the {level.fit}{limit}"
    if level.capacity is None:
        return "no limit"
    return f"{level.banks} x {size_text(level.capacity)}" if level.banks > 1 else size_text(level.capacity)


def _reached(level: Level, machine: Machine) -> str:
    """How words come to a level, where that is not by what is needed."""
    ways = ["filled with whole rows, needed or not"] if level.prefetch else []
    if "sums" in level.holds and machine.array is not None and level.kind != "registers":
        ways.append("unfinished sums of a fold, written and read back")
    elif "sums" in level.holds:
        one = "one update" if level.kind == "registers" else "a read and a write of one sum"
        ways.append("sums by rows" if level.access == "per-row" else f"{one} per addition")
    return "; ".join(ways)


def in_words(machine: Machine) -> Iterator[str]:
    """What a machine does beside its levels, a line each: lanes, widths, loops, clock, levels never used, sources."""
    lanes = machine.lanes
    if lanes is None:
        yield machine.side_by_side
    else:
        yield f"lanes, channels x positions: Dense {_lanes(lanes.dense)}; convolution {_lanes(lanes.convolution)}"
    if machine.operands is not None:
        yield f"operands: whole numbers of at most {machine.operands} bits; wider networks are refused"
    if machine.memories is None and lanes is not None:
        yield f"order: {_order(machine)}"
    if machine.timing is not None:
        yield f"clock: {clock_in_short(machine)}; {_in_a_cycle(machine.timing)}"
        yield f"schedule: {machine.timing.schedule}; overlap: {machine.timing.overlap}"
    yield from machine.notes
    for name, reason in never_used(machine):
        yield f"level {name} can never be used: {reason}"
    yield from (f"source: {text}" for text in machine.sources)
    yield from (f"assumed: {text}" for text in machine.assumed)


def _lanes(lanes: Lanes) -> str:
    text = f"{lanes.channels} x {lanes.positions}"
    text += f" in {lanes.frames} frames" if lanes.frames > 1 else ""
    return text + (f" with {lanes.inputs} inputs each" if lanes.inputs > 1 else "")


def _in_a_cycle(timing: MachineTiming) -> str:
    ports = (
        f"{port.bits} bits of {name}" + (" each way" if port.ports == "1r1w" else "")
        for name, port in timing.levels.items()
    )
    return f"in a cycle {', '.join(ports)}, {timing.neuron_lanes} neurons, {timing.encode_lanes} numbers of a frame"


def _order(machine: Machine) -> str:
    if machine.order == "best":
        return "best, of both orders and all tiles, by shapes and capacities alone"
    tile = machine.tile
    if tile is None:
        return f"{machine.order}, with the best tile"
    rows = f"{tile.rows} rows" if tile.rows else f"{tile.frames} frames" if tile.frames else "the best positions"
    return f"{machine.order}, tiles of {tile.channels} channels x {rows}"
