"""Rows of weights on their way to the lanes, one delivery after the other, and numbers on their way into neurons."""

from collections import defaultdict
from dataclasses import dataclass

from reference.joining import Add
from reference.pooling import AvgPool2d, Pool
from reference.synaptic import Conv2d, Synaptic


@dataclass(frozen=True)
class Cut:
    """How a layer's outputs are cut into tiles, and how many lanes work side by side."""

    channels: int  # output channels of a tile
    rows: int | None  # of outputs of one frame; None: whole frames
    frames: int  # whole frames
    lane_positions: int = 1
    lane_frames: int = 1
    lane_inputs: int = 1


def deliveries(head: Synaptic, batch: list[list[int]], cut: Cut) -> list[int]:
    """Weights of each row that is given to the lanes for a batch, as often as it is given.

    A row is given for as many positions as the lanes have in each frame, again and again until nobody waits for it.
    Rows of several input channels that meet the same tap go together where lanes take several inputs.
    """
    given = []
    for frames, tile in position_tiles(head, batch, cut):
        waiting = who_waits(head, frames, tile, cut.lane_frames)
        for n_weight, rows in rows_side_by_side(head, cut):
            positions = [dict(waiting[row]) for row in rows]
            while any(number > 0 for each in positions for number in each.values()):
                given.append(n_weight)
                positions = [{at: number - cut.lane_positions for at, number in each.items()} for each in positions]
    return given


def position_tiles(head, batch, cut: Cut):
    """Frames and rows of outputs that are worked on together."""
    every_row = range(head.y.n_window if isinstance(head, Conv2d) else 1)
    if cut.rows is None:
        return [(batch[k : k + cut.frames], every_row) for k in range(0, len(batch), cut.frames)]
    strips = [every_row[k : k + cut.rows] for k in range(0, len(every_row), cut.rows)]
    return [([frame], strip) for frame in batch for strip in strips]


def who_waits(head, frames, tile, n_lane) -> dict:
    """Positions that wait for each row: by tap and by lanes of a frame, to which frames are dealt in turn."""
    waiting = defaultdict(lambda: defaultdict(int))
    for k, events in enumerate(frames):
        for i in events:
            for synapses in head.fan_out(i):  # of one position
                neuron, place = synapses[0]
                if output_row(head, neuron) in tile:
                    tap, channel = head.tap_of(place), head.channel_read(i)
                    waiting[channel, None if is_depthwise(head) else tap][tap, k % n_lane] += 1
    return waiting


def output_row(head, neuron) -> int:
    return neuron // head.x.n_window % head.y.n_window if isinstance(head, Conv2d) else 0


def is_depthwise(head) -> bool:
    return isinstance(head, Conv2d) and head.read_per_group == 1 and head.n_group > 1


def rows_side_by_side(head, cut: Cut):
    """Weights of a row, and the rows (channel, tap) that are given at once; for every tile of output channels."""
    n_channel = head.n_channel_read()
    if is_depthwise(head):
        return [(head.row_length, [(channel, None)]) for channel in range(n_channel)]
    found = []
    n_group = head.n_group if isinstance(head, Conv2d) else 1
    taps = sorted({head.tap_of(place) for row in head.rows_of(0) for place in row})
    for group in range(n_group):
        channels = range(group * n_channel // n_group, (group + 1) * n_channel // n_group)
        for start in range(0, len(channels), cut.lane_inputs):
            some = channels[start : start + cut.lane_inputs]
            for outputs in range(0, head.row_length, cut.channels):
                n_weight = len(range(head.row_length)[outputs : outputs + cut.channels])
                found += [(n_weight, [(channel, tap) for channel in some]) for tap in taps]
    return found


def taken_in(head, events: list[list[int]], is_delta: bool, first: bool) -> int:
    """Numbers that go into a layer's neurons in a frame, beside what lanes bring; events by signal.

    A window is gone through from its first number to its last, if any of them is new. A sum of signals starts as the
    first of them. A sum that is kept takes one change after the other.
    """
    if isinstance(head, AvgPool2d) and is_delta:
        return sum(1 for i in events[0] for window in head.window if i in window)
    if isinstance(head, Pool):
        at_work = [window for window in head.window if first or not is_delta or set(window) & set(events[0])]
        return sum(1 for window in at_work for _ in window)
    if isinstance(head, Add) and is_delta:
        return sum(1 for signal in events for _ in signal)
    if isinstance(head, Add):
        return sum(1 for _ in head.sources[1:] for _ in range(head.n_out))
    return 0
