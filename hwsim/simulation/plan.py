"""A network prepared for a run: every stage's head, element-wise steps and signals, made once.

Rows are padded with zeros: rows of codes so that they can be compared many at a time, rows of weights so that they
fill vectors. A padded input never makes an event; a padded neuron stays zero. Images lie channels last.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hwsim.errors import NetworkError
from hwsim.network.graph import INPUT, Network, Stage
from hwsim.network.layers import Wiring
from hwsim.network.number_format import NumberFormat
from hwsim.network.signals import IntArray, Signal
from hwsim.simulation.block import Array
from hwsim.simulation.elementwise import Step, steps_of, values_step
from hwsim.simulation.heads import Head, head_of
from hwsim.simulation.heads.convolution import ConvolutionHead
from hwsim.simulation.heads.terms import SMALL
from hwsim.simulation.source_places import SourcePlaces


@dataclass(frozen=True, eq=False)
class StagePlan:
    """One stage: what its head does with the signals it reads, and the element-wise steps after it."""

    stage: Stage
    sources: tuple[str, ...]  # emitted signals it reads, those behind layers of wires in their place
    parts: tuple[IntArray | None, ...]  # of each the numbers read, as they lie in a row of codes; None: all
    reads: tuple[Signal, ...]  # what the head reads
    start: Signal  # what the element-wise layers begin with
    head: Head | None  # None: the stage that prepares the network's input
    steps: tuple[Step, ...]
    out: Signal  # what it leaves
    is_last: bool
    is_windowed: bool  # whether a reader slides a window over what it leaves
    # (n_position * channels,) int8: which of the sources each number of the image that a window slides over belongs to,
    # channels last; -1: to none, it is a constant of a border; None: no weights slide over an image
    places: Array | None = None
    codes_by_row: IntArray | None = None  # (n_source, height) of that image

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name

    @property
    def is_layer(self) -> bool:
        """Whether it does anything: a layer of wires alone only says what lies where."""
        return not is_wiring(self.stage) or self.is_last

    @property
    def is_exact(self) -> bool:
        """Whether its state is the same wherever in a stream one begins."""
        return self.head is None or not self.head.is_real


@lru_cache(maxsize=8)
def prepare(network: Network, format: NumberFormat, step: float) -> tuple[StagePlan, ...]:
    """Prepare every stage of a network for frames that arrive in a format, one code standing for `step`.

    Raises
    ------
    NetworkError
        When nothing is registered that says what a layer does.
    """
    raw = Signal.of_input(network.input_shape, format, step)
    heads = [(stage, _head(network, stage)) for stage in network.stages]
    windowed = {name for stage, head in heads if head and head.is_windowed for name in stage.sources}
    places = SourcePlaces(network)
    plans = []
    for stage, head in heads:
        sources, parts = places.sources(stage), places.parts(stage)
        if stage.sources and not sources:
            raise NetworkError(
                f"layer {stage.name}: reads constants alone, nothing of what the network is given; work it out "
                "by hand, and write what it makes in its place"
            )
        if is_wiring(stage):
            places.lead(stage)
        is_image = isinstance(head, ConvolutionHead)  # also one whose taps all fall on padding
        start = head.out if head else _way_in(network, raw)
        plans.append(
            StagePlan(
                stage=stage,
                sources=sources,
                parts=parts,
                reads=tuple(network.signals[name] for name in stage.sources),
                start=start,
                head=head,
                steps=steps_of(stage.body, start) if head else _steps_in(network, raw),
                out=network.signals[stage.output],
                is_last=stage is network.stages[-1],
                is_windowed=stage.output in windowed,
                places=places.of(stage) if is_image else None,
                codes_by_row=places.by_row(stage) if is_image else None,
            )
        )
    return tuple(plans)


def is_wiring(stage: Stage) -> bool:
    """Whether a stage is wires alone."""
    return isinstance(stage.head, Wiring) and not stage.body


def _head(network: Network, stage: Stage) -> Head | None:
    """A stage's head: its layer's, or what hands a signal on to layers that could not be fused into its maker."""
    if not stage.sources:
        return None
    out = network.signals[stage.head.name if stage.head else stage.sources[0]]
    return head_of(stage.head or stage.body[0], [network.signals[name] for name in stage.sources], out)


def _way_in(network: Network, raw: Signal) -> Signal:
    """What the input stage's layers begin with: frames as they arrive, or the values that these stand for."""
    return raw if _arrives_as_codes(network, raw) else network.signals[INPUT]


def _steps_in(network: Network, raw: Signal) -> tuple[Step, ...]:
    """The input stage's steps: codes are quantized as codes; what else needs real values gets them first."""
    steps = steps_of(network.stages[0].body, _way_in(network, raw))
    return steps if _arrives_as_codes(network, raw) else (values_step(raw), *steps)


def _arrives_as_codes(network: Network, raw: Signal) -> bool:
    """Whether frames are worked on as they arrive: real ones, and codes that are quantized first or taken as such."""
    first = next((layer for layer in network.stages[0].body if not layer.is_wiring), None)
    return raw.format.is_real or not network.input_format.is_real or (first is not None and first.makes_codes)


def event_dtypes(signal: Signal, is_windowed: bool) -> tuple[Any, Any]:
    """The dtypes of an event's place and of its value, which may be the difference of two codes."""
    place = np.int16 if signal.size <= SMALL and not is_windowed else np.int32
    if signal.format.is_real:
        return place, np.float32
    return place, np.int16 if signal.span <= SMALL else np.int64
