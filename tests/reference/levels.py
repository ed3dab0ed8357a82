"""What the mover walks through: a layer, a mapping onto lanes and tiles, and levels as sets of pieces."""

from dataclasses import dataclass
from typing import NamedTuple

PASSED_BY = None
CHANNEL, TILE, ALL, RESIDENT = 0, 1, 2, 3
HOME = "home"
"""How long a level keeps a piece: while one input channel is worked on, one tile, one batch, or for good.

For weights the tile is a tile of output channels, and ALL is the group at work; for codes the tile is one of
positions, and ALL is what the group at work reads of the frames of a batch. HOME is where an operand has been all
along; levels farther out than that have nothing to do with it.
"""

WEIGHT_STATIONARY, CODE_STATIONARY = "weight-stationary", "code-stationary"


@dataclass(frozen=True)
class Layer:
    """A convolution, or a Dense layer as one of a single pixel. Pairs are (down, across)."""

    inputs: int  # channels that a group reads
    outputs: int  # channels that a group makes
    groups: int = 1
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)  # above and to the left
    dilation: tuple[int, int] = (1, 1)
    image: tuple[int, int] = (1, 1)
    out: tuple[int, int] = (1, 1)
    depthwise: bool = False  # groups of one channel, which tiles may span
    weight_bits: tuple[int, ...] = (8,)  # of each term of a weight
    code_bits: int = 8  # of a code, or of an event
    sum_bits: int = 32

    def __post_init__(self):
        assert not self.depthwise or (self.inputs, self.outputs) == (1, 1), "depthwise: one channel in, one out"

    @property
    def channels(self) -> int:
        return self.groups * self.inputs

    @property
    def taps(self) -> list[tuple[int, int]]:
        return [(down, across) for down in range(self.kernel[0]) for across in range(self.kernel[1])]

    @property
    def blocks(self) -> list[range]:
        """Output channels of what runs one after the other: each group alone, or all of a depthwise layer."""
        if self.depthwise:
            return [range(self.groups)]
        return [range(group * self.outputs, (group + 1) * self.outputs) for group in range(self.groups)]

    def every_input(self) -> list[tuple[int, int, int]]:
        """The events of a dense frame."""
        height, width = self.image
        return [(channel, y, x) for channel in range(self.channels) for y in range(height) for x in range(width)]

    def output_of(self, place: tuple[int, int], tap: tuple[int, int]) -> tuple[int, int] | None:
        """The output at which an input meets a tap, if there is one."""
        found = []
        for axis in (0, 1):
            window, rest = divmod(place[axis] + self.padding[axis] - tap[axis] * self.dilation[axis], self.stride[axis])
            if rest != 0 or window not in range(self.out[axis]):
                return None
            found.append(window)
        return found[0], found[1]


@dataclass(frozen=True)
class Mapping:
    """The order of the loops, the size of a tile, and how many lanes work side by side."""

    order: str
    channels: int  # output channels of a tile
    rows: int | None = None  # of outputs of one frame
    frames: int | None = None  # or whole frames
    lane_channels: int = 1
    lane_positions: int = 1
    lane_frames: int = 1

    def __post_init__(self):
        assert self.order in (WEIGHT_STATIONARY, CODE_STATIONARY), self.order
        assert (self.rows is None) != (self.frames is None), "a tile is rows of one frame, or whole frames"


class Frame(NamedTuple):
    number: int
    events: list[tuple[int, int, int]]  # (channel, y, x)


class PositionTile(NamedTuple):
    number: int  # within its batch
    frames: list[Frame]
    rows: range  # of outputs
    image_rows: range  # that it reads


def cut_batches(frames, size, stream_starts=(0,)) -> list[list[Frame]]:
    """So many consecutive frames each, fewer where a stream ends."""
    batches = []
    for number, events in enumerate(frames):
        if not batches or number in stream_starts or len(batches[-1]) == size:
            batches.append([])
        batches[-1].append(Frame(number, list(events)))
    return batches


def cut(whole: range, size: int) -> list[range]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def position_tiles(layer: Layer, mapping: Mapping, batch: list[Frame]) -> list[PositionTile]:
    """In the order in which they are worked on."""
    every_row = range(layer.out[0])
    tiles = []
    if mapping.frames is not None:
        assert not layer.depthwise or mapping.frames == 1, "a depthwise tile is of one frame"
        for some in cut(range(len(batch)), mapping.frames):
            frames = [batch[k] for k in some]
            tiles.append(PositionTile(len(tiles), frames, every_row, range(layer.image[0])))
        return tiles
    for frame in batch:
        for rows in cut(every_row, mapping.rows):
            tiles.append(PositionTile(len(tiles), [frame], rows, image_rows(layer, rows)))
    return tiles


def image_rows(layer: Layer, rows: range) -> range:
    """What windows of these rows span, as far as there is an image; the whole image where they are all rows."""
    height = layer.image[0]
    if len(rows) == layer.out[0]:
        return range(height)
    first = rows[0] * layer.stride[0] - layer.padding[0]
    last = rows[-1] * layer.stride[0] - layer.padding[0] + (layer.kernel[0] - 1) * layer.dilation[0]
    return range(max(first, 0), min(last, height - 1) + 1)


@dataclass(frozen=True)
class Level:
    name: str
    word_length: int  # [bits]
    stay: int | str | None
    prefetch: bool = False  # of weights: filled with all that it keeps, whether or not an event meets it


class Store:
    """A level at work for one operand: the pieces it holds, and the farther store where it gets others."""

    def __init__(self, level: Level, farther: "Store | None", book, words_of):
        self.level, self.farther, self.book, self.words_of = level, farther, book, words_of
        self.held = set()
        self.most_words = 0  # that it ever held

    def fetch(self, piece):
        """Have a piece, from now on."""
        if self.farther is None or piece in self.held:
            return
        self.farther.give(piece, self.level.stay)
        self.book(self.level, "write", piece, self.level.stay)
        self.held.add(piece)

    def give(self, piece, use):
        """A piece is read, by a nearer level or by the lanes."""
        self.fetch(piece)
        self.book(self.level, "read", piece, use)

    def drop(self):
        self.measure()
        self.held = set()

    def measure(self):
        self.most_words = max(self.most_words, self.words_of(self.held, self.level.word_length))


def chain(levels, book, words_of) -> list[Store]:
    """Stores that an operand passes through, from its home to the one that the lanes read."""
    stores = []
    for level in levels:
        if level.stay == HOME:
            stores = [Store(level, None, book, words_of)]
        elif level.stay is not PASSED_BY and stores:
            stores.append(Store(level, stores[-1], book, words_of))
    assert stores, "an operand has a home"
    return stores
