"""A Dense and a Conv2d layer by hand on every preset of one memory for each operand: all operations, all words."""

from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.files import catalogue
from hwsim.network.number_format import integer
from hwsim.network.operation import Operation

pytestmark = pytest.mark.plain

INT8 = integer(8)
WORD = 64  # of every preset [bits]

# Dense 3 -> 20. Row 0 has weights at columns 0 and 18 (17 zeros between them), row 1 none, row 2 all.
ROWS = np.zeros((3, 20), int)
ROWS[0, [0, 18]], ROWS[2] = 5, 1
DENSE = hwsim.Network(
    "dense",
    (3,),
    (hwsim.Dense("layer", terms=(hwsim.Weight(ROWS, INT8),), bias=np.arange(20), accumulator=32),),
    input_format=INT8,
)
DENSE_FRAMES = np.array([[3, 0, -1], [3, 5, 1]], np.int8)  # differences: [3 0 -1], [0 5 2]

# Conv2d 2 -> 3 channels, kernel 2 x 2 on 5 x 5: 4 x 4 windows, 48 neurons, 16 windows x 4 taps x 2 x 3 = 384 synapses.
# Channel 0 reaches all three output channels, channel 1 only the second.
KERNEL = np.zeros((3, 2, 2, 2), int)
KERNEL[:, 0], KERNEL[1, 1] = 1, 2
CONVOLUTION = hwsim.Network(
    "convolution",
    (2, 5, 5),
    (hwsim.Conv2d("layer", terms=(hwsim.Weight(KERNEL, INT8),), bias=np.array([1, 0, 2]), accumulator=32),),
    input_format=INT8,
)
IMAGES = np.zeros((2, 2, 5, 5), np.int8)
IMAGES[:, 0, 0, 0] = 1  # a corner: in 1 window
IMAGES[:, 0, 2, 2] = 3, 1  # inside: in 4 windows; the difference is -2
IMAGES[:, 1, 4, 1] = -2  # at an edge: in 2 windows

MULTIPLY, ADD, UPDATE, ADDRESS, TEST, SUBTRACT = (
    ("synapse", "multiplication", ("int8", "int8")),
    ("synapse", "addition", ("int32",)),
    ("memory", "register_update", ("int32",)),
    ("memory", "addition", ("int16",)),
    ("encode", "comparison", ("int8",)),
    ("encode", "addition", ("int8",)),
)
MULTIPLY_DIFFERENCE = ("synapse", "multiplication", ("int8", "int9"))
WHOLE, NEURON = ("synapse", "synaptic_operation", ()), ("neuron", "neuron_update", ())
WEIGHTS, DRAM = ("weights", "sram_read"), ("weights", "dram_read")
READ, WRITE = ("activations", "sram_read"), ("activations", "sram_write")
STATE_READ, STATE_WRITE = ("state", "sram_read"), ("state", "sram_write")


def arithmetic(*, add=0, multiply=0, address=0, test=0, subtract=0, updates=None, difference=False):
    """Operations: an update of the working store with each addition, unless said."""
    return {
        MULTIPLY_DIFFERENCE if difference else MULTIPLY: multiply,
        ADD: add,
        UPDATE: add if updates is None else updates,
        ADDRESS: address,
        TEST: test,
        SUBTRACT: subtract,
    }


BIAS = 20 * 32 // WORD  # 20 accumulators of 32 bits
OUT = 20 * 32 // WORD
ROW = 3  # words of 20 weights of 8 bits: 160 bits, from a word on
RAW = 1  # words of 3 pixels of 8 bits
MAC_DENSE = arithmetic(multiply=2 * 3 * 20, add=2 * 3 * 20, address=2 * 3)  # frames x inputs x neurons; a row per input
# frames x (rows x words + bias), frames x raw, frames x outputs
DENSE_TRAFFIC = {WEIGHTS: 2 * (3 * ROW + BIAS), READ: 2 * RAW, WRITE: 2 * OUT}
# events have 8 + 2 bits, differences 9 + 2: one word holds those of a frame; written by the input, read by the layer
SPARSE_TRAFFIC = {WEIGHTS: (2 + 3) * ROW + 2 * BIAS, READ: 2 * RAW + 2, WRITE: 2 + 2 * OUT}
DELTA_TRAFFIC = {
    WEIGHTS: (2 + 2) * ROW + BIAS,  # a row per event; the bias at the stream's first frame
    READ: 2 * RAW + 2,
    WRITE: 2 + 2 * OUT,
    STATE_READ: 2 * RAW + OUT,  # last codes of all inputs; 20 sums, but not at first
    STATE_WRITE: 2 * 1 + 2 * OUT,  # codes that changed, two in each frame; 20 sums
}
UNARY_DELTA = (3 + 1) * 20 + (5 + 2) * 20  # sum of |s| x neurons, frame 1 and 2
SCAN = {"test": 2 * 3, "subtract": 2 * 3}  # frames x inputs

