"""The plan: padding, and arrays as narrow as is safe, up to the very limits of each width."""

import numpy as np
import pytest

import hwsim
from hwsim import Dense, Network, Quantize, Weight
from hwsim.kernels.events import GROUP, LANES
from hwsim.kernels.tiles import WIDTHS
from hwsim.network.number_format import FP32, NumberFormat, integer
from hwsim.network.signals import Signal
from hwsim.simulation.heads.terms import LINE, code_dtype, padded
from hwsim.simulation.plan import event_dtypes, prepare

EXECUTIONS = ("dense", "sparse", "delta")


def network_of(weight, format, weight_format=None, **fields):
    layer = Dense("dense", terms=(Weight(np.asarray(weight), weight_format or integer(16)),), **fields)
    return Network("net", (len(weight),), (layer,), format)


def term_of(network):
    return prepare(network, network.input_format, network.input_step)[1].head.terms[0]


# ------------------------------------------------------------------------------------------------------ padding


@pytest.mark.parametrize(("size", "multiple", "expected"), [(1, 8, 8), (8, 8, 8), (9, 8, 16), (0, 8, 0), (33, 32, 64)])
def test_padded(size, multiple, expected):
    assert padded(size, multiple) == expected


@pytest.mark.parametrize("n_out", [1, WIDTHS[0] - 1, WIDTHS[0], WIDTHS[0] + 1, 70])
@pytest.mark.parametrize("format", [integer(8), FP32])
def test_tiles_of_weights_are_padded_with_zeros_and_begin_with_a_line_of_the_cache(n_out, format):
    weight = np.arange(3 * n_out).reshape(3, n_out) % 100 + 1
    bias = np.arange(n_out) + (1.0 if format is FP32 else 1)
    network = network_of(weight, format, format, bias=bias)
    head = prepare(network, network.input_format, network.input_step)[1].head
    (tiles,), (bias,) = head.weights, head.biases
    n_tile, n_in, width = tiles.shape
    assert (n_in, tiles.dtype) == (3, np.float32 if format is FP32 else np.int8)
    assert width in WIDTHS
    assert 0 <= n_tile * width - n_out < width
    rows = np.concatenate(list(tiles), axis=1)
    assert np.array_equal(rows[:, :n_out], weight)
    assert not rows[:, n_out:].any()
    assert bias.tolist() == [*range(1, n_out + 1), *([0] * (n_tile * width - n_out))]
    assert tiles.ctypes.data % LINE == 0


def test_the_mask_has_a_bit_per_weight_of_any_term():
    n_out = 70
    first, second = np.zeros((2, n_out), int), np.zeros((2, n_out), int)
    first[0, 0] = second[0, 69] = second[1, 64] = 1
    layer = Dense("dense", terms=(Weight(first, integer(8)), Weight(second, integer(8))))
    head = prepare(Network("net", (2,), (layer,), integer(8)), integer(8), 1.0)[1].head
    assert head.mask.shape == (2, 2)
    assert [sum(int(word).bit_count() for word in row) for row in head.mask] == [2, 1]
    assert [int(each) for each in head.n_nonzero[0]] == [1, 0]
    assert [int(each) for each in head.n_nonzero[1]] == [1, 1]


@pytest.mark.parametrize("n_in", [1, GROUP + 1, LANES - 1, LANES, LANES + 1, 3 * LANES])
@pytest.mark.parametrize("n_out", [1, 16, 65])
def test_padding_makes_no_event_and_no_neuron(n_in, n_out):
    network = network_of(np.ones((n_in, n_out), int), integer(8))
    frames = np.full((3, n_in), 7, np.int8)
    frames[1] = -7
    frames[2, :-1] = 0
    for execution, n_event in (("sparse", 2 * n_in + 1), ("delta", 3 * n_in - 1 + (n_in == 1) * 1)):
        run = hwsim.simulate(network, frames, execution)
        assert run.output_codes.tolist() == [[7 * n_in] * n_out, [-7 * n_in] * n_out, [int(frames[2].sum())] * n_out]
        connection = next(run.activity.connections)
        changed = n_event if execution == "sparse" else n_in + n_in + np.count_nonzero(frames[2] != frames[1])
        assert connection.rows_read.delivered(1).sum() == changed
        assert connection.histogram.n_operation.sum() == changed * n_out
        assert run.activity.layers[1].touched_nonzero.tolist() == [n_out] * 3


