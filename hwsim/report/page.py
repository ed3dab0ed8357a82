"""A Comparison as one page that opens anywhere, offline: no request leaves it."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwsim.files.existing import write_report
from hwsim.report import bars, foot, frames, scatter, sections, timing_figures, timing_section, wording
from hwsim.report.figures import Figure
from hwsim.report.sections import text
from hwsim.report.wording import Priced
from hwsim.study.comparison import Comparison

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the browser may load: only what is in the page."""

START = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>hwsim: '
"""What every page begins with."""
PAGE_HEAD = re.compile(re.escape(START).encode())
"""By which it is known."""


def write_page(comparison: Comparison, path: str | Path) -> None:
    """Write a comparison as one HTML page, whole or not at all.

    Parameters
    ----------
    comparison : Comparison
        What to show.
    path : str or Path
        File to write; a page that hwsim wrote is replaced.

    Raises
    ------
    FileError
        When there is another file, or it cannot be written.
    """
    write_report(path, page(comparison), PAGE_HEAD)


def page(comparison: Comparison) -> str:
    """The page."""
    from plotly.offline import get_plotlyjs

    here = Path(__file__).parent
    priced = [wording.priced_by(comparison, name) for name in comparison.tables]
    figures = _json([_figures(comparison, each) for each in priced])
    title = f"{comparison.data.name}, {len(comparison.cells) // len(priced)} methods"
    return "\n".join(
        [
            f"{START}{text(title)}</title>",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<style>\n{(here / 'page.css').read_text(encoding='utf-8')}</style>\n</head>\n<body>",
            _header(comparison, priced),
            _main(comparison, priced),
            _footer(comparison),
            f'<script type="application/json" id="figures">{figures}</script>',
            f"<script>{get_plotlyjs()}</script>",
            f"<script>\n{(here / 'page.js').read_text(encoding='utf-8')}</script>\n</body>\n</html>\n",
        ]
    )


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _figures(comparison: Comparison, priced: Priced) -> dict[str, Figure | None]:
    return {
        "accuracy": scatter.accuracy_against_energy(priced),
        "phase": bars.by_phase(priced),
        "operation": bars.by_operation(priced),
        "layer": bars.by_layer(priced),
        "time": frames.over_time(comparison, priced),
        "latency": timing_figures.latency_against_energy(priced),
        "cycles": timing_figures.cycles(priced),
        "roofline": timing_figures.roofline(comparison, priced),
    }


def _header(comparison: Comparison, priced: list[Priced]) -> str:
    buttons = "".join(
        f'<button type="button" data-choose="{k}" aria-pressed="{str(k == 0).lower()}">{text(each.table.name)}'
        f" ({each.table.process.split(',')[0]})</button>"
        for k, each in enumerate(priced)
    )
    return (
        f'<header><p><span class="brand">hwsim</span> &nbsp; {text(wording.data_sentence(comparison))}; '
        f"{text(wording.baselines_sentence(comparison))}</p>"
        f'<div class="switch" role="group" aria-label="energy table"><span>energy table</span>{buttons}</div></header>'
    )


def _main(comparison: Comparison, priced: list[Priced]) -> str:
    def by_table(part: Callable[[Priced], str]) -> str:
        """A part for each energy table, of which one is seen."""
        return "".join(
            f'<div data-table="{k}"{" hidden" if k else ""}>{part(each)}</div>' for k, each in enumerate(priced)
        )

    return "\n".join(
        [
            "<main>",
            _section(
                "answer",
                by_table(lambda each: sections.answer(comparison, each))
                + _figure("accuracy")
                + by_table(sections.caption)
                + "<noscript><p>The figures need JavaScript; the tables do not.</p></noscript>",
            ),
            _section("rows", "<h2>All rows</h2>" + by_table(sections.all_rows)),
            *_timing(priced, by_table),
            _section("factors", "<h2>What advantages are made of</h2>" + by_table(sections.factors)),
            _section("phases", "<h2>Energy by phase</h2>" + _figure("phase")),
            _section("operations", "<h2>Energy by operation</h2>" + _figure("operation")),
            _section("layers", "<h2>Energy by layer</h2>" + _figure("layer")),
            _section(
                "time",
                '<div data-if-figure><h2>Energy over time</h2><div class="figure" data-figure="time"></div></div>'
                + by_table(lambda each: sections.first_frames(comparison, each)),
            ),
            _section("coverage", "<h2>What the energy table can price</h2>" + by_table(sections.coverage)),
            _section(
                "assumptions",
                "<h2>Assumptions</h2>"
                + foot.assumptions(comparison)
                + by_table(sections.power)
                + f"<h3>Machines</h3>{foot.machines(comparison)}"
                + f"<h3>Memories</h3>{foot.memories(comparison)}"
                + f"<h3>Networks</h3>{foot.networks(comparison)}",
            ),
            _section("sources", "<h2>Sources of every price</h2>" + by_table(foot.sources)),
            "</main>",
        ]
    )


def _timing(priced: list[Priced], by_table: Callable[[Callable[[Priced], str]], str]) -> list[str]:
    """The section about time; none where no row has it."""
    if not timing_figures.timed(priced[0]):
        return []
    return [
        _section(
            "timing",
            "<h2>Latency and energy</h2>"
            + by_table(timing_section.rows)
            + _figure("latency")
            + _figure("cycles", "Where the cycles go", timing_section.CYCLES_IN_WORDS)
            + by_table(timing_section.layers)
            + _figure("roofline", "Roofline", timing_section.ROOFLINE_IN_WORDS),
        )
    ]


def _section(kind: str, content: str) -> str:
    return f'<section class="{kind}">{content}</section>'


def _figure(name: str, title: str = "", words: str = "") -> str:
    """A figure, and above it its title and how to read it; all of it hidden where the table has no such figure."""
    said = f'<h3>{text(title)}</h3><p class="caption">{text(words)}</p>' if title else ""
    return f'<div data-if-figure>{said}<div class="figure" data-figure="{name}"></div></div>'


def _footer(comparison: Comparison) -> str:
    """The numbers themselves, to take away."""
    csv = base64.b64encode(comparison.to_dataframe().to_csv(index=False).encode()).decode()
    return (
        '<footer><p>All numbers in full: <a id="csv" download="hwsim-comparison.csv" '
        f'href="data:text/csv;base64,{csv}">hwsim-comparison.csv</a>. '
        f"Made by hwsim; {text(wording.rules_sentence(comparison.rules))}</p></footer>"
    )
