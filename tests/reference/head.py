"""What all layers have that bring neurons of their own, and the simplest of them, which only pass numbers on."""

from typing import Any, NamedTuple

from reference.elementwise import Affine, Curve, Elementwise, MultiThreshold, Quantize, Sign, Tensor
from reference.machine import Machine
from reference.tally import Meter, Moment


class Arrival(NamedTuple):
    """What a layer is shown of one of the signals that it reads."""

    code: list[Any]  # every code, as last sent
    event: list[tuple[int, Any]]  # (index, s), in C order


class Head:
    """The layer of a stage that makes the numbers which the element-wise layers fused into it read."""

    tensor: Tensor

    def __init__(self, name: str):
        self.name = name
        self.body: list[Elementwise] = []

    @property
    def has_multiplier(self) -> bool:
        """Whether a fused layer multiplies anyhow, or sees only the sign, and so takes a constant factor along.

        It cannot reach through a curve, which wants the number itself.
        """
        for layer in self.body:
            if isinstance(layer, Curve):
                return False
            if isinstance(layer, Quantize | Affine | Sign | MultiThreshold):
                return True
        return False

    def parameters(self) -> list[tuple[int, int]]:
        """(channels with one of their own, bits) of all that is stored for the neurons besides the fused layers'."""
        return []

    def n_pass(self, machine: Machine) -> int:
        """How often codes or events are read."""
        return 1

    def deliver(self, moment: Moment, arrivals: list[Arrival]) -> tuple[list[int], list[int]]:
        """Take in a frame: neurons that something arrived at; the same, but for operations on zero weights."""
        raise NotImplementedError

    def settle(self, moment: Moment, at_work: list[int]) -> None:
        """Move the state of the neurons that are to make their numbers anew."""

    def number(self, meter: Meter, neuron: int) -> Any:
        """A neuron's number, for the fused layers."""
        raise NotImplementedError


class Relay(Head):
    """No layer at all: its neurons are the numbers of a signal that others read too, or of several signals."""

    def __init__(self, name: str, source: Tensor):
        super().__init__(name)
        self.tensor = source
        self.origin: list[int | None] = list(range(source.size))  # which of the numbers read each is; None: a constant

    def together(self, moment: Moment, arrivals: list[Arrival]) -> Arrival:
        """What the numbers are made of, as one signal: of a Concat, one after the other."""
        whole = Arrival([], [])
        for arrival in arrivals:
            whole.event.extend((len(whole.code) + i, s) for i, s in arrival.event)
            whole.code.extend(arrival.code)
        return whole

    def deliver(self, moment, arrivals):
        self.code, events = self.together(moment, arrivals)
        touched = [i for i, _ in events]
        if not moment.machine.is_delta:  # every code is there to be worked on
            touched = list(range(self.tensor.size))
        return touched, touched

    def number(self, meter, neuron):
        return self.code[neuron]
