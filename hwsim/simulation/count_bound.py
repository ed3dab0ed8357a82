"""A bound of all counts, known before a run: what could pass 64 bits is refused."""

from hwsim.activity import Execution
from hwsim.errors import NetworkError
from hwsim.network.operation import LARGEST_COUNT
from hwsim.simulation.plan import StagePlan

WIDEST = 128
"""No number is moved with more bits, its place and its run of zeros included: a count of words, however short, is at
most so many times a count of numbers. [bits]"""


def check_counts(plans: tuple[StagePlan, ...], execution: Execution, n_frame: int, run: str) -> None:
    """Refuse a run in which a count, or all of them together, could be too large for 64 bits on some machine.

    The largest are additions, of a machine that adds once for each unit of an event; and words of memory, of one that
    reads a weight a bit at a time.

    Parameters
    ----------
    plans : tuple of StagePlan
        What is to be run.
    execution : Execution
        How.
    n_frame : int
        Frames of the run.
    run : str
        What is run on what, for the message.

    Raises
    ------
    NetworkError
        Naming the layer that could count most.
    """
    per_frame = {plan.name: most_counted(plan, execution) for plan in plans if plan.head}
    together = n_frame * sum(per_frame.values())
    if together <= LARGEST_COUNT:
        return
    name = max(per_frame, key=lambda each: per_frame[each])
    largest = next(_largest_event(plan, execution) for plan in plans if plan.name == name)
    others = "" if n_frame * per_frame[name] > LARGEST_COUNT else ", and the other layers as much again,"
    fitting = LARGEST_COUNT // sum(per_frame.values())
    fewer = f"give it at most {fitting:,} frame{'' if fitting == 1 else 's'}, or " if fitting else ""
    raise NetworkError(
        f"{run}: layer {name} could execute {n_frame * per_frame[name]:.2g} operations{others} (frames x synapses x "
        f"|s|, {n_frame:,} frames, events |s| up to {largest:,}), and counts have 64 bits; {fewer}quantize what the "
        "layer reads to fewer bits"
    )


def most_counted(plan: StagePlan, execution: Execution) -> int:
    """The most that the counts of one kind of a stage's operations can be in a frame, in Python's own integers."""
    assert plan.head is not None
    layer, numbers = plan.stage.synapses, plan.out.size + plan.head.n_tap + sum(read.size for read in plan.reads)
    most = numbers * max([WIDEST, *(each.n_threshold for each in plan.stage.body)])
    if layer is None:
        return most
    # each weight meets what is read at each position: as many words as rows can be delivered in, or inputs read anew
    met = layer.terms[0].code.size * plan.reads[0].n_position
    return most + len(layer.terms) * max(plan.head.n_synapse * _largest_event(plan, execution), met * WIDEST)


def _largest_event(plan: StagePlan, execution: Execution) -> int:
    """Largest |s| of an event that a stage's synapses may add |s| times; 1 where one addition does."""
    layer, read = plan.stage.synapses, plan.reads[0]
    once = ("real", "binary", "ternary", "power-of-two")
    if layer is None or layer.is_real(read) or all(t.format.kind in once for t in layer.terms):
        return 1
    return max(read.bound, read.span) if execution.presents_changes else read.bound
