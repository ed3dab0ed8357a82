"""Layers that are functions of one number for which hardware has a table or straight lines, and no arithmetic."""

from dataclasses import dataclass

import numpy as np

from hwsim.network.layers.layer import ElementWise
from hwsim.network.neuron_work import NeuronWork, Place, once
from hwsim.network.operation import Operation
from hwsim.network.signals import FloatArray, Signal, real_signal


class LookedUp(ElementWise, abstract=True):
    """A function that is worked out in float64 and rounded to float32. Codes are read as the values they stand for."""

    def signal(self, *source: Signal) -> Signal:
        """Real numbers."""
        return real_signal(*source)

    def work(self, read: Signal, place: Place) -> tuple[NeuronWork, ...]:
        """One look-up."""
        return (NeuronWork(self.name, once(Operation.of("look_up", read.format))),)


@dataclass(frozen=True, eq=False)
class Exp(LookedUp):
    """exp(x); what lies beyond float32 is infinite, which a run reports."""

    direction = 1

    def apply(self, value: FloatArray) -> FloatArray:
        """exp(x)."""
        with np.errstate(over="ignore"):
            return np.exp(value)


@dataclass(frozen=True, eq=False)
class Erf(LookedUp):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t²) from 0 to x."""

    direction = 1

    def apply(self, value: FloatArray) -> FloatArray:
        """The error function."""
        return _erf(value)


@dataclass(frozen=True, eq=False)
class Softplus(LookedUp):
    """log(1 + exp(x))."""

    direction = 1

    def apply(self, value: FloatArray) -> FloatArray:
        """log(1 + exp(x))."""
        return np.logaddexp(0, value)


@dataclass(frozen=True, eq=False)
class GELU(LookedUp):
    """x times the normal distribution's share below x, or the formula with tanh that comes near it.

    (Hendrycks and Gimpel, arXiv:1606.08415.)
    """

    with_tanh: bool = False

    def apply(self, value: FloatArray) -> FloatArray:
        """X (1 + erf(x / sqrt(2))) / 2, or x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2."""
        if self.with_tanh:
            return np.asarray(value / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (value + 0.044715 * value**3))))
        return np.asarray(value / 2 * (1 + _erf(value / np.sqrt(2))))


@dataclass(frozen=True, eq=False)
class SiLU(LookedUp):
    """x / (1 + exp(-alpha x)), also called swish."""

    alpha: float = 1.0

    def apply(self, value: FloatArray) -> FloatArray:
        """X / (1 + exp(-alpha x))."""
        return np.asarray(value * np.exp(-np.logaddexp(0, -self.alpha * value)))


@dataclass(frozen=True, eq=False)
class Mish(LookedUp):
    """x tanh(log(1 + exp(x))). (Misra, BMVC 2020.)"""

    def apply(self, value: FloatArray) -> FloatArray:
        """X tanh(log(1 + exp(x)))."""
        return np.asarray(value * np.tanh(np.logaddexp(0, value)))


@dataclass(frozen=True, eq=False)
class HardSwish(LookedUp):
    """x times x / 6 + 1/2, which is kept between 0 and 1."""

    def apply(self, value: FloatArray) -> FloatArray:
        """X min(max(x / 6 + 1/2, 0), 1)."""
        return np.asarray(value * np.clip(value / 6 + 0.5, 0, 1))


def _erf(value: FloatArray) -> FloatArray:
    from scipy.special import erf

    return np.asarray(erf(np.asarray(value, np.float64)))
