"""The answer to a comparison's question: which row needs least energy, at the baseline's accuracy and altogether."""

from typing import NamedTuple

from hwsim.counting.counts import PHASES
from hwsim.report import accuracy, power
from hwsim.report.units import Unit, times
from hwsim.report.wording import Priced, factors_sentences, phases_sentence, shortened
from hwsim.study.comparison import Cell, Comparison
from hwsim.study.ranking import difference


class Answer(NamedTuple):
    """What a reader came for: a sentence to begin with, and what must be said with it."""

    lead: str
    second: str  # the other answer, if there is one
    remarks: tuple[str, ...]


def answer(comparison: Comparison, priced: Priced) -> Answer:
    """Which row needs least energy, at the baseline's accuracy and altogether."""
    done = [cell for cell in priced.cells if cell.breakdown is not None]
    name = priced.table.name
    if not done:
        return Answer(f"{name} can price no row in {phases_sentence(priced.phases)}.", "", ())
    remarks = [ranking] if (ranking := power.ranking_sentence(priced.breakdowns)) else []
    if len(done) < len(priced.cells):
        remarks.append(f"Among the {len(done)} of {len(priced.cells)} rows that {name} can price.")
    if not set(PHASES) <= set(priced.phases):
        remarks.append(f"Counts {phases_sentence(priced.phases)}.")
    least = _least(done)
    good = [cell for cell in done if cell in priced.accurate]
    best = _least(good) if good else least
    least = best if energy(best) == energy(least) else least
    chosen = [best] if best is least else [best, least]
    lead = _needs_less(comparison, best, priced)
    second = "" if best is least else _least_of_all(least, priced)
    lead, second = _with_powers(lead, second, best, least, good or done, done)
    remarks += [sentence for cell in chosen for sentence in factors_sentences(cell)]
    remarks += [sentence for cell in chosen if (sentence := accuracy.paired_sentence(cell))]
    # of all rows there is one winner: one that is beaten at a lower accuracy stays below those of its own
    remarks.append(_unsettled(least, done, priced.unit))
    if best is not least:
        remarks.append(_unsettled(best, good, priced.unit, " as accurate as the baseline"))
    remarks = [remark for remark in remarks if remark]
    return Answer(lead, second, tuple(remarks))


def _with_powers(
    lead: str, second: str, best: Cell, least: Cell, good: list[Cell], done: list[Cell]
) -> tuple[str, str]:
    """The two answers with the other winners named: by power, or where rows are ranked by it, by dynamic energy."""
    is_part = len(good) < len(done)
    if power.energy_kind([cell.breakdown for cell in done if cell.breakdown]) != "dynamic":
        dynamic, of_all_dynamic = power.least_dynamic(good), power.least_dynamic(done)
        lead = f"{lead} {power.other_dynamic_sentence(dynamic, best, is_part)}".strip()
        if of_all_dynamic is not dynamic:
            second = f"{second} {power.other_dynamic_sentence(of_all_dynamic, least)}".strip()
        return lead, second
    among, of_all = power.least(good), power.least(done)
    lead = f"{lead} {power.other_winner_sentence(among, best, is_part)}".strip()
    if of_all is not among:
        second = f"{second} {power.other_winner_sentence(of_all, least)}".strip()
    return lead, second


def chosen_cells(priced: Priced) -> tuple[Cell, ...]:
    """The baseline, and the rows of least energy: at its accuracy, and altogether, where they are priced."""
    done = [cell for cell in priced.cells if cell.breakdown is not None]
    good = [cell for cell in done if cell in priced.accurate]
    chosen = [cell for cell in done if cell.is_baseline]
    chosen += [_least(cells) for cells in (good, done) if cells]
    return tuple(dict.fromkeys(chosen))


def energy(cell: Cell) -> float:
    """Energy per inference of a priced row. [J]"""
    assert cell.breakdown is not None
    return cell.breakdown.per_inference


def _least(cells: list[Cell]) -> Cell:
    """The row of least energy; of equals the baseline, else the first."""
    return min(cells, key=lambda cell: (energy(cell), not cell.is_baseline))


def _needs_less(comparison: Comparison, cell: Cell, priced: Priced) -> str:
    baseline, unit = priced.baseline, priced.unit
    of_phase = "" if set(PHASES) <= set(priced.phases) else f" ({' + '.join(priced.phases)} only)"
    if cell.is_baseline:
        rest = " at its accuracy" if cell.accuracy is not None else ""
        return (
            f"No row needs less energy{rest} than the baseline, {cell.method}: "
            f"{unit.text(energy(cell))} {unit.name} per inference{of_phase}."
        )
    if baseline.breakdown is None:
        alone = f"{cell.method} needs {unit.text(energy(cell))} {unit.name} per inference{of_phase}, the least"
        return f"{alone}{accuracy.at_accuracy(comparison, cell, baseline)}."
    return (
        f"{cell.method} needs {times(energy(baseline) / energy(cell))} less {_energy_word(priced)} than "
        f"{baseline.method}: {unit.text(energy(cell))} {unit.name} instead of {unit.text(energy(baseline))} "
        f"{unit.name} per inference{of_phase}{accuracy.at_accuracy(comparison, cell, baseline)}."
    )


def _energy_word(priced: Priced) -> str:
    return "dynamic energy" if priced.energy_kind == "dynamic" else "energy"


def _least_of_all(cell: Cell, priced: Priced) -> str:
    baseline, unit = priced.baseline, priced.unit
    text = f"Least energy of all: {cell.method}, {unit.text(energy(cell))} {unit.name}"
    if baseline.breakdown is not None:
        text += f", {times(energy(baseline) / energy(cell))} less"
    if cell.against is not None:
        points = f"{-cell.against.difference:.1f} points below the baseline"
        text += f", but at {accuracy.shown(cell)} % accuracy, {points}"
    return text + "."


def _unsettled(cell: Cell, rivals: list[Cell], unit: Unit, which: str = "") -> str:
    """Whether the best of some rows stays it wherever in their intervals the prices lie, which all rows pay alike."""
    assert cell.breakdown is not None
    others = [each for each in rivals if each is not cell and each.breakdown]
    overlapping = [each for each in others if each.breakdown and each.breakdown.low < cell.breakdown.high]
    if not overlapping:
        return ""
    beaten = [each for each in others if each.breakdown and difference(each.breakdown, cell.breakdown).low > 0]
    open_ = [each.method for each in others if each not in beaten]
    if not open_:
        return f"{cell.method} stays below all others{which} wherever in their intervals the prices lie."
    low, high = (unit.text(end / cell.counts.n_inference) for end in (cell.breakdown.low, cell.breakdown.high))
    return (
        f"The prices' intervals leave {cell.method} between {low} and {high} {unit.name}; its order against "
        f"{shortened(open_, 2)} is not settled{f', against the {len(beaten)} others it is' if beaten else ''}."
    )


def power_sentence(priced: Priced) -> str:
    """What the energies mean as power."""
    return power.sentence([(cell.method, cell.breakdown) for cell in chosen_cells(priced) if cell.breakdown])
