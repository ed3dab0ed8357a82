"""A search over radii and levels as one page: accuracy against the radius, and the table behind it."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwsim.convert.radius_search import Search, Trial
from hwsim.files.existing import write_report
from hwsim.report.figures import PALETTE, Figure, axis, layout
from hwsim.report.page import PAGE_HEAD, POLICY, START

Curve = Sequence[tuple[float, float]]
"""Radius and accuracy [fraction]."""


def radius_text(search: Search) -> str:
    """The search as the command line prints it, and what was chosen: by validation frames, and by the test set."""
    source, frames = search.source.name, ", ".join(f"{n:,} {what}" for what, n in search.frames.items())
    lines = [f"{source}, frames: {frames}", "", f"{'method':8}{'levels':>8}{'radius':>8}{'valid. %':>10}{'test %':>9}"]
    lines.append(f"{'float':8}{'':>8}{'':>8}{_percent(search.float_validation):>10}{_percent(search.float_test):>9}")
    lines += [
        f"{each.method:8}{each.levels:>8}{each.radius:>8g}{_percent(each.validation):>10}{_percent(each.test):>9}"
        for each in search.trials
    ]
    lines.append("")
    for method in ("GPFQ", "MSQ"):
        best = search.best(method)
        lines.append(f"{method}: validation frames choose {_named(best)}: test {_percent(best.test)} %")
        if best.test is not None:
            seen = search.best_on_test(method)
            lines.append(
                f"{'':{len(method)}}  the test set itself would choose {_named(seen)}: {_percent(seen.test)} %"
            )
    return "\n".join(lines)


def write_radius_page(search: Search, path: str | Path, beside: Mapping[str, Curve] | None = None) -> None:
    """Write a search as one self-contained HTML page that opens offline.

    Parameters
    ----------
    search : Search
        What to show.
    path : str or Path
        File to write; a page that hwsim wrote is replaced, any other file is a FileError.
    beside : mapping, optional
        Curves of others, by the name that is shown.
    """
    from plotly.offline import get_plotlyjs

    figure = json.dumps(radius_figure(search, beside or {}), separators=(",", ":")).replace("<", "\\u003c")
    title = f"{search.source.name}, quantized with radii of alphabets"
    content = "\n".join(
        [
            f"{START}{html.escape(title)}</title>",
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            "<style>body{font:14px system-ui,sans-serif;color:#1f2933;max-width:1100px;margin:2em auto;padding:0 1em}"
            "pre{overflow-x:auto}</style></head><body>",
            f"<h1>hwsim: {html.escape(title)}</h1>",
            "<p>Radius in units of each layer's weights. The validation frames choose; "
            "what the test set would have chosen is stated beside.</p>",
            '<div id="figure"></div>',
            f"<pre>{html.escape(radius_text(search))}</pre>",
            f"<script>{get_plotlyjs()}</script>",
            f'<script>Plotly.newPlot("figure",...(f=>[f.data,f.layout,{{responsive:true}}])({figure}))</script>',
            "</body></html>\n",
        ]
    )
    write_report(path, content, PAGE_HEAD)


def radius_figure(search: Search, beside: Mapping[str, Curve]) -> Figure:
    """Accuracy against the radius: a curve for each method and number of levels, float as a line."""
    measured = "test" if search.float_test is not None else "validation"
    data: list[Figure] = []
    levels = list(dict.fromkeys(trial.levels for trial in search.trials))
    for k, many in enumerate(levels):
        for method, dash in (("GPFQ", "solid"), ("MSQ", "dash")):
            curve = [
                (each.radius, each.test if each.test is not None else each.validation)
                for each in search.of(method)
                if each.levels == many
            ]
            data.append(_line(f"{method}, {many} levels", curve, PALETTE[k % len(PALETTE)], dash))
    for k, (name, theirs) in enumerate(beside.items()):
        data.append(_line(name, theirs, PALETTE[(len(levels) + k) % len(PALETTE)], "dot"))
    radii = [trial.radius for trial in search.trials]
    known = search.float_test if search.float_test is not None else search.float_validation
    data.append(_line("float", [(min(radii), known), (max(radii), known)], "#999999", "dashdot"))
    return {
        "data": data,
        "layout": layout(
            height=480,
            xaxis=axis("radius [units of the layer's weights]"),
            yaxis=axis(f"accuracy on the {measured} frames [%]"),
            legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        ),
    }


def _line(name: str, curve: Curve, color: str, dash: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": html.escape(name, quote=False),
        "x": [radius for radius, _ in curve],
        "y": [round(100 * accuracy, 3) for _, accuracy in curve],
        "line": {"color": color, "dash": dash},
    }


def _named(trial: Trial) -> str:
    return f"{trial.levels} levels, radius {trial.radius:g}"


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{100 * accuracy:.2f}"
