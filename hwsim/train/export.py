"""From a trained model to a Network in the method's own number format."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hwsim.datasets import Dataset
from hwsim.network.layers import Affine, Conv2d, Dense, Flatten, Layer, MaxPool2d, Quantize, ReLU, Weight, unless_zero
from hwsim.train import TrainingError
from hwsim.train.learned_step import QuantizedReLU
from hwsim.train.methods import Variant
from hwsim.train.model import Preparation
from hwsim.train.quantizer import Term, quantizers

MULTIPLIER_BIT_WIDTH = 24
"""Of batch norm between integers: as fine as the mantissa of the numbers it was trained with. [bits]"""


def export(model: nn.Sequential, variant: Variant, preparation: Preparation, data: Dataset) -> tuple[Layer, ...]:
    """The layers of a model.

    Weights are codes and a scale, or real for latent weights and where the method quantizes none; batch norm is an
    Affine per channel. The mean that training frames lost is in the first bias, `dense1.bias` = -(mean x weights). A
    network of integers reads 8-bit codes, and its Affines count in steps of the codes that follow, so that a shift
    makes those.

    Parameters
    ----------
    model : Sequential
        As `hwsim.train.model.build` makes it.
    variant : {"quantized", "latent"}
        Which weights.
    preparation : Preparation
        What was done to the frames.
    data : Dataset
        Whose frames the network reads.

    Raises
    ------
    TrainingError
        When a layer's weights are all zero, so that binary codes have no scale.
    """
    terms = {} if variant == "latent" else {layer: each.terms(latent) for layer, each, latent in quantizers(model)}
    activations = [module for module in model if isinstance(module, QuantizedReLU)]
    steps = [float(each.step.detach()) for each in activations]
    layers: list[Layer] = _first_layers(model, preparation, data, bool(activations))
    read_step = 1.0  # what a code is worth that a layer with weights reads, in units of the model's values
    for name, module in model.named_children():
        if isinstance(module, nn.Linear | nn.Conv2d):
            layers.append(_synaptic(name, module, terms.get(module), read_step, preparation))
            # the bias belongs to the first layer
            preparation = replace(preparation, mean=torch.zeros(()))
        elif isinstance(module, nn.MaxPool2d):
            layers.append(MaxPool2d(name, kernel=module.kernel_size, stride=module.kernel_size))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            read_step = steps.pop(0) if steps else 1.0
            layers.append(_affine(name, module, read_step))
        elif isinstance(module, QuantizedReLU):
            codes = Quantize(f"{name}_codes", bit_width=module.format.bit_width, signed=False)
            layers += [ReLU(name), codes]
        elif isinstance(module, nn.ReLU):
            layers.append(ReLU(name))
        elif module is not model[0]:  # which stands there already
            layers.append(Flatten(name))
    return tuple(layers)


def _first_layers(model: nn.Sequential, preparation: Preparation, data: Dataset, integers: bool) -> list[Layer]:
    layers: list[Layer] = [Flatten("flatten")] if isinstance(model[0], nn.Flatten) else []
    if integers:
        layers.append(Quantize("input_codes", scale=1 / data.step, bit_width=8, signed=False))
    elif preparation.factor.ndim:
        factor, mean = preparation.factor.flatten().double().numpy(), preparation.mean.flatten().double().numpy()
        layers.append(Affine("standardize", scale=factor, offset=-mean * factor))
    return layers


def _synaptic(
    name: str, module: nn.Linear | nn.Conv2d, terms: tuple[Term, ...] | None, read_step: float, preparation: Preparation
) -> Layer:
    weights = _weights(name, module, terms, read_step)
    bias = None
    mean = preparation.mean.double().numpy()
    if mean.ndim == 1 and isinstance(module, nn.Linear):
        bias = unless_zero(-(mean @ np.sum([weight.value for weight in weights], axis=0)).astype(np.float32))
    if isinstance(module, nn.Linear):
        return Dense(name, terms=weights, bias=bias)
    return Conv2d(name, terms=weights, bias=bias, padding=int(module.padding[0]))


def _weights(name: str, module: nn.Module, terms: tuple[Term, ...] | None, read_step: float) -> tuple[Weight, ...]:
    if terms is None:
        latent: Any = module.weight
        if hasattr(module, "parametrizations"):
            latent = module.parametrizations.weight.original  # type: ignore[union-attr]
        return (Weight(_laid_out(latent.detach().numpy())),)
    weights = []
    for term in terms:
        if term.scale == 0 and term.code.any():
            raise TrainingError(f"layer {name}: all weights have become zero; codes that are never zero need a scale")
        # a term without codes may have any scale
        scale = (term.scale or 1.0) * read_step
        weights.append(Weight(_laid_out(term.code), term.format, scale))
    return tuple(weights)


def _laid_out(weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """From torch's (n_out, n_in) to (n_in, n_out); convolutions are laid out alike."""
    return np.ascontiguousarray(weight.T if weight.ndim == 2 else weight)


def _affine(name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d, step: float) -> Affine:
    """Batch norm, in units of a step."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    offset = norm.bias.detach().double() - norm.running_mean.double() * scale
    return Affine(
        name,
        scale=(scale / step).numpy(),
        offset=(offset / step).numpy(),
        multiplier_bit_width=MULTIPLIER_BIT_WIDTH,
    )
