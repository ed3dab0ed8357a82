"""Rounding networks (O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017).

The input of every linear layer is rounded, the network's own input too; run on differences of frames the result is
the paper's sigma-delta network, the same function at another cost.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwsim.convert.fixed_point import (
    Block,
    Reach,
    about,
    bias_codes,
    blocks_of,
    calibrate,
    weight_codes,
    width_of_codes,
)
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network import Dense, Layer, Network, Quantize, Weight
from hwsim.number_format import integer
from hwsim.signals import FloatArray

METHOD = "rounding network (O'Connor & Welling 2017, eq. 26-27)"

PROBE_BIT_WIDTH = 24
"""Width of the signed codes with which calibration looks how far codes reach. [bits]"""

OCTAVES = 4
"""How many powers of two are tried as a layer's weight scale."""


def convert(
    network: Network,
    data: Dataset,
    scale: float | Sequence[float] = 1.0,
    weight_bit_width: int | None = 8,
    headroom: int = 0,
    name: str | None = None,
) -> Network:
    """Round the input of every linear layer; multiply nothing after the network's input.

    With scales k_l, s_l = round(k_l x_l), half up, is what layer l reads. Scales are baked into the weights:
    W'_l = W_l k_{l+1} / k_l and b'_l = k_{l+1} b_l, with k_{L+1} = 1 after the last layer (eq. 26-27), so that only
    the network's input is multiplied, by k_1. Integer weights have one scale per layer, a power of two in units of
    the code that is read, and biases are integers in the accumulator's step; a Quantize after ReLU is then a shift.
    The power is the one that loses least (`power_of_two_scale`).

    Parameters
    ----------
    network : Network
        Flatten, Dense with real weights, and ReLU.
    data : Dataset
        Frames for calibration: bit widths are the smallest that hold the codes seen; weights that meet larger codes
        are rounded with more care.
    scale : float or sequence of float
        k_l, for all layers or for each. [codes per unit]
    weight_bit_width : int or None
        Width of the weight codes [bits]; None keeps real weights, fp32, and rounds signals only.
    headroom : 0 or 1
        Bits added to the width of hidden codes, for calibration with few frames: others may reach further. [bits]
    name : str, optional
        Name of the result; ``<network>-rounding`` when not given.

    Raises
    ------
    NetworkError
        When a layer cannot be converted, a scale is not positive or its codes are too large, or the headroom is
        neither 0 nor 1.
    """
    blocks, after = blocks_of(network)
    scales = _scales(scale, len(blocks))
    if headroom not in (0, 1):
        raise NetworkError(f"headroom {headroom}: write 0 or 1 [bits]")
    layers: list[Layer] = []
    for number, block in enumerate(blocks):
        first = number == 0
        layers += block.before
        quantize = Quantize(f"{block.dense.name}_input", scale=scales[0] if first else 1.0, bit_width=PROBE_BIT_WIDTH)
        reach = calibrate(replace(network, layers=(*layers, quantize)), data)
        signed = bool(reach.lowest < 0) if first else not block.reads_relu
        width = _width(quantize, reach, signed) + (0 if first else headroom)
        quantize = replace(quantize, bit_width=width, signed=signed)
        ratio = scales[number + 1] / scales[number]
        layers += [quantize, _dense(block, quantize, ratio, scales[number + 1], reach, weight_bit_width)]
    stated: dict[str, object] = {"scale": list(scales[:-1]), "headroom_bits": headroom}
    return replace(
        network,
        name=name or f"{network.name}-rounding",
        layers=(*layers, *after),
        about=about(network, data, METHOD) | stated,
    )


def power_of_two_scale(value: FloatArray, bit_width: int, importance: FloatArray) -> float:
    """The power of two under which weight codes lose least.

    Candidates begin with the smallest power that clips nothing and go down by octaves: the largest weights are
    clipped, all others finer. The loss is the squared error, each row weighted by how large its input is, which is
    the error of the layer's sums if inputs were independent.

    Parameters
    ----------
    value : (n_in, n_out) float64
        Real weights.
    bit_width : int
        Of the codes. [bits]
    importance : (n_in,) float64
        Mean square of each input's code.
    """
    largest = float(np.abs(value).max()) or 1.0
    first = int(np.ceil(np.log2(largest / integer(bit_width).highest)))
    candidates = [2.0 ** (first - octave) for octave in range(OCTAVES)]

    def loss(scale: float) -> float:
        error = weight_codes(value, scale, bit_width) * scale - value
        return float(importance @ (error**2).sum(axis=1))

    return min(candidates, key=loss)


def _scales(scale: float | Sequence[float], n_layer: int) -> tuple[float, ...]:
    """k_1 ... k_L and k_{L+1} = 1."""
    scales = np.full(n_layer, scale, np.float64) if np.ndim(scale) == 0 else np.asarray(scale, np.float64)
    if scales.shape != (n_layer,) or not np.all(np.isfinite(scales) & (scales > 0)):
        raise NetworkError(f"scale {scale}: expected one positive number, or one for each of {n_layer} layers")
    return (_with_exact_inverse(float(scales[0])), *map(float, scales[1:]), 1.0)


def _with_exact_inverse(scale: float) -> float:
    """The nearest number k for which k x (1/k) is 1 in float64, so that steps stay exact powers of two."""
    while scale * (1 / scale) != 1:
        scale = float(np.nextafter(scale, np.inf))
    return scale


def _width(quantize: Quantize, reach: Reach, signed: bool) -> int:
    if reach.highest >= quantize.format.highest or reach.lowest <= quantize.format.lowest:
        raise NetworkError(f"layer {quantize.name}: codes need more than {PROBE_BIT_WIDTH} bits; give a smaller scale")
    return width_of_codes(reach.lowest, reach.highest, signed)


def _dense(
    block: Block, quantize: Quantize, ratio: float, following: float, reach: Reach, bit_width: int | None
) -> Dense:
    """A linear layer with the scales baked in: W' = W x ratio per code that is read, b' = following x b."""
    value, bias = block.weight * ratio, block.bias * following
    step = 1 / np.asarray(quantize.scale)
    if bit_width is None:
        weight = Weight((value / step).astype(np.float32))
        return Dense(block.dense.name, terms=(weight,), bias=bias.astype(np.float32))
    power = power_of_two_scale(value, bit_width, reach.mean_square)
    # the input's step is divided out, so that accumulators count in the power of two itself
    weight = Weight(weight_codes(value, power, bit_width), integer(bit_width), power / step)
    return Dense(block.dense.name, terms=(weight,), bias=bias_codes(bias, power))
