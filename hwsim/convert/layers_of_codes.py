"""Layers with codes in place of real weights, and the alphabets that they take them from."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwsim.convert.alphabet import Alphabet, Unit, check_radius, equispaced, gapped, unit_of
from hwsim.convert.greedy import Rule
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic, unless_zero
from hwsim.network.signals import FloatArray


def alphabet_of(
    network: Network, layer: Synaptic, levels: int, radius: float, unit: Unit, rule: Rule | None = None
) -> Alphabet:
    """The alphabet of a layer: `radius` times its unit, with a gap where a hard threshold drops small weights.

    Raises
    ------
    NetworkError
        When there is none, naming the layer.
    """
    try:
        check_radius(radius)  # as it was given, not in units of weight
        one = unit_of(layer.terms[0].value, unit)
        if rule is not None and rule.sparsity == "hard":
            return gapped(levels, radius * one, rule.threshold * one)
        if rule is not None and rule.sparsity == "soft" and levels % 2 == 0:
            raise NetworkError(f"{levels} levels: a threshold draws weights to zero, so take an odd number")
        return equispaced(levels, radius * one)
    except NetworkError as error:
        raise NetworkError(f"network {network.name}: layer {layer.name}: {error}") from None


def rule_of(layer: Synaptic, alphabet: Alphabet, rule: Rule, levels: int, unit: Unit, number: int) -> Rule:
    """A rule for one layer: its threshold in units of weight, and a seed of its own."""
    threshold = rule.threshold * unit_of(layer.terms[0].value, unit) if rule.threshold else 0.0
    if alphabet.code.size > levels:  # the gap has rounded it to a whole number of spacings
        threshold = float(alphabet.level[alphabet.level > 0][0])
    return replace(rule, threshold=threshold, seed=rule.seed + number)


def with_codes(layer: Synaptic, alphabet: Alphabet, index: npt.NDArray[np.int16]) -> Synaptic:
    """The layer with the levels of an alphabet for weights; its bias stays, unless it is zero."""
    return replace(layer, terms=(alphabet.weight(index),), bias=unless_zero(layer.start))


def checked_levels(alphabet: npt.ArrayLike) -> FloatArray:
    """An alphabet as it is given, checked. (n_level,) float64

    Raises
    ------
    NetworkError
        When it is not two finite numbers or more, rising.
    """
    level = np.asarray(alphabet, np.float64)
    if level.ndim != 1 or level.size < 2 or not np.all(np.isfinite(level)) or np.any(np.diff(level) <= 0):
        raise NetworkError(f"alphabet {level.tolist()}: expected two finite numbers or more, rising")
    return level
