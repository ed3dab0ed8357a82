"""What an energy rests on: how much of it is priced by figures of which process, and of which standing.

A table is of one node and supply; the figures it prices with need not be. What it extends may be of another process, a
library may be of a neighbouring node, a memory model may assume another supply. The shares here are of the energy.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from hwsim.pricing.energy_table.price import STANDINGS, Price, Process, Standing
from hwsim.pricing.energy_table.price_list import rules_in
from hwsim.pricing.energy_table.schema import RULES, Rule

T = TypeVar("T")
IN_WORDS: dict[Rule, str] = {
    "interpolation": "between two stated figures",
    "narrow-words": "as the narrowest stated word",
    "wide-words": "as several of the widest stated word",
    "dram-by-bit": "by the bit of a stated word",
}
"""How a memory was priced that its table does not state, after ``is priced``."""


class Basis(NamedTuple):
    """Shares of an energy or a power, each a fraction; those by process and by standing add up to 1."""

    own: Process  # the table's
    by_process: dict[Process, float]
    by_standing: dict[Standing, float]
    by_rule: dict[Rule, float]  # what was not stated and found by a rule; by two of them, in the share of both
    priced: dict[Process, tuple[str, ...]]  # what it was, the most expensive first: addition, sram, leakage

    @property
    def of_another_node(self) -> float:
        """Share of figures of another node than the table's, or of none."""
        return sum(share for process, share in self.by_process.items() if process.node != self.own.node)

    @property
    def at_another_supply(self) -> float:
        """Share of figures at another supply than the table's, or at one that is not stated."""
        return sum(share for process, share in self.by_process.items() if process.supply != self.own.supply)

    @property
    def interpolated(self) -> float:
        """Share that is priced between two stated figures."""
        return self.by_rule.get("interpolation", 0.0)

    @property
    def notes(self) -> tuple[str, ...]:
        """Each process that is not the table's, with its share and what is priced by it; and unstated memories."""
        others = (process for process in self.by_process if process != self.own)
        return (
            *(
                f"{self.by_process[process]:.2%} is priced by figures of {process}, not {self.own}: "
                f"{', '.join(self.priced[process])}"
                for process in others
            ),
            *(f"{share:.2%} is priced {IN_WORDS[rule]}" for rule, share in self.by_rule.items() if rule in IN_WORDS),
        )


def basis(own: Process, parts: Iterable[tuple[str, Price, float]]) -> Basis:
    """What an energy or a power rests on.

    Parameters
    ----------
    own : Process
        Node and supply of the table.
    parts : iterable of (str, Price, float)
        Kind of operation, price, and energy [J] or power [W].
    """
    by_process: dict[Process, float] = defaultdict(float)
    by_standing: dict[Standing, float] = defaultdict(float)
    priced: dict[Process, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    by_rule: dict[Rule, float] = defaultdict(float)
    total = 0.0
    for kind, price, amount in parts:
        total += amount
        by_process[price.process] += amount
        by_standing[price.standing] += amount
        for rule in rules_in(price):
            by_rule[rule] += amount
        priced[price.process][kind.removesuffix("_read").removesuffix("_write")] += amount
    whole = total or 1.0
    return Basis(
        own=own,
        by_process={process: amount / whole for process, amount in _descending(by_process) if amount},
        by_standing={name: by_standing[name] / whole for name in STANDINGS if by_standing[name]},
        by_rule={rule: by_rule[rule] / whole for rule in RULES if by_rule[rule]},
        priced={process: tuple(kind for kind, share in _descending(each) if share) for process, each in priced.items()},
    )


def _descending(amounts: dict[T, float]) -> list[tuple[T, float]]:
    return sorted(amounts.items(), key=lambda each: -each[1])
