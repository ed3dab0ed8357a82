"""Compressed rows on machines that split layers: each core stores and reads what is its own."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hwsim.activity import Activity, ConnectionActivity, LayerActivity
from hwsim.errors import MachineError
from hwsim.machine import Level, Machine
from hwsim.traffic.contents import SLICE_POINTER_BITS, entry_bits, parameters_of, pointer_bits, slices_of, words

IntArray = npt.NDArray[np.int64]


def slice_words(connection: ConnectionActivity, machine: Machine, n_position: int | None, word_length: int) -> IntArray:
    """Words of the entries that are read in each frame, packed in each core for itself. (n_frame,)

    Parameters
    ----------
    connection : ConnectionActivity
        Whose rows are cut.
    machine : Machine
        With a ``split``, and compressed weights.
    n_position : int or None
        Positions served by one read; all of them if None.
    word_length : int
        Of the memory of weights. [bits]

    Raises
    ------
    MachineError
        When the run did not note how its rows are cut.
    """
    n_entry = connection.rows_read.summed(slices_of(connection, machine).n_entry, n_position)
    return np.asarray(words(n_entry, entry_bits(connection, machine), word_length).sum(axis=1))


def n_pointers(machine: Machine, word_length: int) -> int:
    """Words of the pointers that each delivery of a row reads: to both ends of its slice in each core."""
    return 2 * machine.cores.n * int(words(1, SLICE_POINTER_BITS, word_length))


def refuse_overfull(activity: Activity, machine: Machine) -> None:
    """Refuse a network whose slices, or the pointers to them, do not fit the memories of single cores.

    Raises
    ------
    MachineError
        With the level, the core that would have to hold most, and its bytes.
    """
    n = machine.cores.n
    for level in {machine.holding("weights")[-1], machine.holding("pointers")[-1]}:
        bits = sum((_bits(layer, machine, level) for layer in activity.layers), np.zeros(n, np.int64))
        if level.bits is not None and n * bits.max() > level.bits:
            raise MachineError(
                f"machine {machine.name}: {' and '.join(_held(level))} of {activity.network} need "
                f"{-(-int(bits.max()) // 8):,} bytes in core {bits.argmax()}, and {level.name} has "
                f"{level.bits // (8 * n):,} for each of {n} cores; declare more, or choose a smaller network"
            )


def _held(level: Level) -> Iterator[str]:
    """What a level holds of compressed rows."""
    return (each for each in ("weights", "pointers") if each in level.holds)


def _bits(layer: LayerActivity, machine: Machine, level: Level) -> IntArray:
    """Bits of a layer in each core's part of a level. (n_core,)"""
    n = machine.cores.n
    bits = np.zeros(n, np.int64)
    if "pointers" in level.holds:
        bits += pointer_bits(layer, machine) // n
    if "weights" in level.holds:
        # what is stored once for each channel lies where the channel does
        bits += sum(-(-n_stored // n) * bits_of_each for n_stored, bits_of_each in parameters_of(layer))
        for connection in layer.connections:
            stored = slices_of(connection, machine).n_entry.sum(axis=0)
            bits += words(stored, entry_bits(connection, machine), level.width) * level.width
            bits += -(-connection.n_bias // n) * connection.accumulator_format.bit_width
    return bits
