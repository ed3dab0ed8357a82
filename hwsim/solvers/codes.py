"""What every solver takes and returns."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import HwsimError

Real: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
CodeArray: TypeAlias = npt.NDArray[np.int8]

FAR = 200
"""Exponents of numbers that stay in the range of float64 when four of them, and many such, are multiplied and added."""


class SolverError(HwsimError, ValueError):
    """Weights or curvatures that no solver can work on."""


class Codes(NamedTuple):
    """Quantized weights, code x scale."""

    code: CodeArray  # in the shape of the weights
    scale: float  # real value of code 1, not negative; 0 where all weights are zero

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """The quantized weights. float64"""
        return np.asarray(self.code * np.float64(self.scale))


class TwoScaleCodes(NamedTuple):
    """Ternary weights with one scale on the positive side and one on the negative."""

    code: CodeArray  # -1, 0 or 1, in the shape of the weights
    positive: float  # real value of code 1; 0 where no weight is positive
    negative: float  # real value of -(code -1), not negative; 0 where no weight is negative

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """The quantized weights. float64"""
        return np.asarray(np.where(self.code > 0, self.positive, self.negative) * self.code, np.float64)


def checked(weight: npt.ArrayLike, curvature: npt.ArrayLike | None) -> tuple[Real, Real]:
    """Weights and curvatures as two vectors of equal length; curvatures are 1 where none are given.

    Raises
    ------
    SolverError
        When there is no weight, shapes differ, or a number is not finite, or a curvature not positive.
    """
    w = _real(weight)
    d = np.ones_like(w) if curvature is None else _real(curvature)
    if w.size == 0 or d.shape != w.shape:
        raise SolverError(f"weights of shape {w.shape}, curvatures of shape {d.shape}; expected one of each, or more")
    if not np.all(np.isfinite(w)):
        raise SolverError("weights are not finite everywhere")
    lowest, highest = float(d.min()), float(d.max())
    if not (lowest > 0 and np.isfinite(highest)):
        raise SolverError(f"curvatures from {lowest:g} to {highest:g}; expected positive finite numbers")
    return w.ravel(), d.ravel()


def checked_previous(previous: npt.ArrayLike, n_weight: int) -> Real:
    """Codes of an earlier solution as a vector, one for each weight; SolverError where they are not. (n,)"""
    code = _real(previous).ravel()
    if code.size != n_weight or not np.all(np.isfinite(code)):
        raise SolverError(f"{code.size} previous codes for {n_weight} weights; expected a finite one for each")
    return code


def near_one(weight: Real, curvature: Real) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Magnitudes and curvatures so large and small that their products do not leave the range of float64.

    Returns
    -------
    magnitude, curvature : ndarray (n,) float64
        Divided by powers of two, and so exactly, where they must be.
    exponent : int
        That of the power of two that magnitudes were divided by.
    """
    magnitude, weighted = np.abs(weight, dtype=np.float64), curvature.astype(np.float64)
    exponent, other = _excess(magnitude), _excess(weighted)
    magnitude = np.ldexp(magnitude, -exponent) if exponent else magnitude
    return magnitude, np.ldexp(weighted, -other) if other else weighted, exponent


def _excess(positive: npt.NDArray[np.float64]) -> int:
    """Exponent of the largest, where that is far from 0."""
    exponent = int(np.frexp(positive.max())[1])
    return exponent if abs(exponent) > FAR else 0


def _real(value: npt.ArrayLike) -> Real:
    try:
        array: npt.NDArray[Any] = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise SolverError(f"no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise SolverError(f"an array of {array.dtype}; expected real numbers")
    return array if array.dtype == np.float32 else array.astype(np.float64)


def weighted_error(
    weight: npt.ArrayLike, curvature: npt.ArrayLike | None, quantized: Codes | TwoScaleCodes | npt.ArrayLike
) -> float:
    """Half the sum of d (w - quantized)^2, in float64: what every solver here makes small.

    Parameters
    ----------
    weight, curvature : array_like of one shape
        w, and d > 0; 1 everywhere where no curvature is given.
    quantized : Codes, TwoScaleCodes or array_like
        Quantized weights, as many.

    Raises
    ------
    SolverError
        For weights or curvatures that are not finite, or do not fit together or to the quantized ones.
    """
    w, d = checked(weight, curvature)
    value = np.asarray(quantized.value if isinstance(quantized, Codes | TwoScaleCodes) else quantized, np.float64)
    if value.size != w.size:
        raise SolverError(f"{value.size} quantized weights for {w.size} real ones; expected one for each")
    return float(0.5 * np.sum(d * (w - value.ravel()) ** 2, dtype=np.float64))
