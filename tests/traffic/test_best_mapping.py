"""The best mapping of small layers, by hand and by trying all; every word is a byte here."""

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
    Mapping,
)
from reference.mapping import Memory, best, longest_stay, try_all


def lanes(channels, positions=1):
    return Mapping(WEIGHT_STATIONARY, 1, rows=1, lane_channels=channels, lane_positions=positions)


def memories(weights, codes):
    return Memory("dram", 8, HOME, HOME), Memory("near", 8, weights, codes)


SMALL_LAYERS = {
    # 48 weights, 24 codes. 8 sums are 4 channels by 2 frames: two tiles each way. Weights first: 48 once, 24 twice:
    # 96. Codes first: 24 once, 48 twice: 120. All 8 channels at once: 8 sums of 1 frame, and 24 bytes hold no tile of
    # channels any more, so that weights come 4 times: 192 + 24 = 216
    "dense": ((Layer(6, 8, sum_bits=8), lanes(4), 4, memories(24, 12), 8), ("channels", 4, "frames", 2), 96, 120),
    # 32 weights, 64 codes. 16 sums are 2 channels by 4 rows: four tiles of channels, two of positions. Codes first: 64
    # once, 32 twice: 128. Weights first, that is 32 + 4 * 64 = 288; with 4 channels by 2 rows 8 bytes hold one input
    # channel alone, weights come for each of 4 strips and codes for each of 2 tiles: 128 + 128 = 256; with a tile of
    # all channels both orders are one: 32 * 8 + 64 = 320
    "pointwise": (
        (Layer(4, 8, image=(8, 2), out=(8, 2), sum_bits=8), lanes(2, 2), 1, memories(8, 32), 16),
        ("channels", 2, "rows", 4),
        128,
        256,
    ),
    # 72 weights, 80 codes. 16 sums are 2 channels by 4 rows of 2: two tiles each way, each reads 6 of 10 rows, 48
    # codes. Codes first: 2 * 48 once, 72 twice: 240. Weights first: 72 once, 96 twice: 264
    "convolution": (
        (
            Layer(2, 4, kernel=(3, 3), image=(10, 4), out=(8, 2), sum_bits=8),
            lanes(2, 2),
            1,
            memories(36, 48),
            16,
        ),
        ("channels", 2, "rows", 4),
        240,
        264,
    ),
    # 36 weights, 32 codes. 8 sums are 2 channels by 2 rows of 2; each of two strips reads 3 of 4 rows, 48 codes of all
    # channels together, in either order. Weights first: 36 once: 84. Codes first: 36 twice: 120
    "depthwise": (
        (
            Layer(1, 1, 4, (3, 3), padding=(1, 1), image=(4, 2), out=(4, 2), depthwise=True, sum_bits=8),
            lanes(2),
            1,
            memories(18, 16),
            8,
        ),
        ("channels", 2, "rows", 2),
        84,
        120,
    ),
}
ORDER = {
    "dense": WEIGHT_STATIONARY,
    "pointwise": CODE_STATIONARY,
    "convolution": CODE_STATIONARY,
    "depthwise": WEIGHT_STATIONARY,
}


@pytest.mark.parametrize("name", SMALL_LAYERS)
def test_the_better_order_of_a_small_layer(name):
    question, (_, channels, kind, size), words, other = SMALL_LAYERS[name]
    found = best(*question)
    assert (found.mapping.order, found.mapping.channels, getattr(found.mapping, kind)) == (ORDER[name], channels, size)
    assert found.words[0] == words
    others = [each.words[0] for each in try_all(*question) if each.mapping.order != ORDER[name]]
    assert min(others) == other


def test_near_words_of_the_dense_layer():
    # weights: 48 written; each of 48 rows of 4 (6 inputs, 2 tiles, 4 frames, one at a time) read: 192.
    # Codes: 24 written and read for each of 2 tiles of channels, which the lanes take at once: 48, 48
    assert best(*SMALL_LAYERS["dense"][0]).words == (96, 48 + 192 + 48 + 48)


def test_of_equal_ones_the_largest_tile_and_weights_first():
    # straight from the farthest level: in every mapping each frame reads 8 weights, and its 2 codes for each 2 channels
    everywhere = (Memory("dram", 8, HOME, HOME),)
    tried = try_all(Layer(2, 4), lanes(2), 2, everywhere, 64)
    assert {found.words for found in tried} == {(2 * 8 + 2 * 2 * 2,)}
    assert len(tried) == 2 * 2 * 3  # orders, tiles of channels; a row, a frame, two frames
    found = best(Layer(2, 4), lanes(2), 2, everywhere, 64).mapping
    assert (found.channels, found.frames, found.order) == (4, 2, WEIGHT_STATIONARY)
    # sums of 4 bytes: eight of them; more channels go before more frames
    found = best(Layer(2, 8), lanes(2), 2, everywhere, 32).mapping
    assert (found.channels, found.frames or found.rows) == (8, 1)


def test_a_row_that_does_not_fit_the_sums():
    with pytest.raises(ValueError, match="not even one row"):
        best(Layer(2, 4), lanes(2), 1, memories(8, 8), 7)


def test_tiles_are_multiples_of_the_lanes_or_all_channels():
    tried = try_all(Layer(1, 7), lanes(3), 1, memories(8, 8), 64)
    assert {found.mapping.channels for found in tried} == {3, 6, 7}


@pytest.mark.parametrize(
    ("room", "others", "stay"),
    [
        (35, 0, PASSED_BY),
        (36, 0, CHANNEL),
        (71, 0, CHANNEL),
        (72, 0, TILE),
        (108, None, ALL),  # the second tile is of two channels
        (108, 0, RESIDENT),
        (207, 100, ALL),
        (208, 100, RESIDENT),
    ],
)
def test_a_level_stays_as_long_as_it_has_room(room, others, stay):
    layer, mapping = Layer(2, 6, kernel=(3, 3), image=(6, 6), out=(4, 4)), Mapping(CODE_STATIONARY, 4, rows=2)
    assert longest_stay(layer, mapping, 1, "weights", Memory("near", 8, weights=room), others) == stay
