"""From what happened to what the hardware did: counting an Activity on a Machine.

The phases are `encode` (the network's inputs), `synapse` (events meeting weights), `neuron` (what follows an
accumulator) and `memory`. docs/accounting.md states every rule with an example checked by hand.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.activity import (
    Activity,
    ConnectionActivity,
    Histogram,
    LayerActivity,
    SignalActivity,
)
from hwsim.counting.counts import Counts, Phase
from hwsim.counting.tally import Tally
from hwsim.errors import MachineError
from hwsim.machine import DEFAULT_MACHINE, Machine, load_machine
from hwsim.network.operation import Operation
from hwsim.traffic.arithmetic import is_converted, synaptic_operations
from hwsim.traffic.contents import is_whole, slices_of
from hwsim.traffic.functions import carried_out
from hwsim.traffic.plan import plan
from hwsim.traffic.words import words_moved

IntArray = npt.NDArray[np.int64]


def count(activity: Activity, machine: str | Path | Machine | None = None) -> Counts:
    """Count every operation that a machine executes for what happened.

    Parameters
    ----------
    activity : Activity
        Of a run.
    machine : str, path or Machine, optional
        A preset's name, a YAML file or a Machine; the execution's default machine unless said.

    Returns
    -------
    Counts
        Per group of frames: first frames of streams and all later ones, or every frame if the run kept them.

    Raises
    ------
    MachineError
        When the machine is of another execution, its arithmetic is too narrow for the network's numbers, or a memory
        is larger than it allows.
    """
    machine = load_machine(machine or DEFAULT_MACHINE[activity.execution.kind])
    if machine.execution != activity.execution.kind:
        raise MachineError(
            f"machine {machine.name} counts {machine.execution} executions, but this run of {activity.network} was "
            f"{activity.execution.kind}; simulate with execution={machine.execution!r} or choose another machine"
        )
    if machine.batch > 1 and machine.memories is not None and not machine.walk.presents_every_input:
        raise MachineError(
            f"machine {machine.name}: batch {machine.batch} needs a dense execution, in which every frame reads the "
            f"same weights; this one is {machine.execution}: write batch: 1, or levels"
        )
    refuse_wide_operands(activity, machine)
    # by what the run noted, as before it ran; an array needs none
    planned = plan(activity, machine) if machine.array is None else None
    activity, tables, notes = carried_out(activity, machine)
    if planned is not None and planned.note is not None:
        notes = (*notes, planned.note)
    tally = Tally()
    for layer in activity.layers:
        for connection in layer.connections:
            _count_synapses(tally, connection, activity, machine)
        _count_neurons(tally, layer, activity, machine)
    for each in words_moved(activity, machine, planned):
        tally.add(each.layer, "memory", each.operation, activity.sum_by_group(each.by_frame))
    return Counts(
        entries=tally.entries,
        groups=activity.groups,
        n_frame=activity.sum_by_group(np.ones(activity.n_frame, np.int64)),
        network=activity.network,
        data=activity.data,
        execution=str(activity.execution),
        machine=machine.name,
        notes=(*activity.notes, *machine.notes, *notes),
        overhead=(machine.overhead.low, machine.overhead.high),
        tables=tables,
        rules=activity.rules,
        levels=machine.levels,
    )


def refuse_wide_operands(activity: Activity, machine: Machine) -> None:
    """Refuse a network that a machine's arithmetic is too narrow for.

    Raises
    ------
    MachineError
        When events, or the weights that they meet, are real or have more bits than its `operands`.
    """
    if machine.operands is None:
        return
    for connection in activity.connections:
        event, weight = connection.event_format, connection.weight_format
        if any(each.is_real or each.bit_width > machine.operands for each in (event, weight)):
            raise MachineError(
                f"machine {machine.name} takes whole numbers of at most {machine.operands} bits (operands: "
                f"{machine.operands}), but in layer {connection.layer} of {activity.network} events of {event} meet "
                f"weights of {weight}; convert the network (hwsim convert int8), or choose a machine that states no "
                f"`operands`, such as {DEFAULT_MACHINE[machine.execution]}"
            )


def _count_neurons(tally: Tally, layer: LayerActivity, activity: Activity, machine: Machine) -> None:
    """Work after the accumulator, or on the network's inputs, and the test or difference of emitted codes."""
    is_input = not layer.sources
    phase: Phase = "encode" if is_input else "neuron"
    # inputs are looked at in every frame, neurons of a delta machine only when touched
    updated = np.full(activity.n_frame, layer.n_neuron) if is_input else machine.touched(layer)
    times = activity.sum_by_group(updated)
    if is_whole(layer, machine):  # the chip's own figure holds all that a neuron does
        tally.add(layer.name, "neuron", Operation("neuron_update"), times)
        return
    for work in layer.work:
        for operation, n_of_each in work.operations:
            tally.add(layer.name, phase, operation, times * n_of_each)
    for join in layer.joins:
        for operation in join.operations:
            tally.add(layer.name, phase, operation, activity.sum_by_group(join.n_operation))
    if layer.emitted is None:
        return
    _count_conversions(tally, layer.emitted, layer.name, phase, activity, machine)
    code = (layer.emitted.format.operand,)
    if n_comparison := activity.execution.n_comparison(layer.name):
        tally.add(layer.name, phase, Operation("comparison", code), times * n_comparison)
    if activity.execution.presents_changes:
        tally.add(layer.name, phase, Operation("addition", code), times)


