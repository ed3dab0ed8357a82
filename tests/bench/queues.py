"""Measure how many events a thread takes through queues between cores; print a Markdown table.

python tests/bench/queues.py [--readme]
"""

import numpy as np
from table import interleaved, publish

from hwsim.kernels.queues import CoreGraph, Progress, pass_on

AIM = 5e6  # events per second and thread
QUEUE = 8


class Queues:
    """Cores in rows: each core of a row sends to all cores of the next one, in every frame."""

    def __init__(self, sizes, n_event, n_frame):
        generator = np.random.default_rng(0)
        n_core = sum(sizes)
        row_of = np.repeat(np.arange(len(sizes)), sizes)
        readers = [np.flatnonzero(row_of == row + 1) for row in row_of]
        n_reader = [each.size for each in readers]
        edge = np.cumsum([0, *n_reader])
        self.cores = CoreGraph(
            first=np.arange(n_core + 1) * (n_event + 1),
            neuron=np.tile(np.arange(n_event + 1, dtype=np.int32), n_core),
            column=np.arange(n_core) * n_event,
            edge=edge,
            reader=np.concatenate(readers),
            table=edge[:-1] * (n_event + 1),
            cost=generator.integers(1, 10, edge[-1] * (n_event + 1)),
            sending=3,
            latency=1,
        )
        self.sent = np.ones((n_frame, n_core * n_event), np.uint8)
        self.prepares = np.full((n_frame, n_core), 20)
        self.n_served = n_frame * n_event * edge[-1]

    def run(self):
        n_core = self.prepares.shape[1]
        free, slot, busy, stalled = np.zeros((4, n_core), np.int64)
        served = np.zeros((QUEUE, self.cores.reader.size), np.int64)
        progress = Progress(free, slot, served, busy, stalled)
        pass_on(self.sent, self.prepares, self.cores, progress, np.zeros_like(self.prepares))


def main():
    rows = []
    layouts = (("a chain of 4 cores", (1, 1, 1, 1), 10_000), ("one core that tells 64", (1, 64), 400))
    for name, sizes, n_frame in layouts:
        queues = Queues(sizes, 200, n_frame)
        (seconds,) = interleaved(queues.run)
        speed = queues.n_served / seconds
        work = f"schedule `stream`, {name}: {speed / 1e6:.0f} million events served per second"
        rows.append((work, f"{AIM / 1e6:.0f} million", 1, f"{speed / AIM:.1f}", "at least 1"))
    publish("queues.py", rows)


if __name__ == "__main__":
    main()
