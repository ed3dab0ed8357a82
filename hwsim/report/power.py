"""What energies mean as power, and whether leakage is in them, in sentences."""

from collections.abc import Sequence

from hwsim.comparison import Comparison
from hwsim.energy import Breakdown
from hwsim.report.units import with_prefix
from hwsim.static_power import FRAME_RATE


def leakage_sentence(comparison: Comparison) -> str:
    """Whether leakage is in the totals, and on which tables."""
    if comparison.frame_rate is None:
        return "Dynamic energy only; leakage is not in it."
    paid = {cell.table for cell in comparison.cells if cell.breakdown and "static" in cell.breakdown.phases}
    rest = [name for name in comparison.tables if name not in paid]
    if not paid:
        return f"Dynamic energy only; {', '.join(rest)} states no leakage of memories or of a whole chip."
    without = f"; {', '.join(rest)} states none" if rest else ""
    return f"Leakage of memories or of the whole chip at {comparison.frame_rate:g} inferences per second{without}."


def sentence(chosen: Sequence[tuple[str, Breakdown]]) -> str:
    """Power of some rows, with their names; nothing where there are none."""
    if not chosen:
        return ""
    shown = ", ".join(f"{method} {power_text(breakdown)}" for method, breakdown in chosen)
    return f"At {frame_rate(chosen[0][1]):g} frames per second this is {shown}; {_about_leakage(chosen[0][1])}."


def frame_rate(breakdown: Breakdown) -> float:
    """At which energy is shown as power. [1/s]"""
    return breakdown.frame_rate or FRAME_RATE


def power_text(breakdown: Breakdown) -> str:
    """Power of a row, with its unit."""
    return with_prefix(breakdown.power(), "W")


def power_of_one(breakdown: Breakdown) -> str:
    """Power of one result, as a sentence."""
    power, rate = power_text(breakdown), frame_rate(breakdown)
    return f"At {rate:g} frames per second this is {power}; {_about_leakage(breakdown)}."


def _about_leakage(breakdown: Breakdown) -> str:
    if "static" in breakdown.phases:
        return "leakage, where the table states it, is in it"
    return "leakage above that would outweigh it"
