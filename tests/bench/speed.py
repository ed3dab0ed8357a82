"""Measure what the package promises of its speed, as ratios within one run, and print a Markdown table.

python tests/bench/speed.py              print the table (needs MNIST in HWSIM_DATA; torch for the first rows)
python tests/bench/speed.py --readme     also put it into README.md, in place of these rows there, and so the
                                         rows of convolution.py, a few in place of its many (some minutes)
"""

import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

import convolution
from table import interleaved, publish, seconds_of

import hwsim
from hwsim.kernels.dense import deliver

SHAPES = ", ".join(str(channels) for channels, _ in convolution.SHAPES) + " channels"


def torch_forward(data, threads):
    """A dense fp32 forward pass of the same shape over the same frames in one batch."""
    import torch

    torch.set_num_threads(threads)
    sizes = (784, 200, 200, 10)
    layers = [torch.nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    frames = torch.from_numpy(data.values().reshape(len(data), -1))

    def forward():
        with torch.inference_mode():
            model(frames)

    return forward


def bare_delivery(network, data):
    """The delivery kernel alone, on exactly the events that a simulation lists, its accumulators at hand."""
    calls = []

    def listen(start, n_event, place, value, weight, bias, reset, first, last, total):
        deliver(start, n_event, place, value, weight, bias, reset, first, last, total)
        slots = slice(start[-1] + 8)
        events = start.copy(), n_event.copy(), place[slots].copy(), value[slots].copy()
        calls.append((*events, weight, bias, reset.copy(), first, last, total.copy()))

    with mock.patch("hwsim.simulation.heads.dense.deliver", listen):
        run = hwsim.simulate(network, data, "delta", threads=1)
    n_operation = sum(int(connection.histogram.n_operation.sum()) for connection in run.activity.connections)

    def deliver_again():
        for call in calls:
            deliver(*call)

    return deliver_again, n_operation


def commands():
    """Seconds of `hwsim --help`, and of `hwsim compare` on digits the first time and after."""
    hwsim_command = pathlib.Path(sys.executable).with_name("hwsim")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}

        def command(argument):
            subprocess.run([hwsim_command, argument], check=True, capture_output=True, cwd=folder, env=environment)

        command("--help")
        return [seconds_of(lambda each=each: command(each)) for each in ("--help", "compare", "compare")]


def measure():
    """Rows of the table: what, against what, threads, ratio, aim."""
    network = hwsim.load_network("mnist-mlp-rounding")
    data = hwsim.load_dataset("mnist", order="temporal")
    rows = []
    for threads in (1, 2):

        def simulate(threads=threads):
            hwsim.simulate(network, data, "delta", threads=threads)

        ours, theirs = interleaved(simulate, torch_forward(data, threads))
        what = f"10,000 Temporal-MNIST frames under delta, all counts ({ours * 1e3:.1f} ms)"
        rows.append((what, f"torch fp32 dense forward ({theirs * 1e3:.1f} ms)", threads, f"{ours / theirs:.2f}", "1.0"))
    deliver, n_operation = bare_delivery(network, data)
    ours, bare = interleaved(lambda: hwsim.simulate(network, data, "delta", threads=1), deliver)
    rate = f"{n_operation / bare / 1e9:.0f} G synaptic operations/s"
    against = f"bare delivery of the same events ({bare * 1e3:.1f} ms, {rate})"
    rows.append((f"the same ({ours * 1e3:.1f} ms)", against, 1, f"{ours / bare:.2f}", "1.3"))
    helped, first, after = commands()
    rows.append(("`hwsim --help`", "", "", f"{helped:.2f} s", "0.5 s"))
    rows.append(("`hwsim compare`, first time (compiles)", "", "", f"{first:.1f} s", "30 s"))
    rows.append(("`hwsim compare`, after", "", "", f"{after:.1f} s", "4 s"))
    return rows


def convolutions():
    """Rows of convolution.py, those of all shapes in one."""
    for threads in (1, 2):
        found = list(convolution.ratios(threads, threads))
        for kind, active, aim in dict.fromkeys((row[0], row[4], row[9]) for row in found):
            ratios = [float(row[8]) for row in found if (row[0], row[4]) == (kind, active)]
            work = f"3x3 convolution, {kind}, {SHAPES}, {active} active, an image per thread"
            yield work, "torch fp32 conv2d", threads, f"{min(ratios):.2f}-{max(ratios):.2f}", aim
    found = list(convolution.slopes(1))
    for kind in dict.fromkeys(row[0] for row in found):
        slopes = [float(row[3]) for row in found if row[0] == kind]
        work = f"3x3 convolution, {kind}, {SHAPES}, 1 % to 50 % active: slope of log time over log events"
        yield work, "", 1, f"{min(slopes):.2f}-{max(slopes):.2f}", "0.9-1.1"


def main():
    publish("speed.py", measure())
    if "--readme" in sys.argv:
        publish("convolution.py", convolutions())


if __name__ == "__main__":
    main()
