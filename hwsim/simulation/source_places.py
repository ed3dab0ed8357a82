"""Which signal each number of an image came from, where several lie side by side or within a border."""

import numpy as np

from hwsim.network.graph import Network, Stage
from hwsim.network.signals import IntArray
from hwsim.simulation.block import Array
from hwsim.simulation.heads import Head

BORDER = -1
"""In place of a signal: a constant."""


class SourcePlaces:
    """Signals as they were emitted, behind those that only say what lies where."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._laid: dict[str, tuple[tuple[str, ...], Array]] = {}  # sources, and which of them (C, H, W)

    def sources(self, stage: Stage) -> tuple[str, ...]:
        """The emitted signals that a stage reads, those of a bare Concat or Pad2d in its place."""
        return tuple(name for source in stage.sources for name in self._seen(source)[0])

    def lay(self, stage: Stage, head: Head) -> None:
        """Follow a stage that only lays signals side by side, or constants around one."""
        parts, n_before = [], 0
        for source in stage.sources:
            names, places = self._seen(source)
            parts.append(np.where(places == BORDER, BORDER, places + n_before).astype(np.int8))
            n_before += len(names)
        self._laid[stage.output] = self.sources(stage), head.lay(parts)

    def of(self, stage: Stage) -> Array:
        """Which of its sources each number that a stage reads came from, channels last. (n_position * channels,)"""
        places = self._seen(stage.sources[0])[1]
        return np.ascontiguousarray(places.transpose(1, 2, 0)).ravel()

    def by_row(self, stage: Stage) -> IntArray:
        """Numbers of each of its sources in each row of the image that a stage reads. (n_source, height)"""
        names, places = self._seen(stage.sources[0])
        return np.stack([np.count_nonzero(places == k, axis=(0, 2)) for k in range(len(names))]).astype(np.int64)

    def _seen(self, source: str) -> tuple[tuple[str, ...], Array]:
        if source in self._laid:
            return self._laid[source]
        return (source,), np.zeros(self.network.signals[source].shape, np.int8)
