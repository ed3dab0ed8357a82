"""Measure the convolution of events against torch's dense one, as ratios within one run, and print Markdown tables.

    python tests/bench/convolution.py            every row (some minutes; needs torch)
    python tests/bench/convolution.py --quick    one image at a time on one thread

Random inputs are active. Ours is the time of all that a convolution takes: listing the events, pointing to those of
every pixel, and delivering them. Several threads share images if there are as many, and rows of one image otherwise.
Every ratio is of minima of runs that take turns, a few in a row, so that both sides find their weights in the caches
as they left them.
"""

import itertools
import math
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hwsim.kernels.events import GROUP, LANES, list_changes
from hwsim.kernels.gather import Part, gather, make_scratch
from hwsim.kernels.geometry import Geometry
from hwsim.kernels.pixels import point_pixels
from hwsim.kernels.tiles import choose_width, tile_weight

SHAPES = ((64, 56), (128, 56), (256, 28), (512, 14))  # channels in and out, height and width
AIMS = {0.1: 0.55, 0.05: 0.3, 0.02: 0.15}
SLOPE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
KERNEL = 3
ROUNDS, REPEATS, PAUSE = 5, 5, 0.05  # of idle threads that still spin [s]
KINDS = {  # dtypes of codes, values, weights and accumulators
    "int8": (np.int8, np.int16, np.int8, np.int32),
    "float32": (np.float32, np.float32, np.float32, np.float32),
}


