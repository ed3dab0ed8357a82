"""Batch norm into the layer before it: an Affine per channel becomes part of weights and biases.

Batch norm is Ioffe & Szegedy, Batch Normalization, ICML 2015; in a trained network it is the Affine with
scale gamma / sqrt(variance + epsilon) and offset beta - mean x scale.
"""

from dataclasses import replace

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.code_boundaries import fewest_bits
from hwsim.network.graph import Network
from hwsim.network.layers import Affine, Layer, Quantize, ReLU, Synaptic, Weight, unless_zero
from hwsim.network.signals import FloatArray, IntArray, Signal

METHOD = "batch norm folded into the layers before it"


def convert(network: Network, name: str | None = None) -> Network:
    """Fold every Affine that alone reads a Dense or Conv2d into that layer, where the function stays the same.

    * Real weights of one term are multiplied, in float64, and rounded once to float32; so are real biases.
    * Weights that are codes keep them: a factor becomes part of their scales, per channel where it differs; a
      negative one also turns the signs of the codes, if the format has the codes that this takes.
    * Of an integer accumulator the offset must be a whole number of its steps, since a rounded one would be another
      function; or a Quantize follows, behind a ReLU perhaps, which takes it as its own constant, with a multiplier of
      as many bits as make every code the nearest (32 at most). The Affine's multiplier, which has
      `multiplier_bit_width` bits, is then replaced by the exact scale.

    Anything else stays an Affine: one after another kind of layer, one that reads a signal that others read too, a
    factor of zero before codes, a result that some layer after it cannot read (such as a step per channel before
    integer weights) or that a declared accumulator cannot hold. What stays is no error.

    Parameters
    ----------
    network : Network
        Any network.
    name : str, optional
        Name of the result; ``<network>-folded`` when not given.

    Returns
    -------
    Network
        The network itself, but for its name, where nothing can be folded.
    """
    folded, stays = network, set[str]()
    while (affine := _next(folded, stays)) is not None:
        for fold in (_without, _into_quantizer):
            try:
                folded = fold(folded, affine)
                break
            except NetworkError:  # of what comes after, or of numbers beyond their format
                continue
        else:
            stays.add(affine.name)
    n_folded = len(network.layers) - len(folded.layers)
    about = {
        **{key: value for key, value in network.about.items() if key != "accuracy" or not n_folded},
        "made_from": network.name,
        "made_from_digest": network.digest,
        "conversion": METHOD,
        "layers_folded": n_folded,
    }
    return replace(folded, name=name or f"{network.name}-folded", about=about)


def _next(network: Network, stays: set[str]) -> Affine | None:
    """The first Affine, not among those that stay, that alone reads a layer with weights."""
    layers = {layer.name: layer for layer in network.layers}
    read = [name for layer in network.layers for name in layer.inputs]
    for layer in network.layers:
        if isinstance(layer, Affine) and layer.name not in stays:
            (source,) = layer.inputs
            if isinstance(layers.get(source), Synaptic) and read.count(source) == 1:
                return layer
    return None


def _without(network: Network, affine: Affine) -> Network:
    """The network with an Affine folded into the layer it reads; NetworkError where that is another function."""
    (source,) = affine.inputs
    layers: list[Layer] = []
    for layer in network.layers:
        if layer is affine:
            continue
        if layer.name == source and isinstance(layer, Synaptic):
            layers.append(_fold(layer, affine, network.signals[layer.inputs[0]]))
        else:
            inputs = tuple(source if name == affine.name else name for name in layer.inputs)
            layers.append(replace(layer, inputs=inputs))
    return replace(network, layers=tuple(layers))


