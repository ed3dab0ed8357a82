"""Words that a layer would move at each level if it were cut in some way, and every input were an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

from hwsim.machine import Level, Machine
from hwsim.traffic.loops import Loops, Stay, Tiling, all_met
from hwsim.traffic.staying import code_fills, code_path, stays_over_positions, through


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


class TileWords:
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
        self.prefetched = [k for k, room in enumerate(weights) if room.level.prefetch]
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
        assert self.loops is not None
        asked = sum(self.met(tiling.rows, n_frame)[1] for n_frame in self._frames_of_tiles(tiling))
        is_whole = False  # from a level that is filled with every row on, farther ones are asked for all of them
        for k, each in reversed(through(kept)):
            level, word_length = self.weights[k]
            n_word = self.row_words(tiling.channels, word_length)
            moved[level] += asked * n_word
            if each < Stay.ALWAYS:
                is_whole |= k in self.prefetched
                asked = self._filled(tiling, stays_over_positions(tiling, each), is_whole)
                moved[level] += asked * n_word

    def _filled(self, tiling: Tiling, is_whole_batch: bool, is_whole: bool) -> int:
        """Rows that a level is filled with in a batch, or for each of its tiles: those met, or all that there are."""
        assert self.loops is not None
        if is_whole_batch:
            return self.loops.n_row if is_whole else self.met(None, self.batch)[0]
        n_tile = len(self._frames_of_tiles(tiling))
        n_strip = 1 if tiling.rows is None else -(-len(self.loops.meets[0]) // tiling.rows)
        return n_tile * (self.loops.n_row * n_strip if is_whole else self.met(tiling.rows, tiling.frames)[0])

    def _frames_of_tiles(self, tiling: Tiling) -> list[int]:
        """Frames of each tile of a batch, of which the last may have fewer."""
        return [min(tiling.frames, self.batch - start) for start in range(0, self.batch, tiling.frames)]

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
