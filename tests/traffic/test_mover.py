"""The mover against figures worked out by hand, and against what must hold whatever it moves."""

import ast
from pathlib import Path

import pytest
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

ORDERS = WEIGHT_STATIONARY, CODE_STATIONARY
CODES = (Level("dram", 8, HOME),)

# ------------------------------------------------------------------------------------------------------- by hand

CONVOLUTION = Layer(inputs=2, outputs=4, kernel=(3, 3), image=(6, 6), out=(4, 4))
DENSE = Layer(inputs=4, outputs=6)
FIRST, SECOND = [(0, 0, 0), (0, 2, 3), (1, 5, 1)], [(0, 0, 0), (0, 2, 3)]
FRAMES = {
    "dense": [CONVOLUTION.every_input()] * 2,
    "sparse": [FIRST, SECOND],
    "delta": [FIRST, [(1, 5, 1)]],
}
DENSE_FRAMES = {
    "dense": [DENSE.every_input()] * 2,
    "sparse": [[(0, 0, 0), (2, 0, 0)], [(0, 0, 0), (1, 0, 0)]],
    "delta": [[(0, 0, 0), (2, 0, 0)], [(1, 0, 0), (2, 0, 0)]],  # the first stays, one comes, one goes
}


def three_levels(near=CHANNEL):
    return Level("dram", 64, HOME), Level("buffer", 32, ALL), Level("weight buffer", 32, near)


def weight_totals(moved):
    """DRAM read; buffer written, read; weight buffer written, read."""
    ways = [("dram", "read")] + [(name, way) for name in ("buffer", "weight buffer") for way in ("write", "read")]
    return tuple(moved.total(name, "weights", way) for name, way in ways)


# (0, 2, 3) meets all nine taps, (0, 0, 0) one of them, (1, 5, 1) two: 9 rows of channel 0 and 2 of channel 1 in the
# first frame, then 9 under sparse, 2 under delta. With two rows of outputs to a strip, channel 0 needs the last two
# rows of its kernel in the first strip and (0, 0) besides, 7 in all, and 3 in the second, where channel 1 needs its 2.
# With three rows to a strip channel 0 is done in the first and channel 1 in the second
BY_HAND = [
    (4, 2, "dense", (36, 36, 72, 72, 288), (96, 96)),
    (4, 2, "sparse", (20, 20, 22, 22, 22), (4, 3)),
    (4, 2, "delta", (13, 13, 14, 14, 14), (4, 1)),
    (4, 3, "dense", (36, 36, 72, 72, 288), (96, 96)),
    (4, 3, "sparse", (20, 20, 20, 20, 20), (3, 2)),
    (4, 3, "delta", (13, 13, 13, 13, 13), (3, 1)),
    (3, 3, "dense", (72, 72, 144, 144, 576), (96, 96)),
    (3, 3, "sparse", (40, 40, 40, 40, 40), (3, 2)),
    (3, 3, "delta", (26, 26, 26, 26, 26), (3, 1)),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("channels", "rows", "execution", "words", "events"), BY_HAND)
def test_a_convolution_by_hand(order, channels, rows, execution, words, events):
    mapping = Mapping(order, channels, rows=rows, lane_channels=2, lane_positions=2)
    moved = move(CONVOLUTION, mapping, cut_batches(FRAMES[execution], 1), three_levels(), CODES)
    assert weight_totals(moved) == words
    found = [sum(number for (frame, _), number in moved.events.items() if frame == k) for k in (0, 1)]
    assert tuple(found) == events
    # bytes in words of a byte: each tile of four channels is read for two lanes twice, the last one alone once
    readings = {4: 2, 3: 3}[channels]
    assert [moved.total("dram", "codes", "read", frame) for frame in (0, 1)] == [readings * each for each in events]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("execution", "words"), [("dense", 18), ("sparse", 11), ("delta", 11)])
