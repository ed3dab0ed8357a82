"""Rows of weights delivered to the lanes: a textbook's count of a dense array, and brute force for what is not dense.

The argument: without padding every output needs every weight of its filter once. An array that works on Pp output
positions at a time therefore fetches each kernel tap of each input channel once per group of positions, and delivers
C k^2 ceil(outputs / Pp) rows. How far apart the positions lie on the image has no part in it.
"""

import itertools
import math

import numpy as np
import pytest

import hwsim

INT8 = hwsim.NumberFormat("integer", 8)
PRESETS = ("mac-array", "zero-skipping-mac", "delta-mac", "rounding-adder", "sigma-delta-adder")
POSITIONS = 16  # of every preset


def network(code, shape, **options):
    layer = hwsim.Conv2d("conv", terms=(hwsim.Weight(np.asarray(code), INT8),), accumulator=32, **options)
    return hwsim.Network("network", shape, (layer,), input_format=INT8)


def rows(net, frames, preset):
    """Rows delivered, frame by frame: each has its address made, and nothing else is an address here."""
    machine = hwsim.load_machine(preset)
    counts = hwsim.count(hwsim.simulate(net, frames, machine.execution, per_frame=True).activity, machine)
    found = [n for key, n in counts.entries.items() if key.phase == "memory" and key.operation.format == ("int16",)]
    return sum(found, np.zeros(len(frames), np.int64)).tolist()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(1, 1, 9), (3, 1, 10), (3, 2, 11), (7, 2, 23), (11, 4, 27), (2, 3, 8)]
)
def test_without_padding_rows_are_those_of_the_textbook(preset, kernel, stride, size):
    channels, outputs = 2, ((size - kernel) // stride + 1) ** 2
    net = network(np.ones((3, channels, kernel, kernel), int), (channels, size, size), stride=stride)
    expected = channels * kernel**2 * math.ceil(outputs / POSITIONS)
    assert rows(net, np.ones((1, channels, size, size), np.int8), preset) == [expected]


@pytest.mark.parametrize("preset", PRESETS)
def test_same_padding_brings_no_more_rows_than_outputs_ask_for(preset):
    net = network(np.ones((4, 3, 3, 3), int), (3, 16, 16), padding=1)
    # the middle tap meets 256 inputs, an edge's 240, a corner's 225: 16, 15 and 15 groups (225 / 16 = 14.06)
    assert rows(net, np.ones((1, 3, 16, 16), np.int8), preset) == [3 * (16 + 4 * 15 + 4 * 15)]


@pytest.mark.parametrize(("groups", "channels"), [(1, 2), (2, 4), (4, 4)])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, (2, 0), 2), ((1, 2), 1, (2, 1))])
@pytest.mark.parametrize("preset", ["zero-skipping-mac", "delta-mac"])
def test_rows_by_brute_force(preset, groups, channels, stride, padding, dilation):
    generator = np.random.default_rng(0)
    shape, kernel, out = (channels, 17, 12), (3, 2), 4
    frames = generator.integers(-2, 3, (3, *shape)) * (generator.random((3, *shape)) < 0.5)
    net = network(np.ones((out, channels // groups, *kernel), int), shape, stride=stride, padding=padding,
                  dilation=dilation, groups=groups)  # fmt: skip
    (sy, sx), (py, px), (dy, dx) = (np.broadcast_to(each, 2) for each in (stride, padding, dilation))
    n_y = (shape[1] + 2 * py - dy * (kernel[0] - 1) - 1) // sy + 1
    n_x = (shape[2] + 2 * px - dx * (kernel[1] - 1) - 1) // sx + 1
    expected, before = [], np.zeros(shape, int)
    for frame in frames:
        events = frame - before if preset == "delta-mac" else frame
        before = frame
        met = np.zeros((channels, *kernel), int)
        for c, ky, kx, y, x in itertools.product(range(channels), *map(range, kernel), range(n_y), range(n_x)):
            at_y, at_x = y * sy - py + ky * dy, x * sx - px + kx * dx
            if 0 <= at_y < shape[1] and 0 <= at_x < shape[2]:
                met[c, ky, kx] += events[c, at_y, at_x] != 0
        if groups == channels:  # depthwise: all taps lie in one row
            met = met.max(axis=(1, 2))
        expected.append(int(np.ceil(met / POSITIONS).sum()))
    assert rows(net, frames.astype(np.int8), preset) == expected
    assert min(expected) > 0


# --------------------------------------------------------------------------------------------- padding is executed


def arithmetic(net, frames, preset="eie-like", **changes):
    machine = hwsim.load_machine(preset).model_copy(update=changes)
    counts = hwsim.count(hwsim.simulate(net, frames, machine.execution).activity, machine)
    return counts.total("synapse", "multiplication"), counts.total("synapse", "addition")


def test_padding_of_a_dense_row_is_executed_at_its_event():
    # 20 zeros, then a weight: with 4-bit runs one of them is stored, with 3 bits two, with 2 bits five, with 1 bit ten
    code = np.zeros((2, 21), int)
    code[0, 20] = 5
    code[1, 0] = 5
    net = hwsim.Network("network", (2,), (hwsim.Dense("dense", terms=(hwsim.Weight(code, INT8),)),), input_format=INT8)
    both = np.array([[7, 2]], np.int8)  # 7 is multiplied, 2 is added twice to what it meets
    for run_bits, padding in ((5, 0), (4, 1), (3, 2), (2, 5), (1, 10)):
        assert arithmetic(net, both, run_bits=run_bits) == (1 + padding, 1 + padding + 2)
    assert arithmetic(net, both, "zero-skipping-mac") == (1, 1 + 2)
    assert arithmetic(net, np.array([[0, 2]], np.int8), run_bits=1) == (0, 2)


def test_padding_of_a_convolution_is_executed_at_each_position():
    # the row of each tap runs over 6 output channels, the last of which has a weight: 5 zeros before it, with
    # 2-bit runs one of them is stored; an inner pixel is met by 4 taps, a corner by 1
    code = np.zeros((6, 1, 2, 2), int)
    code[5] = 1
    net = network(code, (1, 3, 3))
    inner, corner = np.zeros((2, 1, 1, 3, 3), np.int8)
    inner[0, 0, 1, 1], corner[0, 0, 0, 0] = 3, 3
    assert arithmetic(net, inner, run_bits=2) == (4 + 4, 4 + 4)
    assert arithmetic(net, corner, run_bits=2) == (1 + 1, 1 + 1)


def test_padding_of_a_depthwise_row_is_executed_where_its_tap_is_met():
    # the row of a channel runs over 9 taps, of which the last has a weight: 8 zeros, with 2-bit runs the fourth and
    # the eighth of them, taps (1, 0) and (2, 1), are stored
    code = np.zeros((2, 1, 3, 3), int)
    code[:, 0, 2, 2] = 1
    net = network(code, (2, 3, 3), groups=2)
    for y, x in itertools.product(range(3), repeat=2):  # there is one window, so that a pixel is met by its own tap
        frame = np.zeros((1, 2, 3, 3), np.int8)
        frame[0, 1, y, x] = 3
        stored = (y, x) in ((1, 0), (2, 1), (2, 2))
        assert arithmetic(net, frame, run_bits=2) == (stored, stored)


def test_the_example_of_eies_authors():
    # S. Han et al., EIE, ISCA 2016, section III-B: a column and its code, v = [1, 2, 0, 3] after [2, 0, 15, 2] zeros
    # each; the third entry is a zero. All four are worked through
    column = [0, 0, 1, 2, *[0] * 18, 3]
    net = hwsim.Network(
        "network", (1,), (hwsim.Dense("dense", terms=(hwsim.Weight(np.array([column]), INT8),)),), input_format=INT8
    )
    (connection,) = hwsim.simulate(net, np.array([[7]], np.int8), "sparse").activity.connections
    assert connection.rows_read.entries(4, 1).tolist() == [4]
    assert arithmetic(net, np.array([[7]], np.int8)) == (4, 4)
