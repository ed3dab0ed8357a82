"""Cycles of lanes on which large events take longer: by hand, laws that they meet, and what is refused."""

import numpy as np
import pytest
from against_reference import dataset_of
from hypothesis import given
from hypothesis import strategies as st
from levelled import machine_of
from number_of_examples import examples
from reference.lane_groups import fewest_powers, groups_of
from reference.levels import Layer
from strategies import convolutional_networks, inputs_for, networks

import hwsim
from hwsim.errors import MachineError
from hwsim.timing.lanes import lane_work
from hwsim.traffic.arithmetic import signed_digits
from hwsim.traffic.meetings import Batches
from hwsim.traffic.plan import plan

ARITHMETIC = "unary", "shift-add", {"unary_up_to": 1}, {"unary_up_to": 3}, {"unary_up_to": 40}
INT8 = hwsim.NumberFormat("integer", 8)
SRAM = {"name": "sram", "kind": "sram", "capacity": 65536, "word_length": 64, "holds": ["weights", "codes"]}
REGISTERS = {"name": "sums", "kind": "registers", "holds": ["sums"]}


def simple(arithmetic, positions=1, levels=(SRAM, REGISTERS), overlap="layer", multiply=1, **changes):
    """A sparse machine of four lanes for channels, whose ports move 16 bits."""
    names = [level["name"] for level in levels if level["kind"] != "registers"]
    timing = {"clock": 1e9, "levels": {name: {"bits": 16} for name in names}, "neuron_lanes": 1, "encode_lanes": 1}
    sizes = {"channels": 4, "positions": positions}
    return machine_of(
        {"schema": 1, "name": "simple", "description": "by hand", "execution": "sparse", "levels": list(levels),
         "event_arithmetic": arithmetic, "lanes": {"dense": sizes, "convolution": sizes},
         "timing": timing | {"overlap": overlap, "cycles": {"multiply": multiply}}},
        **changes,
    )  # fmt: skip


def dense_of(n_in, event=INT8, weight=INT8):
    code = np.ones((n_in, 4), float if weight.is_real else int)
    layer = hwsim.Dense("first", terms=(hwsim.Weight(code, weight),), accumulator=None if weight.is_real else 16)
    return hwsim.Network("network", (n_in,), (layer,), input_format=event)


def lanes_of(network, frames, machine):
    run = hwsim.simulate(network, frames, machines=[machine])
    return hwsim.schedule(run.activity, machine).layers[1].resources["lanes"].tolist()


def test_groups_of_a_row_of_pixels():
    """One channel, 1 x 8, a kernel of 1 x 2, two positions at a time.

    The left tap meets pixels 0 to 6, of which 3, 1 | 5, 2 | 7 are events, the right tap 1 to 7: 1, 5 | 2, 7 | 4.
    """
    code = np.ones((1, 1, 1, 2), int)
    layer = hwsim.Conv2d("first", terms=(hwsim.Weight(code, INT8),), accumulator=16)
    network = hwsim.Network("network", (1, 1, 8), (layer,), input_format=INT8)
    frame = np.array([[[[3, 0, 1, 5, 2, 0, 7, 4]]]], np.int8)
    left, right = (3, 5, 7), (5, 7, 4)
    assert lanes_of(network, frame, simple("unary", positions=2)) == [sum(left) + sum(right)]
    assert lanes_of(network, frame, simple("multiply", positions=2)) == [6]
    # 3 and 5 have two signed digits, 7 = 8 - 1 has two, 4 has one
    assert lanes_of(network, frame, simple("shift-add", positions=2)) == [2 + 2 + 2 + 2 + 2 + 1]
    up_to_4 = simple({"unary_up_to": 4}, positions=2, multiply=2)
    # 3, 1 take 3; 5, 2 take 2, a multiplication and two additions alike; 4 takes 4
    assert lanes_of(network, frame, up_to_4) == [3 + 2 + 2 + 2 + 2 + 4]