@pytest.mark.parametrize("tile", [{"rows": 2}, {"frames": 1}, {"frames": 2}])
def test_a_convolution_in_a_batch_of_two(order, execution, words, tile):
    mapping = Mapping(order, 4, **tile, lane_channels=2, lane_positions=2)
    moved = move(CONVOLUTION, mapping, cut_batches(FRAMES[execution], 2), three_levels(), CODES)
    assert moved.total("dram", "weights", "read") == moved.total("dram", "weights", "read", 0) == words


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("execution", "batch", "words"),
    [("dense", 1, 16), ("sparse", 1, 8), ("delta", 1, 8), ("dense", 2, 8), ("sparse", 2, 6), ("delta", 2, 6)],
)
def test_a_dense_layer_by_hand(order, execution, batch, words):
    # pieces of four weights and of two, a word each: two words for every input that any frame of a batch presents
    mapping = Mapping(order, 4, frames=batch, lane_channels=2, lane_positions=2)
    moved = move(DENSE, mapping, cut_batches(DENSE_FRAMES[execution], batch), three_levels(), CODES)
    dram, written, read, near_written, _ = weight_totals(moved)
    assert dram == written == words
    assert read == near_written == words


@pytest.mark.parametrize(("stay", "words"), [(CHANNEL, 9), (TILE, 18), (ALL, 18), (RESIDENT, 18)])
def test_what_a_stay_needs_of_the_convolution(stay, words):
    # 36 bytes hold the nine words of one input channel, not the eighteen of a tile
    assert need(CONVOLUTION, Mapping(WEIGHT_STATIONARY, 4, rows=2), 1, "weights", 32, stay) == words


def test_what_a_stay_of_codes_needs():
    mapping = Mapping(WEIGHT_STATIONARY, 4, rows=3)
    # the worst tile is the first: five rows of six codes, of one channel or of both; all: 72 bytes of each frame
    assert [need(CONVOLUTION, mapping, 2, "codes", 32, stay) for stay in (CHANNEL, TILE, ALL)] == [8, 15, 36]


def test_rows_that_no_event_meets_come_only_where_they_are_fetched_ahead():
    mapping = Mapping(WEIGHT_STATIONARY, 4, rows=4, lane_positions=2)
    ahead = Level("dram", 64, HOME), Level("buffer", 32, ALL, prefetch=True)
    moved = move(CONVOLUTION, mapping, cut_batches(FRAMES["sparse"], 1), ahead, CODES)
    assert [moved.total("buffer", "weights", way) for way in ("write", "read")] == [36, 20]


def test_the_lanes_read_from_the_farthest_level_if_all_others_are_passed_by():
    mapping = Mapping(WEIGHT_STATIONARY, 4, rows=2, lane_channels=2, lane_positions=2)
    levels = Level("dram", 64, HOME), Level("buffer", 32, PASSED_BY)
    moved = move(CONVOLUTION, mapping, cut_batches(FRAMES["dense"], 1), levels, CODES)
    assert weight_totals(moved) == (288, 0, 0, 0, 0)
    assert moved.deliveries == {0: 144, 1: 144}


def test_lanes_of_two_frames_take_a_row_for_both_at_once():
    layer = Layer(inputs=1, outputs=1)
    batches = cut_batches([layer.every_input()] * 3, 3)
    for side_by_side, deliveries in ((1, 3), (2, 2), (3, 1)):
        mapping = Mapping(WEIGHT_STATIONARY, 1, frames=3, lane_frames=side_by_side)
        assert move(layer, mapping, batches, [Level("dram", 8, HOME)], CODES).deliveries == {0: deliveries}


