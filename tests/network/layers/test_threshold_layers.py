"""MultiThreshold: counted one by one, exactly at the threshold, its formats, costs, and what it refuses."""

from fractions import Fraction

import numpy as np
import pytest
from one_layer import EXECUTIONS, INT8, on_codes, on_reals

import hwsim
from hwsim import (
    Dense,
    MultiThreshold,
    Network,
    Weight,
)
from hwsim.errors import NetworkError
from hwsim.network.operation import Operation


def reached(values, thresholds):
    """Thresholds that values reach: comparisons with each. (n_frame, C, ...)"""
    spread = thresholds.reshape(len(thresholds), -1, *[1] * (values.ndim - 2))
    return sum((values >= spread[:, k]).astype(int) for k in range(thresholds.shape[1]))


@pytest.mark.parametrize("n_row", [1, 3])
@pytest.mark.parametrize("n_threshold", [1, 3, 16, 17, 255])
@pytest.mark.parametrize("shape", [(3,), (3, 2, 4)])
def test_thresholds_are_counted(shape, n_threshold, n_row):
    generator = np.random.default_rng(6)
    thresholds = np.sort(generator.integers(-20, 20, (n_row, n_threshold)) / 2, axis=1)
    layer = MultiThreshold("t", thresholds=thresholds, scale=0.25, offset=-0.5)
    frames = generator.integers(-24, 24, (7, *shape)) / 2  # many are thresholds
    expected = (0.25 * reached(frames, thresholds) - 0.5).reshape(7, -1)
    assert np.array_equal(on_reals(layer, frames=frames.astype(np.float32)), expected)
    assert np.array_equal(on_codes((2 * frames).astype(int), layer, step=0.5), expected)


def test_a_threshold_at_exactly_the_value_counts():
    step = 0.1  # no multiple of which, but that by a power of two, is a float64
    codes = np.arange(-100, 101)[None]
    for k in (-77, -3, -1, 0, 1, 3, 6, 7, 77):
        exact = Fraction(step) * k
        nearest = float(exact)
        for t in (np.nextafter(nearest, -1e9), nearest, np.nextafter(nearest, 1e9)):
            layer = MultiThreshold("t", thresholds=[[t]])
            wanted = [int(Fraction(step) * int(code) >= Fraction(t)) for code in codes[0]]
            assert on_codes(codes, layer, step=step)[0].tolist() == wanted
    reals = np.array([[0.1, np.nextafter(np.float32(0.1), np.float32(0))]], np.float32)
    assert on_reals(MultiThreshold("t", thresholds=[[np.float32(0.1)]]), frames=reals).tolist() == [[1, 0]]
    # 0.1 is below the float32 of that name, and the float32 below that is below 0.1
    assert on_reals(MultiThreshold("t", thresholds=[[0.1]]), frames=reals).tolist() == [[1, 0]]


def test_infinite_thresholds_are_always_or_never_reached():
    layer = MultiThreshold("t", thresholds=[[-np.inf, -np.inf, 0, np.inf]])
    assert on_codes([[-128, -1, 0, 127]], layer)[0].tolist() == [2, 2, 3, 3]
    assert on_reals(layer, frames=np.array([[-1e38, 0, 1e38]], np.float32))[0].tolist() == [2, 3, 3]


