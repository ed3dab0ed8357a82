"""Words that move between a systolic array and its memories, and between these, in what accounting counts."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine
from hwsim.network.operation import Operation
from hwsim.traffic.booking import ADDRESS
from hwsim.traffic.contents import parameters_of, words
from hwsim.traffic.meetings import Batches
from hwsim.traffic.systolic import Elements, elements_of, product_of
from hwsim.traffic.systolic_places import RAW, Places, is_raw, weight_pieces

IntArray = npt.NDArray[np.int64]


def systolic_words(activity: Activity, machine: Machine) -> Iterator[tuple[str, Operation, IntArray]]:
    """The words that a machine with an array moves, and the additions of the addresses of its rows of weights.

    Parameters
    ----------
    activity : Activity
        Of a dense run.
    machine : Machine
        With an array.

    Yields
    ------
    tuple of str, Operation and (n_frame,) int64
        Layer, operation and how often, each batch under its first frame; all is packed per layer and batch.

    Raises
    ------
    MachineError
        When a layer has groups of channels, or a memory has no room.
    """
    refuse_groups(activity, machine)
    booking = _Booking(activity, machine)
    for place, layer in enumerate(activity.layers):
        yield from booking.weights(place, layer)
        yield from booking.codes_read(layer)
        yield from booking.sums(place, layer)
        yield from booking.codes_written(layer)


def refuse_groups(activity: Activity, machine: Machine) -> None:
    """Refuse a network that is no product of matrices.

    Raises
    ------
    MachineError
        When a layer has groups of channels.
    """
    for layer in activity.layers:
        for connection in layer.connections:
            if connection.groups > 1:
                raise MachineError(
                    f"machine {machine.name}: layer {layer.name} has {connection.groups} groups of channels, and its "
                    "array takes none but whole layers; count it on a machine with lanes"
                )


class _Booking:
    """Makes words of numbers, batch by batch."""

    def __init__(self, activity: Activity, machine: Machine) -> None:
        assert machine.array is not None
        self.activity, self.machine, self.array = activity, machine, machine.array
        self.first = Batches(activity.first, machine.batch).starts(machine.batch)
        self.batch = np.diff(self.first, append=activity.n_frame).tolist()  # frames of each
        self.places = Places(activity, machine)

    def weights(self, place: int, layer: LayerActivity) -> Iterator[tuple[str, Operation, IntArray]]:
        """Rows for every fold, biases and parameters once per batch; and what fetches them, where something does."""
        stay = self.places.weights[place]
        if stay.filled_from is not None:
            for n_number, bits in weight_pieces(layer):
                for way, level in (("read", stay.filled_from), ("write", stay.level)):
                    yield self._move(way, layer.name, "weights", level, [n_number] * len(self.batch), bits)
        for connection in layer.connections:
            elements = [self._elements(connection, n_frame) for n_frame in self.batch]
            bits = connection.weight_format.bit_width
            yield self._move("read", layer.name, "weights", stay.level, [each.weights for each in elements], bits)
            yield layer.name, ADDRESS, self._by_frame([each.weight_rows for each in elements])
        biases = [(each.n_bias, each.accumulator_format.bit_width) for each in layer.connections]
        for n_stored, bits in (*biases, *parameters_of(layer)):
            yield self._move("read", layer.name, "weights", stay.level, [n_stored] * len(self.batch), bits)

    def codes_read(self, layer: LayerActivity) -> Iterator[tuple[str, Operation, IntArray]]:
        """Raw frames by what encodes them; codes as often as folds ask for them, by other layers once."""
        if not layer.sources and not is_raw(layer):
            raw = self.activity.raw_format.bit_width
            yield self._codes("read", layer.name, self.places.signals[RAW].level, layer.n_neuron, raw)
        signals = [self.places.signals[source] for source in layer.sources]
        parts = [layer.part(k) for k in range(len(signals))]
        read = [part.n_code if part else signal.n_code for part, signal in zip(parts, signals, strict=True)]
        for signal, n_code in zip(signals, read, strict=True):
            for connection in layer.connections:
                asked = [self._elements(connection, n_frame).codes for n_frame in self.batch]
                # where several signals are joined, each has its share of the channels
                shared = [number * n_code // sum(read) for number in asked]
                yield self._move("read", layer.name, "codes", signal.level, shared, signal.bits)
            if not layer.connections:
                yield self._codes("read", layer.name, signal.level, n_code, signal.bits)

    def sums(self, place: int, layer: LayerActivity) -> Iterator[tuple[str, Operation, IntArray]]:
        """Unfinished sums, written and read back; those of all terms but the last wait for the merging of terms."""
        for connection in layer.connections:
            elements = [self._elements(connection, n_frame) for n_frame in self.batch]
            waiting = connection is not layer.connections[-1]
            numbers = [each.sums + each.outputs * waiting for each in elements]
            for way in ("write", "read"):
                bits = connection.accumulator_format.bit_width
                yield self._move(way, layer.name, "sums", self.places.sums[place], numbers, bits)

    def codes_written(self, layer: LayerActivity) -> Iterator[tuple[str, Operation, IntArray]]:
        """The codes that a layer sends; of the last one the numbers that leave the network."""
        if not is_raw(layer):
            signal = self.places.signals[layer.name if layer.emitted is None else layer.emitted.name]
            yield self._codes("write", layer.name, signal.level, signal.n_code, signal.bits)

    def _elements(self, connection: ConnectionActivity, n_frame: int) -> Elements:
        return elements_of(product_of(connection, n_frame), self.array)

    def _codes(self, way: str, layer: str, level: Level, n_code: int, bits: int) -> tuple[str, Operation, IntArray]:
        return self._move(way, layer, "codes", level, [n_code * n_frame for n_frame in self.batch], bits)

    def _move(
        self, way: str, layer: str, operand: str, level: Level, numbers: list[int], bits: int
    ) -> tuple[str, Operation, IntArray]:
        """Words that hold so many numbers of each batch."""
        assert level.word_length is not None
        operation = Operation(f"{level.kind}_{way}", (), level.name, level.capacity or 0, level.word_length, operand)
        return layer, operation, self._by_frame(words(np.array(numbers, np.int64), bits, level.word_length))

    def _by_frame(self, by_batch: npt.ArrayLike) -> IntArray:
        per_frame = np.zeros(self.activity.n_frame, np.int64)
        per_frame[self.first] = by_batch
        return per_frame