def test_a_depthwise_layer_by_hand():
    # three channels of 4 x 4, kernels of 3 x 3, two rows of two outputs; tiles of two channels by one row.
    # A piece is nine bytes, three words. Each of the 3 x 2 tiles reads its pieces once into the near level
    layer = Layer(1, 1, groups=3, kernel=(3, 3), image=(4, 4), out=(2, 2), depthwise=True)
    mapping = Mapping(CODE_STATIONARY, 2, rows=1, lane_channels=4, lane_positions=1)
    weights = Level("dram", 32, HOME), Level("near", 32, TILE)
    moved = move(layer, mapping, cut_batches([layer.every_input()], 1), weights, [Level("dram", 32, HOME)])
    assert moved.total("near", "weights", "write") == 6 * 3
    # the busiest tap meets two outputs of a row, one at a time
    assert moved.deliveries == {0: 6 * 2}
    assert moved.total("near", "weights", "read") == 12 * 3
    # three rows of four codes of three channels in each strip, read ceil(9 / 4) times: 9 words, 3 times, 2 strips
    assert moved.events == {(0, 0): 36, (0, 1): 36}
    assert moved.total("dram", "codes", "read") == 9 * 3 * 2
    assert [need(layer, mapping, 1, "weights", 32, stay) for stay in (CHANNEL, TILE, ALL)] == [3, 6, 9]
    assert [need(layer, mapping, 1, "codes", 32, stay) for stay in (CHANNEL, TILE, ALL)] == [3, 6, 12]


def test_two_terms_of_a_weight_are_two_rows_of_words():
    layer = Layer(inputs=1, outputs=3, weight_bits=(8, 2))
    mapping = Mapping(WEIGHT_STATIONARY, 3, frames=1)
    moved = move(layer, mapping, cut_batches([layer.every_input()], 1), [Level("dram", 8, HOME)], CODES)
    assert moved.total("dram", "weights", "read") == 3 + 1


def test_a_strip_reads_the_rows_that_its_windows_span_and_a_whole_frame_all():
    # every second row has a window; the last one has none
    layer = Layer(1, 1, stride=(2, 1), image=(4, 1), out=(2, 1))
    batches = cut_batches([layer.every_input()], 1)
    for tile, events in (({"rows": 1}, [1, 1]), ({"rows": 2}, [4]), ({"frames": 1}, [4])):
        moved = move(layer, Mapping(WEIGHT_STATIONARY, 1, **tile), batches, CODES, CODES)
        assert list(moved.events.values()) == events


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("stay", "words"), [(CHANNEL, 5), (TILE, 5), (ALL, 4)])
def test_codes_of_all_groups_share_words(order, depthwise, stay, words):
    # two groups of three rows, in strips of two: 4 and 2 codes of 5 bits are 3 and 2 bytes, all 6 of them are 4
    layer = Layer(1, 1, 2, image=(3, 1), out=(3, 1), depthwise=depthwise, code_bits=5)
    levels = Level("dram", 8, HOME), Level("near", 8, stay)
    moved = move(layer, Mapping(order, 1, rows=2), cut_batches([layer.every_input()], 1), CODES, levels)
    assert moved.total("near", "codes", "write") == moved.total("dram", "codes", "read") == words
    assert moved.total("near", "codes", "read") == 5


def test_marks_tell_events_from_other_codes():
    # two channels of three rows; each strip of two reads its rows' marks, and the value of the only event with them
    layer = Layer(2, 1, image=(3, 1), out=(3, 1), code_bits=8, mark_bits=1)
    moved = move(layer, Mapping(WEIGHT_STATIONARY, 1, rows=2), cut_batches([[(1, 2, 0)]], 1), CODES, bits("near"))
    # four marks, and two marks with a value
    assert moved.total("near", "codes", "read") == 4 + 2 + 8
    assert sum(moved.events.values()) == 1


def bits(name):
    return (Level(name, 1, HOME),)


def test_a_batch_ends_with_its_stream():
    batches = cut_batches([[]] * 7, 3, stream_starts=(0, 4))
    assert [[frame.number for frame in batch] for batch in batches] == [[0, 1, 2], [3], [4, 5, 6]]


@pytest.mark.parametrize("name", ["levels", "mover", "mapping"])
def test_the_mover_knows_nothing_of_the_package(name):
    allowed = {"collections", "dataclasses", "itertools", "math", "typing", "reference.levels", "reference.mover"}
    source = (Path(__file__).parents[1] / "reference" / f"{name}.py").read_text(encoding="utf-8")
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    assert found
    assert found <= allowed
