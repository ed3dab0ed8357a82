"""Networks of Dense layers at random, whose events join and are read by several, and machines that stream them."""

from dataclasses import dataclass

import numpy as np
import reference
from hypothesis import strategies as st
from reference.queues import Core, Machine, Queue

import hwsim
from hwsim.network.number_format import integer

STEP = 8  # of every signal; that of weights makes up for it
WEIGHT_BITS = 3
EXECUTIONS = "dense", "sparse", "delta"


@dataclass(frozen=True)
class Layer:
    """A Dense layer: the signals that it reads, side by side, each as the name of the layer that sends it."""

    name: str
    reads: tuple[str, ...]
    n_neuron: int
    n_term: int


@dataclass(frozen=True)
class Work:
    """What is run."""

    n_in: int
    is_quantized: bool  # whether the input is, first
    layers: tuple[Layer, ...]
    network: hwsim.Network
    data: hwsim.Dataset

    def __repr__(self):
        frames = self.data.inputs.tolist(), self.data.stream_start.tolist()
        return f"Work({self.n_in}, {self.is_quantized}, {self.layers}, {frames})"

    @property
    def names(self):
        return ["input", *(layer.name for layer in self.layers)]

    @property
    def sizes(self):
        return {"input": self.n_in, **{layer.name: layer.n_neuron for layer in self.layers}}

    def sent(self, execution):
        """By layer: of each frame, the neurons with an event, worked out from the codes that the reference makes."""
        codes = self._reference(execution).codes
        by_layer = {name: codes[f"{name}-codes"] for name in self.names[1:-1]}
        by_layer["input"] = codes["input-codes"] if self.is_quantized else self.data.inputs.tolist()
        return {name: [self._events(execution, each, t) for t in range(len(each))] for name, each in by_layer.items()}

    def touched(self, execution):
        """By layer: of each frame, neurons brought up to date."""
        stages = self._reference(execution).stages
        if execution == "delta":
            return {layer.name: stages[layer.name].touched for layer in self.layers}
        return {layer.name: [layer.n_neuron] * len(self.data) for layer in self.layers}

    def _events(self, execution, codes, t):
        if execution == "dense":
            return list(range(len(codes[t])))
        is_start = t in self.data.stream_start
        before = codes[t - 1] if execution == "delta" and not is_start else [0] * len(codes[t])
        return [k for k, (now, then) in enumerate(zip(codes[t], before, strict=True)) if now != then]

    def _reference(self, execution):
        starts = self.data.stream_start[:-1].tolist()
        return reference.run(self.network, self.data.inputs, reference.Machine(execution), stream_start=starts)


@st.composite
def works(draw):
    n_in, generator = draw(st.integers(1, 12)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes, layers = {"input": n_in}, []
    for k in range(draw(st.integers(1, 5))):
        reads = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3))
        layers.append(Layer(f"layer{k}", tuple(reads), draw(st.integers(1, 9)), draw(st.sampled_from((1, 1, 2)))))
        sizes[layers[-1].name] = layers[-1].n_neuron
    unread = sorted(set(sizes) - {name for layer in layers for name in layer.reads})
    layers.append(Layer("last", tuple(unread), draw(st.integers(1, 5)), 1))
    is_quantized, n_frame = draw(st.booleans()), draw(st.integers(1, 5))
    frames = generator.integers(-8, 8, (n_frame, n_in)) * (generator.random((n_frame, n_in)) < draw(st.floats(0, 1)))
    for t in range(1, n_frame):
        frames[t] = np.where(generator.random(n_in) < 0.5, frames[t - 1], frames[t])
    starts = np.unique([0, draw(st.integers(0, n_frame - 1)), n_frame])
    data = hwsim.Dataset(frames.astype(np.int8), step=float(STEP), stream_start=starts)
    return Work(n_in, is_quantized, tuple(layers), network_of(n_in, is_quantized, layers, sizes, generator), data)


def network_of(n_in, is_quantized, layers, sizes, generator):
    """Each Dense layer and, but for the last one, what makes codes of its sums."""

    def quantized(name, scale):
        return hwsim.Quantize(f"{name}-codes", inputs=(name,), scale=scale, bit_width=4)

    found = [quantized("input", 1 / STEP)] if is_quantized else []
    of = {name: f"{name}-codes" for name in sizes} | ({} if is_quantized else {"input": "input"})
    for layer in layers:
        reads = of[layer.reads[0]]
        if len(layer.reads) > 1:
            reads = f"{layer.name}-reads"
            found.append(hwsim.Concat(reads, inputs=tuple(of[name] for name in layer.reads)))
        shape = sum(sizes[name] for name in layer.reads), layer.n_neuron
        terms = tuple(
            hwsim.Weight(generator.integers(-2, 3, shape), integer(WEIGHT_BITS), scale=2.0**-k / STEP)
            for k in range(layer.n_term)
        )
        found.append(hwsim.Dense(layer.name, inputs=(reads,), terms=terms))
        if layer.name != "last":
            found.append(quantized(layer.name, 1 / STEP))
    return hwsim.Network("random", (n_in,), tuple(found), input_format=integer(4), input_step=float(STEP))


