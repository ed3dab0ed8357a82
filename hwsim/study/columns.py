"""A comparison as a data frame: one row per cell, units in the column names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hwsim.counting.counts import COLUMN, PHASES
from hwsim.pricing.breakdown import Breakdown
from hwsim.pricing.static_power import FRAME_RATE
from hwsim.study.chain import FACTORS, WHOLE

if TYPE_CHECKING:
    from hwsim.study.comparison import Cell, Comparison


def row_of(cell: "Cell", comparison: "Comparison") -> dict[str, object]:
    """A cell as a row, by the names of its columns."""
    n = cell.counts.n_inference
    arithmetic = ("encode", "synapse", "neuron")
    row: dict[str, object] = {
        "network": cell.network,
        "execution": cell.execution,
        "machine": cell.machine,
        "table": cell.table,
        "baseline": cell.is_baseline,
        "inferences": n,
        "accuracy": cell.accuracy,
        **_accuracy(cell, comparison),
    }
    for kind in ("addition", "multiplication"):
        row[f"{kind}s [per inference]"] = sum(cell.counts.total(phase, kind) for phase in arithmetic) / n
    row["memory words [per inference]"] = cell.counts.words() / n
    for phase in (*PHASES, "static"):
        priced = cell.breakdown is not None and phase in cell.breakdown.phases
        row[f"{phase} energy [J per inference]"] = cell.breakdown.of(phase) / n if priced and cell.breakdown else None
    for name, bound in (("energy", "total"), ("low", "low"), ("high", "high")):
        row[f"{name} [J per inference]"] = getattr(cell.breakdown, bound) / n if cell.breakdown else None
    row |= _power(cell.breakdown, comparison.frame_rate or FRAME_RATE)
    row |= _time(cell)
    row["phases priced"] = " ".join(cell.breakdown.phases) if cell.breakdown else ""
    row |= _basis(cell.breakdown)
    row["advantage"] = cell.advantage
    for name in (*FACTORS, WHOLE):
        row[f"factor of {name}"] = cell.factors.get(name)
    for further in cell.advantages[1:]:
        row[f"advantage over {further.baseline}"] = further.times
    row["chip"] = comparison.chip
    row["codes saturated"] = cell.n_saturated
    row["notes"] = "; ".join(cell.notes)
    row[COLUMN] = comparison.rules
    return row


def _power(breakdown: Breakdown | None, frame_rate: float) -> dict[str, object]:
    """Power with both its parts; where a table states no leakage, the power is the dynamic part alone."""
    priced = breakdown is not None
    static = breakdown.static_power if breakdown is not None else None
    return {
        "dynamic power [W]": breakdown.dynamic_power() if breakdown is not None else None,
        "static power [W]": static,
        "power [W]": breakdown.power() if breakdown is not None else None,
        "leakage": ("not stated" if static is None else "stated") if priced else "",
        "frame rate [1/s]": breakdown.rate if breakdown is not None else frame_rate,
    }


def _time(cell: "Cell") -> dict[str, object]:
    """How long a frame takes; nothing where the machine has no time."""
    timing = cell.timing
    return {
        "latency [s]": timing.latency if timing else None,
        "worst latency [s]": timing.worst_latency if timing else None,
        "frames per second": timing.frames_per_second if timing else None,
        "bound by": timing.bound_by if timing else "",
        "energy-delay product [J s]": cell.breakdown.energy_delay if cell.breakdown else None,
    }


def _accuracy(cell: "Cell", comparison: "Comparison") -> dict[str, object]:
    """How sure a row's accuracy is, and how it compares with the baseline's."""
    where, against = cell.accuracy_interval, cell.against
    return {
        "accuracy low": where.low if where else None,
        "accuracy high": where.high if where else None,
        "frames that only this row gets right": against.n_better if against else None,
        "frames that only the baseline gets right": against.n_worse if against else None,
        "McNemar p": against.p if against else None,
        "accuracy tolerance [points]": comparison.accuracy_tolerance,
        "same accuracy as baseline": comparison.has_same_accuracy(cell) if against else None,
    }


def _basis(breakdown: Breakdown | None) -> dict[str, object]:
    """What the energy rests on: shares of figures of another process, between stated ones, and by standing."""
    found = None if breakdown is None else breakdown.basis
    return {
        "share of another node": found and found.of_another_node,
        "share at another supply": found and found.at_another_supply,
        "share interpolated": found and found.interpolated,
        "share by process": "" if found is None else _shares(found.by_process),
        "share by standing": "" if found is None else _shares(found.by_standing),
        "share by rule": "" if found is None else _shares(found.by_rule),
    }


def _shares(shares: Mapping[Any, float]) -> str:
    return "; ".join(f"{name}: {share:.6g}" for name, share in shares.items())
