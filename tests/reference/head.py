"""What all layers have that bring neurons of their own, and the simplest of them, which only pass numbers on."""

from typing import Any, NamedTuple

from reference.elementwise import Affine, Elementwise, Quantize, Sign, Tensor
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
        """Whether a fused layer multiplies anyhow, or sees only the sign, and so takes a constant factor along."""
        return any(isinstance(layer, Quantize | Affine | Sign) for layer in self.body)

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

    def deliver(self, moment, arrivals):
        self.code, touched = [], []
        for arrival in arrivals:  # of a Concat, one after the other
            touched.extend(len(self.code) + i for i, _ in arrival.event)
            self.code.extend(arrival.code)
        if not moment.machine.is_delta:  # every code is there to be worked on
            touched = list(range(self.tensor.size))
        return touched, touched

    def number(self, meter, neuron):
        return self.code[neuron]
