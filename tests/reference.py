"""The oracle: a scalar interpreter that does one elementary operation at a time and counts it where it does it.

It shares no code with the package. A network is read as data only: its layers' names, arrays and declared formats,
by attribute; formats, bounds, fixed-point factors and all arithmetic are worked out here again, from
`accounting.md`, with Python's exact integers and numpy's float32 scalars. Nothing is fast and nothing is clever.

    result = run(network, frames, PRESETS["sigma-delta-adder"])
    result.outputs[frame][neuron]                                   centred codes (int), or float32
    result.codes["quantize_1"][frame][neuron]                       centred codes after that Quantize
    result.synapses["dense_1", 0][frame].by_magnitude[3]            synaptic operations of events with |s| = 3
    result.stages["dense_1"].touched[frame]                         neurons touched
    result.arithmetic["dense_1", "synapse", "addition", ("int32",)]
    result.words["dense_1", "memory", "weights", "read"]

Every arithmetic operation of the machine goes through a `Meter`, which returns the result it counted: a machine
whose meter never multiplied has got its outputs without a multiplication.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

ZERO = np.float32(0)
PARTIAL_SUM_WIDTHS = (8, 16, 24, 32, 64)
MERGE_MULTIPLIER_WIDTH = 16  # of the second weight term's factor [bits]
ADDRESS = "int16"


# ---------------------------------------------------------------------------------------------- what a machine is


@dataclass(frozen=True)
class Machine:
    """How a machine walks through a network, and what one synaptic operation is on it."""

    execution: str = "dense"  # dense, sparse or delta
    arithmetic: str = "multiply"  # of integer events: multiply, unary, shift-add or unary-up-to
    largest_unary: int = 2  # the n of unary-up-to: n
    gate_zero_inputs: bool = False  # no arithmetic on zero inputs; traffic as ever
    skip_zero_weights: bool = False
    lanes: tuple[int, int] = (256, 1)  # Pc output channels x Pp positions
    word_length: int = 32  # [bits]


PRESETS = {
    "mac-array": Machine("dense"),
    "mac-array-gated": Machine("dense", gate_zero_inputs=True),
    "zero-skipping-mac": Machine("sparse", "unary-up-to", 2, skip_zero_weights=True),
    "delta-mac": Machine("delta", "unary-up-to", 2, skip_zero_weights=True),
    "rounding-adder": Machine("sparse", "unary"),
    "sigma-delta-adder": Machine("delta", "unary"),
}


# ------------------------------------------------------------------------------------------------ what comes out


@dataclass
class Tally:
    """Operations and memory words of one frame."""

    arithmetic: Counter = field(default_factory=Counter)  # (layer, phase, operation, operands)
    words: Counter = field(default_factory=Counter)  # (layer, "memory", what, "read" or "write")


@dataclass
class Synapses:
    """What happened on one connection in one frame, whatever the machine's arithmetic."""

    n_event: int
    by_magnitude: Counter = field(default_factory=Counter)  # |s| of the event (real: 0 or 1) -> synaptic operations
    by_magnitude_nonzero: Counter = field(default_factory=Counter)  # those on non-zero weights


@dataclass
class Stage:
    """What happened in one layer, per frame; "input" is the stage that prepares the network's input."""

    touched: list[int] = field(default_factory=list)  # neurons; all at a stream's first frame
    touched_nonzero: list[int] = field(default_factory=list)  # counting only operations on non-zero weights
    emitted: list[int] = field(default_factory=list)  # events for the next layer; delta: codes sent; empty: the last
    saturated: list[int] = field(default_factory=list)  # clipped codes among all codes of the frame
    saturated_touched: list[int] = field(default_factory=list)  # those that delta recomputes; else as above


@dataclass
class Result:
    """A run."""

    outputs: list[list[Any]] = field(default_factory=list)
    codes: dict[str, list[list[int]]] = field(default_factory=dict)  # by name of the Quantize
    synapses: dict[tuple[str, int], list[Synapses]] = field(default_factory=dict)  # by layer and weight term
    stages: dict[str, Stage] = field(default_factory=dict)
    frames: list[Tally] = field(default_factory=list)

    @property
    def arithmetic(self) -> Counter:
        """Operations of all frames."""
        return sum((tally.arithmetic for tally in self.frames), Counter())

    @property
    def words(self) -> Counter:
        """Memory words of all frames."""
        return sum((tally.words for tally in self.frames), Counter())


