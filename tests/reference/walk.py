"""The walk of frames through a network."""

import math

import numpy as np

from reference.elementwise import Flatten, Quantize, Rearrange, Tensor, Trace, real_tensor, softmax
from reference.functions import carried_out
from reference.graph import INPUT, Node, kind_of, nodes_of, work_out
from reference.head import Arrival
from reference.machine import Machine
from reference.number import Number, number_of
from reference.synaptic import Synaptic
from reference.tally import Meter, Moment, Result, Stage, Tally


class Emitted:
    """What a stage has sent: codes of this frame, those last sent, and the events between them."""

    def __init__(self, tensor: Tensor):
        self.code = [tensor.number.zero] * tensor.size
        self.last = list(self.code)
        self.event = []


class Walker:
    """One run: the machine, what it remembers between frames, and what it has counted."""

    def __init__(self, nodes: list[Node], machine: Machine, threshold: dict[str, int], raw: Number):
        self.nodes, self.machine, self.threshold, self.raw = nodes, machine, threshold, raw
        # if nothing is done to it, the raw frame is itself the code buffer that the first layers read
        self.input_is_buffered = any(not isinstance(layer, Flatten | Rearrange) for layer in nodes[0].body)
        self.at_work = [node for node in nodes if not node.is_mere_wiring]
        self.steps = {node.name: carried_out(node.body, machine) for node in nodes}
        self.result = Result()
        for node in self.at_work:
            self.result.stages[node.name] = Stage()
            self.result.heads[node.name], self.result.arrivals[node.name] = node.head, []
            self.result.codes.update({layer.name: [] for layer in node.body if isinstance(layer, Quantize)})
            if isinstance(node.head, Synaptic):
                self.result.synapses.update({(node.name, k): [] for k in range(len(node.head.terms))})

    def frame(self, values, first: bool):
        """Walk one frame through the network."""
        self.n_since_start = 0 if first else self.n_since_start + 1
        loads_weights = self.n_since_start % self.machine.batch == 0  # a batch ends with its stream
        self.moment = Moment(self.machine, Tally(), first, loads_weights)
        self.result.frames.append(self.moment.tally)
        self.seen = set()  # signals that somebody has read
        self.raw_is_at_hand = True  # the network's input has been read once; that much nobody reads again
        if first:
            self.emitted = {node.name: Emitted(node.tensor) for node in self.at_work}
            self.trace = {node.name: [None] * node.tensor.size for node in self.at_work}
        for node in self.at_work:
            if node.head is None:
                self._encode(node, values)
            else:
                self._stage(node)

    # encode: all inputs, every frame

    def _encode(self, node: Node, values):
        meter, memory = self.moment.meter(INPUT, "encode"), self.moment.meter(INPUT, "memory")
        memory.read("network input", node.tensor.size * self.raw.n_bit)
        for step in self.steps[node.name] if self.moment.reads_what_is_stored else []:
            memory.read("parameters", step.n_parameter * step.parameter_bits)
        everyone = list(range(node.tensor.size))
        self.result.encoded.append(0 if self.machine.is_dense and not self.input_is_buffered else len(everyone))
        self.trace[INPUT] = [self._elementwise(node, meter, i, value) for i, value in enumerate(values)]
        self._finish(node, meter, memory, memory, everyone, everyone, everyone)

    def _elementwise(self, node: Node, meter: Meter, element: int, value) -> Trace:
        trace = Trace()
        for step in self.steps[node.name]:
            value = step.apply(meter, element, value, trace)
            element = step.place(element)
        trace.value, trace.place = value, element
        return trace

    # a stage with neurons

    def _stage(self, node: Node):
        moment, head = self.moment, node.head
        memory, meter = moment.meter(node.name, "memory"), moment.meter(node.name, "neuron")
        inside, chip = memory, meter  # what the machine does, and what its own operations stand for, if it has such
        if isinstance(head, Synaptic):
            inside, meter = moment.inner_meter(node.name, "memory"), moment.inner_meter(node.name, "neuron")
        for _ in range(head.n_pass(self.machine)):
            self._read_sources(node, memory)
        arrivals = [self._arrival(source) for source in node.inputs]
        self.result.arrivals[node.name].append([[i for i, _ in arrival.event] for arrival in arrivals])
        touched, touched_nonzero = head.deliver(moment, arrivals)
        if isinstance(head, Synaptic):
            for k, seen in enumerate(head.seen):
                self.result.synapses[node.name, k].append(seen)
        everyone = list(range(node.tensor.size))
        if moment.first:
            touched = touched_nonzero = everyone
        at_work = everyone
        if self.machine.is_delta:
            at_work = touched_nonzero if self.machine.skip_zero_weights else touched
        head.settle(moment, at_work)
        stored = [*head.parameters(), *((step.n_parameter, step.parameter_bits) for step in self.steps[node.name])]
        if isinstance(head, Synaptic):
            stored += [(head.n_channel, each.number.n_bit) for each in head.terms if each.has_own_zero_points]
        for n_parameter, n_bit in stored if moment.reads_what_is_stored else []:
            inside.read("parameters", min(len(at_work), n_parameter) * n_bit)
        for j in at_work:  # the others keep what they had
            if self.machine.whole and isinstance(head, Synaptic):
                chip.whole("neuron_update")
            self.trace[node.name][j] = self._elementwise(node, meter, j, head.number(meter, j))
        self._finish(node, meter, memory, inside, touched, touched_nonzero, at_work)

    def _read_sources(self, node: Node, memory: Meter):
        """Codes or events of every signal, each packed for itself."""
        for source in (part for parts in node.sources for part in parts):
            if self.machine.ideal and source.name in self.seen:
                continue
            self.seen.add(source.name)
            if not self.machine.is_dense:
                memory.read("events", self._bits_of(self.emitted[source.name].event, source.tensor))
            elif source.name != INPUT or self.input_is_buffered:
                memory.read("codes", source.tensor.size * source.tensor.number.n_bit)
            elif self.raw_is_at_hand:
                self.raw_is_at_hand = False
            else:
                memory.read("codes", source.tensor.size * self.raw.n_bit)

    def _arrival(self, source: Node) -> Arrival:
        """What a reader is shown of a signal, put together of its parts."""
        if source.is_mere_wiring:
            return source.head.together(self.moment, [self._arrival(part) for part in source.inputs])
        emitted = self.emitted[source.name]
        return Arrival(emitted.last if self.machine.is_delta else emitted.code, emitted.event)

    # what leaves a stage

    def _finish(self, node: Node, meter: Meter, memory: Meter, inside: Meter, touched, touched_nonzero, at_work):
        traces, stage, number = self.trace[node.name], self.result.stages[node.name], node.tensor.number
        for layer in node.body:
            if isinstance(layer, Quantize):
                self.result.codes[layer.name].append([code for _, code in sorted(t.code[layer.name] for t in traces)])
        stage.touched.append(len(touched))
        stage.touched_nonzero.append(len(touched_nonzero))
        stage.saturated.append(sum(trace.n_saturated for trace in traces))
        recomputed = touched if self.machine.is_delta else range(len(traces))
        stage.saturated_touched.append(sum(traces[j].n_saturated for j in recomputed))
        code = [trace.value for trace in sorted(traces, key=lambda trace: trace.place)]
        if node.is_last:
            memory.write("network output", len(at_work) * number.n_bit)
            made = softmax(code, node.tensor, node.softmax == "LogSoftmax") if node.softmax else code
            self.result.outputs.append(made)
            return
        emitted = self.emitted[node.name]
        emitted.code = code
        self._emit(meter, memory, inside, emitted, sorted(traces[j].place for j in at_work), node)
        if self.machine.is_dense and (node.name != INPUT or self.input_is_buffered):
            memory.write("codes", node.tensor.size * number.n_bit)
        stage.emitted.append(len(emitted.event))

    def _emit(self, meter: Meter, memory: Meter, inside: Meter, emitted: Emitted, candidates, node: Node):
        """Work out the events for whoever reads; under delta only the candidates can have changed."""
        tensor, threshold = node.tensor, self.threshold.get(node.name, 1)
        operand, n_bit = tensor.number.operand, tensor.number.n_bit
        if self.machine.is_delta:
            emitted.event = []
            inside.read("last codes", len(candidates) * n_bit)
            for i in candidates:
                difference = meter.add(emitted.code[i], -emitted.last[i], operand)
                if self._is_sent(meter, difference, threshold, operand):
                    emitted.event.append((i, difference))
                    # what was not sent stays, as the distance from the code last sent
                    emitted.last[i] = emitted.code[i]
            inside.write("last codes", len(emitted.event) * n_bit)
        else:
            emitted.event = [
                (i, s)
                for i, s in enumerate(emitted.code)
                if self.machine.is_dense or meter.differs(s, type(s)(0), operand)
            ]
        value = tensor.number.difference if self.machine.is_delta else tensor.number
        for real in self._real_weights_behind(node) if value.kind == "integer" and not value.is_flag else []:
            for _, s in emitted.event:
                meter.convert(s, value.operand, real.operand)
        if not self.machine.is_dense:
            memory.write("events", self._bits_of(emitted.event, tensor))

    def _real_weights_behind(self, node: Node) -> list[Number]:
        """Formats of the real weights that the codes of a stage meet, one for each time that a layer reads them."""
        if self.machine.whole:
            return []
        readers = [each for each in self.at_work if isinstance(each.head, Synaptic)]
        times = [each for each in readers for parts in each.sources for part in parts if part is node]
        return [each.head.terms[0].number for each in times if each.head.terms[0].number.is_real]

    def _is_sent(self, meter: Meter, difference, threshold: int, operand: str) -> bool:
        if threshold == 1:
            return meter.differs(difference, type(difference)(0), operand)
        up = meter.reaches(difference, threshold, operand)
        down = meter.reaches(-threshold, difference, operand)  # always: hardware does not wait for the other
        return up or down

    def _bits_of(self, events, tensor: Tensor) -> int:
        """Values, and where they belong: an index with each, or a bit for every code."""
        value = tensor.number.difference if self.machine.is_delta else tensor.number
        if self.machine.bitmap:
            return sum(1 for _ in range(tensor.size)) + sum(value.n_bit for _ in events)
        return sum(value.n_bit + (tensor.size - 1).bit_length() for _ in events)


