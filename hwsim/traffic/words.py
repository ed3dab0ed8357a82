"""Memory traffic of a run on a machine, in words, reads and writes apart.

Weight rows start at a word; everything else is packed per layer and frame. How large each memory is says
:mod:`hwsim.traffic.contents`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity, SignalActivity
from hwsim.errors import MachineError
from hwsim.machine import Machine, Memory
from hwsim.network.operation import Operation
from hwsim.traffic.contents import (
    entry_bits,
    is_whole,
    lanes_of,
    parameters_of,
    row_words,
    state_bits,
    weight_bits,
    words,
)
from hwsim.traffic.systolic_words import systolic_words

IntArray = npt.NDArray[np.int64]
ADDRESS = Operation("addition", ("int16",))
POINTERS_PER_ROW = 2  # where a compressed row begins, and where it ends; a word each


class Moved(NamedTuple):
    """What a layer moves, or does to move it."""

    layer: str
    operation: Operation
    by_group: IntArray  # (n_group,) how often


def words_moved(activity: Activity, machine: Machine) -> list[Moved]:
    """The words that weights, codes, events, state, biases and parameters move, and the additions of their addresses.

    Parameters
    ----------
    activity : Activity
        Of a run.
    machine : Machine
        Of the run's execution.

    Returns
    -------
    list of Moved
        In no order; one operation of a layer may occur more than once.

    Raises
    ------
    MachineError
        When a memory is larger than the machine allows.
    """
    if machine.array is not None:
        return [Moved(*each) for each in systolic_words(activity, machine)]
    traffic = _Traffic(activity, machine)
    for layer in activity.layers:
        inside = is_whole(layer, machine)
        for connection in () if inside else layer.connections:
            traffic.weights(layer, connection)
            if machine.access == "per-row":
                traffic.accumulators(layer, connection)
        if layer.connections and not inside:
            traffic.biases(layer)
        if not layer.sources:
            traffic.frames(layer)
        if not inside:
            traffic.parameters(layer)
        if layer.emitted is not None:
            traffic.codes(layer, layer.emitted)
        elif layer.sources:
            traffic.output(layer)
        if activity.execution.keeps_state:
            traffic.state(layer)
    return traffic.moved


class _Traffic:
    """The words a run moves, booked layer by layer."""

    def __init__(self, activity: Activity, machine: Machine) -> None:
        self.moved: list[Moved] = []
        self.activity = activity
        self.machine = machine
        self.n_frame = np.ones(activity.n_frame, np.int64)
        self.execution = activity.execution
        self.weight_bits = sum(weight_bits(layer, machine) for layer in activity.layers)
        self.state_bits = sum(state_bits(layer, machine) for layer in activity.layers)

    def weights(self, layer: LayerActivity, connection: ConnectionActivity) -> None:
        """Read the rows that are delivered, in whole words or as packed entries; make their addresses."""
        machine = self.machine
        positions = None if machine.reuse == "ideal" else lanes_of(connection, machine).positions
        loads = machine.first_of_batch(self.activity.n_frame)
        rows = self.activity.sum_by_group(connection.rows_read.delivered(positions) * loads)
        moved = rows * row_words(connection, machine)
        if machine.run_bits is not None:
            entries = connection.rows_read.entries(machine.run_bits, positions) * loads
            moved = self._packed(entries, entry_bits(connection, machine)) + POINTERS_PER_ROW * rows
        self._move("read", layer.name, "weights", moved, weight_bits(layer, machine))
        self.moved.append(Moved(layer.name, ADDRESS, rows))

    def accumulators(self, layer: LayerActivity, connection: ConnectionActivity) -> None:
        """Read and write, in SRAM, the accumulators that each event reaches at each position; make their addresses."""
        histogram, bits = connection.histogram, connection.accumulator_format.bit_width
        accesses = self.activity.sum_of_groups(histogram.group, histogram.n_operation) // connection.n_reached
        moved = accesses * int(words(connection.n_reached, bits, self.machine.word_length))
        for way in ("read", "write"):
            self._move(way, layer.name, "state", moved, state_bits(layer, self.machine))
        self.moved.append(Moved(layer.name, ADDRESS, accesses))

    def biases(self, layer: LayerActivity) -> None:
        """Read the biases that accumulators start from: once, however many neurons of a channel use one."""
        starts = self.activity.first if self.execution.keeps_state else self.n_frame
        for connection in layer.connections:
            if connection.n_bias:
                self._read_packed(layer, connection.n_bias * starts, connection.accumulator_format.bit_width)

    def parameters(self, layer: LayerActivity) -> None:
        """Read the multipliers, offsets and thresholds that are stored per channel."""
        for n_stored, bits in parameters_of(layer):
            # a channel's are read once, however many of its neurons are at work
            self._read_packed(layer, np.minimum(self.machine.touched(layer), n_stored), bits)

    def _read_packed(self, layer: LayerActivity, n_number: IntArray, bits: int) -> None:
        packed = self._packed(n_number, bits)
        self._move("read", layer.name, "weights", packed, weight_bits(layer, self.machine))

    def frames(self, layer: LayerActivity) -> None:
        """Read the raw frames once; a dense machine reads them as codes where nothing has to be encoded."""
        bits = self.activity.raw_format.bit_width
        raw = self._packed(layer.n_neuron * self.n_frame, bits)
        self._move("read", layer.name, "activations", raw, layer.n_neuron * bits)
        if self._is_raw(layer) and layer.emitted is not None:
            for k, (reader, passes) in enumerate(self._readers(layer.emitted)):
                # the first reader's first pass is the one just counted
                self._move("read", reader, "activations", raw * (passes - (k == 0)), layer.n_neuron * bits)

    def codes(self, layer: LayerActivity, signal: SignalActivity) -> None:
        """Write codes or events once, and read them once per pass over the reader's channels."""
        if self._is_raw(layer):
            return
        bits, marks = signal.format.bit_width, 0
        if self.execution.lists_events:
            value = self.execution.event_format(signal.format)
            is_bitmap = self.machine.events == "bitmap"
            marks = signal.n_code if is_bitmap else 0  # a bit for every code: is there an event?
            bits = value.bit_width + (0 if is_bitmap else (signal.n_code - 1).bit_length())
        packed = self._packed(marks + signal.n_event * bits, 1)
        self._move("write", layer.name, "activations", packed, marks + signal.n_code * bits)
        for reader, passes in self._readers(signal):
            self._move("read", reader, "activations", packed * passes, marks + signal.n_code * bits)

    def output(self, layer: LayerActivity) -> None:
        """Write the accumulators that leave the network; a delta machine writes those it touched."""
        bits = layer.out_format.bit_width
        self._move(
            "write", layer.name, "activations", self._packed(self.machine.touched(layer), bits), layer.n_neuron * bits
        )

    def state(self, layer: LayerActivity) -> None:
        """Read and write the sums of touched neurons, and the codes last sent."""
        touched = self.machine.touched(layer)
        inside = is_whole(layer, self.machine)
        if layer.connections and self.machine.access != "per-row" and not inside:
            bits = sum(connection.accumulator_format.bit_width for connection in layer.connections)
            self._move_state("read", layer, touched * ~self.activity.first, bits)
            self._move_state("write", layer, touched, bits)
        for join in layer.joins:
            if join.n_state_read is not None:
                self._move_state("read", layer, join.n_state_read, join.format.bit_width)
            if join.n_state_written is not None:
                self._move_state("write", layer, join.n_state_written, join.format.bit_width)
        if layer.emitted is not None and not inside:
            bits = layer.emitted.format.bit_width
            compared = touched if layer.sources else layer.n_neuron * self.n_frame
            self._move_state("read", layer, compared, bits)
            self._move_state("write", layer, layer.emitted.n_event, bits)

    def _move_state(self, way: str, layer: LayerActivity, n_number: IntArray, bits: int) -> None:
        self._move(way, layer.name, "state", self._packed(n_number, bits), state_bits(layer, self.machine))

    def _is_raw(self, layer: LayerActivity) -> bool:
        """Whether raw frames serve a dense machine as the first layer's codes: nothing is done to them first."""
        return not layer.sources and not self.execution.lists_events and not layer.work

    def _readers(self, signal: SignalActivity) -> list[tuple[str, int]]:
        """Layers that read a signal, once for each time, and in how many passes over their channels."""
        readers = [
            (layer.name, _passes(layer, self.machine))
            for layer in self.activity.layers
            for source in layer.sources
            if source == signal.name
        ]
        # ideally, what one reads serves all of them
        return readers[:1] if self.machine.reuse == "ideal" else readers

    def _packed(self, n_number: IntArray, bits: int) -> IntArray:
        """Words per group, each frame packed for itself."""
        return self.activity.sum_by_group(words(n_number, bits, self.machine.word_length))

    def _move(self, way: str, layer: str, memory: str, by_group: IntArray, layer_bits: int) -> None:
        """Book words read or written; a memory above the on-chip limit is off chip."""
        declared: Memory = getattr(self.machine.memories, memory)
        if memory == "activations":
            layer_bits *= self.machine.batch
        whole = {"weights": self.weight_bits, "state": self.state_bits}.get(memory, layer_bits)
        bits = layer_bits if declared.fit == "layer" else whole
        what = f"{memory} of {layer}" if bits == layer_bits else f"{memory} of all layers"
        capacity = declared.capacity or 1 << max(-(-bits // 8) - 1, 0).bit_length()
        if declared.capacity is not None and bits > 8 * declared.capacity:
            raise MachineError(
                f"machine {self.machine.name}: {what} need {-(-bits // 8):,} bytes, but their memory is "
                f"declared with {declared.capacity:,}; declare more, or fit: network"
            )
        kind = "sram"
        if declared.off_chip is not None:
            kind, capacity = declared.off_chip, 0
        elif self.machine.on_chip_limit is not None and capacity > self.machine.on_chip_limit:
            if self.machine.off_chip is None:
                raise MachineError(
                    f"machine {self.machine.name}: {what} need {capacity:,} bytes, above its "
                    f"on-chip limit of {self.machine.on_chip_limit:,}; raise on_chip_limit or declare off_chip: dram"
                )
            kind, capacity = self.machine.off_chip, 0
        operation = Operation(f"{kind}_{way}", (), memory, capacity, self.machine.word_length)
        self.moved.append(Moved(layer, operation, by_group))


def _passes(layer: LayerActivity, machine: Machine) -> int:
    """How often a layer reads what it reads: as many output channels at a time as there are lanes for."""
    if not layer.connections or machine.reuse == "ideal":
        return 1
    connection = layer.connections[0]
    return -(-connection.row_length // lanes_of(connection, machine).channels)
