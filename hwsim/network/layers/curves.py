"""Layers that are exponential curves, whose results are real numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, Signal, real_signal


@dataclass(frozen=True, eq=False)
class Sigmoid(ElementWise):
    """1 / (1 + exp(-x)), worked out in float64 and rounded to float32. Codes are read as the values they stand for."""

    direction = 1

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """1 / (1 + exp(-x))."""
        power = np.exp(-np.abs(value))  # never above 1, so that nothing overflows
        return np.asarray(np.where(value >= 0, 1.0, power) / (1 + power))

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("sigmoid", read.format))),)


@dataclass(frozen=True, eq=False)
class Tanh(ElementWise):
    """The hyperbolic tangent, worked out in float64 and rounded to float32. Codes are read as values."""

    direction = 1

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """The hyperbolic tangent."""
        return np.tanh(value)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("tanh", read.format))),)


@dataclass(frozen=True, eq=False)
class ELU(ElementWise):
    """Scale times x where x >= 0, else scale x alpha x (exp(x) - 1), worked out in float64 and rounded to float32.

    Codes are read as values. (Clevert et al., ICLR 2016; with a scale the SELU of Klambauer et al., NIPS 2017.)
    """

    alpha: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        for what in ("alpha", "scale"):
            value = getattr(self, what)
            if not np.isfinite(value):
                raise NetworkError(f"layer {self.name}: {what} {value}; expected a finite number")
            object.__setattr__(self, what, float(value))

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def apply(self, value: FloatArray) -> FloatArray:
        """Scale times x where x >= 0, else scale x alpha x (exp(x) - 1)."""
        below = self.scale * self.alpha
        return np.where(value >= 0, self.scale * value, below * np.expm1(np.minimum(value, 0)))

    @property
    def direction(self) -> int:
        """That of the scale, unless what is below zero goes the other way."""
        return 0 if self.alpha < 0 else 1 if self.scale >= 0 else -1

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One operation."""
        return (NeuronWork(self.name, once(Operation.of("elu", read.format))),)


@dataclass(frozen=True, eq=False)
class Softmax(ElementWise):
    """exp(x) / sum of exp(x) over the channels, in float32. Only at the end of a network; its work is not counted."""

    comes_last: ClassVar[bool] = True

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)


@dataclass(frozen=True, eq=False)
class LogSoftmax(Softmax):
    """The logarithm of a Softmax, in float32. Only at the end of a network; its work is not counted."""
