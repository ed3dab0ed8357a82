"""The schedule of cores with queues, from a network to its timing."""

from unittest import mock

import numpy as np
import pytest
from dense_graphs import EXECUTIONS, fields, stepped, works
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim.errors import MachineError
from hwsim.machine import Machine
from hwsim.network.number_format import integer
from hwsim.timing.schedules import routing
from hwsim.timing.schedules.stream import Stream
from hwsim.timing.work import work_of


def assert_same(times, cores, makespan):
    """Of a stream and of the machine of single cycles."""
    of = list(cores.values())
    assert times.start.tolist() == of[0].began
    last = [core.prepared for (name, _), core in cores.items() if name == "last"]
    assert times.done.tolist() == [sorted(answers)[-1] for answers in zip(*last, strict=True)]
    assert times.makespan == makespan
    for what in ("busy", "stalled", "starved"):
        assert getattr(times, what).tolist() == [getattr(core, what) for core in of]
    assert (times.busy + times.stalled + times.starved == makespan).all()


@pytest.mark.parametrize("execution", EXECUTIONS)
@examples(300)
@given(data=st.data())
def test_networks_of_dense_layers_on_the_machine_of_single_cycles(execution, data):
    work, said = data.draw(works()), data.draw(fields(execution))
    makespan, cores = stepped(work, said)
    machine = Machine.model_validate(said)
    run = hwsim.simulate(work.network, work.data, machines=[machine])
    with mock.patch.object(routing, "CHUNK", data.draw(st.sampled_from((2**20, 1)))):  # all frames at once, or one
        timing = hwsim.schedule(run.activity, machine)
    assert timing.cores == tuple(work.names)
    assert_same(timing, cores, makespan)


class InTurn(Stream):
    """Layers on several cores, neurons in turn, and each row takes what a table says."""

    name = "in-turn"
    tables: dict = {}  # noqa: RUF012

    def row_costs(self, layer):
        return self.tables.get(layer.name, np.zeros((0, 1), np.int64))

    def homes(self, layer):
        return np.arange(layer.n_neuron) % self.row_costs(layer).shape[1]


@examples(300)
@given(data=st.data())
def test_layers_on_several_cores(data):
    work, said = data.draw(works()), data.draw(fields("sparse"))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    tables = {}
    for layer in work.layers:
        shape = sum(work.sizes[name] for name in layer.reads), data.draw(st.integers(1, 4))
        tables[layer.name] = generator.integers(0, 10, shape)
    makespan, cores = stepped(work, said, {name: table.tolist() for name, table in tables.items()})
    machine = Machine.model_validate(said)
    run = hwsim.simulate(work.network, work.data, machines=[machine])
    way = InTurn(machine, run.activity)
    way.tables = tables
    assert_same(way.times(work_of(run.activity, machine)), cores, makespan)


# ------------------------------------------------------------------------------------------------------- by hand

MACHINE = {
    "schema": 1,
    "name": "by-hand",
    "description": "cores and queues",
    "execution": "sparse",
    "event_arithmetic": "multiply",
    "lanes": {"dense": {"channels": 4}, "convolution": {"channels": 4}},
    "levels": [
        {"name": "memory", "kind": "sram", "capacity": 1000, "word_length": 8, "holds": ["weights", "codes"]},
        {"name": "sums", "kind": "registers", "holds": ["sums"]},
    ],
    "timing": {
        "clock": 1e6,
        "levels": {"memory": {"bits": 16}},
        "neuron_lanes": 2,
        "encode_lanes": 3,
        "cycles": {"event": 2, "neuron": 3, "layer": 1},
        "schedule": "stream",
        "queue": 4,
        "latency": 2,
    },
}


def by_hand(timing=None, **changes):
    return Machine.model_validate(MACHINE | {"timing": MACHINE["timing"] | (timing or {})} | changes)


def one_layer(*frames):
    """Of 5 inputs and 10 neurons, and a run of some frames."""
    weight = hwsim.Weight(np.ones((5, 10), int), integer(8))
    network = hwsim.Network("one", (5,), (hwsim.Dense("dense", terms=(weight,)),), input_format=integer(8))
    return hwsim.simulate(network, hwsim.Dataset(np.array(frames, np.int8)), "sparse").activity