class Meter:
    """Carries out operations for one layer in one phase, and counts each as it is carried out."""

    def __init__(self, tally: Tally, layer: str, phase: str, word_length: int) -> None:
        self.tally, self.layer, self.phase, self.word_length = tally, layer, phase, word_length

    def _count(self, operation, operands):
        self.tally.arithmetic[self.layer, self.phase, operation, operands] += 1

    def add(self, a, b, *operands):
        self._count("addition", operands)
        return a + b

    def multiply(self, a, b, *operands):
        self._count("multiplication", operands)
        return a * b

    def exceeds(self, a, b, *operands):
        self._count("comparison", operands)
        return a > b

    def reaches(self, a, b, *operands):
        self._count("comparison", operands)
        return a >= b

    def differs(self, a, b, *operands):
        self._count("comparison", operands)
        return a != b

    def shift_left(self, value, places, *operands):
        """A shift by a distance that comes with the data; of a real number, a change of its exponent."""
        self._count("variable_shift", operands)
        return value << places if isinstance(value, int) else np.float32(np.ldexp(value, places))

    def shift_right(self, value, places, rounding, *operands):
        """A shift by a fixed distance, rounding what falls off (a negative distance goes left)."""
        self._count("constant_shift", operands)
        return rounded(Fraction(value) / Fraction(2) ** places, rounding)

    def add_exponents(self, value, power_of_two, *operands):
        """A real number times a power of two of either sign, or times zero."""
        self._count("exponent_addition", operands)
        if power_of_two == 0:
            return ZERO
        moved = np.ldexp(value, math.frexp(abs(power_of_two))[1] - 1)
        return np.float32(moved if power_of_two > 0 else -moved)

    def xnor(self, a, b, *operands):
        """The product of two numbers of plus or minus one: whether they agree."""
        self._count("xnor", operands)
        return 1 if a == b else -1

    def update(self, operand):
        """One partial sum of the working store changes."""
        self._count("register_update", (operand,))

    def read(self, what, n_bit):
        """Read so many bits that lie together, starting at a word."""
        self._move(what, "read", n_bit)

    def write(self, what, n_bit):
        self._move(what, "write", n_bit)

    def _move(self, what, way, n_bit):
        if n_word := math.ceil(Fraction(n_bit, self.word_length)):
            self.tally.words[self.layer, self.phase, what, way] += n_word


# --------------------------------------------------------------------------------------------- numbers and formats


class Number(NamedTuple):
    """A number format."""

    kind: str  # real, integer, binary, ternary or power-of-two
    n_bit: int
    signed: bool = True
    narrow: bool = False

    @property
    def is_real(self):
        return self.kind == "real"

    @property
    def operand(self):
        """The name under which operations on such numbers are counted: of integers the width, not the sign."""
        return {
            "integer": f"int{self.n_bit}",
            "real": f"fp{self.n_bit}",
            "power-of-two": f"po2-{self.n_bit}",
        }.get(self.kind, self.kind)

    @property
    def range(self):
        """Lowest and highest code."""
        if self.kind == "integer":
            highest = 2 ** (self.n_bit - 1) - 1 if self.signed else 2**self.n_bit - 1
            lowest = 0 if not self.signed else -highest if self.narrow else -highest - 1
            return lowest, highest
        if self.kind == "power-of-two":  # one bit is the sign; of the exponents, one means zero
            highest = 2 ** (2 ** (self.n_bit - 1) - 2) if self.n_bit > 1 else 1
            return -highest, highest
        return -1, 1

    @property
    def difference(self):
        """Format of the difference of two such numbers."""
        return self if self.is_real else Number("integer", self.n_bit + 1)


FP32 = Number("real", 32)


def number_of(declared) -> Number:
    """The format that a network declares for a tensor."""
    return Number(declared.kind, declared.bit_width, declared.signed, declared.narrow_range)


def partial_sum(bound: int) -> Number:
    """Format of the narrowest usual accumulator that holds -bound ... bound."""
    for width in PARTIAL_SUM_WIDTHS:
        if bound <= 2 ** (width - 1) - 1:
            return Number("integer", width)
    raise AssertionError("the network should have been refused")


