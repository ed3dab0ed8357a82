"""Networks of 8-bit integers: weights and activations with scales from calibration, as inference engines have them.

The scheme is that of Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR 2018, after training and with zero points of 0.
"""

from dataclasses import replace

import numpy as np

from hwsim.convert.fixed_point import Block, about, bias_codes, blocks_of, calibrate, weight_codes
from hwsim.datasets import Dataset
from hwsim.network import Dense, Layer, Network, Quantize, Weight
from hwsim.number_format import integer

METHOD = "int8 weights and activations, scales from calibration (after Jacob et al. 2018, zero points 0)"

BIT_WIDTH = 8


def convert(network: Network, data: Dataset, per_channel: bool = False, name: str | None = None) -> Network:
    """Weights, inputs and hidden activations of 8 bits; biases are integers in the accumulator's step.

    A weight scale is max|W| / 127, an activation's step the largest value seen / 255 (unsigned, after ReLU) or / 127.
    Data of 8-bit codes are read as they are.

    Parameters
    ----------
    network : Network
        Flatten, Dense with real weights, and ReLU.
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
    blocks, after = blocks_of(network)
    layers: list[Layer] = []
    for number, block in enumerate(blocks):
        layers += block.before
        if number == 0:
            quantize = _quantize_input(block, data)
        else:
            reach = calibrate(replace(network, layers=tuple(layers)), data)
            quantize = _quantize(block, reach.lowest, reach.highest, signed=not block.reads_relu)
        layers += [quantize, _dense(block, quantize, per_channel)]
    return replace(
        network,
        name=name or f"{network.name}-int8",
        layers=(*layers, *after),
        about=about(network, data, METHOD) | {"weight_scale": "per channel" if per_channel else "per layer"},
    )


def _quantize_input(block: Block, data: Dataset) -> Quantize:
    """The Quantize that reads the data: codes of 8 bits keep their step, real values get one."""
    codes = data.inputs
    if codes.dtype in (np.uint8, np.int8):
        return Quantize(f"{block.dense.name}_input", scale=1 / data.step, signed=codes.dtype == np.int8)
    lowest, highest = float(codes.min()) * data.step, float(codes.max()) * data.step
    return _quantize(block, lowest, highest, signed=lowest < 0)


def _quantize(block: Block, lowest: float, highest: float, signed: bool) -> Quantize:
    largest = max(-lowest, highest) or 1.0
    codes = integer(BIT_WIDTH, signed).highest
    return Quantize(f"{block.dense.name}_input", scale=codes / largest, bit_width=BIT_WIDTH, signed=signed)


def _dense(block: Block, quantize: Quantize, per_channel: bool) -> Dense:
    largest = np.abs(block.weight).max(axis=0 if per_channel else None)
    scale = np.where(largest > 0, largest, 1.0) / integer(BIT_WIDTH).highest
    weight = Weight(weight_codes(block.weight, scale, BIT_WIDTH), integer(BIT_WIDTH), scale)
    return Dense(block.dense.name, terms=(weight,), bias=bias_codes(block.bias, scale / np.asarray(quantize.scale)))
