"""Real factors as hardware holds them: an integer multiplier and a constant shift."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.errors import NetworkError

LARGEST_SHIFT = 62


NO_OFFSET = np.zeros((), np.int64)


class Rescale(NamedTuple):
    """(code x multiplier + added) / 2**shift, for one factor or one per channel."""

    multiplier: npt.NDArray[np.int64]  # () or (n,), positive
    shift: npt.NDArray[np.int64]  # () or (n,), 0 ... 62
    kind: Literal["none", "shift", "multiply"]  # what it costs
    added: npt.NDArray[np.int64] = NO_OFFSET  # () or (n,)


class FixedAffine(NamedTuple):
    """(code x multiplier + offset) / 2**shift."""

    multiplier: npt.NDArray[np.int64]  # () or (n,)
    offset: npt.NDArray[np.int64]  # () or (n,)
    shift: int  # negative: to the left


def rescale(ratio: npt.ArrayLike, bit_width: int, common_shift: bool = False) -> Rescale:
    """A positive ratio as multiplier and shift: exact for powers of two, else the nearest of `bit_width` bits.

    Parameters
    ----------
    ratio : () or (n,) float
        Factors, positive and finite.
    bit_width : int
        Width of the signed multiplier. [bits]
    common_shift : bool
        Whether all channels share the largest shift.

    Raises
    ------
    NetworkError
        When a ratio is so small or large that no shift of 0 to 62 bits serves it.
    """
    ratio = np.asarray(ratio, np.float64)
    mantissa, exponent = np.frexp(ratio)  # ratio = mantissa * 2**exponent, mantissa in [1/2, 1)
    if np.all(mantissa == 0.5):
        power = exponent.astype(np.int64) - 1
        low = np.minimum(power, 0) if not common_shift else np.full_like(power, min(0, int(power.min())))
        if np.any(-low > LARGEST_SHIFT) or np.any(power - low > 31):
            raise NetworkError(f"ratio of steps {ratio}: out of range")
        kind: Literal["none", "shift"] = "none" if np.all(power == 0) else "shift"
        return Rescale(np.left_shift(np.int64(1), power - low), -low, kind)
    if common_shift:
        exponent = np.full_like(exponent, exponent.max())
    shift = bit_width - 1 - exponent.astype(np.int64)
    multiplier = np.rint(np.ldexp(ratio, shift)).astype(np.int64)
    too_wide = multiplier == 2 ** (bit_width - 1)  # a mantissa that rounded up to one
    shift = shift - (bool(too_wide.any()) if common_shift else too_wide)
    multiplier = np.rint(np.ldexp(ratio, shift)).astype(np.int64)
    if np.any((shift < -31) | (shift > LARGEST_SHIFT)):
        raise NetworkError(f"ratio of steps {ratio}: out of the range of {bit_width}-bit multipliers")
    # a shift to the left is part of the factor
    return Rescale(np.left_shift(multiplier, np.maximum(-shift, 0)), np.maximum(shift, 0), "multiply")


def with_offset(fixed: Rescale, offset: npt.NDArray[np.float64]) -> Rescale:
    """A factor with a constant, in units of the result, at the factor's own resolution.

    Beside an exact factor the constant is exact, too, whatever the rounding after it: two more bits, of which the
    lowest says that there is a rest below (rounding to odd; Boldo & Melquiond, 2008).

    Raises
    ------
    NetworkError
        When the constant does not fit into 62 bits.
    """
    multiplier, shift, kind, _ = fixed
    is_whole = kind == "none" and offset.ndim == 0 and offset % 1 == 0  # codes that are only counted from elsewhere
    if kind != "multiply" and not is_whole:
        multiplier, shift, kind = multiplier << 2, shift + 2, "shift"
    with np.errstate(over="ignore"):
        exact = np.ldexp(offset, shift)
    if np.any(shift > LARGEST_SHIFT) or np.abs(exact).max() >= 2.0**61:
        raise NetworkError(f"an offset of up to {np.abs(offset).max():g} steps: out of range beside {shift} bits")
    whole = np.floor(exact)
    rounded = np.rint(exact) if kind == "multiply" else np.where(whole == exact, whole, whole + (whole % 2 == 0))
    return Rescale(multiplier, shift, kind, rounded.astype(np.int64))


def affine(scale: npt.ArrayLike, offset: npt.ArrayLike, step: npt.ArrayLike, bit_width: int) -> FixedAffine:
    """Take scale x (code x step) + offset in fixed point, all channels sharing one shift.

    Raises
    ------
    NetworkError
        When the factors are out of range.
    """
    factor = np.asarray(scale, np.float64) * np.asarray(step, np.float64)
    largest = np.abs(factor).max()
    if largest == 0 or not np.isfinite(largest):
        raise NetworkError("an Affine whose scale is zero everywhere, or not finite, is no layer")
    shift = bit_width - 1 - int(np.frexp(largest)[1])
    if np.rint(np.ldexp(largest, shift)) == 2 ** (bit_width - 1):
        shift -= 1
    offset_code = np.rint(np.ldexp(np.asarray(offset, np.float64), shift))
    if not -LARGEST_SHIFT <= shift <= LARGEST_SHIFT or np.abs(offset_code).max() >= 2**62:
        raise NetworkError(f"Affine factors up to {largest:g}: out of the range of {bit_width}-bit multipliers")
    return FixedAffine(np.rint(np.ldexp(factor, shift)).astype(np.int64), offset_code.astype(np.int64), shift)
