"""From the file of an energy table, and of those it extends, to the table."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwsim.errors import FileError, UnknownNameError
from hwsim.files import catalogue, strict_yaml
from hwsim.pricing.energy_table.figure_schema import UNITS_PER_JOULE, Entry, Spread, Unpriced
from hwsim.pricing.energy_table.memory_schema import UNITS_PER_WATT, Leakage, Memory
from hwsim.pricing.energy_table.price import Price, Process
from hwsim.pricing.energy_table.price_list import PricedLaw, origin_of
from hwsim.pricing.energy_table.schema import RULES, Figures, TableFile
from hwsim.pricing.energy_table.table import Aside, EnergyTable, StaticPower

LONGEST_CHAIN = 16
"""Tables that extend one another in a row."""


def load_table(table: str | Path | EnergyTable, rules: Iterable[str] = ()) -> EnergyTable:
    """Read an energy table.

    Parameters
    ----------
    table : str, Path or EnergyTable
        A name in ``energy_tables/`` or in the user's folder (``HWSIM_TABLES``), a file, either with ``:variant``
        after it, or a table (returned as it is, but for the rules).
    rules : iterable of str
        Ways to find prices that the table does not state, beside those its file asks for: ``interpolation``,
        ``bit-width-law``, ``next-wider``, ``whole-mac``, ``narrow-words``, ``wide-words``, ``dram-by-bit``. Every price
        found by one says so.

    Raises
    ------
    UnknownNameError
        When nothing has the name, or the table no such variant.
    FileError
        When the file, or one it extends, is not an energy table: one line with file, line, place and remedy.
    TableError
        For a rule that there is not.
    """
    return (table if isinstance(table, EnergyTable) else _load(*_split(table), (), {})).with_rules(rules)


def _split(table: str | Path) -> tuple[Path, str]:
    """File and variant that a name means."""
    name, _, variant = str(table).rpartition(":")
    if not name or Path(table).exists() or str(table) in catalogue.table_names():
        return catalogue.table_path(table), ""
    return catalogue.table_path(name), variant


def _load(
    path: Path, variant: str, extending: tuple[Path, ...], loaded: dict[tuple[Path, str], EnergyTable]
) -> EnergyTable:
    """A file with all that it extends; one that several extend is read once."""
    chain = (*extending, _place(path))
    if (chain[-1], variant) in loaded:
        return loaded[chain[-1], variant]
    file = strict_yaml.load(path, TableFile)
    own = _table(file, variant)
    extended: EnergyTable | None = None
    for name in file.extends or ():
        base_path, base_variant = _base(path, name)
        if _place(base_path) in chain:
            around = " extends ".join(each.name for each in (*chain, base_path))
            raise _complaint(path, "extends", f"{around}: a circle; take one `extends` out")
        if len(chain) == LONGEST_CHAIN:
            raise _complaint(path, "extends", f"tables extend each other {LONGEST_CHAIN} deep; write fewer files")
        try:
            base = _load(base_path, base_variant, chain, loaded)
        except UnknownNameError as error:  # of its variant
            raise _complaint(path, "extends", str(error)) from None
        extended = base if extended is None else _over(extended, base, path)
    loaded[chain[-1], variant] = own if extended is None else _over(extended, own, path)
    return loaded[chain[-1], variant]


def _place(path: Path) -> Path:
    """Where a file is, whatever links lead there; of links in a circle, one of them."""
    return Path(os.path.realpath(path))


def _over(base: EnergyTable, own: EnergyTable, path: Path) -> EnergyTable:
    """A table's figures laid over those of one it extends; each keeps its source."""
    for key, source in own.sources.items():
        if base.sources.get(key, source) != source:
            problem = f"source already defined, differently, in {base.name}; give it another key"
            raise _complaint(path, key, problem)
    return replace(
        own,
        sources={**base.sources, **own.sources},
        exact={**base.exact, **own.exact},
        laws={**base.laws, **own.laws},
        equivalences={**base.equivalences, **own.equivalences},
        # whole: a curve through points of two sources, perhaps of two processes, would be neither's
        memories={**base.memories, **own.memories},
        leakage=_leakage_over(base, own.memories, own.leakage),
        unpriced={**base.unpriced, **own.unpriced},
        rules=tuple(rule for rule in RULES if rule in (*base.rules, *own.rules)),
        parts={**base.parts, base.name: base.process_node, **own.parts},
    )


def _leakage_over(
    base: EnergyTable, memories: Mapping[str, Any], own: Mapping[str, tuple[StaticPower, ...]]
) -> dict[str, tuple[StaticPower, ...]]:
    """Leakage where a table's memories replace those of another: theirs goes with them, stated anew or not."""
    replaced = {kind.split("_")[0] for kind in memories}
    return {**{of: powers for of, powers in base.leakage.items() if of not in replaced}, **own}


