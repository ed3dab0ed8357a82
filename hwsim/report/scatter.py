"""The page's first figure: accuracy against energy, every row named."""

import math
from collections.abc import Sequence

from hwsim.report import accuracy, answering, labels
from hwsim.report.figures import Figure, axis, color_of, escaped, layout, logarithmic_axis, symbol_of
from hwsim.report.units import figures, times
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell

PLOT_WIDTH, PLOT_HEIGHT = 1060.0, 350.0
"""Of the area between the axes of the first figure, in a window 1280 pixels wide. [pixels]"""
MOST_LABELS = 18
"""Names beside their points; more than that would cover each other, and stand in the legend, with numbers. [rows]"""

LEGEND_COLUMNS, LEGEND_ROW = 2, 20
"""Long names side by side in it, and the height of a row of them [pixels]."""
LEGEND = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
"""At the figure's own lower edge: measured from the axes it would cover their title."""


def accuracy_against_energy(priced: Priced) -> Figure | None:
    """Every priced row as a point with its interval; without accuracies, the rows one below the other."""
    cells = [cell for cell in priced.cells if cell.breakdown is not None and answering.energy(cell) > 0]
    if not cells:
        return None
    known = all(cell.accuracy is not None for cell in cells)
    heights = [100 * cell.accuracy if cell.accuracy is not None else -row for row, cell in enumerate(cells)]
    lows, highs = ([_bound(priced, cell, name) for cell in cells] for name in ("low", "high"))
    energies = [priced.unit.of(answering.energy(cell)) for cell in cells]
    x_range = reach([low for low in (*lows, *energies) if low > 0], highs)
    ends = [100 * end for cell in cells for end in cell.accuracy_interval or ()] if known else heights
    pad = max(0.22 * (max(heights) - min(heights)), 0.5)
    y_range = (min(*heights, *ends) - pad, max(*heights, *ends) + pad)
    title = f"{priced.energy_kind} energy per inference [{priced.unit.name}], logarithmic"
    y_axis = axis("accuracy [%]", range=list(y_range)) if known else axis("no labels", range=list(y_range), tickvals=[])
    points = list(zip(energies, heights, strict=True))
    has_legend = len(cells) > MOST_LABELS
    return {
        "data": [
            point_of(priced, cell, point) | (numbered(cell, number) if has_legend else {})
            for number, (cell, point) in enumerate(zip(cells, points, strict=True), 1)
        ],
        "layout": layout(
            height=440 + has_legend * legend_height(len(cells)),
            xaxis=logarithmic_axis(title, *x_range),
            yaxis=y_axis,
            showlegend=has_legend,
            legend=LEGEND,
            annotations=names(priced, cells, points, x_range, y_range, _accuracies(cells)),
        ),
    }


def reach(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Ends of a logarithmic axis, with room for names."""
    room = max(1.25, (max(highs) / min(lows)) ** 0.08)
    return min(lows) / room, max(highs) * room


def _accuracies(cells: Sequence[Cell]) -> list[tuple[float, float] | None]:
    """The intervals that are drawn, of accuracies. [%]"""
    return [where and (100 * where.low, 100 * where.high) for where in (cell.accuracy_interval for cell in cells)]


def _bound(priced: Priced, cell: Cell, name: str) -> float:
    return priced.unit.of(getattr(cell.breakdown, name) / cell.counts.n_inference)


def point_of(priced: Priced, cell: Cell, point: tuple[float, float]) -> Figure:
    """A row at its energy and accuracy, with what is said of it."""
    color, unit = color_of(priced)[cell.network], priced.unit
    low, high = (_bound(priced, cell, name) for name in ("low", "high"))
    said = [
        f"<b>{escaped(cell.method)}</b>" + baseline_mark(cell),
        f"{figures(point[0])} {unit.name} per inference ({figures(low)} to {figures(high)})",
        f"accuracy {accuracy.with_interval(cell)}" if cell.accuracy is not None else "no labels",
        *(f"{times(each.times)} less energy than {escaped(each.baseline)}" for each in cell.advantages if each.times),
        *(f"{escaped(sentence)}" for sentence in _factors(cell)),
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escaped(cell.method),
        "x": [point[0]],
        "y": [point[1]],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(high - point[0], 0.0)],
            "arrayminus": [max(point[0] - low, 0.0)],
            "color": color,
            "thickness": 1.5,
            "width": 4,
        },
        **_accuracy_bar(cell, point[1], color),
        "marker": {"symbol": symbol_of(cell), "color": color, "size": 13, "line": {"width": 1, "color": "#ffffff"}},
        "hovertext": ["<br>".join(filter(None, said))],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def baseline_mark(cell: Cell) -> str:
    """That a row is the baseline, or which of several."""
    return "" if cell.rank is None else " (baseline)" if cell.rank == 0 else f" (baseline {cell.rank + 1})"


def _factors(cell: Cell) -> list[str]:
    """What its advantage over the first baseline is made of, but for what has changed nothing."""
    changed = [f"{times(factor, '')} {name}" for name, factor in cell.factors.items() if factor != 1]
    return [" x ".join(changed)] if changed else []


def _accuracy_bar(cell: Cell, height: float, color: str) -> Figure:
    """The accuracy's interval; nothing without labels."""
    if cell.accuracy_interval is None:
        return {}
    low, high = (100 * end for end in cell.accuracy_interval)
    bar = {"type": "data", "symmetric": False, "array": [high - height], "arrayminus": [height - low]}
    return {"error_y": bar | {"color": color, "thickness": 0.5, "width": 2}}


def numbered(cell: Cell, number: int) -> Figure:
    """A number beside the point and before its name, because there are more networks than colours."""
    name = f"{number}  {escaped(cell.method)}"
    return {"mode": "markers+text", "name": name, "text": [str(number)], "textposition": "top center"}


def legend_height(n_name: int) -> int:
    """What a legend of so many names takes. [pixels]"""
    return LEGEND_ROW * math.ceil(n_name / LEGEND_COLUMNS)


def names(
    priced: Priced,
    cells: Sequence[Cell],
    points: Sequence[tuple[float, float]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    intervals: Sequence[tuple[float, float] | None],
    width: float = PLOT_WIDTH,
) -> list[Figure]:
    """The rows' names beside their points and clear of their intervals, upward; x is logarithmic."""
    if len(cells) > MOST_LABELS:
        return []
    across = width / math.log(x_range[1] / x_range[0])
    up = PLOT_HEIGHT / (y_range[1] - y_range[0])
    pixels = [(math.log(x / x_range[0]) * across, (y_range[1] - y) * up) for x, y in points]
    texts = [[cell.network, cell.machine + baseline_mark(cell)] for cell in cells]
    bars = [
        labels.Box(x - 2, (y_range[1] - where[1]) * up, x + 2, (y_range[1] - where[0]) * up)
        for where, (x, _) in zip(intervals, pixels, strict=True)
        if where
    ]
    offsets = labels.place(pixels, texts, labels.Box(0, 0, width, PLOT_HEIGHT), bars)
    colors = color_of(priced)
    return [
        {
            "x": math.log10(x),  # annotations on a logarithmic axis are placed by the logarithm
            "y": y,
            "ax": ax,
            "ay": ay,
            "text": "<br>".join(map(escaped, text)),
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": "#9aa5b1",
            "standoff": 8,
            "borderpad": 1,
            "font": {"size": 11, "color": colors[cell.network]},
        }
        for cell, text, (x, y), (ax, ay) in zip(cells, texts, points, offsets, strict=True)
    ]
