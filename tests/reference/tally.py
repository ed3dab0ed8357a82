"""What comes out of a run, and the meter through which every operation goes."""

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from reference.machine import Machine
from reference.number import ZERO, rounded

LINES = 16  # that a curve is made of, unless a machine says how many
REACH = 8.0  # they lie side by side between minus and plus this; the outermost go on


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
    by_channel: list[int] = field(default_factory=list)  # events of each input channel; of Dense, of each input


@dataclass
class Stage:
    """What happened in one layer, per frame; "input" is the stage that prepares the network's input."""

    touched: list[int] = field(default_factory=list)  # neurons; all at a stream's first frame
    touched_nonzero: list[int] = field(default_factory=list)  # counting only operations on non-zero weights
    emitted: list[int] = field(default_factory=list)  # events for the next layers; delta: codes sent; empty: the last
    saturated: list[int] = field(default_factory=list)  # clipped codes among all codes of the frame
    saturated_touched: list[int] = field(default_factory=list)  # those that delta recomputes; else as above


@dataclass
class Result:
    """A run."""

    outputs: list[list[Any]] = field(default_factory=list)
    codes: dict[str, list[list[int]]] = field(default_factory=dict)  # by name of the Quantize
    heads: dict[str, Any] = field(default_factory=dict)  # by name of the stage; "input" has none
    arrivals: dict[str, list[list[list[int]]]] = field(default_factory=dict)  # by stage, frame, signal: its events
    encoded: list[int] = field(default_factory=list)  # by frame: its numbers, unless they are codes as they arrive
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

    def __init__(self, tally: Tally, layer: str, phase: str, machine: Machine) -> None:
        self.tally, self.layer, self.phase, self.machine = tally, layer, phase, machine
        self.word_length = machine.word_length

    def _count(self, operation, operands):
        self.tally.arithmetic[self.layer, self.phase, operation, operands] += 1

    def add(self, a, b, *operands):
        self._count("addition", operands)
        return a + b

    def multiply(self, a, b, *operands):
        self._count("multiplication", operands)
        return a * b

    def divide(self, a, b, operand):
        """By a unit of its own, or as a product with the reciprocal."""
        if self.machine.functions == "unit":
            self._count("division", (operand,))
        else:
            self._by_lines(lambda x: 1 / x if x else math.inf, float(b), operand)
            self._count("multiplication", (operand, operand))
        return a / b

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

    def scale_by_power(self, value, power_of_two, *operands):
        """A real number times a fixed power of two: for its exponent, what a fixed shift is for an integer."""
        self._count("constant_shift", operands)
        return value * power_of_two

    def add_exponents(self, value, power_of_two, *operands):
        """A real number times a power of two of either sign, or times zero."""
        self._count("exponent_addition", operands)
        if power_of_two == 0:
            return ZERO
        moved = np.ldexp(value, math.frexp(abs(power_of_two))[1] - 1)
        return np.float32(moved if power_of_two > 0 else -moved)

    def convert(self, value, *operands):
        """An integer as a real number."""
        self._count("conversion", operands)
        return np.float32(value)

    def xnor(self, a, b, *operands):
        """The product of two numbers of plus or minus one: whether they agree."""
        self._count("xnor", operands)
        return 1 if a == b else -1

    def curve(self, name, function, value, operand):
        """A function of one number, by a unit of its own or by straight lines."""
        if self.machine.functions == "unit":
            self._count(name, (operand,))
        else:
            self._by_lines(function, value, operand)
        return function(value)  # as the network has it, however near the lines come

    def _by_lines(self, function, value, operand):
        """The line that a number is on is found by halving, always in as many steps; then it is worked out."""
        n_line = self.machine.functions if isinstance(self.machine.functions, int) else LINES
        ends = [REACH * (2 * k / n_line - 1) for k in range(n_line + 1)]
        first, last = 0, n_line - 1
        for _ in range(math.ceil(math.log2(n_line))):
            middle = (first + last + 1) // 2
            if self.reaches(value, ends[middle], operand):
                first = middle
            else:
                last = max(first, middle - 1)
        assert first == last
        low, high = function(ends[first]), function(ends[first + 1])
        slope = (high - low) / (ends[first + 1] - ends[first])
        return self.add(self.multiply(value, slope, operand, operand), low - slope * ends[first], operand)

    def entry(self, table: list, address: int):
        """What a table holds at an address: one word of a memory of its own, as wide as that."""
        self.tally.words[self.layer, self.phase, "functions", "read"] += 1
        return table[address]

    def whole(self, operation):
        """One of the chip's own operations."""
        self._count(operation, ())

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


@dataclass(frozen=True)
class Moment:
    """The frame that is being walked: on which machine, with what state, and where its operations are counted."""

    machine: Machine
    tally: Tally
    first: bool  # of a stream
    loads_weights: bool = True  # the first frame of a batch; the others work with what it has read

    @property
    def reads_what_is_stored(self) -> bool:
        """Whether biases and parameters are not yet at hand: ideally they are read once for a batch."""
        return self.loads_weights or not self.machine.ideal

    @property
    def from_nothing(self) -> bool:
        """Whether sums start anew, because there are none to go on from."""
        return self.first or not self.machine.is_delta

    def meter(self, layer: str, phase: str) -> Meter:
        return Meter(self.tally, layer, phase, self.machine)

    def inner_meter(self, layer: str, phase: str) -> Meter:
        """Of what layers with synapses do: nobody looks where the chip's own operations stand for all of it."""
        tally = Tally() if self.machine.whole else self.tally
        return Meter(tally, layer, phase, self.machine)
