"""Cycles of lanes on which large events take longer, against lists of events, on random layers and machines."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from levelled import fields, is_dense, machine_of, works
from number_of_examples import examples
from reference.lane_groups import cycles_of_event, groups_of

import hwsim
from hwsim.errors import MachineError
from hwsim.timing.lanes import lane_work
from hwsim.traffic.meetings import Batches
from hwsim.traffic.plan import plan

ARITHMETIC = "unary", "shift-add", {"unary_up_to": 1}, {"unary_up_to": 3}, {"unary_up_to": 40}
ROWS = {"rows": 1}, {"rows": 2}, {"rows": 3}
PORT_BITS = 24


@dataclass(frozen=True)
class Case:
    """A layer at work, the machine it is timed on, and how the run is cut into blocks and threads."""

    layer: object
    network: hwsim.Network
    data: hwsim.Dataset
    machine: hwsim.Machine
    execution: hwsim.Execution
    options: dict

    @property
    def first(self):
        """The layer with weights, and where it is cut."""
        planned = plan(self.run().activity, self.machine).layers["first"]
        return planned, planned.tiling.rows or self.layer.out[0]

    def run(self):
        try:
            return hwsim.simulate(self.network, self.data, self.execution, machines=[self.machine], **self.options)
        except MachineError as error:  # the sums of one row do not fit
            if "sums of" in str(error):
                reject()
            raise

    def groups(self, frame, rows):
        lanes = self.machine.lanes.dense if is_dense(self.layer) else self.machine.lanes.convolution
        return groups_of(self.layer, events_of(self)[frame], rows, lanes.positions)

    def cycles(self, group, weight):
        """What the costliest event of a group takes; a weight that is a sign is added or taken off."""
        if weight == "ternary":
            return 1
        multiply = self.machine.timing.cycles.multiply
        return max(cycles_of_event(value, self.arithmetic, multiply) for value in group)

    @property
    def arithmetic(self):
        said = self.machine.event_arithmetic
        return said if isinstance(said, str) else {"unary_up_to": said.unary_up_to}


def events_of(case):
    """By frame: (channel, y, x) and value, of codes that are not zero, or have changed by enough."""
    codes = case.data.inputs.astype(int).reshape(len(case.data), case.layer.channels, *case.layer.image)
    sent, found = np.zeros_like(codes[0]), []
    for k, frame in enumerate(codes):
        if case.execution.kind == "sparse" or k in case.data.stream_start.tolist():
            sent = np.zeros_like(frame)
        change = frame - sent
        change[abs(change) < case.execution.threshold] = 0
        sent = sent + change
        found.append({place: int(change[place]) for place in zip(*np.nonzero(change), strict=True)})
    return found


@st.composite
def cases(draw, kind, overlap="layer"):
    work = draw(works(largest_last=3))
    said = draw(fields(kind)) | {"batch": 1, "event_arithmetic": draw(st.sampled_from(ARITHMETIC))}
    if overlap == "event":
        sizes = {"channels": said["lanes"]["dense"]["channels"]}
        said["lanes"] = {"dense": sizes, "convolution": sizes}
    if draw(st.booleans()):
        said |= {
            "order": "code-stationary",
            "tile": {"channels": draw(st.integers(1, 6))} | draw(st.sampled_from(ROWS)),
        }
    ports = {level["name"]: {"bits": PORT_BITS, "ports": 1} for level in said["levels"] if level["kind"] != "registers"}
    cycles = {"multiply": draw(st.sampled_from((1, 2, 5))), "event": draw(st.integers(0, 2))}
    said["timing"] = {"clock": 1e9, "cycles": cycles, "levels": ports, "overlap": overlap, "neuron_lanes": 1,
                      "encode_lanes": 1}  # fmt: skip
    signs = np.random.default_rng(draw(st.integers(0, 99))).choice((-1, 1), work.data.inputs.shape)
    sizes = draw(st.sampled_from((127, 7, 2, 1)))
    codes = (np.minimum(work.data.inputs, sizes) * signs).astype(np.int8)
    threshold = draw(st.sampled_from((1, 1, 2, 9))) if kind == "delta" else 1
    options = {"threads": draw(st.integers(1, 2)), "block": draw(st.integers(1, 3))}
    data = hwsim.Dataset(codes, stream_start=work.data.stream_start)
    return Case(work.layer, work.network, data, machine_of(said), hwsim.Execution(kind, threshold), options)


@pytest.mark.parametrize("kind", ["sparse", "delta"])
@examples(400)
@given(data=st.data())
def test_lanes_take_as_long_as_the_costliest_event_of_each_group(kind, data):
    case = data.draw(cases(kind))
    timing = hwsim.schedule(case.run().activity, case.machine)
    (planned, rows), weights = case.first, [term.format.kind for term in case.network.layers[0].terms]
    for frame in range(len(case.data)):
        groups = case.groups(frame, rows)
        taken = sum(n_pass(case, planned) * case.cycles(group, kind) for group in groups for kind in weights)
        assert timing.layers[1].resources["lanes"][frame] == taken


def n_pass(case, planned):
    lanes = planned.loops.lanes.channels
    if case.layer.depthwise:
        return -(-len(case.layer.taps) // lanes)
    return sum(-(-tile // lanes) for tile in tiles(case, planned))


def tiles(case, planned):
    """Output channels of a group of the layer, in parts."""
    left, found = case.layer.outputs, []
    while left:
        found.append(min(left, planned.tiling.channels))
        left -= found[-1]
    return found


# ------------------------------------------------------------------------------------------------ row after row


@pytest.mark.parametrize("kind", ["sparse", "delta"])
@examples(200)
@given(data=st.data())
def test_a_row_that_waits_for_its_port_takes_as_long_as_the_slower_of_both(kind, data):
    case = data.draw(cases(kind, overlap="event"))
    run = case.run()
    (planned, rows), terms = case.first, case.network.layers[0].terms
    found = lane_work(run.activity, run.activity.layers[1], case.machine, plan(run.activity, case.machine),
                      Batches(run.activity.first, 1)).in_rows  # fmt: skip
    near = [kept.level for kept in planned.weights if kept.stay >= 0][-1]
    for frame in range(len(case.data)):
        taken = 0
        for group in case.groups(frame, rows):
            for term in terms:
                for n_weight in [len(case.layer.taps)] if case.layer.depthwise else tiles(case, planned):
                    words = -(-n_weight * term.format.bit_width // near.word_length)
                    port = -(-words * near.word_length // PORT_BITS)
                    lanes = -(-n_weight // planned.loops.lanes.channels) * case.cycles(group, term.format.kind)
                    taken += case.machine.timing.cycles.event + max(lanes, port)
        assert found[frame] == taken
