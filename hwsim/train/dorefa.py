"""DoReFa-Net's weights: m bits between -1 and 1 (Zhou et al., DoReFa-Net, 2016, eq. 9)."""

import torch

from hwsim.network.number_format import NumberFormat
from hwsim.train.quantizer import Term, WeightQuantizer, straight_through


class DorefaWeight(WeightQuantizer):
    """2 q(tanh w / (2 max |tanh w|) + 1/2) - 1, where q rounds to one of 2^m levels from 0 to 1.

    The levels are the odd multiples of 1 / (2^m - 1), so that a code takes m + 1 bits.
    """

    def __init__(self, bit_width: int) -> None:
        super().__init__()
        self.n_step = 2**bit_width - 1
        self.format = NumberFormat("integer", bit_width + 1, narrow_range=True)

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """The levels, with a gradient that passes tanh but not the rounding."""
        return straight_through(self._smooth(latent), self.quantized(latent.detach()))

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """Odd codes, and what code 1 is worth."""
        level = torch.floor((self._smooth(latent) / 2 + 0.5) * self.n_step + 0.5)
        code = (2 * level - self.n_step).to(torch.int8).numpy()
        return (Term(code, self.format, 1 / self.n_step),)

    def _smooth(self, latent: torch.Tensor) -> torch.Tensor:
        bent = torch.tanh(latent)
        return bent / bent.detach().abs().max().clamp(min=1e-12)
