"""What all methods have in common: latent weights that torch trains, and the weights that the network uses instead.

A quantizer is a parametrization of a layer's weight (`torch.nn.utils.parametrize`): the layer sees what it makes of
the latent weights, the optimizer sees the latent weights, and the gradient goes straight from one to the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize

from hwsim.network.number_format import NumberFormat

Use: TypeAlias = Literal["training", "quantized", "latent"]


class Term(NamedTuple):
    """Weights as a network file holds them: code x scale, in torch's layout."""

    code: npt.NDArray[np.int8]
    format: NumberFormat
    scale: float  # 0 where all codes are


class _StraightThrough(torch.autograd.Function):
    """The value of one tensor, the gradient to the other (Bengio, Léonard & Courville 2013)."""

    @staticmethod
    def forward(ctx: Any, latent: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
        return used

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient[0], None


def straight_through(latent: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
    """`used`, exactly, with a gradient as if it were `latent`."""
    result: torch.Tensor = _StraightThrough.apply(latent, used.detach())  # type: ignore[no-untyped-call]
    return result


class WeightQuantizer(nn.Module):
    """Of one layer. A method overrides `quantized` and `terms`, and what else it does its own way."""

    reach: float | None = None
    """Latent weights are clipped to -reach ... reach after every step, where one is given."""

    def __init__(self) -> None:
        super().__init__()
        self.use: Use = "training"

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """The weights that the layer uses."""
        if self.use == "latent":
            return latent
        return self.quantized(latent) if self.use == "quantized" else self.training_weight(latent)

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """The weights of a training step."""
        return straight_through(latent, self.quantized(latent.detach()))

    def quantized(self, latent: torch.Tensor) -> torch.Tensor:
        """The weights of the finished network: the sum of its terms."""
        return sum_of(self.terms(latent), latent)

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """The weights of the finished network as codes and scales; one term or two."""
        raise NotImplementedError

    @torch.no_grad()
    def start(self, latent: torch.Tensor) -> None:
        """See the latent weights that training starts from."""

    @torch.no_grad()
    def after_step(self, latent: nn.Parameter) -> None:
        """See the latent weights, and their gradient, after an optimizer's step."""
        if self.reach is not None:
            latent.clamp_(-self.reach, self.reach)


def sum_of(terms: tuple[Term, ...], like: torch.Tensor) -> torch.Tensor:
    """Sum of code x scale, each rounded to the weights' dtype."""
    values = [torch.from_numpy(term.code).to(like) * term.scale for term in terms]
    return values[0] if len(values) == 1 else values[0] + values[1]


def quantizers(model: nn.Module) -> Iterator[tuple[nn.Module, WeightQuantizer, nn.Parameter]]:
    """Every quantized layer of a model: the layer, its quantizer and its latent weights."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            chain: Any = module.parametrizations
            yield module, chain.weight[0], chain.weight.original


@contextmanager
def using(model: nn.Module, use: Use) -> Iterator[None]:
    """Let a model use its latent or its quantized weights for a while, each worked out once."""
    found = [quantizer for _, quantizer, _ in quantizers(model)]
    for quantizer in found:
        quantizer.use = use
    try:
        with parametrize.cached():
            yield
    finally:
        for quantizer in found:
            quantizer.use = "training"
