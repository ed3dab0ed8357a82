"""What the file of an energy table may say: the schema of ``energy_tables/*.yaml``.

Every figure states its source, the table or figure it was taken from, and its standing. Nothing is looked up or
computed here; :mod:`hwsim.energy_table` makes prices of it.
"""

import difflib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from hwsim.counts import ACCESSES, ARITHMETIC
from hwsim.number_format import NumberFormat
from hwsim.price_curve import Standing
from hwsim.strict_yaml import Place, Schema

UNITS_PER_JOULE = {"pJ": 1e12, "fJ": 1e15, "nJ": 1e9}
PRICED = (*ARITHMETIC, "register_update")
"""Operations whose price depends on number formats (the others are accesses to memories)."""

T = TypeVar("T")
Text = Annotated[str, Field(min_length=1)]
Width = Annotated[int, Field(ge=1, le=64)]
Amount = Annotated[float, Field(ge=0)]


def canonical(formats: Sequence[str]) -> tuple[str, ...]:
    """Operands in the one order under which prices are kept: a x b costs as b x a, and a x a is written a."""
    return tuple(sorted(set(formats)))


def _operation(name: str) -> str:
    if name not in PRICED:
        if name in ACCESSES:
            raise ValueError("write accesses under `memories`")
        close = difflib.get_close_matches(name, PRICED, n=1, cutoff=0.4)
        raise ValueError(f"write {close[0] if close else 'one of ' + ', '.join(PRICED)}")
    return name


def _operand(name: str) -> str:
    operand = name if name == "bf16" else NumberFormat.parse(name).operand
    if operand != name:
        raise ValueError(f"write {operand} (a price depends on the width, not the sign)")
    return name


def _as_tuple(found: Any) -> Any:
    """A list of YAML's as the tuple that a strict schema wants."""
    if not isinstance(found, list | tuple):
        raise ValueError("expected a list, in square brackets")
    return tuple(found)


OperationName = Annotated[str, AfterValidator(_operation)]
Operand = Annotated[str, AfterValidator(_operand)]
Many: TypeAlias = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
Format: TypeAlias = Annotated[
    Many[Operand],
    Field(min_length=1, max_length=2),
    BeforeValidator(lambda found: [found] if isinstance(found, str) else found),
    AfterValidator(canonical),
]


class Source(Schema):
    """A publication."""

    authors: Text
    title: Text
    venue: Text
    year: Annotated[int, Field(ge=1900, le=2100)]
    doi: Text | None = None

    def __str__(self) -> str:
        """In one line, as cited."""
        doi = f", doi:{self.doi}" if self.doi else ""
        return f"{self.authors}: {self.title}. {self.venue}, {self.year}{doi}"


class Origin(Schema):
    """Where a figure comes from, and how well it is founded."""

    source: Text  # a key of `sources`
    where: Text  # table, figure, file; what a reader must know
    standing: Standing
    original: Text | None = None  # the figure and unit before conversion

    @model_validator(mode="after")
    def _says_what_was_converted(self) -> Self:
        if self.standing == "converted" and self.original is None:
            raise ValueError("converted: write the printed figure and its unit as `original`")
        return self


