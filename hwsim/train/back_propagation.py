"""Quantized back-propagation: weight gradients whose multiplications are shifts, and how batch norm enters them.

Lin, Courbariaux, Memisevic & Bengio, Neural Networks with Few Multiplications, ICLR 2016, and the code published with
it. Only a layer's input is quantized, and only where it enters the weight gradient.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import nn
from torch.nn.grad import conv2d_input, conv2d_weight

Zero: TypeAlias = Literal["zero", "released"]
BatchNormGradient: TypeAlias = Literal["exact", "released"]

_MANTISSA = 2**23
_SIGN = -(2**31)


def power_of_two(
    value: torch.Tensor,
    max_shift: int | None = None,
    zero: Zero = "zero",
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Round to one of the two neighbouring powers of two at random, so that the mean is the value.

    A magnitude x with 2^e <= x < 2^(e+1) becomes 2^(e+1) with probability x / 2^e - 1, else 2^e. Done as hardware
    would: a random whole number below 2^23 is added to its bits, whose carry is the draw, and the mantissa dropped.

    Parameters
    ----------
    value : Tensor, float32
    max_shift : int, optional
        Magnitudes are first brought within 2^-max_shift ... 2^max_shift; the mean of what lies beyond is not kept.
    zero : {"zero", "released"}
        0 stays 0; or becomes -2^-max_shift, as in the published code where shifts are limited.
    generator : torch.Generator, optional
        Torch's own unless given.
    """
    size = value.abs()
    if max_shift is not None:
        size = torch.where(value == 0, 0.0, size.clamp(2.0**-max_shift, 2.0**max_shift))
    drawn = torch.randint(0, _MANTISSA, value.shape, generator=generator, dtype=torch.int32)
    rounded = (size.view(torch.int32) + drawn) & -_MANTISSA
    result = (rounded | (value.view(torch.int32) & _SIGN)).view(torch.float32)
    if zero == "released" and max_shift is not None:
        result = torch.where(value == 0, -(2.0**-max_shift), result)
    return result


@dataclass(frozen=True)
class GradientRule:
    """How a layer's weight gradient is computed."""

    quantized: bool = True  # layer inputs as powers of two
    max_shift: int | None = None
    zero: Zero = "zero"
    batch_norm: BatchNormGradient = "exact"  # released: of dense layers, without the derivative of batch norm

    @property
    def is_plain(self) -> bool:
        """Whether torch does it by itself."""
        return not self.quantized and self.batch_norm == "exact"

    def seen(self, read: torch.Tensor) -> torch.Tensor:
        """A layer's input as its weight gradient sees it."""
        return power_of_two(read, self.max_shift, self.zero) if self.quantized else read


class RuledLinear(nn.Linear):
    """A linear layer without bias whose weight gradient follows a rule."""

    def __init__(self, n_in: int, n_out: int, rule: GradientRule) -> None:
        super().__init__(n_in, n_out, bias=False)
        self.rule = rule
        self.normalized: torch.Tensor | None = None  # gradient of what the batch norm after this layer left

    def forward(self, read: torch.Tensor) -> torch.Tensor:
        """The product with the weights."""
        result: torch.Tensor = _Linear.apply(read, self.weight, self)  # type: ignore[no-untyped-call]
        return result

    def watch(self, module: nn.Module, read: Any, left: torch.Tensor) -> None:
        """Forward hook of the batch norm after this layer: keep the gradient of what it leaves."""
        if self.rule.batch_norm == "released" and left.requires_grad:
            left.register_hook(lambda gradient: setattr(self, "normalized", gradient))  # type: ignore[no-untyped-call]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, read: torch.Tensor, weight: torch.Tensor, layer: RuledLinear) -> torch.Tensor:
        ctx.save_for_backward(read, weight)
        ctx.layer = layer
        return read @ weight.t()

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        read, weight = ctx.saved_tensors
        layer: RuledLinear = ctx.layer
        below = gradient[0] @ weight if ctx.needs_input_grad[0] else None
        # above the batch norm, where the published code takes it; gradients arrive there before they do here
        above = gradient[0] if layer.normalized is None else layer.normalized
        layer.normalized = None
        return below, above.t() @ layer.rule.seen(read), None


class RuledConv2d(nn.Conv2d):
    """A convolution without bias whose weight gradient follows a rule; batch norm always enters it exactly."""

    def __init__(self, n_in: int, n_out: int, kernel: int, padding: int, rule: GradientRule) -> None:
        super().__init__(n_in, n_out, kernel, padding=padding, bias=False)
        self.rule = rule

    def forward(self, read: torch.Tensor) -> torch.Tensor:
        """The convolution."""
        result: torch.Tensor = _Convolution.apply(read, self.weight, self)  # type: ignore[no-untyped-call]
        return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, read: torch.Tensor, weight: torch.Tensor, layer: RuledConv2d) -> torch.Tensor:
        ctx.save_for_backward(read, weight)
        ctx.layer = layer
        return nn.functional.conv2d(read, weight, padding=layer.padding)

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, None]:
        read, weight = ctx.saved_tensors
        layer: RuledConv2d = ctx.layer
        below, padding = None, layer.padding
        if ctx.needs_input_grad[0]:
            below = conv2d_input(read.shape, weight, gradient[0], padding=padding)  # type: ignore[no-untyped-call]
        seen = layer.rule.seen(read)
        own = conv2d_weight(seen, weight.shape, gradient[0], padding=padding)  # type: ignore[no-untyped-call]
        return below, own, None
