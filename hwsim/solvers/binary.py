"""Binary weights: loss-aware binarization, and with equal curvature the binary weights of XNOR-Net."""

import numpy as np
import numpy.typing as npt

from hwsim.solvers.codes import Codes, checked, near_one


def solve_lab(weight: npt.ArrayLike, curvature: npt.ArrayLike | None = None) -> Codes:
    """Codes -1 and 1 of least error, in closed form: sign(w), of which zero is positive, and sum d |w| / sum d.

    Hou, Yao & Kwok, Loss-aware Binarization of Deep Networks, ICLR 2017. Without curvature the scale is the mean of
    the magnitudes: BWN of Rastegari et al., XNOR-Net, ECCV 2016.

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
    magnitude, weighted, exponent = near_one(w, d)
    scale = np.ldexp(np.dot(weighted, magnitude) / weighted.sum(), exponent)
    code = np.where(w >= 0, 1, -1).astype(np.int8)
    return Codes(code.reshape(np.shape(weight)), float(scale))
