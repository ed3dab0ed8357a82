"""What the layers of a network that is being made leave on calibration data.

A layer is run a few times, not once for each layer after it: where all that a signal depends on comes through one
Quantize, or of wires that join several, the codes behind that are kept, and the run begins there.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.convert.places import joins
from hwsim.datasets import Dataset
from hwsim.network.graph import INPUT, Network
from hwsim.network.layers import Layer, Quantize
from hwsim.network.number_format import NumberFormat
from hwsim.network.signals import FloatArray
from hwsim.simulation.simulator import simulate

Array: TypeAlias = npt.NDArray[Any]

BLOCK = 5000
"""At most this many frames are run at a time. [frames]"""

BLOCK_NUMBERS = 2**24
"""And no more than leave this many numbers."""


class Reach(NamedTuple):
    """The smallest and the largest number of a signal that were seen."""

    lowest: float
    highest: float

    @classmethod
    def of(cls, blocks: Iterator[Array]) -> "Reach":
        """Reach of a signal that comes in blocks of frames."""
        both = [(float(block.min()), float(block.max())) for block in blocks]
        return cls(min(low for low, _ in both), max(high for _, high in both))


class _Kept(NamedTuple):
    """A signal on all calibration data."""

    data: Dataset
    format: NumberFormat


class Calibration:
    """Layers that are done, of a network that is being made, and what they leave on data."""

    def __init__(self, network: Network, layers: tuple[Layer, ...], data: Dataset) -> None:
        """Begin with nothing done.

        Parameters
        ----------
        network : Network
            Whose input it is.
        layers : tuple of Layer
            What is to be made: names, kinds and inputs. Each is given again, by `add`, when it is done.
        data : Dataset
            Calibration frames.
        """
        self._network = network
        self._names = [layer.name for layer in layers]
        self._makes_codes = {layer.name for layer in layers if isinstance(layer, Quantize)}
        if self._makes_codes:  # then every joint reads codes
            self._makes_codes |= {layer.name for layer in layers if joins(layer)}
        self._begin = _beginnings(layers, self._makes_codes)
        self._kept = {INPUT: _Kept(data, network.input_format)}
        self._done: dict[str, Layer] = {}

    @classmethod
    def of_real(cls, network: Network, data: Dataset) -> "Calibration":
        """A network as it is, with nothing left to be done."""
        calibration = cls(network, network.layers, data)
        for layer in network.layers:
            calibration.add(layer)
        return calibration

    def add(self, layer: Layer) -> None:
        """Say what a layer has become."""
        self._done[layer.name] = layer
        # codes are kept as long as something is left to do for which a run begins there
        needed = {self._begin[name] for name in self._names if name not in self._done} | {INPUT}
        self._kept = {name: kept for name, kept in self._kept.items() if name in needed or name == layer.name}

    def is_ready(self, layer: Layer) -> bool:
        """Whether all that a layer reads is done."""
        return all(name == INPUT or name in self._done for name in layer.inputs)

    def values(self, name: str) -> Iterator[Array]:
        """Real values of a signal, block by block. (n_frame, *shape)"""
        return self._run(name, None, codes=False)

    def codes(self, name: str, quantize: Quantize | None = None) -> Iterator[Array]:
        """Codes of a signal, or those that a Quantize would make of it. (n_frame, *shape)"""
        return self._run(name, quantize, codes=True)

    def mean_square(self, name: str) -> FloatArray:
        """Mean square of a signal's codes. (channels,)"""
        total, n_number = np.zeros(1), 0
        for block in self.codes(name):
            apart = block.reshape(*block.shape[:2], -1).astype(np.float64)
            total = total + (apart**2).sum(axis=(0, 2))
            n_number += len(block) * apart.shape[2]
        return total / n_number

    def _run(self, name: str, last: Quantize | None, codes: bool) -> Iterator[Array]:
        start = name if name in self._kept or name in self._makes_codes else self._begin[name]
        kept = self._keep(start)
        layers = self._between(start, name)
        if last is not None:
            layers = (*layers, replace(last, inputs=()))
        if layers:
            yield from _blocks_of_run(self._from(kept, layers), kept.data, codes)
        else:
            for block in _blocks(kept.data, kept.data[0].inputs.size):
                yield block.inputs if codes else block.inputs * np.float64(block.step)

    def _keep(self, name: str) -> _Kept:
        """Codes of a Quantize, or of wires that join several, run if need be, in the smallest dtype that holds them."""
        if name not in self._kept:
            kept = self._keep(self._begin[name])
            network = self._from(kept, self._between(self._begin[name], name))
            format, step = network.output.format, float(network.output.step)
            dtype = np.min_scalar_type(format.lowest or format.highest)
            codes = np.concatenate([block.astype(dtype) for block in _blocks_of_run(network, kept.data, codes=True)])
            self._kept[name] = _Kept(Dataset(codes, step, name=name), format)
        return self._kept[name]

    def _between(self, start: str, name: str) -> tuple[Layer, ...]:
        """The layers after one signal that make another, in order, reading the first as a network's input."""
        needed, left = set[str](), [name]
        while left:
            each = left.pop()
            if each not in (start, INPUT) and each not in needed:
                needed.add(each)
                left += self._done[each].inputs
        layers = [self._done[each] for each in self._names if each in needed]
        return tuple(
            replace(layer, inputs=tuple(INPUT if each == start else each for each in layer.inputs)) for layer in layers
        )

    def _from(self, kept: _Kept, layers: tuple[Layer, ...]) -> Network:
        """Layers as a network that reads a signal."""
        data, format = kept
        if format.is_real:
            return replace(self._network, layers=layers)
        return Network("calibration", data.shape, layers, format, data.step)


def _blocks_of_run(network: Network, data: Dataset, codes: bool) -> Iterator[Array]:
    for block in _blocks(data, max(signal.size for signal in network.signals.values())):
        run = simulate(network, block, execution="sparse")
        result = run.output_codes - network.output.zero_point if codes else run.outputs
        yield result.reshape(len(block), *network.output.shape)


def _blocks(data: Dataset, size: int) -> Iterator[Dataset]:
    n_frame = max(1, min(BLOCK, BLOCK_NUMBERS // size))
    for start in range(0, len(data), n_frame):
        yield data[start : start + n_frame]


def _beginnings(layers: tuple[Layer, ...], makes_codes: set[str]) -> dict[str, str]:
    """Of each signal, the last of codes that every way to it from the input goes through; the input where none is."""
    order = {name: k for k, name in enumerate([INPUT, *(layer.name for layer in layers)])}
    through: dict[str, set[str]] = {INPUT: {INPUT}}
    for layer in layers:
        common = set.intersection(*(through[name] for name in layer.inputs))
        through[layer.name] = common | ({layer.name} & makes_codes)
    return {name: max(passed - {name} or {INPUT}, key=order.__getitem__) for name, passed in through.items()}
