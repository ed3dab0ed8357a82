"""Measure how much faster weights are quantized than by the plain recursion in NumPy; print a Markdown table.

    python tests/bench/gpfq.py [--readme] [--largest]

Needs MNIST in HWSIM_DATA. The plain recursion runs, over all 25,000 images, on a few neurons of each layer, and is
extrapolated to all of them: neurons are independent and take the same time. It is given its data, as rows (m, n_in)
such as `quantize_weight` takes, and again with columns side by side, which is best for it; the time of ours includes
running both networks. With --largest, VGG-16's largest layer is quantized too (minutes, 5 GiB).
"""

import itertools
import resource
import sys
import time

import numpy as np
from table import publish

import hwsim
from hwsim.convert import gpfq
from hwsim.datasets import Dataset

SIZES = (784, 500, 300, 10)
FRAMES = 25_000
NEURONS = 2
LEVEL = np.array([-1.0, 0.0, 1.0])
ROUNDS = 3


def network():
    """The paper's network for MNIST; that its weights are drawn changes no time."""
    generator = np.random.default_rng(0)
    layers = [hwsim.Flatten("flatten")]
    for k, (n_in, n_out) in enumerate(itertools.pairwise(SIZES)):
        weight = hwsim.Weight(generator.normal(size=(n_in, n_out)).astype(np.float32) / np.sqrt(n_in))
        layers.append(hwsim.Dense(f"dense{k}", terms=(weight,)))
        if n_out != SIZES[-1]:
            norm = hwsim.Affine(f"norm{k}", scale=generator.uniform(0.5, 2, n_out), offset=generator.normal(size=n_out))
            layers += [hwsim.ReLU(f"relu{k}"), norm]
    return hwsim.Network("paper", (1, 28, 28), tuple(layers))


def plain(weight, analog, quantized):
    """The recursion as it is written in the paper, one neuron after the other."""
    result = np.zeros(weight.shape)
    for k in range(weight.shape[1]):
        residual = np.zeros(len(analog))
        for t in range(len(weight)):
            residual = residual + weight[t, k] * analog[:, t]
            column = quantized[:, t]
            length = column @ column
            if length > 0:
                result[t, k] = LEVEL[np.argmin(np.abs(LEVEL - column @ residual / length))]
            residual = residual - result[t, k] * column
    return result


def seconds_of(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def extrapolated(data, order):
    """Seconds of the plain recursion for all neurons, from a few; rows (C) or columns (F) of data lie side by side."""
    generator = np.random.default_rng(1)
    total = 0.0
    for n_in, n_out in itertools.pairwise(SIZES):
        analog = data[:, :n_in] if n_in == SIZES[0] else generator.normal(size=(len(data), n_in))
        analog = np.array(analog, dtype=np.float64, order=order)
        quantized = np.array(analog + 0.1 * (n_in != SIZES[0]), order=order)
        weight = generator.normal(size=(n_in, NEURONS)) / np.sqrt(n_in)
        total += seconds_of(lambda each=(weight, analog, quantized): plain(*each)) * n_out / NEURONS
    return total


def largest():
    """VGG-16's largest layer from 1,500 vectors."""
    generator = np.random.default_rng(0)
    analog = np.maximum(generator.normal(size=(1500, 25088)), 0)
    quantized = analog + 0.1 * generator.normal(size=analog.shape)
    weight = generator.normal(size=(25088, 4096)) / 100
    seconds = seconds_of(lambda: gpfq.quantize_weight(weight, analog, quantized, 0.02 * LEVEL))
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    paper, mnist = network(), hwsim.load_dataset("mnist", "train", frames=FRAMES)
    data = mnist.values().reshape(FRAMES, -1)
    gpfq.convert(paper, Dataset(data[:100].reshape(-1, 1, 28, 28)))  # compiles
    ours, theirs = [], {"C": [], "F": []}
    for _ in range(ROUNDS):  # in turn, so that a slower moment of the machine slows both
        ours.append(seconds_of(lambda: gpfq.convert(paper, mnist)))
        for order, seconds in theirs.items():
            seconds.append(extrapolated(data, order))
    work = f"784-500-300-10 quantized by GPFQ from 25,000 images ({np.median(ours):.1f} s)"
    rows = []
    for order, what, aim in (("C", "on rows of data", "50"), ("F", "on columns side by side", "")):
        plain_seconds = np.median(theirs[order])
        extent = f"{plain_seconds:.0f} s, extrapolated from {NEURONS} neurons of each layer"
        ratio = plain_seconds / np.median(ours)
        rows.append((work, f"plain NumPy recursion {what} ({extent})", 2, f"{ratio:.0f} times faster", aim))
    if "--largest" in sys.argv:
        seconds, peak = largest()
        work = f"25,088 x 4,096 weights quantized from 1,500 vectors, at most {peak:.1f} GiB"
        rows.append((work, "", 2, f"{seconds:.0f} s", "600 s, 6 GiB"))
    publish("gpfq.py", rows)


if __name__ == "__main__":
    main()
