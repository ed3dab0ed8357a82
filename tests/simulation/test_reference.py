"""The reference reproduces the worked example of accounting.md in every cell, and keeps its own promises."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples
from reference import PRESETS, Machine, run, signed_digits
from strategies import (
    convolution_axes,
    convolutional_networks,
    inputs_for,
    networks,
    pooling_axes,
    real_convolutional_networks,
    real_networks,
)

from hwsim.network.fixed_point import affine as fixed_affine
from hwsim.network.graph import Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Gather,
    GlobalAvgPool,
    HardTanh,
    MaxPool2d,
    Multiply,
    MultiThreshold,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Sign,
    Slice,
    Softmax,
    Weight,
)
from hwsim.network.number_format import FP32, NumberFormat, integer

INT8 = integer(8)
WEIGHT_1 = [[1, -1, 0], [2, 0, 1], [0, 3, -2], [1, 1, 1]]
WEIGHT_2 = [[1, -1], [0, 2], [1, 0]]
ONE = Weight(np.array([[1]]), INT8)
EYE = Dense("eye", terms=(Weight(np.eye(4, dtype=int), INT8),))
EXAMPLE = Network(
    "worked example",
    (4,),
    (
        Dense("layer 1", terms=(Weight(np.array(WEIGHT_1), INT8),), bias=np.array([0, 1, 0]), accumulator=32),
        ReLU("relu"),
        Quantize("quantize", bit_width=8),
        Dense("layer 2", terms=(Weight(np.array(WEIGHT_2), INT8),), accumulator=32),
    ),
    input_format=INT8,
)
FRAMES = np.array([[2, 0, 1, 0], [2, 1, 0, 0]])
MACHINE = {"dense": PRESETS["mac-array"], "sparse": PRESETS["rounding-adder"], "delta": PRESETS["sigma-delta-adder"]}
EXECUTIONS = tuple(MACHINE)


@pytest.fixture(scope="module", params=EXECUTIONS)
def execution(request):
    return request.param


@pytest.fixture(scope="module")
def example(execution):
    return run(EXAMPLE, FRAMES, MACHINE[execution])


def total(counter, **wanted):
    """Sum of the entries whose key has the wanted parts: (layer, phase, operation or what, operands or way)."""
    position = {"layer": 0, "phase": 1, "operation": 2, "last": 3}
    return sum(n for key, n in counter.items() if all(key[position[part]] == value for part, value in wanted.items()))


def cell(values, execution):
    return values[EXECUTIONS.index(execution)]


# ---------------------------------------------------------------------------------------------- the upper table


def test_accumulators(example):
    # the hidden accumulators show themselves in the codes [2 2 0] and [4 0 1], which ReLU and ratio 1 make of
    # [2 2 -2] and [4 -1 1]; without ReLU and Quantize they are the outputs of the first layer alone
    assert example.outputs == [[2, 2], [5, -4]]
    assert example.codes == {"quantize": [[2, 2, 0], [4, 0, 1]]}


def test_hidden_accumulators(execution):
    first_layer = Network("first layer", (4,), EXAMPLE.layers[:1], input_format=INT8)
    assert run(first_layer, FRAMES, MACHINE[execution]).outputs == [[2, 2, -2], [4, -1, 1]]


@pytest.mark.parametrize(
    ("layer", "frame", "expected"),  # e, o, o+ and, but for dense, unary additions
    [
        ("layer 1", 0, {"dense": (4, 12, 9), "sparse": (2, 6, 4, 9), "delta": (2, 6, 4, 9)}),
        ("layer 1", 1, {"dense": (4, 12, 9), "sparse": (2, 6, 4, 9), "delta": (2, 6, 4, 6)}),
        ("layer 2", 0, {"dense": (3, 6, 4), "sparse": (2, 4, 3, 8), "delta": (2, 4, 3, 8)}),
        ("layer 2", 1, {"dense": (3, 6, 4), "sparse": (2, 4, 3, 10), "delta": (3, 6, 4, 10)}),
    ],
)
def test_events_and_synaptic_operations(example, execution, layer, frame, expected):
    synapses = example.synapses[layer, 0][frame]
    found = (
        synapses.n_event,
        synapses.by_magnitude.total(),
        synapses.by_magnitude_nonzero.total(),
    )
    if execution != "dense":
        unary = total(example.frames[frame].arithmetic, layer=layer, phase="synapse", operation="addition")
        assert unary == sum(magnitude * n for magnitude, n in synapses.by_magnitude.items())
        found += (unary,)
    assert found == expected[execution]


# ---------------------------------------------------------------------------------------------- the lower table


@pytest.mark.parametrize(
    ("phase", "operation", "expected"),  # dense, sparse, delta
    [
        ("synapse", "multiplication", (36, 0, 0)),
        ("synapse", "addition", (36, 36, 33)),
        ("encode", "comparison", (0, 8, 8)),
        ("encode", "addition", (0, 0, 8)),
        ("neuron", "comparison", (6, 6 + 6, 6 + 6)),  # ReLU, and tests or differences
        ("neuron", "addition", (0, 0, 6)),
        ("memory", "register_update", (36, 36, 33)),
        ("memory", "addition", (7 + 7, 4 + 4, 4 + 5)),  # addresses: rows delivered, not in the printed table
    ],
)
def test_operations(example, execution, phase, operation, expected):
    assert total(example.arithmetic, phase=phase, operation=operation) == cell(expected, execution)


def test_no_other_operation(example):
    assert {key[2] for key in example.arithmetic} <= {"multiplication", "addition", "comparison", "register_update"}
    assert not total(example.arithmetic, phase="neuron", operation="multiplication")


def test_relu_comparisons_apart(example):
    # ReLU compares accumulators, the tests and differences compare codes
    assert total(example.arithmetic, phase="neuron", operation="comparison", last=("int32",)) == 6


def test_operands(example, execution):
    if execution == "dense":
        assert total(example.arithmetic, operation="multiplication", last=("int8", "int8")) == 36
    assert {key[3] for key in example.arithmetic if key[1] == "synapse" and key[2] == "addition"} == {("int32",)}
    assert {key[3] for key in example.arithmetic if key[1] == "encode"} <= {("int8",)}


def test_difference_of_codes_is_a_bit_wider():
    result = run(EXAMPLE, FRAMES, Machine("delta"))
    assert {key[3] for key in result.arithmetic if key[2] == "multiplication"} == {("int9", "int8")}


@pytest.mark.parametrize(
    ("what", "way", "expected"),
    [
        ("weights", "read", (14, 8, 9)),
        ("bias", "read", (6, 6, 3)),
        ("network input", "read", (2, 2, 2)),
        ("codes", "write", (2, 0, 0)),
        ("codes", "read", (2, 0, 0)),
        ("events", "write", (0, 4, 5)),
        ("events", "read", (0, 4, 5)),
        ("sums", "read", (0, 0, 5)),
        ("sums", "write", (0, 0, 10)),
        ("last codes", "read", (0, 0, 4)),
        ("last codes", "write", (0, 0, 4)),
        ("network output", "write", (4, 4, 4)),
    ],
)
def test_words(example, execution, what, way, expected):
    assert total(example.words, operation=what, last=way) == cell(expected, execution)


def test_words_by_layer(execution):
    words = run(EXAMPLE, FRAMES, MACHINE[execution]).words
    weights = [words[layer, "memory", "weights", "read"] for layer in ("layer 1", "layer 2")]
    assert weights == cell(([8, 6], [4, 4], [4, 5]), execution)
    if execution == "delta":
        assert [words[layer, "memory", "last codes", "read"] for layer in ("input", "layer 1")] == [2, 2]
        # three events of 11 bits need two words
        frames = run(EXAMPLE, FRAMES, MACHINE[execution]).frames
        assert [tally.words["layer 1", "memory", "events", "write"] for tally in frames] == [1, 2]


# --------------------------------------------------------------------------------------------------- its promises


def test_constant_stream_costs_the_encoding_alone():
    frames = run(EXAMPLE, np.array([[2, 0, 1, 0]] * 3), MACHINE["delta"]).frames
    for tally in frames[1:]:
        assert tally.arithmetic == Counter(
            {("input", "encode", "addition", ("int8",)): 4, ("input", "encode", "comparison", ("int8",)): 4}
        )
        assert tally.words == Counter(
            {("input", "memory", "network input", "read"): 1, ("input", "memory", "last codes", "read"): 1}
        )


def test_threshold_keeps_the_residue():
    # input 0 climbs 0 1 2 3: with a threshold of two it is sent as 2 in the third frame; the last 1 waits
    result = run(EXAMPLE, np.array([[n, 0, 0, 0] for n in range(4)]), MACHINE["delta"], threshold=2)
    assert result.stages["input"].emitted == [0, 0, 1, 0]
    assert result.codes["quantize"] == [[0, 1, 0], [0, 1, 0], [2, 0, 0], [2, 0, 0]]


def test_streams_start_anew():
    apart = run(EXAMPLE, FRAMES[1:], MACHINE["delta"])
    together = run(EXAMPLE, FRAMES, MACHINE["delta"], stream_start=(0, 1))
    assert together.frames[1] == apart.frames[0]


def test_several_passes_read_the_raw_frame_again():
    narrow = Machine("dense", lanes=(2, 1))
    words = run(EXAMPLE, FRAMES, narrow).words
    assert words["input", "memory", "network input", "read"] == 2
    assert words["layer 1", "memory", "codes", "read"] == 2  # the second pass of each frame
    assert words["layer 2", "memory", "codes", "read"] == 2  # two neurons: one pass


@pytest.mark.parametrize(
    ("name", "additions", "multiplications"),
    [
        # layer 1: 2 x 2 + 1 x 2 in both frames; layer 2: 2 x 2 + 2 x 1, then 4 is multiplied (twice) and 1 x 1
        ("zero-skipping-mac", 6 + 6 + 6 + 3, 2),
        # layer 1: the same, then 1 x 2 + 1 x 2; layer 2: the same, then 2 x 2 + 2 x 1 + 1 x 1
        ("delta-mac", 6 + 4 + 6 + 7, 0),
    ],
)
def test_few_additions_or_one_multiplication(name, additions, multiplications):
    result = run(EXAMPLE, FRAMES, PRESETS[name])
    assert result.outputs == [[2, 2], [5, -4]]
    assert total(result.arithmetic, phase="synapse", operation="addition") == additions
    assert total(result.arithmetic, operation="register_update") == additions
    assert total(result.arithmetic, phase="synapse", operation="multiplication") == multiplications


def test_gating_saves_arithmetic_but_no_traffic():
    plain, gated = (run(EXAMPLE, FRAMES, PRESETS[name]) for name in ("mac-array", "mac-array-gated"))
    assert gated.words == plain.words
    assert total(gated.arithmetic, operation="multiplication") == 6 + 6 + 4 + 4  # those of the sparse machine


# ------------------------------------------------------------------------------------------ arithmetic by hand


def layers_on(code, *layers):
    """What a network of these layers makes of one frame of int8 codes."""
    return run(Network("by hand", (len(code),), layers, input_format=INT8), np.array([code]))


def test_two_terms_merge_in_fixed_point():
    # scales 1/2 and 3/2: ratio 3 = 0.75 x 2**2, so 15 - 2 = 13 places, multiplier 3 x 8192; sums 5 + 1 and 10
    first, second = Weight(np.array([[1]]), INT8, 0.5), Weight(np.array([[2]]), INT8, 1.5)
    result = layers_on([5], Dense("d", terms=(first, second), bias=np.array([1])))
    assert result.outputs == [[6 * 8192 + 10 * 3 * 8192]]
    # counted as wide as the merged sum, which can reach 129 x 8192 + 256 x 24576: 24 bits
    assert total(result.arithmetic, phase="neuron", operation="multiplication", last=("int24", "int16")) == 1
    assert total(result.arithmetic, phase="neuron", operation="addition", last=("int24",)) == 1
    # a ratio of 1/4 needs two places and no rounding
    second = Weight(np.array([[2]]), INT8, 0.125)
    assert layers_on([5], Dense("d", terms=(first, second))).outputs == [[5 * 4 + 10]]


def test_affine_in_fixed_point():
    # factor 3 x step 1 with 8 bits: 7 - 2 = 5 places, multiplier 96, offset -0.5 x 32
    result = layers_on([5], Affine("a", scale=3.0, offset=-0.5, multiplier_bit_width=8), Dense("d", terms=(ONE,)))
    assert result.outputs == [[5 * 96 - 16]]


@pytest.mark.parametrize(
    ("rounding", "expected"), [("half_up", [1, 2, 0, -1]), ("half_even", [0, 2, 0, -2]), ("floor", [0, 1, -1, -2])]
)
def test_rounding_of_a_shift(rounding, expected):
    codes = np.array([1, 3, -1, -3])  # halves of them: 0.5, 1.5, -0.5, -1.5
    network = Network("by hand", (4,), (Quantize("q", scale=0.5, rounding=rounding), EYE), input_format=INT8)
    assert run(network, codes[None]).codes["q"] == [expected]
    real = Network("by hand", (4,), (Quantize("q", scale=0.5, rounding=rounding), EYE))
    assert run(real, codes[None].astype(np.float32)).codes["q"] == [expected]


def test_quantize_by_a_narrow_multiplier():
    # ratio 0.3 = 0.6 x 2**-1 with 4 bits: 3 + 1 places, multiplier round(4.8) = 5: 7 x 5 / 16 = 2.2
    result = layers_on([7], Quantize("q", scale=0.3, multiplier_bit_width=4), Dense("d", terms=(ONE,)))
    assert result.codes["q"] == [[2]]
    assert result.arithmetic["input", "encode", "multiplication", ("int8", "int4")] == 1
    assert result.arithmetic["input", "encode", "constant_shift", ("int8",)] == 1


def test_zero_point_narrow_range_and_saturation():
    quantize = Quantize("q", bit_width=3, narrow_range=True, zero_point=1)  # codes -3 ... 3, centred -4 ... 2
    result = layers_on([-5, -4, 2, 3], quantize, EYE)
    assert result.codes["q"] == [[-4, -4, 2, 2]]
    assert result.stages["input"].saturated == [2]


def test_real_arithmetic_rounds_the_product_first():
    weight = Weight(np.array([[0.1], [0.2]], np.float32), scale=0.5)
    network = Network("by hand", (2,), (Dense("d", terms=(weight,), bias=np.array([0.3], np.float32)),))
    x, w = np.array([0.7, -1.1], np.float32), weight.code[:, 0]
    expected = ((np.float32(0.6) + x[0] * w[0]) + x[1] * w[1]) * np.float32(0.5)
    result = run(network, x[None])
    assert result.outputs == [[expected]]
    assert result.arithmetic == Counter(
        {
            ("d", "synapse", "multiplication", ("fp32", "fp32")): 2,
            ("d", "synapse", "addition", ("fp32",)): 2,
            ("d", "memory", "register_update", ("fp32",)): 2,
            ("d", "memory", "addition", ("int16",)): 2,
            ("d", "neuron", "multiplication", ("fp32", "fp32")): 1,
        }
    )


@pytest.mark.parametrize(
    ("event", "weight", "arithmetic", "expected"),
    [
        ("int8", "binary", "multiply", {"addition": 1}),
        ("int8", "po2-4", "multiply", {"variable_shift": 1, "addition": 1}),
        ("int8", "int8", "multiply", {"multiplication": 1, "addition": 1}),
        ("int8", "int8", "unary", {"addition": 7}),
        ("int8", "int8", "unary-up-to", {"multiplication": 1, "addition": 1}),
        ("int8", "int8", "shift-add", {"variable_shift": 2, "addition": 2}),  # 7 = 8 - 1
        ("int8", "fp32", "unary", {"multiplication": 1, "addition": 1}),
        ("binary", "int8", "multiply", {"addition": 1}),
        ("binary", "fp32", "multiply", {"addition": 1}),
        ("binary", "binary", "multiply", {"xnor": 1, "addition": 1}),
        ("fp32", "fp32", "unary", {"multiplication": 1, "addition": 1}),
        ("fp32", "int8", "multiply", {"multiplication": 1, "addition": 1}),
        ("fp32", "ternary", "multiply", {"addition": 1}),
        ("fp32", "po2-4", "multiply", {"exponent_addition": 1, "addition": 1}),
    ],
)
def test_one_synaptic_operation(event, weight, arithmetic, expected):
    value = 1 if event == "binary" else 7
    format = NumberFormat.parse(weight)
    dense = Dense("d", terms=(Weight(np.array([[-1]]), format),))
    network = Network("by hand", (1,), (dense,), input_format=NumberFormat.parse(event))
    result = run(network, np.array([[value]]), Machine("dense", arithmetic))
    assert result.outputs == [[-value]]
    operations = Counter({key[2]: n for key, n in result.arithmetic.items() if key[1] == "synapse"})
    assert operations == expected


def test_parameters_are_read_when_they_differ_by_channel():
    weight = Weight(np.array(WEIGHT_1), INT8, np.array([1.0, 0.3, 0.7]))
    network = Network("by hand", (4,), (Dense("d", terms=(weight,)), Quantize("q")), input_format=INT8)
    frames = run(network, FRAMES, Machine("delta")).frames
    # 3 multipliers of 16 bits; in the second frame, inputs 1 and 2 change, which touches all three
    assert [tally.words["d", "memory", "parameters", "read"] for tally in frames] == [2, 2]


# --------------------------------------------------------------------------------------------- random networks


@given(st.integers(-300, 300))
def test_signed_digits(s):
    digits = signed_digits(s)
    assert sum(sign * 2**position for position, sign in digits) == s
    positions = [position for position, _ in digits]
    assert all(b - a > 1 for a, b in itertools.pairwise(positions))


MACHINES = [
    Machine(execution, arithmetic, skip_zero_weights=skip)
    for execution in EXECUTIONS
    for arithmetic in ("multiply", "unary", "shift-add", "unary-up-to")
    for skip in (False, True)
]


@examples(40)
@given(st.data())
def test_machines_agree_on_integer_networks(data):
    network = data.draw(networks())
    frames = data.draw(inputs_for(network))
    expected = run(network, frames)
    for machine in data.draw(st.lists(st.sampled_from(MACHINES), min_size=3, max_size=3)):
        result = run(network, frames, machine)
        assert result.outputs == expected.outputs
        assert result.codes == expected.codes
        assert {name: stage.saturated for name, stage in result.stages.items()} == {
            name: stage.saturated for name, stage in expected.stages.items()
        }
        if machine.arithmetic in ("unary", "shift-add"):
            assert not total(result.arithmetic, phase="synapse", operation="multiplication")


@examples(40)
@given(st.data())
def test_machines_agree_on_real_networks(data):
    network = data.draw(real_networks())
    frames = data.draw(inputs_for(network))
    expected = run(network, frames)
    result = run(network, frames, Machine("sparse"))
    assert result.outputs == expected.outputs
    assert run(network, frames, Machine("sparse", "shift-add", skip_zero_weights=True)).outputs == expected.outputs
    assert len(run(network, frames, Machine("delta")).outputs) == len(frames)


# --------------------------------------------------------------------- a convolution, with every count by hand

# Two channels of 3 x 3, a kernel of 3 x 3, padding 1, stride 2: four windows of 3 x 3 taps, one at every corner.
#
#     a b c       W00 meets a b d e with the taps (1,1) (1,2) (2,1) (2,2)
#     d e f       W01 meets b c e f with the taps (1,0) (1,1) (2,0) (2,1)
#     g h i       W10 meets d e g h with the taps (0,1) (0,2) (1,1) (1,2)
#                 W11 meets e f h i with the taps (0,0) (0,1) (1,0) (1,1)
#
# The other five taps of each window lie on padding and are no synapses. A corner has one synapse, an edge two, the
# centre four: 4 x 1 + 4 x 2 + 4 = 16 per channel, 32 in all (not 4 windows x 18 taps = 72).
# Of those 16, tap (1,1) has four; (0,1), (1,0), (1,2) and (2,1) two each; the corners of the kernel one each. The
# taps that are zero, (1,0) and (2,1) in channel 0 and (1,2), (0,0) and (0,2) in channel 1, have 4 and 4: 24 remain.
KERNEL = [[[1, 2, -1], [0, 3, 1], [2, 0, -2]], [[0, 1, 0], [-1, 2, 0], [1, -1, 1]]]
CORNERS = Conv2d(
    "corners",
    terms=(Weight(np.array([KERNEL]), INT8),),
    bias=np.array([1]),
    accumulator=32,
    stride=2,
    padding=1,
)
CONVOLUTION = Network(
    "worked convolution",
    (2, 3, 3),
    (CORNERS, ReLU("relu"), Quantize("quantize", bit_width=8), MaxPool2d("largest", kernel=2)),
    input_format=INT8,
)
# Frame 1: a = 2 and f = -1 in channel 0, e = 1 in channel 1. Frame 2: f = 1 instead, and i = 1 in channel 1.
IMAGES = np.array(
    [
        [[[2, 0, 0], [0, 0, -1], [0, 0, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 0]]],
        [[[2, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 1, 0], [0, 0, 1]]],
    ]
)
# a = 2 meets 3 in W00. f = -1 meets 0 in W01 and 2 in W11. e = 1 meets 1, 1, 0, 0 in W00, W01, W10, W11.
#     W00 = 1 + 6 + 1 = 8     W01 = 1 + 0 + 1 = 2     W10 = 1 + 0 = 1     W11 = 1 - 2 + 0 = -1, whose ReLU is 0
# In frame 2, f = 1 and i = 1, which meets 2 in W11:           W11 = 1 + 2 + 0 + 2 = 5, the others stay


@pytest.fixture(scope="module")
def convolution(execution):
    return run(CONVOLUTION, IMAGES, MACHINE[execution])


@pytest.mark.plain
def test_convolution_outputs(convolution, execution):
    assert convolution.codes == {"quantize": [[8, 2, 1, 0], [8, 2, 1, 5]]}
    assert convolution.outputs == [[8], [8]]
    alone = Network("alone", (2, 3, 3), (CORNERS,), input_format=INT8)
    assert run(alone, IMAGES, MACHINE[execution]).outputs == [[8, 2, 1, -1], [8, 2, 1, 5]]


@pytest.mark.plain
@pytest.mark.parametrize(
    ("frame", "expected"),  # e by channel, o by |s|, o+ by |s|
    [
        (
            0,
            {
                # f, e, a are 1, 1, 2 in magnitude; all other inputs are events of 0. Zero weights meet f in W01 and e
                # in W10 and W11
                "dense": ([9, 9], {0: 32 - 7, 1: 2 + 4, 2: 1}, {0: 24 - 4, 1: 1 + 2, 2: 1}),
                "sparse": ([2, 1], {1: 2 + 4, 2: 1}, {1: 1 + 2, 2: 1}),
                "delta": ([2, 1], {1: 2 + 4, 2: 1}, {1: 1 + 2, 2: 1}),
            },
        ),
        (
            1,
            {
                "dense": ([9, 9], {0: 32 - 8, 1: 2 + 4 + 1, 2: 1}, {0: 24 - 5, 1: 1 + 2 + 1, 2: 1}),
                "sparse": ([2, 2], {1: 2 + 4 + 1, 2: 1}, {1: 1 + 2 + 1, 2: 1}),
                # f changes by 2 and meets 0 and 2; i changes by 1
                "delta": ([1, 1], {1: 1, 2: 2}, {1: 1, 2: 1}),
            },
        ),
    ],
)
def test_convolution_synapses(convolution, execution, frame, expected):
    seen = convolution.synapses["corners", 0][frame]
    assert (seen.by_channel, seen.by_magnitude, seen.by_magnitude_nonzero) == expected[execution]
    assert seen.n_event == sum(seen.by_channel)


@pytest.mark.plain
def test_convolution_neurons(convolution, execution):
    stages = convolution.stages
    assert [*stages] == ["input", "corners", "largest"]
    if execution == "delta":
        # f reaches W01 and W11, i reaches W11; the weight on which f meets W01 is zero
        assert stages["corners"].touched == [4, 2]
        assert stages["corners"].touched_nonzero == [4, 1]
        assert stages["largest"].touched == [1, 1]
    # 8 2 1 0, 8 2 1 5, and from one to the other
    assert stages["corners"].emitted == cell(([4, 4], [3, 4], [3, 1]), execution)
    assert stages["input"].emitted == cell(([18, 18], [3, 4], [3, 2]), execution)
    assert stages["largest"].emitted == []


@pytest.mark.plain
def test_convolution_arithmetic(convolution, execution):
    encode = ("input", "encode")
    synapse, neuron, memory = ("corners", "synapse"), ("corners", "neuron"), ("corners", "memory")
    both = {
        # ReLU: 4 neurons in each frame; delta: 4, then W01 and W11
        (*neuron, "comparison", ("int32",)): cell((8, 8, 4 + 2), execution),
        # the largest of four: 3 comparisons of codes in each frame; W11 changes, so delta compares anew
        ("largest", "neuron", "comparison", ("int8",)): 6,
        # dense: 9 taps for each of two channels. Of the pixels, a meets one tap, f two, e four and i one
        (*memory, "addition", ("int16",)): cell((18 + 18, 7 + 8, 7 + 3), execution),
    }
    alone = {
        "dense": {
            (*synapse, "multiplication", ("int8", "int8")): 64,
            (*synapse, "addition", ("int32",)): 64,
            (*memory, "register_update", ("int32",)): 64,
        },
        "sparse": {
            (*encode, "comparison", ("int8",)): 36,
            # sums of |s|: 6 x 1 + 1 x 2, then 7 x 1 + 1 x 2
            (*synapse, "addition", ("int32",)): 8 + 9,
            (*memory, "register_update", ("int32",)): 8 + 9,
            (*neuron, "comparison", ("int8",)): 8,  # whether a code is zero
        },
        "delta": {
            (*encode, "addition", ("int8",)): 36,
            (*encode, "comparison", ("int8",)): 36,
            (*synapse, "addition", ("int32",)): 8 + 5,  # 1 x 1 + 2 x 2 in the second frame
            (*memory, "register_update", ("int32",)): 8 + 5,
            (*neuron, "addition", ("int8",)): 4 + 2,
            (*neuron, "comparison", ("int8",)): 4 + 2,
        },
    }
    assert convolution.arithmetic == Counter(both | alone[execution])


@pytest.mark.plain
def test_convolution_words(convolution, execution):
    expected = {
        ("input", "network input", "read"): (5 + 5,) * 3,  # 18 x 8 bits
        # 9 rows of one weight (F = 1), for 2 channels; else those that a, f and e meet, then i, too; f and i
        ("corners", "weights", "read"): (18 + 18, 7 + 8, 7 + 3),
        ("corners", "bias", "read"): (1 + 1, 1 + 1, 1),  # one channel, and so one number
        # the dense machine reads the raw frame itself: one pass, since F is within 16 lanes. Events: 8 bits and 5 of
        # an index, 3 and 4 of them: 39 and 52 bits; delta: 9 + 5 bits, 3 and 2 of them: 42 and 28 bits
        ("input", "events", "write"): (0, 2 + 2, 2 + 1),
        ("corners", "events", "read"): (0, 2 + 2, 2 + 1),
        ("corners", "codes", "write"): (1 + 1, 0, 0),  # 4 x 8 bits
        ("largest", "codes", "read"): (1 + 1, 0, 0),
        # 8 + 2 bits, 3 and 4 of them; delta: 9 + 2 bits, 3 and 1 of them
        ("corners", "events", "write"): (0, 1 + 2, 2 + 1),
        ("largest", "events", "read"): (0, 1 + 2, 2 + 1),
        ("corners", "sums", "read"): (0, 0, 2),
        ("corners", "sums", "write"): (0, 0, 4 + 2),
        ("input", "last codes", "read"): (0, 0, 5 + 5),
        ("input", "last codes", "write"): (0, 0, 1 + 1),
        ("corners", "last codes", "read"): (0, 0, 1 + 1),
        ("corners", "last codes", "write"): (0, 0, 1 + 1),
        ("largest", "window codes", "read"): (0, 0, 1 + 1),  # 4 x 8 bits
        ("largest", "network output", "write"): (1 + 1,) * 3,
    }
    expected = {(layer, "memory", *rest): cell(words, execution) for (layer, *rest), words in expected.items()}
    assert convolution.words == +Counter(expected)


def test_rows_are_read_once_for_the_positions_of_a_pass():
    one_position = Machine("sparse", lanes_convolution=(16, 1))
    words = [
        tally.words["corners", "memory", "weights", "read"] for tally in run(CONVOLUTION, IMAGES, one_position).frames
    ]
    assert words == [1 + 2 + 4, 1 + 2 + 4 + 1]  # each meeting of a pixel and a tap
    # a dense machine has four inputs for the middle tap, two for its neighbours and one for the corners: in pairs
    words = run(CONVOLUTION, IMAGES[:1], Machine("dense", lanes_convolution=(16, 2))).words
    assert words["corners", "memory", "weights", "read"] == (2 + 4 + 4) * 2


def test_depthwise_rows_run_along_the_kernel():
    # two groups of one channel, each making two: F = 9 x 2 weights of 8 bits, 5 words, once for each channel
    weight = Weight(np.ones((4, 1, 3, 3), int), INT8)
    network = Network("depthwise", (2, 3, 3), (Conv2d("c", terms=(weight,), padding=1, groups=2),), input_format=INT8)
    result = run(network, IMAGES[:1], Machine("sparse", lanes_convolution=(16, 16)))
    assert result.words["c", "memory", "weights", "read"] == 5 * 2
    assert result.arithmetic["c", "memory", "addition", ("int16",)] == 2
    # 18 weights are two passes over the events
    assert result.words["c", "memory", "events", "read"] == 2 * result.words["input", "memory", "events", "write"]


def test_a_constant_image_costs_the_encoding_alone():
    frames = run(CONVOLUTION, IMAGES[[0, 0]], MACHINE["delta"]).frames
    assert {key[0] for key in frames[1].arithmetic + frames[1].words} == {"input"}


# ---------------------------------------------------------------------------------------- other layers, by hand


def image_of(*rows, channels=1):
    """One frame of codes: rows of numbers, the same in every channel."""
    return np.array([[rows] * channels])


def on_image(frames, *layers, machine=None, format=INT8, **options):
    return run(Network("by hand", frames.shape[1:], layers, input_format=format), frames, machine, **options)


@pytest.mark.plain
def test_average_by_sums_and_by_changes():
    frames = np.concatenate([image_of([1, 2, 3], [4, 5, 6]), image_of([1, 0, 3], [4, 5, 6])])
    pool = AvgPool2d("a", kernel=2, stride=1)
    for machine, additions in ((Machine("dense"), [6, 6]), (Machine("delta"), [8, 2])):
        # two windows of four; under delta, b and e lie in both of them: 2 x (1 + 2 + 1), then b alone
        result = on_image(frames, pool, machine=machine)
        assert result.outputs == [[12, 16], [10, 14]]  # sums: the step carries the quarter
        found = [total(tally.arithmetic, operation="addition", last=("int16",)) for tally in result.frames]
        assert found == additions
    assert result.words["a", "memory", "sums", "read"] == result.words["a", "memory", "sums", "write"] == 4 + 1
    assert not total(result.arithmetic, operation="constant_shift")


@pytest.mark.parametrize(
    ("kernel", "after", "operation"),
    [
        (2, None, "constant_shift"),
        (3, None, "multiplication"),
        (1, None, None),
        (3, Quantize("q"), None),
        (3, Sign("s"), None),
        (3, ReLU("r"), "multiplication"),
    ],
)
def test_rescale_of_a_real_average(kernel, after, operation):
    image = np.arange(18, dtype=np.float32).reshape(1, 2, 3, 3)
    layers = (AvgPool2d("a", kernel=kernel), *([after] if after else []), MaxPool2d("m", kernel=1))
    result = on_image(image, *layers, format=FP32)
    n = {2: 1, 3: 1, 1: 9}[kernel] * 2
    done = {key[2]: number for key, number in result.arithmetic.items() if key[0] == "a" and key[2] != "comparison"}
    done.pop("addition", None)
    if isinstance(after, Quantize):
        assert done == {"multiplication": n, "constant_shift": n}  # its own
    else:
        assert done == ({operation: n} if operation else {})
    if after is None:
        means = image.reshape(2, 3, 3)[:, :kernel, :kernel].mean(axis=(1, 2)) if kernel > 1 else image.ravel()
        assert result.outputs[0] == pytest.approx(means.tolist(), rel=1e-6)


def test_border_windows_average_what_they_count():
    # windows at -1 and 1 over three inputs, the last one sticking out: taps 1 + 1 + padding and 2
    image = np.array([[[[3.0], [6.0], [9.0]]]], np.float32)
    for includes_padding, means in ((True, [4.5 / 3 * 2, 7.5 * 2 / 3]), (False, [4.5, 7.5])):
        pool = AvgPool2d("a", kernel=(3, 1), stride=(2, 1), padding=(1, 0), count_include_pad=includes_padding)
        result = on_image(image, pool, format=FP32)
        assert result.outputs[0] == pytest.approx(means)
        assert result.arithmetic["a", "neuron", "addition", ("fp32",)] == 2  # two taps meet an input in both windows


def test_padding_is_never_the_largest():
    result = on_image(image_of([-5, -3], [-4, -7]), MaxPool2d("m", kernel=2, stride=2, padding=1))
    assert result.outputs == [[-5, -3, -4, -7]]
    assert not result.arithmetic  # windows of one tap compare nothing
    ceiling = on_image(image_of([-5, -3, -1]), MaxPool2d("m", kernel=(1, 2), ceil_mode=True))
    assert ceiling.outputs == [[-3, -1]]


def test_sum_of_codes_in_a_common_step():
    # steps 1 and 3/2: 3/2 = 0.75 x 2, so 15 - 1 = 14 places: factors 2**14 and 3 x 2**13
    fine, coarse = Quantize("fine", inputs=("input",)), Quantize("coarse", scale=2 / 3, inputs=("input",))
    frames = np.array([[3, 6], [3, 0]])
    add = Add("add", inputs=("fine", "coarse"), multiplier_bit_width=16)
    network = Network("by hand", (2,), (fine, coarse, add), input_format=INT8)
    for machine in (Machine("dense"), Machine("delta")):
        result = run(network, frames, machine)
        assert result.outputs == [[3 * 2**14 + 2 * 3 * 2**13, 6 * 2**14 + 4 * 3 * 2**13], [98304, 0]]
        # a power of two costs its shift, into the sum's 24 bits; the other a multiplication of the code and a shift of
        # the product; delta: 2, then 1 changed numbers
        n = 4 if machine.execution == "dense" else 2 + 1
        assert result.arithmetic["add", "neuron", "constant_shift", ("int24",)] == 2 * n
        assert result.arithmetic["add", "neuron", "multiplication", ("int8", "int16")] == n
        # one less than inputs, or one per changed input; 127 x 2**14 x 5/2 needs 24 bits
        n = 4 if machine.execution == "dense" else 4 + 2
        assert result.arithmetic["add", "neuron", "addition", ("int24",)] == n
    # each addition reads and writes a sum: 4 x 24 bits, then 2 x 24
    assert result.words["add", "memory", "sums", "read"] == result.words["add", "memory", "sums", "write"] == 3 + 2
    # the relays read the input twice, and each sends codes of its own
    assert result.words["fine", "memory", "events", "read"] == result.words["coarse", "memory", "events", "read"] == 2
    assert result.stages["coarse"].touched == [2, 1]


@pytest.mark.plain
def test_equal_steps_add_for_nothing_more():
    result = on_image(image_of([1, -2]), Add("add", inputs=("input", "input", "input")))
    assert result.outputs == [[3, -6]]
    assert result.arithmetic == Counter({("add", "neuron", "addition", ("int16",)): 4})
    # the raw frame is at hand once; the other two reads are of 2 x 8 bits
    assert result.words["add", "memory", "codes", "read"] == 2


def test_a_concatenation_by_itself_is_no_stage():
    double = Dense("double", terms=(Weight(2 * np.eye(2, dtype=int), INT8),))
    codes = Quantize("codes")
    joined = Concat("joined", inputs=("input", "codes", "input"))
    last = Dense("last", terms=(Weight(np.arange(6)[:, None], INT8),))
    network = Network("by hand", (2,), (double, codes, joined, last), input_format=INT8)
    result = run(network, np.array([[1, 0], [3, 0]]), Machine("sparse"))
    assert result.outputs == [[0 * 1 + 2 * 2 + 4 * 1], [0 * 3 + 2 * 6 + 4 * 3]]
    assert [*result.stages] == ["input", "double", "last"]
    # one event of 8 + 1 bits in each signal, packed for itself: three words a frame
    assert result.words["last", "memory", "events", "read"] == 6
    assert result.synapses["last", 0][0].by_channel == [1, 0, 1, 0, 1, 0]
    # with something fused into it, or at the end, it has neurons
    for ending in ((joined,), (joined, Flatten("flat"), last)):
        network = Network("by hand", (2,), (double, codes, *ending), input_format=INT8)
        stages = run(network, np.array([[1, 0]])).stages
        assert stages["joined"].touched == [6]


def test_the_first_reader_has_the_raw_frame_at_hand():
    weight = Weight(np.ones((4, 2, 1, 1), int), INT8)
    first, second = (Conv2d(name, terms=(weight,), inputs=("input",)) for name in ("first", "second"))
    network = Network("by hand", (2, 1, 2), (first, second, Add("add", inputs=("first", "second"))), input_format=INT8)
    words = run(network, np.ones((1, 2, 1, 2), int), Machine("dense", lanes_convolution=(2, 16))).words
    reads = {layer: words[layer, "memory", "codes", "read"] for layer in ("first", "second", "add")}
    assert reads == {"first": 1, "second": 2, "add": 2 * 4}  # 8 sums of 16 bits from each


@pytest.mark.plain
def test_real_convolutions_add_row_by_row_and_then_channel_by_channel():
    generator = np.random.default_rng(0)
    image = generator.normal(size=(1, 3, 2, 2)).astype(np.float32)
    weight = Weight(generator.normal(size=(1, 3, 2, 2)), FP32, scale=0.5)
    layer = Conv2d("c", terms=(weight,), bias=np.array([0.1], np.float32))
    expected = np.float32(np.float64(np.float32(0.1)) / 0.5)
    for y, x, channel in itertools.product(range(2), range(2), range(3)):
        expected = expected + image[0, channel, y, x] * weight.code[0, channel, y, x]
    for execution_kind in EXECUTIONS:
        result = on_image(image, layer, format=FP32, machine=Machine(execution_kind))
        assert result.outputs == [[expected * np.float32(0.5)]]


@pytest.mark.parametrize("execution_kind", EXECUTIONS)
def test_limits_and_signs(execution_kind):
    frames = np.array([[-9, -1, 0, 5]])
    clip = HardTanh("clip", lowest=-1.25, highest=3.75)  # of step 1/2: codes -2 ... 7
    identity = Dense("d", terms=(Weight(np.eye(4, dtype=int), INT8),))
    machine = Machine(execution_kind)

    def comparisons(*layers):
        network = Network("by hand", (4,), (identity, *layers), input_format=INT8, input_step=0.5)
        result = run(network, frames, machine)
        return result.outputs[0], total(result.arithmetic, phase="neuron", operation="comparison")

    assert comparisons(clip) == ([-2, -1, 0, 5], 8)
    assert comparisons(ReLU("r"), clip) == ([0, 0, 0, 5], 8)  # the two clip together: 4 + 4
    assert comparisons(ReLU("r"), Flatten("f"), clip) == ([0, 0, 0, 5], 12)
    assert comparisons(Sign("s")) == ([-1, -1, 1, 1], 4)


def test_softmax_is_not_counted():
    dense = Dense("d", terms=(Weight(np.array([[1, 2, 3]]), INT8, 0.5),))
    frames = np.array([[2], [0]])
    plain = run(Network("by hand", (1,), (dense,), input_format=INT8), frames)
    result = run(Network("by hand", (1,), (dense, Softmax("s")), input_format=INT8), frames)
    power = np.exp([1.0, 2.0, 3.0])
    assert result.outputs[0] == pytest.approx(power / power.sum(), rel=1e-6)
    assert result.outputs[1] == [np.float32(1 / 3)] * 3
    assert (result.arithmetic, result.words) == (plain.arithmetic, plain.words)


# ------------------------------------------------------------------------------------------------ closed forms


@st.composite
def convolutions(draw, real=False, n_channel=(2, 1, 4)):
    """One convolution over an image it fits: the network of it, and its geometry by axis."""
    size = draw(st.sampled_from([(3, 4), (1, 1), (5, 5), (2, 1), (4, 3)]))
    n_in, per_group = draw(st.sampled_from(n_channel)), draw(st.sampled_from((1, 2, 3)))
    n_group = draw(st.sampled_from([n for n in (1, 2, 4) if n_in % n == 0]))
    axes = [draw(convolution_axes(n)) for n in size]
    kernel, stride, padding, dilation = zip(*axes, strict=True)
    shape = (per_group * n_group, n_in // n_group, *kernel)
    format = FP32 if real else INT8
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    code = generator.normal(size=shape) if real else generator.integers(-3, 4, shape)
    bias = generator.normal(size=shape[0]) if real else generator.integers(-9, 9, shape[0])
    layer = Conv2d(
        "c",
        terms=(Weight(code, format),),
        bias=bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=n_group,
    )
    image = generator.normal(size=(2, n_in, *size)) if real else generator.integers(-128, 128, (2, n_in, *size))
    return Network("one", (n_in, *size), (layer,), format), image.astype(np.float32 if real else np.int64)


def windows_that_meet(size, n_window, kernel, stride, before, dilation):
    """For each tap, the windows that put it within the image."""
    found = []
    for tap in range(kernel):
        # 0 <= window x stride + offset < size
        offset = tap * dilation - before
        first, last = max(0, -(offset // stride)), min(n_window - 1, (size - 1 - offset) // stride)
        found.append(max(0, last - first + 1))
    return found


@pytest.mark.plain
@examples(60)
@given(convolutions())
def test_dense_counts_equal_the_closed_form(case):
    network, frames = case
    (layer,) = network.layers
    n_out, n_read, *kernel = layer.terms[0].code.shape
    _, *size = network.input_shape
    _, *windows = network.output.shape
    result = run(network, frames)
    meeting = [
        windows_that_meet(size[k], windows[k], kernel[k], layer.stride[k], layer.padding[k][0], layer.dilation[k])
        for k in (0, 1)
    ]
    n_synapse = n_out * n_read * sum(meeting[0]) * sum(meeting[1])
    assert result.synapses["c", 0][0].by_magnitude.total() == n_synapse
    arithmetic = result.frames[0].arithmetic
    assert total(arithmetic, operation="multiplication") == n_synapse
    assert total(arithmetic, phase="synapse", operation="addition") == n_synapse
    row = n_out // layer.groups
    is_depthwise = n_read == 1 and layer.groups > 1
    passes = [-(-y * x // 16) for y in meeting[0] for x in meeting[1]]  # of each tap
    row, n_pass = (row * len(passes), max(passes)) if is_depthwise else (row, sum(passes))
    rows = network.input_shape[0] * n_pass
    assert arithmetic["c", "memory", "addition", ("int16",)] == rows
    words = result.frames[0].words
    assert words["c", "memory", "weights", "read"] == rows * -(-row * 8 // 32)
    code_words = -(-frames[0].size * 8 // 32)
    assert words["c", "memory", "codes", "read"] == (-(-row // 16) - 1) * code_words  # the first pass is at hand


# ----------------------------------------------------------------------------------------------------- torch


def torch_convolution(layer, frames, dtype):
    """What torch makes of frames. (n_frame, C, H, W)"""
    import torch

    (top, bottom), (left, right) = layer.padding
    padded = torch.nn.functional.pad(torch.tensor(frames, dtype=dtype), (left, right, top, bottom))
    weight = torch.tensor(np.asarray(layer.terms[0].code), dtype=dtype)
    bias = None if layer.bias is None else torch.tensor(layer.bias, dtype=dtype)
    return torch.nn.functional.conv2d(
        padded, weight, bias, stride=layer.stride, dilation=layer.dilation, groups=layer.groups
    )


@pytest.mark.torch
@examples(60)
@given(st.data(), st.sampled_from(EXECUTIONS))
def test_convolution_equals_torch(data, execution_kind):
    import torch

    network, frames = data.draw(convolutions())
    expected = torch_convolution(network.layers[0], frames, torch.int64)
    result = run(network, frames, MACHINE[execution_kind])
    assert result.outputs == expected.reshape(len(frames), -1).tolist()
    network, frames = data.draw(convolutions(real=True))
    expected = torch_convolution(network.layers[0], frames, torch.float64).reshape(len(frames), -1)
    result = run(network, frames, MACHINE[execution_kind])
    size = float(abs(expected).max())
    assert np.allclose(result.outputs, expected, rtol=1e-5, atol=1e-5 * size)


@pytest.mark.torch
@examples(100)
@given(st.data(), st.sampled_from(EXECUTIONS))
def test_pooling_equals_torch(data, execution_kind):
    import torch

    channels, *size = data.draw(st.sampled_from([(2, 3, 4), (1, 1, 1), (2, 5, 5), (1, 4, 2)]))
    kernel, stride, padding, _ = zip(*(data.draw(pooling_axes(n)) for n in size), strict=True)
    ceil_mode, includes_padding = data.draw(st.booleans()), data.draw(st.booleans())
    kind = data.draw(st.sampled_from([MaxPool2d, AvgPool2d]))
    # torch pads both sides alike
    padding = tuple((before, before) for before, _ in padding)
    symmetric = tuple(before for before, _ in padding)
    if any(n + 2 * each < k for n, each, k in zip(size, symmetric, kernel, strict=True)):
        return
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    frames = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(2, channels, *size)).astype(np.float32)
    pools = torch.nn.functional
    arguments = (torch.tensor(frames, dtype=torch.float64), kernel, stride, symmetric)
    if kind is MaxPool2d:
        layer, expected = MaxPool2d("p", **geometry), pools.max_pool2d(*arguments, ceil_mode=ceil_mode)
    else:
        layer = AvgPool2d("p", **geometry, count_include_pad=includes_padding)
        expected = pools.avg_pool2d(*arguments, ceil_mode=ceil_mode, count_include_pad=includes_padding)
    result = on_image(frames, layer, format=FP32, machine=MACHINE[execution_kind])
    assert np.allclose(result.outputs, expected.reshape(2, -1), rtol=1e-5, atol=1e-5)
    average = on_image(frames, GlobalAvgPool("g"), format=FP32, machine=MACHINE[execution_kind])
    assert np.allclose(average.outputs, frames.mean(axis=(2, 3)), rtol=1e-5, atol=1e-5)


def whole_network(network, frames):
    """A network of whole numbers, layer by layer, with torch's layers in float64, which is exact below 2**53."""
    import torch

    functions = torch.nn.functional
    values = {"input": torch.tensor(frames, dtype=torch.float64)}

    def by_channel(parameter, value):
        parameter = torch.tensor(np.asarray(parameter, np.float64))
        return parameter.reshape(-1, *[1] * (value.ndim - 2)) if parameter.ndim else parameter

    def pad(value, pads, filling):
        (top, bottom), (left, right) = pads
        return functions.pad(value, (left, right, top, bottom), value=filling)

    def by_channel_of_frame(value):
        return value.reshape(*value.shape, 1, 1) if value.ndim == 2 else value

    def rounded(value, rounding):
        assert float(value.abs().max()) < 2**52
        if rounding == "half_even":
            return torch.round(value)
        return torch.floor(value + (0.5 if rounding == "half_up" else 0))

    for layer in network.layers:
        read = network.signals[layer.inputs[0]]
        value = values[layer.inputs[0]]
        sums = []
        for term in getattr(layer, "terms", ()):
            code = torch.tensor(np.asarray(term.code, np.float64))
            bias = by_channel(
                0 if layer.bias is None else layer.bias, torch.zeros((1, 1, *network.signals[layer.name].shape[1:]))
            )
            if isinstance(layer, Dense):
                sums.append(value @ code)
            else:
                padded = pad(value, layer.padding, 0)
                sums.append(functions.conv2d(padded, code, None, layer.stride, 0, layer.dilation, layer.groups))
            if len(sums) == 1:
                sums[0] = sums[0] + bias
        match layer:
            case Dense() | Conv2d():
                value = sums[0]
                if len(sums) == 2:
                    merge = layer.merge
                    value = value * 2.0 ** int(merge.shift.max()) + sums[1] * by_channel(merge.multiplier, value)
            case MaxPool2d():
                padded = pad(value, layer.padding, -torch.inf)
                if layer.ceil_mode:  # as much again as a window may stick out
                    padded = functions.pad(padded, (0, layer.stride[1], 0, layer.stride[0]), value=-torch.inf)
                value = functions.max_pool2d(padded, layer.kernel, layer.stride, dilation=layer.dilation)
                height, width = network.signals[layer.name].shape[1:]
                value = value[..., :height, :width]
            case AvgPool2d():
                padded = pad(value, layer.padding, 0)
                ones = torch.ones(padded.shape[1], 1, *layer.kernel, dtype=padded.dtype)
                value = functions.conv2d(
                    padded, ones, stride=layer.stride, dilation=layer.dilation, groups=padded.shape[1]
                )
            case GlobalAvgPool():
                value = value.sum(dim=(2, 3), keepdim=True)
            case Add():
                factors = layer.factors(*(network.signals[name] for name in layer.inputs))
                value = sum(
                    values[name] * by_channel(factor.multiplier, value) * sign
                    for name, factor, sign in zip(layer.inputs, factors, layer.signs or [1] * len(factors), strict=True)
                )
            case Multiply():
                first, second = (values[name] for name in layer.inputs)
                if first.ndim != second.ndim:
                    first, second = (by_channel_of_frame(each) for each in (first, second))
                value = first * second
            case MultiThreshold():
                levels = torch.tensor(layer.levels(read).astype(np.float64))
                levels = levels.reshape(*levels.shape, *[1] * (value.ndim - 2))
                reached = sum((value >= levels[:, k]).double() for k in range(levels.shape[1]))
                value = layer.lowest + layer.rise * reached
            case Concat():
                value = torch.cat([values[name] for name in layer.inputs], dim=1)
            case ReLU():
                value = value.clamp(min=0)
            case Sign():
                value = torch.where(value >= 0, 1.0, -1.0).double()
            case HardTanh():
                lowest, highest = layer.limits(read)
                value = torch.minimum(torch.maximum(value, by_channel(lowest, value)), by_channel(highest, value))
            case Affine() if read.format.is_real:
                scale, offset = (by_channel(each, value).float() for each in (layer.scale, layer.offset))
                value = (value.float() * scale + offset).double()
            case Affine():
                fixed = fixed_affine(layer.scale, layer.offset, read.step, layer.multiplier_bit_width)
                value = value * by_channel(fixed.multiplier, value) + by_channel(fixed.offset, value)
            case Quantize():
                if read.format.is_real:
                    value = value * by_channel(layer.scale, value) + by_channel(layer.offset, value)
                else:
                    fixed = layer.ratio(read)
                    value = value * by_channel(fixed.multiplier, value) + by_channel(fixed.added, value)
                    value = value / by_channel(2.0**fixed.shift, value)
                format, zero = layer.format, layer.zero_point
                value = (rounded(value, layer.rounding) + zero).clamp(format.lowest, format.highest) - zero
            case Flatten():
                value = value.flatten(1)
            case Slice():
                cut = slice(layer.start, layer.stop, layer.stride)
                value = value[(slice(None),) * (1 + layer.axis) + (cut,)]
            case Gather():
                row = torch.cat([values[name].flatten(1) for name in layer.inputs], dim=1)
                constants = torch.tensor([*reversed(layer.values)]) / float(np.ravel(read.step)[0])
                row = torch.cat([row, constants.to(row.dtype).expand(len(row), -1)], dim=1)
                value = row[:, layer.places].reshape(len(row), *layer.shape)
            case Pad2d():
                border = by_channel(np.rint(layer.value / read.step), value)
                value = pad(value - border, layer.padding, 0) + border
            case Rearrange():
                value = value.permute(0, *(axis + 1 for axis in layer.order)) if layer.order else value
                value = value.reshape(len(value), *network.signals[layer.name].shape)
            case Softmax():
                value = torch.softmax(value * by_channel(read.step, value), dim=1)
        values[layer.name] = value
    return value.flatten(1).numpy()