class Spread(Schema):
    """An energy, and the interval in which it is believed to lie. [the table's unit]"""

    energy: Amount
    low: Amount | None = None
    high: Amount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.bounds
        if not low <= self.energy <= high:
            raise ValueError(f"expected low <= energy <= high, got {low}, {self.energy}, {high}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high; the energy itself where none is given."""
        return self.energy if self.low is None else self.low, self.energy if self.high is None else self.high


class Entry(Origin, Spread):
    """The energy of one operation on numbers of one format, or of two."""

    operation: OperationName
    format: Format
    interval: Origin | None = None  # where low and high come from, when from elsewhere


class Formula(Schema):
    """constant + per_bit x sum of the widths + per_product x their product. [the table's unit]"""

    constant: float = 0.0
    per_bit: float = 0.0
    per_product: float = 0.0

    def at(self, widths: Sequence[int]) -> float:
        """Energy at the operands' bit widths."""
        return self.constant + self.per_bit * sum(widths) + self.per_product * math.prod(widths)

    def text(self, n_operand: int) -> str:
        """The formula in letters: b is a bit width."""
        total = "(b1 + b2)" if n_operand == 2 else "b"
        terms = ((self.per_product, "b1 b2"), (self.per_bit, total), (self.constant, ""))
        text = " + ".join(f"{factor:g} {unit}".strip() for factor, unit in terms if factor) or "0"
        return text.replace("+ -", "- ")


class Law(Origin):
    """The energy of an operation as a formula in bit widths, and the widths for which it holds."""

    operation: OperationName
    operands: Literal["integer", "any"]
    widths: Annotated[tuple[Width, Width], BeforeValidator(_as_tuple)]  # first and last [bits]
    energy: Formula
    low: Formula | None = None
    high: Formula | None = None
    interval: Origin | None = None

    @property
    def n_operand(self) -> int:
        """Operands that the formula speaks of."""
        return 2 if self.operation == "multiplication" else 1

    @property
    def formulas(self) -> tuple[Formula, Formula, Formula]:
        """Of the energy, its low and its high value."""
        return self.energy, self.low or self.energy, self.high or self.energy

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.widths[0] > self.widths[1]:
            raise ValueError(f"widths: write the smaller first, [{self.widths[1]}, {self.widths[0]}]")
        if self.n_operand == 1 and any(formula.per_product for formula in self.formulas):
            raise ValueError("per_product: only a multiplication has two widths; write per_bit")
        if not self.energy.model_fields_set:
            raise ValueError("energy: write at least one of constant, per_bit, per_product (constant: 0 is free)")
        # a formula linear in each width takes its extremes at the corners
        for widths in itertools.product(self.widths, repeat=self.n_operand):
            energy, low, high = (formula.at(widths) for formula in self.formulas)
            if not 0 <= low <= energy <= high:
                found = f"{low:g}, {energy:g}, {high:g} at {' x '.join(map(str, widths))} bits"
                raise ValueError(f"expected 0 <= low <= energy <= high, got {found}")
        return self


class Equivalence(Schema):
    """An operation assumed to cost as much as another one does in the same table."""

    operation: OperationName
    format: Annotated[str, AfterValidator(lambda name: name if name == "integer" else _operand(name))]
    as_operation: OperationName = Field(alias="as")
    as_format: Operand | None = None  # the same format where silent
    reason: Text


class Access(Schema):
    """The energy of moving one word to or from a memory."""

    capacity: Annotated[int, Field(ge=1)] | None = None  # [bytes]; a DRAM has none
    word_length: Annotated[int, Field(ge=1)]  # [bits]
    access: "MemorySpread | None" = None  # where the source does not tell read from write
    read: "MemorySpread | None" = None
    write: "MemorySpread | None" = None

    @property
    def by_way(self) -> dict[str, Spread]:
        """Energy of a read and of a write."""
        ways = {"read": self.read or self.access, "write": self.write or self.access}
        return {way: spread for way, spread in ways.items() if spread is not None}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        stated = (self.access is not None, self.read is not None, self.write is not None)
        if stated not in ((True, False, False), (False, True, True)):
            raise ValueError("write either `access` or both `read` and `write`")
        if any(spread.bounds[0] <= 0 for spread in self.by_way.values()):
            raise ValueError("expected energies above 0: no access to a memory is free")
        return self


MemorySpread: TypeAlias = Annotated[
    Spread, BeforeValidator(lambda found: found if isinstance(found, dict | Spread) else {"energy": found})
]
Access.model_rebuild()


class Memory(Origin):
    """Accesses to memories of one kind, from one source."""

    memory: Literal["sram", "dram"]
    interval: Origin | None = None
    entries: Annotated[Many[Access], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_capacities(self) -> Self:
        if any((entry.capacity is None) == (self.memory == "sram") for entry in self.entries):
            raise ValueError("every entry of an sram has its capacity [bytes], and none of a dram")
        return self


class TableFile(Schema):
    """A whole file."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Text
    description: Text
    process_node: Annotated[float, Field(gt=0)]  # [nm]
    supply: Annotated[float, Field(gt=0)] | None = None  # [V]; silent where the source is
    unit: Literal["pJ", "fJ", "nJ"]
    extends: Text | None = None  # name of a table, or path from this file
    sources: dict[str, Source]
    operations: Many[Entry] = ()
    laws: Many[Law] = ()
    equivalences: Many[Equivalence] = ()
    memories: Many[Memory] = ()
    missing: Many[Text] = ()  # in words: what the source does not say

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        errors: list[InitErrorDetails] = [
            {"type": PydanticCustomError("table", "{problem}", {"problem": problem}), "loc": place, "input": []}
            for place, problem in (*self._unknown_sources(), *self._repetitions())
        ]
        if errors:  # raised this way, they keep their places
            raise ValidationError.from_exception_data("table", errors)
        return self

    def _origins(self) -> Iterator[tuple[Place, Origin]]:
        for section in ("operations", "laws", "memories"):
            for index, figure in enumerate(getattr(self, section)):
                yield (section, index), figure
                if figure.interval is not None:
                    yield (section, index, "interval"), figure.interval

    def _unknown_sources(self) -> Iterator[tuple[Place, str]]:
        for place, origin in self._origins():
            if origin.source not in self.sources:
                known = ", ".join(self.sources) or "none"
                yield (*place, "source"), f"no source {origin.source!r} in this file's `sources` (known: {known})"

    def _keys(self) -> Iterator[tuple[Place, str]]:
        """What may be said only once, in words."""
        for index, entry in enumerate(self.operations):
            yield ("operations", index), f"{entry.operation} {' x '.join(entry.format)}"
        for index, law in enumerate(self.laws):
            yield ("laws", index), f"law of {law.operation}, operands {law.operands}"
        for index, same in enumerate(self.equivalences):
            yield ("equivalences", index), f"{same.operation} {same.format} as another operation"
        for index, memory in enumerate(self.memories):
            for number, access in enumerate(memory.entries):
                size = "" if access.capacity is None else f" of {access.capacity} bytes"
                words = f"{memory.memory}{size}, word length {access.word_length}"
                yield ("memories", index, "entries", number), words

    def _repetitions(self) -> Iterator[tuple[Place, str]]:
        first: dict[str, Place] = {}
        for place, words in self._keys():
            if words in first:
                yield place, f"{words}: already given at {'.'.join(map(str, first[words]))}; keep one of the two"
            first.setdefault(words, place)
