"""Learned step sizes, of weights and activations (Esser et al., Learned Step Size Quantization, ICLR 2020)."""

import torch
from torch import nn

from hwsim.network.number_format import NumberFormat
from hwsim.train.quantizer import Term, WeightQuantizer, straight_through

LEAST_STEP = 1e-6


def quantize(value: torch.Tensor, step: torch.Tensor, format: NumberFormat) -> torch.Tensor:
    """Codes x step with the paper's gradients: straight through the rounding, none where clipped (eq. 1 to 3)."""
    code = (value / step).clamp(format.lowest, format.highest)
    return straight_through(code, rounded(code)) * step


def rounded(value: torch.Tensor) -> torch.Tensor:
    """Round half up, as the exported network does."""
    return torch.floor(value + 0.5)


def first_step(value: torch.Tensor, format: NumberFormat) -> torch.Tensor:
    """The step that learning starts from: 2 mean |v| / sqrt(largest code) (section 2.1)."""
    step: torch.Tensor = 2 * value.abs().mean() / format.highest**0.5
    return step.clamp(min=LEAST_STEP)


def learned_step(n_value: int, format: NumberFormat) -> nn.Parameter:
    """A step whose gradient is scaled by 1 / sqrt(numbers x largest code) (section 2.2)."""
    step = nn.Parameter(torch.ones(()))
    share = (n_value * format.highest) ** -0.5
    step.register_hook(lambda gradient: gradient * share)  # type: ignore[no-untyped-call]
    return step


class LearnedStepWeight(WeightQuantizer):
    """Signed weights of m bits."""

    def __init__(self, bit_width: int, n_weight: int) -> None:
        super().__init__()
        self.format = NumberFormat("integer", bit_width)
        self.step = learned_step(n_weight, self.format)

    @torch.no_grad()
    def start(self, latent: torch.Tensor) -> None:
        """Set the first step."""
        self.step.copy_(first_step(latent, self.format))

    def training_weight(self, latent: torch.Tensor) -> torch.Tensor:
        """Codes x step."""
        return quantize(latent, self.step, self.format)

    def terms(self, latent: torch.Tensor) -> tuple[Term, ...]:
        """The codes and their step."""
        code = rounded((latent.detach() / self.step.detach()).clamp(self.format.lowest, self.format.highest))
        return (Term(code.to(torch.int8).numpy(), self.format, float(self.step.detach())),)

    @torch.no_grad()
    def after_step(self, latent: nn.Parameter) -> None:
        """Keep the step positive."""
        self.step.clamp_(min=LEAST_STEP)


class QuantizedReLU(nn.Module):
    """ReLU to unsigned codes of m bits; the first batch sets the first step."""

    def __init__(self, bit_width: int, n_value: int) -> None:
        super().__init__()
        self.format = NumberFormat("integer", bit_width, signed=False)
        self.step = learned_step(n_value, self.format)
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        self.started: torch.Tensor

    def forward(self, read: torch.Tensor) -> torch.Tensor:
        """Codes x step."""
        if self.training and not self.started:
            with torch.no_grad():
                self.step.copy_(first_step(read.relu(), self.format))
            self.started.fill_(True)
        if self.step < LEAST_STEP:  # an optimizer's step went too far; in place, so that learning can go on from there
            with torch.no_grad():
                self.step.fill_(LEAST_STEP)
        return quantize(read, self.step, self.format)
