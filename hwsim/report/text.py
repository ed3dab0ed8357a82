"""A Comparison or a Breakdown for the terminal: one table per energy table, and what must be known of it."""

from collections.abc import Callable
from itertools import groupby

from hwsim.activity import keeps_state
from hwsim.counting.counts import PHASES
from hwsim.pricing.breakdown import Breakdown, Line
from hwsim.report import accuracy, answering, origins, power, timing, wording
from hwsim.report.memories import operation_name
from hwsim.report.text_table import Column, folded, line_width, listed, table_text
from hwsim.report.units import Unit, energy_unit, figures, percent, power_unit, times, whole
from hwsim.report.wording import Priced, Row
from hwsim.simulation.accuracy import CONFIDENCE
from hwsim.simulation.run import Run
from hwsim.study.comparison import Comparison

HEADERS = (
    "Per inference: add., mult.: additions and multiplications in encode, synapse and neuron; words: memory words read "
    "and written; dyn.nJ (or another unit): dynamic energy, or in all with leakage where a rate was asked for; low, "
    "high: that energy with every price at its lowest, at its highest, where the table states an interval; less: how "
    "many times less energy than the baseline; dyn., stat. and the last column: dynamic and static power and their sum "
    "at 30 inferences per second, or at the rate asked for."
)


def comparison_text(comparison: Comparison, width: int | None = None) -> str:
    """A comparison as text.

    Parameters
    ----------
    comparison : Comparison
        What to show.
    width : int, optional
        Characters in a line; unless said, those of the terminal.

    Returns
    -------
    str
        One table per energy table; where it is wider than a line, its right half comes below its left half.
    """
    width = width or line_width()
    parts = [folded(f"{wording.data_sentence(comparison)}; {wording.baselines_sentence(comparison)}", width)]
    for name in comparison.tables:
        parts.append(_one_table(comparison, wording.priced_by(comparison, name), width))
    headers = f"{HEADERS}{_further_headers(comparison)}{timing.headers(comparison.cells)}"
    parts.append(listed((headers, *wording.scope_sentences(comparison), *wording.notes(comparison)), width))
    return "\n\n".join(parts)


def _further_headers(comparison: Comparison) -> str:
    """What the columns of the further baselines are."""
    named = [f"less{k} than {name}" for k, name in enumerate(comparison.further, 2)]
    return f" How many times less energy: {', '.join(named)}." if named else ""


def _one_table(comparison: Comparison, priced: Priced, width: int) -> str:
    table = priced.table
    title = (
        f"Energy table {table.name} ({wording.process(priced)}): {priced.energy_kind} {priced.unit.name} per "
        f"inference, {wording.phases_sentence(priced.phases)}{wording.sorted_sentence(comparison)}"
    )
    answer = answering.answer(comparison, priced)
    lines = [answer.lead, answer.second, *answer.remarks, answering.power_sentence(priced)]
    lines.append(timing.fastest_sentence(priced))
    lines += [*origins.sentences(priced.breakdowns), *_not_priced(priced)]
    lines.insert(2, accuracy.intervals_sentence(priced.cells))
    return "\n\n".join(
        [folded(title, width), table_text(_columns(priced, comparison.sort is None), width), listed(lines, width)]
    )


def _not_priced(priced: Priced) -> list[str]:
    """What rows without a price lack; rows that lack the same together."""
    lacks: dict[str, list[str]] = {}
    for cell in priced.cells:
        if cell.breakdown is None:
            lacks.setdefault(wording.lacking_sentence(cell, priced.phases), []).append(cell.method)
    lines = [
        f"Not priced: {wording.shortened(methods, 3)}: {priced.table.name} {why}." for why, methods in lacks.items()
    ]
    return lines


def _columns(priced: Priced, together: bool) -> list[Column]:
    """Rows below the name of their network, all of one network together or in the order that they have."""
    networks = list(dict.fromkeys(row.cell.network for row in priced.rows))
    rows = sorted(priced.rows, key=lambda row: networks.index(row.cell.network)) if together else priced.rows
    by_network = groupby(rows, key=lambda row: row.cell.network)
    # None stands for the network's own line
    lines = [(network, row) for network, mine in by_network for row in (None, *mine)]

    def column(header: str, text: Callable[[Row], str], right: bool = True) -> Column:
        return Column(header, ["" if row is None else text(row) for _, row in lines], right)

    names = Column("network / machine", [f"  {row.cell.machine}" if row else network for network, row in lines], False)
    text = priced.unit.text
    columns = [
        names,
        column("run", lambda row: row.cell.execution, False),
        column("acc%", lambda row: percent(row.cell.accuracy, row.cell.counts.n_inference)),
        column("add.", lambda row: whole(row.number("additions [per inference]") or 0)),
        column("mult.", lambda row: whole(row.number("multiplications [per inference]") or 0)),
        column("words", lambda row: whole(row.number("memory words [per inference]") or 0)),
    ]
    for phase in priced.phases:
        columns.append(column(phase, lambda row, phase=phase: text(row.energy(f"{phase} energy"))))  # type: ignore[misc]
    header = f"dyn.{priced.unit.name}" if priced.energy_kind == "dynamic" else "total"
    columns.append(column(header, lambda row: text(row.energy("energy")) if row.cell.breakdown else "not priced"))
    for bound in ("low", "high"):
        if any(text(row.energy(bound)) != text(row.energy("energy")) for row in priced.rows):
            columns.append(column(bound, lambda row, bound=bound: text(row.energy(bound))))  # type: ignore[misc]
    columns.append(column("less", lambda row: times(row.number("advantage"))))
    for k in range(1, len(priced.baseline.advantages)):
        columns.append(column(f"less{k + 1}", lambda row, k=k: times(row.cell.advantages[k].times)))  # type: ignore[misc]
    unit = power_unit(row.number("power [W]") for row in priced.rows)
    columns.append(column("dyn.", lambda row: unit.text(row.number("dynamic power [W]"))))
    columns.append(column("stat.", lambda row: _static(row, unit)))
    columns.append(column(unit.name, lambda row: unit.text(row.number("power [W]"))))
    return [*columns, *(column(header, cell) for header, cell in timing.columns(priced))]