# ------------------------------------------------------------------------------------------------------- machines


@st.composite
def fields(draw, execution):
    """What the file of a machine says whose cores keep their weights, and whose sums are all at hand."""
    return {
        "schema": 1,
        "name": "random",
        "description": "cores and queues",
        "execution": execution,
        "event_arithmetic": "multiply",
        "lanes": {"dense": {"channels": draw(st.integers(1, 5))}, "convolution": {"channels": 1}},
        "levels": [
            {"name": "memory", "kind": "sram", "capacity": 100_000, "word_length": draw(st.sampled_from((4, 8, 32)))}
            | {"holds": ["weights", "codes"] + ["state"] * (execution == "delta")},
            {"name": "sums", "kind": "registers", "holds": ["sums"]},
        ],
        "timing": {
            "clock": 1e6,
            "levels": {"memory": {"bits": draw(st.sampled_from((4, 8, 64)))}},
            "neuron_lanes": draw(st.integers(1, 4)),
            "encode_lanes": draw(st.integers(1, 4)),
            "cycles": {
                "multiply": draw(st.integers(1, 4)),
                "event": draw(st.integers(0, 4)),
                "neuron": draw(st.integers(1, 9)),
                "layer": draw(st.sampled_from((0, 0, 7))),
            },
            "schedule": "stream",
            "queue": draw(st.sampled_from((1, 2, 3, 5, 64, 2**31 - 1))),
            "latency": draw(st.integers(0, 3)),
        },
    }


def stepped(work, fields, tables=None):
    """The same network on the machine of single cycles: until when, and its cores by (layer, which of its cores).

    Layers lie on as many cores as their tables have columns, neurons in turn.
    """
    timing, execution = fields["timing"], fields["execution"]
    tables = tables or {layer.name: rows_take(work, layer, fields) for layer in work.layers}
    sent, prepares = work.sent(execution), prepared(work, fields)
    n_core = {name: len(tables[name][0]) if name in tables else 1 for name in work.names}
    places = [(name, k) for name in work.names for k in range(n_core[name])]
    reads = {layer.name: layer.reads for layer in work.layers} | {"input": ()}
    queues = {
        (sender, reader): Queue(timing["queue"])
        for sender in places
        for reader in places
        if sender[0] in reads[reader[0]]
    }
    cores = {}
    for place in places:
        name, k = place
        inputs = [
            (queue, services(work, reads[name], sender[0], [row[k] for row in tables[name]]))
            for (sender, reader), queue in queues.items()
            if reader == place
        ]
        outputs = [queue for (sender, _), queue in queues.items() if sender == place]
        frames = sent.get(name, [[] for _ in prepares[name]])
        sends = [[neuron for neuron in frame if neuron % n_core[name] == k] for frame in frames]
        cores[place] = Core(inputs, outputs, prepares[name], sends)
    machine = Machine(list(cores.values()), timing["cycles"]["neuron"], timing["latency"], len(work.data))
    return machine.run(), cores


def prepared(work, fields):
    """By layer: cycles in which a core looks at each frame, or brings neurons up to date."""
    timing, execution = fields["timing"], fields["execution"]
    is_looked_at = execution != "dense" or work.is_quantized  # else frames serve as the codes that layers read
    looks = up(work.n_in, timing["encode_lanes"]) if is_looked_at else 0
    found = {"input": [looks] * len(work.data)}
    for name, touched in work.touched(execution).items():
        found[name] = [up(n, timing["neuron_lanes"]) for n in touched]
    return {name: [timing["cycles"]["layer"] + each for each in cycles] for name, cycles in found.items()}


def services(work, reads, sender, table):
    """Cycles for the event of each neuron of a sender: of all rows of a table that it delivers."""
    found, row = [0] * work.sizes[sender], 0
    for name in reads:
        for neuron in range(work.sizes[name]):
            if name == sender:
                found[neuron] += table[row]
            row += 1
    return found


def rows_take(work, layer, fields):
    """Cycles of each row of a layer on one core."""
    cycles, memory = fields["timing"]["cycles"], fields["levels"][0]["word_length"]
    lanes = up(layer.n_neuron, fields["lanes"]["dense"]["channels"]) * cycles["multiply"]
    port = up(up(layer.n_neuron * WEIGHT_BITS, memory) * memory, fields["timing"]["levels"]["memory"]["bits"])
    slower = port if port > lanes else lanes
    return [[layer.n_term * (cycles["event"] + slower)]] * sum(work.sizes[name] for name in layer.reads)


def up(number, by):
    """Divided, and rounded up."""
    return -(-number // by)
