"""What a network is to a machine before it runs: the sizes of what its layers read, keep and write."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwsim.activity import Activity, LayerActivity
from hwsim.machine import Machine
from hwsim.network.layers.window import Window
from hwsim.traffic.contents import is_whole, pointer_bits, state_bits, weight_bits
from hwsim.traffic.loops import Loops, loops_of
from hwsim.traffic.meetings import Told, told_codes

FRAMES, OUTPUTS = "frames as they arrive", "outputs"
"""Signals that no layer has a name for."""


@dataclass(frozen=True)
class SignalShape:
    """Codes on their way, at their worst."""

    bits: int  # of all of them [bits]
    n_code: int
    born: int  # index of the layer that writes it
    last: int  # index of the last layer that reads it


@dataclass(frozen=True)
class SourceShape:
    """A signal that a layer reads."""

    signal: str
    n_channel: int  # of the image that are its own
    in_strips: tuple[tuple[int, ...], ...]  # codes in the rows that strips of 1, 2 ... rows of outputs read


@dataclass(frozen=True)
class LayerShape:
    """A layer, as far as levels and tiles depend on it."""

    name: str
    loops: Loops | None  # None: it has no weights that are read
    sources: tuple[SourceShape, ...]
    weight_bits: tuple[int, ...]  # with biases and parameters, at each level of the machine [bits]
    state_bits: int  # [bits]
    pointer_bits: int  # to slices of compressed rows [bits]


@dataclass(frozen=True)
class Shape:
    """A network, to one machine."""

    network: str
    layers: tuple[LayerShape, ...]
    signals: tuple[tuple[str, SignalShape], ...]


def shape_of(activity: Activity, machine: Machine) -> Shape:
    """What a machine plans by: nothing that depends on the data."""
    return Shape(
        activity.network,
        tuple(_layer(layer, machine) for layer in activity.layers),
        tuple(_signals(activity, machine).items()),
    )


def raw_frames_are_codes(activity: Activity, layer: LayerActivity) -> bool:
    """Whether raw frames serve a dense machine as the first layer's codes: nothing is done to them first."""
    return not layer.sources and not activity.execution.lists_events and not layer.work


def told_frames(activity: Activity, layer: LayerActivity) -> Told:
    """Raw frames, as they arrive."""
    n_code = np.full(activity.n_frame, layer.n_neuron, np.int64)
    return Told(layer.n_neuron, n_code, activity.raw_format.bit_width)


def _signals(activity: Activity, machine: Machine) -> dict[str, SignalShape]:
    signals: dict[str, SignalShape] = {}
    for k, layer in enumerate(activity.layers):
        raw_are_codes = raw_frames_are_codes(activity, layer)
        if not layer.sources:
            told = told_frames(activity, layer)
            last = _last_reader(activity, layer, k) if raw_are_codes else k
            signals[FRAMES] = SignalShape(told.worst * machine.batch, told.n_code, k, last)
        if layer.emitted is not None and not raw_are_codes:
            told = told_codes(activity, machine, layer.emitted)
            last = _last_reader(activity, layer, k)
            signals[layer.emitted.name] = SignalShape(told.worst * machine.batch, told.n_code, k, last)
        if layer.emitted is None and layer.sources:
            bits = layer.n_neuron * layer.out_format.bit_width
            signals[OUTPUTS] = SignalShape(bits * machine.batch, layer.n_neuron, k, k)
    return signals


def _last_reader(activity: Activity, layer: LayerActivity, k: int) -> int:
    assert layer.emitted is not None
    readers = [n for n, each in enumerate(activity.layers) if layer.emitted.name in each.sources]
    return max(readers, default=k)


def _layer(layer: LayerActivity, machine: Machine) -> LayerShape:
    has_loops = bool(layer.connections)
    loops = loops_of(layer, machine) if has_loops else None
    return LayerShape(
        name=layer.name,
        loops=loops,
        sources=tuple(_source(layer, loops, k) for k in range(len(layer.sources))),
        weight_bits=tuple(
            0 if is_whole(layer, machine) else weight_bits(layer, machine, level.width) for level in machine.hierarchy
        ),
        state_bits=state_bits(layer, machine),
        pointer_bits=pointer_bits(layer, machine),
    )


def _source(layer: LayerActivity, loops: Loops | None, k: int) -> SourceShape:
    if loops is None or loops.window is None or layer.codes_by_row is None:
        return SourceShape(layer.sources[k], loops.n_channel if loops else 1, ())
    by_row = tuple(map(int, layer.codes_by_row[k]))
    return SourceShape(layer.sources[k], -(-max(by_row) // loops.window.x.size), _in_strips(loops.window, by_row))


@lru_cache(maxsize=4096)
def _in_strips(window: Window, codes_by_row: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Codes in the rows that strips of 1, 2 ... rows of outputs read."""
    total = np.concatenate([[0], np.cumsum(codes_by_row)])
    bands = [window.y.bands(rows) for rows in range(1, window.y.n_window)]
    return tuple(tuple(map(int, total[last] - total[first])) for first, last in bands)
