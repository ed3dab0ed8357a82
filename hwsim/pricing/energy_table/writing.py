"""Tables as files: one that was computed, written so that it can be read again, and the start of one's own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hwsim.errors import FileError
from hwsim.files.existing import check_free
from hwsim.files.strict_yaml import check_readable
from hwsim.files.whole import write_whole
from hwsim.pricing.energy_table.figure_schema import UNITS_PER_JOULE
from hwsim.pricing.energy_table.price import Price, Process
from hwsim.pricing.energy_table.price_list import PricedLaw
from hwsim.pricing.energy_table.table import EnergyTable

FOLDER = Path(__file__).parents[2] / "schemas"
PICO = UNITS_PER_JOULE["pJ"]


def write_table(table: EnergyTable, path: str | Path, force: bool = False) -> None:
    """Write a table as a file that reads back as the same prices, in picojoules, with everything it extends in it.

    Leakage and figures that nothing counts are left out.

    Parameters
    ----------
    table : EnergyTable
        What to write.
    path : str or Path
        The file.
    force : bool
        Replace the file that is there.

    Raises
    ------
    FileError
        When the file exists and may not be replaced, or cannot be written.
    """
    check_free(Path(path), force)
    document = _document(table)
    text = f"# Written by hwsim. {' '.join(table.description.split())}\n" + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=10_000
    )
    check_readable(Path(path), text, document)
    write_whole(Path(path), text)


def new_table(path: str | Path) -> None:
    """Write the commented start of an energy table; its blanks are to be filled in.

    Raises
    ------
    FileError
        When the file exists, or cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        raise FileError(f"{path}: energy tables end in .yaml; write {path.name}.yaml")
    if path.exists():
        raise FileError(f"{path}: exists already; choose another name")
    node = re.search(r"(\d+(?:\.\d+)?)nm", path.stem)
    text = (FOLDER / "new_energy_table.yaml").read_text(encoding="utf-8")
    blanks = {
        "{schema}": (FOLDER / "energy_table.schema.json").as_uri(),
        "{name}": path.stem,
        "{node}": f" {node[1]}" if node else "",
    }
    for blank, known in blanks.items():
        text = text.replace(blank, known)
    write_whole(path, text)


def _document(table: EnergyTable) -> dict[str, Any]:
    document = {
        "schema": 1,
        "name": table.name,
        "description": table.description,
        "process_node": table.process_node,
        "supply": table.supply,
        "unit": "pJ",
        "rules": list(table.rules),
        "sources": {key: source.model_dump(exclude_none=True) for key, source in table.sources.items()},
        "operations": [
            {
                "operation": kind,
                **({"format": list(formats)} if formats else {}),
                **_spread(price),
                **_origin(price, table),
            }
            for (kind, formats), price in table.exact.items()
        ],
        "laws": [_law(priced, table) for priced in table.laws.values()],
        "equivalences": [same.model_dump(by_alias=True, exclude_none=True) for same in table.equivalences.values()],
        "memories": [group for kind in ("sram", "dram") for group in _memories(table, kind)],
        "missing": list(table.missing),
    }
    return {key: value for key, value in document.items() if value not in (None, [])}


def _spread(price: Price) -> dict[str, float]:
    energy, low, high = (_rounded(figure) for figure in price[:3])
    bounds = {"low": low, "high": high} if low < high else {}
    return {"energy": energy, **bounds}


def _rounded(energy: float) -> float:
    """In picojoules, without the noise of the last digits. [pJ]"""
    return float(f"{energy * PICO:.12g}")


def _origin(price: Price, table: EnergyTable) -> dict[str, Any]:
    where, _, original = price.where.partition("; originally ")
    return {
        "source": price.source,
        "where": where,
        "standing": price.standing,
        **({"original": original} if original else {}),
        **_process(price.process, table),
    }


def _process(process: Process, table: EnergyTable) -> dict[str, Any]:
    """Node and supply of a figure, where they are not the table's."""
    if process == table.own_process:
        return {}
    if process.node == table.process_node and process.supply:
        return {"supply": process.supply}
    return {"process_node": process.node or "none", **({"supply": process.supply} if process.supply else {})}


def _law(priced: PricedLaw, table: EnergyTable) -> dict[str, Any]:
    law, factor = priced.law, PICO / UNITS_PER_JOULE[priced.unit]
    formulas = {
        name: getattr(law, name).times(factor).model_dump() for name in ("energy", "low", "high") if getattr(law, name)
    }
    rest = law.model_dump(exclude_none=True, exclude={"energy", "low", "high", "process_node", "supply"})
    return {**rest, "widths": list(law.widths), **formulas, **_process(priced.process, table)}


def _memories(table: EnergyTable, kind: str) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[tuple[str, Any], ...], list[dict[str, Any]]] = {}
    for word_length, points in table.memories.get(f"{kind}_read", {}).items():
        for capacity, read in points.items():
            write = table.memories[f"{kind}_write"][word_length][capacity]
            size = {"capacity": capacity} if capacity else {}
            entry = {**size, "word_length": word_length, "read": _spread(read), "write": _spread(write)}
            groups.setdefault(tuple(_origin(read, table).items()), []).append(entry)
    for origin, entries in groups.items():
        yield {"memory": kind, **dict(origin), "entries": entries}