def rounded(value: Fraction, rounding: str) -> int:
    """A number as a whole one, exactly."""
    if rounding == "half_up":
        return math.floor(value + Fraction(1, 2))
    if rounding == "half_even":
        return round(value)
    assert rounding == "floor"
    return math.floor(value)


def is_power_of_two(ratio: float) -> bool:
    return math.frexp(ratio)[0] == 0.5


def nearest_even(value: float) -> int:
    return round(value)  # Python rounds halves to even


def signed_digits(s: int) -> list[tuple[int, int]]:
    """The canonical signed-digit form: (position, sign) of every non-zero digit, no two of them neighbours."""
    digits, position = [], 0
    while s:
        if s % 2:
            sign = 2 - s % 4  # 1 when the next bit is 0, else -1 and carry
            digits.append((position, sign))
            s -= sign
        s //= 2
        position += 1
    return digits


# ------------------------------------------------------------------------------- what is known before anything runs


@dataclass(frozen=True)
class Tensor:
    """A frame of numbers between two layers."""

    number: Number  # of a code
    shape: tuple[int, ...]
    step: list[float]  # of each element; a real tensor's are 1
    per_channel: bool = False  # whether the steps are stored one per channel
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


class Trace:
    """What element-wise layers leave behind of one element."""

    def __init__(self):
        self.value = None
        self.code = {}  # by name of the Quantize
        self.n_saturated = 0


class Elementwise:
    """A fused layer. Its work is counted in the format of the number it reads."""

    n_parameter = 0  # channels with parameters of their own
    parameter_bits = 0  # of one channel

    def __init__(self, layer, source: Tensor):
        self.name, self.source, self.tensor = layer.name, source, source
        self.operand = source.number.operand

    def apply(self, meter: Meter, element: int, value, trace: Trace):
        raise NotImplementedError


class Flatten(Elementwise):
    def __init__(self, layer, source):
        super().__init__(layer, source)
        self.tensor = Tensor(source.number, (source.size,), source.step, source.per_channel, source.bound)

    def apply(self, meter, element, value, trace):
        return value


class ReLU(Elementwise):
    def apply(self, meter, element, value, trace):
        return value if meter.exceeds(value, 0, self.operand) else type(value)(0)


class Affine(Elementwise):
    """scale x value + offset; on integers with fixed-point parameters that share one shift."""

    def __init__(self, layer, source):
        super().__init__(layer, source)
        self.scale, self.offset = source.spread(layer.scale), source.spread(layer.offset)
        self.multiplier_operand, multiplier_bits, offset_bits = self.operand, source.number.n_bit, source.number.n_bit
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
            bound = source.bound * max(map(abs, self.multiplier)) + max(map(abs, self.offset))
            self.tensor = Tensor(partial_sum(bound), source.shape, [2.0**-shift] * source.size, bound=bound)
        if source.per_channel or np.ndim(layer.scale) or np.ndim(layer.offset):
            self.n_parameter, self.parameter_bits = source.shape[0], multiplier_bits + offset_bits

    def apply(self, meter, element, value, trace):
        if self.source.number.is_real:
            scale, offset = np.float32(self.scale[element]), np.float32(self.offset[element])
        else:
            scale, offset = self.multiplier[element], self.offset[element]
        product = meter.multiply(value, scale, self.operand, self.multiplier_operand)
        return meter.add(product, offset, self.operand)


