"""Levels: where operands live, from far to near, each with what it holds, how large it is and how it is reached."""

from functools import lru_cache
from typing import Annotated, Any, Literal, Self, TypeAlias

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from hwsim.files.strict_yaml import Schema

PositiveInt = Annotated[int, Field(ge=1, le=2**31 - 1)]
Bytes = Annotated[int, Field(ge=1, le=2**60)]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a line break or another character that cannot be printed; write plain text")
    return text


Name: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]

Operand: TypeAlias = Literal["weights", "codes", "state", "sums", "pointers"]
"""What passes through levels: weights (with biases and parameters), codes (frames, codes, events), state (sums and
last codes kept between frames), sums (accumulators while a tile is worked on), pointers (of compressed weights)."""


def _not_empty(found: Any) -> Any:
    if found == []:
        raise ValueError("a level that holds nothing; name weights, codes, state, sums or pointers, or take it out")
    return found


Holds: TypeAlias = Annotated[tuple[Operand, ...], Field(min_length=1, strict=False), BeforeValidator(_not_empty)]


class Level(Schema):
    """One level: a memory, or registers beside the lanes."""

    name: Name
    kind: Literal["dram", "sram", "registers"]
    holds: Holds
    capacity: Bytes | None = None  # of each bank [bytes]
    fit: Literal["network", "layer"] | None = None  # or the smallest power of two bytes that holds it
    at_most: Bytes | None = None  # fit: a level that would have to be larger holds nothing [bytes]
    banks: PositiveInt = 1  # equal memories side by side: contents add up, a word costs what one of them costs
    word_length: PositiveInt | None = None  # moved by one access; of sums, and unless said, a sum's [bits]
    prefetch: bool = False  # filled with every row of what it keeps, whether or not an event meets it
    access: Literal["working-store", "per-row"] = "working-store"  # sums in sram: a sum per addition, or row by row

    @property
    def bits(self) -> int | None:
        """What it can hold, nothing if that is less than a word; None: as much as there is. [bits]"""
        if self.declared_bits is None or self.declared_bits >= self.width:
            return self.declared_bits
        return 0

    @property
    def declared_bits(self) -> int | None:
        """Its capacity, of all banks. [bits]"""
        return None if self.capacity is None else 8 * self.capacity * self.banks

    @property
    def width(self) -> int:
        """What one access moves; 1 where accesses are not of words but of sums. [bits]"""
        return self.word_length or 1

    @property
    def is_made_to_measure(self) -> bool:
        """Whether it is as large as what it holds."""
        return self.fit is not None

    @pydantic.model_validator(mode="after")
    def _is_one_kind_of_memory(self) -> Self:
        sized = self.capacity is not None, self.fit is not None
        if self.kind == "sram" and sized.count(True) != 1:
            raise ValueError(f"level {self.name}: an sram has either `capacity` [bytes] or `fit`: network or layer")
        if self.kind != "sram" and (self.fit is not None or self.banks > 1):
            raise ValueError(f"level {self.name}: only an sram has `fit` or `banks`, not a {self.kind}; take them out")
        if self.at_most is not None and self.fit is None:
            raise ValueError(f"level {self.name}: `at_most` limits a level with `fit`; write its `capacity` instead")
        if self.kind == "dram" and self.capacity is not None:
            raise ValueError(f"level {self.name}: a dram holds all that there is; take `capacity` out")
        if self.kind == "registers" and self.holds != ("sums",):
            raise ValueError(f"level {self.name}: registers hold sums alone; write holds: [sums], or kind: sram")
        if self.kind != "registers" and self.holds != ("sums",) and self.word_length is None:
            raise ValueError(f"level {self.name}: how many bits does one access move? Write `word_length: 64`")
        if self.fit == "layer" and len(set(self.holds) - {"sums"}) > 1:
            raise ValueError(
                f"level {self.name}: `fit: layer` measures one operand; write fit: network, or a level each"
            )
        if self.access == "per-row" and (self.kind != "sram" or "sums" not in self.holds):
            raise ValueError(f"level {self.name}: `access: per-row` is a way to reach sums in an sram; take it out")
        if len(set(self.holds)) < len(self.holds):
            raise ValueError(f"level {self.name}: holds names an operand twice: {', '.join(self.holds)}")
        return self