def _into_quantizer(network: Network, affine: Affine) -> Network:
    """The network with an Affine of codes in the weights before it and the Quantize behind it; else NetworkError."""
    relu, quantize = _quantizer(network, affine)
    (source,) = affine.inputs
    offset = np.asarray(quantize.offset) + np.asarray(affine.offset) * np.asarray(quantize.scale)
    names, layers = {affine.name: source} | ({relu.name: source} if relu else {}), list[Layer]()
    for layer in network.layers:
        if layer.name in names:
            continue
        if layer.name == source and isinstance(layer, Synaptic):
            layer = _fold(layer, replace(affine, offset=0.0), network.signals[layer.inputs[0]])
            read = layer.signal(network.signals[layer.inputs[0]])
        else:
            layer = replace(layer, inputs=tuple(names.get(name, name) for name in layer.inputs))
        if layer.name == quantize.name and isinstance(layer, Quantize):
            layer = replace(layer, offset=offset)
            layer = replace(layer, multiplier_bit_width=fewest_bits(layer, read)[0])
        layers.append(layer)
    return replace(network, layers=tuple(layers))


def _quantizer(network: Network, affine: Affine) -> tuple[ReLU | None, Quantize]:
    """The Quantize that alone reads an Affine of codes; between them may be a ReLU that the lowest code stands for."""
    relu, name = None, affine.name
    while True:
        readers = [layer for layer in network.layers if name in layer.inputs]
        layer = readers[0] if len(readers) == 1 else None
        takes = isinstance(layer, Quantize) and (relu is None or layer.format.lowest == layer.zero_point)
        if takes and isinstance(layer, Quantize) and not network.signals[name].format.is_real:
            return relu, layer
        if not isinstance(layer, ReLU) or relu is not None:
            raise NetworkError("no quantizer of codes behind it")
        relu, name = layer, layer.name


def _fold(layer: Synaptic, affine: Affine, read: Signal) -> Synaptic:
    """A layer that does what an Affine does to it besides."""
    n_channel = (layer.n_channel,)
    factor = np.broadcast_to(np.asarray(affine.scale, np.float64), n_channel)
    offset = np.broadcast_to(np.asarray(affine.offset, np.float64), n_channel)
    if layer.is_integer and not layer.is_real(read):
        return replace(layer, terms=_coded(layer, factor), bias=unless_zero(_bias_codes(layer, factor, offset, read)))
    with np.errstate(over="ignore"):  # what becomes infinite is refused by the layer
        bias = unless_zero((layer.start.astype(np.float64) * factor + offset).astype(np.float32))
        return replace(layer, terms=_coded(layer, factor) if layer.is_integer else _real(layer, factor), bias=bias)


def _real(layer: Synaptic, factor: FloatArray) -> tuple[Weight, ...]:
    """Real weights, multiplied."""
    (term, *others) = layer.terms
    if others or np.any(np.asarray(term.scale) != 1):
        raise NetworkError("real weights of several terms, or with a scale")
    code = term.code.astype(np.float64) * _along_channels(factor, term)
    return (Weight(code.astype(np.float32), term.format),)


def _coded(layer: Synaptic, factor: FloatArray) -> tuple[Weight, ...]:
    """Codes with the factor's sign, and its magnitude in their scale."""
    if np.any(factor == 0):
        raise NetworkError("codes whose scale is zero")
    magnitude = np.abs(factor)
    if np.all(magnitude == magnitude[0]):  # so that a step that all channels share is still shared
        magnitude = magnitude[0]
    sign = np.sign(factor).astype(np.int64)
    return tuple(replace(term.turned(sign), scale=term.scale * magnitude) for term in layer.terms)


def _along_channels(factor: FloatArray | IntArray, term: Weight) -> FloatArray | IntArray:
    """One number per output channel, to be multiplied with weights: the last axis of Dense, the first of Conv2d."""
    return factor if term.code.ndim == 2 else factor[:, None, None, None]


def _bias_codes(layer: Synaptic, factor: FloatArray, offset: FloatArray, read: Signal) -> IntArray:
    """Codes of a bias that has taken in the offset, which must be a whole number of the accumulator's new steps."""
    steps = offset / (np.abs(factor) * np.asarray(layer.terms[0].scale) * read.step)
    if np.any(steps != np.rint(steps)) or np.any(np.abs(steps) >= 2**53):
        raise NetworkError("an offset that is no whole number of the accumulator's steps")
    return np.asarray(layer.start * np.sign(factor).astype(np.int64) + steps.astype(np.int64))