class Quantize(Elementwise):
    """clip(round(value x scale) + zero point), and back to centred codes."""

    def __init__(self, layer, source):
        super().__init__(layer, source)
        self.scale = source.spread(layer.scale)
        self.rounding, self.zero_point = layer.rounding, int(layer.zero_point)
        code = Number("integer", layer.bit_width, layer.signed, layer.narrow_range)
        self.lowest, self.highest = code.range
        self.multiplier_operand, multiplier_bits = self.operand, source.number.n_bit
        if source.number.is_real:
            self.ratio = "multiply"
        else:
            multiplier_bits = layer.multiplier_bit_width
            self.multiplier_operand = f"int{multiplier_bits}"
            self._fixed_point([step * scale for step, scale in zip(source.step, self.scale, strict=True)], layer)
        per_channel = source.per_channel or bool(np.ndim(layer.scale))
        if per_channel and self.ratio == "multiply":
            self.n_parameter, self.parameter_bits = source.shape[0], multiplier_bits
        self.tensor = Tensor(
            code,
            source.shape,
            [1.0 / scale for scale in self.scale],
            bool(np.ndim(layer.scale)),
            max(self.highest - self.zero_point, self.zero_point - self.lowest),
        )

    def _fixed_point(self, ratios, layer):
        """A shift when all ratios are powers of two, else a multiplier and a shift, for each element."""
        if all(is_power_of_two(ratio) for ratio in ratios):
            self.multiplier = None
            self.shift = [1 - math.frexp(ratio)[1] for ratio in ratios]
            self.ratio = "shift" if any(self.shift) else "none"
            return
        self.ratio, self.multiplier, self.shift = "multiply", [], []
        for ratio in ratios:
            shift = layer.multiplier_bit_width - 1 - math.frexp(ratio)[1]
            if nearest_even(math.ldexp(ratio, shift)) == 2 ** (layer.multiplier_bit_width - 1):
                shift -= 1  # a mantissa that rounded up to one
            self.multiplier.append(nearest_even(math.ldexp(ratio, shift)))
            self.shift.append(shift)

    def apply(self, meter, element, value, trace):
        code = self._round(meter, element, value) + self.zero_point
        kept = min(max(code, self.lowest), self.highest)
        trace.n_saturated += kept != code
        trace.code[self.name] = kept - self.zero_point
        return kept - self.zero_point

    def _round(self, meter, element, value):
        if self.ratio == "none":
            return value
        if self.source.number.is_real:
            scaled = meter.multiply(float(value), self.scale[element], self.operand, self.operand)
            return meter.shift_right(scaled, 0, self.rounding, self.operand)
        if self.ratio == "multiply":
            value = meter.multiply(value, self.multiplier[element], self.operand, self.multiplier_operand)
        # half-up's one half rides on the bias, so the shift is all there is
        return meter.shift_right(value, self.shift[element], self.rounding, self.operand)


ELEMENTWISE = {each.__name__: each for each in (Flatten, ReLU, Affine, Quantize)}


class Term:
    """One weight tensor of a layer, and the partial sums it adds to."""

    def __init__(self, weight, source: Tensor, is_integer: bool):
        n_in, self.n_out = np.shape(weight.code)
        self.number = number_of(weight.format)
        self.scale = [float(each) for each in np.broadcast_to(np.asarray(weight.scale, np.float64), self.n_out)]
        self.is_nonzero = [[bool(weight.code[i, j] != 0) for j in range(self.n_out)] for i in range(n_in)]
        if is_integer:
            self.weight = [[int(weight.code[i, j]) for j in range(self.n_out)] for i in range(n_in)]
        else:  # the step of integer codes is baked into the weights
            self.weight = [
                [np.float32(float(weight.code[i, j]) * source.step[i]) for j in range(self.n_out)] for i in range(n_in)
            ]
        self.sum = FP32  # format of the partial sums
        self.bound = 0