class Tile(Schema):
    """What is worked on between two looks at farther levels: output channels by positions."""

    channels: PositiveInt  # Tc, output channels
    rows: PositiveInt | None = None  # Tr, whole rows of outputs of one frame
    frames: PositiveInt | None = None  # or Tb, whole frames of the batch

    @pydantic.model_validator(mode="after")
    def _rows_or_frames(self) -> Self:
        if self.rows is not None and self.frames is not None:
            raise ValueError("a tile is so many rows of one frame, or so many whole frames; take one of the two out")
        return self


class Memory(Schema):
    """A memory: as large as what it holds, of a declared capacity, or off chip."""

    fit: Literal["network", "layer"] | None = None  # the smallest power of two bytes that holds it
    capacity: Bytes | None = None
    off_chip: Literal["dram"] | None = None  # however little it holds

    @pydantic.model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.fit, self.capacity, self.off_chip].count(None) != 2:
            raise ValueError("expected either fit (network or layer) or capacity [bytes], or off_chip: dram")
        return self


class Memories(Schema):
    """One memory for each operand: the short form of levels."""

    weights: Memory  # weights, biases and parameters
    state: Memory  # delta: sums and last codes, kept between frames
    activations: Memory  # frames, codes, events and outputs


@lru_cache(maxsize=256)
def levels_meant(
    memories: Memories,
    word_length: int,
    working_store: int | Literal["registers"],
    per_row: bool,
    limit: int | None,
    off_chip: bool,
) -> tuple[Level, ...]:
    """The levels that a memory for each operand stands for.

    Parameters
    ----------
    memories : Memories
        One for each operand.
    word_length : int
        Of all of them. [bits]
    working_store : int or "registers"
        Where sums are while a layer is worked on: an SRAM of so many bytes, or registers without limit.
    per_row : bool
        Whether sums are in the memory of the state instead, reached row by row.
    limit : int or None
        A memory that would have to be larger is none: its operand is off chip. [bytes]
    off_chip : bool
        Whether there is a DRAM for that.
    """
    held: dict[str, tuple[Memory, tuple[Operand, ...]]] = {
        "weights": (memories.weights, ("weights",)),
        "state": (memories.state, ("state", "sums") if per_row else ("state",)),
        "activations": (memories.activations, ("codes",)),
    }
    levels = []
    # a memory of a declared capacity is an error where it is too small, and never a reason to go off chip
    is_far = {name: bool(memory.off_chip or (off_chip and memory.fit)) for name, (memory, _) in held.items()}
    far = [holds[0] for name, (_, holds) in held.items() if is_far[name]]
    if far:
        levels.append(Level(name="dram", kind="dram", word_length=word_length, holds=tuple(far)))
    for name, (memory, holds) in held.items():
        if memory.off_chip is None:
            size: dict[str, Any] = {"capacity": memory.capacity}
            if memory.fit is not None:
                size = {"fit": memory.fit, "at_most": limit}
            access: Any = "per-row" if "sums" in holds else "working-store"
            near: dict[str, Any] = {"name": name, "kind": "sram", "word_length": word_length, "access": access}
            levels.append(Level(holds=holds, **near, **size))
    if not per_row:
        registers = working_store == "registers"
        kind: Any = "registers" if registers else "sram"
        capacity = None if registers else int(working_store)
        levels.append(Level(name="working store", kind=kind, capacity=capacity, holds=("sums",)))
    return tuple(levels)


Levels: TypeAlias = Annotated[
    tuple[Level, ...], BeforeValidator(lambda found: tuple(found) if isinstance(found, list) else found)
]
"""From far to near."""
