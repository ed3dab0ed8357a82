"""Hypothesis strategies: small random networks of every kind that there is, and inputs that provoke them.

`networks` and `real_networks` are chains of Dense; `convolutional_networks` and `real_convolutional_networks` graphs
of images.

Sizes and widths are small, so that the scalar reference walks a network in milliseconds, and so that saturation,
zero rows, ties of rounding and extreme codes happen often.
"""

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    ELU,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Divide,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    LeakyReLU,
    LogSoftmax,
    MaxPool2d,
    Multiply,
    MultiThreshold,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
    Weight,
)
from hwsim.network.number_format import FP32, NumberFormat
from hwsim.network.signals import Signal

SHAPES = ((3,), (1,), (2,), (4,), (5,), (6,), (7,), (1, 2, 2), (2, 1, 3), (2, 2, 2))
IMAGES = (
    (1, 3, 3),
    (2, 3, 3),
    (3, 2, 3),
    (1, 5, 4),
    (2, 4, 5),
    (4, 2, 2),
    (3, 3, 4),
    (1, 1, 1),
    (4, 1, 3),
    (2, 5, 5),
)
LARGEST_IMAGE = 80  # numbers of a signal that more convolutions may follow
LARGEST_DRAWN = 32  # elements of an image or kernel that are drawn one by one
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
            code = generator.normal(size=shape).astype(np.float32)
        else:
            code = generator.choice(_all_codes(format), shape).astype(np.int64)
        if is_large and format.kind != "binary":
            code[generator.random(shape) < (seed % 4) / 4] = 0  # holes
        return code

    # drawn one by one, large images and kernels would take longer to make than to compute with
    is_large = len(shape) > 2 and np.prod(shape) > LARGEST_DRAWN
    from_seed = st.integers(1, 2**32 - 1).map(seeded)
    return from_seed if is_large else st.one_of(arrays(dtype, shape, elements), from_seed)


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
        terms = self.weights((n_in, n_out), n_out, weight_formats)
        self.add(Dense, terms=terms, bias=bias(n_out), accumulator=self.accumulator())

    def accumulator(self):
        return self.draw(st.sampled_from((None, None, None, 32, 48)))

    def weights(self, shape, n_out, weight_formats):
        return tuple(self.weight(shape, n_out, self.draw(weight_formats)) for _ in range(2 if self.chance(4) else 1))

    def weight(self, shape, n_out, format):
        code = self.draw(code_arrays(format, shape))
        by_input = code if len(shape) == 2 else code.swapaxes(0, 1)
        if len(by_input) > 1 and format.kind != "binary" and self.chance(3):
            by_input[self.draw(st.integers(0, len(by_input) - 1))] = 0
        scale = self.per_channel(self.factor, n_out, 3) if self.chance() or not format.is_real else 1.0
        if format.kind == "integer" and self.chance(4):  # codes around a zero point, less which they are held
            zero_point = self.per_channel(st.integers(format.lowest, format.highest), n_out, 3)
            beside = zero_point if len(shape) == 2 or not np.ndim(zero_point) else zero_point[:, None, None, None]
            return Weight(code.astype(np.int64) - beside, format, scale, zero_point)
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
            offset=self.offset(n),
        )

    def offset(self, n):
        """A constant before rounding, now and then, for all channels or for each; some are a tie's half."""
        number = REALS.map(lambda real: round(real * 8) / 4 if real > 0 else real)
        if self.chance(3):
            return 0.0
        return np.array(self.draw(st.lists(number, min_size=n, max_size=n))) if self.chance() else self.draw(number)


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


