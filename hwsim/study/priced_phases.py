"""The phases that a comparison is about, of those that a table can price."""

from collections.abc import Sequence

from hwsim.counting.counts import PHASES
from hwsim.errors import TableError
from hwsim.pricing.energy_table import EnergyTable
from hwsim.pricing.lacking import lacking
from hwsim.study.run_book import RunBook


def priced_phases(
    book: RunBook,
    pairs: list[tuple[str, str]],
    first: tuple[str, str],
    table: EnergyTable,
    phases: Sequence[str] | None,
) -> tuple[str, ...]:
    """Phases that a table's figures are about.

    Those asked for; else all four if the table prices every row in all of them; else those in which it prices the
    baseline, and rows that need a price it lacks there go without. A phase in which the baseline does nothing is one of
    them where that leaves no further row without.
    """
    if phases is not None:
        return tuple(phases)
    needed = [each for pair in pairs for each in (book.count_row(pair), *book.chain(pair, first).steps.values())]
    if not any(lacking(counts, table) for counts in {id(each): each for each in needed}.values()):
        return PHASES
    counts = book.count_row(first)
    lacks = lacking(counts, table)
    at_work = [phase for phase in PHASES if counts.total(phase) and phase not in lacks]
    if not at_work:
        raise TableError(
            f"energy table {table.name} can price no phase of the baseline, {first[0]} on {first[1]}; "
            f"`hwsim table show {table.name}` lists what it has"
        )
    rows = [lacking(book.count_row(pair), table) for pair in pairs]
    wanting = {phase for row in rows if not row.keys() & set(at_work) for phase in row}
    return tuple(phase for phase in PHASES if phase in at_work or not (counts.total(phase) or phase in wanting))
