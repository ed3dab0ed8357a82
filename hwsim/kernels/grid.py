"""Weights on a grid of levels: the sums that decide its scale, and the level nearest to each weight.

Without branches on the weights: half of them would be mispredicted.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.kernels.compile import kernel


@kernel
def sum_nearest(
    weight: npt.NDArray[Any],
    curvature: npt.NDArray[Any],
    threshold: npt.NDArray[np.float64],
    rise: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
) -> None:
    """Sum over weights, each at its nearest level c: d |w| c, d c and d c^2.

    Parameters
    ----------
    weight, curvature : ndarray (n,) float32 or float64
        w and d.
    threshold : ndarray (n_level - 1,) float64
        Magnitudes above which the next level is the nearest.
    rise : ndarray (n_level - 1,) float64
        By how much each level is above the one before; the lowest is 0.
    total : ndarray (3,) float64
        Written: the three sums.
    """
    n_threshold = threshold.shape[0]
    first, second, third = 0.0, 0.0, 0.0
    for k in range(weight.shape[0]):
        magnitude = abs(np.float64(weight[k]))
        nearest = 0.0
        for j in range(n_threshold):
            nearest += rise[j] * np.float64(magnitude > threshold[j])
        weighted = np.float64(curvature[k]) * nearest
        first += weighted * magnitude
        second += weighted
        third += weighted * nearest
    total[0], total[1], total[2] = first, second, third


@kernel
def find_nearest(
    weight: npt.NDArray[Any],
    threshold: npt.NDArray[np.float64],
    rise: npt.NDArray[np.float64],
    code: npt.NDArray[np.int8],
) -> None:
    """Write the nearest level of each weight, with its sign; parameters as for `sum_nearest`. code: (n,) int8"""
    n_threshold = threshold.shape[0]
    for k in range(weight.shape[0]):
        magnitude = abs(np.float64(weight[k]))
        nearest = 0.0
        for j in range(n_threshold):
            nearest += rise[j] * np.float64(magnitude > threshold[j])
        code[k] = np.int8(nearest * (np.float64(weight[k] > 0) - np.float64(weight[k] < 0)))
