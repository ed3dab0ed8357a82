"""Memory traffic of a run on a machine, in words, reads and writes apart, level by level.

Pieces of weights start at a word; everything else is packed per layer, frame and tile. Where everything lives, and how
layers are cut, says :mod:`hwsim.traffic.plan`; what the events of each frame met, :mod:`hwsim.traffic.meetings`.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity, SignalActivity
from hwsim.machine import Level, Machine
from hwsim.traffic.booking import ADDRESS, Booking, Moved
from hwsim.traffic.contents import (
    entry_bits,
    is_whole,
    parameters_of,
    pointer_bits,
    state_bits,
    weight_bits,
    words,
)
from hwsim.traffic.loops import Loops, Stay
from hwsim.traffic.meetings import Told, meetings, told_codes, words_by_tile
from hwsim.traffic.planned import LayerPlan, Plan
from hwsim.traffic.shape import FRAMES, OUTPUTS, raw_frames_are_codes, told_frames
from hwsim.traffic.slices import n_pointers, slice_words
from hwsim.traffic.staying import PASSED_BY, code_fills, code_path, stays_over_positions, through
from hwsim.traffic.systolic_words import systolic_words

IntArray = npt.NDArray[np.int64]
POINTERS_PER_ROW = 2  # where a compressed row begins, and where it ends; a word each


def words_moved(activity: Activity, machine: Machine, planned: Plan | None) -> list[Moved]:
    """The words that weights, codes, events, state, biases and parameters move, and the additions of their addresses.

    Parameters
    ----------
    activity : Activity
        Of a run, with functions of numbers carried out as the machine does.
    machine : Machine
        Of the run's execution.
    planned : Plan or None
        What :func:`hwsim.traffic.plan.plan` says of the run on the machine; None of a systolic array.

    Returns
    -------
    list of Moved
        In no order; one operation of a layer may occur more than once.

    Raises
    ------
    MachineError
        When no level can hold an operand, or the run did not note what the machine's tiles need.
    """
    if planned is None:
        return [Moved(*each) for each in systolic_words(activity, machine)]
    traffic = _Traffic(activity, machine, planned)
    for layer in activity.layers:
        inside = is_whole(layer, machine)
        if layer.connections and not inside:
            traffic.weights(layer)
            if machine.keeps_sums_in_state:
                traffic.accumulators(layer)
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


class _Traffic(Booking):
    """The words a run moves, booked layer by layer."""

    # --- weights

    def weights(self, layer: LayerActivity) -> None:
        """Read the rows that are delivered, as pieces of whole words or as packed entries; make their addresses."""
        planned = self.plan.layers[layer.name]
        assert planned.loops is not None
        for connection in layer.connections:
            if self.machine.slicing is not None:
                self._slices(layer, connection, planned.loops)
            else:
                self._weights(layer, connection, planned)

    def _weights(self, layer: LayerActivity, connection: ConnectionActivity, planned: LayerPlan) -> None:
        loops, tiling, machine = planned.loops, planned.tiling, self.machine
        assert loops is not None
        term = layer.connections.index(connection)
        met = meetings(self.activity, layer, term, loops, tiling, self.batches)
        entries = None
        if machine.run_bits is not None:
            of_row = connection.rows_read.n_entry[:, machine.run_bits - 1]
            entries = meetings(self.activity, layer, term, loops, tiling, self.batches, of_row)
        is_ideal = machine.reuse == "ideal"

        def moved(which: str, level: Level) -> IntArray:
            """Words of the rows that are asked for, at a level."""
            rows = getattr(met, which)
            if entries is None:
                return np.asarray(rows * loops.term_words(term, tiling.channels, level.width))
            packed = words(getattr(entries, which), entry_bits(connection, machine), level.width)
            return np.asarray(packed + POINTERS_PER_ROW * rows)

        asked = "by_batch" if is_ideal else "delivered"
        for k, stay in reversed(through([kept.stay for kept in planned.weights])):
            level = planned.weights[k].level
            bits = weight_bits(layer, machine, level.width)
            self.move("read", layer, "weights", level, moved(asked, level), bits)
            if stay < Stay.ALWAYS:
                asked = self._needed(planned, k, stay)
                self.move("write", layer, "weights", level, moved(asked, level), bits)
        n_tile = loops.n_repeat(tiling.channels)
        delivered = met.by_batch if is_ideal else met.delivered * n_tile
        self.moved.append(Moved(layer.name, ADDRESS, delivered))

    def _slices(self, layer: LayerActivity, connection: ConnectionActivity, loops: Loops) -> None:
        """Read the slices of the rows that are delivered, packed in each core, and the pointers to them."""
        machine, pointers = self.machine, self.machine.holding("pointers")[-1]
        home = self.plan.weights.get(layer.name, machine.holding("weights")[-1])  # it may have no entry at all
        n_position = None if machine.reuse == "ideal" else loops.lanes.positions
        packed = slice_words(connection, machine, n_position, home.width)
        self.move("read", layer, "weights", home, packed, weight_bits(layer, machine, home.width))
        delivered = connection.rows_read.delivered(n_position)
        read = delivered * n_pointers(machine, pointers.width)
        self.move("read", layer, "pointers", pointers, read, pointer_bits(layer, machine))
        self.moved.append(Moved(layer.name, ADDRESS, delivered * machine.cores.n))

    def _needed(self, planned: LayerPlan, k: int, stay: int) -> str:
        """Which rows are read for a level: those met in its iterations, or all of them where they are fetched ahead."""
        is_whole_batch = stays_over_positions(planned.tiling, stay)
        if any(kept.level.prefetch for kept in planned.weights[k:] if kept.stay != PASSED_BY):
            return "all_by_batch" if is_whole_batch else "all_by_tile"
        return "by_batch" if is_whole_batch else "by_tile"

    def accumulators(self, layer: LayerActivity) -> None:
        """Read and write, in SRAM, the accumulators that each event reaches at each position; make their addresses."""
        level, planned = self.machine.holding("sums")[-1], self.plan.layers[layer.name]
        assert planned.loops is not None
        for connection in layer.connections:
            bits, accesses = connection.accumulator_format.bit_width, connection.rows_read.meetings
            is_cut = not planned.loops.is_depthwise  # whose tiles are of channels with accumulators of their own
            parts = planned.loops.tiles(planned.tiling.channels) if is_cut else [connection.n_reached]
            moved = accesses * sum(int(words(part, bits, level.width)) for part in parts)
            for way in ("read", "write"):
                self.book(way, layer.name, "state", level, moved, state_bits(layer, self.machine))
            self.moved.append(Moved(layer.name, ADDRESS, accesses * len(parts)))

    def biases(self, layer: LayerActivity) -> None:
        """Read the biases that accumulators start from: once, however many neurons of a channel use one."""
        starts = self.activity.first if self.execution.keeps_state else self.n_frame
        if self._shares_batches:
            starts = self.batches.booked(1, self.machine.batch)
        for connection in layer.connections:
            if connection.n_bias:
                self._read_stored(layer, connection.n_bias * starts, connection.accumulator_format.bit_width)

    def parameters(self, layer: LayerActivity) -> None:
        """Read the multipliers, offsets and thresholds that are stored per channel."""
        for n_stored, bits in parameters_of(layer):
            # a channel's are read once, however many of its neurons are at work
            n_read = np.minimum(self.machine.touched(layer), n_stored)
            if self._shares_batches:
                n_read = self.batches.booked(n_stored, self.machine.batch)
            self._read_stored(layer, n_read, bits)

    @property
    def _shares_batches(self) -> bool:
        """Whether what is stored per channel is read once for a batch: the short form reads it again, unless ideal."""
        is_shared = self.machine.memories is None or self.machine.reuse == "ideal"
        return is_shared and not self.execution.keeps_state

    def _read_stored(self, layer: LayerActivity, n_number: IntArray, bits: int) -> None:
        level = self.plan.weights[layer.name]
        packed = words(n_number, bits, level.width)
        self.move("read", layer, "weights", level, packed, weight_bits(layer, self.machine, level.width))

    # --- codes

    def frames(self, layer: LayerActivity) -> None:
        """Read the raw frames once; a dense machine reads them as codes where nothing has to be encoded."""
        told = told_frames(self.activity, layer)
        if raw_frames_are_codes(self.activity, layer) and layer.emitted is not None:
            self._read(layer.emitted.name, FRAMES, told, arrives_at=layer.name)
        else:
            self.move_codes("read", layer.name, self.plan.signals[FRAMES], told.by_frame, told)

    def codes(self, layer: LayerActivity, signal: SignalActivity) -> None:
        """Write codes or events once, and read them as often as the readers' tiles go through them."""
        if raw_frames_are_codes(self.activity, layer):
            return
        told = told_codes(self.activity, self.machine, signal)
        self.move_codes("write", layer.name, self.plan.signals[signal.name], told.by_frame, told)
        self._read(signal.name, signal.name, told)

    def _read(self, source: str, signal: str, told: Told, arrives_at: str | None = None) -> None:
        """Read a signal as often as its readers do; of frames that are read as they arrive, the first time there."""
        home = self.plan.signals[signal]
        for reader, k in self._readers(source):
            planned = self.plan.layers[reader.name]
            if planned.loops is None or self.machine.reuse == "ideal":
                # frames that arrive do so whole, and ideally one reader reads for all
                is_whole_signal = arrives_at is not None or self.machine.reuse == "ideal"
                own = told if is_whole_signal else told.of(reader.part(k))
                self.move_codes("read", arrives_at or reader.name, home, own.by_frame, told)
            else:
                self._read_through(reader, k, planned, home, told, arrives_at)
            arrives_at = None

    def _read_through(
        self, reader: LayerActivity, k: int, planned: LayerPlan, home: Level, told: Told, arrives_at: str | None
    ) -> None:
        """Read a source through the levels that keep it for a while."""
        loops, tiling, own = planned.loops, planned.tiling, told.of(reader.part(k))
        assert loops is not None

        def by_tile(word_length: int) -> IntArray:
            return words_by_tile(self.activity, reader, loops, tiling, k, own, word_length)

        levels = [kept.level for kept in planned.codes]
        path = code_path([kept.stay for kept in planned.codes], levels.index(home))
        for (far, _), (near, stay) in pairwise(path):
            n_fill, is_whole_frame = code_fills(loops, tiling, stay)
            filled = own.by_frame if is_whole_frame else by_tile
            self.move_codes("read", reader.name, levels[far], filled, told, n_fill)
            self.move_codes("write", reader.name, levels[near], filled, told, n_fill)
        nearest, n_pass = levels[path[-1][0]], loops.n_pass(tiling.channels)
        if arrives_at is not None and tiling.rows is None:
            self.move_codes("read", arrives_at, nearest, told.by_frame, told)
            n_pass -= 1
        self.move_codes("read", reader.name, nearest, by_tile, told, n_pass)

    def output(self, layer: LayerActivity) -> None:
        """Write the accumulators that leave the network; a delta machine writes those it touched."""
        bits, level = layer.out_format.bit_width, self.plan.signals[OUTPUTS]
        packed = words(self.machine.touched(layer), bits, level.width)
        self.move("write", layer, "codes", level, packed, layer.n_neuron * bits)

    # --- state

    def state(self, layer: LayerActivity) -> None:
        """Read and write the sums of touched neurons, and the codes last sent."""
        touched = self.machine.touched(layer)
        inside = is_whole(layer, self.machine)
        if layer.connections and not self.machine.keeps_sums_in_state and not inside:
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
        level = self.plan.state[layer.name]
        packed = words(n_number, bits, level.width)
        self.move(way, layer, "state", level, packed, state_bits(layer, self.machine))

    def _readers(self, source: str) -> list[tuple[LayerActivity, int]]:
        """Layers that read a signal, once for each time, and as which of their sources."""
        readers = [
            (layer, k) for layer in self.activity.layers for k, name in enumerate(layer.sources) if name == source
        ]
        # ideally, what one reads serves all of them
        return readers[:1] if self.machine.reuse == "ideal" else readers