BY_HAND = {
    "mac-array": (MAC_DENSE, DENSE_TRAFFIC),
    # 2 and 3 inputs are not zero; the traffic is that of all
    "mac-array-gated": (arithmetic(multiply=(2 + 3) * 20, add=(2 + 3) * 20, address=2 * 3), DENSE_TRAFFIC),
    # non-zero weights: 2, 0, 20. 3 multiplies (2 of them), 5 meets none, -1 and 1 are added
    "zero-skipping-mac": (
        arithmetic(multiply=2 + 2, add=(2 + 20) + (2 + 0 + 20), address=2 + 3, test=2 * 3),
        SPARSE_TRAFFIC,
    ),
    # entries: 2 and one that pads the 17 zeros; 0; 20. Each frame reads 23 of 8 + 4 bits: 276 bits, 5 words;
    # and two pointers per row. The padding is executed: 3 multiplies it in both frames
    "eie-like": (
        arithmetic(multiply=3 + 3, add=(3 + 20) + (3 + 0 + 20), address=2 + 3, test=2 * 3),
        SPARSE_TRAFFIC | {WEIGHTS: (5 + 2 * 2) + (5 + 2 * 3) + 2 * BIAS},
    ),
    # frame 2: 5 meets no weight, 2 is added twice to 20
    "delta-mac": (
        arithmetic(multiply=2, add=(2 + 20) + 2 * 20, address=2 + 2, difference=True, **SCAN),
        DELTA_TRAFFIC,
    ),
    "rounding-adder": (
        arithmetic(add=(3 + 1) * 20 + (3 + 5 + 1) * 20, address=2 + 3, test=2 * 3),  # |s| on every weight
        SPARSE_TRAFFIC,
    ),
    "sigma-delta-adder": (arithmetic(add=UNARY_DELTA, address=2 + 2, **SCAN), DELTA_TRAFFIC),
    # each row reads and writes 20 accumulators, with an address of their own; no sums, no updates
    "neuromorphic-core": (
        arithmetic(add=UNARY_DELTA, updates=0, address=2 * (2 + 2), **SCAN),
        DELTA_TRAFFIC | {STATE_READ: 2 * RAW + (2 + 2) * 10, STATE_WRITE: 2 * 1 + (2 + 2) * 10},
    ),
    # events x neurons; all neurons are touched in both frames; what is left is the network's input and output
    "neuromorphic-per-synapse": (
        {WHOLE: (2 + 2) * 20, NEURON: 20 + 20, TEST: 2 * 3, SUBTRACT: 2 * 3},
        {READ: 2 * RAW + 2, WRITE: 2 + 2 * OUT, STATE_READ: 2 * RAW, STATE_WRITE: 2 * 1},
    ),
    "ideal-reuse": (MAC_DENSE, DENSE_TRAFFIC),  # a Dense layer has nothing to reuse within a frame
    "mac-array-dram": (MAC_DENSE, {DRAM: DENSE_TRAFFIC[WEIGHTS], READ: 2 * RAW, WRITE: 2 * OUT}),
    # both frames are of one batch, which reads the rows once; the bias is read for every frame
    "mac-array-batch": (MAC_DENSE | {ADDRESS: 3}, DENSE_TRAFFIC | {WEIGHTS: 3 * ROW + 2 * BIAS}),
}

N_WINDOW = 1 + 4 + 2  # that the three pixels are in
MAC_CONVOLUTION = arithmetic(
    multiply=2 * 384,  # frames x synapses
    add=2 * 384,
    address=2 * 2 * 4,  # frames x channels x taps, each of which meets 16 of the 25 inputs: a group of positions
)
BIASES = 2  # words of 3 biases of 32 bits, one for each output channel
IMAGE = 7  # words of 2 x 5 x 5 pixels of 8 bits: 400 bits
OUTPUTS = 48 * 32 // WORD
TAP = 1  # word of 3 weights of 8 bits
CONVOLUTION_TRAFFIC = {WEIGHTS: 2 * (2 * 4 * TAP + BIASES), READ: 2 * IMAGE, WRITE: 2 * OUTPUTS}
# the first channel's inner pixel meets all 4 taps, once each, the corner one of them; the second's, at an edge, meets 2
ROWS = 4 + 2
# 3 events of 8 + 6 bits are a word
SPARSE_CONVOLUTION = {WEIGHTS: 2 * (ROWS * TAP + BIASES), READ: 2 * IMAGE + 2, WRITE: 2 + 2 * OUTPUTS}
TOUCHED = 4 * 3 * 32 // WORD  # frame 2: words of 4 windows x 3 channels
DELTA_CONVOLUTION = {
    WEIGHTS: (ROWS + 4) * TAP + BIASES,  # then the inner pixel alone
    READ: 2 * IMAGE + 2,
    WRITE: 2 + OUTPUTS + TOUCHED,
    STATE_READ: 2 * IMAGE + TOUCHED,  # last codes; sums, but not at first
    STATE_WRITE: 2 * 1 + OUTPUTS + TOUCHED,  # changed codes: 3, then 1; sums
}
UNARY_DELTA_CONVOLUTION = (1 * 1 + 3 * 4 + 2 * 2) * 3 + (2 * 4) * 3  # sum of |s| x windows, x output channels
PIXELS = {"test": 2 * 50, "subtract": 2 * 50}
# 1 on 1 x 3 weights; 3 on 4 x 3, multiplied; -2 on 2 x 1 that are not zero, added twice. Frame 2: 1 instead of 3
SKIPPING = {"multiply": 4 * 3, "add": (1 * 3 + 4 * 3 + 2 * 2 * 1) + (1 * 3 + 4 * 3 + 2 * 2 * 1)}