# ------------------------------------------------------------------------------------------------------- dtypes


def signal_of(name, zero_point=0):
    """What a Quantize to this format leaves."""
    format = NumberFormat.parse(name)
    quantize = Quantize("quantize", bit_width=format.bit_width, signed=format.signed, zero_point=zero_point)
    return quantize.signal(Signal.of_input((4,), FP32))


@pytest.mark.parametrize(
    ("signal", "code", "value"),
    [
        (signal_of("int8"), np.int8, np.int16),  # a difference of two int8 needs nine bits
        (signal_of("uint7"), np.int8, np.int16),
        (signal_of("uint8"), np.int16, np.int16),
        (signal_of("uint8", zero_point=128), np.int8, np.int16),  # centred: -128 ... 127
        (signal_of("uint8", zero_point=127), np.int16, np.int16),  # centred: -127 ... 128
        (signal_of("int8", zero_point=1), np.int16, np.int16),  # centred: -129 ... 126
        (signal_of("uint15"), np.int16, np.int16),  # differences up to 32767
        (signal_of("int15"), np.int16, np.int16),
        (signal_of("int16"), np.int64, np.int64),  # differences up to 65535
        (signal_of("uint16"), np.int64, np.int64),
        (signal_of("int32"), np.int64, np.int64),
        (Signal.of_input((4,), FP32), np.float32, np.float32),
    ],
)
def test_codes_and_events_are_as_narrow_as_is_safe(signal, code, value):
    assert code_dtype(signal) is code
    assert event_dtypes(signal, False)[1] is value
    if not signal.format.is_real:
        lowest, highest = signal.format.lowest - signal.zero_point, signal.format.highest - signal.zero_point
        assert np.iinfo(code).min <= lowest
        assert highest <= np.iinfo(code).max
        assert highest - lowest <= np.iinfo(value).max


@pytest.mark.parametrize(("n", "place"), [(32767, np.int16), (32768, np.int32)])
def test_places_fit_their_dtype(n, place):
    signal = Signal.of_input((n,), integer(8))
    assert event_dtypes(signal, False)[0] is place
    assert event_dtypes(signal, True)[0] is np.int32  # as the kernels of windows take them
    # the last of so many inputs makes an event, and finds its weight
    weight = np.zeros((n, 1), int)
    weight[-1] = 5
    frames = np.zeros((2, n), np.int8)
    frames[:, -1] = 3, -2
    for execution in ("sparse", "delta"):
        run = hwsim.simulate(network_of(weight, integer(8)), frames, execution)
        assert run.output_codes.tolist() == [[15], [-10]]


