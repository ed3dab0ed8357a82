"""Which tiles and which order of loops move the fewest words, as a compiler would find: from shapes alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import pairwise, product
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
    home: int  # which of the levels that hold codes it lives in, from far to near


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
    codes: tuple[int, ...]  # likewise, of codes that live farther out than the level
    words: tuple[int, ...]  # moved at each level, from far to near, if every input were an event


@lru_cache(maxsize=4096)
def choose(
    loops: Loops | None,
    machine: Machine,
    weights: tuple[Room, ...],
    codes: tuple[Room, ...],
    sources: tuple[Source, ...],
) -> Choice | None:
    """The tiling that moves the fewest words at the farthest level, then at the next nearer.

    None where the sums of no tile fit beside what else a level holds.

    Parameters
    ----------
    loops : Loops or None
        Of the layer; None: it has no weights, and reads each of its sources once.
    machine : Machine
        With its order and tile, where it declares them.
    weights : tuple of Room
        Levels that weights pass through, from far to near.
    codes : tuple of Room
        Levels that hold codes, from far to near.
    sources : tuple of Source
        What the layer reads.

    Raises
    ------
    MachineError
        When one row of outputs has more sums than fit.
    """
    costs = _Costs(loops, machine, weights, codes, sources)
    if loops is None:
        return Choice(WHOLE, (), (PASSED_BY,) * len(codes), costs.of_reading())
    best: tuple[tuple[int, ...], Choice] | None = None
    width = loops.window.out[1] if loops.window else 1
    for tiling in tilings(loops, machine):
        positions = loops.n_position * tiling.frames if tiling.rows is None else tiling.rows * width
        for kept, stays in _stays(loops, machine, tiling, weights, codes, sources):
            words = costs.of(tiling, kept, stays)
            rank = (*words, -tiling.channels, -positions, int(tiling.order == "code-stationary"))
            if best is None or rank < best[0]:
                best = rank, Choice(tiling, kept, stays, words)
    return None if best is None else best[1]


WHOLE = Tiling("weight-stationary", 0, None, 1)
"""Of a layer without weights: there is nothing to cut."""


def tilings(loops: Loops, machine: Machine) -> Iterator[Tiling]:
    """Every way to cut a layer so that the sums of a tile fit."""
    sums = machine.holding("sums")[-1] if machine.holding("sums") else None
    limit = None if sums is None or sums.access == "per-row" else sums.bits
    # a depthwise tile is of one frame, but the short form's rows serve a whole batch at once
    batch = 1 if loops.is_depthwise and machine.memories is None else machine.batch
    # the short form cuts nothing, and no piece of a compressed row can be told from the next
    is_whole = machine.memories is not None or machine.run_bits is not None
    if is_whole or (limit is None and machine.tile is None and all(level.bits is None for level in machine.hierarchy)):
        yield Tiling("weight-stationary", loops.n_column, None, batch)
        return
    ways: tuple[Order, ...] = ("weight-stationary", "code-stationary")
    if machine.order != "best":
        ways = (machine.order,)
    fits = [cut for cut in _cuts(loops, machine, batch) if limit is None or _sum_bits(loops, cut) <= limit]
    if not fits:
        channels = min(loops.n_column, loops.lanes.channels * loops.n_core)
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
    step = loops.lanes.channels * loops.n_core
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
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """How long each level may keep weights and codes: those that share its room do so in several ways."""
    sums = _sum_bits(loops, (tiling.channels, tiling.rows, tiling.frames))
    weights, codes = ([_beside(sums, room) for room in rooms] for rooms in (weights, codes))
    if any(room.bits is not None and room.bits < 0 for room in (*weights, *codes)):
        return
    fitting = [
        _code_stays(loops, tiling, machine.batch, room, [source for source in sources if source.home < k])
        for k, room in enumerate(codes)
    ]
    for chosen in product(*fitting):
        taken = {room.level.name: need for room, (_, need) in zip(codes, chosen, strict=True)}
        kept = []
        for room in weights:
            left = room.bits
            if left is not None:
                left -= taken.get(room.level.name, 0)
            kept.append(weight_stay(loops, tiling, room, left))
        yield tuple(kept), tuple(stay for stay, _ in chosen)


def _code_stays(
    loops: Loops, tiling: Tiling, batch: int, room: Room, passing: Sequence[Source]
) -> list[tuple[int, int]]:
    """How long a level may keep the codes that pass through it, and the bits that this takes.

    One that is made to measure is as large as it may be already, if any code lives farther out.
    """
    if not passing or room.bits is None:
        return [(PASSED_BY, 0)]
    needs = [0, *_code_needs(loops, tiling, batch, passing)]
    fitting = [(k + PASSED_BY, need) for k, need in enumerate(needs) if not k or need <= room.bits]
    return fitting if "weights" in room.level.holds else fitting[-1:]  # where nobody else wants the room


def _beside(sums: int, room: Room) -> Room:
    """What is left of a level that also holds the sums of a tile."""
    if room.bits is None or "sums" not in room.level.holds or room.level.access == "per-row":
        return room
    return replace(room, bits=room.bits - sums)


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
    """Bits that keep, for the group at work, a channel of the worst position tile, all of them, all of a batch."""
    channel = tile = whole_channel = whole = 0
    for source in far:
        n_code = source.n_code * tiling.frames if tiling.rows is None else max(source.in_strips[tiling.rows - 1])
        tile += n_code * source.bits
        channel = max(channel, -(-n_code // max(source.n_channel, 1)) * source.bits)
        whole += source.n_code * batch * source.bits
        whole_channel = max(whole_channel, -(-source.n_code // max(source.n_channel, 1)) * batch * source.bits)
    at_work = min(tiling.channels, loops.n_column) if loops.is_depthwise else loops.n_channel
    return channel, min(tile, at_work * channel), min(whole, loops.n_channel * whole_channel)


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


def code_path(stays: Sequence[int], home: int) -> list[tuple[int, int]]:
    """The levels that codes pass through from where they live to the lanes, each with how long it keeps them."""
    return [(home + k, stay) for k, stay in through([Stay.ALWAYS, *stays[home + 1 :]])]


class _Costs:
    """Words that a layer moves at each level in a batch in which every input is an event, from far to near."""

    def __init__(
        self,
        loops: Loops | None,
        machine: Machine,
        weights: Sequence[Room],
        codes: Sequence[Room],
        sources: Sequence[Source],
    ) -> None:
        names = [level.name for level in machine.hierarchy if level.kind != "registers"]
        self.loops, self.batch, self.sources, self.n_level = loops, machine.batch, sources, len(names)
        self.weights = [(names.index(room.level.name), room.level.width) for room in weights]
        self.codes = [(names.index(room.level.name), room.level.width) for room in codes]
        self.met = cache(partial(all_met, loops))
        self.row_words = cache(loops.row_words if loops else int)
        self.code_words = cache(self._code_words)

    def of_reading(self) -> tuple[int, ...]:
        """Of a layer that reads each of its sources once."""
        moved = [0] * self.n_level
        for k, source in enumerate(self.sources):
            level, word_length = self.codes[source.home]
            moved[level] += self.code_words(k, None, word_length)
        return tuple(moved)

    def of(self, tiling: Tiling, kept: Sequence[int], stays: Sequence[int]) -> tuple[int, ...]:
        """Of a layer with weights."""
        moved = [0] * self.n_level
        self._add_weights(moved, tiling, kept)
        self._add_codes(moved, tiling, stays)
        return tuple(moved)

    def _add_weights(self, moved: list[int], tiling: Tiling, kept: Sequence[int]) -> None:
        n_tile = -(-self.batch // tiling.frames)
        n_row, n_delivered = self.met(tiling.rows, tiling.frames)
        asked = n_delivered * n_tile
        for k, each in reversed(through(kept)):
            level, word_length = self.weights[k]
            n_word = self.row_words(tiling.channels, word_length)
            moved[level] += asked * n_word
            if each < Stay.ALWAYS:
                asked = self.met(None, self.batch)[0] if stays_over_positions(tiling, each) else n_row * n_tile
                moved[level] += asked * n_word

    def _add_codes(self, moved: list[int], tiling: Tiling, stays: Sequence[int]) -> None:
        assert self.loops is not None
        for k, source in enumerate(self.sources):
            path = code_path(stays, source.home)
            level, word_length = self.codes[path[-1][0]]
            moved[level] += self.loops.n_pass(tiling.channels) * self.code_words(k, tiling.rows, word_length)
            for (far, _), (near, stay) in pairwise(path):
                n_fill, is_whole = code_fills(self.loops, tiling, stay)
                for place in (far, near):
                    level, word_length = self.codes[place]
                    moved[level] += n_fill * self.code_words(k, None if is_whole else tiling.rows, word_length)

    def _code_words(self, k: int, rows: int | None, word_length: int) -> int:
        """Words of all codes of a batch, whole frames or position tiles each packed for themselves."""
        source = self.sources[k]
        parts = (source.n_code,) if rows is None else source.in_strips[rows - 1]
        return self.batch * sum(-(-n_code * source.bits // word_length) for n_code in parts)