def test_one_layer_by_hand():
    # 5 inputs are looked at in 1 + 2 cycles, 3 events are made in 3 each. A row takes 2 + 80 / 16 = 7, its lanes 3 of
    # the 5; 10 neurons take 1 + 5. The first event is pushed at 6 and served from 8, the others come while it is:
    # 8 + 3 * 7 + 6 = 35
    timing = hwsim.schedule(one_layer([1, 0, 2, 0, 3], [0, 0, 0, 0, 0]), by_hand())
    # the second frame: its token is pushed behind the first one's, at 12 + 3, and waits until 35
    assert (timing.start.tolist(), timing.done.tolist()) == ([0, 12], [35, 35 + 6])
    assert timing.busy.tolist() == [3 + 9 + 3, 21 + 6 + 6]
    assert timing.stalled.tolist() == [0, 0]
    assert timing.starved.tolist() == [41 - 15, 8]


def test_a_queue_that_is_full_holds_its_sender_up():
    # pushed at 6; then, when the one before it has been served, at 15, 24; the token at 33
    timing = hwsim.schedule(one_layer([1, 0, 2, 0, 3]), by_hand({"queue": 1}))
    assert timing.done.tolist() == [33 + 2 + 6]
    assert timing.stalled.tolist() == [33 - 12, 0]


# ------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"batch": 2}, "a stream has no batches of 2"),
        (
            {"execution": "dense", "lanes": {"dense": {"channels": 1, "inputs": 2}, "convolution": {"channels": 1}}},
            "inputs",
        ),
        ({"timing": {"queue": None}}, "queue: 8"),
        ({"timing": {"placement": [["input", "dense"]]}}, "a core of its own"),
    ],
)
def test_machines_that_stream_nothing(changes, what):
    with pytest.raises(ValueError, match=what):
        by_hand(**changes)


def refusal(*layers, shape=(2, 4, 4), **changes):
    network = hwsim.Network("small", shape, layers, input_format=integer(8))
    frames = hwsim.Dataset(np.ones((1, *shape), np.int8))
    machine = by_hand(**changes)
    run = hwsim.simulate(network, frames, machines=[machine])
    with pytest.raises(MachineError) as error:
        hwsim.schedule(run.activity, machine)
    return str(error.value)


def dense(name, n_in, n_out, **fields):
    return hwsim.Dense(name, terms=(hwsim.Weight(np.ones((n_in, n_out), int), integer(8)),), **fields)


def test_layers_that_do_not_stream():
    taps = hwsim.Weight(np.ones((3, 2, 3, 3), int), integer(8))
    assert "layer taps is no Dense layer" in refusal(hwsim.Conv2d("taps", terms=(taps,)))
    pooled = hwsim.MaxPool2d("pool", kernel=4), hwsim.Flatten("flat"), dense("dense", 2, 3)
    assert "layer pool is no Dense layer" in refusal(*pooled)
    twice = dense("one", 3, 3), dense("other", 3, 3, inputs=("input",)), hwsim.Add("sum", inputs=("one", "other"))
    assert "layer sum is no Dense layer" in refusal(*twice, shape=(3,))


def test_machines_that_do_not_stream_a_layer():
    layer, shape = dense("dense", 3, 5), (3,)
    assert "layer dense would take as long as its events are large" in refusal(
        layer, shape=shape, event_arithmetic="unary"
    )
    far = {"name": "dram", "kind": "dram", "word_length": 8, "holds": ["weights", "codes"]}
    near, sums = MACHINE["levels"]
    where = "layer dense keeps no weights beside its lanes, they come and go through"
    for levels, name in (
        ([far, sums], "dram"),
        ([far, near | {"capacity": 20}, sums], "memory"),  # bytes: of 15 weights, beside what they meet
    ):
        timing = {"levels": {each["name"]: {"bits": 16} for each in levels[:-1]}}
        assert f"{where} {name};" in refusal(layer, shape=shape, levels=levels, timing=timing)
