"""Layers that hardware has in its wires: the same numbers in other places, or without their highest bits."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.layers.layer import ElementWise
from hwsim.network.number_format import NumberFormat
from hwsim.network.signals import FloatArray, Signal


@dataclass(frozen=True, eq=False)
class Flatten(ElementWise):
    """A frame as a vector, in C order."""

    passes_scales = True
    is_wiring: ClassVar[bool] = True
    keeps_sign = True

    def signal(self, *source: Signal) -> Signal:
        """The same numbers as a vector; a step per channel becomes one per element."""
        (read,) = source
        step = np.asarray(read.per_element(read.step), np.float64) if read.step.ndim else read.step
        return replace(read, shape=(read.size,), step=step, spread_from=read.n_step)


@dataclass(frozen=True, eq=False)
class Wrap(ElementWise):
    """The lowest bits of whole numbers, as the arithmetic of integer types keeps them: wiring that costs nothing."""

    bit_width: int = 8
    signed: bool = True

    def __post_init__(self) -> None:
        """Check the width."""
        if not 1 <= self.bit_width <= 32:
            raise NetworkError(f"layer {self.name}: bit width {self.bit_width}; write 1 to 32")

    def signal(self, *source: Signal) -> Signal:
        """Codes of the type; of codes of step 1 only."""
        (read,) = source
        if read.format.is_real or read.zero_point or np.any(read.step != 1):
            raise NetworkError(f"keeps the lowest bits of {read.format} numbers; expected codes of step 1")
        format = NumberFormat("integer", self.bit_width, self.signed)
        return replace(read, format=format, bound=max(-format.lowest, format.highest))

    def apply(self, value: FloatArray) -> FloatArray:
        """The whole number of the type that has the same lowest bits."""
        lowest = NumberFormat("integer", self.bit_width, self.signed).lowest
        return np.asarray((value - lowest) % 2**self.bit_width + lowest)
