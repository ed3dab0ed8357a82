"""A row of a comparison: one network on one machine, priced with one table, beside the baselines."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwsim.counting.counts import Counts
from hwsim.network.operation import Operation
from hwsim.pricing.breakdown import Breakdown
from hwsim.pricing.energy import price
from hwsim.pricing.energy_table import EnergyTable
from hwsim.pricing.lacking import lacking
from hwsim.pricing.static_power import FRAME_RATE, reached
from hwsim.simulation.accuracy import Interval, Paired, interval, paired
from hwsim.simulation.run import Run
from hwsim.study.run_book import Named, RunBook, Timed
from hwsim.timing.timing import Timing

BoolArray = npt.NDArray[np.bool_]


class Advantage(NamedTuple):
    """How a row stands to one baseline."""

    baseline: str  # network and machine, as a reader tells rows apart
    times: float | None  # how many times less energy; None where one of the two is not priced
    # FACTORS or WHOLE, whose product it is; empty: a step between the two cannot be counted or priced
    factors: dict[str, float]


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
    advantages: tuple[Advantage, ...]  # over each baseline
    rank: int | None  # among the baselines, the first of which is 0; None: it is none
    notes: tuple[str, ...] = ()
    right: BoolArray | None = None  # (n_frame,) whether each frame's prediction is its label; None without labels
    against: Paired | None = None  # the first baseline on the same frames
    timing: Timing | None = None  # None: the machine has no time, or it cannot be told

    @property
    def accuracy_interval(self) -> Interval | None:
        """The accuracy's interval of 95 % (Wilson)."""
        return None if self.right is None else interval(int(self.right.sum()), self.right.size)

    @property
    def method(self) -> str:
        """Network and machine, as a reader tells rows apart."""
        return method_of((self.network, self.machine))

    @property
    def is_baseline(self) -> bool:
        """Whether it is the first baseline, to which `less` and the accuracies of others refer."""
        return self.rank == 0

    @property
    def factors(self) -> dict[str, float]:
        """Of the advantage over the first baseline; empty where a step cannot be counted or priced."""
        return self.advantages[0].factors if self.advantages else {}

    @property
    def advantage(self) -> float | None:
        """How many times less energy than the first baseline; None where one of the two is not priced."""
        return self.advantages[0].times if self.advantages else None


def method_of(row: Named) -> str:
    """Network and machine of a row in words."""
    return f"{row[0]} on {row[1]}"


def cell_of(
    book: RunBook,
    row: Named,
    baselines: Sequence[Named],
    table: EnergyTable,
    phases: tuple[str, ...],
    frame_rate: float | None,
) -> Cell:
    """A row, run, counted and priced.

    Parameters
    ----------
    book : RunBook
        Where runs and counts are looked up.
    row, baselines : (network, machine)
        By their names; the first baseline is the one that accuracies are compared with.
    table : EnergyTable
        What it is priced with.
    phases : tuple of str
        Those that are priced.
    frame_rate : float, optional
        Inferences per second: adds static energy. [1/s]
    """
    run, counts, first = _run(book, row), book.count_row(row), _run(book, baselines[0])
    timing = book.time_row(row).timing
    breakdown = _priced(counts, table, phases, frame_rate, timing)
    noted = [note for baseline in baselines for note in book.chain(row, baseline).notes]
    noted += _time_notes(book.time_row(row), frame_rate or FRAME_RATE)
    return Cell(
        network=row[0],
        machine=row[1],
        execution=str(run.activity.execution),
        table=table.name,
        accuracy=run.accuracy,
        n_saturated=run.n_saturated,
        counts=counts,
        breakdown=breakdown,
        lacks=lacking(counts, table),
        advantages=tuple(_advantage(book, row, baseline, table, phases, frame_rate) for baseline in baselines),
        rank=baselines.index(row) if row in baselines else None,
        notes=(*(breakdown.notes if breakdown else counts.notes), *noted),
        right=run.right,
        against=None if run.right is None or first.right is None else paired(run.right, first.right),
        timing=timing,
    )


def _time_notes(timed: Timed, frame_rate: float) -> list[str]:
    """Why there is no time, or that it is too long for a frame rate."""
    if not _is_slower(timed.timing, frame_rate):
        return [timed.why_not] if timed.why_not else []
    return [
        f"too slow for {frame_rate:g} inferences per second: that rate is not reached, and its power is that at "
        f"{reached(frame_rate, timed.timing):,.6g} a second"
    ]


def _is_slower(timing: Timing | None, frame_rate: float) -> bool:
    return reached(frame_rate, timing) < frame_rate


def _priced(
    counts: Counts, table: EnergyTable, phases: tuple[str, ...], frame_rate: float | None, timing: Timing | None
) -> Breakdown | None:
    """The energy, dynamic unless there is a frame rate, beside the time; None where the table lacks a price."""
    lacks = lacking(counts, table)
    if any(phase in lacks for phase in phases):
        return None
    breakdown = price(counts, table, phases)
    if timing is not None:
        breakdown = breakdown.with_timing(timing)
    return breakdown if frame_rate is None else breakdown.at_rate(frame_rate)


def _run(book: RunBook, row: Named) -> Run:
    return book.run(row[0], book.machines[row[1]].execution)


def _advantage(
    book: RunBook, row: Named, first: Named, table: EnergyTable, phases: tuple[str, ...], frame_rate: float | None
) -> Advantage:
    """Of a row over a baseline, with its factors where all of them can be told."""

    def total(counts: Counts, timing: Timing | None = None) -> float | None:
        breakdown = _priced(counts, table, phases, frame_rate, timing)
        return None if breakdown is None else breakdown.total

    ends = [(book.count_row(each), book.time_row(each).timing) for each in (first, row)]
    before, after = (total(counts, timing) for counts, timing in ends)
    times = None if before is None or after is None else _ratio(before, after)
    if frame_rate is not None and any(_is_slower(timing, frame_rate) for _, timing in ends):
        return Advantage(method_of(first), times, {})  # how long the machines in between would take is not known
    energies = {name: total(counts) for name, counts in book.chain(row, first).steps.items()}
    factors: dict[str, float] = {}
    for (_, one), (name, other) in itertools.pairwise(energies.items()):
        if one is None or other is None:
            return Advantage(method_of(first), times, {})
        factors[name] = _ratio(one, other)
    return Advantage(method_of(first), times, factors)


def _ratio(before: float, after: float) -> float:
    """How many times less; where nothing has changed 1, of nothing too."""
    if before == after:
        return 1.0
    return before / after if after else math.inf
