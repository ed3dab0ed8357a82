"""What must hold whatever the mover moves, on random small layers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from reference.levels import ALL, HOME, PASSED_BY, RESIDENT, TILE, Level, cut_batches
from reference.mover import LOADING, move, need
from small_layers import NAMES, chains, works


@examples(200)
@given(works(), chains(RESIDENT), chains(ALL))
def test_a_level_gives_what_the_next_one_takes(work, weight_levels, code_levels):
    layer, mapping, frames, batch = work
    moved = move(layer, mapping, cut_batches(frames, batch), weight_levels, code_levels)
    for operand, levels in (("weights", weight_levels), ("codes", code_levels)):
        names = [level.name for level in levels if level.stay is not PASSED_BY]
        for far, near in pairwise(names):
            assert moved.in_pieces(far, operand, "read") == moved.in_pieces(near, operand, "write")
        for passed in set(NAMES) - set(names):
            assert not [key for key in moved.words if key[1:3] == (passed, operand)]
    nearest = [level.name for level in weight_levels if level.stay is not PASSED_BY][-1]
    assert moved.in_pieces(nearest, "weights", "read") == sum(moved.deliveries.values())


@examples(200)
@given(works(), chains(RESIDENT), chains(ALL))
def test_events_move_no_more_than_all_inputs(work, weight_levels, code_levels):
    layer, mapping, frames, batch = work
    sparse, dense = (
        move(layer, mapping, cut_batches(each, batch), weight_levels, code_levels)
        for each in (frames, [layer.every_input()] * len(frames))
    )
    for found in ("words", "pieces", "deliveries", "events"):
        smaller, larger = getattr(sparse, found), getattr(dense, found)
        assert all(number <= larger[key] for key, number in smaller.items())


@examples(200)
@given(works(), st.booleans(), chains(ALL))
def test_with_room_for_everything_the_farthest_level_is_read_for_loading_alone(work, is_near, code_levels):
    layer, mapping, frames, batch = work
    levels = [Level("dram", 64, HOME), Level("buffer", 32, RESIDENT)]
    levels += [Level("near", 16, RESIDENT if is_near else TILE)]
    moved = move(layer, mapping, cut_batches(frames, batch), levels, code_levels)
    far = {key[0]: number for key, number in moved.pieces.items() if key[1:] == ("dram", "weights", "read")}
    channel_tiles = len(range(0, layer.groups if layer.depthwise else layer.outputs, mapping.channels))
    rows = layer.groups if layer.depthwise else layer.groups * layer.inputs * len(layer.taps) * channel_tiles
    assert far == {LOADING: rows}
    assert moved.total("dram", "weights", "read") == 0
    if is_near:
        assert {key[0] for key in moved.words if key[1:] == ("near", "weights", "write")} == {LOADING}


@examples(200)
@given(works(), chains(RESIDENT), chains(ALL))
def test_a_longer_stay_reads_no_more_from_farther_out(work, weight_levels, code_levels):
    layer, mapping, frames, batch = work
    batches = cut_batches(frames, batch)
    for operand, levels, longest in (("weights", weight_levels, RESIDENT), ("codes", code_levels, ALL)):
        read = []
        for stay in range(longest + 1):
            chain = {"weights": weight_levels[:1], "codes": code_levels[:1]}
            chain[operand] = [levels[0], Level("buffer", 32, stay)]
            moved = move(layer, mapping, batches, chain["weights"], chain["codes"])
            read.append(moved.total("dram", operand, "read"))
        # codes that stay share words by frame instead of by tile, so they too can only become fewer
        assert read == sorted(read, reverse=True)


@examples(100)
@given(works(), st.sampled_from([8, 32, 64]))
def test_a_longer_stay_needs_no_less(work, word_length):
    layer, mapping, _, batch = work
    for operand, longest in (("weights", RESIDENT), ("codes", ALL)):
        needs = [need(layer, mapping, batch, operand, word_length, stay) for stay in range(longest + 1)]
        assert needs == sorted(needs)
        assert needs[0] > 0
