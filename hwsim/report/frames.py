"""Energy over time: of every frame where the counts keep every frame, and the first frames apart."""

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.activity import keeps_state, kind_of
from hwsim.report.figures import Figure, axis, color_of, escaped, layout, logarithmic_axis
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell, Comparison

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DASHES = {"dense": "dot", "sparse": "dash", "delta": "solid"}
FEW = 200
"""Up to so many frames each is shown as it is, without a rolling mean."""
MOST_POINTS = 1000
"""Of a rolling mean: more would not be seen. [points]"""
MOST_FRAMES = 10_000
"""Shown singly, in one line: of more, every second, third ... one, to keep the page small. [frames]"""


class Start(NamedTuple):
    """Mean energies of a row. [J]"""

    n_first: int  # frames at which a stream starts
    first: float | None
    n_steady: int  # all other frames
    steady: float | None


def is_per_frame(cell: Cell) -> bool:
    """Whether the counts keep every frame."""
    groups = cell.counts.groups
    return groups != ("first", "steady") and len(groups) == cell.counts.n_inference


def start(cell: Cell, comparison: Comparison) -> Start | None:
    """First frames of streams apart from all later ones; None for a row without a price."""
    if cell.breakdown is None:
        return None
    energy = cell.breakdown.by_group
    if is_per_frame(cell):
        is_first = np.zeros(len(energy), np.bool_)
        is_first[comparison.data.stream_start[:-1]] = True
        n_frame = np.ones(len(energy), np.int64)
    else:
        is_first, n_frame = np.array([group == "first" for group in cell.counts.groups]), cell.counts.n_frame
    n_first, n_steady = int(n_frame[is_first].sum()), int(n_frame[~is_first].sum())
    return Start(
        n_first,
        float(energy[is_first].sum()) / n_first if n_first else None,
        n_steady,
        float(energy[~is_first].sum()) / n_steady if n_steady else None,
    )


def over_time(comparison: Comparison, priced: Priced) -> Figure | None:
    """The energy of each frame, in the order of the data; None where the counts keep no single frames."""
    cells = [cell for cell in priced.cells if cell.breakdown is not None and is_per_frame(cell)]
    energies = [cell.breakdown.by_group / priced.unit.joule for cell in cells if cell.breakdown is not None]
    if not any(energy.max() > 0 for energy in energies):
        return None
    first, n_frame = comparison.data.stream_start[:-1], len(comparison.data)
    steady = np.setdiff1d(np.arange(n_frame), first)
    window = 1 if n_frame <= FEW else max(10, n_frame // 100)
    window = window if steady.size >= window else 1
    traces = [
        trace
        for cell, energy in zip(cells, energies, strict=True)
        for trace in _traces(priced, cell, energy, first[:MOST_POINTS], steady, window)
    ]
    data = [trace.figure for trace in traces]
    for figure, visible in zip(data, _visible(traces, window > 1), strict=True):
        figure["visible"] = visible
    return {"data": data, "layout": _layout(priced, traces, window, n_frame)}


class Trace(NamedTuple):
    """A line or its first frames, and when they are seen."""

    figure: Figure
    is_mean: bool | None  # with rolling means, with single frames, or (None) with both
    energy: FloatArray  # what it shows [the table's unit]


def _traces(
    priced: Priced, cell: Cell, energy: FloatArray, first: IntArray, steady: IntArray, window: int
) -> Iterator[Trace]:
    """A row's frames, their rolling mean where they are many, and its first frames where these differ."""
    shown = _each(np.arange(energy.size), energy)
    yield Trace(_line(priced, cell, *shown), False, shown[1])
    if window > 1:
        shown = _rolling(steady, energy[steady], window)
        yield Trace(_line(priced, cell, *shown), True, shown[1])
    if keeps_state(cell.execution):
        yield Trace(_markers(priced, cell, first, energy[first]), None, energy[first])


def _each(frame: IntArray, energy: FloatArray) -> tuple[IntArray, FloatArray]:
    """Single frames; the two ends suffice where all are alike."""
    if frame.size > 2 and np.ptp(energy) <= 1e-12 * energy.max():
        return frame[[0, -1]], energy[[0, -1]]
    step = _step(frame.size)
    return frame[::step], energy[::step]


def _rolling(frame: IntArray, energy: FloatArray, window: int) -> tuple[IntArray, FloatArray]:
    """Means over windows of frames, each at the window's middle."""
    total = np.concatenate([[0.0], np.cumsum(energy)])
    mean = (total[window:] - total[:-window]) / window
    middle = frame[window // 2 : window // 2 + mean.size]
    if np.ptp(mean) <= 1e-9 * mean.max():
        return middle[[0, -1]], mean[[0, -1]]
    step = -(-mean.size // MOST_POINTS)
    return middle[::step], mean[::step]


def _packed(values: npt.NDArray[Any], dtype: str) -> dict[str, str]:
    """An array as Plotly reads it, a third of its size as text."""
    return {"dtype": dtype, "bdata": base64.b64encode(values.astype(f"<{dtype}").tobytes()).decode()}


def _line(priced: Priced, cell: Cell, frame: IntArray, energy: FloatArray) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines" if frame.size > 1 else "markers",
        "name": escaped(cell.method),
        "x": _packed(frame, "i4"),
        "y": _packed(energy, "f4"),
        "line": {"color": color_of(priced)[cell.network], "width": 1.5, "dash": DASHES[kind_of(cell.execution)]},
        "hovertemplate": f"frame %{{x}}: %{{y:.3~g}} {priced.unit.name}<extra>%{{fullData.name}}</extra>",
    }


def _markers(priced: Priced, cell: Cell, frame: IntArray, energy: FloatArray) -> Figure:
    line = _line(priced, cell, frame, energy)
    return line | {
        "mode": "markers",
        "name": f"{escaped(cell.method)}: first frame{'s' if frame.size > 1 else ''}",
        "marker": {"symbol": "diamond", "size": 10, "color": color_of(priced)[cell.network]},
        "cliponaxis": False,
    }


def _visible(traces: list[Trace], means: bool) -> list[bool]:
    """Which lines are seen: rolling means, or single frames."""
    return [trace.is_mean in (None, means) for trace in traces]


def _step(n_frame: int) -> int:
    """One frame in how many is shown singly."""
    return -(-n_frame // MOST_FRAMES)


def _energy_axis(priced: Priced, traces: list[Trace], means: bool) -> dict[str, Any]:
    """The axis that suits what is seen: single frames can be far below the mean."""
    seen = np.concatenate([trace.energy for trace in traces if trace.is_mean in (None, means)])
    title = f"{priced.energy_kind} energy of a frame [{priced.unit.name}], logarithmic"
    return logarithmic_axis(title, float(seen[seen > 0].min()) / 1.3, float(seen.max()) * 1.3)


def _layout(priced: Priced, traces: list[Trace], window: int, n_frame: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if window > 1:
        single = "each frame" if n_frame <= MOST_FRAMES else f"one frame in {_step(n_frame)}"
        buttons = [
            {
                "label": label,
                "method": "update",
                "args": [{"visible": _visible(traces, means)}, {"yaxis": _energy_axis(priced, traces, means)}],
            }
            for label, means in ((f"mean of {window} frames", True), (single, False))
        ]
        corner = {"x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
        changes["updatemenus"] = [{"type": "buttons", "direction": "right", "buttons": buttons, **corner}]
    return layout(
        height=540,
        margin={"l": 64, "r": 24, "t": 48, "b": 56},
        xaxis=axis("frame, in the order of the data"),
        yaxis=_energy_axis(priced, traces, window > 1),
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        **changes,
    )
