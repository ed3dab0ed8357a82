"""Measure what the package promises of its speed, as ratios within one run, and print a Markdown table.

    python tests/bench/speed.py              print the table (needs MNIST in HWSIM_DATA; torch for the first rows)
    python tests/bench/speed.py --readme     also put it into README.md, between its markers

Every ratio is of medians of interleaved runs, so that a slower moment of the machine slows both sides.
"""

import itertools
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import hwsim
import hwsim.walk
from hwsim.kernels.dense import deliver_integer
from hwsim.plan import prepare
from hwsim.record import Record
from hwsim.walk import Piece, Walker

ROUNDS, REPEATS = 7, 9
PAUSE = 0.2  # between actions, because OpenMP's idle threads spin for a while on the cores of what comes next [s]
README = pathlib.Path(__file__).parents[2] / "README.md"
MARKS = ("<!-- speed: begin -->", "<!-- speed: end -->")


def interleaved(*actions):
    """Median seconds of each action, run in turn, several times in a row."""
    for action in actions:
        action()
    seconds = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, taken in zip(actions, seconds, strict=True):
            time.sleep(PAUSE)
            for _ in range(REPEATS):
                start = time.perf_counter()
                action()
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


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

    class Listener(Walker):
        def _deliver(self, name, term, events, reset, carry):
            total = super()._deliver(name, term, events, reset, carry)
            copies = (
                events.start.copy(),
                events.place[: events.start[-1] + 8].copy(),
                events.value[: events.start[-1] + 8].copy(),
            )
            calls.append((term.group, *copies, term.weight, term.bias, reset.copy(), total.copy()))
            return total

    plans = prepare(network, data.format, data.step)
    execution = hwsim.Execution("delta")
    record = Record.empty(plans, data.stream_start, len(data), execution, False)
    block = 1_000
    listener = Listener(plans, execution, data.inputs.reshape(len(data), -1), block, record)
    listener.walk(Piece(0, len(data), False))

    def deliver():
        for call in calls:
            deliver_integer(*call)

    n_operation = sum(
        int(record.n_event[name].sum()) * n_out for name, n_out in zip(record.n_event, (200, 200, 10), strict=True)
    )
    return deliver, n_operation


def seconds_of(*command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, **options)
    return time.perf_counter() - start


def commands():
    """Seconds of `hwsim --help`, and of `hwsim compare` on digits the first time and after."""
    hwsim_command = pathlib.Path(sys.executable).with_name("hwsim")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/cache"}
        seconds_of(hwsim_command, "--help")
        return (
            seconds_of(hwsim_command, "--help"),
            seconds_of(hwsim_command, "compare", cwd=folder, env=environment),
            seconds_of(hwsim_command, "compare", cwd=folder, env=environment),
        )


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


def machine():
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
        name = next(line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name"))
        flags = "with AVX-512" if "avx512_vbmi2" in info else "without AVX-512"
    except (OSError, StopIteration):
        name, flags = platform.processor(), ""
    return f"{name} {flags}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


def main():
    lines = [f"Measured by `python tests/bench/speed.py` on {machine()}.", ""]
    lines += ["| work | against | threads | ratio | aim |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in measure()]
    table = "\n".join(lines)
    print(table)
    if "--readme" in sys.argv:
        text = README.read_text()
        before, rest = text.split(MARKS[0])
        README.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
