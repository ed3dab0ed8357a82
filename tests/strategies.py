"""Hypothesis strategies: small random networks of every kind that there is, and inputs that provoke them.

Sizes and widths are small, so that the scalar reference walks a network in milliseconds, and so that saturation,
zero rows, ties of rounding and extreme codes happen often.
"""

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from hwsim.errors import NetworkError
from hwsim.network import Affine, Dense, Flatten, Network, Quantize, ReLU, Weight
from hwsim.number_format import FP32, NumberFormat
from hwsim.signals import Signal

SHAPES = ((3,), (1,), (2,), (4,), (5,), (6,), (7,), (1, 2, 2), (2, 1, 3), (2, 2, 2))
LARGEST_SUM = 64  # that may be an event itself; a unary machine adds it one by one
BINARY, TERNARY = NumberFormat("binary", 1), NumberFormat("ternary", 2)
POWERS = st.integers(-4, 2).map(lambda exponent: 2.0**exponent)
FACTORS = st.integers(1, 400).map(lambda hundredth: hundredth / 100)
REALS = st.one_of(
    st.integers(-64, 64).map(lambda sixteenth: sixteenth / 16),  # halves among them, where roundings differ
    st.floats(-8, 8, width=32, allow_subnormal=False),
)


def arrays(dtype, shape, elements):
    """Arrays whose elements are drawn one by one; by default most are copies of one fill value."""
    return hypothesis_numpy.arrays(dtype, shape, elements=elements, fill=st.nothing())


def code_arrays(format, shape):
    """Numbers of a format: drawn one by one, which shrinks, or from a seed, which is less fond of small ones."""
    if format.is_real:
        dtype, elements = np.float32, REALS.map(np.float32)
    else:
        dtype, elements = np.int64, _codes(format)

    def seeded(seed):
        generator = np.random.default_rng(seed)
        if format.is_real:
            return generator.normal(size=shape).astype(np.float32)
        return generator.choice(_all_codes(format), shape).astype(np.int64)

    return st.one_of(arrays(dtype, shape, elements), st.integers(1, 2**32 - 1).map(seeded))


