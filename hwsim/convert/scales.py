"""The scales of a rounding network's signals: which signals have to share one."""

from collections.abc import Sequence

import numpy as np

from hwsim.convert.places import is_of_input
from hwsim.errors import NetworkError
from hwsim.layers import Synaptic
from hwsim.network import INPUT, Network


class Scales:
    """k of every signal: that of the layers with weights which read it, or what is made of it; 1 of the output.

    Raises
    ------
    NetworkError
        For scales that are not positive, or differ where they cannot.
    """

    def __init__(self, network: Network, scale: float | Sequence[float]) -> None:
        layers = [layer for layer in network.layers if isinstance(layer, Synaptic)]
        scales = np.full(len(layers), scale, np.float64) if np.ndim(scale) == 0 else np.asarray(scale, np.float64)
        if scales.shape != (len(layers),) or not np.all(np.isfinite(scales) & (scales > 0)):
            raise NetworkError(f"scale {scale}: expected one positive number, or one for each of {len(layers)} layers")
        self._sets = _connected(network)
        self._of_set: dict[int, tuple[float, str]] = {
            self._sets[network.layers[-1].name]: (1.0, "the network's output")
        }
        for layer, k in zip(layers, scales.tolist(), strict=True):
            which = self._sets[layer.inputs[0]]
            k = _with_exact_inverse(k) if which == self._sets[INPUT] else k
            known, of = self._of_set.setdefault(which, (k, f"layer {layer.name}"))
            if known != k:
                raise NetworkError(
                    f"layer {layer.name}: scale {k:g}; expected {known:g}, that of {of}, because signals "
                    "of the two are added or joined"
                )
        _refuse_scaled_input(network, self)
        self.of_layers = tuple(self.of_signal(layer.inputs[0]) for layer in layers)

    def of_signal(self, name: str) -> float:
        """Codes per unit of a signal, once it is rounded."""
        return self._of_set[self._sets[name]][0]


def _connected(network: Network) -> dict[str, int]:
    """Number of the set that a signal is in: layers without weights make signals of the same scale."""
    sets = {INPUT: 0}
    for number, layer in enumerate(network.layers, 1):
        sets[layer.name] = number
        if not isinstance(layer, Synaptic):
            one = {sets[name] for name in layer.inputs}
            sets = {name: number if which in one else which for name, which in sets.items()}
    return sets


def _refuse_scaled_input(network: Network, scales: Scales) -> None:
    """Refuse a scale where the network's input, which keeps its values, meets signals whose values are scaled."""
    layers = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        of_input = {is_of_input(layers, name) for name in layer.inputs}
        if len(of_input) > 1 and scales.of_signal(layer.name) != 1:
            raise NetworkError(
                f"layer {layer.name}: joins the network's input with others, so that its scale has to be 1"
            )


def _with_exact_inverse(scale: float) -> float:
    """The nearest number k for which k x (1/k) is 1 in float64, so that steps stay exact powers of two."""
    while scale * (1 / scale) != 1:
        scale = float(np.nextafter(scale, np.inf))
    return scale
