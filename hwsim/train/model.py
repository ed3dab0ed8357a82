"""From an architecture and a method to a model of torch's own modules, and from a data set to its frames."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from hwsim.datasets import Dataset
from hwsim.solvers import SolverError
from hwsim.train import TrainingError
from hwsim.train.architecture import Unit
from hwsim.train.back_propagation import GradientRule, RuledConv2d, RuledLinear
from hwsim.train.learned_step import QuantizedReLU
from hwsim.train.methods import Method, Options
from hwsim.train.settings import Settings

EPSILON = 1e-4
"""Added to batch norm's variances, in both papers' code."""
LEAST_DEVIATION = 1e-6
"""Of a channel that is divided by it."""


def build(settings: Settings) -> nn.Sequential:
    """A model with its first weights, drawn from torch's generator.

    Every unit is a linear layer or convolution without bias, its pooling, batch norm, and ReLU but after the last;
    named ``dense1``, ``pool1``, ``norm1``, ``relu1`` and so on.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    method, units = settings.chosen, settings.architecture.units
    rule = _gradient_rule(method, settings.options)
    for number, unit in enumerate(units, 1):
        if unit.flatten or (number == 1 and unit.kind == "dense"):
            modules["flatten"] = nn.Flatten()
        layer = _layer(unit, rule)
        norm = nn.BatchNorm1d(unit.n_out, EPSILON) if unit.kind == "dense" else nn.BatchNorm2d(unit.n_out, EPSILON)
        if isinstance(layer, RuledLinear):
            norm.register_forward_hook(layer.watch)
        _quantize(layer, unit, settings)
        modules[f"{unit.kind}{number}"] = layer
        if unit.pool > 1:
            modules[f"pool{number}"] = nn.MaxPool2d(unit.pool)
        modules[f"norm{number}"] = norm
        if number < len(units):
            relu = QuantizedReLU(settings.options["bit_width"], unit.n_neuron) if method.quantized_activations else None
            modules[f"relu{number}"] = relu or nn.ReLU()
    return nn.Sequential(modules)


def _gradient_rule(method: Method, options: Options) -> GradientRule:
    """How weight gradients are computed."""
    return GradientRule(
        quantized=method.quantized_gradient,
        max_shift=options.get("max_shift"),
        zero=options.get("zero", "zero"),
        batch_norm=options.get("batch_norm_gradient", "exact"),
    )


def _layer(unit: Unit, rule: GradientRule) -> nn.Module:
    if unit.kind == "conv":
        if rule.quantized:
            return RuledConv2d(unit.n_in, unit.n_out, unit.kernel, unit.padding, rule)
        return nn.Conv2d(unit.n_in, unit.n_out, unit.kernel, padding=unit.padding, bias=False)
    if rule.is_plain:
        return nn.Linear(unit.n_in, unit.n_out, bias=False)
    return RuledLinear(unit.n_in, unit.n_out, rule)


def _quantize(layer: nn.Module, unit: Unit, settings: Settings) -> None:
    """Draw the first weights; put the method's quantizer between them and the layer."""
    method, recipe = settings.chosen, settings.recipe
    weight = layer.weight
    assert isinstance(weight, nn.Parameter)
    if method.quantizer is None and recipe.last_learning_rate is None:
        return  # Hou & Kwok leave the float network to its framework
    reach = recipe.latent_reach(unit)
    nn.init.uniform_(weight, -reach, reach)
    if method.quantizer is not None:
        try:
            quantizer = method.quantizer(unit, recipe, settings.options, weight.detach())
        except SolverError as error:
            raise TrainingError(f"method {method.name}: {error}") from None
        quantizer.start(weight.detach())
        parametrize.register_parametrization(layer, "weight", quantizer, unsafe=True)


@dataclass(frozen=True)
class Preparation:
    """What is done to values before the first layer: (value - mean) x factor.

    Vectors lose their mean over the training frames, pixel by pixel, which an exported network has in its first bias,
    so that it reads the data as they are. Images are standardized by channel, which it does in an Affine; the papers
    whiten them (GCN, ZCA), for which there is no layer. Networks of integers read codes: nothing is done.
    """

    mean: torch.Tensor  # () or (n,) or (C, 1, 1)
    factor: torch.Tensor  # () or (C, 1, 1)

    @classmethod
    def of(cls, inputs: torch.Tensor, settings: Settings) -> "Preparation":
        """For training frames (n_frame, ...)."""
        one, zero = torch.ones(()), torch.zeros(())
        if settings.chosen.quantized_activations:
            return cls(zero, one)
        if not settings.architecture.is_convolutional:
            return cls(inputs.double().mean(0).float(), one)
        deviation, mean = torch.std_mean(inputs.double(), dim=(0, 2, 3), keepdim=True)
        # were a channel that never changes divided by next to nothing, another value in a test frame would be enormous
        deviation = torch.where(deviation < LEAST_DEVIATION, 1.0, deviation)
        return cls(mean[0].float(), (1 / deviation)[0].float())

    def apply(self, inputs: torch.Tensor) -> torch.Tensor:
        """To frames."""
        return (inputs - self.mean) * self.factor


@dataclass(frozen=True)
class Frames:
    """Real values, as the architecture shapes them, and labels."""

    inputs: torch.Tensor  # (n_frame, ...) float32
    labels: torch.Tensor  # (n_frame,) int64

    @classmethod
    def of(cls, data: Dataset, settings: Settings) -> "Frames":
        """Of a data set."""
        values = torch.from_numpy(data.values()).reshape(len(data), *settings.architecture.input_shape)
        labels = np.zeros(len(data), np.int64) if data.labels is None else np.asarray(data.labels, np.int64)
        return cls(values, torch.from_numpy(labels))

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: slice) -> "Frames":
        """Some of them."""
        return Frames(self.inputs[chosen], self.labels[chosen])

    def checksum(self) -> int:
        """CRC-32 of values and labels."""
        return zlib.crc32(self.labels.numpy().data, zlib.crc32(np.ascontiguousarray(self.inputs.numpy()).data))

    def prepared(self, preparation: Preparation) -> "Frames":
        """Ready for the first layer."""
        return Frames(preparation.apply(self.inputs), self.labels)
