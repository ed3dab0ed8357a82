"""Weights as codes and a scale: the minimization problems that loss-aware quantization solves in every step.

Plain functions of arrays, without torch. All minimize the error that a diagonal curvature d makes of the difference
between real weights w and quantized ones,

    1/2 sum_i d_i (w_i - scale x code_i)^2,

which is the loss's own second-order model (Hou & Kwok, Loss-aware Weight Quantization of Deep Networks, ICLR 2018,
after Hou, Yao & Kwok, Loss-aware Binarization of Deep Networks, ICLR 2017); equal curvature gives the plain problems
(BWN of Rastegari et al., XNOR-Net, ECCV 2016; TWN of Li, Zhang & Liu, Ternary Weight Networks, 2016).
"""

from hwsim.solvers.binary import solve_lab
from hwsim.solvers.codes import Codes, SolverError, TwoScaleCodes, weighted_error
from hwsim.solvers.grid import Levels
from hwsim.solvers.levels import linear_levels, logarithmic_levels, solve_laq, solve_laq_exact
from hwsim.solvers.ternary import solve_lat, solve_lat_exact, solve_twn
from hwsim.solvers.two_scales import solve_lat_two_scales, solve_lat_two_scales_exact

__all__ = [
    "Codes",
    "Levels",
    "SolverError",
    "TwoScaleCodes",
    "linear_levels",
    "logarithmic_levels",
    "solve_lab",
    "solve_laq",
    "solve_laq_exact",
    "solve_lat",
    "solve_lat_exact",
    "solve_lat_two_scales",
    "solve_lat_two_scales_exact",
    "solve_twn",
    "weighted_error",
]
