"""The page's words and tables, as HTML. Every name is escaped here, once."""

import html
from collections.abc import Iterable, Sequence

from hwsim.activity import keeps_state
from hwsim.counting.counts import PHASES
from hwsim.report import accuracy, answering, frames, origins, wording
from hwsim.report.memories import operation_name
from hwsim.report.power import NOT_STATED, rate_text
from hwsim.report.units import power_unit, times, whole
from hwsim.report.wording import Priced, Row
from hwsim.simulation.accuracy import CONFIDENCE
from hwsim.study.chain import FACTORS, WHOLE
from hwsim.study.comparison import Cell, Comparison

FACTORS_IN_WORDS = (
    "Each factor is the energy before a step over the energy after it, so that they multiply to the advantage. Bits: "
    "the row's network on the baseline's machine made dense, in memories as large as the baseline's network needs "
    "there; memory size: in memories as large as it needs itself; event arithmetic: that of the row's machine; reuse: "
    "all else of the row's machine but what it skips; zero skipping; delta."
)


def text(content: object) -> str:
    """Anything as text that is safe in HTML, in attributes too."""
    return html.escape(str(content), quote=True)


def listed(items: Iterable[str]) -> str:
    """A list of texts; nothing where there are none."""
    lines = "".join(f"<li>{text(item)}</li>" for item in items if item)
    return f"<ul>{lines}</ul>" if lines else ""


