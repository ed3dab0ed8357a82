"""Energy taken apart: stacked by phase, by operation and by layer."""

from collections.abc import Callable, Iterable
from typing import Any

from hwsim.counting.counts import PHASES, Counts
from hwsim.pricing.breakdown import Line
from hwsim.report import wording
from hwsim.report.figures import PALETTE, Figure, axis, escaped, layout
from hwsim.report.memories import memory_name
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell

FLAT = {"codes": "SRAM, activations", "weights": "SRAM, weights", "state": "SRAM, state"}
"""An operand that passes through levels has the colour of its one memory elsewhere, and each level has a hatch."""
HATCHES = ("x", "", "/", "-", ".", "\\", "|", "+")
"""From the farthest level on."""
OPERATIONS = (
    "multiplication",
    "addition",
    "register update",
    "comparison",
    "SRAM, activations",
    "SRAM, weights",
    "SRAM, state",
)
"""The usual ones, in the order in which they are stacked."""


def by_phase(priced: Priced) -> Figure:
    """Energy of each row, stacked by phase."""
    return stacked(priced, lambda line, counts: line.key.phase, PHASES)


def by_operation(priced: Priced) -> Figure:
    """Energy of each row, stacked by kind of operation; memories by what they hold, levels one by one."""
    return stacked(priced, _what, (*OPERATIONS, *_levels(priced)))


def by_layer(priced: Priced) -> Figure:
    """Energy of each row, stacked by layer."""
    keys = [key for cell in priced.cells for key in cell.counts.entries]
    weighted = {key.layer for key in keys if key.phase == "synapse"}
    # the network's input, which has no weights, comes first
    order = sorted(dict.fromkeys(key.layer for key in keys), key=lambda layer: layer in weighted)
    return stacked(priced, lambda line, counts: line.key.layer, order)


def _levels(priced: Priced) -> dict[str, Figure]:
    """What operands move through, level by level from the farthest on, each with its looks."""
    names = dict.fromkeys(level.name for cell in priced.cells for level in cell.counts.levels)
    hatch = {name: HATCHES[k % len(HATCHES)] for k, name in enumerate(names)}
    looks: dict[str, Figure] = {}
    for level in (level for cell in priced.cells for level in cell.counts.levels):
        for operand in level.holds:
            place = OPERATIONS.index(FLAT[operand]) if operand in FLAT else len(OPERATIONS)
            pattern = {"shape": hatch[level.name], "fillmode": "overlay", "solidity": 0.25}
            looks[f"{level.name}: {operand}"] = {"color": PALETTE[place], "pattern": pattern}
    return looks


def _what(line: Line, counts: Counts) -> str:
    operation = line.key.operation
    if operation.kind == "leakage":
        return "leakage"
    if operation.memory:
        name = memory_name(operation, counts)
        return name if counts.levels else f"{operation.kind.split('_')[0].upper()}, {name}"
    return operation.kind.replace("_", " ")


def stacked(priced: Priced, part_of: Callable[[Line, Counts], str], order: Iterable[str] = ()) -> Figure:
    """One bar for each row, in parts; a row without a price says what is lacking."""
    rows = [_parts(cell, part_of) for cell in priced.cells]
    # a part keeps its colour in every table, whether or not the parts before it are seen
    parts = dict.fromkeys([*order, *(part for row in rows for part in row)])
    looks = {part: {"color": PALETTE[k % len(PALETTE)]} for k, part in enumerate(parts)} | _levels(priced)
    shown = [part for part in parts if any(row.get(part) for row in rows)]
    names = [f"{escaped(cell.network)}<br>{escaped(cell.machine)}" for cell in priced.cells]
    sums = [sum(row.values()) for row in rows]
    data = [_bar(priced, part, names, [row.get(part) for row in rows], sums, looks[part]) for part in shown]
    data.append(_ends(priced, names, sums))
    absolute = [bar["x"] for bar in data]
    shares = [bar.pop("shares") for bar in data]
    title = f"{priced.energy_kind} energy per inference [{priced.unit.name}]"
    return {
        "data": data,
        "layout": layout(
            barmode="stack",
            bargap=0.28,
            height=144 + 44 * len(names),
            margin={"l": 24, "r": 24, "t": 40, "b": 104},
            xaxis=axis(title, range=[0, _reach(absolute[-1])]),
            yaxis=axis("", type="category", categoryarray=names[::-1], categoryorder="array", ticks=""),
            legend={"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "traceorder": "normal"},
            updatemenus=[_switch(title, absolute, shares)],
        ),
    }


def _parts(cell: Cell, part_of: Callable[[Line, Counts], str]) -> dict[str, float]:
    """Energy per inference of each part of a row [J]; nothing for a row without a price."""
    parts: dict[str, float] = {}
    for line in cell.breakdown.lines if cell.breakdown else ():
        part = part_of(line, cell.counts)
        parts[part] = parts.get(part, 0.0) + float(line.energy.sum()) / cell.counts.n_inference
    return parts


def _bar(
    priced: Priced, part: str, names: list[str], joules: list[float | None], sums: list[float], looks: Figure
) -> Figure:
    shares = [
        None if energy is None or not total else 100 * energy / total
        for energy, total in zip(joules, sums, strict=True)
    ]
    said = [
        "" if energy is None or share is None else f"{priced.unit.text(energy)} {priced.unit.name}, {share:.1f} %"
        for energy, share in zip(joules, shares, strict=True)
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": escaped(part),
        "y": names,
        "x": [None if energy is None else priced.unit.of(energy) for energy in joules],
        "shares": shares,
        "text": said,
        "textposition": "none",
        "marker": looks,
        "hovertemplate": "%{y}<br>%{fullData.name}: %{text}<extra></extra>",
    }


def _ends(priced: Priced, names: list[str], sums: list[float]) -> Figure:
    """The totals at the ends of the bars, or why there is none."""
    unit = priced.unit
    said = [
        f"{unit.text(total)} {unit.name}"
        if cell.breakdown is not None
        else escaped(f"not priced: {wording.lacking_sentence(cell, priced.phases)}")
        for cell, total in zip(priced.cells, sums, strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "text",
        "y": names,
        "x": [unit.of(total) for total in sums],
        "shares": [100.0 if total else 0.0 for total in sums],
        "text": [f" {text}" for text in said],
        "textposition": "middle right",
        "textfont": {"size": 12},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _switch(title: str, absolute: list[Any], shares: list[Any]) -> Figure:
    """Between energies and each row's shares."""
    choices = (
        ("energy", absolute, {"xaxis.title.text": title, "xaxis.range": [0, _reach(absolute[-1])]}),
        ("share of each row", shares, {"xaxis.title.text": "share of the row's energy [%]", "xaxis.range": [0, 114]}),
    )
    return {
        "type": "buttons",
        "direction": "right",
        "x": 1,
        "xanchor": "right",
        "y": 0,
        "yanchor": "top",
        "pad": {"t": 54},  # below the axis title, where a legend of any length leaves it room
        "buttons": [
            {"label": label, "method": "update", "args": [{"x": values}, changes]} for label, values, changes in choices
        ],
    }


def _reach(ends: list[float]) -> float:
    """Where the axis ends: beyond the longest bar, with room for its total."""
    return 1.14 * max(ends) or 1.0
