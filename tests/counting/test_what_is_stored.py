"""What is stored, once: each kind of number on a Dense, a Conv2d and a depthwise layer, by hand.

Three output channels each; the two convolutions have one tap and 2 x 3 positions, so that what is counted by neuron
instead of by channel shows up sixfold. Words have one bit.
"""

import numpy as np
import pytest

import hwsim
from hwsim.network.number_format import integer
from hwsim.pricing.static_power import memories
from hwsim.traffic.booking import ADDRESS
from hwsim.traffic.contents import state_bits, weight_bits

pytestmark = pytest.mark.plain

INT8 = integer(8)
SHAPES = {"dense": (2,), "convolution": (2, 2, 3), "depthwise": (3, 2, 3)}
KINDS = tuple(SHAPES)
NEURONS = {"dense": 3, "convolution": 18, "depthwise": 18}
# rows of one tap each, delivered once to all positions: 2 of 3 weights, of the depthwise layer 3 of 1
ROWS = {"dense": 2 * 3 * 8, "convolution": 2 * 3 * 8, "depthwise": 3 * 8}
CHANNELS = np.array([0.3, 0.7, 0.9])  # three numbers of which none is a power of two


def layer(kind, name="layer", scales=(1.0,), format=INT8, **options):
    """A layer of ones with as many terms as scales."""
    shape = {"dense": (2, 3), "convolution": (3, 2, 1, 1), "depthwise": (3, 1, 1, 1)}[kind]
    code = np.ones(shape, np.float32 if format.is_real else np.int64)
    terms = tuple(hwsim.Weight(code, format, scale) for scale in scales)
    if kind == "dense":
        return hwsim.Dense(name, terms=terms, **options)
    return hwsim.Conv2d(name, terms=terms, groups=3 if kind == "depthwise" else 1, **options)


def network(kind, *layers, format=INT8):
    return hwsim.Network("by hand", SHAPES[kind], layers, input_format=format)


def frames(kind):
    """Two frames of a stream; every number is at work in the first, every one has changed in the second."""
    frame = np.ones(SHAPES[kind], np.int8)
    return np.stack([frame, 2 * frame])


def counted(net, data, machine, **changes):
    machine = hwsim.load_machine(machine).model_copy(update={"word_length": 1, **changes})
    activity = hwsim.simulate(net, data, machine.execution).activity
    return activity, machine, hwsim.count(activity, machine)


def words(counts, memory, way="read", layer=None):
    """In the first frame and in the second."""
    found = [
        number
        for key, number in counts.entries.items()
        if (key.operation.memory, key.operation.kind) == (memory, f"sram_{way}") and layer in (None, key.layer)
    ]
    return np.sum(found, axis=0).tolist() if found else [0, 0]


BIAS = np.array([1, 2, 3])
THRESHOLDS = np.array([[1, 2], [3, 4], [5, 6]])
FP32 = hwsim.NumberFormat("real", 32)


def by_neuron(kind):
    """A factor for every neuron, none of them a power of two."""
    return np.linspace(0.3, 0.45, NEURONS[kind])


def with_weights(kind):
    """Networks of a layer and what it stores itself, by what that is."""
    return {
        "no bias": network(kind, layer(kind, accumulator=32)),
        "bias": network(kind, layer(kind, bias=BIAS, accumulator=32)),
        "bias of zeros": network(kind, layer(kind, bias=0 * BIAS, accumulator=32)),
        "bias, two terms": network(kind, layer(kind, scales=(1.0, 2.0), bias=BIAS, accumulator=32)),
        "bias, real": network(kind, layer(kind, format=FP32, bias=BIAS.astype(np.float32)), format=FP32),
        "scale": network(kind, layer(kind, scales=(CHANNELS,)), format=FP32),
        "scale of the layer": network(kind, layer(kind, scales=(0.3,)), format=FP32),
        "merge": network(kind, layer(kind, scales=(1.0, CHANNELS))),
        "merge of the layer": network(kind, layer(kind, scales=(1.0, 0.3))),
    }


