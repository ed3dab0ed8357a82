"""Functions of numbers that NumPy lacks."""

import math

import numpy as np

from hwsim.kernels.compile import kernel


@kernel
def error_function(value: np.ndarray, out: np.ndarray) -> None:
    """2 / sqrt(pi) times the integral of exp(-t²) from 0 to each value.

    Parameters
    ----------
    value : (n,) float64
    out : (n,) float64
        Written.
    """
    for k in range(value.size):
        out[k] = math.erf(value[k])
