"""The one problem behind all: weights on a grid of levels with one scale, solved exactly or by alternation."""

from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from hwsim.kernels.grid import find_nearest, sum_nearest
from hwsim.solvers.codes import CodeArray, Real, SolverError, near_one

ScaleRule: TypeAlias = Literal["least-squares", "released"]

MAX_ITERATIONS = 10
TOLERANCE = 1e-6
"""Of the published code: so many rounds of alternation after the first, or until the scale changes by less."""


class Levels(NamedTuple):
    """Magnitudes of codes, whole numbers that rise from 0 up to 127 at most; a scale says what code 1 is worth."""

    magnitude: tuple[int, ...]

    @property
    def top(self) -> int:
        """The largest code."""
        return self.magnitude[-1]

    @property
    def arrays(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Thresholds halfway between neighbouring levels, and by how much each level is above the one before.

        Raises
        ------
        SolverError
            For magnitudes that are no levels.
        """
        rising = all(low < high for low, high in pairwise(self.magnitude))
        if len(self.magnitude) < 2 or self.magnitude[0] != 0 or self.top > 127 or not rising:
            raise SolverError(f"levels {self.magnitude}; expected whole numbers that rise from 0, up to 127 at most")
        level = np.asarray(self.magnitude, np.float64)
        return (level[1:] + level[:-1]) / 2, np.diff(level)


TERNARY = Levels((0, 1))


def nearest(weight: Real, scale: float, levels: Levels) -> CodeArray:
    """The code nearest to each weight. (n,) int8"""
    code = np.empty(weight.shape, np.int8)
    threshold, rise = levels.arrays
    find_nearest(weight, threshold * scale, rise, code)
    return code


def solve_exactly(weight: Real, curvature: Real, levels: Levels) -> tuple[CodeArray, float]:
    """The scale and the codes of least error, in O(n m log(n m)) for m levels.

    For a fixed scale the nearest levels are best, and for fixed codes c the scale A / B with A = sum d |w| c and
    B = sum d c^2, which leaves the error 1/2 (sum d w^2 - A^2 / B). As the scale falls from infinity, weights climb
    the levels one at a time, at scales known beforehand: of all sets of codes on that way, the one of largest
    A^2 / B is best of all. With levels 0 and 1 this is LATe of Hou & Kwok 2018: sort, compare prefix sums.

    Parameters
    ----------
    weight, curvature : ndarray (n,)
        w, and d > 0.
    levels : Levels
        The grid.

    Returns
    -------
    code : ndarray (n,) int8
    scale : float
        0 where all weights are zero.
    """
    threshold, rise = levels.arrays
    magnitude, weighted, exponent = near_one(weight, curvature)
    if not magnitude.any():
        return np.zeros(weight.shape, np.int8), 0.0
    falling = np.argsort(-(magnitude[:, None] / threshold).ravel())
    product = np.outer(weighted * magnitude, rise).ravel()[falling].cumsum()
    # c^2 - b^2 = (c - b) x (c + b), and thresholds are halfway
    square = np.outer(weighted, 2 * rise * threshold).ravel()[falling].cumsum()
    best = int(np.argmax(product**2 / square))
    scale = float(np.ldexp(product[best] / square[best], exponent))
    return nearest(weight, scale, levels), scale


def alternate(
    weight: Real,
    curvature: Real,
    levels: Levels,
    reach: float,
    rule: ScaleRule = "least-squares",
    max_iterations: int = MAX_ITERATIONS,
) -> tuple[CodeArray, float]:
    """Nearest codes and the best scale for them in turn.

    Parameters
    ----------
    weight, curvature : ndarray (n,)
        w, and d > 0.
    levels : Levels
        The grid.
    reach : float
        Value of the largest level to begin with.
    rule : {"least-squares", "released"}
        The scale of given codes c: sum d |w| c / sum d c^2, or, as in the code that Hou & Kwok published, the value
        of the largest level is sum d |w| c / sum d c (the same where the only levels are 0 and 1).
    max_iterations : int
        Rounds at most; fewer when the largest level's value changes by less than 1e-6.

    Returns
    -------
    code : ndarray (n,) int8
        Nearest for the scale, as published.
    scale : float

    Raises
    ------
    SolverError
        For an unknown rule, or no rounds.
    """
    if rule not in get_args(ScaleRule) or max_iterations < 1:
        known = " or ".join(get_args(ScaleRule))
        raise SolverError(f"scale rule {rule!r}, {max_iterations} rounds; expected {known}, and one round or more")
    (threshold, rise), total = levels.arrays, np.empty(3)
    after = reach
    for _ in range(max_iterations):
        before = after
        sum_nearest(weight, curvature, threshold * (before / levels.top), rise, total)
        if total[1] == 0:  # no weight reaches the first level
            break
        after = float(total[0] / total[1] if rule == "released" else levels.top * total[0] / total[2])
        if abs(after - before) < TOLERANCE:
            break
    return nearest(weight, after / levels.top, levels), after / levels.top


def best_scale(weight: Real, curvature: Real, code: npt.NDArray[Any]) -> float:
    """The scale of least error for given codes, some of them not zero, as if each had the sign of its weight."""
    magnitude = np.abs(code, dtype=np.float64)
    weighted = curvature * magnitude
    return float(np.dot(weighted, np.abs(weight, dtype=np.float64)) / np.dot(weighted, magnitude))


def weighted_mean(weight: Real, curvature: Real, chosen: npt.NDArray[np.bool_]) -> float:
    """Mean magnitude of the chosen weights, weighted by curvature; of all weights where none is chosen."""
    d = (curvature * chosen if chosen.any() else curvature).astype(np.float64)
    return float(np.dot(d, np.abs(weight, dtype=np.float64)) / d.sum())
