"""No order, tile or home of a signal would move fewer words from the farthest level of a machine than the best ones."""

from itertools import product

import numpy as np
import pytest
from complaint import complaint
from levelled import machine_of
from small_layers import ORDERS

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer

INT8 = integer(8)
FAR = {"name": "dram", "kind": "dram", "word_length": 8, "holds": ["weights", "codes"]}
SUMS = {"name": "sums", "kind": "registers", "holds": ["sums"]}


def machine(*levels, batch=1, positions=1, **changes):
    sizes = {"channels": 1, "positions": positions}
    said = {"schema": 1, "name": "m", "description": "for a test", "execution": "dense", "event_arithmetic": "multiply"}
    said |= {"batch": batch, "lanes": {"dense": sizes, "convolution": sizes}, "levels": list(levels)}
    return machine_of(said, **changes)


def network(shape, kernel, **fields):
    weight = hwsim.Weight(np.ones((2, shape[0], *kernel), int), INT8)
    return hwsim.Network("small", shape, (hwsim.Conv2d("first", terms=(weight,), **fields),), input_format=INT8)


def from_far(network, machine):
    """Words read and written there in a full batch in which every input is an event."""
    frames = np.ones((machine.batch, *network.input_shape), np.int8)
    run = hwsim.simulate(network, frames, machines=[machine])
    counted = hwsim.count(run.activity, machine)
    return counted.total(kind="dram_read") + counted.total(kind="dram_write")


def declared(machine, height):
    """The same machine with each order and tile."""
    positions = [{"rows": rows} for rows in range(1, height)]
    positions += [{"frames": frames} for frames in range(1, machine.batch + 1)]
    for order, channels, size in product(ORDERS, (1, 2), positions):
        tile = {"channels": channels} | size
        yield machine_of(machine.model_dump(exclude_none=True), order=order, tile=tile)


NEAR = {"name": "near", "kind": "sram", "word_length": 8, "capacity": 6, "holds": ["weights"], "prefetch": True}
CASES = {
    # sums of 12 bytes: one channel of two frames, or two of one. Batches of three: 3 positions a frame, two side by
    # side, so that a row is read ⌈6/2⌉ + ⌈3/2⌉ = 5 times for each channel, 10 in all; frame by frame 2 · 3 · 2 = 12
    "a last tile of fewer frames": (
        network((1, 1, 3), (1, 1)),
        machine(FAR, SUMS | {"capacity": 12}, batch=3, positions=2),
        # 10 of weights, 2 · 9 codes, 18 sums of 16 bits
        10 + 18 + 36,
    ),
    # rows 1 and 3 of 4 are stepped over: strips read 2 · 3 codes for each channel, whole frames 4 · 3
    "rows that strips step over": (
        network((1, 4, 3), (1, 1), stride=(2, 1)),
        machine(FAR, SUMS),
        # either way two rows of the kernel's two weights are delivered for 6 positions, one at a time
        12 + 2 * 6 + 24,
    ),
    # of 2 x 3 taps the lower 3 fall on padding, and are fetched ahead all the same: 2 channels, one by one, would fetch
    # 6 each. 12 bytes for both of them do not fit, and nothing is fetched: the upper taps meet 2, 3 and 2 outputs, two
    # at a time, and are read 1 + 2 + 1 times, 2 bytes each
    "rows fetched ahead that nothing meets": (
        network((1, 1, 3), (2, 3), padding=((0, 1), (1, 1))),
        machine(FAR, NEAR, SUMS | {"capacity": 12}, positions=2),
        # 8 of weights, 2 · 3 codes, 6 sums of 16 bits
        8 + 6 + 12,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_no_declared_one_moves_fewer(case):
    small, told, expected = CASES[case]
    others = []
    for other in declared(told, height=2):
        try:
            others.append(from_far(small, other))
        except MachineError:  # its sums do not fit
            continue
    assert max(others) > expected
    assert min(others) == expected
    assert from_far(small, told) == expected


def test_a_declared_tile_whose_sums_do_not_fit():
    told = machine(FAR, SUMS | {"capacity": 12}, batch=3, order="weight-stationary", tile={"channels": 1, "frames": 3})
    said = complaint(from_far, network((1, 1, 3), (1, 1)), told, error=MachineError)
    for part in ("first", "1 channels in 3 frames", "18 bytes", "sums holds 12", "smaller tile"):
        assert part in said


@pytest.mark.parametrize("nearer", [(), ({"name": "near", "kind": "sram", "capacity": 1, "holds": ["codes"]},)])
def test_frames_live_far_where_weights_need_the_room(nearer):
    # 4 codes, and for each of 3 channels a kernel of 2 weights, of which each output reads both, but for the first:
    # 4 + 3 deliveries. Four bytes hold the frame, and weights come from far 3 · 7 times; or the weights of a channel,
    # which are read once, and the frame is read there for each channel: 6 + 3 · 4. Nobody writes frames there
    shared = {"name": "shared", "kind": "sram", "capacity": 4, "word_length": 8, "holds": ["weights", "codes"]}
    weight = hwsim.Weight(np.ones((3, 1, 1, 2), int), INT8)
    layers = (hwsim.Conv2d("first", terms=(weight,), padding=((0, 0), (1, 0))),)
    small = hwsim.Network("small", (1, 1, 4), layers, input_format=INT8)
    told = machine(FAR, shared, *(level | {"word_length": 8} for level in nearer), SUMS)
    n_leaving = 3 * 4 * 2  # sums of 16 bits
    assert from_far(small, told) == 6 + 3 * 4 + n_leaving
