"""What in a machine's file cannot be true together, and what in it can never be used."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwsim.machine.array import contradictions_of_array
from hwsim.machine.level import Level, Operand
from hwsim.machine.split import contradictions_of_split
from hwsim.machine.timing import contradictions_of_timing

if TYPE_CHECKING:
    from hwsim.machine.machine import Machine


def contradictions(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Key and wording of everything that cannot be true together; nothing of a machine that fits together."""
    yield from _of_options(machine)
    yield from contradictions_of_array(machine)
    yield from contradictions_of_timing(machine)
    yield from contradictions_of_split(machine)
    if machine.levels and machine.memories is not None:
        yield "levels", "levels and memories say the same thing twice; take memories out"
        return
    if not machine.levels and machine.memories is None:
        yield "levels", "where do operands live? Write `levels`, or `memories` with weights, state and activations"
        return
    if machine.levels:
        yield from _of_keys_of_memories(machine)
        yield from _of_order(machine)
        yield from _of_compressed_rows(machine)
        yield from _of_sums(machine)
    else:
        yield from _of_batches_of_memories(machine)
    if machine.memories is not None and machine.word_length is None:
        yield "word_length", "how many bits does one access to the memories move? Write `word_length: 64`"
        return
    for operand in _operands(machine):
        if not machine.holding(operand):
            yield "levels", f"no level holds {operand}; name it in the `holds` of one"


def _of_options(machine: "Machine") -> Iterator[tuple[str, str]]:
    if machine.weights == "compressed" and machine.run_bits is None:
        yield "weights", "compressed weights need `run_bits: 4`, the width of each entry's run of zeros [bits]"
    if machine.weights == "rows" and machine.run_bits is not None:
        yield "run_bits", "only compressed weights have runs; write `weights: compressed`, or take run_bits out"
    if machine.events == "bitmap" and not machine.walk.lists_events:
        yield "events", "a dense execution presents codes, not events; take `events: bitmap` out"
    if machine.access == "per-row" and machine.working_store != "registers":
        yield "access", "accumulators in SRAM, row by row, need no working store; take working_store out"
    if machine.operations == "whole" and machine.access == "per-row":
        yield "access", "whole operations hold their accumulators' accesses; take `access: per-row` out"
    if machine.operations == "whole" and machine.weights == "compressed":
        yield "weights", "whole operations hold the reads of their weights; take `weights: compressed` out"
    if machine.tile is not None and machine.order == "best":
        yield "tile", "the best order brings its own tiles; write order: weight-stationary, or code-stationary"
    yield from _of_lanes(machine)


def _of_lanes(machine: "Machine") -> Iterator[tuple[str, str]]:
    if machine.walk.presents_every_input or machine.lanes is None:
        return
    for kind, lanes in (("dense", machine.lanes.dense), ("convolution", machine.lanes.convolution)):
        for name in ("inputs", "frames"):
            if getattr(lanes, name) > 1:
                yield "lanes", f"{kind}: only a dense execution has {name} side by side; take {name} out"


def _of_keys_of_memories(machine: "Machine") -> Iterator[tuple[str, str]]:
    for name in ("word_length", "on_chip_limit", "off_chip"):
        if getattr(machine, name) is not None:
            yield name, f"belongs to `memories`; each level says its own, take {name} out"
    for name, default in (("working_store", "registers"), ("access", "working-store")):
        if getattr(machine, name) != default:
            yield name, f"belongs to `memories`; write a level that holds sums, and take {name} out"


def _of_batches_of_memories(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Without a level that keeps a row, frames share it only where every one of them needs it."""
    if machine.batch > 1 and not machine.walk.presents_every_input:
        yield (
            "batch",
            f"with `memories`, only a dense execution shares weights among the frames of a batch, and this one is "
            f"{machine.execution}, got {machine.batch}; write batch: 1, or levels",
        )


def _of_sums(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Lanes work on the sums of a tile, which has to be of some size; what an array lets out waits anywhere."""
    for level in machine.holding("sums")[-1:] if machine.array is None else ():
        if level.kind == "dram" or (level.fit is not None and level.access == "working-store"):
            yield "levels", f"{level.name}: sums of a tile need registers, or an sram with `capacity` [bytes]"


def _of_compressed_rows(machine: "Machine") -> Iterator[tuple[str, str]]:
    """How many entries a given capacity keeps follows from the weights, and no plan looks at these but of slices."""
    if machine.run_bits is None:
        return
    if machine.tile is not None or machine.order != "best":
        yield "order", "rows without their zeros are delivered whole; take order and tile out"
    for level in machine.holding("weights") if machine.split is None else ():
        if level.capacity is not None:
            yield "levels", f"{level.name}: compressed weights take a level with `fit`, or a dram; take capacity out"


def _of_order(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Levels stand from far to near: a DRAM, which holds all that there is, has none farther out; registers end."""
    names = [level.name for level in machine.levels]
    if len(set(names)) < len(names):
        yield "levels", f"two levels of one name: {', '.join(names)}; rename one"
    for operand in _operands(machine):
        farther: Level | None = None
        for level in machine.holding(operand):
            if farther is not None and (level.kind == "dram" or farther.kind == "registers"):
                yield (
                    "levels",
                    f"levels stand from far to near, and {operand} reach {level.name} ({level.kind}) only behind "
                    f"{farther.name} ({farther.kind}); write {level.name} before {farther.name}",
                )
                break
            farther = level


def _operands(machine: "Machine") -> tuple[Operand, ...]:
    """What has to be held somewhere."""
    if machine.operations == "whole":
        return ("codes",)
    return ("weights", "codes", "sums", "state") if machine.walk.keeps_state else ("weights", "codes", "sums")


def never_used(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Levels that no network can use, each with the reason in words."""
    for level in machine.hierarchy:
        reasons = {operand: _why_never(operand, level, machine) for operand in level.holds}
        too_small = level.bits is not None and level.word_length is not None and level.bits < level.word_length
        if too_small:
            yield level.name, f"its {level.bits} bits are less than one of its words of {level.word_length}"
        elif all(reasons.values()):
            yield level.name, "; ".join(reason for reason in reasons.values() if reason)


def _why_never(operand: Operand, level: Level, machine: "Machine") -> str:
    """Why an operand never comes to a level that holds it; empty where it may."""
    nearest = machine.holding(operand)[-1]
    if operand == "pointers" and machine.slicing is None:
        return "pointers lie beside the weights that they point to, wherever these are"
    if operand == "state" and not machine.walk.keeps_state:
        return f"a {machine.execution} execution keeps no state between frames"
    if operand == "sums" and machine.operations == "whole":
        return "whole operations hold their sums themselves"
    if operand == "sums" and nearest != level and machine.array is None:  # of an array they wait outside
        return f"sums live in the nearest level that holds them, which is {nearest.name}"
    return ""
