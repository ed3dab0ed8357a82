"""Energy over time: of every frame where the counts keep every frame, and the first frames apart."""

import base64
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.comparison import Cell, Comparison
from hwsim.report.figures import Figure, axis, color_of, escaped, layout
from hwsim.report.wording import Priced

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
    if not cells:
        return None
    first = comparison.data.stream_start[:-1]
    n_frame = len(comparison.data)
    steady = np.setdiff1d(np.arange(n_frame), first)
    window = 1 if n_frame <= FEW else max(10, n_frame // 100)
    data: list[Figure] = []
    is_mean: list[bool | None] = []  # None: shown either way
    for cell in cells:
        assert cell.breakdown is not None
        energy = cell.breakdown.by_group / priced.unit.joule
        if cell.execution.startswith("delta"):
            data.append(_markers(priced, cell, first[:MOST_POINTS], energy[first[:MOST_POINTS]]))
            is_mean.append(None)
        data.append(_line(priced, cell, *_each(np.arange(n_frame), energy)))
        is_mean.append(False)
        if window > 1 and steady.size >= window:
            data.append(_line(priced, cell, *_rolling(steady, energy[steady], window)))
            is_mean.append(True)
    has_means = True in is_mean
    for trace, visible in zip(data, _visible(is_mean, has_means), strict=True):
        trace["visible"] = visible
    return {"data": data, "layout": _layout(priced, is_mean, window if has_means else 1, n_frame)}


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
        "line": {"color": color_of(priced)[cell.network], "width": 1.5, "dash": DASHES[cell.execution.split("(")[0]]},
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


def _visible(is_mean: list[bool | None], means: bool) -> list[bool]:
    """Which lines are seen: rolling means, or single frames."""
    return [mine in (None, means) for mine in is_mean]


def _step(n_frame: int) -> int:
    """One frame in how many is shown singly."""
    return -(-n_frame // MOST_FRAMES)


def _layout(priced: Priced, is_mean: list[bool | None], window: int, n_frame: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if window > 1:
        single = "each frame" if n_frame <= MOST_FRAMES else f"one frame in {_step(n_frame)}"
        choices = ((f"mean of {window} frames", _visible(is_mean, True)), (single, _visible(is_mean, False)))
        changes["updatemenus"] = [
            {
                "type": "buttons",
                "direction": "right",
                "x": 1,
                "xanchor": "right",
                "y": 1.02,
                "yanchor": "bottom",
                "buttons": [
                    {"label": label, "method": "restyle", "args": [{"visible": visible}]} for label, visible in choices
                ],
            }
        ]
    return layout(
        height=540,
        margin={"l": 64, "r": 24, "t": 56, "b": 56},
        xaxis=axis("frame, in the order of the data"),
        yaxis=axis(
            f"energy of a frame [{priced.unit.name}], logarithmic", type="log", dtick="D2", exponentformat="none"
        ),
        legend={"orientation": "h", "y": -0.14, "yanchor": "top"},
        **changes,
    )
