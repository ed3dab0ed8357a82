"""Two energy tables side by side: the ratio of every price that one of them states."""

import math
from typing import TYPE_CHECKING

from hwsim.network.operation import Operation
from hwsim.pricing.energy_table.table import EnergyTable

if TYPE_CHECKING:
    import pandas as pd


def compare_tables(first: EnergyTable, second: EnergyTable) -> "pd.DataFrame":
    """Ratios of a second table's prices to a first one's.

    Parameters
    ----------
    first, second : EnergyTable
        Each is asked for whatever either states; a price found by a law or a rule is used, and named.

    Returns
    -------
    DataFrame
        One row per operation, format, capacity [bytes] and word length [bits] that either table states: the two
        energies [pJ] (not a number where a table has none), their ratio, and how they were found.
    """
    import pandas as pd

    rows = []
    for operation in dict.fromkeys((*_stated(first), *_stated(second))):
        prices = [table.price(operation) for table in (first, second)]
        energies = [1e12 * price.energy if price else math.nan for price in prices]
        ratio = energies[1] / energies[0] if energies[0] else math.nan
        rules = [price.rule if price else "no price" for price in prices]
        found = "; ".join(
            f"{table.name}: {rule}" for table, rule in zip((first, second), rules, strict=True) if rule != "exact"
        )
        what = (operation.kind, " x ".join(operation.format), operation.capacity, operation.word_length)
        rows.append((*what, *energies, ratio, found))
    names = ["operation", "format", "capacity [bytes]", "word length [bits]"]
    return pd.DataFrame(rows, columns=[*names, f"{first.name} [pJ]", f"{second.name} [pJ]", "ratio", "found by"])


def _stated(table: EnergyTable) -> list[Operation]:
    """Everything a table states a figure for, in its order."""
    arithmetic = [Operation(kind, formats) for kind, formats in table.exact]
    accesses = [
        Operation(kind, (), "", capacity, word_length)
        for kind, columns in table.memories.items()
        for word_length, points in columns.items()
        for capacity in points
    ]
    return [*arithmetic, *accesses]


def mean_ratios(ratios: "pd.DataFrame") -> dict[str, float]:
    """Geometric mean of the ratios of each operation, where there are any."""
    known = ratios[ratios["ratio"] > 0]
    return {
        str(kind): math.exp(float(sum(math.log(ratio) for ratio in group["ratio"])) / len(group))
        for kind, group in known.groupby("operation", sort=False)
    }