def with_neurons(kind):
    """Networks of a layer and what is fused into it, by what that stores."""
    plain, scaled = layer(kind), layer(kind, scales=(CHANNELS,))
    flat, codes = hwsim.Flatten("flat"), hwsim.Quantize("codes")
    behind = {
        "multiplier": (plain, hwsim.Quantize("codes", scale=CHANNELS)),
        "multiplier, weight scale": (scaled, codes),
        "multiplier, weight scale, flattened": (scaled, flat, codes),
        "multiplier of each neuron": (plain, flat, hwsim.Quantize("codes", scale=by_neuron(kind))),
        "multiplier of the layer": (plain, hwsim.Quantize("codes", scale=0.3)),
        "shift": (plain, hwsim.Quantize("codes", scale=[0.5, 0.25, 0.125])),
        "threshold": (plain, hwsim.MultiThreshold("codes", thresholds=THRESHOLDS)),
        "threshold beyond": (plain, hwsim.MultiThreshold("codes", thresholds=THRESHOLDS * 10.0**9)),
        "threshold, weight scale, flattened": (scaled, flat, hwsim.MultiThreshold("codes", thresholds=[[1.0, 1.9]])),
        "threshold of the layer": (plain, hwsim.MultiThreshold("codes", thresholds=THRESHOLDS[:1])),
        "table": (plain, hwsim.Tanh("curve")),
    }
    real = {
        "real multiplier": (plain, hwsim.Quantize("codes", scale=CHANNELS)),
        "real multiplier, weight scale": (scaled, codes),
        "real affine": (plain, hwsim.Affine("affine", scale=CHANNELS, offset=CHANNELS)),
        "real affine, one offset": (plain, hwsim.Affine("affine", scale=CHANNELS, offset=0.3)),
        "real affine, one scale": (plain, hwsim.Affine("affine", scale=0.3, offset=CHANNELS)),
        "real affine, behind": (scaled, hwsim.Affine("affine", scale=0.3), hwsim.Quantize("codes", scale=0.7)),
        "real affine of the layer": (plain, hwsim.Affine("affine", scale=0.3, offset=0.7)),
    }
    return {what: network(kind, *layers) for what, layers in behind.items()} | {
        what: network(kind, *layers, format=FP32) for what, layers in real.items()
    }


# What is stored beside the rows of weights, by hand [bits]
STORED = {
    "no bias": 0,
    "bias": 3 * 32,
    "bias of zeros": 3 * 32,  # it is declared, and nobody looks at the values
    "bias, two terms": 3 * 32,  # the second term's accumulators start from nothing
    "bias, real": 3 * 32,
    "scale": 3 * 32,
    "scale of the layer": 0,  # one number is wired in
    "merge": 3 * 16,
    "merge of the layer": 0,
    "multiplier": 3 * 16,
    "multiplier, weight scale": 3 * 16,
    "multiplier, weight scale, flattened": 3 * 16,  # still one for a channel
    "multiplier of the layer": 0,
    "shift": 0,  # wired, too
    "threshold": 3 * 2 * 4,  # up to 6, with a sign
    "threshold beyond": 3 * 2 * 16,  # no accumulator of 16 bits gets there: as many bits are enough to say so
    "threshold, weight scale, flattened": 3 * 2 * 4,  # 1.9 is reached at 7 steps of 0.3
    "threshold of the layer": 0,
    "table": 0,  # a curve is a unit of its own
    "real multiplier": 3 * 32,
    "real multiplier, weight scale": 3 * 32,  # which the multiplier takes along
    "real affine": 3 * (32 + 32),
    "real affine, one offset": 3 * 32,
    "real affine, one scale": 3 * 32,
    "real affine, behind": 3 * 32,  # the Affine has taken the scales along, and the Quantize has one for all
    "real affine of the layer": 0,
}
FOR_EACH_NEURON = {"dense": 3 * 16, "convolution": 18 * 16, "depthwise": 18 * 16}
PRESETS = ("mac-array", "rounding-adder", "sigma-delta-adder", "neuromorphic-core")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", [*STORED, "multiplier of each neuron"])
def test_what_is_stored_beside_the_weights_is_stored_and_read_by_channel(kind, what):
    net = (with_weights(kind) | with_neurons(kind))[what]
    bits = STORED.get(what, FOR_EACH_NEURON[kind])
    # two terms have as many rows each, and real weights have 32 bits instead of 8
    rows = ROWS[kind] * (2 if "terms" in what or "merge" in what else 4 if what == "bias, real" else 1)
    for preset in PRESETS:
        if net.input_format.is_real and preset in ("rounding-adder", "sigma-delta-adder"):
            continue
        activity, machine, counts = counted(net, frames(kind), preset)
        assert sum(weight_bits(each, machine, machine.word_length) for each in activity.layers) == rows + bits
        once = what.startswith("bias") and machine.execution == "delta"  # at a stream's first frame
        assert words(counts, "weights") == [rows + bits, rows + (0 if once else bits)]


