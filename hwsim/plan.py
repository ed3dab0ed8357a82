"""A network prepared for a run: every stage's head, element-wise steps and signals, made once.

Rows are padded with zeros: rows of codes so that they can be compared many at a time, rows of weights so that they
fill vectors. A padded input never makes an event; a padded neuron stays zero. Images lie channels last.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.elementwise import Step, steps_of, values_step
from hwsim.heads.convolution import ConvolutionHead
from hwsim.heads.dense import DenseHead
from hwsim.heads.head import Head
from hwsim.heads.joining import AddHead, PadHead, PairHead, RelayHead
from hwsim.heads.pooling import AveragePoolHead, MaxPoolHead
from hwsim.heads.terms import SMALL
from hwsim.layers import (
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
)
from hwsim.network import INPUT, Network, Stage
from hwsim.number_format import NumberFormat
from hwsim.signals import Signal


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
