"""Trained ternary quantization: a scale for each sign, learned (Zhu, Han, Mao & Dally, ICLR 2017)."""

import numpy as np
import torch
from torch import nn

from hwsim.network.number_format import TERNARY
from hwsim.train.quantizer import Term, WeightQuantizer

THRESHOLD = 0.05
"""Of the largest magnitude; weights within are zero."""
LEAST_SCALE = 1e-6


class TrainedTernaryWeight(WeightQuantizer):
    """Ternary weights whose two scales are parameters.

    A latent weight's gradient is the quantized one's, times the scale of its sign where it is not zero (eq. 8).
    """

    reach = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.positive, self.negative = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))

    @torch.no_grad()
    def start(self, latent: torch.Tensor) -> None:
        """Scales start as the mean magnitudes of what they stand for."""
        code = self._code(latent)
        for scale, sign in ((self.positive, 1), (self.negative, -1)):
            scale.fill_(latent[code == sign].abs().mean().nan_to_num(1.0))

    def _code(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.where(latent.abs() > THRESHOLD * latent.abs().max(), latent.sign(), 0.0)

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """Codes x scales; the last summand is zero and carries the latent weights' gradient."""
        code = self._code(latent.detach())
        scale = torch.where(code > 0, self.positive.detach(), torch.where(code < 0, self.negative.detach(), 1.0))
        used = self.positive * (code > 0) - self.negative * (code < 0)
        return used + scale * (latent - latent.detach())

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """A term for each sign."""
        code, ternary = self._code(latent.detach()).to(torch.int8).numpy(), TERNARY
        return (
            Term(np.maximum(code, 0), ternary, float(self.positive.detach())),
            Term(np.minimum(code, 0), ternary, float(self.negative.detach())),
        )

    @torch.no_grad()
    def after_step(self, latent: nn.Parameter) -> None:
        """Clip; keep the scales positive."""
        super().after_step(latent)
        for scale in (self.positive, self.negative):
            scale.clamp_(min=LEAST_SCALE)
