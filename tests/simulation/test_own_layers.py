"""Layers of one's own: what a layer does to a block of frames is found by its class, not in a list."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import hwsim
from hwsim import (
    ELU,
    Affine,
    Concat,
    Dense,
    HardTanh,
    LeakyReLU,
    MultiThreshold,
    Network,
    Quantize,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Weight,
    Wrap,
)
from hwsim.errors import NetworkError
from hwsim.network.layers import ElementWise, Layer
from hwsim.network.number_format import FP32, integer
from hwsim.network.signals import Signal, real_signal
from hwsim.simulation.elementwise import steps_of
from hwsim.simulation.heads import Head, serves

EXECUTIONS = ("dense", "sparse", "delta")
INT8 = integer(8)
GENERATOR = np.random.default_rng(0)
REALS = GENERATOR.normal(0, 3, (5, 3, 4, 2)).astype(np.float32)
CODES = GENERATOR.integers(-128, 128, (5, 3, 4, 2)).astype(np.int8)


@dataclass(frozen=True, eq=False)
class Cube(ElementWise):
    """x³."""

    def signal(self, *source):
        return real_signal(*source)

    def apply(self, value):
        return value**3


@dataclass(frozen=True, eq=False)
class ByChannel(ElementWise):
    """sin(x) times a number per channel."""

    factor: np.ndarray | None = None

    def signal(self, *source):
        return real_signal(*source)

    def apply(self, value):
        return np.sin(value) * self.factor


@dataclass(frozen=True, eq=False)
class Doubled(Layer):
    """Every number twice as large, by a head of its own."""

    def signal(self, *source):
        (read,) = source
        return replace(read, format=integer(read.format.bit_width + 1, read.format.signed), bound=2 * read.bound)


@serves(Doubled)
class DoubledHead(Head):
    """Codes, doubled."""

    def run(self, sources, frames, worker):
        codes = sources[0].codes[:, : self.n_neuron]
        if worker.notes.is_delta:
            self.note_changes([codes], frames, worker)
        return 2 * codes[1:].astype(np.int64)


@dataclass(frozen=True, eq=False)
class LargerHalf(Layer):
    """Of each two channels, one half of them apart, the larger number."""

    def signal(self, *source):
        (read,) = source
        return replace(read, shape=(read.shape[0] // 2, *read.shape[1:]))


@serves(LargerHalf)
class LargerHalfHead(Head):
    """Maxima."""

    def run(self, sources, frames, worker):
        codes = sources[0].codes[:, : self.reads[0].size]
        by_place = codes.reshape(len(codes), self.out.n_position, 2, -1)
        first, second = (by_place[:, :, k].reshape(len(codes), -1) for k in (0, 1))
        if worker.notes.is_delta:
            self.note_changes([first, second], frames, worker)
        return np.maximum(first, second)[1:]


def outputs(network, frames, execution, step=1.0):
    if network.input_format.is_real:
        return hwsim.simulate(network, frames, execution).outputs
    start = np.array([0, len(frames)])
    return hwsim.simulate(network, hwsim.Dataset(frames, step=step, stream_start=start), execution).outputs


def single(value):
    """Rounded to float32 once."""
    return np.asarray(value, np.float64).astype(np.float32)


# ------------------------------------------------------------------------------------------------- element-wise


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_cube_of_real_numbers(execution):
    network = Network("cubes", (3, 4, 2), (Cube("cube"),))
    assert np.array_equal(outputs(network, REALS, execution), single(REALS.astype(np.float64) ** 3).reshape(5, -1))


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_cube_of_eight_bits(execution):
    network = Network("cubes", (3, 4, 2), (Cube("cube"),), INT8, 0.3)
    expected = single((CODES * 0.3) ** 3).reshape(5, -1)
    assert np.array_equal(outputs(network, CODES, execution, 0.3), expected)


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_cube_between_integer_layers(execution):
    """Of a step per channel and a zero point, fused into a layer with neurons and read by another."""
    first, second = GENERATOR.integers(-9, 10, (4, 3)), GENERATOR.integers(-9, 10, (3, 2))
    scale = np.array([1.0, 0.5, 2.0])
    layers = (
        Dense("one", terms=Weight(first, INT8)),
        Quantize("codes", scale=scale, signed=False, zero_point=100),
        Cube("cube"),
        Quantize("more", scale=2.0**-12, bit_width=8),
        Dense("two", terms=Weight(second, INT8)),
    )
    frames = GENERATOR.integers(-4, 5, (7, 4)).astype(np.int8)
    codes = np.clip(np.floor((frames.astype(int) @ first) * scale + 0.5), -100, 155)
    cubes = single((codes / scale) ** 3).astype(np.float64)
    expected = np.clip(np.floor(cubes * 2.0**-12 + 0.5), -128, 127) @ second * 2.0**12
    found = outputs(Network("cubes", (4,), layers, INT8), frames, execution)
    assert np.array_equal(found, expected)
    assert len(np.unique(expected)) > 5


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_what_others_read_too_is_not_cubed_for_them(execution):
    cubes = Cube("cube", inputs=("input",))
    plain = LeakyReLU("plain", inputs=("input",), slope=1.0)
    network = Network("both", (3, 4, 2), (cubes, plain, Concat("concat", inputs=("cube", "plain"))))
    expected = np.concatenate([single(REALS.astype(np.float64) ** 3), REALS], axis=1).reshape(5, -1)
    assert np.array_equal(outputs(network, REALS, execution), expected)


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_parameters_of_channels_come_last(execution):
    factor = np.array([1.0, -2.0, 0.25])
    network = Network("waves", (3, 4, 2), (ByChannel("wave", factor=factor),), INT8, 0.125)
    expected = single(np.sin(CODES * 0.125) * factor[:, None, None]).reshape(5, -1)
    assert np.array_equal(outputs(network, CODES, execution, 0.125), expected)


def test_a_cube_beyond_float32_is_reported():
    network = Network("cubes", (2,), (Cube("cube"),))
    run = hwsim.simulate(network, np.array([[1e20, 2.0]], np.float32))
    assert run.outputs.tolist() == [[np.inf, 8.0]]
    assert any("not finite" in note for note in run.notes)


def test_an_apply_nearer_than_a_step_is_what_runs():
    @dataclass(frozen=True, eq=False)
    class Shifted(ReLU):
        def apply(self, value):
            return super().apply(value - 1)

    @dataclass(frozen=True, eq=False)
    class Renamed(ReLU):
        pass

    below, above = np.maximum(REALS, 0), np.maximum(REALS.astype(np.float64) - 1, 0)
    for layer, expected in ((Shifted("shifted"), above), (Renamed("renamed"), below)):
        network = Network("own", (3, 4, 2), (layer,))
        assert np.array_equal(outputs(network, REALS, "dense"), single(expected).reshape(5, -1))
        quantized = Network("own", (3, 4, 2), (layer, Quantize("codes", scale=8.0)))
        codes = np.minimum(np.floor(single(expected).astype(np.float64) * 8 + 0.5), 127)
        assert np.array_equal(outputs(quantized, REALS, "dense"), codes.reshape(5, -1) / 8)


def test_what_says_nothing_of_itself_is_refused():
    @dataclass(frozen=True, eq=False)
    class Silent(ElementWise):
        def signal(self, *source):
            return real_signal(*source)

    @dataclass(frozen=True, eq=False)
    class Coded(Cube):
        def signal(self, *source):
            return source[0]

    with pytest.raises(NetworkError, match=r"layer mute: a Silent has neither an apply nor a step; write apply, or"):
        hwsim.simulate(Network("own", (3, 4, 2), (Silent("mute"),)), REALS)
    with pytest.raises(NetworkError, match=r"layer cube: a Coded makes codes, .*step_for\(Coded\)"):
        hwsim.simulate(Network("own", (3, 4, 2), (Coded("cube"),), INT8), CODES)


# ------------------------------------------------------------------------------- definitions and compiled steps


def stepped(layer, signal, frames):
    """What a layer's step makes of frames (n_frame, positions x channels), as values."""
    (step,) = steps_of((layer,), signal)
    made, out = layer.signal(signal), np.empty(frames.shape, step.dtype)
    step.run(frames, out)
    return out * made.channels_last(made.step)


