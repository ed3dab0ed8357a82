"""Three levels of codes, one behind the other; every code, weight and word is a byte."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import find
from levelled import fields, machine_of, words_of, works

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer
from hwsim.traffic.plan import plan
from hwsim.traffic.staying import PASSED_BY

INT8 = integer(8)
LANES = {"channels": 1, "positions": 1}


def sram(name, capacity, holds=("codes",)):
    return {"name": name, "kind": "sram", "capacity": capacity, "word_length": 8, "holds": list(holds)}


def machine(middle, near):
    """It works on one output channel and one row of outputs at a time."""
    far = {"name": "dram", "kind": "dram", "word_length": 8, "holds": ["weights", "codes"]}
    sums = {"name": "sums", "kind": "registers", "holds": ["sums"]}
    said = {"schema": 1, "name": "three", "description": "for a test", "execution": "dense"}
    lanes = {"dense": LANES, "convolution": LANES}
    levels = [far, sram("middle", middle), sram("near", near), sums]
    cut = {"order": "weight-stationary", "tile": {"channels": 1, "rows": 1}}
    return machine_of(said | {"event_arithmetic": "multiply", "lanes": lanes, "levels": levels} | cut)


def network(n_channel=2, n_out=3):
    """So many channels of 4 x 4, and windows of one code: 16 codes each, 4 in a row."""
    kernel = hwsim.Weight(np.ones((n_out, n_channel, 1, 1), int), INT8)
    return hwsim.Network("small", (n_channel, 4, 4), (hwsim.Conv2d("first", terms=(kernel,)),), input_format=INT8)


def codes_of_the_first(told):
    run = hwsim.simulate(network(), np.full((1, 2, 4, 4), 5, np.int8), machines=[told])
    found = {}
    for (_, name, _, way), number in words_of(hwsim.count(run.activity, told), {"input", "first"}, "codes").items():
        found[name, way] = found.get((name, way), 0) + number
    written = plan(run.activity, told).signals["outputs"]
    found[written.name, "write"] -= 48 * 2  # numbers that leave, of 16 bits
    return {key: number for key, number in found.items() if number}


@pytest.mark.parametrize(
    ("middle", "near", "expected"),
    [
        # the frame of 32 fits the middle: it arrives there, and is read for each of the three output channels
        (32, 4, {("middle", "read"): 96, ("near", "write"): 96, ("near", "read"): 96}),
        # nearest of all
        (32, 32, {("near", "read"): 96}),
        # it fits nowhere; both levels keep a channel's row, for nothing
        (4, 4, {("dram", "read"): 96, ("middle", "write"): 96, ("middle", "read"): 96, ("near", "write"): 96,
                ("near", "read"): 96}),
    ],
)  # fmt: skip
def test_codes_pass_through_all_levels_between_their_home_and_the_lanes(middle, near, expected):
    assert codes_of_the_first(machine(middle, near)) == expected


def test_a_level_between_keeps_what_the_nearest_cannot():
    # the second layer's frames of 3 x 16 codes live off the chip while the first one's live in the middle
    told = machine(47, 4)
    kernel = hwsim.Weight(np.ones((3, 3, 1, 1), int), INT8)
    quantize = hwsim.Quantize("quantize", scale=1.0, bit_width=8)
    layers = (*network().layers, quantize, hwsim.Conv2d("second", terms=(kernel,)))
    two = hwsim.Network("two", (2, 4, 4), layers, input_format=INT8)
    run = hwsim.simulate(two, np.full((1, 2, 4, 4), 5, np.int8), machines=[told])
    planned = plan(run.activity, told)
    homes = {name: level.name for name, level in planned.signals.items()}
    assert homes["frames as they arrive"] == "middle"
    assert homes["quantize"] == "dram"
    stays = {kept.level.name: kept.stay for kept in planned.layers["second"].codes}
    assert stays["near"] < stays["middle"]
    found = words_of(hwsim.count(run.activity, told), {"second"}, "codes")
    # a tile of one row has 4 codes of each channel, 12 in all, for each of three output channels
    assert found[1, "dram", "codes", "read"] + found[0, "dram", "codes", "read"] == 3 * 48
    assert sum(number for key, number in found.items() if key[1:] == ("middle", "codes", "read")) == 3 * 48


def test_random_machines_have_levels_of_codes_between():
    """The reference is asked about them: some machine of those that are drawn keeps codes in two levels at once."""

    def passes_two(drawn):
        work, said = drawn
        told = machine_of(said)
        try:
            run = hwsim.simulate(work.network, work.data, machines=[told])
        except MachineError:
            return False
        planned = plan(run.activity, told)
        if planned.signals["frames as they arrive"].name != "dram":
            return False
        return sum(kept.stay != PASSED_BY for kept in planned.layers["first"].codes[1:]) == 2

    assert find(st.tuples(works(), fields("dense", n_near=(2,))), passes_two)


@pytest.mark.parametrize("holds", ["codes", "weights"])
def test_a_level_smaller_than_one_of_its_words_holds_nothing(holds):
    tiny, far_and_sums = sram("tiny", 4, [holds]) | {"word_length": 64}, machine(4, 4).model_dump(exclude_none=True)
    far, *_, sums = far_and_sums["levels"]
    with_it, without = (machine_of(far_and_sums, levels=levels) for levels in ([far, tiny, sums], [far, sums]))
    assert codes_of_the_first(with_it) == codes_of_the_first(without) == {("dram", "read"): 96}
    # room for a whole word is used
    used = machine_of(far_and_sums, levels=[far, tiny | {"capacity": 8}, sums])
    assert (("tiny", "write") in codes_of_the_first(used)) == (holds == "codes")
