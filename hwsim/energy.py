"""Pricing: Counts times an EnergyTable, line by line, so that every joule can be followed back to its source."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.counts import PHASES, Counts, Key, Operation
from hwsim.energy_table import EnergyTable, load_table
from hwsim.errors import TableError
from hwsim.price_curve import Price
from hwsim.price_list import rules_in
from hwsim.table_schema import RULES
from hwsim.whole_mac import with_whole_macs

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """One count and its price."""

    key: Key
    count: npt.NDArray[np.int64]  # (n_group,)
    price: Price

    @property
    def energy(self) -> FloatArray:
        """(n_group,) [J]"""
        return np.asarray(self.count * self.price.energy, np.float64)


@dataclass(frozen=True, eq=False)
class Breakdown:
    """What the counted operations cost. Dynamic energy only."""

    lines: tuple[Line, ...]
    counts: Counts
    table: EnergyTable
    phases: tuple[str, ...]  # those that are priced

    @property
    def total(self) -> float:
        """Energy of all frames. [J]"""
        return float(sum(line.energy.sum() for line in self.lines))

    @property
    def low(self) -> float:
        """Energy of all frames at the low end of every price. [J]"""
        return float(sum((line.count * line.price.low).sum() for line in self.lines))

    @property
    def high(self) -> float:
        """Energy of all frames at the high end of every price. [J]"""
        return float(sum((line.count * line.price.high).sum() for line in self.lines))

    @property
    def per_inference(self) -> float:
        """Mean energy of a frame, first frames included. [J]"""
        return self.total / self.counts.n_inference

    @cached_property
    def by_group(self) -> FloatArray:
        """Energy of each group of frames. (n_group,) [J]"""
        return np.sum([line.energy for line in self.lines], axis=0) if self.lines else np.zeros(len(self.counts.groups))

    def of(self, phase: str | None = None, kind: str | None = None, layer: str | None = None) -> float:
        """Energy of all frames in one phase, kind of operation or layer, where given. [J]"""
        return float(
            sum(
                line.energy.sum()
                for line in self.lines
                if phase in (None, line.key.phase)
                and kind in (None, line.key.operation.kind)
                and layer in (None, line.key.layer)
            )
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: hypotheses, and prices that no source states as such."""
        left_out = [phase for phase in PHASES if phase not in self.phases]
        return (
            *self.counts.notes,
            *((f"phases not priced: {', '.join(left_out)}",) if left_out else ()),
            *sorted(
                {f"{line.key.operation.kind}: {line.price.rule}" for line in self.lines if line.price.rule != "exact"}
            ),
        )

    @property
    def rules_used(self) -> tuple[str, ...]:
        """Each rule that was asked for and found prices, with what it priced, in words."""
        priced: dict[str, dict[str, None]] = defaultdict(dict)
        for line in self.lines:
            whole = ("whole-mac",) if line.key.operation.kind == "mac" else ()
            for rule in (*rules_in(line.price), *whole):
                priced[rule][str(line.key.operation)] = None
        return tuple(f"rule {rule} used for {_shortened(list(each))}" for rule, each in priced.items())

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per layer, phase, operation and group of frames, with price, rule and source."""
        import pandas as pd

        columns = [
            "layer",
            "phase",
            "operation",
            "format",
            "memory",
            "capacity [bytes]",
            "word length [bits]",
            "frames",
        ]
        columns += ["count", "energy [J]", "low [J]", "high [J]", "rule", "standing", "source", "where"]
        rows = []
        for line in self.lines:
            operation, price = line.key.operation, line.price
            what = (operation.kind, " x ".join(operation.format), operation.memory, operation.capacity)
            for group, number in zip(self.counts.groups, line.count, strict=True):
                if number:
                    joule = (number * price.energy, number * price.low, number * price.high)
                    source = (price.rule, price.standing, price.source, price.where)
                    rows.append(
                        (
                            line.key.layer,
                            line.key.phase,
                            *what,
                            operation.word_length,
                            group,
                            int(number),
                            *joule,
                            *source,
                        )
                    )
        return pd.DataFrame(rows, columns=columns)


def price(
    counts: Counts,
    table: str | Path | EnergyTable = "default_45nm",
    phases: Iterable[str] | None = None,
    rules: Iterable[str] = (),
) -> Breakdown:
    """Price every counted operation with a table.

    Parameters
    ----------
    counts : Counts
        What was counted.
    table : str, path or EnergyTable
        A table's name, its YAML file, or a table.
    phases : iterable of str, optional
        Phases to price, of encode, synapse, neuron and memory; all of them unless said.
    rules : iterable of str
        Ways to find prices that the table does not state (see :func:`hwsim.energy_table.load_table`); every price
        found by one is named in the result's ``notes``.

    Raises
    ------
    TableError
        When a price is missing that is needed: never zero, never guessed.
    """
    table = load_table(table, rules)
    counts = with_whole_macs(counts, table)
    chosen = tuple(PHASES if phases is None else dict.fromkeys([phases] if isinstance(phases, str) else phases))
    if not chosen:
        raise TableError(f"no phase to price; write at least one of {', '.join(PHASES)}")
    unknown = [phase for phase in chosen if phase not in PHASES]
    if unknown:
        raise TableError(f"unknown phase {unknown[0]!r}; write {', '.join(PHASES)}")
    missing = lacking(counts, table)
    lacks = {phase: missing[phase] for phase in chosen if phase in missing}
    if lacks:
        raise TableError(_complaint(counts, table, lacks, [phase for phase in chosen if phase not in lacks]))
    lines = []
    for key, count in counts.entries.items():
        if key.phase in chosen:
            found = table.price(key.operation)
            assert found is not None
            lines.append(Line(key, count, found))
    return Breakdown(tuple(lines), counts, table, chosen)


def lacking(counts: Counts, table: str | Path | EnergyTable) -> dict[str, dict[Operation, int]]:
    """Operations that a table cannot price, with their counts, by phase; phases it can price are not in it."""
    table = load_table(table)
    counts = with_whole_macs(counts, table)
    lacks: dict[str, dict[Operation, int]] = defaultdict(lambda: defaultdict(int))
    for key, count in counts.entries.items():
        if table.price(key.operation) is None:
            lacks[key.phase][key.operation] += int(count.sum())
    return {phase: dict(operations) for phase, operations in lacks.items()}


def _complaint(counts: Counts, table: EnergyTable, lacks: dict[str, dict[Operation, int]], rest: list[str]) -> str:
    listed = [
        f"{operation} ({number:,} in {phase})" for phase, each in lacks.items() for operation, number in each.items()
    ]
    shown = _shortened(listed)
    instead = f"price only the phases {', '.join(rest)}, " if rest else ""
    rule = _helping_rule(table, [operation for each in lacks.values() for operation in each])
    asked = f"ask for the rule {rule}, " if rule else ""
    return (
        f"energy table {table.name} has no price for {shown}, which {counts.network} on {counts.machine} needs; "
        f"{instead}{asked}{'or ' if instead or asked else ''}write a table that extends it"
    )


def _shortened(words: list[str], most: int = 3) -> str:
    return "; ".join(words[:most]) + (f"; and {len(words) - most} more" if len(words) > most else "")


def _helping_rule(table: EnergyTable, operations: list[Operation]) -> str:
    """The rule under which the table could price everything that is missing; none where there is none."""
    helps = (rule for rule in RULES if all(table.with_rules([rule]).price(each) is not None for each in operations))
    return next(helps, "")
