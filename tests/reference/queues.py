"""Cores and queues, looked at in every single cycle: what is in which list, and what each core does just then.

A core does one thing at a time: it prepares (looks at a frame, or brings its neurons up to date), makes an item, or
serves one. An item is the number of a neuron, or END behind the last one of a frame. Nothing is worked out ahead.
"""

from dataclasses import dataclass, field

END = "end of frame"


@dataclass
class Queue:
    """Items between two cores; one keeps its place until it is served."""

    places: int
    items: list = field(default_factory=list)  # [item, cycles until it has arrived]
    n_push: int = 0
    n_pop: int = 0

    def push(self, item, latency):
        assert len(self.items) < self.places
        self.items.append([item, latency])
        self.n_push += 1

    def pop(self):
        self.n_pop += 1
        return self.items.pop(0)[0]


@dataclass
class Core:
    """What it reads, whom it tells, and what it is at."""

    inputs: list  # (queue, cycles that the service of each neuron's item takes), in the order in which it takes them
    outputs: list  # queues
    prepares: list  # cycles, for each frame
    sends: list  # neurons, for each frame
    doing: str = "wait"  # prepare, make, offer, serve
    left: int = 0  # cycles of what it is doing
    frame: int = 0
    source: int = 0  # the one of its inputs whose items it takes
    unsent: list = field(default_factory=list)
    began: list = field(default_factory=list)  # cycle, for each frame, in which it prepares
    prepared: list = field(default_factory=list)
    busy: int = 0
    stalled: int = 0
    starved: int = 0


@dataclass
class Machine:
    """All cores, in one cycle after the other."""

    cores: list
    making: int  # cycles that an item of a neuron takes; END takes none
    latency: int
    n_frame: int

    def run(self):
        """Until every core has done every frame; cycles that it took."""
        cycle = 0
        self.settle(cycle)
        while any(core.frame < self.n_frame for core in self.cores):
            self.pass_a_cycle()
            cycle += 1
            self.settle(cycle)
        return cycle

    def settle(self, cycle):
        """Let everything happen that takes no time, until nothing does."""
        while any(self.act(core, cycle) for core in self.cores):
            pass

    def pass_a_cycle(self):
        for core in self.cores:
            if core.doing in ("prepare", "make", "serve"):
                core.left -= 1
                core.busy += 1
            elif core.doing == "offer":
                core.stalled += 1
            else:
                core.starved += 1
            for queue in core.outputs:
                for item in queue.items:
                    if item[1] > 0:
                        item[1] -= 1

    def act(self, core, cycle):
        """The next thing that a core can do now, if any."""
        if core.frame == self.n_frame:
            return False
        if core.doing == "wait":
            return self.begin_something(core, cycle)
        if core.doing == "offer":
            return self.offer(core)
        if core.left > 0:
            return False
        if core.doing == "serve":
            core.inputs[core.source][0].pop()
            core.doing = "wait"
        elif core.doing == "prepare":
            core.prepared.append(cycle)
            core.unsent = [*core.sends[core.frame], END]
            self.make(core)
        elif core.doing == "make":
            core.doing = "offer"
        return True

    def begin_something(self, core, cycle):
        """Take the next item that has arrived; behind the last END, prepare."""
        if core.source == len(core.inputs):
            core.doing, core.left = "prepare", core.prepares[core.frame]
            core.began.append(cycle)
            return True
        queue, cycles = core.inputs[core.source]
        if not queue.items or queue.items[0][1] > 0:
            return False
        item = queue.items[0][0]
        if item == END:
            queue.pop()
            core.source += 1
        else:
            core.doing, core.left = "serve", cycles[item]
        return True

    def make(self, core):
        core.doing, core.left = "make", 0 if core.unsent[0] == END else self.making

    def offer(self, core):
        """Give an item to all who read it, if each of them has a place for it."""
        if any(len(queue.items) == queue.places for queue in core.outputs):
            return False
        item = core.unsent.pop(0)
        for queue in core.outputs:
            queue.push(item, self.latency)
        if core.unsent:
            self.make(core)
        else:
            core.doing, core.source = "wait", 0
            core.frame += 1
        return True
