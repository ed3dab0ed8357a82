"""LAQ: loss-aware weights of few bits, on a linear grid or powers of two."""

from typing import TYPE_CHECKING

from hwsim.convert.declared import Option
from hwsim.network.number_format import NumberFormat
from hwsim.train.methods.method import Method, Options
from hwsim.train.methods.solved import HOU
from hwsim.train.recipe import LOSS_AWARE

if TYPE_CHECKING:
    import torch

    from hwsim.solvers import Levels
    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe


def _options(most: int) -> tuple[Option, ...]:
    rules = ("least-squares", "released")
    return (
        Option("bit_width", "bits of a weight.", int, 3, least=2, most=most, said="levels of {} bits"),
        Option("scale_rule", "least-squares or released.", default="least-squares", choices=rules),
    )


def _linear(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
    from hwsim.solvers import linear_levels

    bit_width = options["bit_width"]
    format = NumberFormat("integer", bit_width, narrow_range=True)
    return _quantizer(linear_levels(bit_width), format, options, latent)


def _logarithmic(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
    from hwsim.solvers import logarithmic_levels

    bit_width = options["bit_width"]
    return _quantizer(logarithmic_levels(bit_width), NumberFormat("power-of-two", bit_width), options, latent)


def _quantizer(levels: "Levels", format: NumberFormat, options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
    from hwsim.solvers import solve_laq
    from hwsim.train.loss_aware import SolvedWeight

    rule = options["scale_rule"]
    return SolvedWeight(lambda w, d, before: solve_laq(w, d, levels, rule, before), format, latent)


Method(
    name="laq-linear",
    sentence="weights on a linear grid, loss-aware (LAQ linear)",
    paper=HOU,
    format="m-bit integers, one scale",
    recipe=LOSS_AWARE,
    options=_options(most=8),
    quantizer=_linear,
)
Method(
    name="laq-log",
    sentence="weights that are powers of two, loss-aware (LAQ log)",
    paper=HOU,
    format="m-bit powers of two, one scale",
    recipe=LOSS_AWARE,
    options=_options(most=4),
    quantizer=_logarithmic,
)
