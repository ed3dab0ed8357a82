"""What a machine does for one event that meets one weight, by number formats and the magnitude of the event."""

import numpy as np
import numpy.typing as npt

from hwsim.activity import ConnectionActivity, GroupCost
from hwsim.machine import Machine
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import Operation

IntArray = npt.NDArray[np.int64]


def is_converted(connection: ConnectionActivity) -> bool:
    """Whether events are integers and the weights real numbers, so that a multiplier needs both in one format.

    A code of -1, 0 or 1 is no number to be converted: it adds the weight, or subtracts it.
    """
    event = connection.event_format
    return connection.weight_format.is_real and not event.is_real and not event.is_sign


def synaptic_operations(
    connection: ConnectionActivity, machine: Machine, magnitude: IntArray
) -> list[tuple[Operation, IntArray]]:
    """Operations of one synaptic operation, and how many of each, by the magnitude of the event.

    Whether it adds or multiplies is declared by number formats and the machine, never guessed from values.
    """
    event, weight = connection.event_format, connection.weight_format
    addition = Operation("addition", (connection.accumulator_format.operand,))
    one = np.ones_like(magnitude)
    if is_converted(connection):
        return _real_operations(weight, weight, one)
    if event.is_real:
        return _real_operations(event, weight, one)
    if event.kind == weight.kind == "binary":
        return [(Operation("xnor", ("binary", "binary")), one), (addition, one)]
    if event.is_sign or weight.kind in ("binary", "ternary"):
        return [(addition, one)]
    if weight.kind == "power-of-two":
        return [(Operation("variable_shift", (event.operand,)), one), (addition, one)]
    if machine.event_arithmetic == "shift-add":
        digits = signed_digits(magnitude)
        return [(addition, digits), (Operation("variable_shift", (weight.operand,)), digits)]
    multiplied = (magnitude > machine.unary_limit) | ((machine.unary_limit == 0) * one > 0)
    multiplication = Operation("multiplication", (event.operand, weight.operand))
    return [(addition, np.where(multiplied, 1, magnitude)), (multiplication, multiplied.astype(np.int64))]


def _real_operations(event: NumberFormat, weight: NumberFormat, one: IntArray) -> list[tuple[Operation, IntArray]]:
    addition = Operation("addition", (event.operand,))
    if weight.kind in ("binary", "ternary"):
        return [(addition, one)]
    if weight.kind == "power-of-two":
        return [(Operation("exponent_addition", (event.operand,)), one), (addition, one)]
    return [(Operation("multiplication", (event.operand, event.operand)), one), (addition, one)]


def signed_digits(magnitude: IntArray) -> IntArray:
    """Non-zero digits of the canonical signed-digit form: 7 = 8 - 1 has two."""
    half = magnitude.astype(np.uint64) >> np.uint64(1)  # three halves fit 64 bits where three times does not
    return np.asarray(np.bitwise_count(half ^ (magnitude.astype(np.uint64) + half)), np.int64)


def event_cycles(connection: ConnectionActivity, machine: Machine, magnitude: IntArray) -> IntArray:
    """What lanes take for an event: a multiplication, or an addition at a time, with what goes before it. [cycles]

    Parameters
    ----------
    connection : ConnectionActivity
        Whose weights the event meets.
    machine : Machine
        With a ``timing``.
    magnitude : (n,) int64
        Of the event, from 1; real events are of any.
    """
    assert machine.timing is not None
    times = {operation.kind: n for operation, n in synaptic_operations(connection, machine, magnitude)}
    multiplied = times.get("multiplication", np.zeros_like(magnitude)) > 0
    return np.asarray(np.where(multiplied, machine.timing.cycles.multiply, times["addition"]))


def is_by_magnitude(connection: ConnectionActivity, machine: Machine) -> bool:
    """Whether some events take lanes longer than others; if so, those of 1, 2 and 3 do not all take the same."""
    return bool(np.ptp(event_cycles(connection, machine, np.arange(1, 4))))


def group_cycles(cost: GroupCost, magnitude: IntArray) -> IntArray:
    """What a group takes if its costliest event is of a magnitude, from 1. [cycles]"""
    added = signed_digits(magnitude) if cost.digits else magnitude
    taken = np.where(magnitude > cost.largest, cost.multiply, added)
    return np.asarray(np.maximum(taken * cost.n_pass, cost.at_least), np.int64)
