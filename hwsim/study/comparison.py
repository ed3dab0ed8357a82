"""A study: networks on machines, priced with tables, on one data set, against a named baseline."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hwsim.activity.rules import RULES
from hwsim.counting.counts import PHASES, Counts
from hwsim.datasets import Dataset, Source, load_dataset
from hwsim.errors import TableError
from hwsim.files.views import Viewed, shown
from hwsim.files.whole import write_whole
from hwsim.machine import Machine
from hwsim.network.operation import Operation
from hwsim.pricing.energy import Breakdown, price
from hwsim.pricing.energy_table import EnergyTable, load_table
from hwsim.pricing.lacking import lacking
from hwsim.simulation.accuracy import TOLERANCE, Interval, Paired, checked_tolerance, interval, paired
from hwsim.simulation.run import Run
from hwsim.study.columns import row_of
from hwsim.study.priced_phases import priced_phases
from hwsim.study.run_book import MachineLike, NetworkLike, Pair, RunBook

if TYPE_CHECKING:
    import pandas as pd

BoolArray = npt.NDArray[np.bool_]
KINDS = "network", "machine", "table"
TableLike = str | Path | EnergyTable


@dataclass(frozen=True, eq=False)
class Cell:
    """One network on one machine, priced with one table: a row of the comparison."""

    network: str
    machine: str
    execution: str
    table: str
    accuracy: float | None  # fraction of frames; None without labels
    n_saturated: int
    counts: Counts
    breakdown: Breakdown | None  # None: the table lacks prices that this row needs in the table's phases
    lacks: dict[str, dict[Operation, int]]  # by phase: what the table cannot price
    # FACTORS, and STORAGE where it is one: their product is the advantage over the baseline; empty: not all priced
    factors: dict[str, float]
    is_baseline: bool
    notes: tuple[str, ...] = ()
    right: BoolArray | None = None  # (n_frame,) whether each frame's prediction is its label; None without labels
    against: Paired | None = None  # the baseline on the same frames

    @property
    def accuracy_interval(self) -> Interval | None:
        """The accuracy's interval of 95 % (Wilson)."""
        return None if self.right is None else interval(int(self.right.sum()), self.right.size)

    @property
    def method(self) -> str:
        """Network and machine, as a reader tells rows apart."""
        return f"{self.network} on {self.machine}"

    @property
    def advantage(self) -> float | None:
        """How many times less energy than the baseline; None where not all that it takes is priced."""
        if not self.factors:
            return None
        return math.prod(self.factors.values())


