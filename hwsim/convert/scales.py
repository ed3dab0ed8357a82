"""The codings of a rounding network's signals: which signals have to share one, and who may have one per unit."""

from collections.abc import Sequence

import numpy as np

from hwsim.convert.coding import Coding, CodingLike, coding
from hwsim.convert.places import cannot_be_negative, is_of_input
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    Layer,
    Pad2d,
    Rearrange,
    Synaptic,
)
from hwsim.network.signals import FloatArray

JOINTS = (Add, AvgPool2d, Concat, GlobalAvgPool, HardTanh, Affine, Pad2d, Rearrange)
"""Where signals pass one of these, their units are rounded alike."""


class SignalSets:
    """The signals of a network, in sets that have one coding: layers without weights make signals of the same set."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._layers = {layer.name: layer for layer in network.layers}
        self._number = {INPUT: 0}
        for number, layer in enumerate(network.layers, 1):
            self._number[layer.name] = number
            if not isinstance(layer, Synaptic):
                one = {self._number[name] for name in layer.inputs}
                self._number = {name: number if which in one else which for name, which in self._number.items()}
        self.readers = [layer for layer in network.layers if isinstance(layer, Synaptic)]

    def of(self, signal: str) -> int:
        """Number of the set that a signal is in."""
        return self._number[signal]

    @property
    def of_readers(self) -> list[int]:
        """The set that each layer with weights reads."""
        return [self.of(layer.inputs[0]) for layer in self.readers]

    def has_input(self, number: int) -> bool:
        """Whether the network's input is in a set."""
        return self._number[INPUT] == number

    def n_unit(self, number: int) -> int:
        """Units of a set that may be rounded apart; 1 where signals are joined, averaged or clipped.

        Units are the outputs or channels of the layer with weights that makes them, or the numbers of a frame.
        """
        members = [layer for layer in self.network.layers if self._number[layer.name] == number]
        if any(isinstance(layer, JOINTS) for layer in members):
            return 1
        made = {layer.n_channel for layer in members if isinstance(layer, Synaptic)}
        if self.has_input(number):
            read = self.read(number)
            apart = all(isinstance(layer, Flatten) for layer in members) and len(read) == 1
            return self.network.signals[read.pop()].shape[0] if apart else 1
        return made.pop() if len(made) == 1 else 1

    def read(self, number: int) -> set[str]:
        """Names of the signals of a set that layers with weights read."""
        return {layer.inputs[0] for layer in self.readers if self.of(layer.inputs[0]) == number}

    def may_have_offset(self, number: int) -> bool:
        """Whether what is subtracted before rounding can be part of biases: not joined or averaged, none negative."""
        members = [layer for layer in self.network.layers if self._number[layer.name] == number]
        read = self.read(number)
        if any(isinstance(layer, JOINTS) for layer in members):
            return False
        return len(read) == 1 if self.has_input(number) else all(cannot_be_negative(self._layers, n) for n in read)


class Scales:
    """The coding of every signal: that of the layers with weights that read it, or what is made of it; 1 of outputs.

    Raises
    ------
    NetworkError
        For scales that are not positive, or differ where they cannot, and units that cannot be rounded apart.
    """

    def __init__(self, network: Network, scale: CodingLike | Sequence[CodingLike]) -> None:
        self._sets = SignalSets(network)
        layers = self._sets.readers
        codings = _codings(scale, len(layers))
        self._of_set: dict[int, tuple[Coding, str]] = {
            self._sets.of(network.layers[-1].name): (Coding(1.0), "the network's output")
        }
        for layer, each in zip(layers, codings, strict=True):
            which = self._sets.of(layer.inputs[0])
            each = _with_exact_inverse(each) if self._sets.has_input(which) else each
            known, of = self._of_set.setdefault(which, (each, f"layer {layer.name}"))
            if not known.same(each):
                raise NetworkError(
                    f"layer {layer.name}: scale {each}; expected {known}, that of {of}, because signals "
                    "of the two are added or joined"
                )
            self._check(layer, which, each)
        _refuse_scaled_input(network, self)
        self.of_layers = tuple(self.of_signal(layer.inputs[0]) for layer in layers)

    def of_signal(self, name: str) -> Coding:
        """How a signal is rounded, where it is."""
        return self._of_set[self._sets.of(name)][0]

    def _check(self, layer: Layer, which: int, each: Coding) -> None:
        n_unit = self._sets.n_unit(which)
        if each.n_unit not in (1, n_unit):
            expected = f"one number or {n_unit}" if n_unit > 1 else "one number, because its units are rounded alike"
            raise NetworkError(f"layer {layer.name}: scales of {each.n_unit} units; expected {expected}")
        if each.has_offset and not self._sets.may_have_offset(which):
            raise NetworkError(
                f"layer {layer.name}: an offset before rounding needs a signal that is never negative, and is neither "
                "joined nor averaged; leave it out"
            )
        if np.min(each.offset) <= -0.5:  # zero would become one, but padding not
            raise NetworkError(f"layer {layer.name}: offset {np.min(each.offset):g}; expected one above -0.5 [codes]")


def per_input(value: FloatArray | float, size: int) -> FloatArray:
    """One number for all or one per unit, for each number (or channel) that a layer reads: units lie side by side."""
    value = np.asarray(value, np.float64)
    return np.full(size, value) if value.ndim == 0 else np.repeat(value, size // value.size)


def _codings(scale: CodingLike | Sequence[CodingLike], n_layer: int) -> list[Coding]:
    """One coding for each layer with weights."""
    # lists may be ragged, which numpy does not take
    is_list = isinstance(scale, Sequence) or (isinstance(scale, np.ndarray) and scale.ndim > 0)
    given: list[CodingLike] = list(scale) if is_list else [scale] * n_layer  # type: ignore[arg-type,list-item]
    try:
        if len(given) == n_layer:
            return [coding(each) for each in given]
    except NetworkError:
        pass
    shown = ", ".join(map(str, given)) if is_list else str(scale)
    raise NetworkError(
        f"scale {shown}: expected one positive number, or one for each of {n_layer} layers, each of which may be one "
        "number for each unit, from 2^-100 to 2^100"
    )


def _refuse_scaled_input(network: Network, scales: Scales) -> None:
    """Refuse a scale where the network's input, which keeps its values, meets signals whose values are scaled."""
    layers = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        of_input = {is_of_input(layers, name) for name in layer.inputs}
        if len(of_input) > 1 and not scales.of_signal(layer.name).same(Coding(1.0)):
            raise NetworkError(
                f"layer {layer.name}: joins the network's input with others, so that its scale has to be 1"
            )


def _with_exact_inverse(given: Coding) -> Coding:
    """The nearest number k for which k x (1/k) is 1 in float64, so that steps stay exact powers of two."""
    if given.n_unit > 1 or given.has_offset:
        return given  # becomes an Affine of the network's input
    scale = float(given.scale)
    while scale * (1 / scale) != 1:
        scale = float(np.nextafter(scale, np.inf))
    return Coding(scale, given.gain)
