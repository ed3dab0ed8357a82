"""What energies mean as power, dynamic and static, and which row takes least of it, in sentences."""

from collections.abc import Sequence

from hwsim.pricing.breakdown import Breakdown
from hwsim.pricing.static_power import FRAME_RATE
from hwsim.report.units import figures, power_unit, with_prefix
from hwsim.study.comparison import Cell, Comparison
from hwsim.study.ranking import difference

NOT_STATED = "not stated"


def is_stated(breakdown: Breakdown) -> bool:
    """Whether the table states the static power of what was counted."""
    return breakdown.static_power is not None


def energy_kind(breakdowns: Sequence[Breakdown]) -> str:
    """What energies hold: ``dynamic``, or ``dynamic + static`` where a frame rate was given."""
    return "dynamic + static" if any("static" in breakdown.phases for breakdown in breakdowns) else "dynamic"


def ranking_sentence(breakdowns: Sequence[Breakdown]) -> str:
    """By what rows are ranked, where that is not the dynamic energy."""
    rates = [breakdown.frame_rate for breakdown in breakdowns if "static" in breakdown.phases]
    if not rates:
        return ""
    return f"Ranked by power at {rates[0]:g} inferences per second: each energy holds its share of the leakage."


def leakage_sentence(comparison: Comparison) -> str:
    """Whether leakage is in the energies and in the powers, and on which tables."""
    priced = [cell for cell in comparison.cells if cell.breakdown is not None]
    stated = {cell.table for cell in priced if cell.breakdown and is_stated(cell.breakdown)}
    rest = [name for name in comparison.tables if name not in stated]
    without = f"{', '.join(rest)} state{'s' if len(rest) == 1 else ''} no leakage of memories or of a whole chip"
    rate = f"{comparison.frame_rate or FRAME_RATE:g} inferences per second"
    if not stated:
        return f"Dynamic energy only, dynamic power only: {without}."
    rest_said = f"; {without}, so power is dynamic there" if rest else ""
    if comparison.frame_rate is None:
        return f"Dynamic energy only: leakage is not in it but in the power, at {rate}{rest_said}."
    return f"Leakage of memories or of the whole chip at {rate} is in energy and power{rest_said}."


def sentence(chosen: Sequence[tuple[str, Breakdown]]) -> str:
    """Power of some rows, with their names; nothing where there are none."""
    if not chosen:
        return ""
    rate = max(breakdown.rate for _, breakdown in chosen)
    shown = ", ".join(
        f"{method} {power_text(each)}{'' if each.rate == rate else f' at its {figures(each.rate)}'}"
        for method, each in chosen
    )
    return f"At {rate_text(rate)} frames per second this is {shown}{_about_leakage(chosen[0][1])}."


def rate_text(rate: float) -> str:
    """A rate as it was asked for, or of a machine at its fastest."""
    return f"{rate:g}" if rate < 1e5 else figures(rate)


def power_text(breakdown: Breakdown) -> str:
    """Power of a row with its unit and both its parts: ``704 nW (207 dynamic + 497 static)``."""
    static = breakdown.static_power
    if static is None:
        return f"{with_prefix(breakdown.dynamic_power(), 'W')} dynamic, static {NOT_STATED}"
    unit = power_unit([breakdown.power()])
    parts = f"{unit.text(breakdown.dynamic_power())} dynamic + {unit.text(static)} static"
    return f"{unit.text(breakdown.power())} {unit.name} ({parts})"


def power_of_one(breakdown: Breakdown) -> str:
    """Power of one result, as a sentence."""
    shown = f"{power_text(breakdown)}{_about_leakage(breakdown)}"
    return f"At {rate_text(breakdown.rate)} frames per second this is {shown}."


def _about_leakage(breakdown: Breakdown) -> str:
    return "" if is_stated(breakdown) else "; leakage above that would outweigh it"


def least(cells: Sequence[Cell]) -> Cell | None:
    """The row of least power, at one rate for all.

    None where the static power of one is not stated, and power says what energy says, or where one is too slow.
    """
    breakdowns = [cell.breakdown for cell in cells if cell.breakdown]
    if (
        len(breakdowns) < len(cells)
        or not all(map(is_stated, breakdowns))
        or len({each.rate for each in breakdowns}) != 1
    ):
        return None
    return min(cells, key=lambda cell: cell.breakdown.power() if cell.breakdown else 0.0)


def other_winner_sentence(winner: Cell | None, by_energy: Cell, at_accuracy: bool = False) -> str:
    """The row of least power, where it is not that of least energy."""
    if winner is None or winner is by_energy or winner.breakdown is None or by_energy.breakdown is None:
        return ""
    if winner.breakdown.power() >= by_energy.breakdown.power():  # of equals there is but one winner
        return ""
    rate, among = winner.breakdown.rate, " at this accuracy" if at_accuracy else ""
    return (
        f"Least power{among} at {rate:g} inferences per second, leakage included: {winner.method}, "
        f"{power_text(winner.breakdown)}, before {by_energy.method}, {power_text(by_energy.breakdown)}"
        f"{_unsettled(winner.breakdown, by_energy.breakdown)}."
    )


def least_dynamic(cells: Sequence[Cell]) -> Cell:
    """The row of least dynamic energy, of rows that are priced."""
    return min(cells, key=lambda cell: _dynamic(cell.breakdown) if cell.breakdown else 0.0)


def other_dynamic_sentence(winner: Cell, by_power: Cell, at_accuracy: bool = False) -> str:
    """The row of least dynamic energy, where rows are ranked by power and another one takes least of that."""
    if winner is by_power or winner.breakdown is None or by_power.breakdown is None:
        return ""
    if _dynamic(winner.breakdown) >= _dynamic(by_power.breakdown):
        return ""
    here, there = (with_prefix(_dynamic(cell.breakdown), "J") for cell in (winner, by_power) if cell.breakdown)
    among = " at this accuracy" if at_accuracy else ""
    return f"Least dynamic energy{among}: {winner.method}, {here}, before {by_power.method}, {there}."


def _dynamic(breakdown: Breakdown) -> float:
    """Dynamic energy per inference. [J]"""
    return breakdown.dynamic / breakdown.counts.n_inference


def _unsettled(one: Breakdown, other: Breakdown) -> str:
    """Whether the order of two powers could be the other way round, wherever in their intervals the prices lie."""
    settled = difference(one.at_rate(one.rate), other.at_rate(one.rate)).is_settled
    return "" if settled else "; the prices' intervals leave this order open"