class Convolution:
    """A 3 x 3 convolution of random images, on some threads."""

    def __init__(self, kind, channels, size, activity, n_frame, threads):
        code, value, weight, total = KINDS[kind]
        generator = np.random.default_rng(0)
        self.channels, self.threads = channels, threads
        self.geometry = Geometry(size, size, channels, size, size, KERNEL, KERNEL, 1, 1, 1, 1, 1, 1)
        n_code = size * size * channels
        padded = -(-n_code // LANES) * LANES
        drawn = generator.normal(0, 50, (n_frame, n_code)).clip(-128, 127)
        self.code = np.zeros((n_frame + 1, padded), code)
        self.code[1:, :n_code] = np.where(generator.random(drawn.shape) < activity, drawn, 0)
        self.rows = generator.normal(0, 50, (KERNEL**2 * channels, channels)).clip(-128, 127).astype(weight)
        width = choose_width(*self.rows.shape, self.rows.itemsize)
        self.tiles = tile_weight(self.rows, width)
        self.bias, self.rest = np.zeros(channels, total), np.zeros(padded, code)
        self.total = np.zeros((n_frame + 1, size * size * channels), total)
        self.pixel = np.zeros((n_frame, size * size + 1), np.int32)
        n_slot = -(-n_frame // threads) * (padded + GROUP) + LANES
        kinds = ((n_frame + 1, np.int64), (n_frame, np.int64), (n_slot, np.int32), (n_slot, value))
        self.lists = [tuple(np.zeros(n, kind) for n, kind in kinds) for _ in range(threads)]
        self.scratch = [make_scratch(self.geometry, width, np.dtype(value), np.dtype(total)) for _ in range(threads)]
        self.pool = ThreadPoolExecutor(threads)
        self.n_operation = self._count(n_frame)

    def _count(self, n_frame):
        """Synaptic operations: events times the taps and channels they meet."""
        size = self.geometry.height
        taps = np.full(size, KERNEL)
        taps[[0, -1]] = KERNEL - 1
        active = np.count_nonzero(self.code[1:].reshape(n_frame, size, size, self.channels), axis=(0, 3))
        return int((active * taps * taps[:, None]).sum()) * self.channels

    def run(self):
        n_frame, rows = len(self.pixel), self.geometry.out_height
        if n_frame >= self.threads:
            cuts = [n_frame * k // self.threads for k in range(self.threads + 1)]
            self._share(
                lambda k, *ends: self._list_and_gather(k, slice(*ends), 0, rows), list(itertools.pairwise(cuts))
            )
        else:
            frames = slice(0, n_frame)
            self._list(0, frames)
            cuts = [rows * k // self.threads for k in range(self.threads + 1)]
            self._share(lambda k, *ends: self._gather(0, k, frames, *ends), list(itertools.pairwise(cuts)))

    def _share(self, action, parts):
        """Do the first part here, the others in threads that wait."""
        others = [self.pool.submit(action, k, *ends) for k, ends in enumerate(parts) if k > 0]
        action(0, *parts[0])
        for each in others:
            each.result()

    def _list_and_gather(self, k, frames, first, last):
        self._list(k, frames)
        self._gather(k, k, frames, first, last)

    def _list(self, k, frames):
        start, n_event, place, value = self.lists[k]
        n = frames.stop - frames.start
        reset = np.ones(n, bool)
        code = self.code[frames.start : frames.stop + 1]
        list_changes(code, self.rest, reset, start[: n + 1], n_event[:n], place, value)
        point_pixels(start[: n + 1], n_event[:n], place, self.channels, self.pixel[frames])

    def _gather(self, k_list, k, frames, first, last):
        _, _, place, value = self.lists[k_list]
        n = frames.stop - frames.start
        part = Part(first, last, 0, len(self.tiles))
        total = self.total[frames.start : frames.stop + 1]
        gather(
            self.geometry, self.pixel[frames], place, value, self.tiles, self.bias, np.ones(n, bool), part,
            self.scratch[k], total,
        )  # fmt: skip

    def tensors(self):
        """The same images and weights, for torch."""
        import torch

        size, channels = self.geometry.height, self.channels
        images = self.code[1:, : size * size * channels].reshape(-1, size, size, channels).transpose(0, 3, 1, 2)
        weight = self.rows.reshape(KERNEL, KERNEL, channels, channels).transpose(3, 2, 0, 1)
        return [torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in (images, weight)]

    def check(self):
        """Compare with torch once, so that a ratio is of the same sums."""
        import torch

        expected = torch.nn.functional.conv2d(*self.tensors(), padding=1).numpy().transpose(0, 2, 3, 1)
        self.run()
        found = self.total[1:].reshape(expected.shape)
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def interleaved(*actions, rounds=ROUNDS):
    """Least seconds of each action; they take turns, several times in a row."""
    for action in actions:
        action()
    seconds = [math.inf] * len(actions)
    for _ in range(rounds):
        for n, action in enumerate(actions):
            time.sleep(PAUSE)
            for _ in range(REPEATS):
                start = time.perf_counter()
                action()
                seconds[n] = min(seconds[n], time.perf_counter() - start)
    return seconds


def dense(convolution, threads):
    import torch

    torch.set_num_threads(threads)
    images, weight = convolution.tensors()

    def action():
        with torch.inference_mode():
            torch.nn.functional.conv2d(images, weight, padding=1)

    return action


def ratios(threads, n_frame):
    """Rows of the table of ratios."""
    for kind, (channels, size), (activity, aim) in itertools.product(KINDS, SHAPES, AIMS.items()):
        convolution = Convolution(kind, channels, size, activity, n_frame, threads)
        convolution.check()
        ours, theirs = interleaved(convolution.run, dense(convolution, threads))
        rate = convolution.n_operation / ours / 1e9
        shape = f"{channels} channels, {size} x {size}"
        yield (kind, shape, n_frame, threads, f"{activity:.0%}", f"{ours * 1e3:.2f}", f"{theirs * 1e3:.2f}",
               f"{rate:.0f}", f"{ours / theirs:.3f}", aim, "" if ours / theirs <= aim else "missed")  # fmt: skip


def slopes(threads):
    """Rows of the table of slopes: of log time over log events, between activities and over all."""
    for kind, (channels, size) in itertools.product(KINDS, SHAPES):
        seconds = [
            interleaved(Convolution(kind, channels, size, activity, 1, threads).run, rounds=3)[0] for activity in SLOPE
        ]
        logs = [np.log(each) for each in (SLOPE, seconds)]
        fitted = statistics.linear_regression(*logs).slope
        between = " ".join(f"{each:.2f}" for each in np.diff(logs[1]) / np.diff(logs[0]))
        yield kind, f"{channels} channels, {size} x {size}", threads, f"{fitted:.2f}", between


def show(heading, rows):
    """Print a Markdown table, row by row as they are measured."""
    print("| " + " | ".join(heading) + " |\n|" + "---|" * len(heading))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()


def main(quick):
    heading = (
        "numbers",
        "image",
        "images",
        "threads",
        "active",
        "ours (ms)",
        "torch (ms)",
        "G operations/s",
        "ratio",
        "aim",
        "",
    )
    for threads, n_frame in [(1, 1)] if quick else itertools.product((1, 2), (1, 8)):
        show(heading, ratios(threads, n_frame))
    show(("numbers", "image", "threads", "slope, 1 % to 50 % active", "between"), slopes(1))


if __name__ == "__main__":
    main("--quick" in sys.argv)
