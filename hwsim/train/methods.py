"""The methods by name, each with what it makes of a layer's weights and the options it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch

from hwsim import solvers
from hwsim.errors import UnknownNameError
from hwsim.number_format import BINARY, NumberFormat
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


def _methods() -> list[Method]:
    both: tuple[Variant, ...] = ("quantized", "latent")
    few, aware = FEW, LOSS_AWARE
    lab, lat, lat_exact = solvers.solve_lab, solvers.solve_lat, solvers.solve_lat_exact
    two, two_exact = solvers.solve_lat_two_scales, solvers.solve_lat_two_scales_exact
    connect = {
        kind: (_connect(format), f"{kind} weights drawn anew for every minibatch ({name})")
        for kind, format, name in (("binary", BINARY, "BinaryConnect"), ("ternary", TERNARY, "TernaryConnect"))
    }
    shifts = "; weight gradients by shifts (quantized back-propagation)"
    alone = [
        Method(f"{kind}-connect", what, few, make, CONNECT, variants=both) for kind, (make, what) in connect.items()
    ]
    shifted = [
        Method(f"{kind}-connect-qbp", what + shifts, few, make, CONNECT | BACK_PROPAGATION, True, variants=both)
        for kind, (make, what) in connect.items()
    ]
    grid = BIT_WIDTH | {"scale_rule": "least-squares"}
    return [
        Method("full-precision", "float (fp32) weights", few, options={"recipe": few}),
        *alone,
        *shifted,
        Method("lab", "binary weights, loss-aware (LAB)", aware, _solved(lambda w, d, _: lab(w, d), BINARY)),
        Method(
            "lat-exact",
            "ternary weights, loss-aware, each step solved exactly (LATe)",
            aware,
            _solved(lambda w, d, _: lat_exact(w, d), TERNARY),
        ),
        Method(
            "lat", "ternary weights, loss-aware, each step solved by alternation (LATa)", aware, _solved(lat, TERNARY)
        ),
        Method(
            "lat-two-scales-exact",
            "ternary weights with a scale for each sign, loss-aware, solved exactly (LAT2e)",
            aware,
            _solved(lambda w, d, _: two_exact(w, d), TERNARY),
        ),
        Method(
            "lat-two-scales",
            "ternary weights with a scale for each sign, loss-aware, solved by alternation (LAT2a)",
            aware,
            _solved(two, TERNARY),
        ),
        Method("laq-linear", "weights on a linear grid, loss-aware (LAQ linear)", aware, _on_grid("linear"), grid),
        Method("laq-log", "weights that are powers of two, loss-aware (LAQ log)", aware, _on_grid("log"), grid),
        Method(
            "bwn",
            "binary weights with their mean magnitude as scale (BWN)",
            aware,
            _solved(lambda w, d, _: lab(w), BINARY, False),
        ),
        Method(
            "twn",
            "ternary weights by a threshold on their magnitude (TWN)",
            aware,
            _solved(lambda w, d, _: solvers.solve_twn(w), TERNARY, False),
        ),
        Method("ttq", "ternary weights with two learned scales (TTQ)", aware, lambda *_: TrainedTernaryWeight()),
        Method("dorefa", "weights of few bits (DoReFa-Net)", aware, _dorefa, BIT_WIDTH),
        Method(
            "lsq",
            "weights and activations of few bits, with learned steps (LSQ)",
            aware,
            _learned_step,
            BIT_WIDTH,
            activation_bit_width=True,
        ),
    ]


METHODS = {method.name: method for method in _methods()}
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
