"""What must hold of the words of any network on any machine with levels."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from levelled import EXECUTIONS, fields, lanes, machine_of, words_of, works
from number_of_examples import examples

import hwsim
from hwsim.errors import MachineError

ONLY_WEIGHTS = (("weights",),)
EVERYTHING = (("weights", "codes", "state"),)


def counted(work, machine, data=None):
    try:
        frames = work.data if data is None else data
        run = hwsim.simulate(work.network, frames, machines=[machine], per_frame=True)
    except MachineError as error:
        if "sums of" in str(error):
            reject()
        raise
    return hwsim.count(run.activity, machine)


def words_anywhere(counts, operand=None):
    return words_of(counts, {key.layer for key in counts.entries}, operand)


def from_the_farthest(words):
    return sum(number for (_, level, _, _), number in words.items() if level == "dram")


def with_capacities(said):
    """The same with a size for every level, and none that is filled with what nobody asks for."""
    levels = []
    for level in said["levels"]:
        changed = {key: value for key, value in level.items() if key not in ("fit", "at_most", "prefetch")}
        if level["kind"] == "sram":
            changed.setdefault("capacity", 100)
        levels.append(changed)
    return said | {"levels": levels}


@examples(400)
@given(data=st.data())
def test_words_from_the_farthest_level_fall_or_stay_when_a_capacity_grows(data):
    work, said = data.draw(works(largest_last=40)), with_capacities(data.draw(fields("dense")))
    n_batch = -(-len(work.data) // said["batch"])
    frames = np.ones((n_batch * said["batch"], *work.network.input_shape), np.int8)  # plans are for whole batches
    before = from_the_farthest(words_anywhere(counted(work, machine_of(said), frames)))
    grows = data.draw(st.sampled_from([level["name"] for level in said["levels"] if "capacity" in level]))
    more = data.draw(st.one_of(st.integers(1, 50), st.integers(1, 5000)))
    levels = [
        level | {"capacity": level["capacity"] + more} if level["name"] == grows else level for level in said["levels"]
    ]
    after = from_the_farthest(words_anywhere(counted(work, machine_of(said, levels=levels), frames)))
    assert after <= before


@st.composite
def alike(draw):
    """The same machine for each execution: near levels for weights alone, order and tile declared."""
    said = draw(fields("sparse", holds=ONLY_WEIGHTS))
    tile = {"channels": draw(st.integers(1, 6)), "rows": draw(st.integers(1, 4))}
    order = draw(st.sampled_from(("weight-stationary", "code-stationary")))
    said |= {"order": order, "tile": tile, "lanes": dict.fromkeys(("dense", "convolution"), draw(lanes(False)))}
    levels = [level for level in said["levels"] if level["name"] != "sums"]
    levels.append({"name": "sums", "kind": "registers", "holds": ["sums"]})
    said |= {"levels": levels, "events": "indexed"}
    return {execution: machine_of(said | {"execution": execution}) for execution in EXECUTIONS}


@examples(200)
@given(work=works(), machines=alike())
def test_if_every_input_is_an_event_all_executions_move_the_same_weights(work, machines):
    shape = len(work.data), *work.network.input_shape
    # each frame a stream: under delta they are all first
    frames = hwsim.Dataset(np.full(shape, 3, np.int8), stream_start=np.arange(len(work.data) + 1))
    dense, sparse, delta = (
        words_of(counted(work, machines[each], frames), {"first"}, "weights") for each in EXECUTIONS
    )
    assert dense == sparse == delta
    assert dense


@examples(200)
@given(work=works(), machines=alike())
def test_non_zero_inputs_move_no_more_weights_than_all(work, machines):
    dense, sparse = (words_anywhere(counted(work, machines[each]), "weights") for each in ("dense", "sparse"))
    assert sparse <= dense


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(100)
@given(data=st.data())
def test_with_room_for_everything_nothing_comes_from_the_farthest_level(execution, data):
    work, said = data.draw(works(largest_last=40)), data.draw(fields(execution, holds=EVERYTHING))
    found = []
    for capacity in (2**22, 2**23):
        levels = with_capacities(said)["levels"]
        levels = [level | {"capacity": capacity} if level["kind"] == "sram" else level for level in levels]
        found.append(words_anywhere(counted(work, machine_of(said, levels=levels))))
    assert found[0] == found[1]
    assert from_the_farthest(found[0]) == 0
    assert sum(found[0].values()) > 0


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(100)
@given(data=st.data())
def test_a_level_that_can_hold_nothing_is_none(execution, data):
    work, said = data.draw(works()), data.draw(fields(execution))
    tiny = {"name": "tiny", "kind": "sram", "capacity": 1, "word_length": 32, "holds": ["weights", "state"]}
    tiny["prefetch"] = data.draw(st.booleans())
    place = data.draw(st.integers(1, len(said["levels"])))
    levels = [*said["levels"][:place], tiny, *said["levels"][place:]]
    with_it = words_anywhere(counted(work, machine_of(said, levels=levels)))
    assert with_it == words_anywhere(counted(work, machine_of(said)))


@pytest.mark.parametrize("batch", [1, 2])
@examples(100)
@given(data=st.data())
def test_ideal_reuse_is_below_every_dense_machine_of_its_batch(batch, data):
    work, said = data.draw(works()), data.draw(fields("dense"))
    levels = [level | {"word_length": 64} if level["name"] != "sums" else level for level in said["levels"]]
    machine = machine_of(said, levels=levels, batch=batch)
    ideal = hwsim.load_machine("ideal-reuse").model_copy(update={"batch": batch})
    assume(reads_every_row(work.layer))  # a tile of some rows leaves out others that a whole frame has
    for operand in ("weights", "codes"):
        least, found = (totals(counted(work, each), operand) for each in (ideal, machine))
        assert least["read"] <= found["read"]
        assert least["write"] <= found["write"]


def reads_every_row(layer):
    """Whether every row of the image lies between the ends of a window."""
    reach = (layer.kernel[0] - 1) * layer.dilation[0] + 1
    starts = [k * layer.stride[0] - layer.padding[0] for k in range(layer.out[0])]
    return set(range(layer.image[0])) <= {row for start in starts for row in range(start, start + reach)}


def totals(counts, operand):
    found = Counter()
    for (_, _, _, way), number in words_anywhere(counts, operand).items():
        found[way] += number
    return found
