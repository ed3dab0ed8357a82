"""What a study runs and counts, each once: networks, machines, and the steps from a baseline to a row."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hwsim.counting.accounting import count
from hwsim.counting.counts import Counts
from hwsim.datasets import Dataset
from hwsim.errors import HwsimError, MachineError
from hwsim.machine import Machine, load_machine
from hwsim.network.graph import Network
from hwsim.network_file import load_network
from hwsim.simulation.run import Run
from hwsim.simulation.simulator import simulate
from hwsim.study.capacities import Sizes, largest_of, made_to_measure, resized
from hwsim.study.chain import Chain, chain_of, machines_needed
from hwsim.timing.schedule import schedule
from hwsim.timing.timing import Timing

NetworkLike = str | Path | Network
MachineLike = str | Path | Machine
Pair = tuple[NetworkLike, MachineLike]
Named = tuple[str, str]
"""A row by the names of its network and its machine."""


class Timed(NamedTuple):
    """How long a row takes, or why that cannot be told."""

    timing: Timing | None  # None also where the machine has no time
    why_not: str = ""


class RunBook:
    """What is run and counted once, and looked up by name from then on."""

    def __init__(self, data: Dataset, per_frame: bool, progress: Callable[[str], None]) -> None:
        self.data, self.per_frame, self.progress = data, per_frame, progress
        self.networks: dict[str, Network] = {}
        self.machines: dict[str, Machine] = {}
        self._runs: dict[tuple[str, str], Run] = {}
        self._counts: dict[tuple[str, Machine], Counts] = {}
        self._timings: dict[Named, Timed] = {}
        self._chains: dict[tuple[Named, Named], Chain] = {}
        self._shared: Sizes | None = None
        self._expected: dict[tuple[str, str], dict[Machine, None]] = {}  # by network and execution

    def pair(self, pair: Pair) -> Named:
        """Names of a network and a machine, which are loaded; two of one name must be the same."""
        network, machine = load_network(pair[0]), load_machine(pair[1])
        if self.networks.setdefault(network.name, network) != network:
            raise MachineError(f"two different networks are named {network.name!r}; rename one")
        if self.machines.setdefault(machine.name, machine) != machine:
            raise MachineError(f"two different machines are named {machine.name!r}; rename one")
        return network.name, machine.name

    def expect(self, rows: Iterable[Named], baselines: Sequence[Named]) -> None:
        """Say before the first run what will be counted: some machines have to be known then."""
        for (network, name), (_, first) in itertools.product(rows, baselines):
            for machine in machines_needed(self.machines[first], self.machines[name]):
                if machine != self.machines[name]:  # on the way to a row nothing is timed
                    machine = machine.model_copy(update={"timing": None})
                self._expected.setdefault((network, machine.execution), {})[machine] = None

    def run(self, network: str, execution: str) -> Run:
        """The run of a network under an execution."""
        if (network, execution) not in self._runs:
            self.progress(f"simulating {network}, {execution}")
            expected = self._expected.get((network, execution), ())
            told = [machine for machine in expected if machine.levels and not self.refusal(network, machine)]
            run = simulate(self.networks[network], self.data, execution, machines=told, per_frame=self.per_frame)
            self._runs[network, execution] = run
        return self._runs[network, execution]

    def refusal(self, network: str, machine: Machine) -> str:
        """Why a machine cannot count a network, found on one frame; nothing where it can."""
        try:
            count(simulate(self.networks[network], self.data[:1], machine.walk, machines=[machine]).activity, machine)
        except HwsimError as error:
            return str(error)
        return ""

    def count(self, network: str, machine: Machine) -> Counts:
        """The counts of a network on a machine, in shared memories once there are such."""
        if (network, machine) not in self._counts:
            self._counts[network, machine] = count(self.run(network, machine.execution).activity, machine)
        counts = self._counts[network, machine]
        return counts if self._shared is None else resized(counts, made_to_measure(machine), self._shared)

    def count_row(self, row: Named) -> Counts:
        """The counts of a row."""
        return self.count(row[0], self.machines[row[1]])

    def time_row(self, row: Named) -> Timed:
        """How long a row takes."""
        if row not in self._timings:
            self._timings[row] = self._timed(row[0], self.machines[row[1]])
        return self._timings[row]

    def _timed(self, network: str, machine: Machine) -> Timed:
        if machine.timing is None:
            return Timed(None)
        try:
            return Timed(schedule(self.run(network, machine.execution).activity, machine))
        except HwsimError as error:  # the row has an energy even so
            return Timed(None, f"no time: {error}")

    def share(self, rows: Iterable[Named]) -> None:
        """From now on every memory that is made to measure is as large as that of its name needs to be in any row."""
        self._shared = largest_of((self.count_row(row), self.machines[row[1]]) for row in rows)
        self._chains.clear()

    def chain(self, row: Named, first: Named) -> Chain:
        """From a baseline to a row, a step per factor."""
        if (row, first) not in self._chains:
            own, before = ((network, self.machines[machine]) for network, machine in (row, first))
            self._chains[row, first] = chain_of(self.count, own, before)
        return self._chains[row, first]
