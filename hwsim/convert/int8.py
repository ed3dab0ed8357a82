"""Networks of 8-bit integers: weights and activations with scales from calibration, as inference engines have them.

The scheme is that of Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR 2018, after training and with zero points of 0.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hwsim.convert.calibration import Calibration, Reach
from hwsim.convert.conversion import Conversion, along_inputs, along_outputs, over_inputs
from hwsim.convert.fixed_point import about, weight_codes
from hwsim.convert.places import cannot_be_negative, convertible, is_of_input, place
from hwsim.datasets import Dataset
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool2d,
    Quantize,
    Synaptic,
    Weight,
    unless_zero,
)
from hwsim.network.number_format import integer, round_real
from hwsim.network.signals import FloatArray

METHOD = "int8 weights and activations, scales from calibration (after Jacob et al. 2018, zero points 0)"

BIT_WIDTH = 8


class Shift(NamedTuple):
    """An Affine of the network's input that a layer takes over: scale x value + offset, per input of the layer."""

    scale: FloatArray  # (n_in,)
    offset: FloatArray  # (n_in,)


def convert(network: Network, data: Dataset, per_channel: bool = False, name: str | None = None) -> Network:
    """Weights of 8 bits, and 8 bits for every signal that a layer reads; biases are integers in the accumulator's step.

    A weight scale is max|W| / 127, a signal's step the largest value seen / 255 (unsigned, where it cannot be
    negative) or / 127. Signals that a Concat joins share one step. What is done to single numbers, such as an Affine,
    is done to accumulators. Data of 8-bit codes are read as they are: an Affine on the network's input, such as one
    that subtracts means, goes into the weights and biases of the layer that reads it, unless that pads with zeros.

    Parameters
    ----------
    network : Network
        Dense and Conv2d with real weights, ReLU, HardTanh, Affine, Flatten, Rearrange, Pad2d, poolings, Add,
        Concat; Softmax at the end.
    data : Dataset
        Frames for calibration.
    per_channel : bool
        One weight scale per output channel instead of one per layer; each channel is then rescaled by a multiplier
        of its own, and the outputs of the last layer too.
    name : str, optional
        Name of the result; ``<network>-int8`` when not given.

    Raises
    ------
    NetworkError
        When a layer cannot be converted.
    """
    source, shifts = _without_input_affine(convertible(network), data)
    layers = _Int8(source, data, per_channel, shifts).layers()
    return replace(
        network,
        name=name or f"{network.name}-int8",
        layers=layers,
        about=about(network, data, METHOD) | {"weight_scale": "per channel" if per_channel else "per layer"},
    )


class _Int8(Conversion):
    """A network on its way to 8 bits."""

    def __init__(self, network: Network, data: Dataset, per_channel: bool, shifts: dict[str, Shift]) -> None:
        readers = (Synaptic, MaxPool2d, AvgPool2d, GlobalAvgPool, Add)
        super().__init__(network, place(network, lambda layer: isinstance(layer, readers)), data)
        self._per_channel = per_channel
        self._shifts = shifts

    def quantizer(self, group: tuple[Quantize, ...], calibration: Calibration, is_real: bool) -> Quantize:
        """Codes of 8 bits keep their step; other signals get one from the largest value of the group."""
        signals = [each.inputs[0] for each in group]
        codes = self.data.inputs.dtype
        if len(group) == 1 and codes in (np.uint8, np.int8) and self._is_data(signals[0]):
            return Quantize("", scale=1 / self.data.step, signed=codes == np.int8)
        reaches = [Reach.of(calibration.values(signal)) for signal in signals]
        signed = any(map(self._is_signed, signals, reaches))
        largest = max(max(-reach.lowest, reach.highest) for reach in reaches) or 1.0
        return Quantize("", scale=integer(BIT_WIDTH, signed).highest / largest, bit_width=BIT_WIDTH, signed=signed)

    def synaptic(self, layer: Synaptic) -> Layer:
        """Weight codes, and biases as codes of the accumulator."""
        value = layer.terms[0].value
        shift = self._shifts.get(layer.name)
        if shift:
            value = value * along_inputs(shift.scale, layer)
        largest = np.abs(value).max(axis=over_inputs(layer) if self._per_channel else None)
        scale = np.asarray(np.where(largest > 0, largest / integer(BIT_WIDTH).highest, 1.0))
        code = weight_codes(value, along_outputs(scale, layer), BIT_WIDTH)
        codes_per_unit = np.asarray(self.read_quantizer(layer).scale)
        bias = layer.start.astype(np.float64) / (scale / codes_per_unit)
        if shift:
            # of the codes as they are, so that subtracted means leave no error of the weights behind
            offset = shift.offset / shift.scale * codes_per_unit
            bias = bias + (code * along_inputs(offset, layer)).sum(axis=over_inputs(layer))
        weight = Weight(code, integer(BIT_WIDTH), scale)
        code_of_bias = round_real(bias).astype(np.int64)
        return replace(layer, terms=(weight,), bias=unless_zero(code_of_bias), accumulator=None)

    def _is_data(self, signal: str) -> bool:
        layer = self.original.get(signal)
        return layer is None or (isinstance(layer, Flatten) and self._is_data(layer.inputs[0]))

    def _is_signed(self, signal: str, reach: Reach) -> bool:
        if is_of_input(self.original, signal):
            return reach.lowest < 0
        return not cannot_be_negative(self.original, signal)


def _without_input_affine(network: Network, data: Dataset) -> tuple[Network, dict[str, Shift]]:
    """The network without an Affine that its layers can take over, and what each takes over, by name."""
    affine = next((layer for layer in network.layers if isinstance(layer, Affine) and layer.inputs == (INPUT,)), None)
    readers = _readers(network, affine.name) if affine else []
    flattened = len(readers) == 1 and isinstance(readers[0], Flatten)
    takers = _readers(network, readers[0].name) if flattened else readers
    if (
        affine is None
        or data.inputs.dtype not in (np.uint8, np.int8)
        or len(_readers(network, INPUT)) > 1
        or np.any(np.asarray(affine.scale) == 0)
        or not all(_can_take(layer, affine) for layer in takers)
    ):
        return network, {}
    signal = network.signals[affine.name]
    spread = signal.per_element if flattened else lambda value: np.broadcast_to(value, signal.shape[:1])
    scale, offset = (np.asarray(spread(np.asarray(value)), np.float64) for value in (affine.scale, affine.offset))
    layers = tuple(
        replace(layer, inputs=tuple(INPUT if each == affine.name else each for each in layer.inputs))
        for layer in network.layers
        if layer is not affine
    )
    return replace(network, layers=layers), {layer.name: Shift(scale, offset) for layer in takers}


def _readers(network: Network, name: str) -> list[Layer]:
    return [layer for layer in network.layers if name in layer.inputs]


def _can_take(layer: Layer, affine: Affine) -> bool:
    """Whether a layer's bias can hold an offset: a padded zero stands for no shifted value."""
    if not isinstance(layer, Synaptic):
        return False
    return not isinstance(layer, Conv2d) or layer.padding == ((0, 0), (0, 0)) or not np.any(affine.offset)
