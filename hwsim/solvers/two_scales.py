"""Ternary weights with a scale for each sign (Hou & Kwok, ICLR 2018): two problems, which share nothing."""

import numpy as np
import numpy.typing as npt

from hwsim.solvers.codes import CodeArray, TwoScaleCodes, checked
from hwsim.solvers.grid import MAX_ITERATIONS, TERNARY, alternate, solve_exactly, weighted_mean
from hwsim.solvers.ternary import beginning


def solve_lat_two_scales_exact(weight: npt.ArrayLike, curvature: npt.ArrayLike | None = None) -> TwoScaleCodes:
    """Codes -1, 0 and 1 and a scale for each sign, of least error, in O(n log n): `solve_lat_exact` on either side.

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
    w, d = checked(weight, curvature)
    sides = []
    for sign in (1, -1):
        chosen = sign * w > 0
        sides.append((chosen, *(solve_exactly(w[chosen], d[chosen], TERNARY) if chosen.any() else _nothing())))
    return _joined(weight, sides)


def solve_lat_two_scales(
    weight: npt.ArrayLike,
    curvature: npt.ArrayLike | None = None,
    previous: npt.ArrayLike | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> TwoScaleCodes:
    """Codes and two scales of small error, by alternation on either side.

    Parameters
    ----------
    weight, curvature
        As for `solve_lat_two_scales_exact`.
    previous : array_like, optional
        Codes to begin with; zeros count as positive then, as in the published code. Where not given, weights within
        0.7 of the mean magnitude are zero to begin with.
    max_iterations : int
        Rounds at most.
    """
    w, d = checked(weight, curvature)
    before = beginning(w, previous)
    sides = []
    for sign, began in ((1, before >= 0), (-1, before < 0)):
        chosen = sign * w > 0
        solved = _nothing()
        if chosen.any():
            side, reach = w[chosen], weighted_mean(w, d, began if began.any() else chosen)
            if 2 * np.abs(side).max() <= reach:  # other weights began it, and none of its own would be left
                reach = weighted_mean(w, d, chosen)
            solved = alternate(side, d[chosen], TERNARY, reach, max_iterations=max_iterations)
        sides.append((chosen, *solved))
    return _joined(weight, sides)


def _nothing() -> tuple[CodeArray, float]:
    """Of a side without weights."""
    return np.zeros(0, np.int8), 0.0


def _joined(weight: npt.ArrayLike, sides: list[tuple[npt.NDArray[np.bool_], CodeArray, float]]) -> TwoScaleCodes:
    code = np.zeros(np.size(weight), np.int8)
    for chosen, side, _ in sides:
        code[chosen] = side
    return TwoScaleCodes(code.reshape(np.shape(weight)), sides[0][2], sides[1][2])
