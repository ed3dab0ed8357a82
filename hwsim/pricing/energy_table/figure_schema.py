"""What a figure of an energy table may say: an energy or a power, its interval, and where both come from.

The parts of :class:`hwsim.pricing.energy_table.schema.TableFile`. Every figure names its source, the table or figure it
was taken from, and its standing.
"""

import difflib
import itertools
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hwsim.files.strict_yaml import Schema
from hwsim.network.number_format import NumberFormat
from hwsim.network.operation import ACCESSES, ARITHMETIC, WHOLE
from hwsim.pricing.energy_table.price import Process, Standing

UNITS_PER_JOULE = {"pJ": 1e12, "fJ": 1e15, "nJ": 1e9}
PRICED = (*ARITHMETIC, *WHOLE, "register_update")
"""Operations whose price depends on number formats, or on none (the others are accesses to memories)."""
FORMATLESS = ("synaptic_operation", "neuron_update")
TWO_OPERANDS = ("multiplication", "mac", "conversion")

T = TypeVar("T")
Text = Annotated[str, Field(min_length=1)]
Width = Annotated[int, Field(ge=1, le=64)]
Amount = Annotated[float, Field(ge=0, le=1e12)]
"""An energy or a power. [the table's unit] Nothing in hardware is beyond the limit."""
Above = Annotated[float, Field(gt=0, le=1e12)]
Factor = Annotated[float, Field(ge=-1e12, le=1e12)]


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


OperationName = Annotated[str, AfterValidator(_operation), Field(json_schema_extra={"enum": list(PRICED)})]
Operand = Annotated[str, AfterValidator(_operand)]
Many: TypeAlias = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
Format: TypeAlias = Annotated[
    Many[Operand],
    Field(min_length=1, max_length=2),
    BeforeValidator(
        lambda found: [found] if isinstance(found, str) else found,
        json_schema_input_type=str | Annotated[list[str], Field(min_length=1, max_length=2)],
    ),
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
    original: Text | None = None  # the figure and unit before conversion or scaling

    @model_validator(mode="after")
    def _says_what_was_converted(self) -> Self:
        if self.standing in ("converted", "scaled") and self.original is None:
            raise ValueError(f"{self.standing}: write the printed figure and its unit as `original`")
        return self


class Figure(Origin):
    """What a table prices with: it may be of another process than the rest of its file."""

    process_node: Above | Literal["none"] | None = None  # [nm]; none: of no one process; silent: the file's
    supply: Above | None = None  # [V]; silent: the file's, or where the figure has a node of its own, not stated

    def process_in(self, file: Process) -> Process:
        """Node and supply of the figure in a file of such ones: a figure's own node takes no supply from there."""
        if self.process_node is None:
            return Process(file.node, self.supply or file.supply)
        return Process(None if self.process_node == "none" else self.process_node, self.supply)


class Spread(Schema):
    """An energy, and the interval in which it is believed to lie. [the table's unit]"""

    energy: Amount
    low: Amount | None = None
    high: Amount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        in_order("energy", self.energy, self.bounds)
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Low and high; the energy itself where none is given."""
        return self.energy if self.low is None else self.low, self.energy if self.high is None else self.high


def in_order(name: str, value: float, bounds: tuple[float, float]) -> None:
    """Refuse an interval that its value does not lie in."""
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(f"expected low <= {name} <= high, got {low}, {value}, {high}")


class Entry(Figure, Spread):
    """The energy of one operation on numbers of one format, of two, or (a chip's own) of none."""

    operation: OperationName
    format: Format | None = None
    interval: Origin | None = None  # where low and high come from, when from elsewhere

    @property
    def formats(self) -> tuple[str, ...]:
        """The operands' formats; none of an operation that has none."""
        return self.format or ()

    @property
    def words(self) -> str:
        """Operation and formats, such as ``mac int4 x int8``."""
        return " ".join([self.operation, " x ".join(self.formats)]).strip()

    @model_validator(mode="after")
    def _has_the_formats_it_needs(self) -> Self:
        if self.operation in FORMATLESS and self.format is not None:
            raise ValueError(f"{self.operation} has no format: take `format` out")
        if self.operation not in FORMATLESS and self.format is None:
            raise ValueError(f"{self.operation} needs `format: int8`, or another number format")
        return self


class Formula(Schema):
    """constant + per_bit x sum of the widths + per_product x their product. [the table's unit]"""

    constant: Factor = 0.0
    per_bit: Factor = 0.0
    per_product: Factor = 0.0

    def at(self, widths: Sequence[int]) -> float:
        """Energy at the operands' bit widths."""
        return self.constant + self.per_bit * sum(widths) + self.per_product * math.prod(widths)

    def times(self, factor: float) -> "Formula":
        """The formula of as many times the energy."""
        return Formula(
            constant=self.constant * factor, per_bit=self.per_bit * factor, per_product=self.per_product * factor
        )

    def text(self, n_operand: int) -> str:
        """The formula in letters: b is a bit width."""
        total = "(b1 + b2)" if n_operand == 2 else "b"
        terms = ((self.per_product, "b1 b2"), (self.per_bit, total), (self.constant, ""))
        text = " + ".join(f"{factor:g} {unit}".strip() for factor, unit in terms if factor) or "0"
        return text.replace("+ -", "- ")


class Law(Figure):
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
        return 2 if self.operation in TWO_OPERANDS else 1

    @property
    def formulas(self) -> tuple[Formula, Formula, Formula]:
        """Of the energy, its low and its high value."""
        return self.energy, self.low or self.energy, self.high or self.energy

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if self.widths[0] > self.widths[1]:
            raise ValueError(f"widths: write the smaller first, [{self.widths[1]}, {self.widths[0]}]")
        if self.operation in FORMATLESS:
            raise ValueError(f"{self.operation} has no bit width; write it under `operations`")
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

    @model_validator(mode="after")
    def _is_of_another(self) -> Self:
        if self.as_operation == self.operation and self.as_format in (None, self.format):
            raise ValueError(f"as: {self.operation} {self.format} as itself says nothing; write another operation")
        return self


class Unpriced(Origin, Spread):
    """An energy that the source states and no machine of hwsim's counts; kept for the reader. [the table's unit]"""

    of: Text