class _Builder:
    """Layers one after the other, with the signal that the last one leaves."""

    def __init__(self, draw, shape, format, step=1.0, powers_only=False):
        self.draw, self.layers = draw, []
        self.shape, self.format, self.step = shape, format, step
        self.signal = Signal.of_input(shape, format, step)
        self.factor = POWERS if powers_only else st.one_of(POWERS, FACTORS)

    def add(self, kind, **fields):
        try:
            layer = kind(f"{kind.__name__.lower()}_{len(self.layers) + 1}", **fields)
            self.signal = layer.signal(self.signal)
        except NetworkError:
            reject()  # out of the range of fixed point, such as a multiplier that overflows
        self.layers.append(layer)

    def chance(self, one_in=2):
        return self.draw(st.integers(1, one_in)) == one_in  # shrinks to no

    def per_channel(self, elements, n, one_in=2):
        """One number, or one per channel."""
        if self.chance(one_in):
            return np.array(self.draw(st.lists(elements, min_size=n, max_size=n)))
        return self.draw(elements)

    def network(self):
        try:
            return Network("random", self.shape, tuple(self.layers), self.format, self.step)
        except NetworkError:
            reject()

    def dense(self, weight_formats, bias):
        """One or two weight terms, with a zero row now and then, and a bias."""
        n_in, n_out = self.signal.size, self.draw(st.sampled_from((3, 1, 4, 7, 2, 5, 8)))
        terms = [self.weight(n_in, n_out, self.draw(weight_formats)) for _ in range(2 if self.chance(4) else 1)]
        declared = self.draw(st.sampled_from((None, None, None, 32, 48)))
        self.add(Dense, terms=tuple(terms), bias=bias(n_out), accumulator=declared)

    def weight(self, n_in, n_out, format):
        code = self.draw(code_arrays(format, (n_in, n_out)))
        if n_in > 1 and format.kind != "binary" and self.chance(3):
            code[self.draw(st.integers(0, n_in - 1))] = 0
        scale = self.per_channel(self.factor, n_out, 3) if self.chance() or not format.is_real else 1.0
        return Weight(code, format, scale)

    def affine(self):
        n = self.signal.shape[0]
        scale = st.one_of(self.factor, self.factor.map(lambda factor: -factor))
        # offsets of integers are of the order of the signal
        size = 1.0 if self.signal.format.is_real else self.signal.bound * self.signal.step.max() / 64
        offset = REALS.map(lambda real: real * size)
        if self.chance():
            parameters = (self.draw(st.lists(each, min_size=n, max_size=n)) for each in (scale, offset))
        else:
            parameters = self.draw(scale), self.draw(offset)
        fields = dict(zip(("scale", "offset"), map(np.array, parameters), strict=True))
        self.add(Affine, multiplier_bit_width=self.draw(st.sampled_from((16, 8))), **fields)

    def quantize(self, per_channel=False):
        """To a narrow format; the ratio of steps is 1, a power of two or neither, and some codes saturate."""
        n, step, bound = self.signal.shape[0], self.signal.step, self.signal.bound
        format = self.draw(integer_formats())
        if not per_channel:
            step = step.flat[0]  # weight scales per channel then give a ratio per channel
        if not per_channel and self.chance(4):
            ratio = 1.0
        else:  # such that the codes' range is about that of the signal, or narrower
            fit = 2.0 ** np.round(np.log2((format.highest + 1) / (bound / 3 + 1)))
            ratio = fit * (self.per_channel(self.factor, n) if per_channel else self.draw(self.factor))
        self.add(
            Quantize,
            scale=ratio / step,
            bit_width=format.bit_width,
            signed=format.signed,
            narrow_range=format.narrow_range,
            zero_point=self.draw(_codes(format)) if self.chance(4) else 0,
            rounding=self.draw(st.sampled_from(("half_up", "half_even", "floor"))),
            multiplier_bit_width=self.draw(st.sampled_from((16, 8, 4))),
        )


def integer_formats():
    """Integer formats of one to eight bits: signed or not, of narrow range or not."""
    # from one bit, whose signed codes are -1 and 0
    return st.builds(
        lambda width, signed, narrow: NumberFormat("integer", width, signed, signed and narrow and width > 1),
        st.sampled_from((4, 3, 5, 2, 8, 1)),
        st.booleans(),
        st.booleans(),
    )


def weight_formats():
    """Formats of weights that are codes, with an unsigned one now and then."""
    powers_of_two = st.integers(2, 4).map(lambda width: NumberFormat("power-of-two", width))
    return st.one_of(integer_formats(), st.just(BINARY), st.just(TERNARY), powers_of_two)


def _codes(format):
    """Codes of a format, the extreme ones often."""
    return st.one_of(st.sampled_from(_all_codes(format)), st.sampled_from(_extremes(format)))


def _extremes(format):
    codes = _all_codes(format)
    return min(codes), max(codes)


def _all_codes(format):
    """Every code of a format, zero first if it has one; of powers of two only the small ones, for speed."""
    if format.kind == "binary":
        return [-1, 1]
    if format.kind == "power-of-two":
        return [0, *(sign * 2**exponent for exponent in range(min(format.highest.bit_length(), 6)) for sign in (1, -1))]
    return sorted(range(format.lowest, format.highest + 1), key=abs)


