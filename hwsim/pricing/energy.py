"""Pricing: Counts times an EnergyTable."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.counting.counts import PHASES, Counts
from hwsim.errors import TableError
from hwsim.network.operation import ARITHMETIC, Operation
from hwsim.pricing.energy_table import EnergyTable, load_table
from hwsim.pricing.lacking import check_prices
from hwsim.pricing.whole_mac import with_whole_macs
from hwsim.timing.timing import Timing

if TYPE_CHECKING:
    pass
from hwsim.pricing.breakdown import Breakdown, Line


def price(
    counts: Counts,
    table: str | Path | EnergyTable = "default_45nm",
    phases: Iterable[str] | None = None,
    rules: Iterable[str] = (),
    frame_rate: float | None = None,
    *,
    timing: Timing | None = None,
) -> Breakdown:
    """Price every counted operation with a table.

    Parameters
    ----------
    counts : Counts
        What was counted.
    table : str, path or EnergyTable
        A table's name, its YAML file, or a table.
    phases : iterable of str, optional
        Phases to price, of encode, synapse, neuron and memory; all of them unless said.
    rules : iterable of str
        Ways to find prices that the table does not state (see :func:`hwsim.pricing.energy_table.load_table`); every
        price found by one is named in the result's ``notes``.
    frame_rate : float, optional
        Inferences per second; adds a phase ``static``, in which each inference pays its share of the static power
        that the table states. Without it the energy is dynamic only; ``power`` holds the static part even so. [1/s]
    timing : Timing, optional
        Of the same run on the same machine; adds the phase ``static``, too: each inference pays for the time that it
        takes back to back, or at the frame rate if that is longer. Nothing is switched off in between.

    Raises
    ------
    TableError
        When a price is missing that is needed: never zero, never guessed.
    MachineError
        When the timing is that of another machine, network, execution or data.
    """
    table = load_table(table, rules)
    counts = with_whole_macs(counts, table)
    chosen = tuple(PHASES if phases is None else dict.fromkeys([phases] if isinstance(phases, str) else phases))
    if not chosen:
        raise TableError(f"no phase to price; write at least one of {', '.join(PHASES)}")
    unknown = [phase for phase in chosen if phase not in PHASES]
    if unknown:
        raise TableError(f"unknown phase {unknown[0]!r}; write {', '.join(PHASES)}")
    check_prices(counts, table, chosen)
    lines = []
    for key, count in counts.entries.items():
        if key.phase in chosen:
            found = table.price(key.operation)
            assert found is not None
            lines.append(Line(key, count, found, counts.overhead if _is_arithmetic(key.operation) else (1.0, 1.0)))
    energy = Breakdown(tuple(lines), counts, table, chosen)
    if timing is not None:
        energy = energy.with_timing(timing)
    return energy if frame_rate is None and timing is None else energy.at_rate(frame_rate)


def _is_arithmetic(operation: Operation) -> bool:
    """Whether a machine's overhead is on it: not on memories, nor on what was measured with all that surrounds it."""
    return operation.kind in (*ARITHMETIC, "mac")
