"""From accumulators or real numbers to codes."""

from typing import Any

import numpy as np

from hwsim.kernels.compile import kernel


@kernel
def quantize_integer(
    work: Any,
    total: np.ndarray,
    floor: int,
    multiplier: np.ndarray,
    shift: np.ndarray,
    constant: np.ndarray,
    lowest: int,
    highest: int,
    code: np.ndarray,
) -> int:
    """Clip(floor((max(total, floor) x multiplier + constant) / 2**shift)); return how many codes were clipped.

    Parameters
    ----------
    work : NumPy integer type
        Holds every product, with its constant, and n; the scalars below are of this type.
    total : (n_frame, >= n) int
        Accumulators, or codes of another step.
    floor : int
        Smallest value let through: 0 after a ReLU, else the smallest integer of `work`.
    multiplier, shift, constant : (n,) dtype `work`
        The constant holds 2**(shift - 1) to round to nearest.
    lowest, highest : int
        Range of codes, less the zero point.
    code : (n_frame, >= n) int
        Written. [codes less zero point]
    """
    clipped = 0
    for t in range(total.shape[0]):
        row, out = total[t], code[t]
        outside = work(0)  # as wide as the codes, so that the loop fills its vectors
        for j in range(multiplier.shape[0]):
            rounded = work(work(max(work(row[j]), floor) * multiplier[j] + constant[j]) >> shift[j])
            within = min(max(rounded, lowest), highest)
            outside = work(outside + work(within != rounded))
            out[j] = within
        clipped += outside
    return clipped


@kernel
def count_thresholds(total: np.ndarray, n: int, threshold: np.ndarray, lowest: int, code: np.ndarray) -> None:
    """Quantize codes to few levels: the lowest, plus one for each threshold that is reached.

    Parameters
    ----------
    total : (n_frame, >= n) uint8
        Codes of another step.
    n : int
        Codes per frame.
    threshold : (n_threshold,) uint8
        Ascending.
    lowest : int
        Level below the first threshold. [codes less zero point]
    code : (n_frame, >= n) int
        Written. [codes less zero point]
    """
    for t in range(total.shape[0]):
        row, out = total[t], code[t]
        for j in range(n):
            out[j] = lowest
        for k in range(threshold.shape[0]):
            reached = threshold[k]
            for j in range(n):
                out[j] += row[j] >= reached


@kernel
def settle_ties(
    total: np.ndarray,
    floor: int,
    multiplier: np.ndarray,
    shift: np.ndarray,
    constant: np.ndarray,
    lowest: int,
    highest: int,
    code: np.ndarray,
) -> int:
    """Move codes that `quantize_integer` rounded up from an exact half to the even code below.

    Parameters are those of `quantize_integer`, which has written `code`; all is done in 64 bits. Returns how many
    more codes are clipped.
    """
    clipped = 0
    for t in range(total.shape[0]):
        for j in range(multiplier.shape[0]):
            places = np.int64(shift[j])
            product = np.int64(max(np.int64(total[t, j]), np.int64(floor))) * np.int64(multiplier[j])
            raised = product + np.int64(constant[j])
            rounded = raised >> places
            tie = places > 0 and rounded << places == raised
            if tie and rounded & 1:
                if lowest < rounded <= highest:
                    code[t, j] = rounded - 1
                clipped += int(rounded == lowest) - int(rounded == highest + 1)
    return clipped


@kernel
def quantize_real(
    value: np.ndarray,
    floor: float,
    scale: np.ndarray,
    offset: np.ndarray,
    rounding: int,
    lowest: int,
    highest: int,
    code: np.ndarray,
) -> int:
    """Clip(round(max(value, floor) x scale + offset)) in float64; return how many codes were clipped.

    Parameters
    ----------
    value : (n_frame, >= n) float32
        Finite.
    floor : float
        Smallest value let through: 0 after a ReLU, else minus infinity.
    scale : (n,) float64
        Codes per unit.
    offset : (n,) float64
        Added before rounding. [codes]
    rounding : int
        0 half up, 1 half even, 2 down.
    lowest, highest : int
        Range of codes, less the zero point.
    code : (n_frame, >= n) int
        Written. [codes less zero point]
    """
    clipped = 0
    for t in range(value.shape[0]):
        for j in range(scale.shape[0]):
            exact = max(np.float64(value[t, j]), floor) * scale[j] + offset[j]
            # floor and the exact remainder, because x + 1/2 itself can round up just below a half
            whole = np.floor(exact)
            rest = exact - whole
            if rounding == 0:
                whole += rest >= 0.5
            elif rounding == 1:
                whole += rest > 0.5 or (rest == 0.5 and whole % 2 == 1)
            clipped += (whole < lowest) | (whole > highest)
            code[t, j] = np.int64(min(max(whole, np.float64(lowest)), np.float64(highest)))
    return clipped
