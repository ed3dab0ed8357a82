"""What an energy table lacks to price networks on machines: a few frames are run, counted and priced."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim.counting.accounting import count
from hwsim.datasets import Dataset, load_dataset
from hwsim.errors import DataError, FileError, HwsimError, UnknownNameError
from hwsim.machine import Machine, load_machine
from hwsim.network.graph import Network
from hwsim.network.operation import Operation
from hwsim.network_file import load_network
from hwsim.pricing.energy_table import EnergyTable
from hwsim.pricing.lacking import lacking
from hwsim.simulation.simulator import simulate

N_FRAME = 4


@dataclass(frozen=True)
class Coverage:
    """What a table lacks for one network on one machine."""

    network: str
    machine: str
    missing: dict[str, tuple[Operation, ...]]  # by phase; empty where every price is there
    refusal: str = ""  # why the machine cannot count the network, where it cannot

    @property
    def text(self) -> str:
        """In one line."""
        if self.refusal:
            return f"cannot be counted: {self.refusal}"
        return "; ".join(f"{phase} lacks {', '.join(map(str, each))}" for phase, each in self.missing.items())


def coverage(
    table: EnergyTable, networks: Iterable[str | Path | Network], machines: Iterable[str | Path | Machine]
) -> Iterator[Coverage]:
    """Check a table against every network on every machine.

    A few frames of the network's own data set are run, or random ones where that is not at hand; rare operations may
    be missed by so few.

    Parameters
    ----------
    table : EnergyTable
        The table, with its rules.
    networks, machines : iterable
        Names, files or objects.

    Raises
    ------
    UnknownNameError
        For a name that nothing has.
    """
    chosen = [load_machine(machine) for machine in machines]
    for network in map(load_network, networks):
        frames = few_frames(network)
        for machine in chosen:
            try:
                counts = count(simulate(network, frames, machines=[machine]).activity, machine)
            except HwsimError as error:
                yield Coverage(network.name, machine.name, {}, str(error))
                continue
            missing = {phase: tuple(each) for phase, each in lacking(counts, table).items()}
            yield Coverage(network.name, machine.name, missing)


def few_frames(network: Network) -> Dataset:
    """A few frames that the network takes: of its own data set, or random ones where that is not at hand."""
    stated = network.about.get("accuracy")
    name = str(stated.get("data_set", "")).split(" ")[0] if isinstance(stated, dict) else ""
    try:
        data = load_dataset(name)[:N_FRAME]
        if data.shape == network.input_shape:
            return data
    except (DataError, FileError, UnknownNameError):
        pass
    format, shape = network.input_format, (N_FRAME, *network.input_shape)
    generator = np.random.default_rng(0)
    if format.is_real:
        return Dataset(generator.integers(0, 256, shape).astype(np.uint8), step=1 / 255)
    codes = generator.integers(format.lowest, format.highest, shape, endpoint=True)
    if format.kind == "binary":  # which has no zero
        codes = np.where(codes < 1, -1, 1)
    return Dataset(codes, step=network.input_step)
