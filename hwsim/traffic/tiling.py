"""Which tiles and which order of loops move the fewest words, as a compiler would find: from shapes alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from hwsim.errors import MachineError
from hwsim.machine import Level, Machine
from hwsim.traffic.loops import Loops, Order, Stay, Tiling, all_met

PASSED_BY = -1
"""In place of a stay: a level that cannot keep an operand even for the innermost loop."""


@dataclass(frozen=True)
class Source:
    """A signal that a layer reads, as far as tiles depend on it."""

    bits: int  # of a code, or of an event at its worst, its mark included [bits]
    n_channel: int  # of the image that are its own
    in_strips: tuple[tuple[int, ...], ...]  # codes in the rows that strips of 1, 2 ... rows of outputs read
    n_code: int
    is_far: bool  # lives in a farther level than the nearest


@dataclass(frozen=True)
class Room:
    """What a layer's tiles have to themselves at a level. [bits]"""

    level: Level
    bits: int | None  # None: as much as there is
    keeps_weights: bool = False  # all of them, for good


class Choice(NamedTuple):
    """A tiling, and what stays where."""

    tiling: Tiling
    weights: tuple[int, ...]  # a Stay, or PASSED_BY, for each level that weights pass through
    codes: int  # a Stay, or PASSED_BY: of codes that live farther out, in the nearest level that holds any
    words: tuple[int, ...]  # moved at each level, from far to near, if every input were an event


@lru_cache(maxsize=4096)
def choose(
    loops: Loops | None,
    machine: Machine,
    weights: tuple[Room, ...],
    codes: tuple[Room, ...],
    sources: tuple[Source, ...],
) -> Choice:
    """The tiling that moves the fewest words at the farthest level, then at the next nearer.

    Parameters
    ----------
    loops : Loops or None
        Of the layer; None: it has no weights, and reads each of its sources once.
    machine : Machine
        With its order and tile, where it declares them.
    weights : tuple of Room
        Levels that weights pass through, from far to near.
    codes : tuple of Room
        The farthest and the nearest level that holds codes.
    sources : tuple of Source
        What the layer reads.

    Raises
    ------
    MachineError
        When one row of outputs has more sums than fit.
    """
    if loops is None:
        moved = _Moved(machine)
        for source in sources:
            level = codes[0 if source.is_far else -1].level
            moved.add(level, _code_words(source, WHOLE, level, machine.batch, True))
        return Choice(WHOLE, (), PASSED_BY, moved.words)
    best: tuple[tuple[int, ...], Choice] | None = None
    for tiling in tilings(loops, machine):
        for choice in _stays(loops, machine, tiling, weights, codes, sources):
            width = loops.window.out[1] if loops.window else 1
            positions = loops.n_position * tiling.frames if tiling.rows is None else tiling.rows * width
            rank = (*choice.words, -tiling.channels, -positions, int(tiling.order == "code-stationary"))
            if best is None or rank < best[0]:
                best = rank, choice
    assert best is not None
    return best[1]


WHOLE = Tiling("weight-stationary", 0, None, 1)
"""Of a layer without weights: there is nothing to cut."""


class _Moved:
    """Words by level, from far to near."""

    def __init__(self, machine: Machine) -> None:
        self.by_level = dict.fromkeys((level.name for level in machine.hierarchy if level.kind != "registers"), 0)

    def add(self, level: Level, n_word: int) -> None:
        self.by_level[level.name] += n_word

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(self.by_level.values())


def tilings(loops: Loops, machine: Machine) -> Iterator[Tiling]:
    """Every way to cut a layer so that the sums of a tile fit."""
    sums = machine.holding("sums")[-1] if machine.holding("sums") else None
    limit = None if sums is None or sums.access == "per-row" else sums.bits
    batch = 1 if loops.is_depthwise else machine.batch
    if limit is None and machine.tile is None and all(level.bits is None for level in machine.hierarchy):
        yield Tiling("weight-stationary", loops.n_column, None, batch)  # nothing to keep apart
        return
    ways: tuple[Order, ...] = ("weight-stationary", "code-stationary")
    if machine.order != "best":
        ways = (machine.order,)
    fits = [cut for cut in _cuts(loops, machine, batch) if limit is None or _sum_bits(loops, cut) <= limit]
    if not fits:
        channels = min(loops.n_column, loops.lanes.channels)
        needed = loops.tile_bits(channels, loops.window.out[1] if loops.window else 1)
        raise MachineError(
            f"sums of {channels} channels in one row of outputs take "
            f"{-(-needed // 8):,} bytes, but {sums.name if sums else 'sums'} holds {(limit or 0) // 8:,}; declare more"
        )
    for channels, rows, frames in fits:
        for way in ways:
            yield Tiling(way, channels, rows, frames)


def _cuts(loops: Loops, machine: Machine, batch: int) -> Iterator[tuple[int, int | None, int]]:
    """Tc, Tr, Tb."""
    height = loops.window.out[0] if loops.window else 1
    if machine.tile is not None:
        channels = min(machine.tile.channels, loops.n_column)
        rows = machine.tile.rows
        is_strip = rows is not None and rows < height
        yield channels, rows if is_strip else None, 1 if rows is not None else min(machine.tile.frames or batch, batch)
        return
    step = loops.lanes.channels
    for channels in [*range(step, loops.n_column, step), loops.n_column]:
        for rows in range(1, height):
            yield channels, rows, 1
        for frames in range(1, batch + 1):
            yield channels, None, frames


