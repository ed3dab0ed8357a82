"""What a comparison says, in sentences, for the terminal and the page alike."""

from typing import Any, NamedTuple

from hwsim.comparison import Cell, Comparison
from hwsim.counts import PHASES, Operation
from hwsim.energy import Breakdown
from hwsim.energy_table import EnergyTable
from hwsim.ranking import difference
from hwsim.report import accuracy, origins, power
from hwsim.report.units import Unit, energy_unit, size, times

NOT_MODELLED = (
    "control, instruction fetch and clock distribution; wires between blocks; leakage of arithmetic units and "
    "registers; time itself (latency, throughput); loading the network; sensors and everything else off the chip; "
    "softmax"
)


class Row(NamedTuple):
    """A cell of the comparison, and its row of `Comparison.to_dataframe`."""

    cell: Cell
    record: dict[str, Any]

    def number(self, column: str) -> float | None:
        """A number of the row; None where there is none."""
        value = self.record[column]
        return None if value is None or value != value else float(value)  # a missing number is NaN in a data frame

    def energy(self, name: str) -> float | None:
        """Of a phase (``encode energy``), in all (``energy``), or an end of the interval (``low``). [J]"""
        return None if self.cell.breakdown is None else self.number(f"{name} [J per inference]")


class Priced(NamedTuple):
    """The rows of one energy table, and what its figures are about."""

    table: EnergyTable
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]  # of the rows
    accurate: tuple[Cell, ...]  # of the cells, those as accurate as the baseline
    baseline: Cell
    phases: tuple[str, ...]  # in every total of this table
    unit: Unit  # for all its energies

    @property
    def breakdowns(self) -> tuple[Breakdown, ...]:
        """Of the rows that are priced."""
        return tuple(cell.breakdown for cell in self.cells if cell.breakdown is not None)

    @property
    def energy_kind(self) -> str:
        """What every energy holds: ``dynamic``, or ``dynamic + static``."""
        return power.energy_kind(self.breakdowns)


class Answer(NamedTuple):
    """What a reader came for: a sentence to begin with, and what must be said with it."""

    lead: str
    second: str  # the other answer, if there is one
    remarks: tuple[str, ...]


def priced_by(comparison: Comparison, name: str) -> Priced:
    """What one energy table makes of the comparison."""
    records = comparison.to_dataframe().to_dict("records")
    rows = tuple(
        Row(cell, {str(column): value for column, value in record.items()})
        for cell, record in zip(comparison.cells, records, strict=True)
        if cell.table == name
    )
    cells = tuple(row.cell for row in rows)
    done = [cell.breakdown for cell in cells if cell.breakdown is not None]
    return Priced(
        table=comparison.tables[name],
        accurate=tuple(cell for cell in cells if comparison.is_as_accurate(cell)),
        rows=rows,
        cells=cells,
        baseline=next(cell for cell in cells if cell.is_baseline),
        phases=done[0].phases if done else comparison.phases,
        unit=energy_unit(breakdown.per_inference for breakdown in done),
    )


def data_sentence(comparison: Comparison) -> str:
    """Which frames, in which order: ``899 test images of digits, order: file``."""
    data = comparison.data
    kind = "image" if data.inputs.ndim == 4 else "frame"
    n_stream = len(data.stream_start) - 1
    what = " ".join(filter(None, [f"{len(data):,}", data.split, kind + ("" if len(data) == 1 else "s")]))
    streams = "" if n_stream == 1 else f" in {n_stream:,} streams"
    return f"{what}{streams} of {data.name}, order: {data.order}"


def process(priced: Priced) -> str:
    """Node and supply of the table, and those of figures of others that its rows are priced with."""
    return origins.process(priced.table, priced.breakdowns)


def phases_sentence(phases: tuple[str, ...]) -> str:
    """Which phases a total holds."""
    if set(PHASES) <= set(phases):
        return f"all phases ({', '.join(phases)})"
    rest = ", ".join(phase for phase in PHASES if phase not in phases)
    return f"{' + '.join(phases)} only; without {rest}"


