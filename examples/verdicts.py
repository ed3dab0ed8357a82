"""Which verdicts survive a real machine? Three studies on flat machines, on an accelerator's levels, and all on chip.

    python examples/verdicts.py FOLDER [--squeezenet FOLDER] [--clips fixed.264 moving.264] [--frames 20]

Networks of the MNIST studies ship with the package. The SqueezeNet is that of examples/convert_squeezenet.py; it is
quantized to 8 bits on the first 20 frames of each clip and measured on those after them. Writes verdicts.csv, every
energy by level, and prints Markdown tables: energy of an inference, and how many times less than the strong baseline,
the 8-bit network on edge-npu; then, of the machines that have a clock, time, what it waits for, and energy times delay.
"""

import argparse
from pathlib import Path

import pandas as pd

import hwsim
from hwsim.convert import int8
from hwsim.datasets import load_video

FAMILIES = {
    "flat": {"dense": "mac-array", "sparse": "zero-skipping-mac", "delta": "delta-mac"},
    "edge": {"dense": "edge-npu", "sparse": "edge-npu-sparse", "delta": "edge-npu-delta"},
    "edge, batches of 16": {"dense": "edge-npu", "sparse": "edge-npu-sparse", "delta": "edge-npu-delta"},
    "on chip": {"dense": "all-on-chip", "sparse": "all-on-chip-sparse", "delta": "all-on-chip-delta"},
}
METHODS = (
    "mnist-mlp-int8",
    "mnist-mlp-rounding",
    "mnist-mlp-sigma-delta",
    "mnist-ternary-connect-qbp",
    "mnist-lat",
    "mnist-laq-log",
    "mnist-dorefa",
    "mnist-lsq",
)
GPFQ = ("mnist-500-300-int8", "mnist-500-300-gpfq-int4")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--squeezenet", help="folder of the float network")
    parser.add_argument("--clips", nargs="*", type=Path, default=[], help="video files")
    parser.add_argument("--frames", type=int, default=20, help="of each clip, after those to calibrate on")
    parser.add_argument("--mnist-frames", type=int, default=1000)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    data = hwsim.load_dataset("mnist", split="test", order="temporal", frames=arguments.mnist_frames)
    rows = study("methods on Temporal-MNIST", [hwsim.load_network(name) for name in METHODS], data)
    calibration = hwsim.load_dataset("mnist", split="train", frames=1000)
    plain = int8.convert(hwsim.load_network("mnist-500-300"), calibration)
    rows += study("GPFQ on Temporal-MNIST", [plain, hwsim.load_network(GPFQ[1])], data)
    for clip in arguments.clips if arguments.squeezenet else []:
        rows += camera(hwsim.load_network(arguments.squeezenet), clip, arguments.frames)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.folder / "verdicts.csv", index=False)
    for name, part in table.groupby("study", sort=False):
        print_table(name, part)


def camera(network, clip, n_frame):
    """SqueezeNet on one clip."""
    size = network.input_shape[1:]
    learning, test = (
        load_video(clip, size=size, frames=cut, step=1.0) for cut in (slice(0, 20), slice(20, 20 + n_frame))
    )
    return study(f"SqueezeNet on {clip.name}", [int8.convert(network, learning)], test)


def study(name, networks, data):
    """Every network on every machine that takes it, each run once for all machines of an execution."""
    rows = []
    for network in networks:
        for execution in ("dense", "sparse", "delta"):
            machines = [machine_of(family, execution) for family in FAMILIES]
            run = hwsim.simulate(network, data, machines=machines)
            for family, machine in zip(FAMILIES, machines, strict=True):
                try:
                    rows.append(row(name, network, family, machine, run))
                except hwsim.HwsimError as error:
                    print(f"left out: {error}", flush=True)
    return rows


def machine_of(family, execution):
    """A preset, or one that works on 16 frames at a time."""
    machine = hwsim.load_machine(FAMILIES[family][execution])
    if "batches" not in family:
        return machine
    return machine.model_copy(update={"name": f"{machine.name}, batches of 16", "batch": 16})


def row(name, network, family, machine, run):
    """Energy of one network on one machine, by operand and level."""
    energy = hwsim.price(hwsim.count(run.activity, machine))
    timing = hwsim.schedule(run.activity, machine) if machine.timing is not None else None
    parts = {}
    for line in energy.lines:
        operation = line.key.operation
        part = f"{operation.memory}: {operation.operand}" if operation.memory else line.key.phase
        parts[part] = parts.get(part, 0.0) + float(line.energy.sum()) / run.activity.n_frame
    return {
        "study": name,
        "network": network.name,
        "family": family,
        "machine": machine.name,
        "execution": machine.execution,
        "accuracy": run.accuracy,
        "energy [J]": energy.per_inference,
        **({} if timing is None else times(timing, energy)),
        **{f"{part} [J]": joules for part, joules in parts.items()},
    }


def times(timing, energy):
    """Latency, throughput, what binds how much of the time, and energy times delay, of a frame."""
    bound = {}
    for layer in timing.layers:
        bound[layer.bound_by] = bound.get(layer.bound_by, 0) + int(layer.total.sum())
    whole = sum(bound.values())
    shares = sorted(((cycles / whole, name) for name, cycles in bound.items()), reverse=True)
    return {
        "latency [s]": timing.latency,
        "frames per second": timing.frames_per_second,
        "bound by": ", ".join(f"{name} {100 * share:.0f} %" for share, name in shares if share >= 0.1),
        "energy-delay product [J s]": energy.per_inference * timing.latency,
    }


def print_table(name, table):
    """Energies side by side, and the advantage over the first network on edge-npu; then time, where there is any."""
    print_energies(name, table)
    timed = table[table["latency [s]"].notna()] if "latency [s]" in table else table[:0]
    if len(timed):
        print("\n| network | machine | latency [us] | frames/s | binds | energy-delay [nJ us] |\n" + "|---" * 6 + "|")
    for _, row in timed.iterrows():
        numbers = (row["latency [s]"] * 1e6, row["frames per second"], row["energy-delay product [J s]"] * 1e15)
        latency, rate, product = (f"{number:,.4g}" for number in numbers)
        print(f"| {row['network']} | {row['machine']} | {latency} | {rate} | {row['bound by']} | {product} |")


def print_energies(name, table):
    """Energies side by side, and the advantage over the first network on edge-npu."""
    first = table[table["machine"] == "edge-npu"].iloc[0]
    print(f"\n### {name}\n")
    print("| network | execution | " + " | ".join(f"{family} [nJ]" for family in FAMILIES) + " | times less |")
    print("|---|---|" + "---|" * (len(FAMILIES) + 1))
    for (network, execution), rows in table.groupby(["network", "execution"], sort=False):
        energy = {row["family"]: row["energy [J]"] for _, row in rows.iterrows()}
        cells = [f"{energy[family] * 1e9:,.4g}" if family in energy else "" for family in FAMILIES]
        less = ", ".join(f"{first['energy [J]'] / energy[family]:.2g}" for family in FAMILIES if family in energy)
        print(f"| {network} | {execution} | " + " | ".join(cells) + f" | {less} |")


if __name__ == "__main__":
    main()
