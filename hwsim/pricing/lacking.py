"""Prices that a table lacks for what was counted, and what helps."""

from collections import defaultdict
from pathlib import Path

from hwsim.counting.counts import Counts
from hwsim.errors import TableError
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import EnergyTable, load_table
from hwsim.pricing.energy_table.schema import RULES
from hwsim.pricing.whole_mac import with_whole_macs


def lacking(counts: Counts, table: str | Path | EnergyTable) -> dict[str, dict[Operation, int]]:
    """Operations that a table cannot price, with their counts, by phase; phases it can price are not in it."""
    table = load_table(table)
    counts = with_whole_macs(counts, table)
    lacks: dict[str, dict[Operation, int]] = defaultdict(lambda: defaultdict(int))
    for key, count in counts.entries.items():
        if table.price(key.operation) is None:
            lacks[key.phase][key.operation] += int(count.sum())
    return {phase: dict(operations) for phase, operations in lacks.items()}


def check_prices(counts: Counts, table: EnergyTable, phases: tuple[str, ...]) -> None:
    """Raise a TableError when a table cannot price all that was counted in phases."""
    missing = lacking(counts, table)
    lacks = {phase: missing[phase] for phase in phases if phase in missing}
    if lacks:
        raise TableError(_complaint(counts, table, lacks, [phase for phase in phases if phase not in lacks]))


def _complaint(counts: Counts, table: EnergyTable, lacks: dict[str, dict[Operation, int]], rest: list[str]) -> str:
    listed = [
        f"{operation} ({number:,} in {phase})" for phase, each in lacks.items() for operation, number in each.items()
    ]
    shown = shortened(listed)
    instead = f"price only the phases {', '.join(rest)}, " if rest else ""
    missing = [operation for each in lacks.values() for operation in each]
    rule = _helping_rule(table, missing)
    asked = f"ask for the rule {rule}, " if rule else _in_banks(table, missing)
    return (
        f"energy table {table.name} has no price for {shown}, which {counts.network} on {counts.machine} needs; "
        f"{instead}{asked}{'or ' if instead or asked else ''}write a table that extends it"
    )


def shortened(words: list[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are."""
    return "; ".join(words[:most]) + (f"; and {len(words) - most} more" if len(words) > most else "")


def _in_banks(table: EnergyTable, operations: list[Operation]) -> str:
    """How a memory larger than the largest that the table states can be built of several; nothing where none is."""
    for operation in operations:
        points = table.memories.get(operation.kind, {}) if operation.kind.startswith("sram") else {}
        largest = max((capacity for stated in points.values() for capacity in stated), default=operation.capacity)
        if operation.capacity > largest:
            n_bank = -(-operation.capacity // largest)
            each = -(-operation.capacity // n_bank)
            return (
                f"its largest SRAM has {largest:,} bytes and nothing larger is extrapolated: make {operation.memory} "
                f"a level with `capacity: {each}` and `banks: {n_bank}`, "
            )
    return ""


def _helping_rule(table: EnergyTable, operations: list[Operation]) -> str:
    """The rule under which the table could price everything that is missing; none where there is none."""
    helps = (rule for rule in RULES if all(table.with_rules([rule]).price(each) is not None for each in operations))
    return next(helps, "")