@pytest.mark.parametrize(
    ("format", "weight", "n_in", "weights", "sums"),
    [
        # accumulators: n_in x |code| x |weight|
        (integer(1, signed=False), 100, 3, np.int16, np.int16),  # 300
        (integer(8), 17, 3, np.int16, np.int16),  # 6528
        (integer(8), 100, 300, np.int16, np.int32),  # 3,840,000: 24 bits, kept in 32
        (integer(8), 2**15 - 1, 4, np.int16, np.int32),
        (integer(15), 2**15 - 1, 4, np.int16, np.int32),  # two products at their most: 2 x 32767 x 32767
        (integer(8), -(2**15), 4, np.int64, np.int64),  # a magnitude beyond int16
        (integer(16), 1, 4, np.int64, np.int64),  # differences beyond int16
        (integer(8), 2**14, 1100, np.int64, np.int64),  # 2.3e9: 64-bit accumulators
    ],
)
def test_weights_and_sums_are_as_narrow_as_is_safe(format, weight, n_in, weights, sums):
    network = network_of(np.full((n_in, 2), weight), format)
    term = term_of(network)
    assert term.weight.dtype == weights
    assert term.bias.dtype == sums
    # the extremes themselves, and the largest difference between frames
    low, high = np.full(n_in, format.lowest), np.full(n_in, format.highest)
    frames = np.stack([low, high, low, low, high])
    expected = (frames.astype(object).sum(axis=1) * weight).tolist()
    for execution in EXECUTIONS:
        run = hwsim.simulate(network, frames, execution)
        assert run.output_codes.tolist() == [[each, each] for each in expected]


@pytest.mark.plain
@pytest.mark.parametrize("n_in", [1, 9, 64])
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_eight_bits_at_their_limits(n_in, execution):
    network = network_of(np.stack([np.full(n_in, -128), np.full(n_in, 127)], axis=1), integer(8))
    frames = np.array([[-128] * n_in, [127] * n_in, [-128] * n_in], np.int8)
    run = hwsim.simulate(network, frames, execution)
    assert run.output_codes.tolist() == [[s * w * n_in for w in (-128, 127)] for s in (-128, 127, -128)]


@pytest.mark.parametrize("bits", [31, 32])
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_values_at_the_ends_of_32_bits(bits, execution):
    edge = 2 ** (bits - 1)
    frames = np.array([[-edge, edge - 1], [edge - 1, -edge], [0, 0], [-edge, -edge], [edge - 1, edge - 1]])
    network = network_of([[1, 0, 1], [0, -1, 1]], integer(bits))
    expected = [[a, -b, a + b] for a, b in frames.tolist()]
    assert max(map(max, expected)) >= edge
    run = hwsim.simulate(network, frames.astype(np.int32), execution)
    assert run.output_codes.tolist() == expected
    histogram = next(run.activity.connections).histogram
    largest = {"dense": edge, "sparse": edge, "delta": 2 * edge - 1}[execution]
    assert histogram.magnitude.max() == largest


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_the_widest_codes_are_counted_frame_by_frame(execution):
    # magnitudes near 2**55, in forty groups: wider ones could add up to more than 64 bits count
    frames = np.random.default_rng(0).integers(-(2**55), 2**55, (40, 2))
    run = hwsim.simulate(network_of([[1], [0]], integer(56)), frames, execution, per_frame=True)
    assert run.output_codes[:, 0].tolist() == frames[:, 0].tolist()
    before = np.vstack([np.zeros((1, 2), np.int64), frames[:-1]]) if execution == "delta" else 0
    expected = sorted((t, int(s)) for t, row in enumerate(np.abs(frames - before)) for s in row)
    histogram = next(run.activity.connections).histogram
    found = zip(histogram.group.tolist(), histogram.magnitude.tolist(), histogram.n_operation.tolist(), strict=True)
    assert sorted((group, magnitude) for group, magnitude, number in found if number) == expected


@pytest.mark.parametrize("bits", [4, 8, 12, 16, 32])
def test_saturated_codes_are_counted_however_many(bits):
    # more than a 16-bit counter holds in one frame
    n, highest = 40_000, 2 ** (bits - 1) - 1
    dense = Dense("dense", terms=(Weight(np.ones((n, 1), int), integer(2)),))
    network = Network("net", (n,), (Quantize("quantize", bit_width=bits), dense), integer(bits + 1))
    dtype = {4: np.int8, 8: np.int16, 12: np.int16, 16: np.int32, 32: np.int64}[bits]
    frames = np.full((2, n), highest, dtype)
    frames[1] = highest + 1
    run = hwsim.simulate(network, frames)
    assert run.n_saturated == n
    assert run.output_codes.tolist() == [[n * highest]] * 2


