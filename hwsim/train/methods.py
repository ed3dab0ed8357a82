"""The methods by name, each with what it makes of a layer's weights and the options it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch

from hwsim import solvers
from hwsim.errors import UnknownNameError
from hwsim.network.number_format import BINARY, NumberFormat
from hwsim.solvers import SolverError
from hwsim.train import TrainingError
from hwsim.train.architecture import Unit
from hwsim.train.back_propagation import GradientRule
from hwsim.train.binary_connect import ConnectWeight
from hwsim.train.dorefa import DorefaWeight
from hwsim.train.learned_step import LearnedStepWeight
from hwsim.train.loss_aware import SolvedWeight, Solver
from hwsim.train.quantizer import WeightQuantizer
from hwsim.train.recipe import FEW, LOSS_AWARE, Recipe
from hwsim.train.trained_ternary import TrainedTernaryWeight

Options: TypeAlias = dict[str, Any]
Maker: TypeAlias = Callable[[Unit, Recipe, Options, torch.Tensor], WeightQuantizer]
Variant: TypeAlias = Literal["quantized", "latent"]

TERNARY = NumberFormat.parse("ternary")

BIT_WIDTH: Options = {"bit_width": 3}
CONNECT: Options = {"deterministic": False, "batch_norm_gradient": "exact"}
BACK_PROPAGATION: Options = {"max_shift": None, "zero": "zero"}


@dataclass(frozen=True)
class Method:
    """What `hwsim train METHOD` can train."""

    name: str
    what: str  # in a sentence
    recipe: str  # of which paper
    quantizer: Maker | None = None
    options: Options = field(default_factory=dict)  # with their defaults
    quantized_gradient: bool = False  # quantized back-propagation
    activation_bit_width: bool = False  # whether activations have the bit width too, so that networks are of integers
    variants: tuple[Variant, ...] = ("quantized",)  # exported

    def given(self, options: Options) -> Options:
        """Every option with its value.

        Raises
        ------
        TrainingError
            For an option that the method does not have.
        """
        for name in options:
            if name not in self.options:
                known = ", ".join(each.replace("_", "-") for each in self.options) or "none"
                raise TrainingError(f"method {self.name} has no option {name.replace('_', '-')}; it has: {known}")
        return self.options | options

    def gradient_rule(self, options: Options) -> GradientRule:
        """How weight gradients are computed."""
        return GradientRule(
            quantized=self.quantized_gradient,
            max_shift=options.get("max_shift"),
            zero=options.get("zero", "zero"),
            batch_norm=options.get("batch_norm_gradient", "exact"),
        )


def _connect(format: NumberFormat) -> Maker:
    def make(unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
        # latent weights start within twice the reach
        return ConnectWeight(format, recipe.latent_reach(unit) / 2, stochastic=not options["deterministic"])

    return make


def _solved(solve: Solver, format: NumberFormat, curvature: bool = True) -> Maker:
    def make(unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
        return SolvedWeight(solve, format, latent, curvature)

    return make


def _on_grid(grid: str) -> Maker:
    def make(unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
        bit_width = options["bit_width"]
        levels = solvers.linear_levels(bit_width) if grid == "linear" else solvers.logarithmic_levels(bit_width)
        kind: Literal["integer", "power-of-two"] = "integer" if grid == "linear" else "power-of-two"
        format = NumberFormat(kind, bit_width, narrow_range=kind == "integer")
        rule = options["scale_rule"]
        return SolvedWeight(lambda w, d, before: solvers.solve_laq(w, d, levels, rule, before), format, latent)

    return make


def _dorefa(unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
    return DorefaWeight(_width(options, 1, 6))


def _learned_step(unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
    return LearnedStepWeight(_width(options, 2, 8), unit.n_weight)


def _width(options: Options, least: int, most: int) -> int:
    bit_width: int = options["bit_width"]
    if not least <= bit_width <= most:
        raise TrainingError(f"weights of {bit_width} bits; write {least} to {most}")
    return bit_width


def _connect_methods() -> list[Method]:
    """Of Lin et al. 2016."""
    methods = [Method("full-precision", "float (fp32) weights", FEW, options={"recipe": FEW})]
    for shifted in (False, True):
        for kind, format, name in (("binary", BINARY, "BinaryConnect"), ("ternary", TERNARY, "TernaryConnect")):
            what = f"{kind} weights drawn anew for every minibatch ({name})"
            methods.append(
                Method(
                    f"{kind}-connect{'-qbp' if shifted else ''}",
                    f"{what}; weight gradients by shifts (quantized back-propagation)" if shifted else what,
                    FEW,
                    _connect(format),
                    CONNECT | BACK_PROPAGATION if shifted else CONNECT,
                    quantized_gradient=shifted,
                    variants=("quantized", "latent"),
                )
            )
    return methods


def _loss_aware_methods() -> list[Method]:
    """Of Hou & Kwok 2018; binary ones of Hou, Yao & Kwok 2017."""
    lab, exact, two_exact = solvers.solve_lab, solvers.solve_lat_exact, solvers.solve_lat_two_scales_exact
    two = "ternary weights with a scale for each sign, loss-aware, solved"
    makers: dict[str, tuple[str, Maker]] = {
        "lab": ("binary weights, loss-aware (LAB)", _solved(lambda w, d, _: lab(w, d), BINARY)),
        "lat-exact": (
            "ternary weights, loss-aware, each step solved exactly (LATe)",
            _solved(lambda w, d, _: exact(w, d), TERNARY),
        ),
        "lat": (
            "ternary weights, loss-aware, each step solved by alternation (LATa)",
            _solved(solvers.solve_lat, TERNARY),
        ),
        "lat-two-scales-exact": (f"{two} exactly (LAT2e)", _solved(lambda w, d, _: two_exact(w, d), TERNARY)),
        "lat-two-scales": (f"{two} by alternation (LAT2a)", _solved(solvers.solve_lat_two_scales, TERNARY)),
    }
    grid = BIT_WIDTH | {"scale_rule": "least-squares"}
    return [
        *(Method(name, what, LOSS_AWARE, make) for name, (what, make) in makers.items()),
        Method("laq-linear", "weights on a linear grid, loss-aware (LAQ linear)", LOSS_AWARE, _on_grid("linear"), grid),
        Method("laq-log", "weights that are powers of two, loss-aware (LAQ log)", LOSS_AWARE, _on_grid("log"), grid),
    ]


def _other_methods() -> list[Method]:
    """What those are compared with, trained by the recipe of Hou & Kwok 2018."""
    bwn = _solved(lambda w, d, _: solvers.solve_lab(w), BINARY, curvature=False)
    twn = _solved(lambda w, d, _: solvers.solve_twn(w), TERNARY, curvature=False)
    steps = "weights and activations of few bits, with learned steps (LSQ)"
    return [
        Method("bwn", "binary weights with their mean magnitude as scale (BWN)", LOSS_AWARE, bwn),
        Method("twn", "ternary weights by a threshold on their magnitude (TWN)", LOSS_AWARE, twn),
        Method("ttq", "ternary weights with two learned scales (TTQ)", LOSS_AWARE, lambda *_: TrainedTernaryWeight()),
        Method("dorefa", "weights of few bits (DoReFa-Net)", LOSS_AWARE, _dorefa, BIT_WIDTH),
        Method("lsq", steps, LOSS_AWARE, _learned_step, BIT_WIDTH, activation_bit_width=True),
    ]


METHODS = {method.name: method for method in [*_connect_methods(), *_loss_aware_methods(), *_other_methods()]}
"""By name."""


def method_of(name: str) -> Method:
    """A method by name; UnknownNameError, with the closest names, where there is none."""
    if name not in METHODS:
        raise UnknownNameError("training method", name, METHODS)
    return METHODS[name]


def quantizer_of(method: Method, unit: Unit, recipe: Recipe, options: Options, latent: torch.Tensor) -> WeightQuantizer:
    """What a method makes of a layer's weights; TrainingError where it cannot.

    Parameters
    ----------
    latent : Tensor
        The layer's latent weights.
    """
    assert method.quantizer is not None
    try:
        return method.quantizer(unit, recipe, options, latent)
    except SolverError as error:
        raise TrainingError(f"method {method.name}: {error}") from None
