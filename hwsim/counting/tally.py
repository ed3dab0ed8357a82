"""A ledger of operations under way: counts add up by layer, phase and operation."""

import numpy as np
import numpy.typing as npt

from hwsim.counting.counts import Key, Phase
from hwsim.machine import Machine
from hwsim.network.operation import Operation

IntArray = npt.NDArray[np.int64]


class Tally:
    """Counts under way, per group of frames."""

    def __init__(self) -> None:
        self.entries: dict[Key, IntArray] = {}

    def add(self, layer: str, phase: Phase, operation: Operation, by_group: IntArray) -> None:
        """Count an operation; none at all leaves no entry."""
        if np.any(by_group):
            key = Key(layer, phase, operation)
            self.entries[key] = self.entries.get(key, 0) + by_group

    def add_updates(self, layer: str, accumulator: tuple[str, ...], by_group: IntArray, machine: Machine) -> None:
        """Count the working store's updates, one per addition executed; sums that live in state are none of it."""
        sums = machine.holding("sums")[-1]
        if machine.keeps_sums_in_state:
            return
        if sums.kind == "registers":
            self.add(layer, "memory", Operation("register_update", accumulator), by_group)
            return
        bits = int("".join(filter(str.isdigit, accumulator[0])))
        word_length = sums.word_length or bits
        moved = by_group * -(-bits // word_length)
        for kind in ("sram_read", "sram_write"):
            self.add(layer, "memory", Operation(kind, (), sums.name, sums.capacity or 0, word_length, "sums"), moved)