@pytest.mark.parametrize("execution", [hwsim.Execution("delta"), hwsim.Delta(2)])
@pytest.mark.parametrize("names", [("a", "b", "c", "d", "e"), ("a", "a0", "b", "a00", "c")])
def test_names_of_layers_change_nothing(execution, names):
    # state between blocks is kept by name
    generator = np.random.default_rng(0)
    code = generator.integers(-9, 10, (3, 12, 12))
    layers = (
        Dense(names[0], terms=(Weight(code[0], integer(8)),)),
        Quantize(names[1], scale=0.0625, bit_width=4),
        Dense(names[2], terms=(Weight(code[1], integer(8)),)),
        Quantize(names[3], scale=0.0625, bit_width=4),
        Dense(names[4], terms=(Weight(code[2][:, :5], integer(8)),)),
    )
    frames = generator.integers(-8, 8, (12, 12)).astype(np.int8)
    network = Network("net", (12,), layers, integer(4))
    whole = hwsim.simulate(network, frames, execution, block=100, threads=1)
    assert np.ptp(whole.output_codes) > 0
    for block in (1, 5):
        pieces = hwsim.simulate(network, frames, execution, block=block, threads=1)
        assert np.array_equal(pieces.output_codes, whole.output_codes)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "a0", "b")])
def test_names_of_real_layers_change_nothing(names):
    generator = np.random.default_rng(0)
    layers = tuple(Dense(name, terms=(Weight(generator.normal(size=(16, 16)).astype(np.float32)),)) for name in names)
    network = Network("net", (16,), layers)
    frames = generator.normal(size=(12, 16)).astype(np.float32)
    whole = hwsim.simulate(network, frames, "delta", block=100, threads=1)
    pieces = hwsim.simulate(network, frames, "delta", block=3, threads=1)
    assert np.array_equal(pieces.outputs, whole.outputs)
    assert whole.largest_deviation < 1e-3
    assert pieces.largest_deviation == whole.largest_deviation


# ------------------------------------------------------------------------------------- thresholds of real numbers


@pytest.mark.plain
def test_a_threshold_compares_real_changes_as_they_are():
    real = Network("real", (1,), (Dense("dense", terms=(Weight(np.ones((1, 1), np.float32)),)),))
    frames = np.array([[2.9], [0.95], [0.85], [-0.5], [-1.2]], np.float32)
    # sent: 2.9; 0.95 is 1.95 away; 0.85 is 2.05 away; -0.5 is 1.35 away; -1.2 is 2.05 away
    run = hwsim.simulate(real, frames, hwsim.Delta(2), per_frame=True)
    assert [len(set(row)) for row in run.outputs.tolist()] == [1] * 5
    assert run.activity.layers[0].emitted.n_event.tolist() == [1, 0, 1, 0, 1]
    assert run.outputs.ravel().tolist() == pytest.approx([2.9, 2.9, 0.85, 0.85, -1.2], abs=1e-6)


@pytest.mark.parametrize("zero_point", [0, 10, 128, 255])
@pytest.mark.parametrize("step", [1, 64, 99])  # without ties that a 16-bit multiplier would move
def test_codes_are_quantized_again_around_their_zero_point(zero_point, step):
    first = Quantize("first", scale=1, bit_width=8, signed=False, zero_point=zero_point)
    network = Network("twice", (1,), (first, Quantize("second", scale=1 / step, bit_width=4)))
    frames = np.arange(-128, 128, dtype=np.int8)[:, None]
    # what 8 unsigned bits around the zero point hold, then floor(x / step + 1/2) in 4 signed ones
    held = np.clip(frames.astype(np.int64), -zero_point, 255 - zero_point)
    expected = np.clip(np.floor(held / step + 0.5), -8, 7)
    assert len(np.unique(expected)) > 1
    assert hwsim.simulate(network, frames).output_codes.tolist() == expected.tolist()