class Dense:
    """A fully connected layer with the element-wise layers fused into it."""

    def __init__(self, layer, source: Tensor, machine: Machine):
        self.name, self.source = layer.name, source
        self.n_out = np.shape(layer.terms[0].code)[1]
        self.is_integer = not source.number.is_real and not any(term.format.kind == "real" for term in layer.terms)
        self.terms = [Term(weight, source, self.is_integer) for weight in layer.terms]
        self.event = source.number.difference if machine.execution == "delta" else source.number
        self.body: list[Elementwise] = []
        first = self.terms[0]
        # the second term's partial sums start at nothing
        self.start = [[ZERO] * self.n_out for _ in self.terms]
        if not self.is_integer:
            self.start[0] = [np.float32(float(layer.bias[j]) / first.scale[j]) for j in range(self.n_out)]
            self.tensor = Tensor(FP32, (self.n_out,), [1.0] * self.n_out)
            return
        self.start = [[0] * self.n_out for _ in self.terms]
        self.start[0] = [int(bias) for bias in layer.bias]
        for k, term in enumerate(self.terms):
            reach = [
                source.bound * sum(abs(row[j]) for row in term.weight) + abs(self.start[k][j])
                for j in range(self.n_out)
            ]
            term.bound = max(reach)
            term.sum = partial_sum(term.bound)
            if layer.accumulator is not None:
                assert term.bound <= 2 ** (layer.accumulator - 1) - 1
                term.sum = Number("integer", layer.accumulator)
        number, bound, self.shift = first.sum, first.bound, 0
        if len(self.terms) == 2:
            self._prepare_merge()
            bound = first.bound * 2**self.shift + self.terms[1].bound * max(self.multiplier)
            number = partial_sum(bound)
        step = [source.step[0] * scale / 2.0**self.shift for scale in first.scale]
        per_channel = bool(np.ndim(layer.terms[0].scale))
        self.tensor = Tensor(number, (self.n_out,), step, per_channel, bound)

    def _prepare_merge(self):
        """The ratio of the second scale to the first, as integers over one power of two that all neurons share."""
        first, second = self.terms
        ratios = [b / a for a, b in zip(first.scale, second.scale, strict=True)]
        if all(is_power_of_two(ratio) for ratio in ratios):
            self.shift = max(0, -min(math.frexp(ratio)[1] - 1 for ratio in ratios))
        else:
            self.shift = MERGE_MULTIPLIER_WIDTH - 1 - math.frexp(max(ratios))[1]
            if nearest_even(math.ldexp(max(ratios), self.shift)) == 2 ** (MERGE_MULTIPLIER_WIDTH - 1):
                self.shift -= 1
        self.multiplier = [nearest_even(math.ldexp(ratio, self.shift)) for ratio in ratios]

    def combined(self, meter: Meter, sums, neuron: int):
        """A neuron's partial sums as the one number that the fused layers read."""
        first, operand = sums[0][neuron], self.tensor.number.operand
        if self.is_integer:
            if len(sums) == 1:
                return first  # the scale lives on in the step
            second = meter.multiply(sums[1][neuron], self.multiplier[neuron], operand, f"int{MERGE_MULTIPLIER_WIDTH}")
            return meter.add(first << self.shift, second, operand)
        if any(scale != 1 for scale in self.terms[0].scale):
            scale = np.float32(self.terms[0].scale[neuron])
            # a following Quantize or Affine has a multiplier already, which takes the scale along
            absorbed = any(isinstance(layer, Quantize | Affine) for layer in self.body)
            first = first * scale if absorbed else meter.multiply(first, scale, operand, operand)
        if len(sums) == 1:
            return first
        second = meter.multiply(sums[1][neuron], np.float32(self.terms[1].scale[neuron]), operand, operand)
        return meter.add(first, second, operand)


def chain(network, tensor: Tensor, machine: Machine):
    """The network as the layers fused into the input, and the layers with synapses."""
    input_body: list[Elementwise] = []
    dense: list[Dense] = []
    for layer in network.layers:
        if type(layer).__name__ == "Dense":
            dense.append(Dense(layer, tensor, machine))
            tensor = dense[-1].tensor
        else:
            body = dense[-1].body if dense else input_body
            body.append(ELEMENTWISE[type(layer).__name__](layer, tensor))
            tensor = body[-1].tensor
    return input_body, dense


# ------------------------------------------------------------------------------------------- one synaptic operation


