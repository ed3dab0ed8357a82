"""Cores joined by queues of events: each works on what has come, and waits where nothing has or nothing more fits."""

from dataclasses import replace

import numpy as np

from hwsim.activity import LayerActivity
from hwsim.errors import MachineError
from hwsim.kernels.queues import pass_on
from hwsim.timing.cores import row_costs
from hwsim.timing.lanes import row_cycles, row_ports
from hwsim.timing.schedules.routing import Routing
from hwsim.timing.schedules.schedule import IntArray, Schedule, Times, core_names
from hwsim.timing.work import ENCODE, LANES, NEURON, LayerWork, Work
from hwsim.traffic.loops import Stay
from hwsim.traffic.plan import plan
from hwsim.traffic.staying import PASSED_BY


class Stream(Schedule):
    """A core for the input, one or with ``split`` several for each Dense layer; events go between them, one at a time.

    A core does the same in every frame. First it *serves* the events that it gets, from one sender after the other, in
    the order of layers: all events of the frame from one, then those from the next. A row takes ``cycles.event`` and
    what the slowest of the lanes and of the nearest ports needs for it (tile by tile, term by term); with ``split``, or
    of rows without their zeros, what the core's own lanes need. Behind the last event of a sender comes a token that
    says so and is served in no time. With the last sender's token the core *prepares*: it brings the neurons that
    something arrived at up to date, ``neuron_lanes`` in a cycle, and takes ``cycles.layer``. The core of the last layer
    has its answer then. Others *send* what their readers see as events, in ascending order of neurons: each is made in
    ``cycles.neuron`` and then pushed, the token behind them in no time
    of its own; then the next frame's turn has come. The core of the input has nothing to serve: it looks at a frame,
    ``encode_lanes`` numbers in a cycle, sends, and looks at the next one at once.

    Every sender has a queue of ``queue`` slots before each core that reads it. An event (and a token) takes a slot when
    it is pushed and leaves it when it has been served. A sender pushes to all of its readers in one cycle, as soon as
    each of them has a free slot, and does nothing else until then: it is *stalled*. What was pushed can be served
    ``latency`` cycles later. A core that has nothing to serve yet, or nothing any more, is *starved*; in every other
    cycle it is busy.

    The latency of a frame is from the first look at it to its answer. A core keeps its layer's weights; no port but
    those that a row needs is waited for.
    """

    name = "stream"

    def times(self, work: Work) -> Times:
        """Event by event, in blocks of frames."""
        assert self.timing.queue is not None
        layers = self.activity.layers
        for layer in layers[1:]:
            self._refuse_what_does_not_stream(layer)
        routing = Routing(
            self.activity, [self.row_costs(each) for each in layers], [self.homes(each) for each in layers]
        )
        cores, progress = routing.cores(self.timing), routing.progress(self.timing.queue)
        by_layer = [each.resources[NEURON] + each.resources[ENCODE] + each.fixed for each in work.layers]
        prepares = np.stack([by_layer[k] for k in routing.layer_of], axis=1)
        prepared = np.zeros_like(prepares)
        for frames in routing.blocks():
            pass_on(routing.sent(frames), prepares[frames], cores, progress, prepared[frames])
        done = prepared[:, routing.layer_of == len(layers) - 1].max(axis=1)
        starved = done.max(initial=0) - progress.busy - progress.stalled
        names = core_names(work, [[k] for k in routing.layer_of.tolist()])
        waited = tuple(self.waited_for(*each) for each in zip(layers, work.layers, strict=True))
        return Times(prepared[:, 0] - prepares[:, 0], done, progress.busy, names, progress.stalled, starved, waited)

    def waited_for(self, layer: LayerActivity, work: LayerWork) -> LayerWork:
        """What a layer takes of the parts that a stream waits for, and its own time: rows, one by one, then neurons."""
        resources = {name: work.resources[name] for name in (NEURON, ENCODE)}
        total = resources[NEURON] + resources[ENCODE] + work.fixed
        if layer.connections:
            n_event = layer.connections[0].rows_read.meetings
            lanes = work.resources[LANES]
            if self._has_cores_of_its_own:
                ports, serving = {}, n_event * self.timing.cycles.event + lanes
            else:
                planned = plan(self.activity, self.machine)
                ports = {name: n_event * each for name, each in row_ports(layer, self.machine, planned).items()}
                serving = n_event * row_cycles(self.activity, layer, self.machine, planned)
            resources, total = {LANES: lanes, **ports, **resources}, total + serving
        return replace(work, resources=resources, total=total)

    @property
    def _has_cores_of_its_own(self) -> bool:
        """Whether rows ask lanes alone, each core for itself."""
        return self.machine.split is not None or self.machine.run_bits is not None

    def longest(self, work: Work) -> float:
        """Every event on its way alone, and served by each layer in turn."""
        preparing = sum(each.resources[name].sum(dtype=float) for each in work.layers for name in (NEURON, ENCODE))
        fixed = sum(float(each.fixed) for each in work.layers) * self.activity.n_frame
        sent = sum(int(each.emitted.n_event.sum()) for each in self.activity.layers if each.emitted is not None)
        n_pushed = float(sent + self.activity.n_frame * len(work.layers))  # with tokens
        serving = sum(float(self.row_costs(each).max(initial=0)) for each in self.activity.layers)
        return float(preparing + fixed + n_pushed * (self.timing.cycles.neuron + self.timing.latency + serving))

    def row_costs(self, layer: LayerActivity) -> IntArray:
        """Cycles that each row takes on each core of its layer. (n_in, n_core)"""
        if layer.connections and self._has_cores_of_its_own:
            return self.timing.cycles.event + row_costs(self.activity, layer, self.machine)
        n_in = sum(connection.n_in for connection in layer.connections[:1])
        planned = plan(self.activity, self.machine)
        return np.full((n_in, 1), row_cycles(self.activity, layer, self.machine, planned))

    def homes(self, layer: LayerActivity) -> IntArray:
        """On which core of its layer each neuron is. (n_neuron,)"""
        if not layer.connections:
            return np.zeros(layer.n_neuron, np.int64)
        return self.machine.cores.of_channels(layer.n_neuron)

    def _refuse_what_does_not_stream(self, layer: LayerActivity) -> None:
        where = f"machine {self.machine.name}: schedule: stream: layer {layer.name}"
        if not layer.connections or layer.connections[0].kind != "dense":
            raise MachineError(f"{where} is no Dense layer, and only those are streamed; write schedule: pipelined")
        if any(layer.parts):
            raise MachineError(f"{where} reads parts of signals, and a stream sends all; write schedule: pipelined")
        if self.machine.event_arithmetic != "multiply":
            raise MachineError(
                f"{where} would take as long as its events are large, which the run of {self.activity.network} did not "
                "note one by one; write event_arithmetic: multiply, or schedule: pipelined"
            )
        kept = [each for each in plan(self.activity, self.machine).layers[layer.name].weights if each.stay > PASSED_BY]
        if kept[-1].stay < Stay.ALWAYS or kept[-1].level.kind == "dram":
            raise MachineError(
                f"{where} keeps no weights beside its lanes, they come and go through {kept[-1].level.name}; give a "
                "level on the chip room for all of them, or write schedule: pipelined"
            )
