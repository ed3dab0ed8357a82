"""Weights on a grid of levels: the sums that decide its scale, and the level nearest to each weight."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel


@kernel
def sum_nearest(
    weight: npt.NDArray[Any],
    curvature: npt.NDArray[Any],
    scale: float,
    level: npt.NDArray[np.float64],
    threshold: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
) -> None:
    """Sum over weights, each at its nearest level c: d |w| c, d c and d c^2.

    Parameters
    ----------
    weight, curvature : ndarray (n,) float32 or float64
        w and d.
    scale : float
        Real value of level 1.
    level : ndarray (n_level,) float64
        Magnitudes of the levels, rising.
    threshold : ndarray (n_level - 1,) float64
        Between neighbouring levels; what lies on one belongs to the lower level.
    total : ndarray (3,) float64
        Written: the three sums.
    """
    first, second, third = 0.0, 0.0, 0.0
    for k in range(weight.shape[0]):
        magnitude = abs(np.float64(weight[k]))
        nearest = level[0]
        for j in range(threshold.shape[0]):
            if magnitude > threshold[j] * scale:
                nearest = level[j + 1]
        weighted = np.float64(curvature[k]) * nearest
        first += weighted * magnitude
        second += weighted
        third += weighted * nearest
    total[0], total[1], total[2] = first, second, third


@kernel
def find_nearest(
    weight: npt.NDArray[Any],
    scale: float,
    level: npt.NDArray[np.float64],
    threshold: npt.NDArray[np.float64],
    code: npt.NDArray[np.int8],
) -> None:
    """Write the nearest level of each weight, with its sign; parameters as for `sum_nearest`. code: (n,) int8"""
    for k in range(weight.shape[0]):
        magnitude = abs(np.float64(weight[k]))
        nearest = level[0]
        for j in range(threshold.shape[0]):
            if magnitude > threshold[j] * scale:
                nearest = level[j + 1]
        code[k] = np.int8(-nearest if weight[k] < 0 else nearest)
