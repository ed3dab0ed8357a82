"""What time costs: counting and scheduling every preset that has a clock, as a share of simulating, within one run.

    python tests/bench/schedules.py NETWORK [--data imagenet-sample] [--frames 20]

NETWORK is an 8-bit network as levels.py takes it. One thread; medians of five rounds. Prints a Markdown table.
"""

import argparse
import statistics

from levels import N_PAIR, seconds, takes

import hwsim
from hwsim.files.catalogue import machine_names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    parser.add_argument("--data", default="imagenet-sample")
    parser.add_argument("--frames", type=int, default=20)
    arguments = parser.parse_args()
    network, data = hwsim.load_network(arguments.network), hwsim.load_dataset(arguments.data, frames=arguments.frames)
    timed = [machine for name in machine_names() if (machine := hwsim.load_machine(name)).timing is not None]
    taken = [machine for machine in timed if takes(network, machine)]
    by_execution = {
        execution: [machine for machine in taken if machine.execution == execution]
        for execution in ("dense", "sparse", "delta")
    }

    def simulate():
        return [hwsim.simulate(network, data, machines=of_it, threads=1) for of_it in by_execution.values() if of_it]

    def each(action):
        for run in runs:
            for machine in by_execution[run.activity.execution.kind]:
                action(run.activity, machine)

    runs = simulate()
    each(hwsim.schedule)  # compiled, and planned
    actions = simulate, lambda: each(hwsim.count), lambda: each(hwsim.schedule)
    rounds = [[seconds(action) for action in actions] for _ in range(N_PAIR)]
    simulated, counted, scheduled = (statistics.median(column) for column in zip(*rounds, strict=True))
    print("| work | against | ratio | aim |")
    print("|---|---|---|---|")
    what = f"{len(taken)} of {len(timed)} presets with a clock"
    against = f"simulating ({simulated:.2f} s)"
    print(f"| scheduling {what} ({scheduled:.3f} s) | {against} | {scheduled / simulated:.3f} | |")
    both = scheduled + counted
    print(f"| scheduling and counting them ({both:.3f} s) | {against} | {both / simulated:.3f} | 0.1 |")
    for machine in taken:
        activity = next(run.activity for run in runs if run.activity.execution.kind == machine.execution)
        print(f"\n{hwsim.schedule(activity, machine)!r}", end="")
    print()


if __name__ == "__main__":
    main()
