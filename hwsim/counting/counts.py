"""Operations, in whole numbers, by layer, phase, operation and number format. No joules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity.rules import COLUMN as COLUMN
from hwsim.activity.rules import RULES as RULES
from hwsim.errors import MachineError
from hwsim.files.views import Viewed
from hwsim.machine import Level
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import LARGEST_COUNT, Operation

if TYPE_CHECKING:
    import pandas as pd

IntArray: TypeAlias = npt.NDArray[np.int64]
Phase = Literal["encode", "synapse", "neuron", "memory", "static"]

PHASES: tuple[Phase, ...] = ("encode", "synapse", "neuron", "memory")
"""Those that are counted. The fifth is time, not work: `static` has a price only where a frame rate is given."""


class Key(NamedTuple):
    """Where and when an operation was executed."""

    layer: str
    phase: Phase
    operation: Operation


@dataclass(frozen=True, eq=False)
class Counts(Viewed):
    """How often each operation was executed, per group of frames."""

    entries: Mapping[Key, IntArray]  # (n_group,) each
    groups: tuple[str, ...]  # names of the groups
    n_frame: IntArray  # (n_group,) frames in each
    network: str = ""
    data: str = ""
    execution: str = ""
    machine: str = ""
    notes: tuple[str, ...] = ()  # what a reader must know of these counts
    overhead: tuple[float, float] = (1.0, 1.0)  # low and high factor on the energy of arithmetic, of the machine
    tables: tuple[Operation, ...] = ()  # memories of tables of functions, one for each function, as reads of them
    rules: int = RULES  # that they were counted by
    levels: tuple[Level, ...] = ()  # of a machine that names its levels, from far to near; of others none

    @property
    def n_inference(self) -> int:
        """Frames counted."""
        return int(self.n_frame.sum())

    def total(self, phase: str | None = None, kind: str | None = None, layer: str | None = None) -> int:
        """Operations in all, of one phase, kind or layer where given."""
        return sum(
            int(count.sum())
            for key, count in self.entries.items()
            if phase in (None, key.phase) and kind in (None, key.operation.kind) and layer in (None, key.layer)
        )

    def words(self, direction: Literal["read", "write"] | None = None) -> int:
        """Memory words moved between lanes and memories (register updates are not among them)."""
        kinds = [
            f"{memory}_{way}" for memory in ("sram", "dram") for way in ("read", "write") if direction in (None, way)
        ]
        return sum(self.total(kind=kind) for kind in kinds)

    def as_format(self, name: str) -> "Counts":
        """The same operations as if every operand had the given format: a hypothesis, marked as such.

        Parameters
        ----------
        name : str
            Number format, e.g. ``"int32"``.
        """
        operand = NumberFormat.parse(name).operand
        entries: dict[Key, IntArray] = {}
        for key, count in self.entries.items():
            format = tuple(operand for _ in key.operation.format)
            changed = key._replace(operation=key.operation._replace(format=format))
            entries[changed] = entries.get(changed, 0) + count
        return replace(self, entries=entries, notes=(*self.notes, f"hypothetical: all arithmetic as {operand}"))

    def __repr__(self) -> str:
        """What was counted where, and how much of it per inference."""
        number = sum(int(count.sum()) for count in self.entries.values()) / max(self.n_inference, 1)
        what = f"{self.n_inference:,} inferences, {number:,.6g} operations and accesses each"
        return f"<Counts of {self.network} on {self.data}, {self.machine}: {what}>"

    def scaled(self, factor: int) -> "Counts":
        """Every count times a whole number, as if the same frames had come so many times."""
        is_whole = type(factor) is not bool and math.isfinite(factor) and factor == math.floor(factor)
        if not is_whole or factor < 0:
            raise MachineError(f"counts are whole numbers; they cannot be scaled by {factor}")
        for key, count in self.entries.items():
            if (number := sum(map(int, count))) * int(factor) > LARGEST_COUNT:
                raise MachineError(
                    f"layer {key.layer}: {number:,} {key.operation.kind}s times {int(factor):,} are more than 64 bits "
                    "count; scale by less"
                )
        entries = {key: count * int(factor) for key, count in self.entries.items()}
        return replace(self, entries=entries, n_frame=self.n_frame * int(factor))

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per layer, phase, operation, format, memory and group of frames."""
        import pandas as pd

        columns = ["layer", "phase", "operation", "format", "memory", "capacity [bytes]", "word length [bits]"]
        rows = [
            (*_row(key), group, int(number), self.rules)
            for key, count in self.entries.items()
            for group, number in zip(self.groups, count, strict=True)
            if number
        ]
        return pd.DataFrame(rows, columns=[*columns, "operand", "frames", "count", COLUMN])


def _row(key: Key) -> tuple[str, str, str, str, str, int, int, str]:
    kind, format, memory, capacity, word_length, operand = key.operation
    return key.layer, key.phase, kind, " x ".join(format), memory, capacity, word_length, operand
