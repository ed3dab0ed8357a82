"""Trained ternary quantization."""

from typing import TYPE_CHECKING

from hwsim.train.methods.method import Method, Options
from hwsim.train.recipe import LOSS_AWARE

if TYPE_CHECKING:
    import torch

    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe


def _quantizer(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
    from hwsim.train.trained_ternary import TrainedTernaryWeight

    return TrainedTernaryWeight()


Method(
    name="ttq",
    sentence="ternary weights with two learned scales (TTQ)",
    paper="Zhu, Han, Mao & Dally, Trained Ternary Quantization, ICLR 2017",
    format="two ternary terms",
    recipe=LOSS_AWARE,
    quantizer=_quantizer,
)
