"""What the memories of a machine hold, in bits: those of the worst frame, so that they follow from the network."""

import numpy as np
import numpy.typing as npt

from hwsim.activity import ConnectionActivity, LayerActivity, SlicesStored
from hwsim.errors import MachineError
from hwsim.machine import Machine

IntArray = npt.NDArray[np.int64]

POINTER_BITS = 32
"""Of where a compressed row begins. [bits]"""

SLICE_POINTER_BITS = 16
"""The same of its slice in a core. [bits]"""


def words(n_number: IntArray | int, bits: int, word_length: int) -> IntArray:
    """Words that hold so many numbers, packed."""
    return np.asarray(-(-(np.asarray(n_number, np.int64) * bits) // word_length))


def entry_bits(connection: ConnectionActivity, machine: Machine) -> int:
    """Bits of an entry of a compressed row: a weight, and the zeros that it skips."""
    return connection.weight_format.bit_width + (machine.run_bits or 0)


def weight_bits(layer: LayerActivity, machine: Machine, word_length: int) -> int:
    """Bits of a layer's weights in rows of whole words, biases and stored parameters; of whole operations none."""
    if is_whole(layer, machine):
        return 0
    bits = sum(n_stored * bits_of_each for n_stored, bits_of_each in parameters_of(layer))
    for connection in layer.connections:
        bits += _matrix_bits(connection, machine, word_length)
        bits += connection.n_bias * connection.accumulator_format.bit_width
    return bits


def parameters_of(layer: LayerActivity) -> list[tuple[int, int]]:
    """How many parameters of a kind are stored, one per channel or neuron, and in how many bits each."""
    joins = [(join.n_parameter, join.parameter_bit_width) for join in layer.joins]
    work = [(work.n_parameter, work.parameter_bit_width) for work in layer.work]
    return [(n_stored, bits) for n_stored, bits in (*joins, *work) if n_stored]


def _matrix_bits(connection: ConnectionActivity, machine: Machine, word_length: int) -> int:
    stored = connection.rows_stored
    if machine.run_bits is None:
        of_row = int(words(connection.row_length, connection.weight_format.bit_width, word_length))
        return stored.n_row * of_row * word_length
    if machine.slicing is not None:  # each core packs its own
        of_core = slices_of(connection, machine).n_entry.sum(axis=0)
        return int(words(of_core, entry_bits(connection, machine), word_length).sum()) * word_length
    n_entry = int(stored.n_entry[machine.run_bits - 1])
    packed = int(words(n_entry, entry_bits(connection, machine), word_length)) * word_length
    # where each row begins, and where the last one ends
    return packed + (stored.n_row + 1) * POINTER_BITS


def slices_of(connection: ConnectionActivity, machine: Machine) -> SlicesStored:
    """What was noted of rows without their zeros as a machine cuts them.

    Raises
    ------
    MachineError
        When the run noted nothing of it.
    """
    assert machine.slicing is not None
    if machine.slicing not in connection.slices:
        raise MachineError(
            f"layer {connection.layer}: machine {machine.name} cuts its rows into {machine.cores.n} slices without "
            "zeros, and this run did not note what is in each; simulate(..., machines=[it]) does"
        )
    return connection.slices[machine.slicing]


def pointer_bits(layer: LayerActivity, machine: Machine) -> int:
    """Bits of the pointers to a layer's slices, of all cores; without slices, pointers are beside the weights."""
    if machine.slicing is None:
        return 0
    n_row = sum(connection.rows_stored.n_row + 1 for connection in layer.connections)
    return n_row * machine.cores.n * SLICE_POINTER_BITS


def state_bits(layer: LayerActivity, machine: Machine) -> int:
    """Bits of a layer's sums and last codes; of a machine that keeps accumulators in SRAM, of these in any case."""
    keeps_state, inside = machine.walk.keeps_state, is_whole(layer, machine)
    bits = 0
    if (keeps_state or machine.keeps_sums_in_state) and not inside:
        bits += sum(layer.n_neuron * connection.accumulator_format.bit_width for connection in layer.connections)
    if keeps_state:
        bits += sum(join.n_sum * join.format.bit_width for join in layer.joins)
        if layer.emitted is not None and not inside:
            bits += layer.emitted.n_code * layer.emitted.format.bit_width
    return bits * machine.batch


def is_whole(layer: LayerActivity, machine: Machine) -> bool:
    """Whether a layer's weights and neurons are within the chip's own operations."""
    return machine.operations == "whole" and bool(layer.connections)
