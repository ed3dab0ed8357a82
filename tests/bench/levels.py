"""What levels cost: counting every preset, and noting what machines with levels need, as ratios within one run.

    python tests/bench/levels.py NETWORK [--data imagenet-sample] [--frames 20]

NETWORK is an 8-bit network with convolutions, such as the SqueezeNet of examples/convert_squeezenet.py quantized by
`hwsim convert int8`. One thread; the median of five alternating pairs. Prints a Markdown table.
"""

import argparse
import statistics
import time

import hwsim
from hwsim.files.catalogue import machine_names
from hwsim.machine import Machine

TOLD = ("edge-npu-sparse", "all-on-chip-sparse", "zero-skipping-mac")
N_PAIR = 5


def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    parser.add_argument("--data", default="imagenet-sample")
    parser.add_argument("--frames", type=int, default=20)
    arguments = parser.parse_args()
    network, data = hwsim.load_network(arguments.network), hwsim.load_dataset(arguments.data, frames=arguments.frames)

    def plain():
        hwsim.simulate(network, data, "sparse", threads=1)

    def noting():
        hwsim.simulate(network, data, machines=TOLD, threads=1)

    product, unequal = timed("multiply"), timed("unary")

    def noting_for(machine):
        return lambda: hwsim.simulate(network, data, machines=[machine], threads=1)

    without, told = medians(plain, noting)
    equal_events, unequal_events = medians(noting_for(product), noting_for(unequal))
    counted, simulated, n_preset = 0.0, 0.0, 0
    for execution in ("dense", "sparse", "delta"):
        machines = [machine for name in machine_names() if (machine := hwsim.load_machine(name)).execution == execution]
        taken = [machine for machine in machines if takes(network, machine)]
        simulated += seconds(lambda e=execution, m=taken: hwsim.simulate(network, data, e, machines=m, threads=1))
        run = hwsim.simulate(network, data, execution, machines=taken, threads=1)
        counted += seconds(lambda r=run, m=taken: [hwsim.count(r.activity, each) for each in m])
        n_preset += len(taken)
    print("| work | against | ratio | aim |")
    print("|---|---|---|---|")
    ratio = counted / simulated
    print(f"| counting {n_preset} presets ({counted:.2f} s) | simulating ({simulated:.2f} s) | {ratio:.3f} | 0.1 |")
    print(f"| sparse, noting for 3 machines ({told:.2f} s) | without ({without:.2f} s) | {told / without:.3f} | 1.15 |")
    what = f"sparse, noting for lanes on which large events take longer ({unequal_events:.2f} s)"
    print(f"| {what} | for others ({equal_events:.2f} s) | {unequal_events / equal_events:.3f} | 1.15 |")


def medians(*actions):
    """Seconds that each takes, of alternating ones."""
    for action in actions:
        action()  # compiled, and planned
    taken = [[seconds(action) for action in actions] for _ in range(N_PAIR)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def timed(arithmetic):
    """A machine with a clock."""
    machine = hwsim.load_machine("edge-npu-sparse")
    ports = {level.name: {"bits": 128} for level in machine.levels if level.kind != "registers"}
    timing = {"clock": 1e9, "levels": ports, "neuron_lanes": 16, "encode_lanes": 16}
    said = machine.model_dump(by_alias=True, exclude_unset=True)
    return Machine.model_validate(said | {"event_arithmetic": arithmetic, "timing": timing})


def takes(network, machine):
    """Whether a machine can hold a network; neuromorphic cores may be too small."""
    try:
        shape = (1, *network.input_shape)
        frame = hwsim.load_dataset("imagenet-sample", frames=1).inputs.reshape(shape)
        hwsim.count(hwsim.simulate(network, frame, machines=[machine]).activity, machine)
    except hwsim.HwsimError:
        return False
    return True


if __name__ == "__main__":
    main()