@pytest.mark.slow
@pytest.mark.torch
@examples(100)
@given(st.data(), st.sampled_from(EXECUTIONS))
def test_whole_networks_equal_torch(data, execution_kind):
    network = data.draw(convolutional_networks())
    if max(signal.bound for signal in network.signals.values()) * 2**16 >= 2**52:
        return  # beyond what float64 holds exactly, rounding included
    frames = data.draw(inputs_for(network))
    result = run(network, frames, MACHINE[execution_kind])
    expected = whole_network(network, frames)
    if isinstance(network.layers[-1], Softmax):
        assert np.allclose(result.outputs, expected, rtol=1e-5, atol=1e-6)
    else:
        assert np.array_equal(result.outputs, expected)


# --------------------------------------------------------------------------------------- random images and graphs


@pytest.mark.plain
@examples(40)
@given(st.data())
def test_machines_agree_on_integer_convolutions(data):
    network = data.draw(convolutional_networks())
    frames = data.draw(inputs_for(network))
    expected = run(network, frames)
    for machine in data.draw(st.lists(st.sampled_from(MACHINES), min_size=2, max_size=2)):
        result = run(network, frames, machine)
        assert result.outputs == expected.outputs
        assert result.codes == expected.codes
        assert {name: stage.saturated for name, stage in result.stages.items()} == {
            name: stage.saturated for name, stage in expected.stages.items()
        }
        for key, synapses in result.synapses.items():
            # at a stream's first frame a difference from nothing is the code itself
            if machine.execution != "dense":
                assert synapses[0].by_magnitude == +Counter(
                    {s: n for s, n in expected.synapses[key][0].by_magnitude.items() if s}
                )


@examples(40)
@given(st.data())
def test_machines_agree_on_real_convolutions(data):
    network = data.draw(real_convolutional_networks())
    frames = data.draw(inputs_for(network))
    expected = run(network, frames)
    assert run(network, frames, Machine("sparse")).outputs == expected.outputs
    assert run(network, frames, Machine("sparse", "shift-add", skip_zero_weights=True)).outputs == expected.outputs
    delta = run(network, frames, Machine("delta"))
    # nothing is kept yet when a stream begins
    assert delta.outputs[0] == expected.outputs[0]
    if not any(isinstance(layer, Quantize | Sign) for layer in network.layers):  # where a rounding becomes a step
        size = max(1.0, np.abs(expected.outputs).max())
        assert np.allclose(delta.outputs, expected.outputs, rtol=0, atol=1e-3 * size)
    again = run(network, frames[[-1, -1]], Machine("delta"))
    assert again.outputs[0] == again.outputs[1]
