"""Weights that a solver quantizes anew in every step, loss-aware or not: LAB, LAT, BWN and TWN."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from hwsim.network.number_format import BINARY, TERNARY, NumberFormat
from hwsim.train.methods.method import Maker, Method, Options
from hwsim.train.recipe import LOSS_AWARE

if TYPE_CHECKING:
    import torch

    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe

HOU = "Hou & Kwok, Loss-aware Weight Quantization of Deep Networks, ICLR 2018"

Solve: TypeAlias = Callable[[Any, Any, Any, Any], Any]
"""(`hwsim.solvers`, weights, curvature, previous codes) -> codes."""


def quantizer(solve: Solve, format: NumberFormat, curvature: bool = True) -> Maker:
    """What makes weights by a solver, for the curvature seen so far or without regard to it."""

    def make(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
        from hwsim import solvers
        from hwsim.train.loss_aware import SolvedWeight

        return SolvedWeight(lambda w, d, before: solve(solvers, w, d, before), format, latent, curvature)

    return make


Method(
    name="lab",
    sentence="binary weights, loss-aware (LAB)",
    paper="Hou, Yao & Kwok, Loss-aware Binarization of Deep Networks, ICLR 2017",
    format="binary, one scale",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, _: solvers.solve_lab(w, d), BINARY),
)
Method(
    name="lat-exact",
    sentence="ternary weights, loss-aware, each step solved exactly (LATe)",
    paper=HOU,
    format="ternary, one scale",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, _: solvers.solve_lat_exact(w, d), TERNARY),
)
Method(
    name="lat",
    sentence="ternary weights, loss-aware, each step solved by alternation (LATa)",
    paper=HOU,
    format="ternary, one scale",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, before: solvers.solve_lat(w, d, before), TERNARY),
)
Method(
    name="lat-two-scales-exact",
    sentence="ternary weights with a scale for each sign, loss-aware, solved exactly (LAT2e)",
    paper=HOU,
    format="two ternary terms",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, _: solvers.solve_lat_two_scales_exact(w, d), TERNARY),
)
Method(
    name="lat-two-scales",
    sentence="ternary weights with a scale for each sign, loss-aware, solved by alternation (LAT2a)",
    paper=HOU,
    format="two ternary terms",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, before: solvers.solve_lat_two_scales(w, d, before), TERNARY),
)
Method(
    name="bwn",
    sentence="binary weights with their mean magnitude as scale (BWN)",
    paper="Rastegari et al., XNOR-Net, ECCV 2016",
    format="binary, one scale",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, _: solvers.solve_lab(w), BINARY, curvature=False),
)
Method(
    name="twn",
    sentence="ternary weights by a threshold on their magnitude (TWN)",
    paper="Li, Zhang & Liu, Ternary Weight Networks, arXiv:1605.04711, 2016",
    format="ternary, one scale",
    recipe=LOSS_AWARE,
    quantizer=quantizer(lambda solvers, w, d, _: solvers.solve_twn(w), TERNARY, curvature=False),
)
