"""BinaryConnect and TernaryConnect, with and without quantized back-propagation."""

from typing import TYPE_CHECKING

from hwsim.convert.declared import Option
from hwsim.network.number_format import BINARY, TERNARY, NumberFormat
from hwsim.train import TrainingError
from hwsim.train.methods.method import Maker, Method, Options
from hwsim.train.recipe import FEW
from hwsim.training_cost.step import MOST_SHIFT

if TYPE_CHECKING:
    import torch

    from hwsim.train.architecture import Unit
    from hwsim.train.quantizer import WeightQuantizer
    from hwsim.train.recipe import Recipe

LIN = "Lin, Courbariaux, Memisevic & Bengio, Neural Networks with Few Multiplications, ICLR 2016"
COURBARIAUX = "Courbariaux, Bengio & David, BinaryConnect, NIPS 2015"

CONNECT = (
    Option("deterministic", "the nearest weights, not drawn.", bool, False, written="--deterministic/--stochastic"),
    Option("batch_norm_gradient", "exact or released.", default="exact", choices=("exact", "released")),
)
BACK_PROPAGATION = (
    Option(
        "max_shift",
        "most places a gradient is shifted by.",
        int,
        least=1,
        most=MOST_SHIFT,
        said="shifts by at most {}",
    ),
    Option("zero", "what an input of 0 becomes: zero or released.", default="zero", choices=("zero", "released")),
)


def _quantizer(format: NumberFormat) -> Maker:
    def make(unit: "Unit", recipe: "Recipe", options: Options, latent: "torch.Tensor") -> "WeightQuantizer":
        from hwsim.train.binary_connect import ConnectWeight

        # latent weights start within twice the reach
        return ConnectWeight(format, recipe.latent_reach(unit) / 2, stochastic=not options["deterministic"])

    return make


def _check(options: Options) -> None:
    if options["zero"] == "released" and options["max_shift"] is None:
        raise TrainingError("zero as released stands for the smallest power of two: give a max-shift too, such as 4")


def _declare(kind: str, format: NumberFormat, called: str, paper: str) -> None:
    """With exact gradients, and with quantized back-propagation."""
    sentence = f"{kind} weights drawn anew for every minibatch ({called})"
    Method(
        name=f"{kind}-connect",
        sentence=sentence,
        paper=paper,
        format=f"{kind}, one scale",
        recipe=FEW,
        options=CONNECT,
        quantizer=_quantizer(format),
        variants=("quantized", "latent"),
    )
    Method(
        name=f"{kind}-connect-qbp",
        sentence=f"{sentence}; weight gradients by shifts (quantized back-propagation)",
        paper=LIN,
        format=f"{kind}, one scale",
        recipe=FEW,
        options=CONNECT + BACK_PROPAGATION,
        quantizer=_quantizer(format),
        check=_check,
        quantized_gradient=True,
        variants=("quantized", "latent"),
    )


_declare("binary", BINARY, "BinaryConnect", COURBARIAUX)
_declare("ternary", TERNARY, "TernaryConnect", LIN)