@dataclass(frozen=True, eq=False)
class Comparison(Viewed):
    """All cells of a study; tables in the order given, networks and machines likewise."""

    cells: tuple[Cell, ...]
    data: Dataset
    machines: dict[str, Machine]
    tables: dict[str, EnergyTable]
    baseline: tuple[str, str]
    phases: tuple[str, ...]  # asked for; a table may price fewer
    about: dict[str, dict[str, object]] = field(default_factory=dict)  # of each network
    frame_rate: float | None = None  # that was given [1/s]
    accuracy_tolerance: float = (
        TOLERANCE  # how far from the baseline's an accuracy may be to count as the same [points]
    )
    rules: int = RULES  # that everything was counted and priced by

    def has_same_accuracy(self, cell: Cell) -> bool:
        """Whether a row is as accurate as the baseline: within the tolerance, or but for what may be chance."""
        return cell.against is not None and cell.against.is_same(self.accuracy_tolerance)

    def is_as_accurate(self, cell: Cell) -> bool:
        """Whether a row is as accurate as the baseline, or more."""
        return self.has_same_accuracy(cell) or (cell.against is not None and cell.against.difference > 0)

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per cell, units in the column names."""
        import pandas as pd

        return pd.DataFrame([row_of(cell, self) for cell in self.cells])

    def __repr__(self) -> str:
        """Data, baseline, networks, machines, tables and rows."""
        kinds = [len({getattr(cell, kind) for cell in self.cells}) for kind in KINDS]
        what = ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for n, kind in zip(kinds, KINDS, strict=True))
        return f"<Comparison on {self.data}: {len(self.cells)} rows ({what})>"

    def write_csv(self, path: str | Path) -> None:
        """Write `to_dataframe` as CSV."""
        write_whole(path, self.to_dataframe().to_csv(index=False))

    def write_json(self, path: str | Path) -> None:
        """Write `to_dataframe` as JSON records."""
        # not DataFrame.to_json, which keeps ten decimals: there are none left of a picojoule
        frame = self.to_dataframe().astype(object)
        records = frame.where(frame.notna(), None).to_dict("records")
        write_whole(path, json.dumps(records, indent=2) + "\n")

    def write_html(self, path: str | Path) -> None:
        """Write one self-contained page that opens offline."""
        shown(self, "write_html", Path(path))


def compare(
    networks: Iterable[NetworkLike] = (),
    machines: Iterable[MachineLike] = (),
    tables: Iterable[TableLike] = ("default_45nm",),
    *,
    data: Dataset | Source | str,
    baseline: Pair,
    rows: Iterable[Pair] | None = None,
    phases: Sequence[str] | None = None,
    per_frame: bool = False,
    frame_rate: float | None = None,
    accuracy_tolerance: float = TOLERANCE,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare networks on machines, priced with tables, on one data set.

    Parameters
    ----------
    networks, machines : iterables of names, paths or objects
        Every network is run on every machine.
    tables : iterable of names, paths or EnergyTables
        Tables to price with.
    data : Dataset, Source or name
        What every network is run on; of a name or path, its test split in file order.
    baseline : (network, machine)
        What advantages are relative to; it is added to the rows if it is not among them.
    rows : iterable of (network, machine), optional
        The rows, instead of every network on every machine.
    phases : sequence of str, optional
        Phases to price; unless said, those that a table can price for every row.
    per_frame : bool
        Keep every frame's energy (for the page's curve over time).
    frame_rate : float, optional
        Inferences per second; adds the static energy of each inference where a table states static power, so that rows
        are ranked by power, and is the rate at which powers are shown (30 unless given). [1/s]
    accuracy_tolerance : float
        How far from the baseline's accuracy a row's may be to count as the same; one that may differ by chance alone
        counts as the same, too (McNemar's exact test on the same frames). [points]
    progress : callable
        Told what is done next.

    Raises
    ------
    TableError
        When a table can price nothing, or not the phases asked for.
    DataError
        When the tolerance is none.
    """
    tolerance = checked_tolerance(accuracy_tolerance)
    data = data if isinstance(data, Dataset) else load_dataset(data)
    book = RunBook(data, per_frame, progress)
    first = book.pair(baseline)
    pairs = [book.pair(row) for row in (itertools.product(networks, machines) if rows is None else rows)]
    pairs = list(dict.fromkeys(pairs if first in pairs else [first, *pairs]))
    chosen = {table.name: table for table in map(load_table, [tables] if isinstance(tables, str) else tables)}
    if not chosen:
        raise TableError("no energy table to price with; name at least one, such as default_45nm")
    cells = []
    for table in chosen.values():
        priced = priced_phases(book, pairs, first, table, phases)
        progress(f"pricing with {table.name}")
        cells += [_cell(book, pair, first, table, priced, frame_rate) for pair in pairs]
    return Comparison(
        cells=tuple(cells),
        data=data,
        machines={machine: book.machines[machine] for _, machine in pairs},
        tables=chosen,
        baseline=first,
        phases=tuple(phases or PHASES),
        frame_rate=frame_rate,
        accuracy_tolerance=tolerance,
        about={network: dict(book.networks[network].about) for network, _ in pairs},
    )


def _cell(
    book: RunBook,
    pair: tuple[str, str],
    first: tuple[str, str],
    table: EnergyTable,
    phases: tuple[str, ...],
    frame_rate: float | None,
) -> Cell:
    network, machine = pair[0], book.machines[pair[1]]
    run, counts = book.run(network, machine.execution), book.count(network, machine)
    steps = book.steps(pair, first)
    lacks = lacking(counts, table)
    breakdown, factors = None, {}
    if not any(phase in lacks for phase in phases):
        breakdown = price(counts, table, phases, frame_rate=frame_rate)
    if not any(phase in lacking(step, table) for step in steps.values() for phase in phases):
        energy = {name: price(step, table, phases, frame_rate=frame_rate).total for name, step in steps.items()}
        pairs = itertools.pairwise(energy.items())
        factors = {name: before / after if after else math.inf for (_, before), (name, after) in pairs}
    return Cell(
        network=network,
        machine=machine.name,
        execution=str(run.activity.execution),
        table=table.name,
        accuracy=run.accuracy,
        n_saturated=run.n_saturated,
        counts=counts,
        breakdown=breakdown,
        lacks=lacks,
        factors=factors,
        is_baseline=pair == first,
        notes=breakdown.notes if breakdown else counts.notes,
        right=run.right,
        against=_against(run, book.run(first[0], book.machines[first[1]].execution)),
    )


def _against(run: Run, baseline: Run) -> Paired | None:
    return None if run.right is None or baseline.right is None else paired(run.right, baseline.right)
