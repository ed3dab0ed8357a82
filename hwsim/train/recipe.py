"""How the two papers train, apart from what their methods do to weights: losses, optimizers, schedules, evaluation.

What torch makes of it is in `hwsim.train.optimization`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from hwsim.train.architecture import Unit

Loss: TypeAlias = Literal["sum", "mean"]


@dataclass(frozen=True)
class Recipe:
    """Of one paper and one kind of data."""

    name: str
    source: str
    batch_size: int
    epochs: int  # published
    learning_rate: float
    last_learning_rate: float | None  # SGD, decayed exponentially by epoch to it; None: Adam, decayed in steps
    steps: tuple[float, ...]  # Adam: shares of the epochs after which the rate is multiplied
    factor: float  # Adam: by what
    loss: Loss  # over the outputs; the mean over the frames
    restate_batch_norm: bool  # whether means and variances are taken anew, over all frames, before an evaluation
    evaluate_every: int  # epochs

    def latent_reach(self, unit: "Unit") -> float:
        """Latent weights start uniform within plus or minus this."""
        area = unit.kernel**2
        if self.last_learning_rate is not None:  # Glorot & Bengio 2010; a pooled convolution has fewer outputs
            return float((6 / (unit.n_in * area + unit.n_out * area / unit.pool**2)) ** 0.5)
        return float((1.5 / ((unit.n_in + unit.n_out) * area)) ** 0.5)


_LIN = "Lin, Courbariaux, Memisevic & Bengio, Neural Networks with Few Multiplications, ICLR 2016, as in its code"
_HOU = "Hou & Kwok, Loss-aware Weight Quantization of Deep Networks, ICLR 2018, as in its code"

FEW = "few-multiplications"
LOSS_AWARE = "loss-aware"

RECIPES = {
    (FEW, False): Recipe(FEW, _LIN, 200, 1000, 0.3, 0.01, (), 1.0, "sum", True, 2),
    (FEW, True): Recipe(FEW, _LIN, 100, 300, 0.3, 0.001, (), 1.0, "sum", True, 2),
    (LOSS_AWARE, False): Recipe(LOSS_AWARE, _HOU, 100, 50, 0.01, None, (0.3, 0.5), 0.1, "mean", False, 1),
    (LOSS_AWARE, True): Recipe(
        LOSS_AWARE, _HOU, 50, 200, 0.002, None, tuple(k * 15 / 200 for k in range(1, 14)), 0.5, "mean", False, 1
    ),
}
"""By paper, and whether the network is convolutional."""
