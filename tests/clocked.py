"""Hypothesis strategies for machines with a clock, and what the machine of single cycles makes of the same work."""

from collections import Counter

import reference
from hypothesis import strategies as st
from levelled import WAYS, fields
from reference.clock import Load, Parts, Port, Row
from reference.delivering import Cut, deliveries, taken_in
from reference.levels import cut_batches
from reference.mover import words_in
from reference.synaptic import Conv2d, Synaptic

import hwsim
from hwsim.machine import Machine
from hwsim.traffic.plan import plan

ROM = {"name": "rom", "kind": "sram", "holds": ["weights"], "capacity": 100000, "word_length": 32}
STORE = {"name": "store", "kind": "sram", "holds": ["sums"], "access": "per-row", "capacity": 100000}


@st.composite
def timed_fields(draw, execution, overlap):
    """What the file of a machine with a clock says, but for how layers follow each other."""
    drawn = draw(fields(execution))
    if overlap == "event":
        one = {"channels": draw(st.integers(1, 4))}
        drawn["lanes"] = {"dense": one, "convolution": one}
    if draw(st.integers(1, 3)) == 3:  # sums row by row, in a level of their own
        drawn["levels"] = [*drawn["levels"][:-1], STORE | {"word_length": draw(st.sampled_from((32, 8, 50)))}]
    if draw(st.integers(1, 4)) == 4:  # weights that have always been on the chip, and are named first
        far, *near = drawn["levels"]
        drawn["levels"] = [ROM, far | {"holds": ["codes", "state"]}, *near]
    moving = [level["name"] for level in drawn["levels"] if level["kind"] != "registers"]
    cycles = {"event": draw(st.integers(0, 3)), "layer": draw(st.integers(0, 3))}
    timing = {"clock": 1e9, "levels": {name: draw(ports()) for name in moving}, "cycles": cycles, "overlap": overlap}
    lanes = {name: draw(st.integers(1, 5)) for name in ("neuron_lanes", "encode_lanes")}
    return drawn | {"skip_zero_weights": draw(st.booleans()), "timing": timing | lanes}


@st.composite
def ports(draw):
    return {"bits": draw(st.sampled_from((64, 8, 20, 128, 256))), "ports": draw(st.sampled_from((1, "1r1w")))}


@st.composite
def placements(draw, n_layer):
    """A core for each layer, or layers dealt to cores; the layers of a core in their order."""
    at = [draw(st.integers(0, 2)) for _ in range(n_layer)] if draw(st.booleans()) else range(n_layer)
    return [[k for k in range(n_layer) if at[k] == core] for core in sorted(set(at))]


# ------------------------------------------------------------------------------------- for the machine of single cycles


def parts_of(machine: Machine, lane_channels: int) -> Parts:
    """What the file says, in the words of the reference; levels from near to far, what is off the chip last."""
    timing = machine.timing
    moving = [level for level in machine.levels[::-1] if level.kind != "registers"]
    levels = [
        *(level for level in moving if level.kind == "sram"),
        *(level for level in moving if level.kind == "dram"),
    ]
    ports = {}
    for level in levels:
        port = timing.levels[level.name]
        ports[level.name] = Port(port.bits, port.ports == 1, level.word_length)
    return Parts(
        lane_channels,
        ports,
        timing.neuron_lanes,
        timing.encode_lanes,
        timing.overlap,
        timing.cycles.event,
        timing.cycles.layer,
    )


class Loads:
    """What every layer of a run has to do, from what the scalar reference has seen of it.

    The words that pass a port are those that are counted, which are held against the mover of single words elsewhere.
    """

    def __init__(self, network, frames, starts, machine: Machine, activity):
        self.machine, self.starts = machine, starts
        self.is_delta = machine.execution == "delta"
        scalar = reference.Machine(machine.execution, skip_zero_weights=machine.skip_zero_weights)
        self.seen = reference.run(network, frames, scalar, stream_start=starts)
        self.planned, self.words = plan(activity, machine), Counter()
        for key, number in hwsim.count(activity, machine).entries.items():
            what = key.operation
            if what.memory in machine.timing.levels and what.kind in WAYS:
                for frame, each in enumerate(number.tolist()):
                    self.words[key.layer, frame, what.memory, WAYS[what.kind]] += each

    def of(self, name: str, step: list[int]) -> Load:
        """A layer's, for frames that are worked on together."""
        head, load = self.seen.heads[name], Load()
        for (layer, frame, *where), number in self.words.items():
            if layer == name and frame in step:
                load.words[tuple(where)] += number
        if head is None:
            load.n_encoded = sum(self.seen.encoded[frame] for frame in step)
            return load
        stage, arrivals = self.seen.stages[name], self.seen.arrivals[name]
        at_work = stage.touched_nonzero if self.machine.skip_zero_weights else stage.touched
        # only those that keep their sums can be left alone
        load.n_updated = sum(at_work[frame] if self.is_delta else head.tensor.size for frame in step)
        load.n_taken_in = sum(taken_in(head, arrivals[f], self.is_delta, f in self.starts) for f in step)
        if isinstance(head, Synaptic):
            load.rows = list(self._rows(name, head, [arrivals[frame][0] for frame in step]))
        return load

    def operations(self, name: str, step: list[int]) -> int:
        """Of lanes, one for each event and synapse."""
        terms = [each for (layer, _), each in self.seen.synapses.items() if layer == name]
        return sum(term[frame].by_magnitude.total() for term in terms for frame in step)

    def lanes(self, name: str):
        """Those that a layer uses."""
        lanes = self.machine.lanes
        return lanes.convolution if isinstance(self.seen.heads[name], Conv2d) else lanes.dense

    def _rows(self, name: str, head: Synaptic, batch: list[list[int]]):
        """Of one weight term after the other."""
        planned, lanes = self.planned.layers[name], self.lanes(name)
        tiling = planned.tiling
        cut = Cut(tiling.channels, tiling.rows, tiling.frames, lanes.positions, lanes.frames, lanes.inputs)
        near = [kept.level for kept in planned.weights if kept.stay != -1][-1]
        for term in head.terms:
            for n_weight in deliveries(head, batch, cut):
                row = Row(n_weight)
                row.words[near.name, "read"] += words_in(n_weight * term.number.n_bit, near.word_length)
                if self.machine.keeps_sums_in_state:
                    sums = self.machine.holding("sums")[-1]
                    for way in ("read", "write"):
                        row.words[sums.name, way] += words_in(n_weight * term.sum.n_bit, sums.word_length)
                yield row


def steps_of(n_frame: int, starts, batch: int) -> list[list[int]]:
    """Frames that are worked on together."""
    return [[frame.number for frame in some] for some in cut_batches([[]] * n_frame, batch, starts)]
