"""Which core sends to which, what each sends in each frame, and what that asks of those that read it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, LayerActivity, SignalActivity
from hwsim.activity.stored_rows import CHUNK, DenseRowsRead
from hwsim.kernels.queues import CoreGraph, Progress
from hwsim.machine import MachineTiming

IntArray = npt.NDArray[np.int64]


class Routing:
    """The cores of Dense layers, each before those that read it.

    Parameters
    ----------
    activity : Activity
        Of a run; all layers but the input are Dense.
    costs : sequence of (n_in, n_core) int64
        For each layer, what its rows take on each of its cores. [cycles]
    homes : sequence of (n_neuron,) int64
        For each layer, on which of its cores each neuron is.
    """

    def __init__(self, activity: Activity, costs: Sequence[IntArray], homes: Sequence[IntArray]) -> None:
        n_core = [each.shape[1] for each in costs]
        self.n_frame = activity.n_frame
        self.layer_of: IntArray = np.repeat(np.arange(len(n_core)), n_core)  # (n_core,)
        self._senders = [_Sender(layer, activity.layers, costs) for layer in activity.layers]
        self._neurons = [
            neurons
            for sender, *each in zip(self._senders, homes, n_core, strict=True)
            for neurons in sender.neurons(*each)
        ]

    def cores(self, timing: MachineTiming) -> CoreGraph:
        """What the kernel is told of cores."""
        readers = [np.flatnonzero(np.isin(self.layer_of, sender.readers)) for sender in self._senders]
        columns = np.cumsum([0, *(sender.n_code for sender in self._senders)])
        tables = np.cumsum([0, *(sender.cost.size for sender in self._senders)])
        return CoreGraph(
            first=np.cumsum([0, *map(len, self._neurons)]),
            neuron=np.concatenate(self._neurons),
            column=columns[self.layer_of],
            edge=np.cumsum([0, *(readers[k].size for k in self.layer_of)]),
            reader=np.concatenate([readers[k] for k in self.layer_of]),
            table=tables[self.layer_of],
            cost=np.concatenate([sender.cost.ravel() for sender in self._senders]),
            sending=timing.cycles.neuron,
            latency=timing.latency,
        )

    def progress(self, queue: int) -> Progress:
        """Before the first frame, with so many slots in each queue, or as many as are ever used."""
        n_push = max(sender.n_event for sender in self._senders) + self.n_frame
        n_edge = sum(self._senders[k].cost.shape[1] for k in self.layer_of)
        free, slot, busy, stalled = np.zeros((4, self.layer_of.size), np.int64)
        return Progress(free, slot, np.zeros((max(min(queue, n_push), 1), n_edge), np.int64), busy, stalled)

    def blocks(self) -> Iterator[slice]:
        """All frames, so many at once that memory is bounded."""
        n_at_once = max(1, CHUNK // sum(sender.n_code for sender in self._senders))
        return (slice(first, first + n_at_once) for first in range(0, self.n_frame, n_at_once))

    def sent(self, frames: slice) -> npt.NDArray[np.uint8]:
        """Whether each neuron of each layer sends an event in some frames. (n_frame, n_column)"""
        return np.hstack([sender.sent(frames) for sender in self._senders if sender.readers])


class _Sender:
    """What a layer sends, and what that asks of the layers that read it."""

    def __init__(self, layer: LayerActivity, layers: Sequence[LayerActivity], costs: Sequence[IntArray]) -> None:
        signal = layer.emitted
        self.n_code, self.n_event = (signal.n_code, int(signal.n_event.sum())) if signal else (0, 0)
        self._layers, self._readings = layers, list(_readings(signal, layers)) if signal else []
        self.readers = sorted({reader for reader, _ in self._readings})
        # what is read twice delivers two rows
        by_reader = [
            np.sum([costs[k][rows] for reader, rows in self._readings if reader == k], axis=0) for k in self.readers
        ]
        whole = np.hstack([np.zeros((self.n_code, 0), np.int64), *by_reader])
        self.cost = np.pad(whole, ((0, 1), (0, 0)))  # (n_code + 1, n_reader), of the token last

    def neurons(self, home: IntArray, n_core: int) -> list[npt.NDArray[np.int32]]:
        """For each core of the layer, its neurons, and behind them the token."""
        own = (np.flatnonzero(home[: self.n_code] == core) for core in range(n_core))
        return [np.append(each, self.n_code).astype(np.int32) for each in own]

    def sent(self, frames: slice) -> npt.NDArray[np.uint8]:
        """Whether each neuron sends an event in some frames, as its first reader sees it. (n_frame, n_code)"""
        reader, rows = self._readings[0]
        read = self._layers[reader].connections[0].rows_read
        assert isinstance(read, DenseRowsRead)
        return np.unpackbits(read.has_event[frames], axis=1, count=rows.stop)[:, rows.start :]


def _readings(signal: SignalActivity, layers: Sequence[LayerActivity]) -> Iterator[tuple[int, slice]]:
    """Who reads a signal: places of layers, and of the rows that it delivers there."""
    n_code = {each.emitted.name: each.emitted.n_code for each in layers if each.emitted is not None}
    for k, reader in enumerate(layers):
        last = np.cumsum([0, *(n_code[name] for name in reader.sources)]).tolist()
        for name, rows in zip(reader.sources, pairwise(last), strict=True):
            if name == signal.name:
                yield k, slice(*rows)