def synaptic_operation(machine: Machine, meter: Meter, memory: Meter, layer: Dense, term: Term, total, s, i, j):
    """One event s of input i meets the synapse to neuron j: the partial sum afterwards."""
    event, weight, operand = layer.event, term.weight[i][j], term.sum.operand

    def accumulate(total, summand):
        memory.update(operand)
        return meter.add(total, summand, operand)

    if machine.skip_zero_weights and not term.is_nonzero[i][j]:
        return total
    if machine.gate_zero_inputs and s == 0:
        return total
    # what the network says the event adds; only the real layers need it below
    product = None if layer.is_integer else np.float32(s) * weight
    if term.number.kind in ("binary", "ternary"):
        if event.kind == term.number.kind == "binary":
            agreement = meter.xnor(s, 1 if weight > 0 else -1, event.operand, term.number.operand)
            return accumulate(total, agreement if layer.is_integer else product)
        # the weight's sign lets the event pass, negates or blocks it: no multiplier
        return accumulate(total, (s if weight > 0 else -s if weight < 0 else 0) if layer.is_integer else product)
    if event.kind == "binary":
        return accumulate(total, weight if s > 0 else -weight)
    if term.number.kind == "power-of-two":
        if event.is_real:
            return accumulate(total, meter.add_exponents(s, weight, event.operand))
        if not layer.is_integer:  # the shifted code still carries the input's step
            meter.shift_left(s, 0, event.operand)
            return accumulate(total, product)
        places = abs(weight).bit_length() - 1 if weight else 0
        moved = meter.shift_left(s, places, event.operand)
        return accumulate(total, moved if weight > 0 else -moved if weight < 0 else 0)
    if event.is_real:
        return accumulate(total, meter.multiply(s, weight, event.operand, event.operand))
    arithmetic = machine.arithmetic
    if arithmetic == "unary-up-to":
        arithmetic = "unary" if abs(s) <= machine.largest_unary else "multiply"
    if arithmetic == "multiply":
        factor = s if layer.is_integer else np.float32(s)
        return accumulate(total, meter.multiply(factor, weight, event.operand, term.number.operand))
    before = total
    if arithmetic == "unary":
        for _ in range(abs(s)):
            total = accumulate(total, weight if s > 0 else -weight)
    else:
        assert arithmetic == "shift-add"
        for position, sign in signed_digits(s):
            moved = meter.shift_left(weight, position, term.number.operand)
            total = accumulate(total, moved if sign > 0 else -moved)
    # in floating point many additions round differently; what the network computes is one rounded product
    return total if layer.is_integer else before + product


# ------------------------------------------------------------------------------------------------------ the walk


