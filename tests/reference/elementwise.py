"""Frames of numbers between layers, and the layers fused into others: one number in, one number out."""

import itertools
import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from reference.number import BINARY, FP32, ZERO, Number, is_power_of_two, nearest_even, partial_sum, signed_width
from reference.tally import Meter


@dataclass(frozen=True)
class Tensor:
    """A frame of numbers between two layers."""

    number: Number  # of a code
    shape: tuple[int, ...]
    step: list[float]  # of each element; a real tensor's are 1
    n_step: int = 0  # steps that are stored: of each channel one, however many elements it has; 0: all share one
    bound: int = 0  # largest |code - zero point|

    @property
    def size(self):
        return math.prod(self.shape)

    def spread(self, parameter) -> list[float]:
        """One number, or one per channel, for each element in C order."""
        parameter = np.asarray(parameter, np.float64)
        if parameter.ndim == 0:
            return [float(parameter)] * self.size
        return [float(each) for each in parameter for _ in range(self.size // self.shape[0])]


def real_tensor(shape, *numbers: Number) -> Tensor:
    """Real numbers, as wide as the widest of those that they are made of; of codes alone, 32 bits."""
    real = sorted((number for number in numbers if number.is_real), key=lambda number: -number.n_bit)
    return Tensor(real[0] if real else FP32, tuple(shape), [1.0] * math.prod(shape))


def concatenated(tensors: list[Tensor]) -> Tensor:
    """Tensors one after the other along the first axis, which in C order is one after the other."""
    first = tensors[0]
    step = [each for tensor in tensors for each in tensor.step]
    return Tensor(
        first.number,
        (sum(tensor.shape[0] for tensor in tensors), *first.shape[1:]),
        step,
        sum(tensor.n_step or tensor.shape[0] for tensor in tensors) if any(each != step[0] for each in step) else 0,
        max(tensor.bound for tensor in tensors),
    )


class Trace:
    """What element-wise layers leave behind of one element."""

    def __init__(self):
        self.value = None
        self.code = {}  # by name of the Quantize: (place, code)
        self.place = None  # of the value among those that leave
        self.n_saturated = 0


class Elementwise:
    """A fused layer. Its work is counted in the format of the number it reads."""

    n_parameter = 0  # channels with parameters of their own
    parameter_bits = 0  # of one channel

    def n_factor(self, factor) -> int:
        """Factors that are stored: the layer's own, or one for each step that they make up for."""
        return self.source.shape[0] if np.ndim(factor) else self.source.n_step

    def __init__(self, layer, source: Tensor, before: "Elementwise | None" = None):
        self.name, self.source, self.tensor = layer.name, source, source
        self.before = before  # the layer fused before this one
        self.operand = source.number.operand

    def apply(self, meter: Meter, element: int, value, trace: Trace):
        raise NotImplementedError

    def place(self, element: int) -> int:
        """Where what is made of an element lies."""
        return element


class Flatten(Elementwise):
    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.tensor = Tensor(source.number, (source.size,), source.step, source.n_step, source.bound)

    def apply(self, meter, element, value, trace):
        return value


class Rearrange(Elementwise):
    """Axes in another order, and another shape around them: every element by its coordinates."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        order = layer.order or tuple(range(len(source.shape)))
        moved = [source.shape[axis] for axis in order]
        self.goes_to, step = {}, []
        for place, there in enumerate(itertools.product(*(range(n) for n in moved))):
            here = [there[order.index(axis)] for axis in range(len(order))]
            element = 0
            for coordinate, n in zip(here, source.shape, strict=True):
                element = element * n + coordinate
            self.goes_to[element] = place
            step.append(source.step[element])
        shape = tuple(layer.shape or moved)
        self.tensor = replace(source, shape=shape, step=step, n_step=min(source.n_step, shape[0]))

    def apply(self, meter, element, value, trace):
        return value

    def place(self, element):
        return self.goes_to[element]


class ReLU(Elementwise):
    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        if source.number.kind == "binary":  # -1 becomes 0, which no binary code is
            self.tensor = replace(source, number=Number("integer", 1, False))

    def apply(self, meter, element, value, trace):
        return value if meter.exceeds(value, 0, self.operand) else type(value)(0)


class Sign(Elementwise):
    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.tensor = Tensor(BINARY, source.shape, [1.0] * source.size, bound=1)

    def apply(self, meter, element, value, trace):
        return 1 if meter.reaches(value, 0, self.operand) else -1


class HardTanh(Elementwise):
    """min(max(x, lowest), highest); codes go no further than the outermost ones within the limits."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.has_lowest, self.has_highest = layer.lowest != -math.inf, layer.highest != math.inf
        if source.number.is_real:
            self.lowest = [np.float32(layer.lowest)] * source.size
            self.highest = [np.float32(layer.highest)] * source.size
            return
        self.lowest, self.highest = [-math.inf] * source.size, [math.inf] * source.size
        if self.has_lowest:
            self.lowest = [math.ceil(layer.lowest / step) for step in source.step]
        if self.has_highest:
            self.highest = [math.floor(layer.highest / step) for step in source.step]
        limits = zip(self.lowest, self.highest, strict=True)
        ends = [min(max(end, low), high) for low, high in limits for end in (-source.bound, source.bound)]
        self.tensor = replace(source, bound=max(map(abs, ends)))

    def apply(self, meter, element, value, trace):
        lowest, highest = self.lowest[element], self.highest[element]
        # the ReLU before it has compared with the lower limit already: the two clip together
        is_compared = self.has_lowest and not isinstance(self.before, ReLU)
        below = meter.exceeds(lowest, value, self.operand) if is_compared else value < lowest
        above = self.has_highest and meter.exceeds(value, highest, self.operand)
        return lowest if below else highest if above else value


class LeakyReLU(Elementwise):
    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.slope = np.float32(layer.slope)

    def apply(self, meter, element, value, trace):
        leaked = meter.multiply(value, self.slope, self.operand, self.operand)  # whether or not it is taken
        return value if meter.reaches(value, 0, self.operand) else leaked


class Wrap(Elementwise):
    """The lowest bits of whole numbers: wires that lead nowhere, so that nothing is counted."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        number = Number("integer", layer.bit_width, layer.signed)
        self.lowest, self.n_code = number.range[0], 2**number.n_bit
        self.tensor = replace(source, number=number, bound=max(map(abs, number.range)))

    def apply(self, meter, element, value, trace):
        while value < self.lowest:
            value += self.n_code
        while value >= self.lowest + self.n_code:
            value -= self.n_code
        return value


class Curve(Elementwise):
    """A function that no arithmetic unit has: one operation of its own name."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.tensor = real_tensor(source.shape, source.number)

    def apply(self, meter, element, value, trace):
        exact = float(value) * self.source.step[element]
        return np.float32(meter.curve(self.operation, self.function, exact, self.operand))


class Sigmoid(Curve):
    operation = "sigmoid"

    @staticmethod
    def function(x):
        return 0.0 if x < -300 else 1.0 / (1.0 + math.exp(-x))  # below, no float32 is as small


class Tanh(Curve):
    operation = "tanh"
    function = staticmethod(math.tanh)


class ELU(Curve):
    operation = "elu"

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.alpha, self.scale = layer.alpha, layer.scale

    def function(self, x):
        return self.scale * (x if x >= 0 else self.alpha * math.expm1(x))


class Affine(Elementwise):
    """scale x value + offset; on integers with fixed-point parameters that share one shift."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.scale, self.offset = source.spread(layer.scale), source.spread(layer.offset)
        self.multiplier_operand, multiplier_bits, offset_bits = self.operand, source.number.n_bit, source.number.n_bit
        self.sum_operand = self.operand
        if not source.number.is_real:
            multiplier_bits = layer.multiplier_bit_width
            self.multiplier_operand = f"int{multiplier_bits}"
            factors = [scale * step for scale, step in zip(self.scale, source.step, strict=True)]
            largest = max(map(abs, factors))
            shift = multiplier_bits - 1 - math.frexp(largest)[1]
            if nearest_even(math.ldexp(largest, shift)) == 2 ** (multiplier_bits - 1):
                shift -= 1
            self.multiplier = [nearest_even(math.ldexp(factor, shift)) for factor in factors]
            self.offset = [nearest_even(math.ldexp(offset, shift)) for offset in self.offset]
            product, largest = source.bound * max(map(abs, self.multiplier)), max(map(abs, self.offset))
            bound = max(source.bound * abs(m) + abs(o) for m, o in zip(self.multiplier, self.offset, strict=True))
            self.tensor = Tensor(partial_sum(bound), source.shape, [2.0**-shift] * source.size, bound=bound)
            self.sum_operand, offset_bits = partial_sum(max(product, largest)).operand, signed_width(largest)
        # of each channel is stored what is its own
        if n_factor := self.n_factor(layer.scale):
            self.n_parameter, self.parameter_bits = n_factor, multiplier_bits
        if np.ndim(layer.offset):
            self.n_parameter, self.parameter_bits = source.shape[0], self.parameter_bits + offset_bits
        self.tensor = replace(self.tensor, n_step=0)  # scales that waited have been taken along

    def apply(self, meter, element, value, trace):
        if self.source.number.is_real:
            scale, offset = np.float32(self.scale[element]), np.float32(self.offset[element])
        else:
            scale, offset = self.multiplier[element], self.offset[element]
        product = meter.multiply(value, scale, self.operand, self.multiplier_operand)
        return meter.add(product, offset, self.sum_operand)


class Quantize(Elementwise):
    """clip(round(value x scale + offset) + zero point), and back to centred codes."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        self.scale = source.spread(layer.scale)
        self.rounding, self.zero_point = layer.rounding, int(layer.zero_point)
        code = Number("integer", layer.bit_width, layer.signed, layer.narrow_range)
        self.lowest, self.highest = code.range
        self.multiplier_operand, multiplier_bits = self.operand, source.number.n_bit
        self.offset = source.spread(layer.offset)
        self.adds = bool(np.ndim(layer.offset)) and any(self.offset)  # else it is wired in, beside the half
        self.sum_operand, constant_bits = self.operand, source.number.n_bit
        if source.number.is_real:
            self.ratio = "multiply"
        else:
            multiplier_bits = layer.multiplier_bit_width
            self.multiplier_operand = f"int{multiplier_bits}"
            self._fixed_point([step * scale for step, scale in zip(source.step, self.scale, strict=True)], layer)
            factor, largest = self._largest()
            self.sum_operand = partial_sum(max(source.bound * factor, largest)).operand
            constant_bits = signed_width(largest)
        if self.ratio == "multiply" and self.n_factor(layer.scale):
            self.n_parameter, self.parameter_bits = self.n_factor(layer.scale), multiplier_bits
        if self.adds:
            self.n_parameter, self.parameter_bits = source.shape[0], self.parameter_bits + constant_bits
        self.tensor = Tensor(
            code,
            source.shape,
            [1.0 / scale for scale in self.scale],
            source.shape[0] if np.ndim(layer.scale) else 0,
            max(self.highest - self.zero_point, self.zero_point - self.lowest),
        )

    def _fixed_point(self, ratios, layer):
        """A shift when all ratios are powers of two, else a multiplier and a shift, for each element."""
        if all(is_power_of_two(ratio) for ratio in ratios):
            self.multiplier = None
            self.shift = [1 - math.frexp(ratio)[1] for ratio in ratios]
            # codes that are counted from elsewhere stay what they were
            moves = any(self.offset) and (np.ndim(layer.offset) or self.offset[0] % 1)
            self.ratio = "shift" if any(self.shift) or moves else "none"
            return
        self.ratio, self.multiplier, self.shift = "multiply", [], []
        for ratio in ratios:
            shift = layer.multiplier_bit_width - 1 - math.frexp(ratio)[1]
            if nearest_even(math.ldexp(ratio, shift)) == 2 ** (layer.multiplier_bit_width - 1):
                shift -= 1  # a mantissa that rounded up to one
            self.multiplier.append(nearest_even(math.ldexp(ratio, shift)))
            self.shift.append(shift)

    def _largest(self) -> tuple[int, int]:
        """The largest factor, and the largest constant that is stored, with the half that rounds."""
        factors, constants = [1], [0]
        for element, (offset, shift) in enumerate(zip(self.offset, self.shift, strict=True)):
            if self.ratio == "multiply":
                places, factor = max(shift, 0), self.multiplier[element] << max(-shift, 0)
                constant = nearest_even(math.ldexp(offset, places))
            else:  # two bits below the last of the code, of which the lower says whether there is a rest
                places = max(shift, 0) + 2
                factor, exact = 1 << places - shift, Fraction(offset) * 2**places
                constant = math.floor(exact) | (exact != math.floor(exact))
            half = 1 << places - 1 if places and self.rounding != "floor" else 0
            factors.append(factor)
            constants.append(abs(constant + half))
        return max(factors), max(constants)

    def apply(self, meter, element, value, trace):
        code = self._round(meter, element, value) + self.zero_point
        kept = min(max(code, self.lowest), self.highest)
        trace.n_saturated += kept != code
        trace.code[self.name] = element, kept - self.zero_point
        return kept - self.zero_point

    def _round(self, meter, element, value):
        if self.ratio == "none":
            return value + int(self.offset[element])
        if self.source.number.is_real:
            scaled = meter.multiply(float(value), self.scale[element], self.operand, self.operand)
            return meter.shift_right(self._with(meter, scaled, self.offset[element]), 0, self.rounding, self.operand)
        offset, shift = self.offset[element], self.shift[element]
        if self.ratio == "multiply":
            value = meter.multiply(value, self.multiplier[element], self.operand, self.multiplier_operand)
            value = self._with(
                meter, value, nearest_even(math.ldexp(offset, max(shift, 0))) * Fraction(2) ** min(shift, 0)
            )
        elif offset or self.adds:
            value = self._with(meter, value, Fraction(offset) * Fraction(2) ** shift)
        # half-up's one half rides on the bias, so the shift is all there is
        return meter.shift_right(value, shift, self.rounding, self.operand)

    def _with(self, meter, value, constant):
        return meter.add(value, constant, self.sum_operand) if self.adds else value + constant


class MultiThreshold(Elementwise):
    """How many thresholds a number reaches; all are tried."""

    def __init__(self, layer, source, before=None):
        super().__init__(layer, source, before)
        thresholds = [[float(t) for t in row] for row in layer.thresholds]
        n_threshold, n_position = len(thresholds[0]), source.size // source.shape[0]
        rows = thresholds if len(thresholds) > 1 else thresholds * source.shape[0]
        self.levels = []  # of each element
        for element in range(source.size):
            row, step = rows[element // n_position], Fraction(source.step[element])
            if source.number.is_real:
                self.levels.append(row)
            elif element % n_position:
                self.levels.append(self.levels[-1])
            else:
                self.levels.append([t if math.isinf(t) else math.ceil(Fraction(t) / step) for t in row])
        self.n_parameter = source.shape[0] if len(thresholds) > 1 else source.n_step
        self.parameter_bits = n_threshold * self._bits()
        self.rise, step = 1, layer.scale
        if n_threshold == 1 and layer.offset == -layer.scale / 2:
            self.start, self.rise, step, number = -1, 2, layer.scale / 2, BINARY
        else:
            self.start = round(Fraction(layer.offset) / Fraction(layer.scale))
            number = self._number(n_threshold)
        codes = [self.start + self.rise * k for k in range(n_threshold + 1)]
        self.tensor = Tensor(number, source.shape, [step] * source.size, bound=max(map(abs, codes)))

    def _bits(self) -> int:
        """Of a stored threshold: enough for the largest, and for the signal's own numbers enough for all."""
        if self.source.number.is_real:
            return self.source.number.n_bit
        most = self.source.number.n_bit
        for n_bit in range(1, most):
            if all(abs(level) < 2 ** (n_bit - 1) for row in self.levels for level in row):
                return n_bit
        return most

    def _number(self, n_threshold: int) -> Number:
        """The narrowest that holds all codes; one without a sign if it is narrower, around a zero point of its own."""
        codes = range(self.start, self.start + n_threshold + 1)
        for n_bit in range(1, 65):
            for signed in (False, True):
                lowest, highest = Number("integer", n_bit, signed).range
                if lowest <= codes[0] and codes[-1] <= highest:
                    return Number("integer", n_bit, signed)
            if 0 in codes and n_threshold < 2**n_bit:
                return Number("integer", n_bit, False)
        raise AssertionError("the network should have been refused")

    def apply(self, meter, element, value, trace):
        number = float(value) if self.source.number.is_real else value
        reached = [meter.reaches(number, level, self.operand) for level in self.levels[element]]
        return self.start + self.rise * sum(reached)


KINDS = (Flatten, Rearrange, ReLU, LeakyReLU, Sign, HardTanh, Sigmoid, Tanh, ELU, Affine, Quantize, MultiThreshold)
ELEMENTWISE = {each.__name__: each for each in (*KINDS, Wrap)}


def softmax(values, tensor: Tensor, logarithm: bool) -> list[np.float32]:
    """exp(x) / sum of exp(x) over the channels, at every position, or its logarithm."""
    real = [np.float32(float(value) * step) for value, step in zip(values, tensor.step, strict=True)]
    n_position = tensor.size // tensor.shape[0]
    result = [None] * tensor.size
    for position in range(n_position):
        column = range(position, tensor.size, n_position)
        largest = max(real[i] for i in column)  # taken off, so that nothing overflows
        power = {i: np.exp(real[i] - largest) for i in column}
        total = ZERO
        for i in column:
            total = total + power[i]
        for i in column:
            result[i] = real[i] - largest - np.log(total) if logarithm else power[i] / total
    return result
