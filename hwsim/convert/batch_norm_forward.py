"""Batch norm after ReLU into the layer that follows: an Affine becomes part of the weights and biases that read it.

Where batch norm comes behind ReLU, as in the networks of Lybrand & Saab (JMLR 22 (156), 2021), it cannot go into the
layer before it. W'(s x + o) = (s W)'x + W'o: slopes scale rows of the weights that follow, offsets go through them
into the bias. It is done to real weights, before they are quantized; the network then has no multiplication per
neuron, and what ReLU makes zero stays zero.
"""

from dataclasses import replace

import numpy as np

from hwsim.network.graph import Network
from hwsim.network.layers import (
    Affine,
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    MaxPool2d,
    Synaptic,
    Weight,
    unless_zero,
)
from hwsim.network.number_format import FP32
from hwsim.network.signals import FloatArray

METHOD = "batch norm folded into the layers after it"


def convert(network: Network, name: str | None = None) -> Network:
    """Fold every Affine into the layers with real weights that read it, where they can all take it.

    Between the two may be Flatten and poolings; a MaxPool2d lets no negative slope pass. A convolution that pads, and
    what an average over padding reads, can take no offset, because padding stays zero. An Affine that is not the only
    thing between its source and those layers stays; that is no error.

    Parameters
    ----------
    network : Network
        Any network.
    name : str, optional
        Name of the result; ``<network>-folded-forward`` when not given.

    Returns
    -------
    Network
        The network itself, but for its name, where nothing can be folded.
    """
    folded = network
    for affine in (layer for layer in network.layers if isinstance(layer, Affine)):
        folded = _without(folded, affine)
    n_folded = len(network.layers) - len(folded.layers)
    about = {key: value for key, value in network.about.items() if key not in ("accuracy", "command") or not n_folded}
    about |= {
        "made_from": network.name,
        "made_from_digest": network.digest,
        "conversion": METHOD,
        "layers_folded": n_folded,
    }
    return replace(folded, name=name or f"{network.name}-folded-forward", about=about)


def _without(network: Network, affine: Affine) -> Network:
    """The network with an Affine folded into what follows; the network itself where that cannot be."""
    readers = _readers(network, affine.name)
    shape = network.signals[affine.name].shape
    scale = np.broadcast_to(np.asarray(affine.scale, np.float64), shape[:1])
    offset = np.broadcast_to(np.asarray(affine.offset, np.float64), shape[:1])
    if not readers or not all(_can_take(layers, scale, offset) for layers in readers):
        return network
    takers = {layers[-1].name: layers[-1] for layers in readers}
    result: list[Layer] = []
    for layer in network.layers:
        if layer.name == affine.name:
            continue
        if layer.name in takers and isinstance(layer, Synaptic):
            layer = _fold(layer, scale, offset)
        inputs = tuple(affine.inputs[0] if each == affine.name else each for each in layer.inputs)
        result.append(replace(layer, inputs=inputs))
    return replace(network, layers=tuple(result))


def _readers(network: Network, name: str) -> list[list[Layer]]:
    """The ways from a signal to layers with weights: what is on each, the layer with weights last."""
    ways = []
    for layer in network.layers:
        if name not in layer.inputs:
            continue
        if isinstance(layer, Flatten | MaxPool2d | AvgPool2d | GlobalAvgPool):
            following = _readers(network, layer.name)
            ways += [[layer, *way] for way in following] or [[layer]]
        else:
            ways.append([layer])
    return ways


def _can_take(way: list[Layer], scale: FloatArray, offset: FloatArray) -> bool:
    *between, last = way
    if not isinstance(last, Synaptic) or last.is_integer or len(last.terms) > 1:
        return False
    for layer in between:
        if isinstance(layer, MaxPool2d) and np.any(scale <= 0):
            return False
        if isinstance(layer, AvgPool2d) and layer.count_include_pad and layer.padding != ((0, 0), (0, 0)):
            return not np.any(offset)
    pads = isinstance(last, Conv2d) and last.padding != ((0, 0), (0, 0))
    return not pads or not np.any(offset)


def _fold(layer: Synaptic, scale: FloatArray, offset: FloatArray) -> Synaptic:
    """The layer reading what the Affine reads."""
    value = layer.terms[0].value
    if isinstance(layer, Dense):
        along = len(value) // len(scale)  # positions of each channel that a Flatten has put one after the other
        rows, shifts = np.repeat(scale, along)[:, None], np.repeat(offset, along)[:, None]
        axes: tuple[int, ...] = (0,)
    else:
        assert isinstance(layer, Conv2d)
        per_group = layer.n_channel // layer.groups
        rows, shifts = (
            np.repeat(each.reshape(layer.groups, -1), per_group, axis=0)[:, :, None, None] for each in (scale, offset)
        )
        axes = (1, 2, 3)
    bias = unless_zero((layer.start + (value * shifts).sum(axis=axes)).astype(np.float32))
    format = layer.terms[0].format
    terms = (Weight((value * rows).astype(np.float32), format if format.is_real else FP32),)
    return replace(layer, terms=terms, bias=bias)
