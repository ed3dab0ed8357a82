"""Time in figures: latency against energy, where the cycles go, and how near layers come to what a machine can do."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from hwsim.counting.counts import Counts
from hwsim.report import answering, scatter
from hwsim.report.figures import PALETTE, Figure, axis, escaped, layout, logarithmic_axis, symbol_of
from hwsim.report.timing import cycles_of_all, in_short
from hwsim.report.units import figures, time_unit
from hwsim.report.wording import Priced, shortened
from hwsim.study.comparison import Cell, Comparison
from hwsim.timing.timing import LayerTiming, Timing

PLOT_WIDTH = 720.0
"""Of the area between the axes of the latency figure, in a window 900 pixels wide: wider ones have room. [pixels]"""
ROOF = {"color": "#9aa5b1", "width": 1.5}
DASHES = "solid", "dash", "dot", "dashdot", "longdashdot", "longdash"
"""Of roofs, one after the other, so that a line can be found in the legend."""
AGAIN = "", "/", ".", "x"
"""Hatches of bars, each for as many as there are colours."""


def timed(priced: Priced) -> list[tuple[Cell, Timing]]:
    """The rows that have time."""
    return [(cell, cell.timing) for cell in priced.cells if cell.timing is not None]


def latency_against_energy(priced: Priced) -> Figure | None:
    """Every row with a price and a time as a point; None where there is none."""
    rows = [
        (cell, timing)
        for cell, timing in timed(priced)
        if cell.breakdown and answering.energy(cell) > 0 and timing.makespan
    ]
    if not rows:
        return None
    cells = [cell for cell, _ in rows]
    unit = time_unit(timing.latency for _, timing in rows)
    points = [(priced.unit.of(answering.energy(cell)), unit.of(timing.latency)) for cell, timing in rows]
    x_range, y_range = (scatter.reach(along, along) for along in zip(*points, strict=True))
    heights = [(x, math.log10(y)) for x, y in points]
    has_legend = len(cells) > scatter.MOST_LABELS
    traces = [_point(priced, cell, timing, point) for (cell, timing), point in zip(rows, points, strict=True)]
    if has_legend:
        traces = [
            trace | scatter.numbered(cell, number)
            for number, (cell, trace) in enumerate(zip(cells, traces, strict=True), 1)
        ]
    ends = math.log10(y_range[0]), math.log10(y_range[1])
    return {
        "data": traces,
        "layout": layout(
            height=440 + has_legend * scatter.legend_height(len(cells)),
            xaxis=logarithmic_axis(f"{priced.energy_kind} energy [{priced.unit.name}], logarithmic", *x_range),
            yaxis=logarithmic_axis(f"latency [{unit.name}], logarithmic", *y_range),
            showlegend=has_legend,
            legend=scatter.LEGEND,
            annotations=scatter.names(priced, cells, heights, x_range, ends, [None] * len(cells), PLOT_WIDTH),
        ),
    }


def _point(priced: Priced, cell: Cell, timing: Timing, point: tuple[float, float]) -> Figure:
    trace = scatter.point_of(priced, cell, point)
    said = f"{trace['hovertext'][0]}<br>{escaped(in_short(timing))}"
    hidden = {"visible": False}  # of bars side by side some would run through names
    return trace | {"hovertext": [said], "error_x": hidden, "error_y": hidden}


def cycles(priced: Priced) -> Figure | None:
    """One bar for each row: the share of its cycles that layers take which a resource binds, resource by resource."""
    rows = [(cell, timing) for cell, timing in timed(priced) if cycles_of_all(timing)]
    if not rows:
        return None
    resources = dict.fromkeys(name for _, timing in rows for layer in timing.layers for name in layer.resources)
    names = [f"{escaped(cell.network)}<br>{escaped(cell.machine)}" for cell, _ in rows]
    shares = {resource: [_bound(timing, resource) for _, timing in rows] for resource in resources}
    binding = [resource for resource in resources if any(share for share, _ in shares[resource])]
    return {
        "data": [_bar(resource, names, shares[resource], _look(k)) for k, resource in enumerate(binding)],
        "layout": layout(
            barmode="stack",
            bargap=0.28,
            height=124 + 44 * len(names),
            margin={"l": 24, "r": 24, "t": 40, "b": 56},
            xaxis=axis("share of the row's cycles [%]", range=[0, 100]),
            yaxis=axis("", type="category", categoryarray=names[::-1], categoryorder="array", ticks=""),
            legend={"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "traceorder": "normal"},
            showlegend=True,
        ),
    }


def _bound(timing: Timing, resource: str) -> tuple[float, str]:
    """The share of the cycles of layers that a resource binds [%], and which these are."""
    bound = [layer for layer in timing.layers if layer.bound_by == resource and layer.total.any()]
    share = 100 * sum(int(layer.total.sum()) for layer in bound) / cycles_of_all(timing)
    return share, ", ".join(layer.name for layer in bound)


def _look(k: int) -> Figure:
    """The k-th look: colours, and once all are taken the same with a hatch."""
    again, place = divmod(k, len(PALETTE))
    pattern = {"shape": AGAIN[again % len(AGAIN)], "fillmode": "overlay", "solidity": 0.25}
    return {"color": PALETTE[place], "pattern": pattern}


def _bar(resource: str, names: Sequence[str], shares: Sequence[tuple[float, str]], look: Figure) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": escaped(resource),
        "y": list(names),
        "x": [share for share, _ in shares],
        "text": [escaped(layers) for _, layers in shares],
        "textposition": "none",
        "marker": look,
        "hovertemplate": "%{y}<br>%{fullData.name}: %{x:.1f} %, %{text}<extra></extra>",
    }


def roofline(comparison: Comparison, priced: Priced) -> Figure | None:
    """Layers: operations per bit moved at the farthest level, and per cycle, below the roofs of their machines."""
    roofs: dict[Roof, dict[str, None]] = defaultdict(dict)  # with the machines that have it
    places: list[Place] = []
    for cell, timing in timed(priced):
        machine = comparison.machines[cell.machine]
        assert machine.timing is not None
        ports = machine.timing.levels
        level = _farthest([each.name for each in machine.levels if each.name in ports], cell.counts)
        if level is not None and (found := list(_places(cell, timing, level))):
            places += found
            bits = ports[level].bits * (2 if ports[level].ports == "1r1w" else 1)
            roofs[Roof(level, bits, max(layer.n_lane for layer in timing.layers))][cell.machine] = None
    if not places:
        return None
    along, up = ([getattr(place, name) for place in places] for name in ("per_bit", "per_cycle"))
    x_range = scatter.reach(along, [*along, *(roof.ridge for roof in roofs)])
    y_range = scatter.reach(up, [*up, *(roof.lanes for roof in roofs)])
    traces = [
        _line(roof, list(machines), DASHES[k % len(DASHES)], *x_range)
        for k, (roof, machines) in enumerate(roofs.items())
    ]
    for k, (cell, mine) in enumerate(groupby(places, key=lambda place: place.cell)):
        traces.append(_markers(cell, list(mine), PALETTE[k % len(PALETTE)]))
    return {
        "data": traces,
        "layout": layout(
            height=460 + scatter.legend_height(len(traces)),
            xaxis=logarithmic_axis("operations per bit, logarithmic", *x_range),
            yaxis=logarithmic_axis("operations per cycle, logarithmic", *y_range),
            showlegend=True,
            legend=scatter.LEGEND,
        ),
    }


class Place(NamedTuple):
    """A layer below its roof."""

    cell: Cell
    layer: LayerTiming
    per_bit: float  # operations per bit that the farthest level moves for it
    per_cycle: float  # operations per cycle


class Roof(NamedTuple):
    """What a machine can do at most."""

    level: str
    bits: int  # that it moves in a cycle
    lanes: int

    @property
    def ridge(self) -> float:
        """Operations per bit where port and lanes are full alike."""
        return self.lanes / self.bits


def _line(roof: Roof, machines: list[str], dash: str, low: float, high: float) -> Figure:
    """A roof between two numbers of operations per bit."""
    along = [low, *([roof.ridge] if low < roof.ridge < high else []), high]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escaped(f"{roof.lanes:,} lanes, {roof.bits:,} bits of {roof.level}: {shortened(machines, 1)}"),
        "x": along,
        "y": [min(roof.lanes, roof.bits * each) for each in along],
        "line": ROOF | {"dash": dash},
        "hovertemplate": "%{fullData.name}<extra></extra>",
    }


def _farthest(levels: Sequence[str], counts: Counts) -> str | None:
    """Of levels from far to near, the first one that moves words for a row."""
    moving = {key.operation.memory for key, number in counts.entries.items() if number.any()}
    return next((name for name in levels if name in moving), None)


def _places(cell: Cell, timing: Timing, level: str) -> Iterator[Place]:
    """Where layers stand; those without operations or without bits have no place."""
    for layer in timing.layers:
        bits = sum(
            int(number.sum()) * key.operation.word_length
            for key, number in cell.counts.entries.items()
            if key.layer == layer.name and key.operation.memory == level
        )
        operations, total = int(layer.operations.sum()), int(layer.total.sum())
        if bits and operations:
            yield Place(cell, layer, operations / bits, operations / total)


def _markers(cell: Cell, places: Sequence[Place], color: str) -> Figure:
    """The layers of a row; rows are told apart by colour, as several are of one network."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(cell.method),
        "x": [place.per_bit for place in places],
        "y": [place.per_cycle for place in places],
        "marker": {"symbol": symbol_of(cell), "color": color, "size": 10},
        "hovertext": [
            f"<b>{escaped(layer.name)}</b>, {escaped(cell.method)}<br>{figures(per_bit)} operations per bit, "
            f"{figures(per_cycle)} per cycle, bound by {escaped(layer.bound_by)}"
            for _, layer, per_bit, per_cycle in places
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
