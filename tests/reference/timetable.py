"""Layers put in order, cycle by cycle. What each takes for a frame is given: takes[layer][frame].

Layers stand in the order in which they run, and `sources` says by number what each one reads.
"""

from dataclasses import dataclass, field


@dataclass
class Timetable:
    """When frames begin and answers are there, and how long each core works."""

    busy: list[int]
    start: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)


def sequential(takes) -> Timetable:
    """One core, one thing after the other."""
    now, table = 0, Timetable([0])
    for frame in range(len(takes[0])):
        table.start.append(now)
        for layer in takes:
            for _ in range(layer[frame]):
                now += 1
                table.busy[0] += 1
        table.done.append(now)
    return table


def pipelined(takes, sources, cores, shared, let_in=None) -> Timetable:
    """Every core goes through its list: frame by frame, and of each frame its layers.

    It waits before a layer until all that this one reads is there, and before one that reads nothing until the frame
    is let in. An answer is there when all layers are through with the frame, and the memory that all cores share has
    moved its words, which it does for one frame after the other, beginning when the answer before is out.
    """
    frames = range(len(shared))
    let_in = let_in or [0] * len(shared)
    lists = [[(k, t) for t in frames for k in core][::-1] for core in cores]
    left = [None] * len(cores)  # cycles of what each core works on
    through, table = set(), Timetable([0] * len(cores), [None] * len(shared))
    now = moved = 0

    def may_begin(k, t):
        return all((source, t) in through for source in sources[k]) and (bool(sources[k]) or now >= let_in[t])

    def go_on() -> bool:
        """Whatever takes no time: one step of it, and whether there was any."""
        nonlocal moved
        for n, waiting in enumerate(lists):
            if left[n] is None and waiting and may_begin(*waiting[-1]):
                k, t = waiting[-1]
                left[n] = takes[k][t]
                if table.start[t] is None:
                    table.start[t] = now
                return True
            if left[n] == 0:
                left[n] = None
                through.add(waiting.pop())
                return True
        t = len(table.done)
        if t in frames and moved == shared[t] and all((k, t) in through for k in range(len(takes))):
            table.done.append(now)
            moved = 0
            return True
        return False

    while True:
        while go_on():
            pass
        if len(table.done) == len(shared):
            return table
        for n, cycles in enumerate(left):
            if cycles is not None:
                left[n] = cycles - 1
                table.busy[n] += 1
        if moved < shared[len(table.done)]:
            moved += 1
        now += 1


def barrier(takes, sources, cores, sync, delayed) -> Timetable:
    """Steps that all cores begin together, one frame more in each; what is sent waits for the next step if delayed.

    The layers that read nothing hand their frame on at once.
    """
    n_frame, now = len(takes[0]), 0
    next_frame = [0] * len(takes)
    table = Timetable([0] * len(cores))
    step = 0
    while len(table.done) < n_frame:
        if step < n_frame:
            table.start.append(now)
        sent, in_step = [set(range(n)) for n in next_frame], [[] for _ in takes]
        for k, reads in enumerate(sources):
            t = next_frame[k]
            at_hand = [t in sent[p] or (t < next_frame[p] and not (delayed and sources[p])) for p in reads]
            if t < n_frame and t <= step and all(at_hand):
                in_step[k].append(takes[k][t])
                next_frame[k] += 1
        left = [[cycles for k in core for cycles in in_step[k]] for core in cores]
        while any(cycles for core in left for cycles in core):
            for n, core in enumerate(left):
                at_work = next((m for m, cycles in enumerate(core) if cycles), None)
                if at_work is not None:
                    core[at_work] -= 1
                    table.busy[n] += 1
            now += 1
        for _ in range(sync):
            now += 1
        while len(table.done) < min(next_frame):
            table.done.append(now)
        step += 1
    return table