class Walker:
    """One run: the machine, what it remembers between frames, and what it has counted."""

    def __init__(self, network, machine, threshold, raw: Number, tensor: Tensor):
        self.machine, self.threshold, self.raw = machine, threshold, raw
        self.delta, self.sparse = machine.execution == "delta", machine.execution == "sparse"
        self.input_size = tensor.size
        self.input_body, self.dense = chain(network, tensor, machine)
        self.code = self.input_body[-1].tensor.number if self.input_body else tensor.number
        # without a Quantize the raw frame is itself the first layer's code buffer
        self.input_is_buffered = any(isinstance(layer, Quantize) for layer in self.input_body)
        self.result = Result()
        self.result.stages = {name: Stage() for name in ("input", *(layer.name for layer in self.dense))}
        for layer in self.dense:
            self.result.synapses.update({(layer.name, k): [] for k in range(len(layer.terms))})
        for layer in (*self.input_body, *(each for head in self.dense for each in head.body)):
            if isinstance(layer, Quantize):
                self.result.codes[layer.name] = []

    def frame(self, values, first: bool):
        """Walk one frame through the network."""
        self.tally = Tally()
        self.result.frames.append(self.tally)
        if first:
            self.last_input = [0 if not self.code.is_real else ZERO] * self.input_size
            self.sums = {layer.name: [list(start) for start in layer.start] for layer in self.dense}
            self.last = {
                layer.name: [0 if not self._outgoing(layer).is_real else ZERO] * layer.n_out for layer in self.dense
            }
            self.trace = {layer.name: [None] * layer.n_out for layer in self.dense}
        events = self._encode(values)
        for layer in self.dense:
            events = self._layer(layer, events, first)

    def meter(self, layer: str, phase: str) -> Meter:
        return Meter(self.tally, layer, phase, self.machine.word_length)

    def _outgoing(self, layer: Dense) -> Number:
        return layer.body[-1].tensor.number if layer.body else layer.tensor.number

    # encode: all inputs, every frame

    def _encode(self, values):
        meter, memory, stage = self.meter("input", "encode"), self.meter("input", "memory"), self.result.stages["input"]
        memory.read("network input", self.input_size * self.raw.n_bit)
        for layer in self.input_body:
            memory.read("parameters", layer.n_parameter * layer.parameter_bits)
        traces = [self._elementwise(self.input_body, meter, i, value) for i, value in enumerate(values)]
        self._record(self.input_body, traces)
        stage.touched.append(self.input_size)
        stage.touched_nonzero.append(self.input_size)
        stage.saturated.append(sum(trace.n_saturated for trace in traces))
        stage.saturated_touched.append(stage.saturated[-1])
        code = [trace.value for trace in traces]
        events = self._emit(meter, memory, code, self.last_input, range(self.input_size), self.code)
        if self.machine.execution == "dense" and self.input_is_buffered:
            memory.write("codes", self.input_size * self.code.n_bit)
        stage.emitted.append(len(events))
        return events

    def _elementwise(self, body, meter, element, value) -> Trace:
        trace = Trace()
        for layer in body:
            value = layer.apply(meter, element, value, trace)
        trace.value = value
        return trace

    def _record(self, body, traces):
        for layer in body:
            if isinstance(layer, Quantize):
                self.result.codes[layer.name].append([trace.code[layer.name] for trace in traces])

    # events: what of the codes the next layer is shown

    def _emit(self, meter, memory, code, last, candidates, number: Number):
        """Events for the next layer, (index, s); under delta only the candidates can have changed."""
        operand = number.operand
        if not self.delta:
            events = [(i, s) for i, s in enumerate(code) if not self.sparse or meter.differs(s, type(s)(0), operand)]
        else:
            events = []
            memory.read("last codes", len(candidates) * number.n_bit)
            for i in candidates:
                difference = meter.add(code[i], -last[i], operand)
                if self._is_sent(meter, difference, operand):
                    events.append((i, difference))
                    last[i] = code[i]  # what was not sent stays, as the distance from the code last sent
            memory.write("last codes", len(events) * number.n_bit)
        if self.sparse or self.delta:
            memory.write("events", len(events) * self._event_bits(number, len(code)))
        return events

    def _is_sent(self, meter, difference, operand):
        if self.threshold == 1:
            return meter.differs(difference, type(difference)(0), operand)
        up = meter.reaches(difference, self.threshold, operand)
        down = meter.reaches(-self.threshold, difference, operand)  # always: hardware does not wait for the other
        return up or down

    def _event_bits(self, number: Number, n_code: int) -> int:
        value = number.difference if self.delta else number
        return value.n_bit + (n_code - 1).bit_length()  # of an index

    # a layer with synapses

    def _layer(self, layer: Dense, events, first: bool):
        memory, stage = self.meter(layer.name, "memory"), self.result.stages[layer.name]
        self._read_input(layer, memory, events)
        sums = self.sums[layer.name]
        if first or not self.delta:
            memory.read("bias", layer.n_out * layer.terms[0].sum.n_bit)
            for k, start in enumerate(layer.start):
                sums[k] = list(start)
        touched, touched_nonzero = self._synapses(layer, memory, sums, events)
        everyone = list(range(layer.n_out))
        if first:
            touched = touched_nonzero = everyone
        stage.touched.append(len(touched))
        stage.touched_nonzero.append(len(touched_nonzero))
        at_work = everyone
        if self.delta:
            at_work = touched_nonzero if self.machine.skip_zero_weights else touched
            sum_bits = sum(term.sum.n_bit for term in layer.terms)
            if not first:  # at first the bias takes the place of the read
                memory.read("sums", len(at_work) * sum_bits)
            memory.write("sums", len(at_work) * sum_bits)
        code = self._neurons(layer, memory, sums, at_work)
        traces = self.trace[layer.name]
        stage.saturated.append(sum(trace.n_saturated for trace in traces))
        recomputed = touched if self.delta else everyone
        stage.saturated_touched.append(sum(traces[j].n_saturated for j in recomputed))
        number = self._outgoing(layer)
        if layer is self.dense[-1]:
            memory.write("network output", len(at_work) * number.n_bit)
            self.result.outputs.append(code)
            return None
        meter = self.meter(layer.name, "neuron")
        events = self._emit(meter, memory, code, self.last[layer.name], at_work, number)
        if self.machine.execution == "dense":
            memory.write("codes", layer.n_out * number.n_bit)
        stage.emitted.append(len(events))
        return events

    def _read_input(self, layer: Dense, memory: Meter, events):
        """Codes or events, once for every pass over the output channels."""
        n_pass = math.ceil(layer.n_out / self.machine.lanes[0])
        number = layer.source.number
        for each in range(n_pass):
            if self.sparse or self.delta:
                memory.read("events", len(events) * self._event_bits(number, layer.source.size))
            elif layer is not self.dense[0] or self.input_is_buffered:
                memory.read("codes", layer.source.size * number.n_bit)
            elif each > 0:  # the first pass over the raw frame is the network's input, read already
                memory.read("codes", layer.source.size * self.raw.n_bit)

    def _synapses(self, layer: Dense, memory: Meter, sums, events):
        """Present every event to every synapse of its input."""
        meter = self.meter(layer.name, "synapse")
        touched, touched_nonzero = set(), set()
        seen = [Synapses(len(events)) for _ in layer.terms]
        address = [0] * len(layer.terms)
        for i, s in events:
            magnitude = int(s != 0) if layer.source.number.is_real else abs(s)
            for k, term in enumerate(layer.terms):
                for _ in range(math.ceil(1 / self.machine.lanes[1])):  # a Dense input is a channel of one position
                    memory.read("weights", layer.n_out * term.number.n_bit)
                    address[k] = memory.add(address[k], layer.n_out, ADDRESS)
                for j in range(layer.n_out):
                    seen[k].by_magnitude[magnitude] += 1
                    touched.add(j)
                    if term.is_nonzero[i][j]:
                        seen[k].by_magnitude_nonzero[magnitude] += 1
                        touched_nonzero.add(j)
                    sums[k][j] = synaptic_operation(self.machine, meter, memory, layer, term, sums[k][j], s, i, j)
        for k, each in enumerate(seen):
            self.result.synapses[layer.name, k].append(each)
        return sorted(touched), sorted(touched_nonzero)

    def _neurons(self, layer: Dense, memory: Meter, sums, at_work):
        """Let the neurons at work make their codes anew; the others keep theirs."""
        meter, traces = self.meter(layer.name, "neuron"), self.trace[layer.name]
        for each in layer.body:
            if each.n_parameter:
                memory.read("parameters", len(at_work) * each.parameter_bits)
        for j in at_work:
            traces[j] = self._elementwise(layer.body, meter, j, layer.combined(meter, sums, j))
        self._record(layer.body, traces)
        return [trace.value for trace in traces]