@pytest.mark.parametrize(
    ("n_threshold", "scale", "offset", "format", "zero_point", "bound"),
    [
        (1, 1.0, 0.0, "uint1", 0, 1),
        (15, 1.0, 0.0, "uint4", 0, 15),
        (15, 0.5, -4.0, "int4", 0, 8),
        (14, 0.5, -3.5, "int4", 0, 7),
        (255, 1.0, -128.0, "int8", 0, 128),
        (15, 1.0, -3.0, "uint4", 3, 12),
        (15, 1.0, 3.0, "uint5", 0, 18),
        (15, 1.0, -20.0, "int6", 0, 20),
        (1, 2.0, -1.0, "binary", 0, 1),
        (1, 2.0, -2.0, "int1", 0, 1),
    ],
)
def test_codes_are_as_narrow_as_they_can_be(n_threshold, scale, offset, format, zero_point, bound):
    layer = MultiThreshold("t", thresholds=np.arange(n_threshold)[None], scale=scale, offset=offset)
    network = Network("n", (4,), (layer,))
    signal = network.output
    assert (signal.format.name, signal.zero_point, signal.bound) == (format, zero_point, bound)
    run = hwsim.simulate(network, np.array([[-1, 0, 7, 1e9]], np.float32))
    assert run.outputs[0].tolist() == [offset + scale * min(k, n_threshold) for k in (0, 1, 8, 10**9)]
    codes = run.output_codes
    assert codes.min() >= signal.format.lowest
    assert codes.max() <= signal.format.highest


@pytest.mark.parametrize("n_row", [1, 3])
@pytest.mark.parametrize("execution", EXECUTIONS)
def test_all_thresholds_are_compared_at_once(execution, n_row):
    layer = MultiThreshold("t", thresholds=np.tile([[-1, 0, 2, 5, 6, 7, 8]], (n_row, 1)))
    first = Dense("dense", terms=(Weight(np.eye(3, dtype=int), INT8),), accumulator=32)
    network = Network("n", (3,), (first, layer), INT8)
    frames = np.array([[1, 2, 3], [1, 2, 4]])
    counts = hwsim.count(hwsim.simulate(network, frames, execution).activity)
    # the default delta machine updates what a non-zero weight has reached: in the second frame one neuron
    n_update, n_word = {"delta": (3 + 1, 2 + 1)}.get(execution, (3 + 3, 2 + 2))
    assert counts.total("neuron", "comparison") == 7 * n_update
    plain = hwsim.count(hwsim.simulate(Network("n", (3,), (first,), INT8), frames, execution).activity)
    more = counts.total("memory", "sram_read", "dense") - plain.total("memory", "sram_read", "dense")
    # those of each channel are read, 7 of the 5 bits that 8 needs with its sign, in words of 64: of three channels, one
    assert more == (0 if n_row == 1 else n_word)


def test_thresholds_on_raw_codes_work_on_these():
    frames = np.random.default_rng(7).integers(0, 256, (5, 4)).astype(np.uint8)
    layer = MultiThreshold("t", thresholds=[[0.25, 0.5, 0.75]])
    data = hwsim.Dataset(inputs=frames, step=1 / 255, stream_start=np.array([0, 5]), name="raw", split="test")
    network = Network("n", (4,), (layer, Dense("dense", terms=(Weight(np.eye(4, dtype=int), INT8),))))
    wanted = np.digitize(frames / 255, [0.25, 0.5, 0.75])
    for execution in EXECUTIONS:
        run = hwsim.simulate(network, data, execution)
        assert np.array_equal(run.outputs, wanted)
        assert run.activity.layers[0].work[0].operations == ((Operation("comparison", ("int8",)), 3),)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: MultiThreshold("t"), r"layer t: thresholds of shape \(0,\); expected \(channels, T\)"),
        (lambda: MultiThreshold("t", thresholds=[[1, 0]]), "layer t: thresholds that do not rise"),
        (lambda: MultiThreshold("t", thresholds=[[np.nan]]), "layer t: thresholds that do not rise"),
        (lambda: MultiThreshold("t", thresholds=[[0]], scale=-1), "layer t: scale -1 and offset 0.0; expected finite"),
        (lambda: MultiThreshold("t", thresholds=[[0, 1]], offset=-0.5), "layer t: offset -0.5 is no multiple.*Affine"),
        (
            lambda: Network("n", (4,), (MultiThreshold("t", thresholds=np.zeros((3, 1))),)),
            "layer t: thresholds of 3 channels for a signal of 4",
        ),
    ],
)
def test_thresholds_that_are_refused(make, expected):
    with pytest.raises(NetworkError, match=expected):
        make()
