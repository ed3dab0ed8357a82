"""The best mapping of a layer, found by trying all of them with the mover, every input non-zero."""

from dataclasses import dataclass, replace

from reference.levels import (
    ALL,
    CHANNEL,
    CODE_STATIONARY,
    HOME,
    PASSED_BY,
    RESIDENT,
    TILE,
    WEIGHT_STATIONARY,
    Layer,
    Level,
    Mapping,
    cut_batches,
)
from reference.mover import move, need

STAYS = {"weights": (RESIDENT, ALL, TILE, CHANNEL), "codes": (ALL, TILE, CHANNEL)}


@dataclass(frozen=True)
class Memory:
    """A level of a machine, and how many bytes of it each operand may fill; HOME: all that there is."""

    name: str
    word_length: int
    weights: int | str = 0
    codes: int | str = 0
    prefetch: bool = False


@dataclass(frozen=True)
class Found:
    """A mapping, how long its levels stay, and what it moves."""

    mapping: Mapping
    weight_stays: tuple
    code_stays: tuple
    words: tuple[int, ...]  # reads and writes of all operands by level, farthest first


def best(layer: Layer, lanes: Mapping, batch: int, memories, sum_bytes: int, other_weights: int | None = None) -> Found:
    """The mapping that moves the fewest words at the farthest level, then at the next nearer one, and so on.

    Of mappings that move the same, that with more output channels in a tile, then with more positions, then the
    weight-stationary one. `lanes` says how many work side by side; `other_weights` are bytes of other layers that
    a resident level would hold as well, None: too many for any.
    """
    tried = try_all(layer, lanes, batch, memories, sum_bytes, other_weights)
    if not tried:
        raise ValueError("not even one row of outputs of one lane each fits the sums")
    return min(tried, key=lambda found: (found.words, *preference(layer, found.mapping)))


def try_all(layer, lanes, batch, memories, sum_bytes, other_weights=None) -> list[Found]:
    fitting = [mapping for mapping in candidates(layer, lanes, batch) if sums(layer, mapping) <= 8 * sum_bytes]
    return [perform(layer, mapping, batch, memories, other_weights) for mapping in fitting]


def candidates(layer: Layer, lanes: Mapping, batch: int) -> list[Mapping]:
    every_channel = layer.groups if layer.depthwise else layer.outputs
    sizes = sorted({*range(lanes.lane_channels, every_channel, lanes.lane_channels), every_channel})
    tiles = [(rows, None) for rows in range(1, layer.out[0] + 1)]
    if not layer.depthwise:
        tiles += [(None, frames) for frames in range(1, batch + 1)]
    orders = CODE_STATIONARY, WEIGHT_STATIONARY
    return [
        replace(lanes, order=order, channels=channels, rows=rows, frames=frames)
        for order in orders
        for channels in sizes
        for rows, frames in tiles
    ]


def positions(layer: Layer, mapping: Mapping) -> int:
    rows = mapping.rows if mapping.frames is None else mapping.frames * layer.out[0]
    return rows * layer.out[1]


def sums(layer: Layer, mapping: Mapping) -> int:
    """Bits of the sums of a tile."""
    return mapping.channels * positions(layer, mapping) * layer.sum_bits


def preference(layer: Layer, mapping: Mapping) -> tuple:
    return -mapping.channels, -positions(layer, mapping), mapping.order != WEIGHT_STATIONARY


def perform(layer: Layer, mapping: Mapping, batch: int, memories, other_weights) -> Found:
    """Let levels stay as long as they can, and move a batch."""
    levels = {}
    for operand in STAYS:
        levels[operand] = [
            Level(
                memory.name,
                memory.word_length,
                longest_stay(layer, mapping, batch, operand, memory, other_weights),
                memory.prefetch,
            )
            for memory in memories
        ]
    batches = cut_batches([layer.every_input()] * batch, batch)
    moved = move(layer, mapping, batches, levels["weights"], levels["codes"])
    words = tuple(
        sum(moved.total(memory.name, operand, way) for operand in STAYS for way in ("read", "write"))
        for memory in memories
    )
    stays = (tuple(level.stay for level in levels[operand]) for operand in STAYS)
    return Found(mapping, *stays, words)


def longest_stay(layer, mapping, batch, operand, memory: Memory, other_weights):
    """The longest one whose worst tile fits; HOME where the operand has always been."""
    room = getattr(memory, operand)
    if room == HOME:
        return HOME
    for stay in STAYS[operand]:
        needed = need(layer, mapping, batch, operand, memory.word_length, stay) * memory.word_length
        if stay == RESIDENT:
            if other_weights is None:
                continue
            needed += 8 * other_weights
        if needed <= 8 * room:
            return stay
    return PASSED_BY
