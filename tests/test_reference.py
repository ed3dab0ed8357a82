"""The reference reproduces the worked example of accounting.md in every cell, and keeps its own promises."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import PRESETS, Machine, run, signed_digits
from strategies import inputs_for, networks, real_networks

from hwsim.network import Affine, Dense, Network, Quantize, ReLU, Weight
from hwsim.number_format import NumberFormat, integer

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
        ("bias", "read", (10, 10, 5)),
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
        ("int8", "fp32", "unary", {"addition": 7}),
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
    assert all(b - a > 1 for a, b in pairwise(positions))


MACHINES = [
    Machine(execution, arithmetic, skip_zero_weights=skip)
    for execution in EXECUTIONS
    for arithmetic in ("multiply", "unary", "shift-add", "unary-up-to")
    for skip in (False, True)
]


@settings(deadline=None, max_examples=40)
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


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_machines_agree_on_real_networks(data):
    network = data.draw(real_networks())
    frames = data.draw(inputs_for(network))
    expected = run(network, frames)
    result = run(network, frames, Machine("sparse"))
    assert result.outputs == expected.outputs
    assert run(network, frames, Machine("sparse", "shift-add", skip_zero_weights=True)).outputs == expected.outputs
    assert len(run(network, frames, Machine("delta")).outputs) == len(frames)
