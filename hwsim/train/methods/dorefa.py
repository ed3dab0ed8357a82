"""DoReFa-Net's weights."""

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
    from hwsim.train.dorefa import DorefaWeight

    return DorefaWeight(options["bit_width"])


Method(
    name="dorefa",
    sentence="weights of few bits (DoReFa-Net)",
    paper="Zhou et al., DoReFa-Net, arXiv:1606.06160, 2016",
    format="odd integers of m + 1 bits, one scale",
    recipe=LOSS_AWARE,
    options=(Option("bit_width", "bits of a weight.", int, 3, least=1, most=6, said="weights of {} bits"),),
    quantizer=_quantizer,
)