def _count_conversions(
    tally: Tally, signal: SignalActivity, layer: str, phase: Phase, activity: Activity, machine: Machine
) -> None:
    """Codes that a layer sends to real weights become real numbers, each event once for every layer that reads it."""
    n_event = activity.sum_by_group(signal.n_event)
    for reader in activity.layers:
        n_reading = reader.sources.count(signal.name)
        if n_reading and reader.connections and not is_whole(reader, machine):
            connection = reader.connections[0]
            if is_converted(connection):
                formats = (connection.event_format.operand, connection.weight_format.operand)
                tally.add(layer, phase, Operation("conversion", formats), n_reading * n_event)


def _count_synapses(tally: Tally, connection: ConnectionActivity, activity: Activity, machine: Machine) -> None:
    """Carry out every synaptic operation the machine's way."""
    histogram = connection.histogram
    times = histogram.n_nonzero if machine.skip_zero_weights else histogram.n_operation
    if machine.run_bits is not None:  # what is not stored is not executed, and padding is stored like a weight
        times = histogram.n_nonzero + _padding(connection, machine)
    if machine.zero_operands == "gated":
        chosen = histogram.magnitude > 0
        histogram, times = _where(histogram, chosen), times[chosen]
    if machine.operations == "whole":
        by_group = activity.sum_of_groups(histogram.group, times)
        tally.add(connection.layer, "synapse", Operation("synaptic_operation"), by_group)
        return
    if connection.has_zero_point:
        _sum_events(tally, connection, histogram, activity, machine)
    for operation, per_event in synaptic_operations(connection, machine, histogram.magnitude):
        by_group = activity.sum_of_groups(histogram.group, times * per_event)
        tally.add(connection.layer, "synapse", operation, by_group)
        if operation.kind == "addition":
            updates = _updates(connection, activity, machine, by_group)
            tally.add_updates(connection.layer, operation.format, updates, machine)


def _padding(connection: ConnectionActivity, machine: Machine) -> IntArray:
    """Operations that meet padding, of each entry of the histogram."""
    if machine.slicing is not None:
        return slices_of(connection, machine).n_padding
    assert machine.run_bits is not None
    return connection.histogram.n_padding[:, machine.run_bits - 1]


def _updates(connection: ConnectionActivity, activity: Activity, machine: Machine, n_addition: IntArray) -> IntArray:
    """Times that accumulators change: with each addition, or once for all inputs that are added up before."""
    if machine.lanes is None:  # a cell of an array changes with each
        return n_addition
    lanes = machine.lanes.convolution if connection.kind == "convolution" else machine.lanes.dense
    if lanes.inputs == 1:
        return n_addition
    n_place = connection.window.y.size * connection.window.x.size if connection.window else 1
    n_channel = connection.n_in // (n_place * connection.groups)  # that meet a tap of an output
    n_tap = connection.n_synapse // n_channel  # of all outputs
    return activity.sum_by_group(np.full(activity.n_frame, n_tap * -(-n_channel // lanes.inputs)))


def _sum_events(
    tally: Tally, connection: ConnectionActivity, histogram: Histogram, activity: Activity, machine: Machine
) -> None:
    """Weights around a zero point: what meets a tap is also added up by itself, once for all channels it reaches."""
    operation = Operation("addition", (connection.accumulator_format.operand,))
    by_group = activity.sum_of_groups(histogram.group, histogram.n_operation) // connection.n_reached
    tally.add(connection.layer, "synapse", operation, by_group)
    updates = _updates(connection, activity, machine, by_group * connection.n_reached) // connection.n_reached
    tally.add_updates(connection.layer, operation.format, updates, machine)


def _where(histogram: Histogram, chosen: npt.NDArray[np.bool_]) -> Histogram:
    return Histogram(*(column[chosen] for column in vars(histogram).values()))
