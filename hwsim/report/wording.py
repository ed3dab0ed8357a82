"""What a comparison says, in sentences, for the terminal and the page alike."""

from typing import Any, NamedTuple

from hwsim.counting.counts import PHASES
from hwsim.network.operation import Operation
from hwsim.pricing.breakdown import Breakdown
from hwsim.pricing.energy_table import EnergyTable
from hwsim.report import accuracy, origins, power
from hwsim.report.memories import operation_name, whereabouts
from hwsim.report.units import Unit, energy_unit, times
from hwsim.study.cell import Advantage, Cell, method_of
from hwsim.study.comparison import Comparison

NOT_MODELLED = (
    "control, instruction fetch and clock distribution; wires between blocks; leakage of arithmetic units and "
    "registers; time (latency, throughput) of machines that state no timing; switching parts off while they wait; "
    "loading the network; sensors and everything else off the chip; softmax"
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


def sorted_sentence(comparison: Comparison) -> str:
    """In which order rows are, where that is not the study's."""
    return f", sorted by {comparison.sort}" if comparison.sort else ""


def lacking_sentence(cell: Cell, phases: tuple[str, ...], most: int = 3) -> str:
    """What the table lacks to price a row in some phases."""
    operations: dict[Operation, int] = {}
    for phase in phases:
        operations.update(cell.lacks.get(phase, {}))
    return f"lacks {shortened([operation_name(each, cell.counts) for each in operations], most)}"


def shortened(names: list[str], most: int) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def factors_sentences(cell: Cell) -> list[str]:
    """The advantages as what they are made of, that over the first baseline without its name."""
    return [
        f"{cell.method}: {_product(each)}{f' over {each.baseline}' if k else ''}."
        for k, each in enumerate(cell.advantages)
        if each.factors and each.baseline != cell.method
    ]


def _product(advantage: Advantage) -> str:
    product = " x ".join(f"{times(factor, '')} ({name})" for name, factor in advantage.factors.items())
    return f"{times(advantage.times)} = {product}"


def baselines_sentence(comparison: Comparison) -> str:
    """What rows are compared with: ``baseline: digits-mlp on mac-array``, and the others."""
    network, machine = comparison.baseline
    also = f"; also against {', '.join(comparison.further)}" if comparison.further else ""
    return f"baseline: {network} on {machine}{also}"


def dense_sentence(comparison: Comparison) -> str:
    """What the factors over a baseline hold that is not dense; nothing where all are."""
    skipping = [
        method_of(pair) for pair in comparison.baselines if not comparison.machines[pair[1]].walk.presents_every_input
    ]
    if not skipping:
        return ""
    return f"The factor bits over {', '.join(skipping)} also holds what is skipped there: it leads to a dense machine."


def chip_sentence(comparison: Comparison) -> str:
    """Which question the sizes of memories answer."""
    machines = comparison.machines.values()
    fitting = [machine.name for machine in machines if any(level.fit for level in machine.hierarchy)]
    if not fitting:
        return "Memories have the capacities that the machines declare: what would it cost on chips that exist?"
    rest = "" if len(fitting) == len(machines) else f" (of {shortened(fitting, 3)}; the others declare capacities)"
    if comparison.chip == "shared":
        return f"Memories{rest} are as large as any row needs, for all rows: what would it cost on one chip for all?"
    return f"Memories{rest} are as large as each row needs: what would it cost on a chip made for the network?"


def scope_sentences(comparison: Comparison) -> tuple[str, ...]:
    """What every figure takes for granted."""
    machines = comparison.machines.values()
    lanes = shortened(sorted({m.side_by_side for m in machines}), 3)
    lengths = {level.word_length for m in machines for level in m.hierarchy if level.word_length is not None}
    words = shortened([str(length) for length in sorted(lengths)], 3)
    stores = sorted({m.store for m in machines}, key=lambda store: not store.startswith("working"))
    batches = shortened([str(batch) for batch in sorted({m.batch for m in machines})], 3)
    return (
        *comparison.remarks,
        power.leakage_sentence(comparison),
        chip_sentence(comparison),
        *filter(None, [dense_sentence(comparison)]),
        f"Batch {batches}; {whereabouts(comparison)}; loading excluded.",
        f"Lanes {lanes} (Dense, channels x positions); {words}-bit memory words; {'; '.join(stores)}.",
        accuracy.rule_sentence(comparison),
        rules_sentence(comparison.rules),
    )


def rules_sentence(rules: int) -> str:
    """Which rules a result was made by."""
    return f"Counting rules {rules} (hwsim.RULES, docs/accounting.md)."


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