CONVOLUTION_BY_HAND = {
    "mac-array": (MAC_CONVOLUTION, CONVOLUTION_TRAFFIC),
    "mac-array-gated": (
        # frames x windows x output channels
        arithmetic(multiply=2 * N_WINDOW * 3, add=2 * N_WINDOW * 3, address=2 * 2 * 4),
        CONVOLUTION_TRAFFIC,
    ),
    "zero-skipping-mac": (arithmetic(**SKIPPING, address=2 * ROWS, test=2 * 50), SPARSE_CONVOLUTION),
    # 4 taps x 3 entries + 2 taps x 1, of 8 + 4 bits: 168 bits, 3 words; two pointers for each row
    "eie-like": (
        arithmetic(**SKIPPING, address=2 * ROWS, test=2 * 50),
        SPARSE_CONVOLUTION | {WEIGHTS: 2 * (3 + 2 * ROWS + BIASES)},
    ),
    "delta-mac": (
        # frame 2: -2 on 4 x 3 weights, added twice
        arithmetic(
            multiply=4 * 3, add=(1 * 3 + 4 * 3 + 2 * 2 * 1) + 2 * 4 * 3, address=ROWS + 4, difference=True, **PIXELS
        ),
        DELTA_CONVOLUTION,
    ),
    "rounding-adder": (
        arithmetic(add=(1 * 1 + 3 * 4 + 2 * 2) * 3 + (1 * 1 + 1 * 4 + 2 * 2) * 3, address=2 * ROWS, test=2 * 50),
        SPARSE_CONVOLUTION,
    ),
    "sigma-delta-adder": (arithmetic(add=UNARY_DELTA_CONVOLUTION, address=ROWS + 4, **PIXELS), DELTA_CONVOLUTION),
    # 7 and 4 windows; each reads and writes 3 accumulators of 32 bits: 2 words; each has an address
    "neuromorphic-core": (
        arithmetic(add=UNARY_DELTA_CONVOLUTION, updates=0, address=(ROWS + 4) + (N_WINDOW + 4), **PIXELS),
        DELTA_CONVOLUTION | {STATE_READ: 2 * IMAGE + (7 + 4) * 2, STATE_WRITE: 2 * 1 + (7 + 4) * 2},
    ),
    "neuromorphic-per-synapse": (
        {WHOLE: (N_WINDOW + 4) * 3, NEURON: 48 + 4 * 3, TEST: 2 * 50, SUBTRACT: 2 * 50},
        {READ: 2 * IMAGE + 2, WRITE: 2 + OUTPUTS + TOUCHED, STATE_READ: 2 * IMAGE, STATE_WRITE: 2 * 1},
    ),
    "ideal-reuse": (MAC_CONVOLUTION, CONVOLUTION_TRAFFIC),  # 16 windows are one group: nothing is read again
    "mac-array-dram": (MAC_CONVOLUTION, {DRAM: CONVOLUTION_TRAFFIC[WEIGHTS], READ: 2 * IMAGE, WRITE: 2 * OUTPUTS}),
    "mac-array-batch": (
        MAC_CONVOLUTION | {ADDRESS: 2 * 4},
        CONVOLUTION_TRAFFIC | {WEIGHTS: 2 * 4 * TAP + 2 * BIASES},
    ),
}


def counted(network, frames, preset):
    """All that is counted: operations, and words."""
    machine = hwsim.load_machine(preset)
    counts = hwsim.count(hwsim.simulate(network, frames, machine.execution).activity, machine)
    operations, words = {}, {}
    for (_, phase, operation), number in counts.entries.items():
        if operation.memory:
            assert operation.word_length == WORD
            key, whole = (operation.memory, operation.kind), words
        else:
            key, whole = (phase, operation.kind, tuple(sorted(operation.format))), operations
        whole[key] = whole.get(key, 0) + int(number.sum())
    return operations, words


