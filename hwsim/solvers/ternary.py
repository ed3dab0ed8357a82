"""Ternary weights of one scale: loss-aware, exact and approximate, and the rule of thumb of ternary weight networks."""

import numpy as np
import numpy.typing as npt

from hwsim.solvers.codes import CodeArray, Codes, Real, checked, checked_previous
from hwsim.solvers.grid import MAX_ITERATIONS, TERNARY, alternate, nearest, solve_exactly, weighted_mean

TWN_THRESHOLD = 0.7
"""Of the mean magnitude, below which a weight becomes zero (Li, Zhang & Liu 2016)."""


def solve_lat_exact(weight: npt.ArrayLike, curvature: npt.ArrayLike | None = None) -> Codes:
    """Codes -1, 0 and 1 of least error, in O(n log n).

    LATe of Hou & Kwok, ICLR 2018: of all numbers k of non-zero weights, the largest |w| first, the one with the
    largest (sum d |w|)^2 / sum d. Equal curvature solves the problem of ternary weight networks.

    Parameters
    ----------
    weight : array_like
        Real weights.
    curvature : array_like, optional
        d > 0, in the shape of the weights; 1 everywhere where not given.

    Raises
    ------
    SolverError
        For weights or curvatures that are not finite, or do not fit together.
    """
    code, scale = solve_exactly(*checked(weight, curvature), TERNARY)
    return Codes(code.reshape(np.shape(weight)), scale)


def solve_lat(
    weight: npt.ArrayLike,
    curvature: npt.ArrayLike | None = None,
    previous: npt.ArrayLike | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> Codes:
    """Codes -1, 0 and 1 of small error, by alternation (LATa of Hou & Kwok, ICLR 2018).

    Parameters
    ----------
    weight, curvature
        As for `solve_lat_exact`.
    previous : array_like, optional
        Codes to begin with, such as those of the training step before; only which of them are zero matters. Where
        not given, weights within 0.7 of the mean magnitude are zero to begin with.
    max_iterations : int
        Rounds at most.
    """
    w, d = checked(weight, curvature)
    if not w.any():
        return Codes(np.zeros(np.shape(weight), np.int8), 0.0)
    code, scale = alternate(
        w, d, TERNARY, weighted_mean(w, d, beginning(w, previous) != 0), "least-squares", max_iterations
    )
    return Codes(code.reshape(np.shape(weight)), scale)


def beginning(weight: Real, previous: npt.ArrayLike | None) -> CodeArray:
    """Codes for alternation to begin with: the previous ones, or those of the rule of thumb. (n,) int8"""
    if previous is not None:
        return np.sign(checked_previous(previous, weight.size)).astype(np.int8)
    return nearest(weight, 2 * TWN_THRESHOLD * float(np.abs(weight, dtype=np.float64).mean()), TERNARY)


def solve_twn(weight: npt.ArrayLike) -> Codes:
    """Codes of ternary weight networks' rule of thumb: zero within 0.7 of the mean |w|; the mean of the rest as scale.

    Li, Zhang & Liu, Ternary Weight Networks, 2016. `solve_lat_exact` without curvature solves that problem exactly.
    """
    w, d = checked(weight, None)
    code = beginning(w, None)
    scale = weighted_mean(w, d, code != 0) if code.any() else 0.0
    return Codes(code.reshape(np.shape(weight)), scale)