LAYERS = (
    ReLU("relu"), LeakyReLU("leaky", slope=-0.3), HardTanh("clip", lowest=-0.5, highest=1.25), Sign("sign"),
    Sigmoid("sigmoid"), Tanh("tanh"), ELU("elu", alpha=1.5, scale=0.7), Affine("affine", scale=[0.5, -2, 4], offset=1),
    MultiThreshold("levels", thresholds=[[-1, 0.5, 2], [0, 1, 1], [-2, -1, np.inf]], scale=0.5, offset=-0.5),
    MultiThreshold("many", thresholds=np.linspace(-3, 3, 40)[None], scale=0.25),
    MultiThreshold("two", thresholds=[[0.25]], scale=2.0, offset=-1.0),
    *(Quantize(way, scale=[0.5, 4, 1], bit_width=4, rounding=way) for way in ("half_up", "half_even", "floor")),
    Quantize("around", scale=2.0, bit_width=4, signed=False, zero_point=5, offset=0.25),
)  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "format"),
    [(layer, format) for format in (FP32, INT8) for layer in LAYERS if format.is_real or layer.name != "leaky"],
    ids=lambda each: getattr(each, "name", str(each)),
)
def test_a_step_makes_what_the_definition_says(layer, format):
    """On numbers with few enough digits for every step to be exact, but for curves, which are rounded once."""
    signal = Signal.of_input((3, 8, 2), format, 1.0 if format.is_real else 0.25)
    codes = GENERATOR.integers(-40, 40, (9, 48))
    frames = (codes / 4).astype(np.float32) if format.is_real else codes.astype(np.int8)
    expected = layer.apply((codes / 4).reshape(9, 16, 3)).reshape(9, 48)
    assert np.array_equal(stepped(layer, signal, frames), single(expected))


