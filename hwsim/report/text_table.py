"""Tables and prose of plain characters, as wide as the terminal."""

import io
import shutil
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

WIDTH = 120
"""Of a line where the output is piped and `COLUMNS` does not say otherwise. [characters]"""
WIDEST = 10_000
"""Room enough for any table, before it is cut into pieces. [characters]"""
TEXT_WIDTH = 100
"""Of a line of prose, at most. [characters]"""


class Column(NamedTuple):
    """A column of a text table; numbers stand on the right."""

    header: str
    cells: list[str]
    right: bool = True


def line_width() -> int:
    """Characters in a line of the terminal, or of a page where there is none."""
    return shutil.get_terminal_size(fallback=(WIDTH, 24)).columns


def table_text(columns: Sequence[Column], width: int, n_fixed: int = 1) -> str:
    """A table; where it is wider than `width`, in pieces that each repeat the first `n_fixed` columns."""
    whole_table = _rendered(columns)
    if len(columns) <= n_fixed + 1 or max(map(len, whole_table.splitlines())) <= width:
        return whole_table
    close = _rendered(columns, gap=1)
    if max(map(len, close.splitlines())) <= width:
        return close
    for n_left in range(len(columns) - 1, n_fixed, -1):
        left = _rendered(columns[:n_left])
        if n_left == n_fixed + 1 or max(map(len, left.splitlines())) <= width:
            break
    right = [*columns[:n_fixed], *columns[n_left:]]
    return f"{left}\n\n{table_text(right, width, n_fixed)}"


def _rendered(columns: Sequence[Column], gap: int = 2) -> str:
    """The table with so many spaces between columns."""
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="")
    for column in columns:
        table.add_column(column.header, justify="right" if column.right else "left", no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    page = io.StringIO()
    # names are not markup, and a piped table is plain characters
    console = Console(file=page, width=WIDEST, color_system=None, markup=False, highlight=False, emoji=False)
    console.print(table)
    header, *body = (line.rstrip() for line in page.getvalue().rstrip("\n").split("\n"))
    return "\n".join([header, "-" * max(map(len, [header, *body])), *body])


def folded(line: str, width: int) -> str:
    """A line of prose, over as many as it needs."""
    return textwrap.fill(line, width, break_on_hyphens=False, break_long_words=False)


def listed(lines: Sequence[str], width: int) -> str:
    """Lines one below the other, each marked, and folded where it is long."""
    fold = min(width, TEXT_WIDTH)
    return "\n".join(
        textwrap.fill(
            line, fold, initial_indent="* ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        for line in lines
        if line
    )
