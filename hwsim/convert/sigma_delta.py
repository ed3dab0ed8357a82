"""Sigma-delta networks (O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017).

The paper's theorem (eq. 2, 21): a network whose every linear layer is fed the rounded differences of its input, which
are summed up again behind it, computes what the rounding network does, to the bit. So a sigma-delta network is a
rounding network run under ``delta``, and `convert` makes a rounding network, ready to be run so.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hwsim.convert import batch_norm, rounding
from hwsim.convert.coding import CodingLike, read_codings
from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic

METHOD = "sigma-delta network, a rounding network run on differences of frames (O'Connor & Welling 2017)"


def convert(
    network: Network,
    data: Dataset,
    scales: str | Path | CodingLike | Sequence[CodingLike] = 1.0,
    weight_bit_width: int | None = 8,
    headroom: int = 0,
    name: str | None = None,
) -> Network:
    """Make a float network one that adds, shifts and compares where it multiplied: batch norm folded, then rounded.

    Under ``delta`` on a machine that adds an event's weights as often as its magnitude says, nothing behind the
    encoding of the input multiplies. `hwsim.convert.rounding` says what is done to each layer.

    Parameters
    ----------
    network : Network
        As for `hwsim.convert.rounding.convert`; an Affine that alone reads a layer with weights goes into it first.
    data : Dataset
        Frames for calibration.
    scales : float, Coding, sequence, or path
        k_l, for all layers with weights or for each, or a file that ``hwsim train scales`` wrote. [codes per unit]
    weight_bit_width : int or None
        Width of the weight codes [bits]; None keeps real weights and rounds signals only.
    headroom : 0 or 1
        Bits added to the width of hidden codes. [bits]
    name : str, optional
        Name of the result; ``<network>-sigma-delta`` when not given.

    Returns
    -------
    Network
        A rounding network; `about` states the width of every accumulator. [bits]

    Raises
    ------
    NetworkError, FileError
        As `hwsim.convert.rounding.convert` does; for a file that holds no scales of this network.
    """
    folded = batch_norm.convert(network, name=network.name)
    if isinstance(scales, str | Path):
        layers = [layer.name for layer in network.layers if isinstance(layer, Synaptic)]
        scales = read_codings(scales, layers, network.digest)
    rounded = rounding.convert(folded, data, scales, weight_bit_width, headroom, name or f"{network.name}-sigma-delta")
    stated = {
        "method": METHOD,
        "made_from_digest": network.digest,
        "layers_folded": len(network.layers) - len(folded.layers),
        "accumulator_bits": accumulator_bits(rounded),
    }
    return replace(rounded, about=rounded.about | stated)


def accumulator_bits(network: Network) -> dict[str, int]:
    """Width of the accumulator of every layer with integer weights, by its name. [bits]"""
    return {
        layer.name: max(layer.accumulator_widths(read))
        for layer in network.layers
        if isinstance(layer, Synaptic) and not layer.is_real(read := network.signals[layer.inputs[0]])
    }
