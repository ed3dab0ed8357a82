"""What is said of accuracies: their intervals, and how a row's compares with the baseline's."""

from hwsim.report.units import percent
from hwsim.simulation.accuracy import CONFIDENCE
from hwsim.study.comparison import Cell, Comparison


def with_interval(cell: Cell) -> str:
    """``94.2 % (92.5 to 95.6)``; a dash without labels."""
    return f"{shown(cell)} % ({interval_text(cell)})" if cell.accuracy_interval else "-"


def shown(cell: Cell) -> str:
    """An accuracy without its sign."""
    return percent(cell.accuracy, cell.counts.n_inference)


def interval_text(cell: Cell, between: str = " to ") -> str:
    """An accuracy's interval; nothing without labels."""
    if cell.accuracy_interval is None:
        return ""
    return between.join(percent(end, cell.counts.n_inference) for end in cell.accuracy_interval)


def at_accuracy(comparison: Comparison, cell: Cell, baseline: Cell) -> str:
    """The end of a sentence about a row and the baseline: at which accuracies."""
    if cell.accuracy is None or baseline.accuracy is None:
        return ""
    here, there = shown(cell), shown(baseline)
    if not comparison.has_same_accuracy(cell):
        return f", at {here} % instead of {there} % accuracy"
    apart = "" if here == there else f" against {there} %"
    if cell.against is not None and not cell.against.is_within(comparison.accuracy_tolerance):
        return f", at an accuracy that {cell.counts.n_inference:,} frames do not tell apart, {here} %{apart}"
    return f", at the same accuracy, {here} %{apart}"


def paired_sentence(cell: Cell) -> str:
    """On how many of the same frames a row and the baseline differ, and whether that may be chance."""
    if cell.against is None or cell.is_baseline:
        return ""
    better, worse, p = cell.against.n_better, cell.against.n_worse, cell.against.p
    if not better and not worse:
        return f"{cell.method} is right on the same frames as the baseline."
    verdict = "the difference may be zero" if cell.against.may_be_zero else "more than chance explains"
    return (
        f"{cell.method} is right on {better:,} frame{'' if better == 1 else 's'} that the baseline gets wrong, and "
        f"wrong on {worse:,} that it gets right: {verdict} (McNemar, exact, p {p_text(p)})."
    )


def p_text(p: float) -> str:
    """A probability to two figures: ``= 0.45``, ``< 0.0001``."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"


def intervals_sentence(cells: tuple[Cell, ...]) -> str:
    """Every accuracy with its interval: once for rows of one network that are right on the same frames."""
    said: dict[str, list[str]] = {}
    for cell in cells:
        if cell.accuracy_interval is not None:
            said.setdefault(f"{cell.network} {with_interval(cell)}", []).append(cell.execution)
    if not said:
        return ""
    networks = [text.split(" ")[0] for text in said]
    parts = [
        text if networks.count(text.split(" ")[0]) == 1 else f"{text}, {' and '.join(dict.fromkeys(executions))}"
        for text, executions in said.items()
    ]
    return f"Accuracies with their intervals of {100 * CONFIDENCE:g} % (Wilson): {'; '.join(parts)}."


def rule_sentence(comparison: Comparison) -> str:
    """When two accuracies count as the same; nothing without labels."""
    if not any(cell.against for cell in comparison.cells):
        return ""
    tolerance = comparison.accuracy_tolerance
    return (
        f"Accuracies count as the same where they are at most {tolerance:g} point{'' if tolerance == 1 else 's'} apart "
        "(--accuracy-tolerance), or where what sets them apart on the same frames may be chance (McNemar, exact: p of "
        f"{1 - CONFIDENCE:.2f} or more)."
    )
