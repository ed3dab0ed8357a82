"""The rule `whole-mac`: a multiplication with its accumulation priced as the one unit that was measured.

Some sources measure a whole multiply-accumulate unit (multiplier, adder, accumulator register) and none of its parts.
Where that rule is asked for and the table prices such a unit, each multiplication of the phase `synapse` takes one
addition of the same layer and phase, and one update of that layer's working store, into it.
"""

from dataclasses import replace

import numpy as np

from hwsim.counting.counts import Counts, IntArray, Key
from hwsim.network.operation import Operation
from hwsim.pricing.energy_table import EnergyTable


def with_whole_macs(counts: Counts, table: EnergyTable) -> Counts:
    """Counts in which multiplications and their accumulations are one operation ``mac``.

    Parameters
    ----------
    counts : Counts
        What was counted; every addition beyond the multiplications (of unary events, say) stays an addition.
    table : EnergyTable
        Asked whether it prices the units; without its rule ``whole-mac`` nothing is changed.

    Returns
    -------
    Counts
        With a note that says how many units there are.
    """
    if "whole-mac" not in table.rules:
        return counts
    entries = dict(counts.entries)
    n_unit = 0
    for key in counts.entries:
        unit = Operation("mac", key.operation.format)
        if key.phase == "synapse" and key.operation.kind == "multiplication" and table.price(unit) is not None:
            number = _taken(entries, key.layer, "synapse", "addition", entries[key])
            _taken(entries, key.layer, "memory", "register_update", number)
            entries[key] = entries[key] - number
            whole = key._replace(operation=unit)
            entries[whole] = entries.get(whole, np.zeros_like(number)) + number
            n_unit += int(number.sum())
    if not n_unit:
        return counts
    note = f"whole-mac: {n_unit:,} multiplications priced as whole units, with their additions and register updates"
    left = {key: count for key, count in entries.items() if count.any()}
    return replace(counts, entries=left, notes=(*counts.notes, note))


def _taken(entries: dict[Key, IntArray], layer: str, phase: str, kind: str, wanted: IntArray) -> IntArray:
    """How many operations of a kind could be taken out of a layer's, as many as wanted at most. (n_group,)"""
    left = wanted.copy()
    for key in [key for key in entries if (key.layer, key.phase, key.operation.kind) == (layer, phase, kind)]:
        number = np.minimum(left, entries[key])
        entries[key] = entries[key] - number
        left -= number
    return np.asarray(wanted - left, np.int64)