def _static(row: Row, unit: Unit) -> str:
    """Static power of a row; that it is not stated is never a zero."""
    if row.cell.breakdown is None:
        return "-"
    static = row.number("static power [W]")
    return power.NOT_STATED if static is None else unit.text(static)


def breakdown_text(breakdown: Breakdown, run: Run | None = None, width: int | None = None) -> str:
    """A breakdown as text: energy by layer and phase, then by operation.

    Parameters
    ----------
    breakdown : Breakdown
        What to show.
    run : Run, optional
        What was counted; adds accuracy, saturated codes and deviations.
    width : int, optional
        Characters in a line, as for :func:`comparison_text`.
    """
    width = width or line_width()
    counts, table = breakdown.counts, breakdown.table
    unit = energy_unit([breakdown.per_inference])
    title = f"{counts.network} on {counts.machine} ({counts.execution}): {counts.n_inference:,} frames of {counts.data}"
    if run is not None and run.accuracy is not None:
        ends = " to ".join(percent(end, counts.n_inference) for end in run.accuracy_interval or ())
        title += f", {percent(run.accuracy, counts.n_inference)} % accuracy ({ends})"
    of = origins.process(table, [breakdown])
    priced = f"Energy table {table.name} ({of}), {wording.phases_sentence(breakdown.phases)}"
    interval = ""
    if breakdown.low != breakdown.high:
        low, high = (unit.text(bound / counts.n_inference) for bound in (breakdown.low, breakdown.high))
        interval = f" ({low} to {high})"
    kind = power.energy_kind([breakdown])
    total = f"{unit.text(breakdown.per_inference)} {unit.name} per inference{interval}, {kind}"
    parts = [
        folded(title, width),
        folded(f"{priced}: {total}", width),
        f"Energy by layer and phase, {unit.name} per inference",
        table_text(_by_layer(breakdown, unit), width),
        "Operations per inference",
        table_text(_by_operation(breakdown, unit), width),
        *timing.parts(breakdown.timing, width),
        listed(_breakdown_notes(breakdown, run, unit), width),
    ]
    return "\n\n".join(parts)


def _by_layer(breakdown: Breakdown, unit: Unit) -> list[Column]:
    n = breakdown.counts.n_inference
    layers: list[str | None] = [*dict.fromkeys(line.key.layer for line in breakdown.lines), None]  # None: all

    def column(header: str, phase: str | None) -> Column:
        return Column(header, [unit.text(breakdown.of(phase, layer=layer) / n) for layer in layers])

    names = Column("layer", ["total" if layer is None else layer for layer in layers], False)
    return [names, *(column(phase, phase) for phase in breakdown.phases), column("total", None)]


def _by_operation(breakdown: Breakdown, unit: Unit) -> list[Column]:
    n = breakdown.counts.n_inference
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in breakdown.lines:
        groups.setdefault((line.key.phase, operation_name(line.key.operation, breakdown.counts)), []).append(line)
    order = (*PHASES, "static")
    rows = sorted(groups.items(), key=lambda item: order.index(item[1][0].key.phase))
    return [
        Column("phase", [phase for (phase, _), _ in rows], False),
        Column("operation", [operation for (_, operation), _ in rows], False),
        Column("count", [whole(sum(int(line.count.sum()) for line in lines) / n) for _, lines in rows]),
        Column("pJ each", [figures(lines[0].price.energy * 1e12) for _, lines in rows]),
        Column(unit.name, [unit.text(float(sum(line.energy.sum() for line in lines)) / n) for _, lines in rows]),
        Column("standing", [origins.standing(lines[0].price) for _, lines in rows], False),
    ]


def _breakdown_notes(breakdown: Breakdown, run: Run | None, unit: Unit) -> list[str]:
    counts = breakdown.counts
    said = ["Loading the network is excluded."]
    if "static" not in breakdown.phases:
        said = ["Dynamic energy only; loading the network is excluded."]
    said.append(power.power_of_one(breakdown))
    said += timing.with_energy(breakdown)
    said += [sentence for sentence in origins.sentences([breakdown]) if sentence]
    first = wording.first_and_steady(breakdown)
    if first is not None and keeps_state(counts.execution):
        said.append(
            f"First frames of streams: {unit.text(first[0])} {unit.name} each; later ones: {unit.text(first[1])}."
        )
    said += [*counts.notes, *(f"Asked for: {each}." for each in breakdown.rules_used)]
    if run is not None:
        said += [note for note in run.notes if note not in said]
        if run.n_saturated:
            said.append(f"{wording.saturated(run.n_saturated)}.")
        if run.accuracy is not None:
            said.append(f"Accuracy: with its interval of {100 * CONFIDENCE:g} % (Wilson).")
    said.append(wording.rules_sentence(breakdown.rules))
    keys = dict.fromkeys(key for line in breakdown.lines for key in line.price.source.split(" + "))
    return said + [f"Source {key}: {breakdown.table.sources[key]}." for key in keys if key in breakdown.table.sources]
