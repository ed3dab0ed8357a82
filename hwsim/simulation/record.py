"""From the notes of a run to its Activity."""

import numpy as np

from hwsim.activity import Activity, Execution, LayerActivity, SignalActivity, Slicing
from hwsim.network.graph import Network
from hwsim.network.number_format import NumberFormat
from hwsim.simulation.block import Array, NeedsByLayer, Notes
from hwsim.simulation.group_reading import noted_group_cycles
from hwsim.simulation.neuron_work import neuron_work
from hwsim.simulation.plan import StagePlan
from hwsim.simulation.strip_reading import noted_strips


def empty_notes(stream_start: Array, n_frame: int, execution: Execution, per_frame: bool, needs: NeedsByLayer) -> Notes:
    """Notes of a run that is to begin, with what is to be noted of each layer for some machine."""
    first = np.zeros(n_frame, np.bool_)
    first[stream_start[:-1]] = True
    group = np.arange(n_frame) if per_frame else np.where(first, 0, 1).astype(np.int64)
    return Notes(execution, per_frame, first, group, needs=needs)


def before_any_frame(
    network: Network,
    plans: tuple[StagePlan, ...],
    execution: Execution,
    arrives: NumberFormat,
    slicings: frozenset[Slicing],
) -> Activity:
    """The Activity of no frames: all that is known of a run before it begins, for machines to plan by."""
    none = np.zeros(0, np.int64)
    notes = Notes(execution, False, none > 0, none, needs={plan.name: slicings for plan in plans})
    return to_activity(notes, network, plans, "", arrives)


def to_activity(
    notes: Notes, network: Network, plans: tuple[StagePlan, ...], data: str, arrives: NumberFormat, *said: str
) -> Activity:
    """The Activity of a finished run, of which something was said."""
    return Activity(
        network=network.name,
        data=data,
        execution=notes.execution,
        raw_format=arrives,
        first=notes.first,
        per_frame=notes.per_frame,
        layers=tuple(_layer(notes, network, plan) for plan in plans if plan.is_layer),
        notes=said,
    )


def _layer(notes: Notes, network: Network, plan: StagePlan) -> LayerActivity:
    n_neuron = plan.head.n_neuron if plan.head else plan.start.size
    everyone = np.full(notes.n_frame, n_neuron, np.int64)
    touched, touched_nonzero = plan.head.touched(notes) if plan.head else (everyone, everyone)
    return LayerActivity(
        name=plan.name,
        n_neuron=n_neuron,
        sources=plan.sources,
        connections=plan.head.connections(notes) if plan.head else (),
        joins=plan.head.joins(notes) if plan.head else (),
        work=neuron_work(plan.stage, plan.reads, plan.start),
        touched=touched,
        touched_nonzero=touched_nonzero,
        out_format=_out_format(network, plan),
        emitted=None if plan.is_last else _emitted(notes, plan),
        n_saturated=sum(codes for layer, codes in notes.clipped if layer == plan.name),
        codes_by_row=plan.codes_by_row,
        strips=noted_strips(notes, plan),
        group_cycles=noted_group_cycles(notes, plan),
    )


def _out_format(network: Network, plan: StagePlan) -> NumberFormat:
    """Format of what leaves a stage, less what is not the hardware's business."""
    last = next((layer for layer in plan.stage.body if layer.comes_last), None)
    return network.signals[last.inputs[0]].format if last else plan.out.format


def _emitted(notes: Notes, plan: StagePlan) -> SignalActivity:
    n_event = notes.read(plan.stage.output, "events")
    if notes.execution.presents_every_input:
        n_event = np.full_like(n_event, plan.out.size)
    return SignalActivity(plan.stage.output, plan.out.size, plan.out.format, n_event)
