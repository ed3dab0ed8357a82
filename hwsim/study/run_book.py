"""What a study runs and counts, each once: networks, machines, and the steps from a baseline to a row."""

from collections.abc import Callable
from pathlib import Path

from hwsim.counting.accounting import count
from hwsim.counting.counts import Counts
from hwsim.datasets import Dataset
from hwsim.errors import MachineError
from hwsim.machine import Machine, load_machine
from hwsim.network.graph import Network
from hwsim.network_file import load_network
from hwsim.simulation.run import Run
from hwsim.simulation.simulator import simulate

NetworkLike = str | Path | Network
MachineLike = str | Path | Machine
Pair = tuple[NetworkLike, MachineLike]

FACTORS = ("number format", "event arithmetic", "zero skipping", "delta")
"""What an advantage over the baseline is made of, in the order in which the steps are taken: the network's number
formats, how the row's machine carries out one event at one synapse (multiplied, added repeatedly, shifted), skipping
what is zero, and presenting differences only."""

STORAGE = "storage"
"""A fifth factor, after the second, of machines that differ from the baseline's in more than these: in where operands
live and how often they are read (compressed, off chip, row by row, shared by a batch ...)."""


class RunBook:
    """What is run and counted once, and looked up by name from then on."""

    def __init__(self, data: Dataset, per_frame: bool, progress: Callable[[str], None]) -> None:
        self.data, self.per_frame, self.progress = data, per_frame, progress
        self.networks: dict[str, Network] = {}
        self.machines: dict[str, Machine] = {}
        self._runs: dict[tuple[str, str], Run] = {}
        self._counts: dict[tuple[str, Machine], Counts] = {}

    def pair(self, pair: Pair) -> tuple[str, str]:
        """Names of a network and a machine, which are loaded; two of one name must be the same."""
        network, machine = load_network(pair[0]), load_machine(pair[1])
        if self.networks.setdefault(network.name, network) != network:
            raise MachineError(f"two different networks are named {network.name!r}; rename one")
        if self.machines.setdefault(machine.name, machine) != machine:
            raise MachineError(f"two different machines are named {machine.name!r}; rename one")
        return network.name, machine.name

    def run(self, network: str, execution: str) -> Run:
        """The run of a network under an execution."""
        if (network, execution) not in self._runs:
            self.progress(f"simulating {network}, {execution}")
            run = simulate(self.networks[network], self.data, execution, per_frame=self.per_frame)
            self._runs[network, execution] = run
        return self._runs[network, execution]

    def count(self, network: str, machine: Machine) -> Counts:
        """The counts of a network on a machine."""
        if (network, machine) not in self._counts:
            self._counts[network, machine] = count(self.run(network, machine.execution).activity, machine)
        return self._counts[network, machine]

    def steps(self, pair: tuple[str, str], first: tuple[str, str]) -> dict[str, Counts]:
        """From the baseline to a row, a step per factor; the baseline itself has an empty name.

        The row's network on the dense reference machine; with the event arithmetic of the row's machine; with its
        storage, where that is another; then what is zero is skipped (inputs, and weights where the machine does so);
        then delta.
        """
        network, machine = pair[0], self.machines[pair[1]]
        reference = self.machines[first[1]]
        if not reference.walk.presents_every_input:
            reference = load_machine("mac-array")
        dense = reference.model_copy(update={"event_arithmetic": machine.event_arithmetic})
        steps = {"": self.count(first[0], self.machines[first[1]]), FACTORS[0]: self.count(network, reference)}
        steps[FACTORS[1]] = self.count(network, dense)
        stored = _with_storage(dense, machine)
        if stored != dense:
            steps[STORAGE] = self.count(network, stored)
        presents_changes = machine.walk.presents_changes
        without_delta = machine.model_copy(update={"execution": "sparse"}) if presents_changes else machine
        return {**steps, FACTORS[2]: self.count(network, without_delta), FACTORS[3]: self.count(network, machine)}


def _with_storage(dense: Machine, machine: Machine) -> Machine:
    """The dense machine with all of another one but what the factors are about; itself where that is nothing."""
    texts = ("name", "description", "sources", "assumed")
    own = (*texts, "execution", "event_arithmetic", "zero_operands", "skip_zero_weights", "events")
    return machine.model_copy(update={name: getattr(dense, name) for name in own})
