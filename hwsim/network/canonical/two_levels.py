"""Codes of one bit that are scaled and moved to -a and a: binary codes of step a."""

from dataclasses import replace

import numpy as np

from hwsim.network.layers import Layer, MultiThreshold


def bipolar(layer: Layer | None, scale: float, offset: float) -> MultiThreshold | None:
    """One threshold and scale x value + offset behind it, as one threshold whose codes are -1 and 1.

    Parameters
    ----------
    layer : Layer or None
        What makes the codes.
    scale, offset : float
        What becomes of their values.

    Returns
    -------
    MultiThreshold or None
        None where the layer has other than two levels, or they do not become -a and a, with a above zero, as float32.
    """
    if not isinstance(layer, MultiThreshold) or layer.n_threshold != 1 or layer.is_binary:
        return None
    low, high = (scale * value + offset for value in (layer.offset, layer.offset + layer.scale))
    with np.errstate(over="ignore"):
        if not (0 < high < np.inf and np.float32(high) == -np.float32(low)):
            return None
    return replace(layer, scale=2 * high, offset=-high)
