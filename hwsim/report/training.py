"""A training step's operations and energy for the terminal."""

from collections.abc import Callable

from hwsim.counting.counts import Counts
from hwsim.pricing.breakdown import Breakdown
from hwsim.report.text_table import Column, table_text
from hwsim.report.units import energy_unit
from hwsim.report.wording import rules_sentence

KINDS: dict[str, tuple[str, ...]] = {
    "multiplications": ("multiplication",),
    "additions": ("addition",),
    "shifts": ("exponent_addition", "constant_shift", "variable_shift"),
    "random numbers": ("random_number",),
    "comparisons": ("comparison",),
}
"""Columns. A shift of a floating-point number is an addition to its exponent."""


def training_cost_text(breakdowns: list[Breakdown], width: int = 10_000) -> str:
    """Operations of one training step by layer and pass, and their energy.

    Parameters
    ----------
    breakdowns : list of Breakdown
        One or more, of one step counted in different ways.
    width : int
        Characters in a line.
    """
    return "\n\n".join(_one(each, width) for each in breakdowns)


def _one(breakdown: Breakdown, width: int) -> str:
    counts = breakdown.counts
    rows = [(layer, name) for layer in dict.fromkeys(key.layer for key in counts.entries) for name in counts.groups]
    total = ("total", "")
    unit = energy_unit([breakdown.total])

    def column(header: str, cell: Callable[[str, str], str]) -> Column:
        return Column(header, [cell(layer, name) for layer, name in [*rows, total]])

    columns = [
        Column("layer", [*(layer if name == counts.groups[0] else "" for layer, name in rows), "total"], False),
        Column("pass", [*(name for _, name in rows), ""], False),
    ]
    for header, kinds in KINDS.items():
        columns.append(column(header, lambda layer, name, kinds=kinds: f"{_number(counts, kinds, layer, name):,}"))  # type: ignore[misc]
    columns.append(column(unit.name, lambda layer, name: unit.text(_energy(breakdown, layer, name))))
    frame = energy_unit([breakdown.per_inference])
    per_frame = f"{frame.text(breakdown.per_inference)} {frame.name} per frame"
    lines = [
        f"{counts.network}: one step of {counts.data}, {counts.machine}; energy table {breakdown.table.name}",
        table_text(columns, width, 2),
        f"{unit.text(breakdown.total)} {unit.name} per step, {per_frame}",
        *(f"* {note}" for note in breakdown.notes),
        f"* {rules_sentence(breakdown.rules)}",
    ]
    return "\n".join([lines[0], "", lines[1], "", *lines[2:]])


def _number(counts: Counts, kinds: tuple[str, ...], layer: str, name: str) -> int:
    """Operations of some kinds, of one layer and pass or of all."""
    return sum(
        int(count.sum() if layer == "total" else count[counts.groups.index(name)])
        for key, count in counts.entries.items()
        if key.operation.kind in kinds and layer in ("total", key.layer)
    )


def _energy(breakdown: Breakdown, layer: str, name: str) -> float:
    """Energy of one layer and pass, or of all. [J]"""
    if layer == "total":
        return breakdown.total
    place = breakdown.counts.groups.index(name)
    return float(sum(line.energy[place] for line in breakdown.lines if line.key.layer == layer))
