"""What the file of an energy table may say: the schema of ``energy_tables/*.yaml``.

Nothing is looked up or computed here; :mod:`hwsim.pricing.energy_table` makes prices of it.
"""

import difflib
from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from hwsim.files.strict_yaml import Place, Schema, SchemaVersion
from hwsim.pricing.energy_table.figure_schema import (
    Above,
    Entry,
    Equivalence,
    Law,
    Many,
    Origin,
    Source,
    Text,
    Unpriced,
)
from hwsim.pricing.energy_table.memory_schema import Leakage, Memory

Rule = Literal["interpolation", "bit-width-law", "next-wider", "whole-mac", "narrow-words", "wide-words", "dram-by-bit"]
RULES: tuple[Rule, ...] = get_args(Rule)
"""Ways to find a price that a table does not state, each used only when asked for."""

Names = Annotated[
    tuple[Text, ...],
    Field(min_length=1),
    BeforeValidator(
        lambda found: (found,) if isinstance(found, str) else tuple(found) if isinstance(found, list) else found,
        json_schema_input_type=str | Annotated[list[str], Field(min_length=1)],
    ),
]


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name is in one line of printable characters; write it so")
    return name


class Figures(Schema):
    """The figures of a table, or of one of its variants."""

    operations: Many[Entry] = ()
    laws: Many[Law] = ()
    equivalences: Many[Equivalence] = ()
    memories: Many[Memory] = ()
    leakage: Many[Leakage] = ()
    unpriced: Many[Unpriced] = ()

    def origins(self) -> Iterator[tuple[Place, Origin]]:
        """Every statement of a source, and its place."""
        for section in ("operations", "laws", "memories", "leakage", "unpriced"):
            for index, figure in enumerate(getattr(self, section)):
                yield (section, index), figure
                interval = getattr(figure, "interval", None)
                if interval is not None:
                    yield (section, index, "interval"), interval

    def statements(self) -> Iterator[tuple[Place, str]]:
        """What may be said only once, in words."""
        for index, entry in enumerate(self.operations):
            yield ("operations", index), entry.words
        for index, law in enumerate(self.laws):
            yield ("laws", index), f"law of {law.operation}, operands {law.operands}"
        for index, same in enumerate(self.equivalences):
            yield ("equivalences", index), f"{same.operation} {same.format} as another operation"
        for section in ("memories", "leakage"):
            for index, group in enumerate(getattr(self, section)):
                what = f"leakage of {group.of}" if section == "leakage" else group.memory
                for number, entry in enumerate(group.entries):
                    size = "" if entry.capacity is None else f" of {entry.capacity} bytes"
                    words = "" if entry.word_length is None else f", word length {entry.word_length}"
                    yield (section, index, "entries", number), f"{what}{size}{words}"


class Variant(Figures):
    """Figures of the same source under another condition, chosen by ``name:variant``; they win over the table's."""

    description: Text
    supply: Above | None = None  # [V]; the table's where silent
    without: Many[Text] = ()  # operations of the table that do not hold here, such as `mac int2`


class TableFile(Figures):
    """A whole file."""

    schema_version: SchemaVersion = Field(alias="schema")
    name: Annotated[Text, AfterValidator(_printable)]
    description: Text
    process_node: Above | None = None  # [nm]; silent where the figures are of no one process
    supply: Above | None = None  # [V]; silent where the source is
    unit: Literal["pJ", "fJ", "nJ"]
    extends: Names | None = None  # names of tables, or paths from this file; later ones win
    rules: Many[Rule] = ()
    sources: dict[str, Source]
    variants: dict[Annotated[str, Field(pattern=r"^[a-z0-9_.-]+$")], Variant] = Field(default_factory=dict)
    missing: Many[Text] = ()  # in words: what the source does not say

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        errors: list[InitErrorDetails] = [
            {"type": PydanticCustomError("table", "{problem}", {"problem": problem}), "loc": place, "input": []}
            for place, problem in (*self._unknown_sources(), *self._repetitions(), *self._strangers())
        ]
        if errors:  # raised this way, they keep their places
            raise ValidationError.from_exception_data("table", errors)
        return self

    def _parts(self) -> Iterator[tuple[Place, Figures]]:
        yield (), self
        for name, variant in self.variants.items():
            yield ("variants", name), variant

    def _unknown_sources(self) -> Iterator[tuple[Place, str]]:
        known = ", ".join(self.sources) or "none"
        for start, part in self._parts():
            for place, origin in part.origins():
                if origin.source not in self.sources:
                    problem = f"no source {origin.source!r} in this file's `sources` (known: {known})"
                    yield (*start, *place, "source"), problem

    def _strangers(self) -> Iterator[tuple[Place, str]]:
        stated = [each.words for each in self.operations]
        for name, variant in self.variants.items():
            for index, words in enumerate(variant.without):
                if words not in stated:
                    known = ", ".join(difflib.get_close_matches(words, stated) or stated) or "none"
                    yield (
                        ("variants", name, "without", index),
                        f"no {words!r} in this file's `operations` (known: {known})",
                    )

    def _repetitions(self) -> Iterator[tuple[Place, str]]:
        for start, part in self._parts():
            first: dict[str, Place] = {}
            for place, words in part.statements():
                if words in first:
                    other = ".".join(map(str, (*start, *first[words])))
                    yield (*start, *place), f"{words}: already given at {other}; keep one of the two"
                first.setdefault(words, place)
