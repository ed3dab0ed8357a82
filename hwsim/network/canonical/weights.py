"""Weights of two or three values that no file declares a format for: codes and the scales they have."""

import numpy as np
import numpy.typing as npt

from hwsim.network.layers import Weight
from hwsim.network.number_format import BINARY, TERNARY
from hwsim.network.signals import FloatArray

FEWEST = 2
"""Weights that must share a value for it to be a scale: one alone has some value in any case."""


def weight_terms(value: npt.NDArray[np.generic]) -> tuple[Weight, ...] | None:
    """Real weights as codes, if their values are those of codes, exactly.

    Values -a and a are binary, -a, 0 and a ternary, with one a for all or one for each output channel; -a, 0 and b
    are two ternary terms, the positive ones first. Every scale must be the value of several weights, both signs must
    occur, and a channel of zeros only says nothing: it is no reason for a format, and has no scale of its own.

    Parameters
    ----------
    value : (n_in, n_out) or (C_out, C_in / groups, kH, kW) floating point
        The weights, in the layout of a layer.

    Returns
    -------
    tuple of Weight or None
        One term, or two; None where the weights are real numbers.
    """
    if value.dtype.kind != "f" or not np.all(np.isfinite(value)):
        return None
    by_channel = value.T if value.ndim == 2 else value.reshape(len(value), -1)
    live = by_channel[np.any(by_channel != 0, axis=1)]
    if not live.size:
        return None
    is_dead = len(live) < len(by_channel)
    found = _scales(live.reshape(1, -1))
    if found is None and not is_dead:
        found = _scales(by_channel)
    if found is None or (is_dead and np.all(live != 0)):
        return None
    return _terms(value, *(scale if len(scale) > 1 else scale[0] for scale in found))


def values_of(terms: tuple[Weight, ...]) -> str:
    """The values that weights have, as a reader is told."""
    scales = [np.asarray(term.scale) for term in terms]
    per_channel = any(scale.ndim for scale in scales)
    high, low = ("a", "-a" if len(terms) == 1 else "-b") if per_channel else (f"{scales[0]:g}", f"{-scales[-1]:g}")
    zero = "" if terms[0].format == BINARY else ", 0"
    return f"{low}{zero} and {high}{', by output channel' if per_channel else ''}"


def _scales(row: npt.NDArray[np.generic]) -> tuple[FloatArray, ...] | None:
    """One scale by row, or two, the one above zero first; None where the rows have other values."""
    number = np.asarray(row, np.float64)
    high, low, size = number.max(axis=1), number.min(axis=1), np.abs(number)
    largest = size.max(axis=1)
    if np.all((size == largest[:, None]) | (size == 0)):
        shared = np.count_nonzero(size, axis=1) >= FEWEST
        return (largest,) if np.all(shared) and np.any((high > 0) & (low < 0)) else None
    is_high, is_low = number == high[:, None], number == low[:, None]
    shared = (np.count_nonzero(is_high, axis=1) >= FEWEST) & (np.count_nonzero(is_low, axis=1) >= FEWEST)
    few = np.all(is_high | is_low | (number == 0)) and np.any(number == 0)
    return (high, -low) if few and np.all(shared & (high > 0) & (low < 0)) else None


def _terms(value: npt.NDArray[np.generic], *scales: FloatArray) -> tuple[Weight, ...]:
    """Codes of signs; of two scales a term for each."""
    sign = np.sign(value).astype(np.int64)
    if len(scales) == 1:
        return (Weight(sign, TERNARY if np.any(sign == 0) else BINARY, scales[0]),)
    return Weight(np.maximum(sign, 0), TERNARY, scales[0]), Weight(np.minimum(sign, 0), TERNARY, scales[1])
