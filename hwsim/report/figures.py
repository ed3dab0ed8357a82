"""What the page's figures share: looks, axes, colours. A figure is Plotly's own dictionary of data and layout."""

import html
import math
from typing import Any, TypeAlias

from hwsim.activity import kind_of
from hwsim.report.wording import Priced
from hwsim.study.comparison import Cell

Figure: TypeAlias = dict[str, Any]

# colours of Okabe and Ito (2008), told apart by colour-blind readers; their yellow is too faint on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B", "#999999")
SYMBOLS = {"dense": "square", "sparse": "circle", "delta": "diamond"}
GRID = "#e3e6ea"
INK = "#1f2933"


def escaped(text: str) -> str:
    """A name for Plotly, which reads markup in every text."""
    return html.escape(text, quote=False)


def layout(**changes: Any) -> dict[str, Any]:
    """What all figures look like."""
    plain: dict[str, Any] = {
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "#ffffff",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "font": {"color": INK}},
        "margin": {"l": 64, "r": 24, "t": 16, "b": 56},
    }
    return plain | changes


def axis(title: str, **changes: Any) -> dict[str, Any]:
    """An axis with its title, which names the unit."""
    plain = {
        "title": {"text": title, "font": {"size": 13}},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": "#9aa5b1",
        "ticks": "outside",
    }
    return plain | {"automargin": True, "separatethousands": True, "exponentformat": "none"} | changes


def color_of(priced: Priced) -> dict[str, str]:
    """A colour for each network."""
    networks = dict.fromkeys(cell.network for cell in priced.cells)
    return {network: PALETTE[k % len(PALETTE)] for k, network in enumerate(networks)}


def symbol_of(cell: Cell) -> str:
    """A shape for each execution."""
    return SYMBOLS.get(kind_of(cell.execution), "circle")


def logarithmic_axis(title: str, low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis from `low` to `high`, with ticks that are written out."""
    ratio = high / low
    steps = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9) if ratio < 8 else (1, 2, 5) if ratio < 1e4 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
    written = {"tickvals": ticks, "ticktext": [f"{tick:,.12g}" for tick in ticks]} if len(ticks) > 1 else {}
    return axis(title, type="log", range=[math.log10(low), math.log10(high)], **written)