@pytest.mark.parametrize("signed", [True, False])
def test_a_wrap_keeps_what_the_definition_says(signed):
    layer, codes = Wrap("wrap", bit_width=4, signed=signed), np.arange(-128, 128).reshape(2, 128)
    assert np.array_equal(stepped(layer, Signal.of_input((128,), INT8), codes), layer.apply(codes.astype(np.float64)))


# ------------------------------------------------------------------------------------------------ own structures


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_a_head_of_ones_own(execution):
    network = Network("double", (3, 4, 2), (Doubled("twice"),), INT8, 0.5)
    assert np.array_equal(outputs(network, CODES, execution, 0.5), CODES.reshape(5, -1).astype(np.float64))


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_heads_of_ones_own_among_others(execution):
    code = GENERATOR.integers(-5, 6, (8, 6))
    layers = (
        Dense("one", terms=Weight(code, INT8)),
        Quantize("codes", scale=0.25, bit_width=6),
        LargerHalf("larger"),
        ReLU("relu"),
        Quantize("more", bit_width=6, signed=False),
        Doubled("twice"),
        Dense("two", terms=Weight(code[:3, :2], INT8)),
    )
    frames = GENERATOR.integers(-9, 10, (6, 8)).astype(np.int8)
    codes = np.clip(np.floor(frames.astype(int) @ code * 0.25 + 0.5), -32, 31)
    larger = np.maximum(codes[:, :3], codes[:, 3:]) * 4
    expected = 2 * np.clip(larger, 0, 63) @ code[:3, :2]
    found = outputs(Network("own", (8,), layers, INT8), frames, execution)
    assert np.array_equal(found, expected)


def test_a_larger_half_of_images():
    network = Network("half", (4, 3, 2), (LargerHalf("larger"),), INT8)
    frames = GENERATOR.integers(-128, 128, (5, 4, 3, 2)).astype(np.int8)
    for execution in EXECUTIONS:
        expected = np.maximum(frames[:, :2], frames[:, 2:]).reshape(5, -1)
        assert np.array_equal(outputs(network, frames, execution), expected)


def test_a_layer_without_a_head_is_refused():
    @dataclass(frozen=True, eq=False)
    class Tripled(Layer):
        def signal(self, *source):
            return source[0]

    @dataclass(frozen=True, eq=False)
    class DoubledAgain(Doubled):
        pass

    with pytest.raises(NetworkError, match=r"layer big: a Tripled has neurons of its own, but no head .*@serves\(Trip"):
        hwsim.simulate(Network("own", (3, 4, 2), (Tripled("big"),), INT8), CODES)
    derived = Network("own", (3, 4, 2), (DoubledAgain("twice"),), INT8)
    assert np.array_equal(outputs(derived, CODES, "sparse"), 2.0 * CODES.reshape(5, -1))


def test_only_a_layer_that_may_stand_elsewhere_is_read_by_another():
    @dataclass(frozen=True, eq=False)
    class Verdict(Softmax):
        pass

    with pytest.raises(NetworkError, match="layer first: a Verdict comes last, or not at all"):
        Network("own", (3,), (Verdict("first"), ReLU("relu")))
