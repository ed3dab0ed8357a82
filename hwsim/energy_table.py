"""Energy tables: what one operation costs in one process, and where the figure comes from.

A table answers for one operation at a time, and says how it found the answer. In this order:

* *exact*: the table states it;
* *law*: a formula in bit widths that the table states, within the widths it states;
* *as another operation*: an equivalence that the table assumes and gives a reason for;
* memories: logarithmic interpolation in capacity and word length between stated figures; a memory smaller than
  the smallest stated one is built as that one.

Nothing is extrapolated, and no price is ever taken to be zero because it is missing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hwsim import catalogue, strict_yaml
from hwsim.counts import ACCESSES, ARITHMETIC, Operation
from hwsim.errors import FileError, UnknownNameError
from hwsim.number_format import NumberFormat
from hwsim.price_curve import Points, Price, at_capacity, interpolate, neighbours, weakest
from hwsim.table_schema import (
    UNITS_PER_JOULE,
    Entry,
    Equivalence,
    Law,
    Memory,
    Source,
    Spread,
    TableFile,
    canonical,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PricedLaw:
    """A law with the unit of the file that states it."""

    law: Law
    unit: str

    def at(self, widths: tuple[int, ...]) -> Price | None:
        """The price at the operands' bit widths; None outside the law's."""
        first, last = self.law.widths
        if not all(first <= width <= last for width in widths):
            return None
        law = self.law
        energy, low, high = (formula.at(widths) / UNITS_PER_JOULE[self.unit] for formula in law.formulas)
        letters = "b1, b2" if len(widths) == 2 else "b"
        rule = f"law: {self.text}, {letters} = {', '.join(map(str, widths))}"
        return Price(energy, low, high, rule, law.standing, *_origin(law))

    @property
    def text(self) -> str:
        """The formula with its unit, and those of its interval."""
        law = self.law
        energy, low, high = (formula.text(law.n_operand) for formula in law.formulas)
        return f"{energy} {self.unit}" + (f" ({low} to {high})" if law.low or law.high else "")


Formats: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EnergyTable:
    """Energies of operations in one process; made by :func:`load_table`."""

    name: str
    description: str
    process_node: float  # [nm]
    supply: float | None  # [V]; None where the source does not say
    sources: Mapping[str, Source]
    exact: Mapping[tuple[str, Formats], Price]  # by operation and format
    laws: Mapping[tuple[str, str], PricedLaw]  # by operation and operands
    equivalences: Mapping[tuple[str, str], Equivalence]  # by operation and format
    memories: Mapping[str, Mapping[int, Points]]  # by access, word length [bits], capacity [bytes]; DRAM: 0
    missing: tuple[str, ...]  # in words: what the sources do not say

    def price(self, operation: Operation) -> Price | None:
        """What one such operation costs; None when the table cannot say.

        Parameters
        ----------
        operation : Operation
            Arithmetic with its operands' formats, or an access with capacity [bytes] and word length [bits].

        Returns
        -------
        Price or None
            Energies in joules.
        """
        kind = operation.kind
        if kind in self.memories:
            return self._access(operation)
        formats = canonical(operation.format)
        return self._stated(kind, formats) or self._equivalent(kind, formats)

    def _stated(self, kind: str, formats: Formats) -> Price | None:
        return self.exact.get((kind, formats)) or self._by_law(kind, formats)

    def _by_law(self, kind: str, formats: Formats) -> Price | None:
        # a x a is kept as a, but the formula speaks of both
        operands = formats * 2 if kind == "multiplication" and len(formats) == 1 else formats
        for kept in ("integer", "any"):
            law = self.laws.get((kind, kept))
            spoken_of = kept == "any" or all(map(_is_integer, operands))
            if law is None or len(operands) != law.law.n_operand or not spoken_of:
                continue
            price = law.at(tuple(map(_bit_width, operands)))
            if price is not None:
                return price
        return None

    def _equivalent(self, kind: str, formats: Formats) -> Price | None:
        if len(formats) != 1:
            return None
        same = self.equivalences.get((kind, formats[0]))
        if same is None and _is_integer(formats[0]):
            same = self.equivalences.get((kind, "integer"))
        if same is None:
            return None
        other = same.as_format or formats[0]
        price = self._stated(same.as_operation, (other,))
        if price is None:
            return None
        rule = f"as {same.as_operation} {other}: {price.rule}"
        where = f"{same.reason}; {price.where}"
        return price._replace(rule=rule, standing=weakest("assumed", price.standing), where=where)

    def _access(self, operation: Operation) -> Price | None:
        columns, capacity = self.memories[operation.kind], operation.capacity
        if operation.kind.startswith("dram"):
            capacity = 0
        elif capacity < 1:
            return None
        prices: dict[int, Price] = {}
        for word_length in neighbours(columns, operation.word_length):
            price = at_capacity(columns[word_length], capacity)
            if price is None:
                return None
            prices[word_length] = price
        return interpolate(prices, operation.word_length, "word length", "bits")

    @property
    def lacks(self) -> tuple[str, ...]:
        """Operations and accesses of which the table prices none at all."""
        known = {kind for kind, _ in (*self.exact, *self.laws, *self.equivalences)} | set(self.memories)
        return tuple(kind for kind in (*ARITHMETIC, *ACCESSES) if kind not in known)

    @property
    def citation(self) -> str:
        """The sources, one a line, each after its key."""
        return "\n".join(f"{key}: {source}" for key, source in self.sources.items())

    def to_dataframe(self) -> "pd.DataFrame":
        """Tidy: one row per stated figure, law and equivalence; the latter two have no energy of their own."""
        import pandas as pd

        nan = math.nan
        rows: list[tuple[Any, ...]] = [
            (kind, " x ".join(formats), 0, 0, *_row(price)) for (kind, formats), price in self.exact.items()
        ]
        for (kind, operands), priced in self.laws.items():
            law = priced.law
            widths = f"{operands}, {law.widths[0]} to {law.widths[1]} bits"
            rows.append((kind, widths, 0, 0, nan, nan, nan, f"law: {priced.text}", law.standing, *_origin(law)))
        for (kind, format), same in self.equivalences.items():
            rule = f"as {same.as_operation} {same.as_format or format}"
            rows.append((kind, format, 0, 0, nan, nan, nan, rule, "assumed", "", same.reason))
        for kind, columns in self.memories.items():
            for word_length, points in columns.items():
                rows += [(kind, "", capacity, word_length, *_row(price)) for capacity, price in points.items()]
        names = ["operation", "format", "capacity [bytes]", "word length [bits]"]
        energies = ["energy [pJ]", "low [pJ]", "high [pJ]"]
        return pd.DataFrame(rows, columns=[*names, *energies, "rule", "standing", "source", "where"])


def load_table(table: str | Path | EnergyTable) -> EnergyTable:
    """Read an energy table.

    Parameters
    ----------
    table : str, Path or EnergyTable
        A name in ``energy_tables/``, a file, or a table (returned as it is).

    Raises
    ------
    UnknownNameError
        When nothing has the name.
    FileError
        When the file, or one it extends, is not an energy table: one line with file, line, place and remedy.
    """
    return table if isinstance(table, EnergyTable) else _load(catalogue.table_path(table), ())


def _load(path: Path, extending: tuple[Path, ...]) -> EnergyTable:
    file = strict_yaml.load(path, TableFile)
    own = _table(file)
    if file.extends is None:
        return own
    chain = (*extending, path.resolve())
    base_path = _base_path(path, file.extends)
    if base_path.resolve() in chain:
        around = " extends ".join(each.name for each in (*chain, base_path))
        raise _complaint(path, "extends", f"{around}: a circle; take one `extends` out")
    base = _load(base_path, chain)
    for key, source in own.sources.items():
        if base.sources.get(key, source) != source:
            raise _complaint(path, key, f"source already defined, differently, by {base_path}; give it another key")
    return EnergyTable(
        own.name,
        own.description,
        own.process_node,
        own.supply,
        sources={**base.sources, **own.sources},
        exact={**base.exact, **own.exact},
        laws={**base.laws, **own.laws},
        equivalences={**base.equivalences, **own.equivalences},
        # whole: a curve through points of two sources, perhaps of two processes, would be neither's
        memories={**base.memories, **own.memories},
        missing=own.missing,
    )


def _base_path(path: Path, name: str) -> Path:
    """The file that `name` means in the file at `path`: a table's name, or a path from there."""
    known = catalogue.table_names()
    if name in known:
        return catalogue.table_path(name)
    if not (path.parent / name).is_file():
        raise _complaint(path, "extends", str(UnknownNameError("energy table or file", name, known)))
    return path.parent / name


