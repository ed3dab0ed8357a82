"""One layer at work on a frame, cycle by cycle: parts that take what waits before them until nothing is left.

A part has doors, all of which are open in every cycle, and is idle when nothing waits before any of them. How long
something takes is never worked out: somebody looks at the clock when the last part has become idle.
"""

from collections import Counter
from dataclasses import dataclass, field

LANES, NEURON, ENCODE = "lanes", "neuron", "encode"
TOGETHER, IN_TURN, ROW_BY_ROW = "layer", "none", "event"


class Door:
    """Takes so much in a cycle, of one thing after the other; what is larger than that goes on in the next cycle."""

    def __init__(self, waiting, width: int):
        self.waiting, self.width = list(waiting)[::-1], width

    def cycle(self):
        room = self.width
        while self.waiting and room:
            size = self.waiting.pop()
            if size > room:
                self.waiting.append(size - room)
                size = room
            room -= size


class RowDoor(Door):
    """Takes so much of one row in a cycle; the next row waits for the next cycle, whatever room is left."""

    def cycle(self):
        row = self.waiting.pop()
        if row > self.width:
            self.waiting.append(row - self.width)


@dataclass(frozen=True)
class Port:
    """How a level is reached."""

    bits: int  # that pass in a cycle
    both_ways: bool = False  # one port for reads and writes; else one for each
    word_length: int = 32

    def doors(self, words: Counter, level: str) -> list[Door]:
        """Of the words that wait, by level and way."""
        reads, writes = ([self.word_length] * words[level, way] for way in ("read", "write"))
        queues = [reads + writes] if self.both_ways else [reads, writes]
        return [Door(waiting, self.bits) for waiting in queues]


@dataclass(frozen=True)
class Parts:
    """What a machine has, and how long single things take."""

    lane_channels: int
    ports: dict[str, Port]  # by level, in the order of the results
    neuron_lanes: int
    encode_lanes: int
    overlap: str = TOGETHER
    event_cycles: int = 0
    layer_cycles: int = 0


@dataclass
class Row:
    """A row of weights as it is given to the lanes, and the words that move while they work on it."""

    n_weight: int
    words: Counter = field(default_factory=Counter)  # by level and way


@dataclass
class Load:
    """What a layer has to do for a frame, or the frames of a batch."""

    rows: list[Row] = field(default_factory=list)
    words: Counter = field(default_factory=Counter)  # by level and way, those of the rows among them
    n_taken_in: int = 0  # numbers that neurons are made of beside what the lanes bring
    n_updated: int = 0  # neurons
    n_encoded: int = 0  # numbers of the frame


def work_off(parts: dict[str, list[Door]]) -> tuple[int, Counter]:
    """Cycles until all are idle who begin together, and in how many of them each one works."""
    now, busy = 0, Counter()
    while any(door.waiting for doors in parts.values() for door in doors):
        for name, doors in parts.items():
            open_doors = [door for door in doors if door.waiting]
            for door in open_doors:
                door.cycle()
            busy[name] += bool(open_doors)
        now += 1
    return now, busy


def takes(load: Load, parts: Parts) -> tuple[dict[str, int], int]:
    """Cycles in which each part works, and cycles of the layer."""
    whole = doors_of(load, parts)
    by_part = {name: work_off({name: doors})[0] for name, doors in whole.items()}
    if parts.overlap == ROW_BY_ROW:
        return by_part, row_by_row(load, parts) + parts.layer_cycles
    if parts.overlap == IN_TURN:
        now = 0
        for name, doors in doors_of(load, parts).items():
            now += work_off({name: doors})[0]
        return by_part, now + parts.layer_cycles
    now, busy = work_off(doors_of(load, parts))
    assert busy == Counter(by_part), "nobody is held up by the others"
    return by_part, now + parts.layer_cycles


def doors_of(load: Load, parts: Parts) -> dict[str, list[Door]]:
    """All parts, with what waits before them."""
    levels = {level: port.doors(load.words, level) for level, port in parts.ports.items()}
    taken_in, updated = (Door([1] * number, parts.neuron_lanes) for number in (load.n_taken_in, load.n_updated))
    return {
        LANES: [RowDoor([row.n_weight for row in load.rows], parts.lane_channels)],
        **levels,
        NEURON: [taken_in, updated],
        ENCODE: [Door([1] * load.n_encoded, parts.encode_lanes)],
    }


def row_by_row(load: Load, parts: Parts) -> int:
    """A row is looked up, then all that it needs goes on at once; when all rows are done, so does the rest."""
    now, left = 0, Counter(load.words)
    for row in load.rows:
        now += parts.event_cycles
        now += work_off(doors_of(Load(rows=[row], words=row.words), parts))[0]
        left.subtract(row.words)
    assert all(number >= 0 for number in left.values()), "rows move words of their layer"
    rest = Load([], left, load.n_taken_in, load.n_updated, load.n_encoded)
    return now + work_off(doors_of(rest, parts))[0]