@pytest.mark.parametrize("kernel", [(3, 3), (1, 2), (2, 3)])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((1, 1), (2, 2)), ((2, 1), (1, 2))]
)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_borders_of_padded_images(kernel, stride, dilation, groups):
    """Groups of a tap begin where the tap first meets an input, not where the first output lies."""
    generator, image, padding = np.random.default_rng(0), (6, 5), (2, 1)
    out = tuple(
        (size + 2 * pad - apart * (taps - 1) - 1) // step + 1
        for size, pad, apart, taps, step in zip(image, padding, dilation, kernel, stride, strict=True)
    )
    made = 1 if groups == 4 else 3
    layer = Layer(4 // groups, made, groups, kernel, stride, padding, dilation, image, out, depthwise=groups == 4)
    code = np.ones((groups * made, 4 // groups, *kernel), int)
    first = hwsim.Conv2d("first", terms=(hwsim.Weight(code, INT8),), stride=stride, padding=padding,
                         dilation=dilation, groups=groups, accumulator=24)  # fmt: skip
    network = hwsim.Network("network", (4, *image), (first,), input_format=INT8)
    codes = np.where(generator.random((6, 4, *image)) < 0.7, generator.integers(-9, 10, (6, 4, *image)), 0)
    sram = {"name": "sram", "kind": "sram", "fit": "network", "word_length": 64, "holds": ["weights", "codes"]}
    n_pass = -(-kernel[0] * kernel[1] // 4) if layer.depthwise else 1
    for positions in (1, 3, 4):
        machine = simple("unary", positions=positions, levels=(sram, REGISTERS))
        taken = []
        for frame in codes:
            places = zip(*(axis.tolist() for axis in np.nonzero(frame)), strict=True)
            found = groups_of(layer, {place: int(frame[place]) for place in places}, out[0], positions)
            assert any(len(group) > 1 for group in found) or (positions == 1 and not layer.depthwise)
            taken.append(n_pass * sum(max(map(abs, group)) for group in found))
        assert lanes_of(network, codes.astype(np.int8), machine) == taken


def test_of_a_cheap_multiplication_the_largest_event_need_not_take_longest():
    frame = np.array([[[[3, 90]]]], np.int8)
    layer = hwsim.Conv2d("first", terms=(hwsim.Weight(np.ones((1, 1, 1, 1), int), INT8),), accumulator=16)
    network = hwsim.Network("network", (1, 1, 2), (layer,), input_format=INT8)
    assert lanes_of(network, frame, simple({"unary_up_to": 3}, positions=2)) == [3]


@pytest.mark.parametrize(
    ("event", "weight", "taken"),
    [
        (INT8, INT8, {"multiply": 3 * 5, "unary": 1 + 7 + 2, "shift-add": 1 + 2 + 1}),
        (INT8, hwsim.NumberFormat("binary", 1), dict.fromkeys(("multiply", "unary", "shift-add"), 3)),
        (INT8, hwsim.NumberFormat("ternary", 2), dict.fromkeys(("multiply", "unary", "shift-add"), 3)),
        (INT8, hwsim.NumberFormat("power-of-two", 4), dict.fromkeys(("multiply", "unary", "shift-add"), 3)),
        (INT8, hwsim.NumberFormat("real", 32), dict.fromkeys(("multiply", "unary", "shift-add"), 3 * 5)),
        (hwsim.NumberFormat("real", 32), hwsim.NumberFormat("real", 32),
         dict.fromkeys(("multiply", "unary", "shift-add"), 3 * 5)),
        (hwsim.NumberFormat("real", 32), hwsim.NumberFormat("ternary", 2),
         dict.fromkeys(("multiply", "unary", "shift-add"), 3)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("arithmetic", ["multiply", "unary", "shift-add"])
def test_formats_say_whether_an_event_is_multiplied(event, weight, taken, arithmetic):
    network = dense_of(4, event, weight)
    frame = np.array([[1, 7, 0, 2]], np.float32 if event.is_real else np.int8)
    machine = simple(arithmetic, multiply=5)
    assert lanes_of(network, frame, machine) == [taken[arithmetic]]


def test_bits_that_meet_bits_take_a_cycle_each():
    binary = hwsim.NumberFormat("binary", 1)
    frame = np.array([[1, -1, 1, -1]], np.int8)
    assert lanes_of(dense_of(4, binary, binary), frame, simple("unary", multiply=5)) == [4]


@given(st.integers(0, 2**20))
def test_no_sum_of_signed_powers_is_shorter_than_the_digits_that_are_counted(number):
    assert signed_digits(np.array([number]))[0] == fewest_powers(number)


def test_sums_row_by_row_are_waited_for():
    """Weights 4 x 8 bits and sums 4 x 16 bits that are read and written: 32 and 128 bits of 16 in a cycle."""
    machine = simple(
        "unary",
        levels=[SRAM | {"holds": ["weights", "codes", "state"]},
                {"name": "neurons", "kind": "sram", "capacity": 4096, "word_length": 64, "holds": ["sums"],
                 "access": "per-row"}],
        overlap="event",
    )  # fmt: skip
    run = hwsim.simulate(dense_of(4), np.array([[1, 9, 0, -3]], np.int8), machines=[machine])
    work = lane_work(run.activity, run.activity.layers[1], machine, plan(run.activity, machine),
                     Batches(run.activity.first, 1))  # fmt: skip
    assert work.cycles.tolist() == [1 + 9 + 3]
    # 64 bits of weights, as they come in words, take 4; sums take 8 through their one port; an event of 9 takes longer
    assert work.in_rows.tolist() == [8 + 9 + 8]


# ------------------------------------------------------------------------------------------------ laws


def one_lane(execution, arithmetic):
    """A machine that works on one output channel at one position, with room for anything."""
    sram = {"name": "sram", "kind": "sram", "fit": "network", "word_length": 64, "holds": ["weights", "codes", "state"]}
    lane = {"channels": 1}
    return simple(arithmetic, levels=(sram, REGISTERS), execution=execution,
                  lanes={"dense": lane, "convolution": lane})  # fmt: skip


@pytest.mark.parametrize("execution", ["sparse", "delta"])
@pytest.mark.parametrize("drawn", [networks(), convolutional_networks()])
@examples(200)
@given(data=st.data())
def test_a_single_lane_takes_a_cycle_for_each_addition(execution, drawn, data):
    network = data.draw(drawn)
    machine = one_lane(execution, data.draw(st.sampled_from(ARITHMETIC)))
    frames = dataset_of(network, data.draw(inputs_for(network)))
    run = hwsim.simulate(network, frames, machines=[machine], per_frame=True)
    counts, timing = hwsim.count(run.activity, machine), hwsim.schedule(run.activity, machine)
    for layer, timed in zip(run.activity.layers, timing.layers, strict=True):
        if any(is_exception(connection) for connection in layer.connections):
            continue
        added = np.zeros(run.activity.n_frame, np.int64)
        for key, number in counts.entries.items():
            if (key.layer, key.phase, key.operation.kind) == (layer.name, "synapse", "addition"):
                added += number
        assert timed.resources["lanes"].tolist() == added.tolist()


def is_exception(connection):
    """A depthwise row meets several events at once; around a zero point events are added up by themselves, too."""
    return connection.groups > 1 or connection.has_zero_point


def test_pieces_of_a_stream_are_noted_as_if_it_ran_whole():
    """Longer than a piece, so that some begin with a frame that is not counted."""
    generator = np.random.default_rng(0)
    frames = np.where(generator.random((150, 2, 5, 5)) < 0.5, generator.integers(-9, 10, (150, 2, 5, 5)), 0)
    layer = hwsim.Conv2d("first", terms=(hwsim.Weight(np.ones((3, 2, 3, 3), int), INT8),), accumulator=16, padding=1)
    network = hwsim.Network("network", (2, 5, 5), (layer,), input_format=INT8)
    machine = one_lane("delta", "unary")
    runs = [
        hwsim.simulate(network, frames.astype(np.int8), machines=[machine], threads=threads, block=block)
        for threads, block in ((1, 150), (1, 1), (2, 7))
    ]
    (whole,), *others = (list(run.activity.layers[1].group_cycles.values()) for run in runs)
    assert whole.min() > 0
    assert all(other.tolist() == whole.tolist() for ((other),) in others)


@pytest.mark.parametrize("image", [True, False])
def test_events_of_any_width(image):
    """Magnitudes of which no array could be kept, whose sum passes 32 bits."""
    wide = hwsim.NumberFormat("integer", 40)
    frame = np.array([[3, -(2**33), 0, 2**33, 1, 0]])
    one = hwsim.Weight(np.ones((2, 1, 1, 1) if image else (6, 2), int), hwsim.NumberFormat("integer", 2))
    layer = hwsim.Conv2d("first", terms=(one,)) if image else hwsim.Dense("first", terms=(one,))
    shape = (1, 2, 3) if image else (6,)
    network = hwsim.Network("network", shape, (layer,), input_format=wide)
    frames = np.concatenate([frame, 0 * frame, 2 * frame]).reshape(3, *shape)
    # two outputs, one after the other
    taken = 2 * (3 + 2**34 + 1)
    assert lanes_of(network, frames, one_lane("sparse", "unary")) == [taken, 0, 2 * taken]
    assert lanes_of(network, frames, one_lane("sparse", "shift-add")) == [2 * (2 + 1 + 1 + 1), 0, 2 * (2 + 1 + 1 + 1)]


# ------------------------------------------------------------------------------------------------ what is refused


def test_a_run_that_was_not_told_is_refused_with_the_remedy():
    machine = simple("unary")
    run = hwsim.simulate(dense_of(4), np.array([[1, 2, 0, 3]], np.int8), "sparse")
    with pytest.raises(MachineError, match=r"layer first: .*large events.*simulate\(\.\.\., machines=\[it\]\)"):
        hwsim.schedule(run.activity, machine)
    hwsim.schedule(run.activity, simple("multiply"))


def test_what_does_not_depend_on_magnitudes_is_not_noted():
    frame = np.array([[1, 2, 0, 3]], np.int8)
    run = hwsim.simulate(dense_of(4, weight=hwsim.NumberFormat("ternary", 2)), frame, machines=[simple("unary")])
    assert run.activity.layers[1].group_cycles == {}
    assert len(hwsim.simulate(dense_of(4), frame, machines=[simple("unary")]).activity.layers[1].group_cycles) == 1
    # an addition of one, and else a multiplication that takes as long
    assert lanes_of(dense_of(4), frame, simple({"unary_up_to": 1})) == [3]
    run = hwsim.simulate(dense_of(4), frame, machines=[simple({"unary_up_to": 1})])
    assert run.activity.layers[1].group_cycles == {}


def test_batches_of_unequal_events_have_no_time():
    dram = {"name": "dram", "kind": "dram", "word_length": 64, "holds": ["weights", "codes"]}
    with pytest.raises(ValueError, match="batch: 1"):
        simple("unary", levels=(dram, REGISTERS), batch=2)
    assert simple("multiply", levels=(dram, REGISTERS), batch=2).batch == 2
