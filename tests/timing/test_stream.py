"""The schedule of cores with queues, from a network to its timing."""

import pytest
from dense_graphs import EXECUTIONS, fields, stepped, works
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.machine import Machine


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(300)
@given(data=st.data())
def test_networks_of_dense_layers_on_the_machine_of_single_cycles(execution, data):
    work, said = data.draw(works()), data.draw(fields(execution))
    makespan, cores = stepped(work, said)
    machine = Machine.model_validate(said)
    run = hwsim.simulate(work.network, work.data, machines=[machine])
    timing = hwsim.schedule(run.activity, machine)
    assert timing.cores == tuple(work.names)
    assert timing.start.tolist() == cores[0].began
    assert timing.done.tolist() == cores[-1].prepared
    assert timing.makespan == makespan
    for what in ("busy", "stalled", "starved"):
        assert getattr(timing, what).tolist() == [getattr(core, what) for core in cores]
    assert (timing.busy + timing.stalled + timing.starved == makespan).all()