def _sum_bits(loops: Loops, cut: tuple[int, int | None, int]) -> int:
    channels, rows, frames = cut
    width = loops.window.out[1] if loops.window else 1
    return loops.tile_bits(channels, loops.n_position * frames if rows is None else rows * width)


def _stays(
    loops: Loops,
    machine: Machine,
    tiling: Tiling,
    weights: Sequence[Room],
    codes: Sequence[Room],
    sources: Sequence[Source],
) -> Iterator[Choice]:
    """What may stay where with a tiling: the nearest level of codes is shared with weights in several ways."""
    far = [source for source in sources if source.is_far]
    near = codes[-1]
    needs = [PASSED_BY, *_code_needs(loops, tiling, machine.batch, far)] if far and len(codes) > 1 else [PASSED_BY]
    for stay, need in zip(range(PASSED_BY, len(needs) - 1), [0, *needs[1:]], strict=True):
        if near.bits is not None and need > near.bits:
            continue
        kept = []
        for room in weights:
            left = room.bits
            if left is not None and room.level == near.level:
                left -= need
            kept.append(weight_stay(loops, tiling, room, left))
        yield Choice(tiling, tuple(kept), stay, _words(loops, machine, tiling, weights, kept, codes, stay, sources))


def weight_stay(loops: Loops, tiling: Tiling, room: Room, bits: int | None) -> int:
    """How long a level keeps weights: the largest loop that fits."""
    if room.keeps_weights or room.level.kind == "dram":
        return Stay.ALWAYS
    assert room.level.word_length is not None
    if bits is None:
        return PASSED_BY  # made to measure, and it would have to be larger than it may
    needs = loops.needs(tiling.channels, room.level.word_length)
    fitting = [stay for stay, need in enumerate(needs) if need <= bits]
    return max(fitting, default=PASSED_BY)


def _code_needs(loops: Loops, tiling: Tiling, batch: int, far: Sequence[Source]) -> tuple[int, int, int]:
    """Bits that keep a channel of the worst position tile, all of it, all frames of the batch."""
    channel = tile = whole = 0
    for source in far:
        n_code = source.n_code * tiling.frames if tiling.rows is None else max(source.in_strips[tiling.rows - 1])
        tile += n_code * source.bits
        channel = max(channel, -(-n_code // max(source.n_channel, 1)) * source.bits)
        whole += source.n_code * batch * source.bits
    return channel, tile, whole


def stays_over_positions(tiling: Tiling, stay: int) -> bool:
    """Whether weights that stay so long are read once for all positions of a batch, and not for each tile of them."""
    return stay >= (Stay.TILE if tiling.order == "weight-stationary" else Stay.LAYER)


def code_fills(loops: Loops, tiling: Tiling, stay: int) -> tuple[int, bool]:
    """How often codes are read for a level that keeps them so long, and whether whole frames are, or position tiles."""
    if stay >= Stay.LAYER:
        return 1, True
    stays_over_channels = tiling.order == "code-stationary" and stay >= Stay.TILE
    return 1 if stays_over_channels else loops.n_repeat(tiling.channels), False


def through(stays: Sequence[int]) -> list[tuple[int, int]]:
    """The levels that an operand passes through, from far to near, each with how long it keeps it.

    What is farther out than where the operand always is, is not asked; what cannot keep it is passed by; a level
    farther out stays at least as long as those nearer by, since it is asked only when they are.
    """
    kept: list[tuple[int, int]] = []
    for k in reversed(range(len(stays))):
        if stays[k] == PASSED_BY:
            continue
        kept.insert(0, (k, max(stays[k], kept[0][1] if kept else PASSED_BY)))
        if stays[k] == Stay.ALWAYS:
            break
    return kept


def _words(
    loops: Loops,
    machine: Machine,
    tiling: Tiling,
    weights: Sequence[Room],
    kept: Sequence[int],
    codes: Sequence[Room],
    stay: int,
    sources: Sequence[Source],
) -> tuple[int, ...]:
    """Words moved at each level in a batch in which every input is an event, from far to near."""
    moved = _Moved(machine)
    n_tile = -(-machine.batch // tiling.frames)
    n_row, n_delivered = all_met(loops, tiling.rows, tiling.frames)
    by_tile, by_batch = n_row * n_tile, all_met(loops, None, machine.batch)[0]
    asked = n_delivered * n_tile
    for k, each in reversed(through(kept)):
        level = weights[k].level
        n_word = loops.row_words(tiling.channels, level.word_length or 1)
        moved.add(level, asked * n_word)
        if each < Stay.ALWAYS:
            asked = by_batch if stays_over_positions(tiling, each) else by_tile
            moved.add(level, asked * n_word)
    n_pass = loops.n_pass(tiling.channels)
    for source in sources:
        near = codes[-1].level
        if source.is_far and stay == PASSED_BY:
            near = codes[0].level
        elif source.is_far:
            n_fill, is_whole = code_fills(loops, tiling, stay)
            for room in codes:
                moved.add(room.level, n_fill * _code_words(source, tiling, room.level, machine.batch, is_whole))
        moved.add(near, n_pass * _code_words(source, tiling, near, machine.batch, False))
    return moved.words


def _code_words(source: Source, tiling: Tiling, level: Level, batch: int, is_whole: bool) -> int:
    """Words of all codes of a batch, whole frames or position tiles each packed for themselves."""
    assert level.word_length is not None
    if is_whole or tiling.rows is None:
        return batch * -(-source.n_code * source.bits // level.word_length)
    return batch * sum(-(-n_code * source.bits // level.word_length) for n_code in source.in_strips[tiling.rows - 1])