def lacking_sentence(cell: Cell, phases: tuple[str, ...], most: int = 3) -> str:
    """What the table lacks to price a row in some phases."""
    operations: dict[Operation, int] = {}
    for phase in phases:
        operations.update(cell.lacks.get(phase, {}))
    return f"lacks {shortened([operation_name(operation) for operation in operations], most)}"


def operation_name(operation: Operation) -> str:
    """An operation with its formats, or an access with its memory."""
    kind = operation.kind.replace("_", " ").replace("sram", "SRAM").replace("dram", "DRAM")
    if operation.format:
        return f"{kind} {' x '.join(operation.format)}"
    capacity = size(operation.capacity) if operation.capacity else ""
    word = f"{operation.word_length} bits" if operation.word_length else ""
    return ", ".join(filter(None, [kind, operation.memory, capacity, word]))


def shortened(names: list[str], most: int) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def factors_sentence(cell: Cell) -> str:
    """The advantage as what it is made of."""
    product = " x ".join(f"{times(cell.factors[name], '')} ({name})" for name in cell.factors)
    return f"{times(cell.advantage)} = {product}"


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
    remarks += [f"{cell.method}: {factors_sentence(cell)}." for cell in chosen if cell.factors and not cell.is_baseline]
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


def scope_sentences(comparison: Comparison) -> tuple[str, ...]:
    """What every figure takes for granted."""
    machines = comparison.machines.values()
    lanes = shortened(sorted({_lanes(m.lanes.dense.channels, m.lanes.dense.positions) for m in machines}), 3)
    words = shortened([str(length) for length in sorted({m.word_length for m in machines})], 3)
    stores = sorted({m.store for m in machines}, key=lambda store: not store.startswith("working"))
    batches = shortened([str(batch) for batch in sorted({m.batch for m in machines})], 3)
    outside = sorted({cell.method for cell in comparison.cells if _off_chip(cell)})
    where = (
        f"weights or state off chip, in DRAM: {shortened(outside, 3)}; all else on chip"
        if outside
        else "everything on chip: weights, state and activations"
    )
    return (
        power.leakage_sentence(comparison),
        f"Batch {batches}; {where}; loading excluded.",
        f"Lanes {lanes} (Dense, channels x positions); {words}-bit memory words; {'; '.join(stores)}.",
        accuracy.rule_sentence(comparison),
        rules_sentence(comparison.rules),
    )


def rules_sentence(rules: int) -> str:
    """Which rules a result was made by."""
    return f"Counting rules {rules} (hwsim.RULES, docs/accounting.md)."


def _lanes(channels: int, positions: int) -> str:
    return f"{channels} x {positions}"


def _off_chip(cell: Cell) -> bool:
    return any(key.operation.kind.startswith("dram") for key in cell.counts.entries)


def power_sentence(priced: Priced) -> str:
    """What the energies mean as power."""
    return power.sentence([(cell.method, cell.breakdown) for cell in chosen_cells(priced) if cell.breakdown])


def notes(comparison: Comparison) -> tuple[str, ...]:
    """What must be known of single rows: each note once, with the rows it is about."""
    rows: dict[str, list[str]] = {}
    for cell in comparison.cells:
        said = list(cell.notes)
        if cell.breakdown is not None:
            # rules that found prices, and phases left out, are told elsewhere
            said = [note for note in said if note not in cell.breakdown.notes or note in cell.counts.notes]
            said += cell.breakdown.rules_used
        if cell.n_saturated:
            said.append(saturated(cell.n_saturated))
        for note in dict.fromkeys(said):
            rows.setdefault(note, []).append(cell.method)
    return tuple(f"{shortened(list(dict.fromkeys(methods)), 3)}: {note}" for note, methods in rows.items())


def first_and_steady(breakdown: Breakdown) -> tuple[float, float | None] | None:
    """Mean energy of the first frames of streams, and of all later ones [J].

    None where the counts keep every frame: then they do not say which frames are first.
    """
    counts = breakdown.counts
    if counts.groups != ("first", "steady"):
        return None
    first, steady = (
        float(energy / n) if n else None for energy, n in zip(breakdown.by_group, counts.n_frame, strict=True)
    )
    return None if first is None else (first, steady)


def saturated(n_code: int) -> str:
    """How many codes were clipped to their format."""
    return f"{n_code:,} code{'' if n_code == 1 else 's'} saturated"
