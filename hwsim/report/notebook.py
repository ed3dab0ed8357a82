"""Results in a notebook: what they are, in a line or two, and their rows."""

import html as markup
from typing import Any

ROWS = 60
"""So many rows are shown; more are in the data frame."""


def text(result: Any) -> str:
    """What a result is, and its rows."""
    return f"{result!r}\n{result.to_dataframe().to_string(index=False)}"


def html(result: Any) -> str:
    """The same for a notebook; of what has no rows, its text."""
    if not hasattr(result, "to_dataframe"):
        return f"<pre>{markup.escape(result.to_text())}</pre>"
    frame = result.to_dataframe()
    more = f"<p>{len(frame) - ROWS} more rows: to_dataframe()</p>" if len(frame) > ROWS else ""
    return f"<pre>{markup.escape(repr(result))}</pre>{frame.head(ROWS).to_html(index=False)}{more}"
