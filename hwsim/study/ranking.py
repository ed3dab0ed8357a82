"""Does the order of two results survive the intervals of the prices?

Two results priced with one table pay the same prices: an addition is not cheap in one row and dear in the next. So
intervals that overlap say little; what counts is whether the difference keeps its sign wherever in its interval every
price lies.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.breakdown import Breakdown


class Difference(NamedTuple):
    """By how much one result exceeds another, per inference. [J]"""

    low: float  # the smallest, over all prices within their intervals
    high: float

    @property
    def is_settled(self) -> bool:
        """Whether it keeps its sign."""
        return self.low > 0 or self.high < 0 or self.low == self.high


def difference(one: Breakdown, other: Breakdown) -> Difference:
    """Energy of one result less that of another, per inference, over all prices within their intervals.

    Every price moves through its interval on its own, but all of one kind of memory move together: what makes one
    SRAM dearer than stated (its wires, its periphery, the process) makes the others dearer too. The difference is
    then linear in every price between its lowest, stated and highest value, so that its extremes lie at these.

    Raises
    ------
    TableError
        When the results are priced with different tables.
    """
    if one.table.name != other.table.name:
        raise TableError(
            f"results priced with {one.table.name} and {other.table.name} pay different prices; price both with one"
        )
    parts: dict[object, npt.NDArray[np.float64]] = defaultdict(lambda: np.zeros(3))
    for sign, breakdown in ((1, one), (-1, other)):
        for line in breakdown.lines:
            share, price = sign * int(line.count.sum()) / breakdown.counts.n_inference, line.charged
            parts[_moving_as_one(line.key.operation)] += share * np.array([price.low, price.energy, price.high])
    return Difference(
        float(sum(part.min() for part in parts.values())), float(sum(part.max() for part in parts.values()))
    )


def _moving_as_one(operation: Operation) -> object:
    """What a price is moved with: the memories of its kind, else itself."""
    kind = operation.kind.removesuffix("_read").removesuffix("_write")
    return kind if operation.memory else (operation.kind, operation.format)