def table(heads: Sequence[str], rows: Iterable[str], kind: str = "") -> str:
    """A table from header rows and rows that are HTML; it scrolls by itself where it is too wide."""
    return (
        f'<div class="scroll {kind}"><table><thead>{"".join(heads)}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def row_of(cells: Iterable[str], kind: str = "td") -> str:
    """A row of cells of plain HTML."""
    return f"<tr>{''.join(f'<{kind}>{cell}</{kind}>' for cell in cells)}</tr>"


def method(cell: Cell) -> str:
    """A row's name: network, machine, execution."""
    number = f" {cell.rank + 1}" if cell.rank else ""
    mark = "" if cell.rank is None else f' <span class="tag">baseline{number}</span>'
    return (
        f'<th scope="row">{text(cell.network)}{mark}<br>'
        f'<span class="machine">{text(cell.machine)}, {text(cell.execution)}</span></th>'
    )


def answer(comparison: Comparison, priced: Priced) -> str:
    """The sentences that a reader came for."""
    said = answering.answer(comparison, priced)
    second = f'<p class="second">{text(said.second)}</p>' if said.second else ""
    of = f"Energy table {priced.table.name}: {wording.process(priced)}."
    return f'<h1>{text(said.lead)}</h1>{second}<p class="remarks">{text(" ".join((of, *said.remarks)))}</p>'


def caption(priced: Priced) -> str:
    """How to read the first figure, and which rows are not in it."""
    known = all(cell.accuracy is not None for cell in priced.cells)
    upward = "further up is more accurate" if known else "the data have no labels"
    lines = (
        f"Energy: {priced.energy_kind}, {text(wording.phases_sentence(priced.phases))}. "
        f"Further left is less; {upward}. "
        "Colour: network. Shape: &#9632; dense, &#9679; sparse, &#9670; delta. "
        "Bars: every price at its lowest and at its highest, where the table states an interval"
        f"{f'; the accuracy in its interval of {100 * CONFIDENCE:g} % (Wilson)' if known else ''}."
    )
    missing = [cell for cell in priced.cells if cell.breakdown is None]
    if missing:
        names = text(wording.shortened([cell.method for cell in missing], 6))
        lines += (
            f" Not priced by {text(priced.table.name)}, so not shown: {names}; the table below says what is lacking."
        )
    return f'<p class="caption">{lines}</p>'


def all_rows(priced: Priced) -> str:
    """The table of all rows."""
    unit, n_baseline = text(priced.unit.name), len(priced.baseline.advantages)
    groups = (
        '<tr><th rowspan="2">network<br>machine, execution</th>'
        f'<th rowspan="2">accuracy<br>[%], {100 * CONFIDENCE:g} %<br>interval</th>'
        '<th colspan="3" class="group">operations per inference</th>'
        f'<th colspan="{len(priced.phases) + 1}" class="group">{priced.energy_kind} energy per inference [{unit}]</th>'
        f'<th rowspan="2">{_power_head(priced)}</th>'
        f'<th colspan="{n_baseline}" class="group">times less<br>energy than</th></tr>'
    )
    names = [
        "additions",
        "multipli-<br>cations",
        "memory<br>words",
        *map(text, priced.phases),
        "total<br>low&ndash;high",
        *(f"{name}<br>{number}".removesuffix("<br>") for name, number in map(_numbered, range(n_baseline))),
    ]
    said = " ".join(filter(None, (answering.power_sentence(priced), *origins.sentences(priced.breakdowns))))
    rows = table([groups, row_of(names, "th")], [_row(row, priced) for row in priced.rows])
    return f'<p class="caption">{text(said)}</p>{rows}'


def _numbered(rank: int) -> tuple[str, str]:
    """A baseline as the table calls it; the first has no number."""
    return "baseline", str(rank + 1) if rank else ""


def factors(priced: Priced) -> str:
    """What the advantages over each baseline are made of."""
    parts = [f'<p class="caption">{text(FACTORS_IN_WORDS)}</p>']
    for rank, baseline in enumerate(each.baseline for each in priced.baseline.advantages):
        mine = [cell.advantages[rank].factors for cell in priced.cells]
        shown = [name for name in (*FACTORS, WHOLE) if name in FACTORS or any(name in each for each in mine)]
        signs = ["= ", *["&times; "] * len(shown)]
        heads = [f"{sign}{text(name).replace(' ', '<br>')}" for sign, name in zip(signs, shown, strict=False)]
        lines = [_factors_row(cell, rank, shown) for cell in priced.cells]
        title = f"Over {' '.join(_numbered(rank)).strip()}, {baseline}"
        head = row_of(["network<br>machine, execution", "times less<br>energy", *heads], "th")
        parts.append(f"<h3>{text(title)}</h3>{table([head], lines)}")
    return "".join(parts)


def _factors_row(cell: Cell, rank: int, shown: list[str]) -> str:
    advantage = cell.advantages[rank]
    kind = ' class="baseline"' if cell.rank == rank else ""
    numbers = "".join(f"<td>{text(times(advantage.factors.get(name)))}</td>" for name in shown)
    return f'<tr{kind}>{method(cell)}<td class="total">{text(times(advantage.times))}</td>{numbers}</tr>'


def _power_head(priced: Priced) -> str:
    rates = [breakdown.rate for breakdown in priced.breakdowns]
    return "power" + (f"<br>at {rate_text(max(rates))}/s" if rates else "") + "<br>dynamic<br>+ static"


def _row(row: Row, priced: Priced) -> str:
    cell = row.cell
    cells = [
        whole(row.number(f"{name} [per inference]") or 0) for name in ("additions", "multiplications", "memory words")
    ]
    start = method(cell) + _accuracy(cell) + "".join(f"<td>{text(each)}</td>" for each in cells)
    if cell.breakdown is None:
        lacking = text(f"not priced: {wording.lacking_sentence(cell, priced.phases)}")
        width = len(priced.phases) + 2 + len(cell.advantages)
        return f'<tr>{start}<td colspan="{width}" class="lacking">{lacking}</td></tr>'
    unit = priced.unit
    energies = [unit.text(row.energy(f"{phase} energy")) for phase in priced.phases]
    low, high = unit.text(row.energy("low")), unit.text(row.energy("high"))
    rest = "".join(f"<td>{text(each)}</td>" for each in energies)
    interval = "" if low == high else f'<br><span class="interval">{text(low)}&ndash;{text(high)}</span>'
    rest += f'<td class="total">{text(unit.text(row.energy("energy")))}{interval}</td>'
    rest += f"<td>{_power(row)}</td>"
    rest += "".join(f'<td class="total">{text(times(each.times))}</td>' for each in cell.advantages)
    kind = "" if cell.rank is None else ' class="baseline"'
    return f"<tr{kind}>{start}{rest}</tr>"


def _power(row: Row) -> str:
    """Power of a row, and below it both its parts."""
    dynamic, static, both = (row.number(f"{name}power [W]") for name in ("dynamic ", "static ", ""))
    unit = power_unit([both])
    parts = f"static<br>{NOT_STATED}" if static is None else f"{unit.text(dynamic)} + {unit.text(static)}"
    return f'{text(unit.text(both))} {text(unit.name)}<br><span class="interval">{parts}</span>'


def _accuracy(cell: Cell) -> str:
    """An accuracy above its interval."""
    ends = text(accuracy.interval_text(cell, "\N{EN DASH}"))
    interval = f'<br><span class="interval">{ends}</span>' if ends else ""
    return f"<td>{text(accuracy.shown(cell))}{interval}</td>"


def first_frames(comparison: Comparison, priced: Priced) -> str:
    """First frames of streams apart from all later ones, for the rows whose energy depends on what came before."""
    unit = priced.unit
    rows = []
    for cell in priced.cells:
        start = frames.start(cell, comparison)
        if start is None or not keeps_state(cell.execution) or start.first is None:
            continue
        ratio = times(start.first / start.steady) if start.steady else "-"
        numbers = (f"{start.n_first:,}", unit.text(start.first), f"{start.n_steady:,}", unit.text(start.steady), ratio)
        rows.append(f"<tr>{method(cell)}{''.join(f'<td>{text(number)}</td>' for number in numbers)}</tr>")
    if not rows:
        return ""
    name = text(unit.name)
    heads = row_of(
        ["network<br>machine, execution", "first<br>frames", f"energy of a first<br>frame [{name}]", "later<br>frames",
         f"energy of a later<br>frame, mean [{name}]", "first /<br>later"], "th",
    )  # fmt: skip
    return (
        "<h3>First frame and steady state</h3><p>Under delta the first frame of a stream touches every neuron. "
        f"Totals on this page include it.</p>{table([heads], rows)}"
    )


def coverage(priced: Priced) -> str:
    """Which phases a table can price for each row, and what it lacks for the others."""
    heads = row_of(["network<br>machine, execution", *map(text, PHASES)], "th")
    rows = [
        f"<tr>{method(cell)}{''.join(_covered(cell, phase, priced) for phase in PHASES)}</tr>" for cell in priced.cells
    ]
    source = priced.table
    about = f"<p><b>{text(source.name)}</b>: {text(wording.process(priced))}. {text(source.description)}</p>"
    if source.lacks:
        about += (
            f"<p>It has no price at all for: {text(', '.join(kind.replace('_', ' ') for kind in source.lacks))}.</p>"
        )
    missing = f"<p>What it does not say:</p>{listed(source.missing)}" if source.missing else ""
    return about + table([heads], rows, "coverage") + missing


def _covered(cell: Cell, phase: str, priced: Priced) -> str:
    lacks = cell.lacks.get(phase)
    if lacks:
        n = cell.counts.n_inference
        said = [
            f"{text(operation_name(operation, cell.counts))} ({text(whole(count / n))})"
            for operation, count in lacks.items()
        ]
        return f'<td class="lacking">lacks, per inference: {"; ".join(said)}</td>'
    if not cell.counts.total(phase):
        return '<td class="nothing">nothing to price</td>'
    if cell.breakdown is not None and phase in cell.breakdown.phases:
        return '<td class="priced">&#10003; priced</td>'
    return '<td class="nothing">could be priced; not in the totals</td>'


def power(priced: Priced) -> str:
    """The energies of all rows as power at a frame rate."""
    return f"<p>{text(answering.power_sentence(priced))}</p>"
