"""Learned step size quantization, of weights and activations."""

from typing import TYPE_CHECKING

from hwsim.convert.declared import Option
from hwsim.train.methods.method import Method, Options
from hwsim.train.recipe import LOSS_AWARE

if TYPE_CHECKING:
    import torch

    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe


def _quantizer(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
    from hwsim.train.learned_step import LearnedStepWeight

    return LearnedStepWeight(options["bit_width"], unit.n_weight)


Method(
    name="lsq",
    sentence="weights and activations of few bits, with learned steps (LSQ)",
    paper="Esser et al., Learned Step Size Quantization, ICLR 2020",
    format="m-bit integers throughout, one scale",
    recipe=LOSS_AWARE,
    options=(Option("bit_width", "bits of a weight.", int, 3, least=2, most=8, said="weights of {} bits"),),
    quantizer=_quantizer,
    quantized_activations=True,
)
