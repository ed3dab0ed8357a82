"""Elementary operations on numbers, counted as they are performed. Signs, magnitudes and choices are wiring."""

import math
import struct
from collections import Counter

FP32 = ("fp32",)


class Meter:
    """Performs operations for a layer in a pass and a phase, and counts them there."""

    def __init__(self, generator):
        self.generator, self.tally, self.place = generator, Counter(), None

    def at(self, layer, which, phase):
        self.place = (layer, which, phase)
        return self

    def _count(self, kind, *operands):
        self.tally[(*self.place, kind, operands)] += 1

    def add(self, a, b):
        self._count("addition", *FP32)
        return a + b

    def multiply(self, a, b):
        self._count("multiplication", "fp32", "fp32")
        return a * b

    def exceeds(self, a, b):
        self._count("comparison", *FP32)
        return a > b

    def shift(self, value, power):
        """A number times zero or a signed power of two."""
        assert power == 0 or math.frexp(power)[0] in (0.5, -0.5)
        self._count("exponent_addition", *FP32)
        return value * power

    def draw(self):
        """Uniform from 0 to 1."""
        self._count("random_number", "int24")
        return self.generator.integers(0, 2**24) / 2**24

    def reciprocal_root(self, x):
        """1 / sqrt(x): a guess from the bits, and three rounds of Newton's method."""
        bits = struct.unpack("<i", struct.pack("<f", x))[0]
        self._count("constant_shift", "int32")
        self._count("addition", "int32")
        y = struct.unpack("<f", struct.pack("<i", 0x5F3759DF - (bits >> 1)))[0]
        half = self.shift(x, 0.5)
        for _ in range(3):
            y = self.multiply(y, self.add(1.5, -self.multiply(self.multiply(half, y), y)))
        return y

    def root(self, x):
        return self.multiply(x, self.reciprocal_root(x))

    def reciprocal(self, x):
        root = self.reciprocal_root(x)
        return self.multiply(root, root)

    def quotient(self, y, x):
        return self.multiply(y, self.reciprocal(x))

    def sum(self, numbers):
        total = 0.0
        for number in numbers:
            total = self.add(total, number)
        return total

    def power_of_two(self, x, max_shift=None):
        """One of the two neighbouring powers of two, at random."""
        if max_shift is not None:
            low, high = self.exceeds(2.0**-max_shift, abs(x)), self.exceeds(abs(x), 2.0**max_shift)
            if x:
                x = math.copysign(2.0**-max_shift if low else 2.0**max_shift if high else abs(x), x)
        drawn = self.draw()
        self._count("addition", "int32")  # of the draw to the bits of x, whose carry decides
        if x == 0:
            return 0.0
        lower = 2.0 ** (math.frexp(abs(x))[1] - 1)
        return math.copysign(lower * (2 if abs(x) / lower - 1 > drawn else 1), x)