def run(
    network,
    frames,
    machine: Machine | None = None,
    threshold: int = 1,
    data_step: float = 1.0,
    raw_bits: int | None = None,
    stream_start=(0,),
) -> Result:
    """Run a network over frames on a machine.

    Parameters
    ----------
    network
        Anything with the attributes of a Network: input_shape, input_format, input_step, layers.
    frames : (n_frame, *input_shape)
        Codes if of integer dtype, else real values.
    machine : Machine
        Whose execution it is and what is counted; default: a dense multiplying one.
    threshold : int
        Delta: a difference is sent when its magnitude reaches it.
    data_step : float
        Real value of one code, for a network that takes real numbers.
    raw_bits : int
        Width of a number of the raw frame; default: the network's, if it takes codes, else that of the dtype
        (real numbers: 32).
    stream_start : sequence of int
        Frames at which state is forgotten.
    """
    machine = machine or Machine()
    frames = np.asarray(frames)
    shape = tuple(int(n) for n in network.input_shape)
    size = math.prod(shape)
    declared = number_of(network.input_format)
    is_code = frames.dtype.kind in "iub"
    assert is_code or declared.is_real, "a network that takes codes cannot take real values"
    if not declared.is_real:
        raw = declared if raw_bits is None else declared._replace(n_bit=raw_bits)
        bound = max(map(abs, declared.range))
        tensor = Tensor(declared, shape, [float(network.input_step)] * size, bound=bound)
    elif is_code:
        raw = Number("integer", raw_bits or 8 * frames.dtype.itemsize, frames.dtype.kind == "i")
        tensor = Tensor(FP32, shape, [1.0] * size)
        leading = [layer for layer in network.layers if type(layer).__name__ != "Flatten"]
        if leading and type(leading[0]).__name__ == "Quantize":  # reads the codes themselves
            tensor = Tensor(raw, shape, [float(data_step)] * size, bound=max(map(abs, raw.range)))
    else:
        raw = Number("real", raw_bits or 32)
        tensor = Tensor(FP32, shape, [1.0] * size)
    walker = Walker(network, machine, threshold, raw, tensor)
    for f in range(len(frames)):
        element = frames[f].reshape(-1)
        if not tensor.number.is_real:
            values = [int(code) for code in element]
        elif is_code:
            values = [np.float32(int(code) * data_step) for code in element]
        else:
            values = [np.float32(value) for value in element]
        walker.frame(values, f == 0 or f in stream_start)
    return walker.result
