"""The loops that a layer's work is made of, and what a level must hold to keep what they need: shapes alone."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import LayerActivity
from hwsim.machine import Lanes, Machine
from hwsim.network.layers.window import Window

IntArray = npt.NDArray[np.int64]
Order: TypeAlias = Literal["weight-stationary", "code-stationary"]


class Stay(IntEnum):
    """How long a level keeps what passes through it: as long as a loop runs, counted from inside."""

    CHANNEL = 0  # weights: the rows of one input channel for a tile; codes: one channel of a tile
    TILE = 1  # all input channels of a tile
    LAYER = 2  # weights: those of the group at work; codes: the frames of a batch
    ALWAYS = 3  # weights: the whole network's; codes: it is where they live


class Tiling(NamedTuple):
    """How a layer's outputs are cut into tiles, and which loop is outside."""

    order: Order
    channels: int  # Tc: output channels; depthwise: input channels, each with its own outputs
    rows: int | None  # Tr: rows of outputs of one frame; None: whole frames
    frames: int  # Tb: whole frames; 1 where there are rows

    def __str__(self) -> str:
        """In words, for tables."""
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return f"{self.order}, {self.channels} channels x {frames if self.rows is None else f'{self.rows} rows'}"


@dataclass(frozen=True)
class Loops:
    """What the loops of a layer with weights run over, and the lanes that they feed."""

    n_group: int
    n_channel: int  # input channels of a group; depthwise: of the layer
    n_column: int  # output channels of a group; depthwise: input channels of the layer
    row_length: int  # weights that lie together
    window: Window | None  # of a convolution
    is_depthwise: bool  # a row runs along the kernel, and every channel has one
    lanes: Lanes  # of each core
    weight_bits: tuple[int, ...]  # of a weight of each term [bits]
    sum_bits: int  # of all terms' accumulators of one neuron [bits]
    n_core: int = 1  # that share the output channels

    @property
    def n_tap(self) -> int:
        """Rows of weights that a channel has."""
        return self.window.y.kernel * self.window.x.kernel if self.window and not self.is_depthwise else 1

    @property
    def n_row(self) -> int:
        """Rows of weights in all groups."""
        return self.n_channel * self.n_tap * self.n_group

    @property
    def n_position(self) -> int:
        """Output positions of a frame."""
        return int(np.prod(self.window.out)) if self.window else 1

    def tiles(self, channels: int) -> list[int]:
        """Columns of each tile of a group."""
        n_whole, rest = divmod(self.n_column, channels)
        return [channels] * n_whole + [rest] * (rest > 0)

    def n_repeat(self, channels: int) -> int:
        """How often codes are gone through: once for each tile of channels, unless each has codes of its own."""
        return 1 if self.is_depthwise else len(self.tiles(channels))

    def n_pass(self, channels: int) -> int:
        """How often the lanes read a code in a position tile: for so many output channels at a time as there are.

        Cores are handed a code together, and each keeps it until its channels of the tile have met it.
        """
        if self.n_core > 1:
            return self.n_repeat(channels)
        if self.is_depthwise:
            return -(-self.row_length // self.lanes.channels)
        return sum(-(-tile // self.lanes.channels) for tile in self.tiles(channels))

    def row_words(self, channels: int, word_length: int) -> int:
        """Words of one row in all tiles and terms, whose pieces each begin at a word."""
        return sum(self.term_words(term, channels, word_length) for term in range(len(self.weight_bits)))

    def term_words(self, term: int, channels: int, word_length: int) -> int:
        """Words of one row of a weight term in all tiles."""
        pieces = [self.row_length] if self.is_depthwise else self.tiles(channels)
        return sum(-(-n_weight * self.weight_bits[term] // word_length) for n_weight in pieces)

    def needs(self, channels: int, word_length: int) -> tuple[int, int, int]:
        """Bits that a level holds to keep the rows of a channel, of a tile, of the group; its worst tile counts."""
        piece = self._words(self.row_length if self.is_depthwise else channels, word_length) * word_length
        if self.is_depthwise:
            return piece, min(channels, self.n_column) * piece, self.n_column * piece
        whole = self.row_words(channels, word_length) * word_length * self.n_tap
        return self.n_tap * piece, self.n_channel * self.n_tap * piece, self.n_channel * whole

    def _words(self, n_weight: int, word_length: int) -> int:
        return sum(-(-n_weight * bits // word_length) for bits in self.weight_bits)

    def tile_bits(self, channels: int, n_position: int) -> int:
        """Bits of the sums of a tile."""
        per_column = self.row_length // self.n_kernel if self.is_depthwise else 1
        return channels * per_column * n_position * self.sum_bits

    @property
    def n_kernel(self) -> int:
        """Taps of the kernel."""
        return self.window.y.kernel * self.window.x.kernel if self.window else 1

    @cached_property
    def meets(self) -> tuple[IntArray, IntArray]:
        """Whether windows meet an input with each row of the kernel (n_window, kH), and how many with each column."""
        if self.window is None:
            return np.ones((1, 1), np.int64), np.ones(1, np.int64)
        y, x = (np.asarray(axis.meets >= 0, np.int64) for axis in (self.window.y, self.window.x))
        return y, x.sum(axis=0)


@lru_cache(maxsize=65536)
def all_met(loops: Loops, rows: int | None, n_frame: int) -> tuple[int, int]:
    """Rows met and deliveries in the tiles of one frame, or of so many whole frames, if every input is an event."""
    y, x = loops.meets
    starts = np.arange(0, len(y), rows or len(y))
    frames, positions = loops.lanes.frames, loops.lanes.positions
    met = -(-n_frame // frames) * (np.add.reduceat(y, starts, axis=0)[:, :, None] * x).reshape(len(starts), -1)
    if loops.is_depthwise:
        met = met.max(axis=1, keepdims=True)
    n_delivered = -(-met // positions)
    n_channel = loops.n_channel * loops.n_group
    return n_channel * int(np.count_nonzero(met)), n_channel * int(n_delivered.sum())


def loops_of(layer: LayerActivity, machine: Machine) -> Loops:
    """The loops of a layer that has connections."""
    connection = layer.connections[0]
    window, groups = connection.window, connection.groups
    n_place = window.y.size * window.x.size if window else 1
    n_channel = connection.n_in // n_place
    is_depthwise = 1 < groups == n_channel
    assert machine.lanes is not None
    lanes = machine.lanes.convolution if connection.kind == "convolution" else machine.lanes.dense
    if machine.memories is not None and machine.batch > 1:
        lanes = lanes.model_copy(update={"frames": machine.batch})  # the short form's rows serve a whole batch
    return Loops(
        n_group=1 if is_depthwise else groups,
        n_channel=n_channel if is_depthwise else n_channel // groups,
        n_column=n_channel if is_depthwise else connection.n_reached,
        row_length=connection.row_length,
        window=window,
        is_depthwise=is_depthwise,
        lanes=lanes,
        weight_bits=tuple(each.weight_format.bit_width for each in layer.connections),
        sum_bits=sum(each.accumulator_format.bit_width for each in layer.connections),
        n_core=machine.cores.n,
    )
