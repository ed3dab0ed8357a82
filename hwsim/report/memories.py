"""What memories and levels are called, and how large they are, in words.

A machine with a memory for each operand calls them weights, state and activations. One that names its levels moves the
same operand through several of them, so that an access says both: ``buffer: codes``.
"""

from hwsim.counting.counts import Counts
from hwsim.network.operation import Operation
from hwsim.report.units import size
from hwsim.study.comparison import Cell, Comparison

OF_OPERAND = {"codes": "activations"}
"""What an operand's memory is called where it is not called after the operand."""


def memory_name(operation: Operation, counts: Counts) -> str:
    """The memory of an access: of a machine that names its levels the level and what the access is for."""
    if counts.levels:
        return ": ".join(filter(None, (operation.memory, operation.operand)))
    # an operand that is off chip shares the one DRAM with others; it is told by what it is
    is_shared = operation.kind.startswith("dram") and operation.operand
    return OF_OPERAND.get(operation.operand, operation.operand) if is_shared else operation.memory


def operation_name(operation: Operation, counts: Counts) -> str:
    """An operation with its formats, or an access with its memory."""
    kind = operation.kind.replace("_", " ").replace("sram", "SRAM").replace("dram", "DRAM")
    if operation.format:
        return f"{kind} {' x '.join(operation.format)}"
    capacity = size(operation.capacity) if operation.capacity else ""
    word = f"{operation.word_length} bits" if operation.word_length else ""
    return ", ".join(filter(None, [kind, memory_name(operation, counts), capacity, word]))


def sizes(cell: Cell, memory: str) -> str:
    """How large the memories of one purpose are in a row: of weights, state or activations."""
    counts = cell.counts
    operations = [key.operation for key in counts.entries if key.operation.memory]
    if not counts.levels:
        return _sizes([each for each in operations if memory_name(each, counts) == memory])
    mine = [each for each in operations if OF_OPERAND.get(each.operand, each.operand) == memory]
    by_level = {level: _sizes([each for each in mine if each.memory == level.name]) for level in counts.levels}
    banks = {level: f"{level.banks} x " if level.banks > 1 else "" for level in counts.levels}
    return "; ".join(f"{level.name} {banks[level]}{said}" for level, said in by_level.items() if said != "-") or "-"


def _sizes(operations: list[Operation]) -> str:
    capacities = sorted({operation.capacity for operation in operations if operation.capacity})
    outside = ["off chip"] if any(operation.kind.startswith("dram") for operation in operations) else []
    ends = [size(capacity) for capacity in dict.fromkeys([*capacities[:1], *capacities[-1:]])]
    return ", ".join(filter(None, [" to ".join(ends), *outside])) or "-"


def whereabouts(comparison: Comparison) -> str:
    """Where operands live in all rows, as a part of a sentence."""
    flat = [cell for cell in comparison.cells if not cell.counts.levels]
    outside = sorted({cell.method for cell in flat if any(_is_off_chip(key.operation) for key in cell.counts.entries)})
    said = []
    if outside:
        more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
        said = [f"weights or state off chip, in DRAM: {', '.join(outside[:3])}{more}; all else on chip"]
    elif flat:
        said = ["everything on chip: weights, state and activations"]
    levels = {name: machine.levels for name, machine in comparison.machines.items() if machine.levels}
    if levels and said:
        said = [f"without levels {said[0]}"]
    for name, each in levels.items():
        said.append(f"levels of {name}, from far to near: {', '.join(level.name for level in each)}")
    return "; ".join(said)


def _is_off_chip(operation: Operation) -> bool:
    return operation.kind.startswith("dram")
