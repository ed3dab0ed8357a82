"""Which signal, and which number of it, each number came from that a layer reads through wires."""

from typing import NamedTuple

import numpy as np

from hwsim.network.graph import Network, Stage
from hwsim.network.layers import Wiring
from hwsim.network.signals import IntArray
from hwsim.simulation.block import Array

BORDER = -1
"""In place of a signal: a constant."""


class Led(NamedTuple):
    """A signal as it was emitted, or what wires make of several."""

    sources: tuple[str, ...]  # emitted signals
    source: IntArray  # (size,) which of them each number is of, in C order; BORDER: of none
    number: IntArray  # (size,) which of its numbers, in C order


class SourcePlaces:
    """Signals as they were emitted, behind those that only say what lies where."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._led: dict[str, Led] = {}

    def sources(self, stage: Stage) -> tuple[str, ...]:
        """The emitted signals that a stage reads, those behind layers of wires in their place."""
        return tuple(name for source in stage.sources for name in self._seen(source).sources)

    def parts(self, stage: Stage) -> tuple[IntArray | None, ...]:
        """Of each of them the numbers that are read, as they lie in a row of codes; None: all."""
        return tuple(part for source in stage.sources for part in self._parts(source))

    def lead(self, stage: Stage) -> None:
        """Follow a stage of wires alone."""
        assert isinstance(stage.head, Wiring)
        origins = stage.head.origins(*(self.network.signals[name] for name in stage.sources)).ravel()
        seen = [self._seen(name) for name in stage.sources]
        names = tuple(name for each in seen for name in each.sources)
        before = np.cumsum([0, *(len(each.sources) for each in seen)])
        source = np.concatenate(
            [np.where(each.source < 0, BORDER, each.source + n) for n, each in zip(before[:-1], seen, strict=True)]
        )
        number = np.concatenate([each.number for each in seen])
        led = Led(names, np.where(origins < 0, BORDER, source[origins]), number[origins])
        self._led[stage.output] = _without_unused(led)

    def of(self, stage: Stage) -> Array:
        """Which of its sources each number that a stage reads came from, channels last. (n_position * channels,)

        A number that stands in a row of the image more than once is taken for a constant but the first time: it is
        read once.
        """
        return np.ascontiguousarray(self._image(stage).transpose(1, 2, 0)).ravel()

    def by_row(self, stage: Stage) -> IntArray:
        """Numbers of each of its sources in each row of the image that a stage reads. (n_source, height)"""
        image, n_source = self._image(stage), len(self._seen(stage.sources[0]).sources)
        return np.stack([np.count_nonzero(image == k, axis=(0, 2)) for k in range(n_source)]).astype(np.int64)

    def _image(self, stage: Stage) -> Array:
        """Sources of the numbers of an image, once in a row. (C, H, W)"""
        led, shape = self._seen(stage.sources[0]), self.network.signals[stage.sources[0]].shape
        row = np.broadcast_to(np.arange(shape[1])[:, None], shape).ravel()
        _, first = np.unique(np.stack([row, led.source, led.number]), axis=1, return_index=True)
        once = np.full(led.source.size, BORDER, np.int8)
        once[first] = led.source[first]
        return once.reshape(shape)

    def _parts(self, source: str) -> list[IntArray | None]:
        led = self._seen(source)
        signals = [self.network.signals[name] for name in led.sources]
        parts = [np.unique(led.number[led.source == k]) for k in range(len(signals))]
        return [
            None if part.size == signal.size else signal.slots[part]
            for part, signal in zip(parts, signals, strict=True)
        ]

    def _seen(self, source: str) -> Led:
        if source in self._led:
            return self._led[source]
        size = self.network.signals[source].size
        return Led((source,), np.zeros(size, np.int64), np.arange(size))


def _without_unused(led: Led) -> Led:
    """Without the signals of which no number is left."""
    used = np.unique(led.source[led.source >= 0])
    names = tuple(led.sources[k] for k in used)
    return led._replace(sources=names, source=np.where(led.source < 0, BORDER, np.searchsorted(used, led.source)))
