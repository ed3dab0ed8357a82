"""Weights of m bits on a linear or logarithmic grid (LAQ of Hou & Kwok, ICLR 2018)."""

import numpy as np
import numpy.typing as npt

from hwsim.solvers.codes import Codes, SolverError, checked, checked_previous
from hwsim.solvers.grid import MAX_ITERATIONS, Levels, ScaleRule, alternate, best_scale, solve_exactly, weighted_mean
from hwsim.solvers.ternary import beginning

FROM_AFAR = 40
"""Rounds at most of the least-squares rule where no codes are given to begin with, enough for it to settle."""


def linear_levels(bit_width: int) -> Levels:
    """0, 1, ..., k with k = 2^(m-1) - 1: the paper's {0, 1/k, ..., 1} in units of 1/k."""
    return Levels(tuple(range(_largest(bit_width, range(2, 9)) + 1)))


def logarithmic_levels(bit_width: int) -> Levels:
    """0, 1, 2, 4, ..., 2^(k-1) with k = 2^(m-1) - 1: the paper's {0, 2^-(k-1), ..., 1/2, 1} in units of the least."""
    return Levels((0, *(2**power for power in range(_largest(bit_width, range(2, 5))))))


def _largest(bit_width: int, allowed: range) -> int:
    if bit_width not in allowed:
        raise SolverError(f"levels of {bit_width} bits; write {allowed[0]} to {allowed[-1]}")
    return int(2 ** (bit_width - 1) - 1)


def solve_laq(
    weight: npt.ArrayLike,
    curvature: npt.ArrayLike | None = None,
    levels: Levels = linear_levels(3),  # noqa: B008
    rule: ScaleRule = "least-squares",
    previous: npt.ArrayLike | None = None,
    max_iterations: int | None = None,
) -> Codes:
    """Codes on a grid and their scale, of small error, by alternation.

    Parameters
    ----------
    weight : array_like
        Real weights.
    curvature : array_like, optional
        d > 0, in the shape of the weights; 1 everywhere where not given.
    levels : Levels
        The grid: `linear_levels` or `logarithmic_levels`.
    rule : {"least-squares", "released"}
        How the scale of given codes is found. The published code divides by sum d |b|, where the least error wants
        sum d b^2; on grids of more than three levels the former shrinks the range and clips.
    previous : array_like, optional
        Codes to begin with; of the released rule, only which of them are zero matters.
    max_iterations : int, optional
        Rounds at most; 10, as published, unless said, and 40 of the least-squares rule without previous codes.

    Raises
    ------
    SolverError
        For weights or curvatures that are not finite, or do not fit together or to the previous codes; for levels or
        a rule that are none, or no rounds.
    """
    w, d = checked(weight, curvature)
    if not w.any():
        return Codes(np.zeros(np.shape(weight), np.int8), 0.0)
    if previous is not None and rule == "least-squares" and np.any(previous):
        began = levels.top * best_scale(w, d, checked_previous(previous, w.size))
    else:
        began = weighted_mean(w, d, beginning(w, previous) != 0)
    rounds = FROM_AFAR if previous is None and rule == "least-squares" else MAX_ITERATIONS
    code, scale = alternate(w, d, levels, began, rule, rounds if max_iterations is None else max_iterations)
    return Codes(code.reshape(np.shape(weight)), scale)


def solve_laq_exact(
    weight: npt.ArrayLike,
    curvature: npt.ArrayLike | None = None,
    levels: Levels = linear_levels(3),  # noqa: B008
) -> Codes:
    """Codes on a grid and their scale, of least error: what alternation is measured by, not part of the paper.

    Parameters and errors are those of `solve_laq`. Takes O(n m log(n m)) for n weights and m levels.
    """
    code, scale = solve_exactly(*checked(weight, curvature), levels)
    return Codes(code.reshape(np.shape(weight)), scale)
