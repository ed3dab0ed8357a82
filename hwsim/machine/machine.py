"""A machine: the execution it can count, how it carries out one synaptic operation, and where operands live."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pydantic
from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from hwsim.activity import Cores, Execution, LayerActivity, Slicing
from hwsim.activity.stored_rows import N_RUN_BITS
from hwsim.errors import MachineError, UnknownNameError
from hwsim.files import catalogue, strict_yaml
from hwsim.files.strict_yaml import Schema, SchemaVersion
from hwsim.machine.array import Array
from hwsim.machine.contradictions import contradictions
from hwsim.machine.functions import Functions
from hwsim.machine.level import Bytes, Level, Levels, Memories, Name, Operand, PositiveInt, Tile, levels_meant
from hwsim.machine.split import Split
from hwsim.machine.timing import MachineTiming

Factor = Annotated[float, Field(ge=1, le=1000)]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]


class UnaryUpTo(Schema):
    """Repeated additions for events of magnitude up to n, a multiplication beyond."""

    unary_up_to: PositiveInt


class Lanes(Schema):
    """How many accumulators work side by side."""

    channels: PositiveInt  # Pc: on different output channels
    positions: PositiveInt = 1  # Pp: on different output positions
    frames: PositiveInt = 1  # Pf, dense: in so many frames of a batch
    inputs: PositiveInt = 1  # Pi, dense: products that are added up before they reach an accumulator


class LanesByLayer(Schema):
    """Lanes, as each kind of layer uses them."""

    dense: Lanes
    convolution: Lanes


class Overhead(Schema):
    """What arithmetic costs beside its operations (control, clock, pipeline registers), as a factor on their energy."""

    low: Factor = 1.0
    high: Factor = 1.0

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "Overhead":
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low:g}, {self.high:g}; exchange the two")
        return self


class Machine(Schema):
    """A machine, as its YAML file says.

    Every preset has the same lanes, word length and working store, so that two machines differ in what their
    names say and in nothing else.
    """

    schema_version: SchemaVersion = Field(alias="schema")
    name: Name
    description: str
    execution: Literal["dense", "sparse", "delta"]
    event_arithmetic: Literal["multiply", "unary", "shift-add"] | UnaryUpTo
    zero_operands: Literal["executed", "gated"] = "executed"  # dense: arithmetic on zero inputs
    skip_zero_weights: bool = False
    operations: Literal["elementary", "whole"] = "elementary"  # whole: one per event and synapse, one per neuron
    functions: Functions | None = None  # sigmoid, division; unless said, tables of codes of 12 bits, else lines
    overhead: Overhead = Overhead()  # on arithmetic; carried in the interval of every energy
    batch: Annotated[int, Field(ge=1, le=1024)] = 1  # frames that are worked on together
    lanes: LanesByLayer | None = None  # or an array
    array: Array | None = None  # of a dense execution
    split: Split | None = None  # cores that share each layer; none: a layer is on one
    operands: PositiveInt | None = None  # widest operand that its arithmetic takes, of whole numbers [bits]
    levels: Levels = ()  # from far to near; or `memories`, one for each operand
    order: Literal["weight-stationary", "code-stationary", "best"] = "best"  # of the loops over tiles
    tile: Tile | None = None  # of a declared order; unless said, the best one
    word_length: PositiveInt | None = None  # memories: moved by one access [bits]
    working_store: Literal["registers"] | Bytes = "registers"  # or an SRAM of that capacity
    access: Literal["working-store", "per-row"] = "working-store"  # per-row: accumulators in SRAM, row by row
    weights: Literal["rows", "compressed"] = "rows"  # compressed: rows without their zeros
    run_bits: Annotated[int, Field(ge=1, le=N_RUN_BITS)] | None = None  # compressed: of each entry's run [bits]
    events: Literal["indexed", "bitmap"] = "indexed"  # sparse, delta: an index each, or one bit per code
    reuse: Literal["lanes", "ideal"] = "lanes"  # ideal: each weight and code read once, a lower bound
    memories: Memories | None = None
    on_chip_limit: Bytes | None = None  # memories: a larger one is off chip
    off_chip: Literal["dram"] | None = None  # memories: what a larger one is; none: an error
    timing: MachineTiming | None = None  # its clock, and what its parts do in a cycle; none: it has no time

    sources: Texts = ()  # where its figures come from, in words
    assumed: Texts = ()  # and which of them are chosen, not found

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> "Machine":
        complaints: list[InitErrorDetails] = []
        for place, problem in contradictions(self):
            detail = PydanticCustomError("machine", "{problem}", {"problem": problem})
            complaints.append({"type": detail, "loc": (place,), "input": []})
        if complaints:
            raise ValidationError.from_exception_data("machine", complaints)  # raised so, each keeps its place
        return self

    @property
    def hierarchy(self) -> tuple[Level, ...]:
        """Its levels from far to near, those among them that `memories` stands for."""
        if self.memories is None:
            return self.levels
        per_row = self.access == "per-row"
        assert self.word_length is not None
        return levels_meant(
            self.memories, self.word_length, self.working_store, per_row, self.on_chip_limit, self.off_chip is not None
        )

    @property
    def keeps_sums_in_state(self) -> bool:
        """Whether accumulators are read and written row by row where state lives, not beside the lanes."""
        sums = self.holding("sums")
        return bool(sums) and sums[-1].access == "per-row"

    def holding(self, operand: Operand) -> tuple[Level, ...]:
        """The levels that an operand passes through, from far to near."""
        return tuple(level for level in self.hierarchy if operand in level.holds)

    @property
    def cores(self) -> Cores:
        """The cores that share each layer."""
        return Cores(1, False) if self.split is None else self.split.cores

    @property
    def slicing(self) -> Slicing | None:
        """How rows without their zeros are cut; None where rows are stored whole."""
        return None if self.split is None or self.run_bits is None else Slicing(self.cores, self.run_bits)

    @property
    def walk(self) -> Execution:
        """The execution that it counts, to be asked what it presents and keeps."""
        return Execution(self.execution)

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
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of everything that is counted on this machine."""
        notes = []
        if self.reuse == "ideal":
            often = "inference" if self.batch == 1 else f"batch of {self.batch}"
            notes.append(
                f"ideal reuse: weights are read once per {often}, codes once per inference; a lower bound for this "
                "batch, not a design (larger batches read weights less often)"
            )
        if self.batch > 1:
            notes.append(f"batch {self.batch}: weights are read once for {self.batch} frames")
        if self.operations == "whole":
            notes.append(
                "whole operations: weights, accumulators and the work of neurons are in the chip's own figures"
            )
        if self.overhead.high > 1:
            notes.append(f"arithmetic times {self.overhead.low:g} to {self.overhead.high:g} for what surrounds it")
        return tuple(notes)

    @property
    def arithmetic(self) -> str:
        """What it does for an event that meets a weight, of integers, in words."""
        if self.operations == "whole":
            return "in whole synaptic operations"
        if isinstance(self.event_arithmetic, UnaryUpTo):
            return f"unary up to {self.unary_limit}, else multiply"
        return self.event_arithmetic

    @property
    def assumptions(self) -> str:
        """What a reader of its figures must know, in one sentence."""
        extras = "".join(f", {text}" for text in self._extras())
        lanes = " lanes (Dense)" if self.lanes is not None else ""
        return (
            f"{self.execution} execution, event arithmetic {self.arithmetic}{extras}, "
            f"{self.side_by_side}{lanes}, {self._words}, {self.store}"
        )

    @property
    def side_by_side(self) -> str:
        """How much works at once, in words: channels x positions of a Dense layer, or rows x columns of the array."""
        if self.lanes is None:
            return "" if self.array is None else self.array.text
        return f"{self.lanes.dense.channels} x {self.lanes.dense.positions}"

    @property
    def store(self) -> str:
        """Where partial sums are, in words."""
        if self.operations == "whole":
            return "accumulators within the whole operations"
        if self.keeps_sums_in_state:
            return "accumulators in SRAM, read and written row by row"
        sums = self.holding("sums")[-1]
        kind = "registers" if sums.kind == "registers" else f"{sums.capacity} bytes of SRAM"
        return f"working store in {kind}"

    @property
    def _words(self) -> str:
        """How wide words are, level by level where they differ."""
        moving = [level for level in self.hierarchy if level.word_length is not None]
        widths = {level.word_length for level in moving}
        if len(widths) == 1:
            return f"{widths.pop()}-bit words"
        return "words of " + ", ".join(f"{level.word_length} bits ({level.name})" for level in moving)

    def _is_off_chip(self, operand: Operand) -> bool:
        """Whether an operand has no other level than a DRAM."""
        holding = self.holding(operand)
        return bool(holding) and holding[-1].kind == "dram"

    def _extras(self) -> Iterator[str]:
        """What sets it apart from the reference design, in words."""
        overhead = f"{self.overhead.low:g} to {self.overhead.high:g}"
        for text, holds in (
            ("zero inputs gated", self.zero_operands == "gated"),
            ("zero weights skipped", self.skip_zero_weights),
            (f"arithmetic times {overhead}", self.overhead.high > 1),
            (f"batches of {self.batch}", self.batch > 1),
            (f"weights compressed with {self.run_bits}-bit runs", self.weights == "compressed"),
            (self.split.text if self.split else "", self.split is not None),
            ("events as bitmaps", self.events == "bitmap"),
            ("ideal reuse, a lower bound", self.reuse == "ideal"),
            ("weights off chip", self._is_off_chip("weights")),
            ("state off chip", self.walk.keeps_state and self._is_off_chip("state")),
            ("activations off chip", self._is_off_chip("codes")),
        ):
            if holds:
                yield text


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
    if not isinstance(machine, str | Path):
        raise MachineError(f"machine {machine!r}: write the name of a preset, the path of a file, or a Machine")
    try:
        path = catalogue.machine_path(machine)
    except UnknownNameError as error:
        if str(machine) in DEFAULT_MACHINE:
            raise MachineError(
                f"{machine!r} is an execution, not a machine; its default machine is {DEFAULT_MACHINE[str(machine)]!r}"
            ) from None
        raise error
    return strict_yaml.load(path, Machine)