def _base(path: Path, name: str) -> tuple[Path, str]:
    """The file and variant that `name` means in the file at `path`: a table's name, or a path from there."""
    known = catalogue.table_names()
    stem, _, variant = name.rpartition(":")
    for each, chosen in ((name, ""), (stem, variant)):
        if each in known:
            return catalogue.table_path(each), chosen
        if each and _is_file(path.parent / each):
            return path.parent / each, chosen
    raise _complaint(path, "extends", str(UnknownNameError("energy table or file", name, known)))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long to be one
        return False


def _complaint(path: Path, key: str, problem: str) -> FileError:
    """An error at a key that only a second file shows to be wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if text.lstrip().startswith(f"{key}:")), 1)
    return strict_yaml.file_error(path, line, f"{key}: {problem}")


def _table(file: TableFile, variant: str) -> EnergyTable:
    """What one file says by itself, with the figures of a variant in place of the table's."""
    table = EnergyTable(
        **_figures(file, file.unit, Process(file.process_node, file.supply)),
        rules=tuple(rule for rule in RULES if rule in file.rules),
        name=file.name,
        description=file.description,
        process_node=file.process_node,
        supply=file.supply,
        sources=file.sources,
        variants={name: each.description for name, each in file.variants.items()},
        parts={},
        missing=tuple(file.missing),
    )
    if not variant:
        return table
    if variant not in file.variants:
        raise UnknownNameError(f"variant of energy table {file.name}", variant, file.variants)
    chosen = file.variants[variant]
    # a memory of a variant replaces the table's of its kind as a whole, as in a table that extends another
    left = {(each.operation, each.formats) for each in file.operations if each.words in chosen.without}
    table = replace(table, exact={key: price for key, price in table.exact.items() if key not in left})
    name, supply = f"{file.name}:{variant}", chosen.supply or file.supply
    own = _figures(chosen, file.unit, Process(file.process_node, supply))
    figures: dict[str, Any] = {key: {**getattr(table, key), **each} for key, each in own.items()}
    figures["leakage"] = _leakage_over(table, own["memories"], own["leakage"])
    description = f"{file.description} Variant {variant}: {chosen.description}"
    return replace(table, **figures, name=name, description=description, supply=supply)


def _figures(part: Figures, unit: str, of: Process) -> dict[str, Any]:
    """What a file or a variant states, in joules and watts; `of` the process where a figure names no other."""
    memories: dict[str, dict[int, dict[int, Price]]] = {}
    for memory in part.memories:
        for entry in memory.entries:
            for way, spread in entry.by_way.items():
                column = memories.setdefault(f"{memory.memory}_{way}", {}).setdefault(entry.word_length, {})
                column[entry.capacity or 0] = _exact(spread, memory.bounds(spread), memory, unit, of)
    leakage: dict[str, tuple[StaticPower, ...]] = {}
    for group in part.leakage:
        leakage[group.of] = (*leakage.get(group.of, ()), *_static(group, of))
    return {
        "exact": {
            (each.operation, each.formats): _exact(each, each.bounds, each, unit, of) for each in part.operations
        },
        "laws": {(law.operation, law.operands): PricedLaw(law, unit, law.process_in(of)) for law in part.laws},
        "equivalences": {(same.operation, same.format): same for same in part.equivalences},
        "memories": memories,
        "leakage": leakage,
        "unpriced": {each.of: _aside(each, unit) for each in part.unpriced},
    }


def _exact(spread: Spread, bounds: tuple[float, float], origin: Entry | Memory, unit: str, of: Process) -> Price:
    energy, low, high = (figure / UNITS_PER_JOULE[unit] for figure in (spread.energy, *bounds))
    return Price(energy, low, high, "exact", origin.standing, *origin_of(origin), origin.process_in(of))


def _static(group: Leakage, of: Process) -> Iterator[StaticPower]:
    for entry in group.entries:
        power, low, high = (figure / UNITS_PER_WATT[group.unit] for figure in (entry.power, *entry.bounds))
        place = (group.per or "", entry.capacity or 0, entry.word_length or 0)
        yield StaticPower(power, low, high, *place, group.standing, *origin_of(group), group.process_in(of))


def _aside(each: Unpriced, unit: str) -> Aside:
    energy, low, high = (figure / UNITS_PER_JOULE[unit] for figure in (each.energy, *each.bounds))
    return Aside(energy, low, high, each.standing, *origin_of(each))
