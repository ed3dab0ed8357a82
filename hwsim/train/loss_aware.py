"""Loss-aware weights: codes and scales that `hwsim.solvers` finds anew in every step, for the curvature seen so far.

Hou & Kwok, Loss-aware Weight Quantization of Deep Networks, ICLR 2018, and the code published with it: gradients are
taken at the quantized weights and applied to latent ones, which are clipped to -1 ... 1; the curvature is the root of
a moving mean of squared gradients, kept apart from Adam's, without bias correction. Without curvature these are the
plain methods (BWN, TWN).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hwsim.network.number_format import NumberFormat
from hwsim.solvers import Codes, TwoScaleCodes
from hwsim.train.quantizer import Term, WeightQuantizer, straight_through, sum_of

Array: TypeAlias = npt.NDArray[Any]
Solver: TypeAlias = Callable[[Array, Array | None, Array | None], Codes | TwoScaleCodes]
"""(weights, curvature or None, previous codes or None) -> codes."""

DECAY = 0.999
"""Of the moving mean of squared gradients."""
LEAST_CURVATURE = 1e-8


class SolvedWeight(WeightQuantizer):
    """Weights that a solver quantizes.

    Parameters
    ----------
    solve : Solver
        Of `hwsim.solvers`.
    format : NumberFormat
        Of the codes.
    latent : Tensor
        Whose shape the quantizer is made for.
    curvature : bool
        Whether squared gradients weight the error.
    """

    reach = 1.0

    def __init__(self, solve: Solver, format: NumberFormat, latent: torch.Tensor, curvature: bool = True) -> None:
        super().__init__()
        self.solve, self.format = solve, format
        self.register_buffer("squared_gradient", torch.zeros_like(latent) if curvature else None)
        self.register_buffer("previous", torch.zeros(latent.shape, dtype=torch.int8))
        self.register_buffer("solved_before", torch.zeros((), dtype=torch.bool))
        self.squared_gradient: torch.Tensor | None
        self.previous: torch.Tensor
        self.solved_before: torch.Tensor

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """Solve, from where the last step ended, and remember where this one ends."""
        solved = self._solved(latent.detach())
        self.previous.copy_(torch.from_numpy(solved.code))
        self.solved_before.fill_(True)
        return straight_through(latent, sum_of(self._terms(solved), latent))

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """Solve, and remember nothing."""
        return self._terms(self._solved(latent.detach()))

    @torch.no_grad()
    def after_step(self, latent: nn.Parameter) -> None:
        """Clip, and let the gradient into the moving mean."""
        super().after_step(latent)
        if self.squared_gradient is not None and latent.grad is not None:
            self.squared_gradient.mul_(DECAY).addcmul_(latent.grad, latent.grad, value=1 - DECAY)

    def _solved(self, latent: torch.Tensor) -> Codes | TwoScaleCodes:
        curvature = None
        if self.squared_gradient is not None:
            curvature = (self.squared_gradient.sqrt() + LEAST_CURVATURE).numpy()
        return self.solve(latent.numpy(), curvature, self.previous.numpy() if self.solved_before else None)

    def _terms(self, solved: Codes | TwoScaleCodes) -> tuple[Term, ...]:
        if isinstance(solved, Codes):
            return (Term(solved.code, self.format, solved.scale),)
        positive, negative = np.maximum(solved.code, 0), np.minimum(solved.code, 0)
        return Term(positive, self.format, solved.positive), Term(negative, self.format, solved.negative)
