"""How sure an accuracy is, and whether two rows that saw the same frames differ in theirs.

Both hold for frames drawn independently of each other; those of a video are not, and then say less than it seems.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.errors import DataError

CONFIDENCE = 0.95
"""Of intervals; a difference is taken for one where its p is below what this leaves."""

TOLERANCE = 1.0
"""How far from the baseline an accuracy may be to count as the same, unless said. [points]"""


class Interval(NamedTuple):
    """Where an accuracy may be, as fractions of the frames."""

    low: float
    high: float


class Paired(NamedTuple):
    """Two rows on the same frames: on how many only one of them is right."""

    n_frame: int
    n_better: int  # only this one
    n_worse: int  # only the other

    @property
    def difference(self) -> float:
        """By how much this one is right more often. [points]"""
        return 100 * (self.n_better - self.n_worse) / self.n_frame

    @property
    def p(self) -> float:
        """Probability of frames at least as unequal, were both equally good: McNemar's test, exact.

        Among frames on which one alone is right, it is either with a probability of one half (Q. McNemar, Note on the
        sampling error of the difference between correlated proportions or percentages, Psychometrika 12, 1947).
        """
        from scipy.stats import binomtest

        n_apart = self.n_better + self.n_worse
        return float(binomtest(self.n_better, n_apart, 0.5).pvalue) if n_apart else 1.0

    @property
    def may_be_zero(self) -> bool:
        """Whether chance alone explains the difference."""
        return self.p >= 1 - CONFIDENCE

    def is_within(self, tolerance: float) -> bool:
        """Whether the difference is at most so many points."""
        # a point is a point: 97.4 against 98.4 must not fail for the last bit of a float
        return abs(self.difference) <= tolerance * (1 + 1e-9)

    def is_same(self, tolerance: float) -> bool:
        """Whether the two have the same accuracy: apart by at most so many points, or by what may be chance."""
        return self.is_within(tolerance) or self.may_be_zero


def interval(n_right: int, n_frame: int) -> Interval:
    """The interval of 95 % of an accuracy.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, J. Am. Stat. Assoc. 22, 1927.

    Parameters
    ----------
    n_right, n_frame : int
        Frames that are right, of so many.
    """
    from scipy.stats import binomtest

    found = binomtest(n_right, n_frame).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(found.low), float(found.high))


def paired(right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> Paired:
    """Compare two rows on the same frames.

    Parameters
    ----------
    right, other : (n_frame,) bool
        Whether each frame is right.
    """
    return Paired(right.size, int(np.sum(right & ~other)), int(np.sum(other & ~right)))


def checked_tolerance(tolerance: float) -> float:
    """Points of accuracy, as they were given.

    Raises
    ------
    DataError
        When they are none.
    """
    if not (math.isfinite(tolerance) and 0 <= tolerance <= 100):
        raise DataError(f"accuracy tolerance {tolerance!r}: write points of accuracy, 0 to 100")
    return float(tolerance)
