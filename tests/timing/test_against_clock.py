"""Cycles of every layer and part, and of whole schedules, against machines that go from one cycle to the next."""

import pytest
from against_reference import dataset_of
from hypothesis import given, reject
from hypothesis import strategies as st
from levelled import EXECUTIONS, machine_of
from number_of_examples import examples
from reference import timetable
from reference.clock import takes
from strategies import convolutional_networks, inputs_for, networks
from timed import Loads, parts_of, steps_of, timed_fields

import hwsim
from hwsim.errors import MachineError


@st.composite
def streams(draw, n_frame):
    return sorted({0, *draw(st.lists(st.integers(1, n_frame - 1), max_size=2))} if n_frame > 1 else {0})


def run_on(network, data, machine):
    """What happened; others are drawn where the sums of one row do not fit, or an event meets several positions."""
    try:
        activity = hwsim.simulate(network, data, machines=[machine], per_frame=True).activity
        return activity, hwsim.schedule(activity, machine)
    except MachineError as error:
        if "sums of" in str(error) or "is depthwise" in str(error):
            reject()
        raise


@pytest.mark.parametrize("overlap", ["layer", "none", "event"])
@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(160)
@given(data=st.data())
def test_layers_of_a_network(execution, overlap, data):
    network = data.draw(st.one_of(convolutional_networks(), networks()))
    machine = machine_of(data.draw(timed_fields(execution, overlap)))
    frames = data.draw(inputs_for(network, 4))
    starts = data.draw(streams(len(frames)))
    activity, timing = run_on(network, dataset_of(network, frames, [*starts, len(frames)]), machine)
    loads, steps = Loads(network, frames, starts, machine, activity), steps_of(len(frames), starts, machine.batch)
    assert timing.n_frame.tolist() == [len(step) for step in steps]
    for layer in timing.layers:
        for k, step in enumerate(steps):
            load = loads.of(layer.name, step)
            parts = parts_of(machine, loads.lanes(layer.name).channels)
            by_part, total = takes(load, parts)
            assert {name: int(cycles[k]) for name, cycles in layer.resources.items()} == by_part, layer.name
            assert int(layer.total[k]) == total, layer.name
            assert list(layer.resources) == list(by_part), layer.name
            assert int(layer.operations[k]) == loads.operations(layer.name, step)
