"""A run's training curve as a figure on a page of its own, which opens offline."""

from pathlib import Path
from typing import Any

from hwsim.files.whole import write_whole

COLORS = {"loss": "#0072B2", "quantized_error": "#D55E00", "latent_error": "#009E73"}
LABELS = {
    "loss": "training loss",
    "quantized_error": "validation error, quantized weights",
    "latent_error": "validation error, latent weights",
}
MOST_TICKS = 15
"""Epochs that have a tick each."""


def write_curve(history: list[dict[str, float]], title: str, path: Path) -> None:
    """Write training loss and validation errors by epoch.

    Parameters
    ----------
    history : list of dict
        An entry for every epoch: ``epoch``, ``loss``, and errors as shares where they were measured.
    title : str
        Above the figure.
    path : Path
        The HTML file.

    Raises
    ------
    FileError
        When it cannot be written.
    """
    import plotly.io

    # named, or plotly would name it at random, and no two pages of one run would be alike
    page = plotly.io.to_html(figure(history, title), include_plotlyjs=True, full_html=True, div_id="training")
    write_whole(path, page)


def figure(history: list[dict[str, float]], title: str) -> dict[str, Any]:
    """The figure as Plotly's dictionary."""
    lines, shares = [], [entry[name] for entry in history for name in LABELS if name != "loss" and name in entry]
    # a logarithmic axis has no place for an error of zero
    errors = "log" if all(share > 0 for share in shares) else "linear"
    epochs: dict[str, Any] = {"title": {"text": "epoch"}}
    if len(history) <= MOST_TICKS:  # else ticks would stand between epochs
        epochs["dtick"] = 1
    for name, label in LABELS.items():
        known = [entry for entry in history if name in entry]
        if known:
            is_error = name != "loss"
            lines.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if len(known) < 100 else "lines",
                    "name": label,
                    "x": [entry["epoch"] for entry in known],
                    "y": [100 * entry[name] if is_error else entry[name] for entry in known],
                    "yaxis": "y" if is_error else "y2",
                    "line": {"color": COLORS[name]},
                }
            )
    layout = {
        "title": {"text": title},
        "xaxis": epochs,
        "yaxis": {"title": {"text": "validation error [%]"}, "type": errors},
        "yaxis2": {
            "title": {"text": "training loss"},
            "type": "log",
            "overlaying": "y",
            "side": "right",
            "tickmode": "auto",  # round numbers; by default ticks stand where those of the other axis do
            "showgrid": False,
        },
        "legend": {"orientation": "h", "y": 1.08},
        "template": "plotly_white",
    }
    return {"data": lines, "layout": layout}
