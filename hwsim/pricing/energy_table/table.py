"""An energy table: what one operation costs in one process, and where the figure comes from."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hwsim.errors import TableError
from hwsim.network.operation import ACCESSES, ARITHMETIC
from hwsim.pricing.energy_table.figure_schema import Source
from hwsim.pricing.energy_table.price import Price, Process, Standing
from hwsim.pricing.energy_table.price_list import PriceList, origin_of
from hwsim.pricing.energy_table.schema import RULES

if TYPE_CHECKING:
    import pandas as pd


class StaticPower(NamedTuple):
    """A power that flows whether or not anything happens."""

    power: float  # [W], or W per what `per` says
    low: float  # likewise
    high: float  # likewise
    per: str  # "", "byte" or "bit"
    capacity: int  # of a memory [bytes]; 0 of anything else
    word_length: int  # of a memory [bits]; 0 of anything else
    standing: Standing
    source: str
    where: str
    process: Process = Process()


class Aside(NamedTuple):
    """An energy that the source states and no machine counts."""

    energy: float  # [J]
    low: float  # [J]
    high: float  # [J]
    standing: Standing
    source: str
    where: str


@dataclass(frozen=True, eq=False)
class EnergyTable(PriceList):
    """Energies of operations in one process; made by :func:`load_table`."""

    name: str
    description: str
    process_node: float | None  # [nm]; None where the figures are of no one process
    supply: float | None  # [V]; None where the source does not say
    sources: Mapping[str, Source]
    leakage: Mapping[str, tuple[StaticPower, ...]]  # by what leaks
    unpriced: Mapping[str, Aside]  # by what it is of
    variants: Mapping[str, str]  # what each is, by the name to choose it with after a colon
    parts: Mapping[str, float | None]  # process node [nm] of each table that this one extends, by name
    missing: tuple[str, ...]  # in words: what the sources do not say

    @property
    def process(self) -> str:
        """Node and supply, in words."""
        node = f"{self.process_node:g} nm" if self.process_node else "no one process"
        return f"{node}, {f'{self.supply:g} V' if self.supply else 'supply not stated'}"

    @property
    def own_process(self) -> Process:
        """Node and supply that the table says it is of; single figures may be of others."""
        return Process(self.process_node, self.supply)

    @property
    def other_processes(self) -> tuple[Process, ...]:
        """Processes of figures in the table that are not the table's own."""
        columns = [points for memory in self.memories.values() for points in memory.values()]
        found = [
            *(price.process for price in self.exact.values()),
            *(law.process for law in self.laws.values()),
            *(price.process for points in columns for price in points.values()),
            *(power.process for powers in self.leakage.values() for power in powers),
        ]
        return tuple(process for process in dict.fromkeys(found) if process != self.own_process)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Operations and accesses of which the table prices none at all."""
        known = {kind for kind, _ in (*self.exact, *self.laws, *self.equivalences)} | set(self.memories)
        return tuple(kind for kind in (*ARITHMETIC, *ACCESSES) if kind not in known)

    @property
    def citation(self) -> str:
        """The sources, one a line, each after its key."""
        return "\n".join(f"{key}: {source}" for key, source in self.sources.items())

    def static_power(self, of: str, capacity: int = 0, word_length: int = 0) -> StaticPower | None:
        """Power of one such thing that flows whether or not anything happens; None where the table has none.

        Parameters
        ----------
        of : str
            A key of `leakage`, such as ``sram``.
        capacity, word_length : int, optional
            Of a memory [bytes], [bits]; one smaller than any stated is built as the smallest.
        """
        alike = [each for each in self.leakage.get(of, ()) if each.word_length == word_length]
        wanted = max(capacity, min((each.capacity for each in alike), default=0))
        return next((each for each in alike if each.capacity == wanted), None)

    def with_rules(self, rules: Iterable[str]) -> "EnergyTable":
        """The same figures with more ways to find a price.

        Raises
        ------
        TableError
            For a rule that there is not.
        """
        asked = (rules,) if isinstance(rules, str) else tuple(rules)
        unknown = [rule for rule in asked if rule not in RULES]
        if unknown:
            raise TableError(f"no lookup rule {unknown[0]!r}; write {', '.join(RULES)}")
        every = tuple(rule for rule in RULES if rule in (*self.rules, *asked))
        return self if every == self.rules else replace(self, rules=every)

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per stated figure, law and equivalence; the latter two have no energy of their own."""
        import pandas as pd

        names = ["operation", "format", "capacity [bytes]", "word length [bits]"]
        energies = ["energy [pJ]", "low [pJ]", "high [pJ]"]
        origin = ["rule", "standing", "source", "where", "process node [nm]", "supply [V]"]
        return pd.DataFrame(list(self._rows()), columns=[*names, *energies, *origin])

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        nothing = (math.nan,) * 3
        for (kind, formats), price in self.exact.items():
            yield kind, " x ".join(formats), 0, 0, *_row(price)
        for (kind, operands), priced in self.laws.items():
            law = priced.law
            widths = f"{operands}, {law.widths[0]} to {law.widths[1]} bits"
            yield kind, widths, 0, 0, *nothing, f"law: {priced.text}", law.standing, *origin_of(law), *priced.process
        for (kind, format), same in self.equivalences.items():
            rule = f"as {same.as_operation} {same.as_format or format}"
            yield kind, format, 0, 0, *nothing, rule, "assumed", "", same.reason, None, None
        for kind, columns in self.memories.items():
            for word_length, points in columns.items():
                for capacity, price in points.items():
                    yield kind, "", capacity, word_length, *_row(price)


def _row(price: Price) -> tuple[Any, ...]:
    return (*(1e12 * energy for energy in price[:3]), *price[3:7], *price.process)
