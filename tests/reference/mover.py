"""The work of one layer, a piece at a time: every word is counted at the moment when it is moved.

Weights move as rows: those of one input channel and one tap for a tile of output channels (depthwise: all taps of one
channel). A row fills whole words by itself. Codes move one by one; they are packed into words by frame, tile of
positions and reading, or, where a level keeps all frames of a batch, by frame. What the groups of a layer read in the
same tile shares words.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from reference.levels import (
    ALL,
    CHANNEL,
    HOME,
    RESIDENT,
    TILE,
    WEIGHT_STATIONARY,
    Frame,
    Layer,
    Level,
    Mapping,
    PositionTile,
    chain,
    cut,
    cut_batches,
    position_tiles,
)

LOADING = "loading"


class Row(NamedTuple):
    """A piece of the weights."""

    outputs: range
    channel: int
    tap: tuple[int, int] | None  # None: all of them
    n_weight: int


class Code(NamedTuple):
    """A piece of the codes."""

    frame: int
    channel: int
    y: int
    x: int


@dataclass
class Moved:
    """What was moved; weights of a batch under its first frame, before the first batch under LOADING."""

    words: Counter = field(default_factory=Counter)  # by (frame, level, operand, way)
    pieces: Counter = field(default_factory=Counter)  # likewise: rows and codes
    deliveries: Counter = field(default_factory=Counter)  # rows given to the lanes, by frame
    events: Counter = field(default_factory=Counter)  # in the rows that a tile reads, by (frame, tile)
    most_words: dict = field(default_factory=dict)  # ever held, by (level, operand)

    def total(self, level, operand, way, frame=None) -> int:
        """Words of all frames, or of one; loading aside."""
        keys = [key for key in self.words if key[1:] == (level, operand, way)]
        return sum(self.words[key] for key in keys if key[0] == frame or (frame is None and key[0] != LOADING))

    def in_pieces(self, level, operand, way) -> int:
        """Pieces of all frames and of loading."""
        return sum(number for key, number in self.pieces.items() if key[1:] == (level, operand, way))


def move(layer: Layer, mapping: Mapping, batches: list[list[Frame]], weight_levels, code_levels) -> Moved:
    """Perform the work of a layer on these frames; levels from far to near."""
    return Walk(layer, mapping, weight_levels, code_levels).through(batches)


def need(layer: Layer, mapping: Mapping, batch: int, operand: str, word_length: int, stay: int) -> int:
    """The most words that a level holds at any time if it stays so long, whatever the events are."""
    home = [Level("home", word_length, HOME)]
    levels = {"weights": home, "codes": home}
    levels[operand] = [*home, Level("asked", word_length, stay, prefetch=True)]
    batches = cut_batches([layer.every_input()] * batch, batch)
    return move(layer, mapping, batches, levels["weights"], levels["codes"]).most_words["asked", operand]


def words_in(n_bit: int, word_length: int) -> int:
    """Whole words that so many bits lie in."""
    return len(range(0, n_bit, word_length))


class Walk:
    """The loops, and where they are at the moment."""

    def __init__(self, layer: Layer, mapping: Mapping, weight_levels, code_levels):
        self.layer, self.mapping, self.moved = layer, mapping, Moved()
        self.weights = chain(weight_levels, self.book_row, self.words_of_rows)
        self.codes = chain(code_levels, self.book_code, self.words_of_codes)
        self.first_frame, self.at = LOADING, None
        self.unpacked = Counter()  # codes by (frame, level, way, what shares words)
        self.seen = set()  # codes in tiles

    # --- what is written into the books

    def words_of_row(self, row: Row, word_length: int) -> int:
        return sum(words_in(row.n_weight * n_bit, word_length) for n_bit in self.layer.weight_bits)

    def words_of_rows(self, rows, word_length: int) -> int:
        return sum(self.words_of_row(row, word_length) for row in rows)

    def words_of_codes(self, codes, word_length: int) -> int:
        by_frame = Counter(code.frame for code in codes)
        return sum(words_in(number * self.layer.code_bits, word_length) for number in by_frame.values())

    def book_row(self, level: Level, way: str, row: Row, use):
        key = self.first_frame, level.name, "weights", way
        self.moved.pieces[key] += 1
        self.moved.words[key] += self.words_of_row(row, level.word_length)

    def book_code(self, level: Level, way: str, code: Code, use):
        self.moved.pieces[code.frame, level.name, "codes", way] += 1
        together = use if use == ALL else (use, self.at)
        self.unpacked[code.frame, level, way, together] += 1

    def close(self):
        """Pack codes into words, and note what levels held last."""
        for (frame, level, way, _), number in self.unpacked.items():
            words = words_in(number * self.layer.code_bits, level.word_length)
            self.moved.words[frame, level.name, "codes", way] += words
        self.moved.events = Counter((code.frame, tile) for code, tile in self.seen)
        for operand, stores in (("weights", self.weights), ("codes", self.codes)):
            for store in stores:
                store.measure()
                self.moved.most_words[store.level.name, operand] = store.most_words

    # --- pieces

    def rows(self, outputs: range, channel: int) -> list[Row]:
        if self.layer.depthwise:
            return [Row(outputs, channel, None, len(self.layer.taps))]
        return [Row(outputs, channel, tap, len(outputs)) for tap in self.layer.taps]

    def channels_read_by(self, outputs: range) -> range:
        """Input channels that a tile of output channels reads."""
        if self.layer.depthwise:
            return outputs
        group = outputs[0] // self.layer.outputs
        return range(group * self.layer.inputs, (group + 1) * self.layer.inputs)

    def all_rows(self, tiles: list[range]) -> list[Row]:
        return [row for outputs in tiles for c in self.channels_read_by(outputs) for row in self.rows(outputs, c)]

    # --- the loops

    def through(self, batches: list[list[Frame]]) -> Moved:
        blocks = [cut(outputs, self.mapping.channels) for outputs in self.layer.blocks]
        for store in self.weights:
            if store.level.stay == RESIDENT:
                for row in self.all_rows([outputs for tiles in blocks for outputs in tiles]):
                    store.fetch(row)
        for batch in batches:
            self.first_frame = batch[0].number
            for tiles in blocks:
                self.block(tiles, position_tiles(self.layer, self.mapping, batch))
        self.close()
        return self.moved

    def block(self, channel_tiles: list[range], tiles: list[PositionTile]):
        """What runs by itself: a group, or all of a depthwise layer."""
        begin(self.weights, ALL, self.all_rows(channel_tiles))
        begin(self.codes, ALL)
        if self.mapping.order == WEIGHT_STATIONARY:
            for outputs in channel_tiles:
                begin(self.weights, TILE, self.all_rows([outputs]))
                for tile in tiles:
                    begin(self.codes, TILE)
                    self.work(outputs, tile)
        else:
            for tile in tiles:
                begin(self.codes, TILE)
                for outputs in channel_tiles:
                    begin(self.weights, TILE, self.all_rows([outputs]))
                    if self.layer.depthwise:
                        begin(self.codes, TILE)  # another tile of channels reads other codes
                    self.work(outputs, tile)

    def work(self, outputs: range, tile: PositionTile):
        # which of a group's tiles it is, the same for what all groups read; depthwise, every channel is a group
        self.at = tile.number, outputs[0] % self.layer.outputs
        for channel in self.channels_read_by(outputs):
            rows = self.rows(outputs, channel)
            begin(self.weights, CHANNEL, rows)
            begin(self.codes, CHANNEL)
            self.read_codes(outputs, tile, channel)
            for row in rows:
                self.deliver(row, self.meetings(row, tile))

    def read_codes(self, outputs: range, tile: PositionTile, channel: int):
        """Once for all lanes that work on different output channels, or depthwise on different taps."""
        side_by_side = range(len(self.layer.taps)) if self.layer.depthwise else outputs
        for reading, _ in enumerate(cut(side_by_side, self.mapping.lane_channels)):
            for frame in tile.frames:
                for c, y, x in frame.events:
                    if c == channel and y in tile.image_rows:
                        code = Code(frame.number, c, y, x)
                        self.seen.add((code, tile.number))
                        self.codes[-1].give(code, ("lanes", reading))

    def meetings(self, row: Row, tile: PositionTile) -> list[list[int]]:
        """How many are waiting for a row: by tap, and by lanes of a frame, to which frames are dealt in turn."""
        waiting = []
        for tap in self.layer.taps if row.tap is None else [row.tap]:
            lanes = [0] * self.mapping.lane_frames
            for k, frame in enumerate(tile.frames):
                for c, y, x in frame.events:
                    output = self.layer.output_of((y, x), tap) if c == row.channel else None
                    if output is not None and output[0] in tile.rows:
                        lanes[k % len(lanes)] += 1
            waiting.append(lanes)
        return waiting

    def deliver(self, row: Row, waiting: list[list[int]]):
        """Give a row to the lanes for as many meetings as they take at a time, until none is left."""
        while any(number > 0 for lanes in waiting for number in lanes):
            self.weights[-1].give(row, "lanes")
            self.moved.deliveries[self.first_frame] += 1
            waiting = [[number - self.mapping.lane_positions for number in lanes] for lanes in waiting]


def begin(stores, stay: int, pieces=()):
    """A loop goes on: what was kept until then is dropped, and what is known to come is fetched."""
    for store in stores:
        if store.level.stay == stay:
            store.drop()
            if store.level.prefetch:
                for piece in pieces:
                    store.fetch(piece)
