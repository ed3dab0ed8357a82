"""A network prepared for a run: every stage's head, element-wise steps and signals, made once.

Rows are padded with zeros: rows of codes so that they can be compared many at a time, rows of weights so that they
fill vectors. A padded input never makes an event; a padded neuron stays zero. Images lie channels last.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.activity import Execution
from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network, Stage
from hwsim.network.layers import (
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    GlobalAvgPool,
    MaxPool2d,
    MultiThreshold,
    Pad2d,
    Pairing,
    Quantize,
    Rearrange,
    Sign,
    Synaptic,
)
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import LARGEST_COUNT
from hwsim.network.signals import Signal
from hwsim.simulation.elementwise import Step, steps_of, values_step
from hwsim.simulation.heads.convolution import ConvolutionHead
from hwsim.simulation.heads.dense import DenseHead
from hwsim.simulation.heads.head import Head
from hwsim.simulation.heads.joining import AddHead, PadHead, PairHead, RelayHead
from hwsim.simulation.heads.pooling import AveragePoolHead, MaxPoolHead
from hwsim.simulation.heads.terms import SMALL


@dataclass(frozen=True, eq=False)
class StagePlan:
    """One stage: what its head does with the signals it reads, and the element-wise steps after it."""

    stage: Stage
    sources: tuple[str, ...]  # emitted signals it reads, those of a bare Concat or Pad2d in its place
    reads: tuple[Signal, ...]  # what the head reads
    start: Signal  # what the element-wise layers begin with
    head: Head | None  # None: the stage that prepares the network's input
    steps: tuple[Step, ...]
    out: Signal  # what it leaves
    is_last: bool
    is_windowed: bool  # whether a reader slides a window over what it leaves

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name

    @property
    def is_layer(self) -> bool:
        """Whether it does anything: a bare Concat or Pad2d only says what lies where."""
        return not is_wiring(self.stage) or self.is_last

    @property
    def is_exact(self) -> bool:
        """Whether its state is the same wherever in a stream one begins."""
        return self.head is None or not self.head.is_real


@lru_cache(maxsize=8)
def prepare(network: Network, format: NumberFormat, step: float) -> tuple[StagePlan, ...]:
    """Prepare every stage of a network for frames that arrive in a format, one code standing for `step`."""
    raw = Signal.of_input(network.input_shape, format, step)
    windowed = {
        name
        for layer in network.layers
        if isinstance(layer, Conv2d | MaxPool2d | AvgPool2d | GlobalAvgPool)
        for name in layer.inputs
    }
    parts: dict[str, tuple[str, ...]] = {}
    plans = []
    for stage in network.stages:
        sources = tuple(name for source in stage.sources for name in parts.get(source, (source,)))
        parts[stage.output] = sources if is_wiring(stage) else (stage.output,)
        start = _start(network, stage, raw)
        plans.append(
            StagePlan(
                stage=stage,
                sources=sources,
                reads=tuple(network.signals[name] for name in stage.sources),
                start=start,
                head=_head(network, stage, start) if stage.sources else None,
                steps=steps_of(stage.body, start) if stage.sources else _way_in(network, raw),
                out=network.signals[stage.output],
                is_last=stage is network.stages[-1],
                is_windowed=stage.output in windowed,
            )
        )
    return tuple(plans)


def is_wiring(stage: Stage) -> bool:
    """Whether a stage only lays signals side by side, or constants around one."""
    return isinstance(stage.head, Concat | Pad2d) and not stage.body


def _start(network: Network, stage: Stage, raw: Signal) -> Signal:
    """What a stage's element-wise layers begin with."""
    if not stage.sources:
        return raw if _arrives_as_codes(network, raw) else network.signals[INPUT]
    return network.signals[stage.head.name if stage.head else stage.sources[0]]


def _head(network: Network, stage: Stage, out: Signal) -> Head:
    layer, reads = stage.head, [network.signals[name] for name in stage.sources]
    if isinstance(layer, Dense):
        return DenseHead(layer, reads[0], out, stage.sources[0])
    if isinstance(layer, Conv2d):
        return ConvolutionHead(layer, reads[0], out)
    if isinstance(layer, MaxPool2d):
        return MaxPoolHead(layer, reads[0], out)
    if isinstance(layer, AvgPool2d | GlobalAvgPool):
        return AveragePoolHead(layer, reads[0], out)
    if isinstance(layer, Add):
        return AddHead(layer, reads, out, stage.sources)
    if isinstance(layer, Pairing):
        return PairHead(layer, reads, out)
    if isinstance(layer, Pad2d):
        return PadHead(layer, reads[0], out)
    return RelayHead(stage.name, reads, out)


def _way_in(network: Network, raw: Signal) -> tuple[Step, ...]:
    """The input stage's steps: codes are quantized as codes; what else needs real values gets them first."""
    body = network.stages[0].body
    if _arrives_as_codes(network, raw):
        return steps_of(body, raw)
    return (values_step(raw), *steps_of(body, network.signals[INPUT]))


def _arrives_as_codes(network: Network, raw: Signal) -> bool:
    """Whether frames are worked on as they arrive: real ones, and codes that are quantized first or taken as such."""
    first = next((layer for layer in network.stages[0].body if not isinstance(layer, Flatten | Rearrange)), None)
    return raw.format.is_real or not network.input_format.is_real or isinstance(first, Quantize | Sign | MultiThreshold)


def event_dtypes(signal: Signal, is_windowed: bool) -> tuple[Any, Any]:
    """The dtypes of an event's place and of its value, which may be the difference of two codes."""
    place = np.int16 if signal.size <= SMALL and not is_windowed else np.int32
    if signal.format.is_real:
        return place, np.float32
    return place, np.int16 if signal.span <= SMALL else np.int64


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
    layer, numbers = plan.stage.head, plan.out.size + plan.head.n_tap + sum(read.size for read in plan.reads)
    n_comparison = max((each.n_threshold for each in plan.stage.body if isinstance(each, MultiThreshold)), default=0)
    most = numbers * max(WIDEST, n_comparison)
    if not isinstance(layer, Synaptic):
        return most
    # each weight meets what is read at each position: as many words as rows can be delivered in, or inputs read anew
    met = layer.terms[0].code.size * plan.reads[0].n_position
    return most + len(layer.terms) * max(plan.head.n_synapse * _largest_event(plan, execution), met * WIDEST)


def _largest_event(plan: StagePlan, execution: Execution) -> int:
    """Largest |s| of an event that a stage's synapses may add |s| times; 1 where one addition does."""
    layer, read = plan.stage.head, plan.reads[0]
    once = ("real", "binary", "ternary", "power-of-two")
    if not isinstance(layer, Synaptic) or layer.is_real(read) or all(t.format.kind in once for t in layer.terms):
        return 1
    return max(read.bound, read.span) if execution.kind == "delta" else read.bound
