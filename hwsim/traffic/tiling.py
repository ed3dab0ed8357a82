"""Which tiles and which order of loops move the fewest words, as a compiler would find: from shapes alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from hwsim.errors import MachineError
from hwsim.machine import Machine
from hwsim.traffic.loops import Loops, Order, Stay, Tiling
from hwsim.traffic.staying import PASSED_BY
from hwsim.traffic.tile_words import Room, Source, TileWords


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
        When the sums of a declared tile, or else of the smallest one, do not fit.
    """
    costs = TileWords(loops, machine, weights, codes, sources)
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
    if machine.memories is not None or machine.run_bits is not None:
        yield Tiling("weight-stationary", loops.n_column, None, batch)
        return
    ways: tuple[Order, ...] = ("weight-stationary", "code-stationary")
    if machine.order != "best":
        ways = (machine.order,)
    fits = [cut for cut in _cuts(loops, machine, batch) if limit is None or _sum_bits(loops, cut) <= limit]
    if not fits:
        channels, rows, frames = smallest = next(_cuts(loops, machine, batch))
        where = f"{frames} frames" if rows is None else f"{rows} rows of outputs"
        raise MachineError(
            f"sums of {channels} channels in {where} take {-(-_sum_bits(loops, smallest) // 8):,} bytes, but "
            f"{sums.name if sums else 'sums'} holds {(limit or 0) // 8:,}; declare more"
            + (", or a smaller tile" if machine.tile is not None else "")
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
