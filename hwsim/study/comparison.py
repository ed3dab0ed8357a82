"""A study: networks on machines, priced with tables, on one data set, against named baselines."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.counting.counts import PHASES, RULES
from hwsim.datasets import Dataset, Source, load_dataset
from hwsim.errors import TableError
from hwsim.files.existing import write_report
from hwsim.files.views import Viewed, shown
from hwsim.machine import Machine
from hwsim.pricing.energy_table import EnergyTable, load_table
from hwsim.simulation.accuracy import TOLERANCE, checked_tolerance
from hwsim.study.baselines import Baselines, calibration_data, pairs_of, usual_baselines
from hwsim.study.capacities import Chip, checked_chip
from hwsim.study.cell import Cell as Cell
from hwsim.study.cell import cell_of, method_of
from hwsim.study.columns import row_of
from hwsim.study.priced_phases import priced_phases
from hwsim.study.run_book import MachineLike, Named, NetworkLike, Pair, RunBook
from hwsim.study.sorting import checked_sort, in_order

if TYPE_CHECKING:
    import pandas as pd

KINDS = "network", "machine", "table"
TableLike = str | Path | EnergyTable

CSV_HEAD = re.compile(b"network,execution,machine,table,baseline,")
JSON_HEAD = re.compile(rb'\[\n  \{\n    "network": ".*",\n    "execution": ".*",\n    "machine": ".*",\n')
"""What such files begin with when hwsim wrote them."""


@dataclass(frozen=True, eq=False)
class Comparison(Viewed):
    """All cells of a study; tables in the order given, networks and machines likewise unless it is sorted."""

    cells: tuple[Cell, ...]
    data: Dataset
    machines: dict[str, Machine]
    tables: dict[str, EnergyTable]
    baselines: tuple[tuple[str, str], ...]  # the first is what `less` and the accuracies of others refer to
    phases: tuple[str, ...]  # asked for; a table may price fewer
    chip: Chip = "own"  # how large memories with `fit` are: as each row needs, or as any row needs
    remarks: tuple[str, ...] = ()  # what must be known of the comparison as a whole
    about: dict[str, dict[str, object]] = field(default_factory=dict)  # of each network
    frame_rate: float | None = None  # that was given [1/s]
    accuracy_tolerance: float = (
        TOLERANCE  # how far from the baseline's an accuracy may be to count as the same [points]
    )
    rules: int = RULES  # that everything was counted and priced by
    sort: str | None = None  # what rows are sorted by; None: they are in the order of the study

    @property
    def baseline(self) -> tuple[str, str]:
        """The first baseline, network and machine."""
        return self.baselines[0]

    @property
    def further(self) -> tuple[str, ...]:
        """The other baselines, as rows are named."""
        return tuple(map(method_of, self.baselines[1:]))

    def has_same_accuracy(self, cell: Cell) -> bool:
        """Whether a row is as accurate as the baseline: within the tolerance, or but for what may be chance."""
        return cell.against is not None and cell.against.is_same(self.accuracy_tolerance)

    def is_as_accurate(self, cell: Cell) -> bool:
        """Whether a row is as accurate as the baseline, or more."""
        return self.has_same_accuracy(cell) or (cell.against is not None and cell.against.difference > 0)

    def sorted_by(self, sort: str) -> "Comparison":
        """The same rows, best first, those without a value last.

        Parameters
        ----------
        sort : str
            ``energy``, ``latency``, ``edp`` (energy-delay product) or ``accuracy``.

        Raises
        ------
        UnknownNameError
            When it is none of these.
        """
        return replace(self, cells=in_order(self.cells, checked_sort(sort)), sort=sort)

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
        """Write `to_dataframe` as CSV; FileError where there is a file that is none of these."""
        write_report(path, self.to_dataframe().to_csv(index=False), CSV_HEAD)

    def write_json(self, path: str | Path) -> None:
        """Write `to_dataframe` as JSON records; FileError where there is a file that is none of these."""
        # not DataFrame.to_json, which keeps ten decimals: there are none left of a picojoule
        frame = self.to_dataframe().astype(object)
        records = frame.where(frame.notna(), None).to_dict("records")
        write_report(path, json.dumps(records, indent=2) + "\n", JSON_HEAD)

    def write_html(self, path: str | Path) -> None:
        """Write one self-contained page that opens offline; FileError where there is a file that is none of these."""
        shown(self, "write_html", Path(path))


def compare(
    networks: Iterable[NetworkLike] = (),
    machines: Iterable[MachineLike] = (),
    tables: Iterable[TableLike] = ("default_45nm",),
    *,
    data: Dataset | Source | str,
    baseline: Baselines | None = None,
    rows: Iterable[Pair] | None = None,
    phases: Sequence[str] | None = None,
    per_frame: bool = False,
    frame_rate: float | None = None,
    accuracy_tolerance: float = TOLERANCE,
    chip: str = "own",
    calibration: Dataset | Source | str | None = None,
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
    baseline : (network, machine) or a list of such, optional
        What advantages are relative to. The first is the one that accuracies are compared with. What is not among the
        rows is added to them: the first before, the others after. Unless given: the first network of real numbers on
        `mac-array`, and the first of 8-bit integers on `edge-npu`, which is converted from the other where there is
        none.
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
    chip : "own" or "shared"
        How large memories with `fit` are: as each row needs, or all of one name as large as any row needs.
    calibration : Dataset, Source or name, optional
        What a baseline is converted on, if one has to be: of a name or path its training split, where there is one.
        Unless given, `data`.
    progress : callable
        Told what is done next.

    Raises
    ------
    TableError
        When a table can price nothing, or not the phases asked for.
    DataError
        When the tolerance is none.
    MachineError
        When the chip is none, or a machine cannot count a row.
    NetworkError
        When the baselines are none, or none is given and no network is one of real numbers.
    """
    tolerance, chosen_chip = checked_tolerance(accuracy_tolerance), checked_chip(chip)
    frames = data if isinstance(data, Dataset) else load_dataset(data)
    book = RunBook(frames, per_frame, progress)
    named = [] if baseline is None else [book.pair(each) for each in pairs_of(baseline)]
    pairs = [book.pair(row) for row in (itertools.product(networks, machines) if rows is None else rows)]
    chosen = {table.name: table for table in map(load_table, [tables] if isinstance(tables, str) else tables)}
    if not chosen:
        raise TableError("no energy table to price with; name at least one, such as default_45nm")
    remarks: tuple[str, ...] = ()
    if baseline is None:
        on = data if calibration is None else calibration
        named, remarks = usual_baselines(book, pairs, lambda: calibration_data(on, frames))
    named = list(dict.fromkeys(named))
    pairs = list(dict.fromkeys([*(each for each in named[:1] if each not in pairs), *pairs, *named]))
    book.expect(pairs, named)
    if chosen_chip == "shared":
        book.share(pairs)
    return Comparison(
        cells=tuple(_cells(book, pairs, named, chosen.values(), phases, frame_rate)),
        data=frames,
        machines={machine: book.machines[machine] for _, machine in pairs},
        tables=chosen,
        baselines=tuple(named),
        phases=tuple(phases or PHASES),
        frame_rate=frame_rate,
        accuracy_tolerance=tolerance,
        about={network: dict(book.networks[network].about) for network, _ in pairs},
        chip=chosen_chip,
        remarks=remarks,
    )


def _cells(
    book: RunBook,
    rows: list[Named],
    baselines: list[Named],
    tables: Iterable[EnergyTable],
    phases: Sequence[str] | None,
    frame_rate: float | None,
) -> list[Cell]:
    cells = []
    for table in tables:
        priced = priced_phases(book, rows, baselines[0], table, phases)
        book.progress(f"pricing with {table.name}")
        cells += [cell_of(book, row, baselines, table, priced, frame_rate) for row in rows]
    return cells
