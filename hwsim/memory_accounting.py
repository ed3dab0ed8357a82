"""Memory traffic of a run on a machine, in words, reads and writes apart.

Weight rows start at a word; everything else is packed per layer and frame. Capacities are those that the worst
frame needs, so that they follow from the network and not from the data.
"""

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity, SignalActivity
from hwsim.counts import Operation
from hwsim.errors import MachineError
from hwsim.machine import Lanes, Machine, Memory
from hwsim.tally import Tally

IntArray = npt.NDArray[np.int64]
ADDRESS = Operation("addition", ("int16",))


def count_memory(tally: Tally, activity: Activity, machine: Machine) -> None:
    """Count the words that weights, codes, events, state, biases and parameters move."""
    traffic = _Traffic(tally, activity, machine)
    for layer in activity.layers:
        if layer.connections:
            traffic.weights(layer)
            traffic.biases(layer)
        if not layer.sources:
            traffic.frames(layer)
        traffic.parameters(layer)
        if layer.emitted is not None:
            traffic.codes(layer, layer.emitted)
        elif layer.sources:
            traffic.output(layer)
        if activity.execution.kind == "delta":
            traffic.state(layer)


def words(n_number: IntArray | int, bits: int, word_length: int) -> IntArray:
    """Words that hold so many numbers, packed."""
    return np.asarray(-(-(np.asarray(n_number, np.int64) * bits) // word_length))


class _Traffic:
    """The words a run moves, booked layer by layer."""

    def __init__(self, tally: Tally, activity: Activity, machine: Machine) -> None:
        self.tally = tally
        self.activity = activity
        self.machine = machine
        self.n_frame = np.ones(activity.n_frame, np.int64)
        self.delta = activity.execution.kind == "delta"
        self.weight_bits = sum(_weight_bits(layer, machine) for layer in activity.layers)
        self.state_bits = sum(_state_bits(layer) for layer in activity.layers)

    def weights(self, layer: LayerActivity) -> None:
        """Read rows of weights once per event, or once per group of positions that share them; make addresses."""
        for connection in layer.connections:
            channel = connection.channel_events
            shared = -(-channel.n_event // _lanes(connection, self.machine).positions)
            rows = np.zeros(self.tally.n_group, np.int64)
            np.add.at(rows, channel.group, channel.n_channel * shared * connection.rows_per_event)
            self._move(
                "read",
                layer.name,
                "weights",
                rows * _row_words(connection, self.machine),
                _weight_bits(layer, self.machine),
            )
            self.tally.add(layer.name, "memory", ADDRESS, rows)

    def biases(self, layer: LayerActivity) -> None:
        """Read the biases that accumulators start from."""
        starts = self.activity.first if self.delta else self.n_frame
        bias = layer.connections[0].accumulator_format.bit_width
        self._read_packed(layer, layer.n_neuron * starts, bias)

    def parameters(self, layer: LayerActivity) -> None:
        """Read the multipliers and offsets that are stored per channel."""
        for work in layer.work:
            if work.n_parameter:
                # a channel's are read once, however many of its neurons are at work
                share = np.minimum(self.machine.touched(layer), work.n_parameter)
                self._read_packed(layer, share, work.parameter_bit_width)

    def _read_packed(self, layer: LayerActivity, n_number: IntArray, bits: int) -> None:
        packed = self._packed(n_number, bits)
        self._move("read", layer.name, "weights", packed, _weight_bits(layer, self.machine))

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
        bits = signal.format.bit_width
        if self.activity.execution.kind != "dense":
            value = signal.format.difference() if self.delta else signal.format
            bits = value.bit_width + (signal.n_code - 1).bit_length()
        packed = self._packed(signal.n_event, bits)
        self._move("write", layer.name, "activations", packed, signal.n_code * bits)
        for reader, passes in self._readers(signal):
            self._move("read", reader, "activations", packed * passes, signal.n_code * bits)

    def output(self, layer: LayerActivity) -> None:
        """Write the accumulators that leave the network; a delta machine writes those it touched."""
        bits = layer.out_format.bit_width
        self._move(
            "write", layer.name, "activations", self._packed(self.machine.touched(layer), bits), layer.n_neuron * bits
        )

    def state(self, layer: LayerActivity) -> None:
        """Read and write the sums of touched neurons, and the codes last sent."""
        bits = sum(connection.accumulator_format.bit_width for connection in layer.connections)
        self._move_state("read", layer, self.machine.touched(layer) * ~self.activity.first, bits)
        self._move_state("write", layer, self.machine.touched(layer), bits)
        for join in layer.joins:
            if join.n_state_read is not None:
                self._move_state("read", layer, join.n_state_read, join.format.bit_width)
            if join.n_state_written is not None:
                self._move_state("write", layer, join.n_state_written, join.format.bit_width)
        if layer.emitted is not None:
            bits = layer.emitted.format.bit_width
            compared = self.machine.touched(layer) if layer.sources else layer.n_neuron * self.n_frame
            self._move_state("read", layer, compared, bits)
            self._move_state("write", layer, layer.emitted.n_event, bits)

    def _move_state(self, way: str, layer: LayerActivity, n_number: IntArray, bits: int) -> None:
        self._move(way, layer.name, "state", self._packed(n_number, bits), _state_bits(layer))

    def _is_raw(self, layer: LayerActivity) -> bool:
        """Whether raw frames serve a dense machine as the first layer's codes."""
        encoded = any(work.kind == "quantize" for work in layer.work)
        return not layer.sources and self.activity.execution.kind == "dense" and not encoded

    def _readers(self, signal: SignalActivity) -> list[tuple[str, int]]:
        """Layers that read a signal, once for each time, and in how many passes over their channels."""
        return [
            (layer.name, _passes(layer, self.machine))
            for layer in self.activity.layers
            for source in layer.sources
            if source == signal.name
        ]

    def _packed(self, n_number: IntArray, bits: int) -> IntArray:
        """Words per group, each frame packed for itself."""
        return self.activity.sum_by_group(words(n_number, bits, self.machine.word_length))

    def _move(self, way: str, layer: str, memory: str, by_group: IntArray, layer_bits: int) -> None:
        """Book words read or written; a memory above the on-chip limit is off chip."""
        declared: Memory = getattr(self.machine.memories, memory)
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
        if self.machine.on_chip_limit is not None and capacity > self.machine.on_chip_limit:
            if self.machine.off_chip is None:
                raise MachineError(
                    f"machine {self.machine.name}: {what} need {capacity:,} bytes, above its "
                    f"on-chip limit of {self.machine.on_chip_limit:,}; raise on_chip_limit or declare off_chip: dram"
                )
            kind, capacity = self.machine.off_chip, 0
        operation = Operation(f"{kind}_{way}", (), memory, capacity, self.machine.word_length)
        self.tally.add(layer, "memory", operation, by_group)


def _lanes(connection: ConnectionActivity, machine: Machine) -> Lanes:
    return machine.lanes.convolution if connection.kind == "convolution" else machine.lanes.dense


def _passes(layer: LayerActivity, machine: Machine) -> int:
    """How often a layer reads what it reads: as many output channels at a time as there are lanes for."""
    if not layer.connections:
        return 1
    connection = layer.connections[0]
    return -(-connection.row_length // _lanes(connection, machine).channels)


def _row_words(connection: ConnectionActivity, machine: Machine) -> int:
    return int(words(connection.row_length, connection.weight_format.bit_width, machine.word_length))


def _weight_bits(layer: LayerActivity, machine: Machine) -> int:
    """Bits of a layer's weights (rows in whole words), biases and stored parameters."""
    bits = sum(work.n_parameter * work.parameter_bit_width for work in layer.work)
    for k, connection in enumerate(layer.connections):
        rows = connection.n_weight // connection.row_length
        bits += rows * _row_words(connection, machine) * machine.word_length
        bits += layer.n_neuron * connection.accumulator_format.bit_width * (k == 0)
    return bits


def _state_bits(layer: LayerActivity) -> int:
    """Bits of a layer's sums and last codes."""
    bits = sum(layer.n_neuron * connection.accumulator_format.bit_width for connection in layer.connections)
    bits += sum(join.n_sum * join.format.bit_width for join in layer.joins)
    return bits + (layer.emitted.n_code * layer.emitted.format.bit_width if layer.emitted else 0)
