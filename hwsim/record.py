"""What is noted while a network runs, and the Activity that is made of it."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.activity import (
    Activity,
    ConnectionActivity,
    Execution,
    Histogram,
    LayerActivity,
    SignalActivity,
)
from hwsim.network import Network
from hwsim.neuron_work import neuron_work
from hwsim.number_format import NumberFormat
from hwsim.plan import StagePlan

Array: TypeAlias = npt.NDArray[Any]


@dataclass(eq=False)
class Record:
    """What is noted of a run; every piece of it writes its own frames."""

    execution: Execution
    per_frame: bool
    first: npt.NDArray[np.bool_]  # (n_frame,) stream starts
    group: npt.NDArray[np.int64]  # (n_frame,) group of each frame: the frame itself, or 0 first and 1 steady
    outputs: Array  # (n_frame, n_out) accumulators as they leave the network
    n_event: dict[str, Array]  # by signal: (n_frame,) events listed
    touched: dict[str, Array]  # by layer: (n_frame,) neurons touched over non-zero weights; delta only
    histograms: list[tuple[str, int, Array]] = field(default_factory=list)  # layer, term, (4, n) columns
    clipped: list[tuple[str, int]] = field(default_factory=list)  # layer, codes

    @classmethod
    def empty(
        cls, plans: tuple[StagePlan, ...], stream_start: Array, n_frame: int, execution: Execution, per_frame: bool
    ) -> "Record":
        """A record with a place for every frame."""
        first = np.zeros(n_frame, np.bool_)
        first[stream_start[:-1]] = True
        last = plans[-1].out
        return cls(
            execution,
            per_frame,
            first,
            np.arange(n_frame) if per_frame else np.where(first, 0, 1),
            np.zeros((n_frame, last.size), np.float32 if last.format.is_real else np.int64),
            {plan.stage.output: np.zeros(n_frame, np.int64) for plan in plans[:-1]},
            {plan.stage.name: np.zeros(n_frame, np.int64) for plan in plans[1:] if execution.kind == "delta"},
        )

    def to_activity(self, network: Network, plans: tuple[StagePlan, ...], data: str, arrives: NumberFormat) -> Activity:
        """The Activity of a finished run."""
        return Activity(
            network=network.name,
            data=data,
            execution=self.execution,
            raw_format=arrives,
            first=self.first,
            per_frame=self.per_frame,
            layers=tuple(self._layer(network, plan) for plan in plans),
        )

    def _layer(self, network: Network, plan: StagePlan) -> LayerActivity:
        touched, touched_nonzero = self._touched(plan)
        return LayerActivity(
            name=plan.stage.name,
            n_neuron=plan.n_out,
            connections=tuple(self._connection(plan, k) for k in range(len(plan.terms))),
            work=neuron_work(network, plan.stage, plan.start),
            touched=touched,
            touched_nonzero=touched_nonzero,
            out_format=plan.out.format,
            emitted=None if plan.is_last else self._emitted(plan),
            n_saturated=sum(codes for layer, codes in self.clipped if layer == plan.stage.name),
        )

    def _touched(self, plan: StagePlan) -> tuple[Array, Array]:
        """Neurons touched per frame; dense and sparse executions update them all."""
        everyone = np.full(self.first.size, plan.n_out, np.int64)
        if plan.stage.name not in self.touched:
            return everyone, everyone
        fed = self.first | (self.n_event[plan.stage.source] > 0)
        return np.where(fed, everyone, 0), np.where(self.first, everyone, self.touched[plan.stage.name])

    def _emitted(self, plan: StagePlan) -> SignalActivity:
        n_event = self.n_event[plan.stage.output]
        if self.execution.kind == "dense":
            n_event = np.full_like(n_event, plan.out.size)
        return SignalActivity(plan.stage.output, plan.out.size, plan.out.format, n_event)

    def _connection(self, plan: StagePlan, k: int) -> ConnectionActivity:
        term, (n_in, n_out) = plan.terms[k], plan.terms[k].shape
        n_nonzero = int(term.n_nonzero.sum())
        code = plan.read.format
        return ConnectionActivity(
            layer=plan.stage.name,
            term=k,
            source=plan.stage.source,
            n_in=n_in,
            n_out=n_out,
            row_length=n_out,
            rows_per_event=1,
            n_synapse=n_in * n_out,
            n_nonzero=n_nonzero,
            event_format=code.difference() if self.execution.kind == "delta" else code,
            weight_format=term.weight_format,
            accumulator_format=term.accumulator_format,
            histogram=self._histogram(plan, k, n_in * n_out, n_nonzero),
            channel_events=self._channel_events(plan.stage.source, n_in),
        )

    def _histogram(self, plan: StagePlan, k: int, n_synapse: int, n_nonzero: int) -> Histogram:
        """All blocks' columns added up; a dense execution also performs the operations of zero codes."""
        noted = [columns for layer, term, columns in self.histograms if (layer, term) == (plan.stage.name, k)]
        group, magnitude, n_event, on_nonzero = np.concatenate(noted, axis=1)
        # magnitudes by number, because group x magnitude could overflow
        magnitudes, which = np.unique(magnitude, return_inverse=True)
        key, inverse = np.unique(group * max(len(magnitudes), 1) + which, return_inverse=True)
        group, which = np.divmod(key, max(len(magnitudes), 1))
        magnitude = magnitudes[which]
        n_operation, n_on_nonzero = np.zeros(group.size, np.int64), np.zeros(group.size, np.int64)
        np.add.at(n_operation, inverse, n_event * plan.n_out)
        np.add.at(n_on_nonzero, inverse, on_nonzero)
        if self.execution.kind == "dense":
            frames = np.bincount(self.group, minlength=1)
            idle, idle_nonzero = frames * n_synapse, frames * n_nonzero
            np.subtract.at(idle, group, n_operation)
            np.subtract.at(idle_nonzero, group, n_on_nonzero)
            group = np.concatenate([np.arange(frames.size), group])
            magnitude = np.concatenate([np.zeros(frames.size, np.int64), magnitude])
            n_operation = np.concatenate([idle, n_operation])
            n_on_nonzero = np.concatenate([idle_nonzero, n_on_nonzero])
        return Histogram(group, magnitude, n_operation, n_on_nonzero)

    def _channel_events(self, source: str, n_in: int) -> Array:
        """How many (input, frame) pairs of each group had no event, and how many had one. (n_group, 2)"""
        n_event = self.n_event[source] if self.execution.kind != "dense" else np.full(self.first.size, n_in)
        if self.per_frame:
            return np.stack([n_in - n_event, n_event], axis=1)
        first = np.array([self.first.sum(), n_event[self.first].sum()])
        n_frame, with_event = np.stack([first, [self.first.size, n_event.sum()] - first], axis=1)
        return np.stack([n_frame * n_in - with_event, with_event], axis=1)