def _complaint(path: Path, key: str, problem: str) -> FileError:
    """An error at a key that only a second file shows to be wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.lstrip().startswith(f"{key}:")), 1)
    return FileError(f"{path}:{line}: {key}: {problem}")


def _table(file: TableFile) -> EnergyTable:
    """What one file says by itself."""
    memories: dict[str, dict[int, dict[int, Price]]] = {}
    for memory in file.memories:
        for entry in memory.entries:
            for way, spread in entry.by_way.items():
                column = memories.setdefault(f"{memory.memory}_{way}", {}).setdefault(entry.word_length, {})
                column[entry.capacity or 0] = _exact(spread, memory, file.unit)
    return EnergyTable(
        file.name,
        file.description,
        file.process_node,
        file.supply,
        sources=file.sources,
        exact={(entry.operation, entry.format): _exact(entry, entry, file.unit) for entry in file.operations},
        laws={(law.operation, law.operands): PricedLaw(law, file.unit) for law in file.laws},
        equivalences={(same.operation, same.format): same for same in file.equivalences},
        memories=memories,
        missing=tuple(file.missing),
    )


def _exact(spread: Spread, origin: Entry | Memory, unit: str) -> Price:
    energy, low, high = (figure / UNITS_PER_JOULE[unit] for figure in (spread.energy, *spread.bounds))
    return Price(energy, low, high, "exact", origin.standing, *_origin(origin))


def _origin(figure: Entry | Law | Memory) -> tuple[str, str]:
    """Source and whereabouts, those of the interval and of the original figure among them."""
    original = f"; originally {figure.original}" if figure.original else ""
    if figure.interval is None:
        return figure.source, f"{figure.where}{original}"
    interval = f"; interval: {figure.interval.where} ({figure.interval.source}, {figure.interval.standing})"
    return figure.source, f"{figure.where}{original}{interval}"


def _row(price: Price) -> tuple[Any, ...]:
    return (*(1e12 * energy for energy in price[:3]), *price[3:])


def _bit_width(name: str) -> int:
    """Width of a number of some format; ``bf16`` exists in tables only. [bits]"""
    return 16 if name == "bf16" else NumberFormat.parse(name).bit_width


def _is_integer(name: str) -> bool:
    return name != "bf16" and NumberFormat.parse(name).kind in ("integer", "binary", "ternary")