@st.composite
def networks(draw, binary_inputs=True):
    """Integer networks: all executions agree on them to the bit.

    Parameters
    ----------
    binary_inputs : bool
        Whether some take codes declared to be plus or minus one.
    """
    real_input = draw(st.integers(1, 3)) == 3
    formats = st.one_of(integer_formats(), st.just(BINARY)) if binary_inputs else integer_formats()
    powers_only = draw(st.booleans())
    build = _Builder(
        draw,
        draw(st.sampled_from(SHAPES)),
        FP32 if real_input else draw(formats),
        1.0 if real_input else draw(POWERS if powers_only else st.one_of(POWERS, FACTORS)),
        powers_only,
    )
    if flatten_first := build.chance():
        _flatten(build)
    if real_input or build.chance(4):
        if build.chance(4):
            build.affine()
        build.quantize()
        if build.chance(4):
            build.add(ReLU)
    if not flatten_first:
        _flatten(build)
    n_layer = draw(st.integers(1, 3))
    for k in range(n_layer):
        last = k == n_layer - 1
        biases = st.one_of(st.just(0), st.integers(-20, 20))
        build.dense(weight_formats(), lambda n_out, codes=biases: draw(arrays(np.int64, n_out, elements=codes)))
        if build.chance():
            build.add(ReLU)
        if build.chance(4):
            build.affine()
            if build.chance():
                build.add(ReLU)
        if last and build.chance():
            continue
        # small sums may go on as they are
        if last or build.signal.step.ndim or build.signal.bound > LARGEST_SUM or not build.chance(3):
            build.quantize(per_channel=last and build.chance())
            if build.chance(4):
                build.add(ReLU)
    return build.network()


def _flatten(build):
    if len(build.signal.shape) > 1 or build.chance(4):
        build.add(Flatten)


@st.composite
def real_networks(draw):
    """Networks with real arithmetic in them: dense and sparse agree to the bit, delta within rounding."""
    build = _Builder(draw, draw(st.sampled_from(SHAPES)), FP32)
    if build.chance(4):
        build.affine()
    if build.chance(4):
        build.quantize(per_channel=build.chance())
    _flatten(build)
    real_bias = st.one_of(st.just(0.0), REALS)
    for _ in range(draw(st.integers(1, 3))):
        formats = st.one_of(st.just(FP32), weight_formats())
        # codes of a step per input can only meet real weights
        if build.signal.step.ndim:
            formats = st.just(FP32)
        start = len(build.layers)
        build.dense(formats, _either_bias(build, real_bias))
        assert len(build.layers) == start + 1
        if build.chance():
            build.add(ReLU)
        if build.chance(4):
            build.affine()
        # wide sums of integers would keep the reference adding for long
        too_wide = not build.signal.format.is_real and build.signal.bound > LARGEST_SUM
        if too_wide or build.chance(4):
            build.quantize(per_channel=build.chance())
    network = build.network()
    if network.is_integer:  # all turned out quantized before the first weight
        reject()
    return network


def _either_bias(build, real_bias):
    """Real values or silence; integer weights that meet codes, which need codes for a bias, get silence."""
    if not build.signal.format.is_real or build.chance(3):
        return lambda n_out: None
    return lambda n_out: build.draw(arrays(np.float32, n_out, elements=real_bias.map(np.float32)))


@st.composite
def inputs_for(draw, network, max_frame=6):
    """Frames for a network: new ones, repeated, hardly changed, all zero, all extreme. (n_frame, *input_shape)

    A network of codes gets them as int64. A real one gets float32 values, or uint8 codes of step 1.
    """
    format = network.input_format
    if format.is_real and draw(st.integers(1, 3)) == 3:
        format, dtype = NumberFormat("integer", 8, signed=False), np.uint8
    else:
        dtype = np.float32 if format.is_real else np.int64
    codes = REALS if format.is_real else _codes(format)
    new_frames = code_arrays(format, network.input_shape)
    frames = [draw(new_frames).astype(dtype)]
    n_frame = draw(st.sampled_from(range(max_frame, 0, -1)))
    for _ in range(n_frame - 1):
        what = draw(st.sampled_from(("new", "nudged", "same", "zero", "extreme")))
        frame = frames[-1].copy()
        if what == "new":
            frame = draw(new_frames).astype(dtype)
        elif what == "nudged":
            frame.flat[draw(st.integers(0, frame.size - 1))] = draw(codes)
        elif what == "zero" and format.kind != "binary":
            frame[:] = 0
        elif what == "extreme":
            extremes = (-8, 8) if format.is_real else (format.lowest, format.highest)
            frame[:] = draw(st.sampled_from(extremes))
        frames.append(frame)
    return np.stack(frames)
