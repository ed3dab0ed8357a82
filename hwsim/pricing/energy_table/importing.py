"""From the file of another tool to the file of an energy table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
import yaml

from hwsim.errors import FileError
from hwsim.files.whole import write_whole
from hwsim.pricing.energy_table.foreign import Rows, read_foreign
from hwsim.pricing.energy_table.schema import TableFile

SOURCE = "imported"
"""Key of the one source of an imported table."""


def import_table(
    path: str | Path,
    out: str | Path,
    node: float | None = None,
    unit: str | None = None,
    meanings: Mapping[str, str] | None = None,
) -> int:
    """Write the energies of another tool's file as an energy table, each with the row's file as its whereabouts.

    Figures of CACTI and Accelergy have the standing `simulated`; those of a .csv file are `remembered` until somebody
    writes into the table where they come from.

    Parameters
    ----------
    path : str or Path
        CACTI's out.csv, an energy reference table (ERT) of Accelergy, or a .csv file with the columns operation, format
        and energy.
    out : str or Path
        The file to write; one that is there is never replaced.
    node : float, optional
        Of the figures, where the file states none. [nm]
    unit : {"pJ", "fJ", "nJ"}, optional
        Of the energies of a .csv file whose header names none.
    meanings : mapping of str to str, optional
        What the rows of an ERT are; see `read_foreign`.

    Returns
    -------
    int
        How many energies there are in the table.

    Raises
    ------
    FileError
        When the file is of another kind, a row says nothing that a table can, or `out` cannot be written.
    """
    path, out = Path(path), Path(out)
    if out.suffix not in (".yaml", ".yml"):
        raise FileError(f"{out}: energy tables end in .yaml; write {out.name}.yaml")
    if out.exists():
        raise FileError(f"{out}: exists already; choose another name")
    rows = read_foreign(path, unit, meanings or {})
    if node is not None and rows.node not in (None, node):
        raise FileError(f"{path}: its rows are of {rows.node:g} nm, and {node:g} is given; leave --node out")
    document = _document(rows, path.name, out.stem, node or rows.node)
    try:
        TableFile.model_validate(document)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = " ".join(map(str, first["loc"]))
        raise FileError(f"{path}: as a table: {place}: {first['msg'].removeprefix('Value error, ')}") from None
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
    write_whole(out, f"# Written by hwsim table import from {path.name}.\n{text}")
    return len(rows.operations) + 2 * len(rows.memories)


def _document(rows: Rows, file: str, name: str, node: float | None) -> dict[str, Any]:
    origin = {"source": SOURCE, "where": file, "standing": rows.standing}
    memories: dict[str, list[dict[str, Any]]] = {}
    for kind, entry in rows.memories:
        memories.setdefault(kind, []).append(entry)
    leakage = [{"of": "sram", "unit": "mW", **origin, "entries": rows.leakage}] if rows.leakage else []
    document = {
        "schema": 1,
        "name": name,
        "description": f"Imported from {file}.",
        "process_node": node,
        "unit": rows.unit,
        "sources": {SOURCE: rows.source},
        "operations": [{**each, **origin} for each in rows.operations],
        "memories": [{"memory": kind, **origin, "entries": entries} for kind, entries in memories.items()],
        "leakage": leakage,
    }
    return {key: value for key, value in document.items() if value not in (None, [])}
