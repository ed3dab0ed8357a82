"""Memoryless scalar quantization (MSQ): every weight becomes the nearest level, whatever the data.

The baseline that Lybrand & Saab (JMLR 22 (156), 2021) compare with: same alphabets, same layers.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwsim.convert.alphabet import PerLayer, Unit, per_layer
from hwsim.convert.layer_inputs import check_real
from hwsim.convert.layers_of_codes import alphabet_of, checked_levels, with_codes
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.network.signals import FloatArray

METHOD = "weights rounded to the nearest level (MSQ, the baseline of Lybrand & Saab 2021)"


def quantize_weight(weight: npt.ArrayLike, alphabet: npt.ArrayLike) -> FloatArray:
    """Round every weight to the nearest level; of two as near, to the lower.

    Parameters
    ----------
    weight : (n_in, n_out)
        Real weights.
    alphabet : (n_level,)
        The levels, rising.

    Returns
    -------
    (n_in, n_out) float64

    Raises
    ------
    NetworkError
        When the levels do not rise, or a number is not finite.
    """
    level, weight = checked_levels(alphabet), np.asarray(weight, np.float64)
    if not np.all(np.isfinite(weight)):
        raise NetworkError("weights must be finite; there is NaN or infinity")
    return np.asarray(level[nearest(weight, level)])


def nearest(weight: FloatArray, level: FloatArray) -> npt.NDArray[np.int16]:
    """Index of the nearest level, the lower of two as near. int16, of the shape of the weights"""
    above = np.clip(np.searchsorted(level, weight), 1, level.size - 1)
    return (above - (weight - level[above - 1] <= level[above] - weight)).astype(np.int16)


def convert(
    network: Network,
    data: Dataset | None = None,
    levels: PerLayer[int] = 3,
    radius: PerLayer[float] = 2.0,
    *,
    unit: Unit = "median",
    name: str | None = None,
) -> Network:
    """Round the weights of every Dense and Conv2d layer; biases, batch norm and signals stay as they are.

    Parameters
    ----------
    network : Network
        Real.
    data : ignored
    levels, radius, unit
        Alphabets, as for `hwsim.convert.gpfq.convert`.
    name : str, optional
        Name of the result; ``<network>-msq`` when not given.

    Raises
    ------
    NetworkError
        As `hwsim.convert.gpfq.convert` does.
    """
    check_real(network)
    many, reach = per_layer(network, levels, "levels"), per_layer(network, radius, "radii")
    layers = []
    for layer in network.layers:
        if isinstance(layer, Synaptic):
            alphabet = alphabet_of(network, layer, many[layer.name], reach[layer.name], unit)
            layer = with_codes(layer, alphabet, nearest(layer.terms[0].value, alphabet.level))
        layers.append(layer)
    about = {
        "method": METHOD,
        "made_from": network.name,
        "made_from_digest": network.digest,
        "data_set": network.about.get("data_set"),
        "seed": network.about.get("seed"),
        "levels": levels,
        "radius": radius,
        "radius_unit": unit,
    }
    return replace(network, name=name or f"{network.name}-msq", layers=tuple(layers), about=about)
