"""What flows into each layer with weights: in the float network, and in one whose earlier layers are quantized.

Both run as hwsim runs them, batch by batch. Signals that are needed again are kept where they fit into memory, and
computed anew from the network's input where they do not.
"""

from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.convert.greedy import Gram, Moments, Rows, gram_of
from hwsim.convert.patches import columns, n_column, parts_of
from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Add, Divide, Joining, Layer, MultiThreshold, Quantize, Sign, Synaptic, Wiring
from hwsim.network.number_format import FP32
from hwsim.network.signals import Signal
from hwsim.simulation.input_frames import input_frames
from hwsim.simulation.simulator import simulate

Values: TypeAlias = npt.NDArray[np.float32]

KEPT_BYTES = 3e9
"""Signals between layers are kept up to this size in all, for each of the two networks. [bytes]"""

BATCH_BYTES = 2.5e8
"""Of the largest signal of a batch of frames. [bytes]"""

LARGEST_BATCH = 5000
"""[frames]"""


class Flow:
    """Signals of a real network on a data set, by the names of the layers that make them, batch by batch."""

    def __init__(self, network: Network, data: Dataset, batch: int, keep: bool, threads: int | None = None) -> None:
        self.network = network
        self.data = data
        self.batch = batch
        self.threads = threads
        self._kept: list[dict[str, Values]] | None = [{} for _ in range(0, len(data), batch)] if keep else None
        self._parts: dict[str, tuple[str, Network]] = {}

    def __len__(self) -> int:
        """How many batches there are."""
        return -(-len(self.data) // self.batch)

    def at(self, name: str, k: int) -> Values:
        """A signal in batch k. (n_frame, *shape) float32"""
        known = self._kept[k] if self._kept is not None else {}
        return self._value(name, known, k)

    def replace(self, layer: Layer) -> None:
        """Put a layer in place of the one of its name. Signals after it must not have been asked for."""
        layers = tuple(layer if each.name == layer.name else each for each in self.network.layers)
        self.network = replace(self.network, layers=layers)
        self._parts = {}

    def forget(self, wanted: list[str]) -> None:
        """Drop what is kept but serves none of the signals that are still wanted."""
        for known in self._kept or ():
            served, passed, left = set[str](), set[str](), list(wanted)
            while left:
                name = left.pop()
                if name in known:
                    served.add(name)
                elif name != INPUT and name not in passed:
                    passed.add(name)
                    left += self._layer(name).inputs
            for name in set(known) - served:
                del known[name]

    def _layer(self, name: str) -> Layer:
        return next(layer for layer in self.network.layers if layer.name == name)

    def _value(self, name: str, known: dict[str, Values], k: int) -> Values:
        """A signal from the nearest known ones: joints at once, chains of other layers in one run."""
        if name in known:
            return known[name]
        if name == INPUT:
            return input_frames(self.network, self.data[k * self.batch : (k + 1) * self.batch]).values()
        layer = self._layer(name)
        if isinstance(layer, Joining):
            value = _joined(layer, [self._value(each, known, k) for each in layer.inputs])
        else:
            start, part = self._part(name, known)
            frames = self._value(start, known, k)
            run = simulate(
                part, Dataset(frames, name=f"calibration of {self.network.name}"), "sparse", threads=self.threads
            )
            value = np.asarray(run.outputs, np.float32).reshape(-1, *self.network.signals[name].shape)
        known[name] = value
        return value

    def _part(self, name: str, known: dict[str, Values]) -> tuple[str, Network]:
        """The chain of layers that ends with a signal: what it begins with, and the chain as a network."""
        if name not in self._parts or self._parts[name][0] not in {INPUT, *known}:
            chain: list[Layer] = []
            start = name
            while start != INPUT and start not in known:
                layer = self._layer(start)
                if isinstance(layer, Joining):
                    break
                chain.insert(0, replace(layer, inputs=()))
                start = layer.inputs[0]
            shape = self.network.signals[start].shape
            self._parts[name] = start, Network(f"{self.network.name} to {name}", shape, tuple(chain))
        return self._parts[name]


def _joined(layer: Joining, values: list[Values]) -> Values:
    if isinstance(layer, Add):
        return _sum(layer, values)
    if isinstance(layer, Wiring):
        origins = layer.origins(*(Signal.of_input(value.shape[1:], FP32) for value in values))
        constants = np.tile(np.asarray(layer.constants[::-1], np.float32), (len(values[0]), 1))
        return np.concatenate([*(value.reshape(len(value), -1) for value in values), constants], axis=1)[:, origins]
    n_axis = max(value.ndim for value in values)
    first, second = (value.reshape(*value.shape, *[1] * (n_axis - value.ndim)) for value in values)
    return first / second if isinstance(layer, Divide) else first * second


def _sum(layer: Add, values: list[Values]) -> Values:
    total = values[0] if layer.sign(0) > 0 else -values[0]
    for k, value in enumerate(values[1:], 1):
        total = total + value if layer.sign(k) > 0 else total - value
    return total


class LayerInputs:
    """A float network on calibration data, to be quantized once or many times.

    Parameters
    ----------
    network : Network
        Real: Dense and Conv2d with one term of fp32 weights, any layers between them but Quantize and Sign.
    data : Dataset
        Frames.
    joint : bool
        Convolutions: quantize a filter's weights on all channels as one neuron (the follow-up), not those on each
        channel by themselves (the paper).
    patch_fraction : float
        Share of a convolution's output positions, drawn at random, whose patches are used.
    seed : int
        Of that draw, which is made for each batch.
    batch, threads : int, optional
        Frames at a time; threads of each run. Neither changes which data are used, but for patches drawn at random.

    Raises
    ------
    NetworkError
        For a network that is not real, or has nothing to quantize.
    """

    def __init__(
        self,
        network: Network,
        data: Dataset,
        joint: bool = False,
        patch_fraction: float = 1.0,
        seed: int = 0,
        batch: int | None = None,
        threads: int | None = None,
    ) -> None:
        check_real(network)
        if not 0 < patch_fraction <= 1:
            raise NetworkError(f"patch fraction {patch_fraction}: write a number above 0, up to 1")
        if seed < 0:
            raise NetworkError(f"seed {seed}; write a whole number from 0")
        self.network, self.data, self.joint = network, data, joint
        self.patch_fraction, self.seed, self.threads = patch_fraction, seed, threads
        self.layers = [layer for layer in network.layers if isinstance(layer, Synaptic)]
        sizes = [signal.size for signal in network.signals.values()]
        self.batch = batch or max(1, min(LARGEST_BATCH, int(BATCH_BYTES / (4 * max(sizes)))))
        sources = {layer.inputs[0] for layer in self.layers}
        self.keep = 4 * len(data) * sum(network.signals[name].size for name in sources) <= KEPT_BYTES
        self.analog = Flow(network, data, self.batch, self.keep, threads)
        self._shared: dict[str, list[Moments]] = {}

    def flow(self) -> Flow:
        """A copy of the float network, whose layers are to be replaced one after the other."""
        return Flow(self.network, self.data, self.batch, self.keep, self.threads)

    def prepare(self) -> None:
        """Do what many conversions share, before they begin in threads."""
        for layer in self.layers:
            if self._reads_no_weights(layer.inputs[0]):
                self.moments(layer, self.analog)
            elif self.keep:
                for k in range(len(self.analog)):
                    self.analog.at(layer.inputs[0], k)

    def moments(self, layer: Synaptic, quantized: Flow) -> list[Moments]:
        """What quantizing a layer needs of the data, for each of its parts; see `hwsim.convert.patches`."""
        source = layer.inputs[0]
        if not self._reads_no_weights(source):
            return self._gather(layer, quantized)
        if layer.name not in self._shared:  # the same in both networks, and whatever becomes of the weights
            self._shared[layer.name] = self._gather(layer, self.analog)
        return self._shared[layer.name]

    def _reads_no_weights(self, name: str) -> bool:
        if name == INPUT:
            return True
        layer = next(layer for layer in self.network.layers if layer.name == name)
        return not isinstance(layer, Synaptic) and all(map(self._reads_no_weights, layer.inputs))

    def _gather(self, layer: Synaptic, quantized: Flow) -> list[Moments]:
        signal, source = self.network.signals[layer.inputs[0]], layer.inputs[0]
        same = quantized is self.analog
        n_position = 1 if len(signal.shape) == 1 else self.network.signals[layer.name].n_position
        # decided once for all batches, however few rows one of them has
        few_rows = len(self.data) * n_position * self.patch_fraction < n_column(layer, self.joint)
        gathered: list[list[Moments]] = [[] for _ in range(parts_of(layer, self.joint).shape[0])]
        for k in range(len(self.analog)):
            analog = self.analog.at(source, k)
            ours = analog if same else quantized.at(source, k)
            generator = np.random.default_rng([self.seed, k])
            pieces = columns(layer, signal, (analog, ours), self.joint, self.patch_fraction, generator)
            for part, x, y in pieces:
                found: Moments = Rows(x.T, x.T if same else y.T) if few_rows else gram_of(x, x if same else y)
                gathered[part] = _merged([*gathered[part], found])
        return [_one(each) for each in gathered]


def _merged(moments: list[Moments]) -> list[Moments]:
    """Products are added up at once; rows are kept side by side until the end."""
    first, last = moments[0], moments[-1]
    if len(moments) == 1 or isinstance(first, Rows) or isinstance(last, Rows):
        return moments
    cross = first.cross + last.cross
    own = cross if last.cross is last.own else first.own + last.own
    return [
        Gram(
            cross, own, first.analog_sum + last.analog_sum, first.quantized_sum + last.quantized_sum,
            first.n_row + last.n_row,
        )
    ]  # fmt: skip


def _one(moments: list[Moments]) -> Moments:
    if isinstance(moments[0], Gram):
        return moments[0]
    rows = [each for each in moments if isinstance(each, Rows)]
    analog = np.ascontiguousarray(np.concatenate([each.analog for each in rows], axis=1))
    same = rows[0].analog is rows[0].quantized
    quantized = analog if same else np.ascontiguousarray(np.concatenate([each.quantized for each in rows], axis=1))
    return Rows(analog, quantized)


def check_real(network: Network) -> None:
    """Raise a NetworkError for a network that is not real, or has no layer with weights."""
    place = f"network {network.name}"
    if not network.input_format.is_real:
        raise NetworkError(f"{place}: takes {network.input_format} codes; quantize weights of a network of real values")
    for layer in network.layers:
        if isinstance(layer, Quantize | Sign | MultiThreshold):
            raise NetworkError(
                f"{place}: layer {layer.name}: {type(layer).__name__} makes codes; quantize weights first"
            )
        if isinstance(layer, Synaptic) and (len(layer.terms) != 1 or not layer.terms[0].format.is_real):
            raise NetworkError(f"{place}: layer {layer.name}: its weights are codes already; give the float network")
    if not any(isinstance(layer, Synaptic) for layer in network.layers):
        raise NetworkError(f"{place}: no Dense or Conv2d layer, so there is nothing to convert")