def run(
    network,
    frames,
    machine: Machine | None = None,
    threshold: int | dict[str, int] = 1,
    data_step: float = 1.0,
    raw_bits: int | None = None,
    stream_start=(0,),
) -> Result:
    """Run a network over frames on a machine.

    Parameters
    ----------
    network
        Anything with the attributes of a Network: input_shape, input_format, input_step, layers.
    frames : (n_frame, *input_shape)
        Codes if of integer dtype, else real values.
    machine : Machine
        Whose execution it is and what is counted; default: a dense multiplying one.
    threshold : int or dict
        Delta: a difference is sent when its magnitude reaches it; of every stage, or by its name.
    data_step : float
        Real value of one code, for a network that takes real numbers.
    raw_bits : int
        Width of a number of the raw frame; default: the network's, if it takes codes, else that of the dtype
        (real numbers: 32).
    stream_start : sequence of int
        Frames at which state is forgotten.
    """
    machine = machine or Machine()
    frames = np.asarray(frames)
    shape = tuple(int(n) for n in network.input_shape)
    size = math.prod(shape)
    declared = number_of(network.input_format)
    is_code = frames.dtype.kind in "iub"
    assert is_code or declared.is_real, "a network that takes codes cannot take real values"
    nodes = nodes_of(network)
    if not declared.is_real:
        raw = declared if raw_bits is None else declared._replace(n_bit=raw_bits)
        bound = max(map(abs, declared.range))
        tensor = Tensor(declared, shape, [float(network.input_step)] * size, bound=bound)
    elif is_code:
        raw = Number("integer", raw_bits or 8 * frames.dtype.itemsize, frames.dtype.kind == "i")
        tensor = real_tensor(shape, declared)
        leading = [layer for layer in nodes[0].fused if kind_of(layer) not in ("Flatten", "Rearrange")]
        if leading and kind_of(leading[0]) in ("Quantize", "Sign", "MultiThreshold"):  # reads the codes themselves
            tensor = Tensor(raw, shape, [float(data_step)] * size, bound=max(map(abs, raw.range)))
    else:
        raw = declared if raw_bits is None else declared._replace(n_bit=raw_bits)
        tensor = real_tensor(shape, declared)
    work_out(nodes, tensor)
    by_name = dict.fromkeys((node.name for node in nodes), threshold) if isinstance(threshold, int) else threshold
    walker = Walker(nodes, machine, by_name, raw)
    for f in range(len(frames)):
        element = frames[f].reshape(-1)
        if not tensor.number.is_real:
            values = [int(code) for code in element]
        elif is_code:
            values = [np.float32(int(code) * data_step) for code in element]
        else:
            values = [np.float32(value) for value in element]
        walker.frame(values, f == 0 or f in stream_start)
    return walker.result
