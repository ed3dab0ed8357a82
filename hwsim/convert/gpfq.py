"""Greedy path-following quantization (GPFQ) of weights after training.

Lybrand & Saab, A Greedy Algorithm for Quantizing Neural Networks, JMLR 22 (156), 2021: each weight becomes the level
that keeps the running error of its neuron on calibration data smallest; the next one absorbs what is left. Layers are
quantized in order, and every layer sees what its quantized predecessors make of the data. What comes after the paper
(Zhang, Zhou & Saab 2023; Zhang & Saab, arXiv:2309.10975) are choices: alphabets with a radius in units of the largest
weights, convolutions as a whole, thresholds, rounding at random, alignment, and biases that take in the mean error.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hwsim.convert.alphabet import Alphabet, PerLayer, Unit, per_layer
from hwsim.convert.greedy import PAPER, Rule, moments_of, output_shift, quantize
from hwsim.convert.layer_inputs import Flow, LayerInputs
from hwsim.convert.layers_of_codes import alphabet_of, checked_levels, rule_of, with_codes
from hwsim.convert.patches import parts_of, whole_of
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Conv2d, Synaptic, unless_zero
from hwsim.network.signals import FloatArray

METHOD = "greedy path-following quantization of weights (GPFQ, Lybrand & Saab 2021)"

BiasCorrection = Literal["none", "last", "all"]


def quantize_weight(
    weight: npt.ArrayLike,
    analog: npt.ArrayLike,
    quantized: npt.ArrayLike,
    alphabet: npt.ArrayLike,
    rule: Rule = PAPER,
    threads: int | None = None,
) -> FloatArray:
    """Quantize one layer's weights, neuron by neuron.

    Parameters
    ----------
    weight : (n_in, n_out)
        Real weights, a neuron per column.
    analog, quantized : (m, n_in)
        What the layer reads in the float network, and in the one whose earlier layers are quantized.
    alphabet : (n_level,)
        The levels, rising. Of two as near, the lower is taken.
    rule : Rule
        Thresholds, rounding and alignment; the paper's unless given.
    threads : int, optional
        Threads that share the neurons; all cores unless said. Changes no result.

    Returns
    -------
    (n_in, n_out) float64
        Levels, and zeros (levels or not) where a column of `quantized` is zero.

    Raises
    ------
    NetworkError
        When shapes do not fit, levels do not rise, a hard threshold meets none that is zero, or numbers are not finite.
    """
    level = checked_levels(alphabet)
    if rule.sparsity == "hard" and not np.any(level == 0):
        raise NetworkError(
            f"alphabet {level.tolist()}: a hard threshold drops small weights to zero, so let it have one"
        )
    weight, first, second = (np.asarray(each, np.float64) for each in (weight, analog, quantized))
    if weight.ndim != 2 or first.shape != second.shape or first.shape[1:] != weight.shape[:1] or not len(first):
        raise NetworkError(
            f"weight {weight.shape}, analog {first.shape}, quantized {second.shape}; expected (n_in, n_out) and twice "
            "(m, n_in)"
        )
    if not all(np.all(np.isfinite(each)) for each in (weight, first, second)):
        raise NetworkError("weights and data must be finite; there is NaN or infinity")
    index = quantize(weight, moments_of(first, second), level, rule, threads)
    return np.where(index < 0, 0.0, level[index])


def convert(
    network: Network,
    data: Dataset | LayerInputs,
    levels: PerLayer[int] = 3,
    radius: PerLayer[float] = 2.0,
    *,
    unit: Unit = "median",
    joint: bool = False,
    rule: Rule = PAPER,
    bias_correction: BiasCorrection = "none",
    patch_fraction: float = 1.0,
    seed: int = 0,
    name: str | None = None,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Network:
    """Quantize the weights of every Dense and Conv2d layer; batch norm and signals stay, and biases unless asked.

    Weights become codes with one scale per layer: ternary for three levels, else integers; of an even number of
    levels odd ones, such as -3, -1, 1, 3.

    Parameters
    ----------
    network : Network
        Real: fp32 weights of one term.
    data : Dataset or LayerInputs
        Frames for calibration; a `LayerInputs` of the network shares its work between conversions, and then says
        itself whether convolutions are joint, which patches are used and by which seed.
    levels : int, or one per layer
        M: an even number leaves out zero. A list in the order of layers, or a mapping by their names.
    radius : float, or one per layer
        The largest level, in units of the layer's weights: C.
    unit : {"median", "nonzero-median", "largest"}
        What that unit is: see `hwsim.convert.alphabet.Unit`.
    joint : bool
        Convolutions: a filter is one neuron over all channels (the follow-up), not one per channel (the paper).
    rule : Rule
        Thresholds (in units of the layer's weights), rounding, alignment.
    bias_correction : {"none", "last", "all"}
        Layers whose biases take in the mean error of their sums on the calibration data.
    patch_fraction : float
        Share of a convolution's patches that are used, drawn at random.
    seed : int
        Of that draw.
    name : str, optional
        Name of the result; ``<network>-gpfq`` when not given.
    threads : int, optional
        Threads; all cores unless said. Changes no code.
    progress : callable
        Told which layer is next.

    Raises
    ------
    NetworkError
        For a network that is not real, and for levels, radii and choices that make no alphabet.
    """
    if bias_correction not in ("none", "last", "all"):
        raise NetworkError(f"bias correction {bias_correction!r}; write none, last or all")
    if isinstance(data, LayerInputs):
        calibration = _prepared_for(network, data)
    else:
        calibration = LayerInputs(network, data, joint, patch_fraction, seed, threads=threads)
    many, reach = per_layer(network, levels, "levels"), per_layer(network, radius, "radii")
    flow = calibration.flow()
    for number, layer in enumerate(calibration.layers):
        progress(f"quantizing {layer.name} ({number + 1} of {len(calibration.layers)})")
        alphabet = alphabet_of(network, layer, many[layer.name], reach[layer.name], unit, rule)
        own_rule = rule_of(layer, alphabet, rule, many[layer.name], unit, number)
        corrects = bias_correction == "all" or (bias_correction == "last" and layer is calibration.layers[-1])
        flow.replace(_quantized(calibration, flow, layer, alphabet, own_rule, corrects, threads))
        still_read = [each.inputs[0] for each in calibration.layers[number + 1 :]]
        flow.forget(still_read)
        if calibration is not data:  # no other conversion needs what the float network has there
            calibration.analog.forget(still_read)
    choices = {"levels": levels, "radius": radius, "radius_unit": unit, "bias_correction": bias_correction}
    about = _about(network, calibration, rule) | choices
    return replace(flow.network, name=name or f"{network.name}-gpfq", about=about)


def _prepared_for(network: Network, inputs: LayerInputs) -> LayerInputs:
    """Inputs that conversions share, checked to be this network's."""
    if inputs.network != network:
        raise NetworkError(f"network {network.name}: the data given were prepared for another, {inputs.network.name}")
    return inputs


def _quantized(
    calibration: LayerInputs,
    flow: Flow,
    layer: Synaptic,
    alphabet: Alphabet,
    rule: Rule,
    corrects: bool,
    threads: int | None,
) -> Synaptic:
    """A layer with codes for weights."""
    joint = calibration.joint
    parts, moments = parts_of(layer, joint), calibration.moments(layer, flow)
    index = np.empty(parts.shape, np.int16)
    for k, (weight, of_data) in enumerate(zip(parts, moments, strict=True)):
        index[k] = quantize(weight, of_data, alphabet.level, rule, threads, part=k)
    result = with_codes(layer, alphabet, whole_of(index, layer, joint))
    if not corrects:
        return result
    pieces = zip(parts, index, moments, strict=True)
    shift = np.stack([output_shift(weight, alphabet, chosen, of_data) for weight, chosen, of_data in pieces])
    # the parts that add up to one output: all channels of its group, or the group itself
    groups = layer.groups if isinstance(layer, Conv2d) else 1
    bias = layer.start + shift.reshape(groups, -1, shift.shape[1]).sum(axis=1).ravel()
    return replace(result, bias=unless_zero(bias.astype(np.float32)))


def _about(network: Network, calibration: LayerInputs, rule: Rule) -> dict[str, object]:
    data = calibration.data
    about: dict[str, object] = {
        "method": METHOD,
        "made_from": network.name,
        "made_from_digest": network.digest,
        "data_set": f"{data.name} {data.split}".strip(),
        "calibration_frames": len(data),
        "seed": calibration.seed,
    }
    if any(isinstance(layer, Conv2d) for layer in network.layers):
        about["convolution"] = "joint" if calibration.joint else "per channel"
        about["patch_fraction"] = calibration.patch_fraction
    if rule != PAPER:
        about |= {key: value for key, value in vars(rule).items() if value != getattr(PAPER, key)}
    return about
