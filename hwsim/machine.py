"""A machine: the execution it can count, how it carries out one synaptic operation, and where operands live."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pydantic
from pydantic import Field

from hwsim import catalogue, strict_yaml
from hwsim.activity import LayerActivity
from hwsim.errors import MachineError, UnknownNameError
from hwsim.strict_yaml import Schema

PositiveInt = Annotated[int, Field(ge=1)]


class UnaryUpTo(Schema):
    """Repeated additions for events of magnitude up to n, a multiplication beyond."""

    unary_up_to: PositiveInt


class Lanes(Schema):
    """How many accumulators work side by side."""

    channels: PositiveInt  # Pc: on different output channels
    positions: PositiveInt = 1  # Pp: on different output positions


class LanesByLayer(Schema):
    """Lanes, as each kind of layer uses them."""

    dense: Lanes
    convolution: Lanes


class Memory(Schema):
    """A memory: as large as what it holds, or of a declared capacity."""

    fit: Literal["network", "layer"] | None = None  # the smallest power of two bytes that holds it
    capacity: PositiveInt | None = None  # [bytes]

    @pydantic.model_validator(mode="after")
    def _one_of_two(self) -> "Memory":
        if (self.fit is None) == (self.capacity is None):
            raise ValueError("expected either fit (network or layer) or capacity [bytes]")
        return self


class Memories(Schema):
    """What lives where."""

    weights: Memory  # weights, biases and parameters
    state: Memory  # delta: sums and last codes, kept between frames
    activations: Memory  # frames, codes, events and outputs


class Machine(Schema):
    """A machine, as its YAML file says.

    Every preset has the same lanes, word length and working store, so that two machines differ in what their
    names say and in nothing else.
    """

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    description: str
    execution: Literal["dense", "sparse", "delta"]
    event_arithmetic: Literal["multiply", "unary", "shift-add"] | UnaryUpTo
    zero_operands: Literal["executed", "gated"] = "executed"  # dense: arithmetic on zero inputs
    skip_zero_weights: bool = False
    lanes: LanesByLayer
    word_length: PositiveInt  # moved by one memory access [bits]
    working_store: Literal["registers"] | PositiveInt = "registers"  # or an SRAM of that capacity [bytes]
    memories: Memories
    on_chip_limit: PositiveInt | None = None  # a larger memory is off chip [bytes]
    off_chip: Literal["dram"] | None = None  # what a larger memory is; none: an error

    @property
    def unary_limit(self) -> float:
        """Largest magnitude that is added repeatedly instead of multiplied."""
        if isinstance(self.event_arithmetic, UnaryUpTo):
            return self.event_arithmetic.unary_up_to
        return float("inf") if self.event_arithmetic == "unary" else 0

    def touched(self, layer: LayerActivity) -> npt.NDArray[np.int64]:
        """Neurons of a layer that the machine updates in each frame. (n_frame,)"""
        return layer.touched_nonzero if self.skip_zero_weights else layer.touched

    @property
    def assumptions(self) -> str:
        """What a reader of its figures must know, in one sentence."""
        arithmetic = (
            f"unary up to {self.unary_limit}, else multiply"
            if isinstance(self.event_arithmetic, UnaryUpTo)
            else self.event_arithmetic
        )
        store = "registers" if self.working_store == "registers" else f"{self.working_store} bytes of SRAM"
        extras = [
            text
            for text, holds in (
                ("zero inputs gated", self.zero_operands == "gated"),
                ("zero weights skipped", self.skip_zero_weights),
            )
            if holds
        ]
        return (
            f"{self.execution} execution, event arithmetic {arithmetic}{''.join(', ' + text for text in extras)}, "
            f"{self.lanes.dense.channels} x {self.lanes.dense.positions} lanes (Dense), {self.word_length}-bit words, "
            f"working store in {store}"
        )


DEFAULT_MACHINE = {"dense": "mac-array", "sparse": "zero-skipping-mac", "delta": "delta-mac"}
"""The machine that counts an execution where none is named."""


def load_machine(machine: str | Path | Machine) -> Machine:
    """A machine by name, from a YAML file, or as it is.

    Raises
    ------
    UnknownNameError
        When there is no such machine; the closest names are listed.
    FileError
        When the file is no machine.
    """
    if isinstance(machine, Machine):
        return machine
    try:
        path = catalogue.machine_path(machine)
    except UnknownNameError as error:
        if str(machine) in DEFAULT_MACHINE:
            raise MachineError(
                f"{machine!r} is an execution, not a machine; its default machine is {DEFAULT_MACHINE[str(machine)]!r}"
            ) from None
        raise error
    return strict_yaml.load(path, Machine)
