"""What time can never be, on random networks and machines: below what lanes and ports allow, more for more of them."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from levelled import EXECUTIONS, fields, machine_of, works
from number_of_examples import examples

import hwsim
from hwsim.errors import MachineError
from hwsim.network.number_format import integer

SCHEDULES = "sequential", "pipelined", "barrier"


@st.composite
def clocks(draw, levels):
    """A `timing` for levels; those that do not count are left as they are."""
    moving = [level["name"] for level in levels if level["kind"] != "registers"]
    ports = st.fixed_dictionaries({"bits": st.sampled_from((1, 7, 64, 500)), "ports": st.sampled_from((1, "1r1w"))})
    return {
        "clock": 1e9,
        "neuron_lanes": draw(st.integers(1, 9)),
        "encode_lanes": draw(st.integers(1, 9)),
        "cycles": {
            "multiply": draw(st.integers(1, 3)),
            "event": draw(st.integers(0, 3)),
            "layer": draw(st.integers(0, 3)),
        },
        "levels": {name: draw(ports) for name in moving},
    }


@st.composite
def machines(draw, **changes):
    """What the file of a machine with a clock says."""
    document = draw(fields(draw(st.sampled_from(EXECUTIONS)))) | changes
    return document | {"timing": draw(clocks(document["levels"]))}


def run_of(work, document):
    """The run of the work, told of a machine; what has no room on it is no example."""
    own = machine_of(document)
    try:
        return hwsim.simulate(work.network, work.data, machines=[own], per_frame=True), own
    except MachineError:
        assume(False)
        raise


def with_timing(document, **changes):
    return document | {"timing": document["timing"] | changes}


def with_lanes(document, changed):
    sizes = document["lanes"]["dense"] | changed
    return document | {"lanes": {"dense": sizes, "convolution": sizes}}


def totals(timing):
    """(n_layer, n_step)"""
    return np.array([layer.total for layer in timing.layers])


# ------------------------------------------------------------------------------------------------------------- bounds


@examples(80)
@given(work=works(), document=machines())
def test_no_layer_is_done_before_its_lanes_and_its_ports_can_be(work, document):
    run, own = run_of(work, document)
    timing, counts = hwsim.schedule(run.activity, own), hwsim.count(run.activity, own)
    bits = {}
    for key, number in counts.entries.items():
        if key.operation.memory:
            place = key.layer, key.operation.memory, key.operation.kind.rpartition("_")[2]
            bits[place] = bits.get(place, 0) + int(number.sum()) * key.operation.word_length
    assert bits
    n_step = len(timing.n_frame)
    for layer, seen in zip(timing.layers, run.activity.layers, strict=True):
        took = int(layer.total.sum())
        is_product = all(each.weight_format.kind == "integer" for each in seen.connections)  # not an addition
        assert took * layer.n_lane >= int(layer.operations.sum()) * (own.timing.cycles.multiply if is_product else 1)
        for name, port in own.timing.levels.items():
            read, written = (bits.get((layer.name, name, way), 0) for way in ("read", "write"))
            passed = max(read, written) if port.ports == "1r1w" else read + written
            resource = int(layer.resources[name].sum())
            assert took >= resource
            # whole cycles: of each step less than one may be lost, and by 1r1w which way is the larger one may change
            assert passed <= resource * port.bits
            if port.ports == 1:
                assert resource * port.bits < passed + n_step * port.bits
    assert timing.makespan >= max(int(layer.total.sum()) for layer in timing.layers)


@examples(80)
@given(work=works(), document=machines())
def test_what_goes_on_at_once_takes_no_longer_than_one_thing_after_the_other(work, document):
    run, own = run_of(work, document)
    layer, none = (
        totals(hwsim.schedule(run.activity, machine_of(with_timing(document, overlap=overlap))))
        for overlap in ("layer", "none")
    )
    fixed = own.timing.cycles.layer
    resources = [np.stack(list(each.resources.values())) for each in hwsim.schedule(run.activity, own).layers]
    assert (layer == [each.max(axis=0) + fixed for each in resources]).all()
    assert (none == [each.sum(axis=0) + fixed for each in resources]).all()
    assert (layer <= none).all()


@examples(80)
@given(work=works(), document=machines(), channels=st.integers(1, 4))
def test_a_sum_of_the_largest_is_at_least_the_largest_sum(work, document, channels):
    document |= {"lanes": {"dense": {"channels": channels}, "convolution": {"channels": channels}}}
    run, own = run_of(work, document)
    events = hwsim.schedule(run.activity, machine_of(with_timing(document, overlap="event")))
    at_once = hwsim.schedule(run.activity, own)
    assert (totals(events) >= totals(at_once)).all()
    assert events.makespan >= at_once.makespan


@examples(60)
@given(work=works(), document=machines())
def test_more_lanes_on_the_same_tiles_never_take_longer(work, document):
    assume("tile" in document)
    run, own = run_of(work, document)
    before = hwsim.schedule(run.activity, own)
    for lane in ("channels", "positions"):
        more = with_lanes(document, {lane: document["lanes"]["dense"][lane] + 1})
        again, own = run_of(work, more)
        after = hwsim.schedule(again.activity, own)
        assert (totals(after) <= totals(before)).all()
        for layer, faster in zip(before.layers, after.layers, strict=True):
            assert (faster.resources["lanes"] <= layer.resources["lanes"]).all()


@examples(60)
@given(
    work=works(), document=machines(), schedule=st.sampled_from(SCHEDULES), overlap=st.sampled_from(("layer", "none"))
)
def test_wider_ports_never_take_longer(work, document, schedule, overlap):
    document = with_timing(document, schedule=schedule, overlap=overlap)
    run, own = run_of(work, document)
    before = hwsim.schedule(run.activity, own)
    for name, port in document["timing"]["levels"].items():
        wider = document["timing"]["levels"] | {name: port | {"bits": port["bits"] + 5}}
        after = hwsim.schedule(run.activity, machine_of(with_timing(document, levels=wider)))
        assert (after.done <= before.done).all()
        assert after.makespan <= before.makespan
        both = document["timing"]["levels"] | {name: port | {"ports": "1r1w"}}
        after = hwsim.schedule(run.activity, machine_of(with_timing(document, levels=both)))
        assert (totals(after) <= totals(before)).all()


@examples(60)
@given(work=works(), document=machines())
def test_schedules_stand_in_order(work, document):
    run, own = run_of(work, document)
    sequential = hwsim.schedule(run.activity, own)
    pipelined, barrier = (
        hwsim.schedule(run.activity, machine_of(with_timing(document, schedule=schedule)))
        for schedule in ("pipelined", "barrier")
    )
    by_layer = totals(sequential).sum(axis=1)
    assert sequential.makespan == by_layer.sum()
    assert by_layer.max() <= barrier.makespan <= by_layer.sum()
    # all that leaves the chip goes by one port
    far = sum(layer.resources["dram"] for layer in pipelined.layers).sum()
    assert max(by_layer.max(), far) <= pipelined.makespan
    for timing in (sequential, pipelined, barrier):
        assert (timing.latencies >= 0).all()
        assert (np.diff(timing.done) >= 0).all()
        assert timing.busy.sum() == by_layer.sum()
        assert (timing.busy <= timing.makespan).all()


@pytest.mark.parametrize("ports", [1, "1r1w"])
def test_where_everything_divides_the_bound_is_met(ports):
    # Dense 8 to 16 on 16 lanes, dense: 8 rows of 128 bits, and 16 outputs of 32 bits in words of 128
    document = {
        "schema": 1,
        "name": "own",
        "description": "mine",
        "execution": "dense",
        "event_arithmetic": "multiply",
        "lanes": {"dense": {"channels": 16}, "convolution": {"channels": 16}},
        "levels": [
            {"name": "memory", "kind": "sram", "capacity": 4096, "word_length": 128, "holds": ["weights", "codes"]},
            {"name": "sums", "kind": "registers", "holds": ["sums"]},
        ],
        "timing": {
            "clock": 1e9,
            "neuron_lanes": 16,
            "encode_lanes": 8,
            "levels": {"memory": {"bits": 128, "ports": ports}},
        },
    }
    weight = hwsim.Weight(np.ones((8, 16), int), integer(8))
    layer = hwsim.Dense("layer", terms=(weight,), accumulator=32)
    network = hwsim.Network("divides", (8,), (layer,), input_format=integer(8))
    own = machine_of(document)
    timing = hwsim.schedule(hwsim.simulate(network, np.ones((3, 8), np.int8), machines=[own]).activity, own)
    frame, found = timing.layers
    assert found.resources["lanes"].tolist() == [8] * 3  # 128 operations on 16 lanes
    rows, outputs = 8, 4  # words
    moved = max(rows, outputs) if ports == "1r1w" else rows + outputs
    assert found.resources["memory"].tolist() == found.total.tolist() == [moved] * 3
    assert frame.resources["memory"].tolist() == [1] * 3  # the 8 codes arrive in a word, where they are read
