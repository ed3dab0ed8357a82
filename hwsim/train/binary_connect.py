"""BinaryConnect and TernaryConnect: weights drawn anew, binary or ternary, for every minibatch.

Courbariaux, Bengio & David, BinaryConnect, NIPS 2015; Lin, Courbariaux, Memisevic & Bengio, Neural Networks with
Few Multiplications, ICLR 2016. The same draw serves a minibatch's forward and backward pass.
"""

import torch

from hwsim.network.number_format import NumberFormat
from hwsim.train.quantizer import Term, WeightQuantizer, straight_through


def sample_binary(latent: torch.Tensor, reach: float, generator: torch.Generator | None = None) -> torch.Tensor:
    """-reach or reach for each latent weight, so that the mean is the latent weight.

    Parameters
    ----------
    latent : Tensor
        w; what lies beyond -reach ... reach counts as its nearer end.
    reach : float
        P(reach) = (w / reach + 1) / 2.
    generator : torch.Generator, optional
        Torch's own unless given.
    """
    drawn = torch.rand(latent.shape, generator=generator, dtype=latent.dtype) * (2 * reach) - reach
    return torch.where(drawn < latent, reach, -reach)


def sample_ternary(latent: torch.Tensor, reach: float, generator: torch.Generator | None = None) -> torch.Tensor:
    """-reach, 0 or reach for each latent weight, of its sign or zero, so that the mean is the latent weight.

    Parameters are those of `sample_binary`; P(not zero) = |w| / reach.
    """
    drawn = torch.rand(latent.shape, generator=generator, dtype=latent.dtype) * reach
    return torch.where(drawn < latent.abs(), latent.sign() * reach, 0.0)


class ConnectWeight(WeightQuantizer):
    """Weights of plus or minus `reach`, or zero if ternary.

    Parameters
    ----------
    format : NumberFormat
        Binary or ternary.
    reach : float
        Of the weights; latent ones are clipped to it. In the published code sqrt(6 / (fan in + fan out)) / 2, and
        latent weights start within twice as much.
    stochastic : bool
        Whether they are drawn. Otherwise they are the nearest levels, as they are in the quantized network.
    """

    def __init__(self, format: NumberFormat, reach: float, stochastic: bool = True) -> None:
        super().__init__()
        self.format, self.reach, self.stochastic = format, reach, stochastic

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """A draw, or the nearest levels."""
        assert self.reach is not None
        if not self.stochastic:
            return super().training_weight(latent)
        sample = sample_binary if self.format.kind == "binary" else sample_ternary
        return straight_through(latent, sample(latent.detach(), self.reach))

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """The nearest levels; of a binary weight zero is positive."""
        assert self.reach is not None
        if self.format.kind == "binary":
            code = torch.where(latent >= 0, 1, -1)
        else:
            code = torch.where(latent.abs() > self.reach / 2, latent.sign(), 0.0)
        return (Term(code.to(torch.int8).numpy(), self.format, self.reach),)