def test_a_channel_s_number_is_read_only_if_one_of_its_neurons_is_at_work():
    data = frames("depthwise")
    data[1] = data[0]
    data[1, 0, 0, 0] += 1  # reaches one neuron of the first channel
    _, _, counts = counted(with_neurons("depthwise")["multiplier"], data, "sigma-delta-adder")
    assert words(counts, "weights") == [3 * (8 + 16), 1 * (8 + 16)]
    _, _, counts = counted(with_neurons("depthwise")["multiplier"], data, "mac-array")
    assert words(counts, "weights") == [3 * (8 + 16)] * 2


def test_every_bias_of_every_stream_is_read_at_its_first_frame():
    net = with_weights("convolution")["bias"]
    data = hwsim.Dataset(np.ones((4, 2, 2, 3), np.int8), stream_start=np.array([0, 3, 4]))
    machine = hwsim.load_machine("delta-mac").model_copy(update={"word_length": 1})
    counts = hwsim.count(hwsim.simulate(net, data, "delta", per_frame=True).activity, machine)
    assert words(counts, "weights") == [48 + 96, 0, 0, 48 + 96]  # constant frames deliver no row


def branches(kind, last):
    """Two layers with codes of their own, and the sum of both."""
    return network(
        kind,
        layer(kind, "one", inputs=("input",)),
        hwsim.Quantize("one_codes"),
        layer(kind, "two", inputs=("input",)),
        last,
        hwsim.Add("sum", ("one_codes", last.name)),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_sum_of_signals_stores_a_factor_for_each_channel(kind):
    expected = {"alike": 0, "one factor": 0, "three factors": 3 * 24}  # nobody has asked for fewer bits
    scale = {"alike": 1.0, "one factor": 0.3, "three factors": CHANNELS}
    for what, bits in expected.items():
        net = branches(kind, hwsim.Quantize("two_codes", scale=scale[what]))
        for preset in PRESETS:
            activity, machine, counts = counted(net, frames(kind), preset)
            (join,) = (each for each in activity.layers if each.name == "sum")
            assert weight_bits(join, machine, machine.word_length) == bits
            assert words(counts, "weights", layer="sum") == [bits, bits]


# ---------------------------------------------------------------------------------------------- pointers and state


@pytest.mark.parametrize(
    ("kind", "entries", "n_pointer"),
    # entries of 8 + 4 bits in words of 64; of each row where it begins, and of the last where it ends
    [("dense", 6, 3), ("convolution", 6, 3), ("depthwise", 3, 4)],
)
def test_pointers_of_compressed_rows(kind, entries, n_pointer):
    activity, machine, counts = counted(with_weights(kind)["no bias"], frames(kind), "eie-like", word_length=64)
    packed = -(-entries * 12 // 64)
    assert (
        sum(weight_bits(each, machine, machine.word_length) for each in activity.layers) == packed * 64 + n_pointer * 32
    )
    assert words(counts, "weights") == [packed + 2 * (n_pointer - 1)] * 2  # two for each row that is delivered


@pytest.mark.parametrize("kind", KINDS)
def test_sums_and_last_codes_of_neurons_and_of_the_input(kind):
    n, size = NEURONS[kind], int(np.prod(SHAPES[kind]))
    reader = [hwsim.Flatten("flat"), hwsim.Dense("last", terms=(hwsim.Weight(np.ones((n, 1), int), INT8),))]
    net = network(kind, layer(kind, accumulator=32), hwsim.Quantize("codes"), *reader)
    activity, machine, counts = counted(net, frames(kind), "sigma-delta-adder")
    bits = {each.name: state_bits(each, machine) for each in activity.layers}
    assert bits == {"input": size * 8, "layer": n * (32 + 8), "last": 16}
    # the input keeps last codes of 8 bits; neurons sums, read in all frames but the first, and last codes
    assert words(counts, "state", "read", "input") == words(counts, "state", "write", "input") == [size * 8] * 2
    assert words(counts, "state", "read", "layer") == [n * 8, n * (32 + 8)]
    assert words(counts, "state", "write", "layer") == [n * (32 + 8)] * 2
    for preset in ("mac-array", "rounding-adder"):  # which remember nothing
        activity, machine, counts = counted(net, frames(kind), preset)
        assert [state_bits(each, machine) for each in activity.layers] == [0, 0, 0]
        assert words(counts, "state") == words(counts, "state", "write") == [0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_signals(kind):
    n = NEURONS[kind]
    activity, machine, counts = counted(branches(kind, hwsim.Quantize("two_codes")), frames(kind), "delta-mac")
    (join,) = (each for each in activity.layers if each.name == "sum")
    assert state_bits(join, machine) == n * 16  # two codes of 8 bits; the last layer sends none
    assert words(counts, "state", "read", "sum") == words(counts, "state", "write", "sum") == [2 * n * 16] * 2


@pytest.mark.parametrize("kind", ["convolution", "depthwise"])
def test_sums_and_codes_of_pooling(kind):
    # windows of all 6 positions: three sums of 16 bits, 18 additions; three maxima, of 18 codes that are kept anyway
    for pool, stored, read, written in (
        (hwsim.GlobalAvgPool("pool"), 3 * 16, 18 * 16, 18 * 16),
        (hwsim.MaxPool2d("pool", kernel=(2, 3)), 0, 18 * 8, 0),
    ):
        net = network(kind, layer(kind), hwsim.Quantize("codes"), pool)
        activity, machine, counts = counted(net, frames(kind), "delta-mac")
        (last,) = (each for each in activity.layers if each.name == "pool")
        assert state_bits(last, machine) == stored
        assert words(counts, "state", "read", "pool") == [read, read]
        assert words(counts, "state", "write", "pool") == [written, written]


# -------------------------------------------------------------------------------------------------------- capacity


@pytest.mark.parametrize(("n_row", "capacity"), [(1, 8), (2, 16), (3, 32), (4, 32), (8, 64), (9, 128), (16, 128)])
def test_a_memory_is_the_smallest_power_of_two_bytes_that_holds_its_contents(n_row, capacity):
    dense = hwsim.Dense("dense", terms=(hwsim.Weight(np.ones((n_row, 8), int), INT8),))  # 8 bytes a row
    net = hwsim.Network("rows", (n_row,), (dense,), input_format=INT8)
    counts = hwsim.count(hwsim.simulate(net, np.ones((1, n_row), np.int8)).activity, "mac-array")
    assert {key.operation.capacity for key in counts.entries if key.operation.memory == "weights"} == {capacity}


def test_a_memory_that_holds_nothing_is_none():
    net = with_weights("convolution")["bias"]
    for preset, memory in (("neuromorphic-per-synapse", "weights"), ("mac-array", "state")):
        activity, machine, counts = counted(net, frames("convolution"), preset)
        assert sum(HOLDS[memory](layer, machine) for layer in activity.layers) == 0
        assert memory not in {key.operation.memory for key in counts.entries}
        assert memory not in {each.memory for each in memories(counts)}


HOLDS = {"weights": lambda layer, machine: weight_bits(layer, machine, machine.word_length), "state": state_bits}


def test_a_small_convolution_on_a_large_image_has_a_small_memory():
    conv = hwsim.Conv2d("a", terms=(hwsim.Weight(np.ones((8, 1, 3, 3), int), INT8),), padding=1)
    net = hwsim.Network("c", (1, 64, 64), (conv,), input_format=INT8)
    counts = hwsim.count(hwsim.simulate(net, np.ones((1, 1, 64, 64), np.int8)).activity, "mac-array")
    weights = {key.operation for key in counts.entries if key.operation.memory == "weights"}
    assert {each.capacity for each in weights} == {128}  # of which 8 x 1 x 3 x 3 weights of 8 bits need 72
    (rows,) = (number for key, number in counts.entries.items() if (key.phase, key.operation) == ("memory", ADDRESS))
    assert words_of_any(counts, "weights") == rows.sum()  # a row is a word, and nothing else is read
    # the table's smallest memory is priced in its place, for accesses as for leakage
    table = hwsim.load_table("default_45nm")
    (read,) = weights
    smallest = table.price(read._replace(capacity=1))
    assert table.price(read).energy == smallest.energy
    assert table.price(read._replace(capacity=2**17)).energy > 2 * smallest.energy
    (leaking,) = (each for each in memories(counts) if each.memory == "weights")
    assert leaking.capacity == 128


def words_of_any(counts, memory):
    return sum(int(number.sum()) for key, number in counts.entries.items() if key.operation.memory == memory)
