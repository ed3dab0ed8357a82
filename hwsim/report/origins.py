"""Of which process and standing the figures are that results were priced with, in sentences."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from hwsim.pricing.basis import IN_WORDS, Basis
from hwsim.pricing.breakdown import Breakdown
from hwsim.pricing.energy_table import EnergyTable
from hwsim.pricing.energy_table.price import STANDINGS, Price
from hwsim.pricing.energy_table.price_list import rules_in
from hwsim.pricing.energy_table.schema import Rule
from hwsim.report.units import figures

T = TypeVar("T")
MARKS: dict[Rule, str] = {
    "interpolation": "interpolated",
    "narrow-words": "narrow word",
    "wide-words": "wide word",
    "dram-by-bit": "by the bit",
}
"""How a memory's price was found, in two words."""


def process(table: EnergyTable, breakdowns: Iterable[Breakdown]) -> str:
    """Node and supply of a table, and those of figures of others that it priced with."""
    others = [str(each) for each in _union(each.basis.by_process for each in breakdowns) if each != table.own_process]
    return f"{table.process}; in part figures of {' and of '.join(others)}" if others else table.process


def sentences(breakdowns: Sequence[Breakdown]) -> tuple[str, ...]:
    """Shares of figures of another process, and of each standing: of one result, or the range over several."""
    if not breakdowns:
        return ()
    energies = [breakdown.basis for breakdown in breakdowns]
    static = [found for breakdown in breakdowns if (found := breakdown.static_basis) is not None]
    shares = [*_of_others("energy", energies), *_of_others("static power", static)]
    foreign = f"Not of {energies[0].own}, the table's own process: {'; '.join(shares)}." if shares else ""
    standings = [name for name in STANDINGS if any(name in found.by_standing for found in energies)]
    listed = [f"{name} {_range([found.by_standing.get(name, 0.0) for found in energies])}" for name in standings]
    for rule, words in IN_WORDS.items():
        found_so = [found.by_rule.get(rule, 0.0) for found in energies]
        how = "interpolated between two of them" if rule == "interpolation" else f"priced {words}"
        listed += [f"{how} {_range(found_so)}"] if any(found_so) else []
    return (foreign, f"Standing of the figures, by share of the energy: {', '.join(listed)}.")


def _of_others(what: str, found: Sequence[Basis]) -> list[str]:
    """Shares of processes that are not the table's."""
    said = []
    for process in _union(each.by_process for each in found):
        if process != found[0].own:
            kinds = ", ".join(_in_words(kind) for kind in _union(each.priced.get(process, ()) for each in found))
            share = _range([each.by_process.get(process, 0.0) for each in found])
            said.append(f"{share} of the {what}, by figures of {process} ({kinds})")
    return said


def standing(price: Price) -> str:
    """The standing of a price, and how it was found where that of a memory is not stated."""
    return ", ".join([price.standing, *(MARKS[rule] for rule in rules_in(price) if rule in MARKS)])


def _union(each: Iterable[Iterable[T]]) -> list[T]:
    return list(dict.fromkeys(item for items in each for item in items))


def _in_words(kind: str) -> str:
    return kind.replace("_", " ").replace("sram", "SRAM").replace("dram", "DRAM")


def _range(shares: Sequence[float]) -> str:
    """Percent, from the least to the most."""
    least, most = (figures(100 * end) for end in (min(shares), max(shares)))
    return f"{most} %" if least == most else f"{least} to {most} %"
