"""The clock of a machine, and what its parts do in a cycle."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Self

import pydantic
from pydantic import AfterValidator, Field

from hwsim.files.strict_yaml import Schema
from hwsim.machine.level import Level, PositiveInt

if TYPE_CHECKING:
    from hwsim.machine.machine import Machine

Cycles = Annotated[int, Field(ge=0, le=2**31 - 1)]
Names = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class CyclesOf(Schema):
    """What single things take. [cycles]"""

    multiply: PositiveInt = 1  # a group of lanes, for one multiplication in each
    event: Cycles = 0  # overlap event, schedule stream: of each row that is delivered, before its lanes begin
    neuron: PositiveInt = 1  # schedule stream: from one code that a core sends to the next
    layer: Cycles = 0  # of every layer and batch, whatever happens in it


class Port(Schema):
    """How a level is reached."""

    bits: PositiveInt  # moved in a cycle, by all of its banks together [bits]
    ports: Literal[1, "1r1w"] = 1  # one for both ways, or one for reads and one for writes


class _ByName(dict[str, Port]):
    """By name, in a machine that can be looked up by what it says."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


class MachineTiming(Schema):
    """What a machine does in a cycle, and how layers follow each other."""

    clock: Annotated[float, Field(gt=0, le=1e12)]  # [Hz]
    cycles: CyclesOf = CyclesOf()
    levels: Annotated[dict[str, Port], AfterValidator(_ByName)]  # by name, those that words move through
    neuron_lanes: PositiveInt  # neurons that are brought up to date in a cycle
    encode_lanes: PositiveInt  # numbers of a frame that are looked at in a cycle
    overlap: Literal["layer", "none", "event"] = "layer"  # what of a layer goes on at once
    schedule: Annotated[str, Field(min_length=1)] = "sequential"  # or pipelined, barrier, stream, one of your own
    sync: Cycles = 0  # barrier: of every step [cycles]
    layer_delay: Annotated[int, Field(ge=0, le=1)] = 0  # barrier: steps until a layer reads what another one sent
    queue: PositiveInt | None = None  # stream: events that wait before a core
    latency: Cycles = 1  # stream: from a push to the earliest start [cycles]
    placement: Annotated[tuple[Names, ...], Field(min_length=1, strict=False)] | None = None  # layers of each core

    @pydantic.model_validator(mode="after")
    def _places_each_layer_once(self) -> Self:
        placed = [name for core in self.placement or () for name in core]
        twice = sorted({name for name in placed if placed.count(name) > 1})
        if twice:
            raise ValueError(f"placement: {', '.join(twice)} on two cores; a layer is on one (or `split`)")
        return self


def contradictions_of_timing(machine: "Machine") -> Iterator[tuple[str, str]]:
    """What a machine says of time that does not go with the rest of it."""
    timing = machine.timing
    if timing is None:
        return
    if machine.memories is not None:
        yield "timing", "time is divided among levels by name; write `levels` instead of memories, or take timing out"
        return
    if machine.operations == "whole":
        yield "timing", "whole operations say nothing of lanes and words, so nothing of time; take timing out"
    if machine.reuse == "ideal":
        yield "timing", "ideal reuse is a bound, no design; it has no time: take timing out"
    if machine.walk.presents_every_input and machine.event_arithmetic != "multiply":
        yield "event_arithmetic", "the time of lanes that take every code is that of products; write multiply"
    if machine.batch > 1 and machine.event_arithmetic != "multiply":
        yield "batch", f"lanes that work {machine.arithmetic} are timed frame by frame; write batch: 1"
    moving = {level.name: level for level in machine.levels if _moves(level)}
    for name, level in moving.items():
        if name not in timing.levels:
            yield (
                "timing",
                f"how many bits of {name} move in a cycle? Write levels: {{{name}: {{bits: {level.width}}}}}",
            )
    for name in timing.levels:
        if name not in moving:
            known = ", ".join(moving) or "none"
            yield "timing", f"levels: {name} is no level of the machine that words move through; these are: {known}"
    for level in machine.holding("sums")[-1:]:
        if level.kind == "sram" and level.access == "working-store":
            yield (
                "timing",
                f"{level.name}: of sums that are read and written with each addition no words are told apart; write "
                "kind: registers, or access: per-row",
            )
    if timing.overlap == "event":
        yield from _of_events(machine)
    yield from _of_schedule(timing)
    if timing.schedule == "stream":
        yield from _of_stream(machine, timing)


def _of_events(machine: "Machine") -> Iterator[tuple[str, str]]:
    """Rows that are worked on one by one serve one position each, and all take the same."""
    if machine.run_bits is not None:
        yield "timing", "overlap: event takes rows of one length, and compressed ones differ; write overlap: layer"
    if machine.lanes is None:
        yield "timing", "an array has no events that wait for each other; write overlap: layer"
        return
    for kind, lanes in (("dense", machine.lanes.dense), ("convolution", machine.lanes.convolution)):
        if lanes.positions * lanes.frames * lanes.inputs > 1:
            yield (
                "timing",
                f"overlap: event has one row at work, for one position; lanes.{kind} has more side by side: write "
                "channels alone, or overlap: layer",
            )


def _of_schedule(timing: MachineTiming) -> Iterator[tuple[str, str]]:
    """Keys of one schedule that stand beside another."""
    of_one = {"sync": "barrier", "layer_delay": "barrier", "queue": "stream", "latency": "stream"}
    for key, schedule in of_one.items():
        is_said = getattr(timing, key) != MachineTiming.model_fields[key].default
        if is_said and timing.schedule in {"sequential", "pipelined", *of_one.values()} - {schedule}:
            yield "timing", f"{key} belongs to schedule: {schedule}, and this one is {timing.schedule}; take {key} out"
    if timing.schedule == "sequential" and timing.placement is not None:
        yield "timing", "a sequential schedule has one core for all layers; take placement out, or write pipelined"


def _of_stream(machine: "Machine", timing: MachineTiming) -> Iterator[tuple[str, str]]:
    """Cores that take one event after the other, as it comes."""
    if timing.queue is None:
        yield "timing", "how many events wait before a core? Write `queue: 8`"
    if timing.placement is not None:
        yield "timing", "in a stream each layer has a core of its own; take placement out, or write schedule: pipelined"
    if machine.batch > 1:
        yield "batch", f"a stream has no batches of {machine.batch}, frames follow each other; take batch out"
    if machine.lanes is None:
        yield "timing", "an array takes no single events; write schedule: sequential or pipelined"
    elif machine.lanes.dense.inputs > 1:
        yield (
            "lanes",
            f"in a stream events come one by one, and lanes.dense takes {machine.lanes.dense.inputs} at once; take "
            "inputs out, or write schedule: pipelined",
        )


def _moves(level: Level) -> bool:
    """Whether words move through a level that time has to be divided among."""
    return level.kind != "registers"