def test_every_preset_has_its_calculation():
    flat = {name for name in catalogue.machine_names() if hwsim.load_machine(name).memories}
    assert set(BY_HAND) == set(CONVOLUTION_BY_HAND) == flat


@pytest.mark.parametrize("preset", BY_HAND)
@pytest.mark.parametrize(
    ("network", "frames", "by_hand"),
    [(DENSE, DENSE_FRAMES, BY_HAND), (CONVOLUTION, IMAGES, CONVOLUTION_BY_HAND)],
    ids=["dense", "convolution"],
)
def test_a_layer_by_hand(network, frames, by_hand, preset):
    operations, words = by_hand[preset]
    found = counted(network, frames, preset)
    assert found[0] == {key: number for key, number in operations.items() if number}
    assert found[1] == {key: number for key, number in words.items() if number}


PAGE = (Path(__file__).parents[2] / "docs" / "accounting.md").read_text(encoding="utf-8")


def cells_of(operations, words):
    """A preset's cells in the page's table: multiplications and additions, addresses, words."""
    synapse = [operations.get(MULTIPLY, 0) + operations.get(MULTIPLY_DIFFERENCE, 0), operations.get(ADD, 0)]
    whole = operations.get(WHOLE)
    return [
        f"{whole} whole" if whole else ", ".join(map(str, synapse)),
        str(operations.get(ADDRESS, 0)),
        str(words.get(WEIGHTS, 0) + words.get(DRAM, 0)),
        f"{words.get(READ, 0)}, {words.get(WRITE, 0)}",
        f"{words.get(STATE_READ, 0)}, {words.get(STATE_WRITE, 0)}",
    ]


@pytest.mark.parametrize("preset", BY_HAND)
def test_the_page_prints_what_is_counted(preset):
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith(f"| `{preset}` |")]
    (printed,) = (row[1:] for row in rows if len(row) == 11)
    counted_anew = [counted(DENSE, DENSE_FRAMES, preset), counted(CONVOLUTION, IMAGES, preset)]
    assert printed == [cell for operations, words in counted_anew for cell in cells_of(operations, words)]


# What sets each of them apart from another preset, all else being equal.
DIFFERENCES = {
    "eie-like": ("zero-skipping-mac", {"weights", "run_bits"}),
    "neuromorphic-core": ("sigma-delta-adder", {"access"}),
    "neuromorphic-per-synapse": ("sigma-delta-adder", {"operations"}),
    "ideal-reuse": ("mac-array", {"reuse"}),
    "mac-array-dram": ("mac-array", {"memories"}),
    "mac-array-batch": ("mac-array", {"batch"}),
    "mac-array-gated": ("mac-array", {"zero_operands"}),
    "delta-mac": ("zero-skipping-mac", {"execution"}),
    "sigma-delta-adder": ("rounding-adder", {"execution"}),
}


@pytest.mark.parametrize("preset", DIFFERENCES)
def test_a_preset_differs_in_what_its_name_says_and_in_nothing_else(preset):
    other, names = DIFFERENCES[preset]
    mine, theirs = (
        hwsim.load_machine(each).model_dump(exclude={"name", "description", "sources", "assumed"})
        for each in (preset, other)
    )
    assert {key for key in mine if mine[key] != theirs[key]} == names


def test_the_prices_of_a_hand_calculation():
    # the Dense layer on eie-like, with Horowitz's and CACTI's figures as the table states them
    machine = hwsim.load_machine("eie-like")
    counts = hwsim.count(hwsim.simulate(DENSE, DENSE_FRAMES, "sparse").activity, machine)
    energy = hwsim.price(counts, "default_45nm")
    # 4 multiplications of 8 x 8 bits at 0.2 pJ, 44 additions of 32 bits at 0.1 pJ
    assert energy.of("synapse") == pytest.approx((4 * 0.2 + 44 * 0.1) * 1e-12, rel=1e-12)
    # 5 words of 8 bytes hold the entries; 4 pointers and 20 biases of 4 bytes each: a memory of 256 bytes
    (weights,) = {key.operation.capacity for key in counts.entries if key.operation.memory == "weights"}
    assert weights == 256 > 5 * 8 + 4 * 4 + 20 * 4 > 128
    # 40 words of weights, two of raw pixels, two of events: from memories of 256 bytes at most, which cost alike
    assert counts.total(kind="sram_read") == 40 + 2 + 2
    price = hwsim.load_table("default_45nm").price(Operation("sram_read", (), "weights", 256, WORD)).energy
    assert energy.of(kind="sram_read") == pytest.approx((40 + 2 + 2) * price, rel=1e-12)