class _Graph(_Builder):
    """Layers that may read any signal made before; the tip is the one made last."""

    def __init__(self, draw, shape, format, step=1.0, powers_only=False, exact=True):
        super().__init__(draw, shape, format, step, powers_only)
        self.signals, self.tip, self.exact = {INPUT: self.signal}, INPUT, exact
        self.n_convolution = draw(st.integers(1, 3))

    @property
    def is_image(self):
        return len(self.signal.shape) == 3

    def add(self, kind, inputs=None, **fields):
        inputs = tuple(inputs or (self.tip,))
        try:
            layer = kind(f"{kind.__name__.lower()}_{len(self.layers) + 1}", inputs=inputs, **fields)
            signal = layer.signal(*(self.signals[name] for name in inputs))
        except NetworkError:
            reject()
        self.layers.append(layer)
        self.signals[layer.name] = signal
        self.go_to(layer.name)

    def go_to(self, name):
        self.tip, self.signal = name, self.signals[name]

    def bias(self, n_out):
        if self.chance(4):
            return None
        if not self.signal.format.is_real:  # codes may meet integer weights, which need codes for a bias
            return self.draw(arrays(np.int64, n_out, elements=st.integers(-20, 20))) if self.exact else None
        return self.draw(arrays(np.float32, n_out, elements=st.one_of(st.just(0.0), REALS).map(np.float32)))

    def formats(self):
        """Formats of weights that may read the tip."""
        if self.exact:
            return weight_formats()
        # codes of a step per input can only meet real weights
        return st.just(FP32) if self.signal.step.ndim else st.one_of(st.just(FP32), weight_formats())

    def settle(self, one_in=2):
        """Narrow codes of one step, as weights can read them; sums that are small may stay."""
        if not self.signal.format.is_real:
            if self.signal.bound > LARGEST_SUM or (self.exact and self.signal.step.ndim) or self.chance(one_in):
                self.quantize()
        elif self.exact or self.chance(4):
            self.draw(st.sampled_from((self.quantize, self.quantize, self.sign, self.thresholds)))()

    # layers

    def convolution(self, n_out=None, same_size=False):
        n_in, *size = self.signal.shape
        divisors = [n for n in (1, 2, 3, 4) if n_in % n == 0 and (n_out or n) % n == 0]
        n_group = self.draw(st.sampled_from((*divisors, divisors[-1])))  # the last one is depthwise
        n_out = n_out or n_group * self.draw(st.sampled_from((1, 2, 3) if n_group == 1 else (1, 2)))
        axes = [self.draw(same_axes() if same_size else convolution_axes(n)) for n in size]
        kernel, stride, padding, dilation = zip(*axes, strict=True)
        terms = self.weights((n_out, n_in // n_group, *kernel), n_out, self.formats())
        self.add(
            Conv2d,
            terms=terms,
            bias=self.bias(n_out),
            accumulator=self.accumulator(),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=n_group,
        )

    def dense_layer(self):
        self.dense(self.formats(), self.bias)

    def pool(self):
        """A pooling that the tip allows."""
        kernel, stride, padding = zip(*(self.draw(pooling_axes(n)) for n in self.signal.shape[1:]), strict=True)
        geometry = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": self.chance(3)}
        kinds = (MaxPool2d,) if self.exact and self.signal.format.is_real else (MaxPool2d, AvgPool2d)
        if self.draw(st.sampled_from(kinds)) is MaxPool2d:
            self.add(MaxPool2d, **geometry)
            return
        if not self.signal.format.is_real:  # means of codes want windows of one size
            geometry["ceil_mode"] = False
        self.add(AvgPool2d, **geometry, count_include_pad=not self.signal.format.is_real or self.chance())

    def pad(self):
        """A border of zero, or of a code that the tip may have."""
        sides = st.tuples(st.integers(0, 1), st.integers(0, 2))
        format, step = self.signal.format, self.signal.step
        codes = (0.0, 1.0, -2.5) if format.is_real else (0, 1, max(-3, format.lowest - self.signal.zero_point))
        if format.kind == "binary":
            codes = (-1, 1)
        value = 0.0 if step.ndim else self.draw(st.sampled_from(codes)) * float(step)
        self.add(Pad2d, padding=(self.draw(sides), self.draw(sides)), value=value)

    def rearrange(self):
        """Axes in another order, or another shape around them; an image stays one."""
        order = self.draw(st.sampled_from(((), (0, 2, 1), (1, 2, 0), (2, 1, 0))))
        shape = [self.signal.shape[axis] for axis in order or (0, 1, 2)]
        if self.chance(3):
            shape = [shape[1], shape[0] * shape[2], 1] if self.chance() else [shape[0] * shape[1], 1, shape[2]]
        self.add(Rearrange, order=order, shape=tuple(shape))

    def thresholds(self):
        """Thresholds of which some are met exactly; codes around zero, around a zero point, or of one sign."""
        n, unit = self.signal.shape[0], float(self.signal.step.flat[0])
        reach = 8 if self.signal.format.is_real else max(2, min(self.signal.bound, 200))
        n_row = n if self.chance() else 1
        n_threshold = self.draw(st.sampled_from((3, 1, 2, 7, 4, 20)))
        halves = st.integers(-2 * reach, 2 * reach).map(lambda half: half / 2 * unit)
        ends = st.one_of(halves, halves, halves, st.sampled_from((-np.inf, np.inf)))
        rows = [sorted(self.draw(st.lists(ends, min_size=n_threshold, max_size=n_threshold))) for _ in range(n_row)]
        scale = self.draw(self.factor)
        start = self.draw(st.sampled_from((0, -n_threshold // 2, -n_threshold, 2)))
        offset = -scale / 2 if n_threshold == 1 and self.chance() else start * scale
        self.add(MultiThreshold, thresholds=np.array(rows), scale=scale, offset=offset)

    def product(self):
        """The tip times what is made of it, itself, or a gate for each channel; or of real numbers a quotient."""
        base = self.tip
        real = self.signal.format.is_real
        if not real and (self.signal.format.bit_width > 8 or self.signal.bound > 2**10):
            self.quantize()
            base = self.tip
        other = base
        if self.is_image and self.chance():
            self.add(MaxPool2d, kernel=self.signal.shape[1:])  # a gate for each channel
            other = self.tip
            if self.chance():
                self.add(Flatten)
                other = self.tip
        elif self.chance():
            other = self.branch(base)
            if self.signals[other].format.is_real != real:
                reject()
            if not real and self.signal.bound > 2**10:
                self.quantize()
                other = self.tip
        kind = Divide if real and self.chance(3) else Multiply
        if kind is Divide:  # by nothing near zero
            self.go_to(other)
            self.add(HardTanh, lowest=0.5, highest=np.inf)
            other = self.tip
        self.add(kind, inputs=self.draw(st.permutations([base, other])) if kind is Multiply else (base, other))

    def arrange(self):
        """Perhaps one of the layers that only say where numbers are."""
        if self.is_image and self.chance(4):
            self.draw(st.sampled_from((self.pad, self.rearrange)))()

    def sign(self):
        self.add(Sign)

    def hard_tanh(self):
        unit, lowest = float(self.signal.step.max()), [-1.0, -2.5]
        if self.signal.format.kind != "binary":  # of those, nothing may become zero
            lowest += [0.0, 0.5]
        lowest, highest = self.draw(st.sampled_from(lowest)) * unit, self.draw(st.sampled_from((1.0, 1.5, 4.0))) * unit
        open_end = self.draw(st.sampled_from(("none", "none", "lowest", "highest")))
        lowest, highest = (-np.inf if open_end == "lowest" else lowest), (np.inf if open_end == "highest" else highest)
        self.add(HardTanh, lowest=lowest, highest=highest)

    def leaky_relu(self):
        self.add(LeakyReLU, slope=self.draw(st.sampled_from((0.01, 0.25, -0.5, 3.0))))

    def curve(self):
        kind = self.draw(st.sampled_from((Sigmoid, Tanh, ELU)))
        self.add(kind, **({"alpha": 1.5, "scale": 1.25} if kind is ELU else {}))

    def activation(self):
        """None, one, or two of the layers that do something to one number."""
        for _ in range(self.draw(st.sampled_from((1, 0, 1, 2)))):
            self.draw(st.sampled_from(self.activations()))()

    def activations(self):
        """Layers that the tip may have: those that end in real numbers only where these are allowed."""
        kinds = (self.relu, self.hard_tanh, self.relu, self.sign, self.affine, self.thresholds)
        if self.exact:
            return kinds
        return (*kinds, self.curve, self.leaky_relu) if self.signal.format.is_real else (*kinds, self.curve)

    def relu(self):
        self.add(ReLU)

    # branches

    def branch(self, base, like=None):
        """From a signal to another of its shape (like: and of the codes of one): by weights, or number by number."""
        self.go_to(base)
        if self.chance(3):
            # a layer of the kind that is fused, on a signal with several readers
            self.draw(st.sampled_from(self.activations()))()
        elif self.is_image:
            self.convolution(self.signal.shape[0] if like is None else None, same_size=True)
        else:
            n_out, terms = self.signal.size, self.weights((self.signal.size,) * 2, self.signal.size, self.formats())
            self.add(Dense, terms=terms, bias=self.bias(n_out), accumulator=self.accumulator())
        if self.chance():
            self.relu()
        if like is None:
            if not self.signal.format.is_real:
                if self.chance(3):  # of the step of the base
                    self.narrow(8, scale=1 / self.signals[base].step)
                elif self.chance() or self.signal.bound > 2**15:
                    self.quantize(per_channel=self.chance(3))
        elif like.format.kind == "binary":
            self.sign()
        elif not like.format.is_real:
            step = like.step if self.chance() and not like.step.ndim else self.signal.step.flat[0] * self.draw(FACTORS)
            self.narrow(like.format.bit_width, like.format, like.zero_point, scale=1 / step)
        return self.tip

    def narrow(self, bit_width, format=None, zero_point=0, scale=1.0):
        signed, narrow = (format.signed, format.narrow_range) if format else (True, False)
        self.add(Quantize, scale=scale, bit_width=bit_width, signed=signed, narrow_range=narrow, zero_point=zero_point)

    def residual(self):
        """Add the tip and what is made of it; of equal or unequal steps."""
        base = self.tip
        branches = [self.branch(base) for _ in range(self.draw(st.sampled_from((1, 2))))]
        whole = [base] * self.draw(st.sampled_from((1, 0, 2) if len(branches) == 2 else (1, 2)))
        if len({self.signals[name].format.is_real for name in (*whole, *branches)}) > 1:
            reject()
        steps = np.concatenate([self.signals[name].step.ravel() for name in (*whole, *branches)])
        if steps.max() > 2**12 * steps.min():
            reject()  # in 16 bits nothing might be left of the finer one
        inputs = self.draw(st.permutations([*whole, *branches]))
        signs = [self.draw(st.sampled_from((1, -1))) for _ in inputs] if self.chance(3) else ()
        self.add(Add, inputs=inputs, signs=signs)

    def concatenation(self):
        """Put the tip and what is made of it one after the other, and perhaps all that again beside something else."""
        base = self.tip
        if self.signal.format.kind == "integer" and self.signal.format.bit_width > 8:
            self.quantize()
            base = self.tip
        like = self.signal
        inputs = [base, *(self.branch(base, like) for _ in range(self.draw(st.sampled_from((1, 2)))))]
        if self.chance(4):
            inputs.append(base)
        self.add(Concat, inputs=self.draw(st.permutations(inputs)))
        if self.chance(4):
            self.add(Concat, inputs=self.draw(st.permutations([self.tip, base])))

    # whole networks

    def blocks(self):
        """Convolutions with whatever may stand between them."""
        for k in range(self.n_convolution):
            self.arrange()
            self.convolution()
            self.activation()
            self.settle()
            what = self.draw(
                st.sampled_from(("nothing", "pool", "residual", "concatenation", "join both", "pool", "product"))
            )
            if what == "pool" and (self.exact is False or not self.signal.format.is_real):
                self.pool()
            if what == "product":
                self.product()
            if what in ("residual", "join both"):
                self.residual()
            if what == "join both":
                self.settle()
            if what in ("concatenation", "join both"):
                self.concatenation()
            if what != "nothing":
                if self.chance(3):
                    self.activation()
                if k + 1 < self.n_convolution:
                    self.settle(3)
            if self.chance(3):  # where others read it too
                self.arrange()
            if self.signal.size > LARGEST_IMAGE:
                break

    def finish(self):
        """Leave it as it is, or average or flatten it and read it by a Dense."""
        what = self.draw(st.sampled_from(("dense", "average", "nothing", "average and dense")))
        if "average" in what:
            self.add(GlobalAvgPool)
            if self.chance(3):
                self.activation()
        if "dense" in what:
            self.settle(3)
            self.add(Flatten)
            if self.chance(4):
                self.settle(1)
                self.draw(st.sampled_from((self.residual, self.concatenation)))()
                self.settle(3)
            self.dense_layer()
            self.activation()
            if not self.signal.format.is_real and self.chance():
                self.quantize(per_channel=self.chance())
        if self.chance(5):
            self.add(self.draw(st.sampled_from((Softmax, LogSoftmax))))


@st.composite
def convolution_axes(draw, size):
    """Kernel, stride, (before, after) and dilation on one axis, such that the kernel fits, with its padding."""
    kernel = draw(st.sampled_from((3, 2, 1, 3, 2, 4, 5)))
    dilation = draw(st.sampled_from((1, 1, 1, 2)))
    reach = dilation * (kernel - 1) + 1
    before = draw(st.integers(0, min(reach, 2)))
    after = draw(st.integers(0, min(reach - 1, 2)))
    missing = max(0, reach - size - before - after)
    return kernel, draw(st.sampled_from((1, 2, 1, 3))), (before, after + missing), dilation


def same_axes():
    """The same of kernels that keep the size."""
    return st.sampled_from(
        ((1, 1, (0, 0), 1), (3, 1, (1, 1), 1), (3, 1, (2, 0), 1), (2, 1, (0, 1), 1), (2, 1, (2, 0), 2))
    )


@st.composite
def pooling_axes(draw, size):
    """Kernel, stride and (before, after) of a pooling on one axis."""
    kernel = draw(st.sampled_from((2, 3, 1, 2)))
    before, after = draw(st.integers(0, kernel // 2)), draw(st.integers(0, kernel // 2))
    if size + before + after < kernel:
        kernel, before, after = size, 0, 0
    return kernel, draw(st.sampled_from((2, 1, 2, 3))), (before, after)


@st.composite
def convolutional_networks(draw):
    """Integer networks of images, with branches: all executions agree on them to the bit."""
    real_input = draw(st.integers(1, 3)) == 3
    powers_only = draw(st.booleans())
    build = _Graph(
        draw,
        draw(st.sampled_from(IMAGES)),
        FP32 if real_input else draw(st.one_of(integer_formats(), st.just(BINARY))),
        1.0 if real_input else draw(POWERS if powers_only else st.one_of(POWERS, FACTORS)),
        powers_only,
    )
    if real_input:
        if build.chance(4):
            build.pool()  # the largest of real numbers is exact too
        if build.chance(4):
            build.affine()
        if build.chance(4):  # the same numbers, coarse and fine
            base = build.tip
            build.quantize()
            coarse = build.tip
            build.go_to(base)
            build.quantize()
            build.add(Add, inputs=(coarse, build.tip))
        build.settle()
    elif build.chance(4):
        build.draw(st.sampled_from((build.quantize, build.residual, build.pool, build.concatenation)))()
    build.settle(4)
    build.blocks()
    build.finish()
    network = build.network()
    assert network.is_integer
    return network


@st.composite
def real_convolutional_networks(draw):
    """The same with real arithmetic in them: dense and sparse agree to the bit, delta within rounding."""
    build = _Graph(draw, draw(st.sampled_from(IMAGES)), FP32, exact=False)
    if build.chance(3):
        build.draw(st.sampled_from((build.affine, build.quantize, build.pool, build.residual, build.concatenation)))()
    build.blocks()
    build.finish()
    network = build.network()
    if network.is_integer:
        reject()
    return network


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
