"""Where a network of real numbers has to be cut to become one of integers: after which layers a Quantize goes.

A Quantize goes as late as it can: behind what is done to single numbers, but before poolings that only choose among
codes and before joints, whose signals then share one format and step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    ElementWise,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    Layer,
    MaxPool2d,
    Pad2d,
    Quantize,
    Rearrange,
    ReLU,
    Softmax,
    Synaptic,
)

KINDS = (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    MaxPool2d,
    Pad2d,
    Rearrange,
    ReLU,
    Softmax,
)
"""What can be converted besides Dense and Conv2d with real weights."""

KEEP_CODES = (Flatten, ReLU, HardTanh)
"""What makes codes of codes of the same format."""


class Step(NamedTuple):
    """A reader and the signal it reads, which is to be quantized."""

    reader: str
    signal: str


@dataclass(frozen=True)
class Places:
    """A network with a Quantize at every place that needs one, of which only name and input are settled."""

    layers: tuple[Layer, ...]
    groups: tuple[tuple[Quantize, ...], ...]  # those that have to have one format and one scale

    def group_of(self, name: str) -> tuple[Quantize, ...]:
        """The group that a Quantize is in."""
        return next(group for group in self.groups if any(each.name == name for each in group))


def convertible(network: Network) -> Network:
    """The network, with every ReLU that alone reads a MaxPool2d put before it, which changes no bit.

    Raises
    ------
    NetworkError
        When there is a layer other than those of `KINDS` and Dense and Conv2d with one term of real weights, or no
        Dense or Conv2d.
    """
    for layer in network.layers:
        real = isinstance(layer, Dense | Conv2d) and len(layer.terms) == 1 and layer.terms[0].format.is_real
        if not (real or isinstance(layer, KINDS)):
            *others, last = (kind.__name__ for kind in KINDS)
            raise NetworkError(
                f"network {network.name}: layer {layer.name}: only Dense and Conv2d with real weights, "
                f"{', '.join(others)} and {last} can be converted; this is {type(layer).__name__}"
                f"{' with codes' if isinstance(layer, Synaptic) else ''}"
            )
    if not any(isinstance(layer, Synaptic) for layer in network.layers):
        raise NetworkError(f"network {network.name}: no Dense or Conv2d layer, so there is nothing to convert")
    return _relu_first(network)


def _relu_first(network: Network) -> Network:
    """Exchange each MaxPool2d and the ReLU that alone reads it: the codes of a ReLU need no sign."""
    layers = list(network.layers)
    for relu in network.layers:
        pool = next((each for each in layers if each.name == relu.inputs[0]), None)
        readers = [each for each in layers if pool is not None and pool.name in each.inputs]
        if not isinstance(relu, ReLU) or not isinstance(pool, MaxPool2d) or len(readers) > 1:
            continue
        read = {relu.name: pool.name}  # what read the ReLU reads the pooling
        layers = [replace(each, inputs=tuple(read.get(name, name) for name in each.inputs)) for each in layers]
        at = next(k for k, each in enumerate(layers) if each.name == pool.name)
        layers = [each for each in layers if each.name != relu.name]
        layers[at : at + 1] = [replace(relu, inputs=pool.inputs), replace(pool, inputs=(relu.name,))]
    return replace(network, layers=tuple(layers))


def place(network: Network, reads_codes: Callable[[Layer], bool]) -> Places:
    """Find where codes are needed, so that certain layers read nothing else.

    Parameters
    ----------
    network : Network
        As `convertible` leaves it.
    reads_codes : function of a layer
        Whether it has to read codes. A Concat always does, and so does what adds and reads the network's input.
    """
    layers = {layer.name: layer for layer in network.layers}
    readers: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    groups: list[set[str]] = []
    for layer in network.layers:
        if not (reads_codes(layer) or isinstance(layer, Concat) or _adds_input(layers, layer)):
            continue
        found = [_steps(layers, layer.name, source) for source in layer.inputs]
        for steps in [list(chain(*found))] if isinstance(layer, Concat) else found:
            groups = _merged(groups, {step.signal for step in steps})
            for step in steps:
                readers.setdefault(step.signal, set()).add(step.reader)
                joint = len(layer.inputs) > 1 or len(steps) > 1
                names.setdefault(step.signal, f"{step.signal}_codes" if joint else f"{layer.name}_input")
    quantizers = {signal: Quantize(name, (signal,)) for signal, name in names.items()}
    placed: list[Layer] = [quantizers[INPUT]] if INPUT in quantizers else []
    for layer in network.layers:
        inputs = tuple(names[name] if layer.name in readers.get(name, ()) else name for name in layer.inputs)
        placed.append(replace(layer, inputs=inputs))
        if layer.name in quantizers:
            placed.append(quantizers[layer.name])
    ordered = sorted(groups, key=lambda group: min(list(quantizers).index(signal) for signal in group))
    return Places(tuple(placed), tuple(tuple(q for s, q in quantizers.items() if s in group) for group in ordered))


def _steps(layers: dict[str, Layer], reader: str, name: str) -> list[Step]:
    """Who has to read what through a Quantize, so that a signal is one of codes."""
    layer = layers.get(name)
    if layer is not None and _keeps_codes(layers, name):
        return [step for source in layer.inputs for step in _steps(layers, name, source)]
    return [Step(reader, name)]


def _keeps_codes(layers: dict[str, Layer], name: str) -> bool:
    """Whether a signal is made by choosing, moving or joining codes, so that what is before it has to be quantized."""
    layer = layers.get(name)
    if isinstance(layer, KEEP_CODES):
        return _keeps_codes(layers, layer.inputs[0])
    return isinstance(layer, MaxPool2d | Concat | Rearrange)


def _adds_input(layers: dict[str, Layer], layer: Layer) -> bool:
    """Whether a layer adds up numbers of the network's input, which nothing has quantized."""

    def is_input(name: str) -> bool:
        made_by = layers.get(name)
        return made_by is None or (isinstance(made_by, ElementWise | MaxPool2d) and is_input(made_by.inputs[0]))

    return isinstance(layer, Add | AvgPool2d | GlobalAvgPool) and any(map(is_input, layer.inputs))


def _merged(groups: list[set[str]], signals: set[str]) -> list[set[str]]:
    """Groups, of which those that share a signal with others are one."""
    apart = [group for group in groups if not group & signals]
    return [*apart, signals.union(*(group for group in groups if group & signals))]


def cannot_be_negative(layers: dict[str, Layer], name: str) -> bool:
    """Whether a signal has no negative numbers, whatever the network reads."""
    layer = layers.get(name)
    if layer is None or isinstance(layer, Synaptic | Affine):
        return False
    is_softmax = type(layer) is Softmax  # whose logarithm is never positive
    if is_softmax or isinstance(layer, ReLU) or (isinstance(layer, HardTanh) and layer.lowest >= 0):
        return True
    if (isinstance(layer, Add) and layer.signs) or (isinstance(layer, Pad2d) and layer.value < 0):
        return False
    return all(cannot_be_negative(layers, source) for source in layer.inputs)


def is_of_input(layers: dict[str, Layer], name: str) -> bool:
    """Whether a signal is made of the network's input without any Dense or Conv2d."""
    layer = layers.get(name)
    if layer is None:
        return True
    return not isinstance(layer, Synaptic) and all(is_of_input(layers, source) for source in layer.inputs)
