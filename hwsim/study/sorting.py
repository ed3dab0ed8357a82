"""Rows in another order than the study's: by energy, by time, by both, or by accuracy."""

from collections.abc import Callable, Iterable, Mapping

from hwsim.errors import UnknownNameError
from hwsim.study.cell import Cell

Value = Callable[[Cell], float | None]

SORTS: Mapping[str, Value] = {
    "energy": lambda cell: cell.breakdown.per_inference if cell.breakdown else None,
    "latency": lambda cell: cell.timing.latency if cell.timing else None,
    "edp": lambda cell: cell.breakdown.energy_delay if cell.breakdown else None,
    "accuracy": lambda cell: None if cell.accuracy is None else -cell.accuracy,
}
"""What rows can be sorted by, best first."""


def checked_sort(sort: str) -> str:
    """What to sort by, as it is asked for; UnknownNameError for what is none."""
    if sort not in SORTS:
        raise UnknownNameError("order of rows", sort, SORTS)
    return sort


def in_order(cells: Iterable[Cell], sort: str) -> tuple[Cell, ...]:
    """Rows of each table, which stay together, best first; those without a value last, equals as they were."""
    cells = tuple(cells)
    tables = list(dict.fromkeys(cell.table for cell in cells))

    def key(cell: Cell) -> tuple[int, bool, float]:
        value = SORTS[sort](cell)
        return tables.index(cell.table), value is None, value or 0.0

    return tuple(sorted(cells, key=key))
