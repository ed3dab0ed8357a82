"""Cycles of every layer and part, and of whole schedules, against machines that go from one cycle to the next."""

import pytest
from against_reference import dataset_of
from clocked import Loads, parts_of, placements, steps_of, timed_fields
from hypothesis import given, reject
from hypothesis import strategies as st
from levelled import EXECUTIONS, machine_of, works
from number_of_examples import examples
from reference import timetable
from reference.clock import takes
from reference.graph import nodes_of
from strategies import convolutional_networks, inputs_for, networks

import hwsim
from hwsim.errors import MachineError


@st.composite
def streams(draw, n_frame):
    return sorted({0, *draw(st.lists(st.integers(1, n_frame - 1), max_size=2))} if n_frame > 1 else {0})


def drawn(data, execution, overlap):
    """A network with frames in streams, and a machine."""
    machine = machine_of(data.draw(timed_fields(execution, overlap)))
    if data.draw(st.booleans()):  # a layer that tiles and lanes cut in many ways, and more frames
        work = data.draw(works(largest_last=20))
        return work.network, machine, work.data.inputs, work.starts
    network = data.draw(st.one_of(convolutional_networks(), networks()))
    frames = data.draw(inputs_for(network, 4))
    return network, machine, frames, data.draw(streams(len(frames)))


def run_on(network, machine, frames, starts):
    """What happened; others are drawn where the sums of one row do not fit, or an event meets several positions."""
    try:
        data = dataset_of(network, frames, [*starts, len(frames)])
        activity = hwsim.simulate(network, data, machines=[machine], per_frame=True).activity
        return activity, hwsim.schedule(activity, machine)
    except MachineError as error:
        if "sums of" in str(error) or "is depthwise" in str(error):
            reject()
        raise


@pytest.mark.parametrize("overlap", ["layer", "none", "event"])
@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(120)
@given(data=st.data())
def test_layers_of_a_network(execution, overlap, data):
    network, machine, frames, starts = drawn(data, execution, overlap)
    activity, timing = run_on(network, machine, frames, starts)
    loads, steps = Loads(network, frames, starts, machine, activity), steps_of(len(frames), starts, machine.batch)
    assert timing.makespan > 0
    assert timing.n_frame.tolist() == [len(step) for step in steps]
    for layer in timing.layers:
        parts = parts_of(machine, loads.lanes(layer.name).channels)
        for k, step in enumerate(steps):
            by_part, total = takes(loads.of(layer.name, step), parts)
            assert {name: int(cycles[k]) for name, cycles in layer.resources.items()} == by_part, layer.name
            assert list(layer.resources) == list(by_part), layer.name
            assert int(layer.total[k]) == total, layer.name
            assert int(layer.operations[k]) == loads.operations(layer.name, step)


@pytest.mark.parametrize("schedule", ["sequential", "pipelined", "barrier"])
@examples(120)
@given(data=st.data())
def test_whole_networks(schedule, data):
    network, machine, frames, starts = drawn(data, data.draw(st.sampled_from(EXECUTIONS)), "layer")
    nodes = [node for node in nodes_of(network) if not node.is_mere_wiring]
    names = [node.name for node in nodes]
    sources = [[names.index(source.name) for parts in node.sources for source in parts] for node in nodes]
    cores = data.draw(placements(len(nodes)))
    keys = {"schedule": schedule}
    if schedule != "sequential":
        keys["placement"] = [[names[k] for k in core] for core in cores]
    if schedule == "barrier":
        keys |= {"sync": data.draw(st.integers(0, 3)), "layer_delay": data.draw(st.integers(0, 1))}
    machine = with_timing(machine, **keys)
    activity, timing = run_on(network, machine, frames, starts)
    loads, steps = Loads(network, frames, starts, machine, activity), steps_of(len(frames), starts, machine.batch)
    each = [
        [takes(loads.of(name, step), parts_of(machine, loads.lanes(name).channels)) for step in steps] for name in names
    ]
    total = [[cycles for _, cycles in layer] for layer in each]
    if schedule == "sequential":
        expected = timetable.sequential(total)
    elif schedule == "barrier":
        expected = timetable.barrier(total, sources, cores, keys["sync"], bool(keys["layer_delay"]))
    else:
        shared = [sum(layer[k][0]["dram"] for layer in each) for k in range(len(steps))]
        expected = timetable.pipelined(total, sources, cores, shared)
        expected.start = timing.start.tolist()  # as late as can be: tests of schedules alone
    assert timing.done.tolist() == expected.done
    assert timing.start.tolist() == expected.start
    assert timing.busy.tolist() == expected.busy


def with_timing(machine, **keys):
    """The same machine, whose layers follow each other in another way."""
    fields = machine.model_dump(by_alias=True, exclude_defaults=True)
    return machine_of(fields, schema=1, timing=fields["timing"] | keys)
