"""Energies in the files of other tools, row by row: what they are, and what each says in the words of a table.

Three kinds map one to one: the table that CACTI writes (out.csv), an energy reference table of Accelergy (ERT), and a
.csv file with the columns operation, format and energy.
"""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any

from hwsim.errors import FileError
from hwsim.files.other_kinds import refuse_other_kind
from hwsim.files.plain_file import open_plain
from hwsim.files.strict_yaml import Schema, load_by
from hwsim.pricing.energy_table.figure_schema import UNITS_PER_JOULE, Many

IMPORT = "hwsim table import {path} --out TABLE.yaml makes an energy table of it"
ZIGZAG = "this is a ZigZag accelerator file, which is no energy table; write a machine, and a table for it"
CACTI = {
    "node": "Tech node (nm)",
    "capacity": "Capacity (bytes)",
    "banks": "Number of banks",
    "associativity": "Associativity",
    "word_length": "Output width (bits)",
    "read": "Dynamic read energy (nJ)",
    "write": "Dynamic write energy (nJ)",
    "leakage": "Standby leakage per bank(mW)",
}
"""Columns of CACTI's table that are read, by what they are."""


@dataclass
class Rows:
    """What a file says, in the sections of an energy table, and of which process and source."""

    unit: str
    standing: str
    source: dict[str, Any]  # as a table's `sources` has it
    node: float | None = None  # [nm]
    operations: list[dict[str, Any]] = field(default_factory=list)
    memories: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # sram or dram, and an entry of it
    leakage: list[dict[str, Any]] = field(default_factory=list)  # of sram [mW]


class _Action(Schema):
    """One energy of an ERT. [pJ]"""

    name: str
    arguments: Any = None
    energy: float


class _Component(Schema):
    name: str
    actions: Many[_Action]


class _Reference(Schema):
    version: Any = None
    tables: Many[_Component]


class _ReferenceFile(Schema):
    ERT: _Reference


def is_reference(document: Any) -> bool:
    """Whether a YAML document is an energy reference table of Accelergy."""
    return isinstance(document, dict) and "ERT" in document


def is_zigzag(document: Any) -> bool:
    """Whether a YAML document is an accelerator of ZigZag, as it is written now or was before."""
    arrays = {"operational_array", "multipliers"}
    return isinstance(document, dict) and "memories" in document and not arrays.isdisjoint(document)


def refuse_foreign(path: Path, document: Any = None) -> None:
    """Raise a FileError for the file of another tool that is given as an energy table: what it is, and what to do.

    Without a document it is told by its beginning and name, with one by what it holds.
    """
    refuse_other_kind(path)
    if path.suffix.lower() == ".csv" and path.is_file():
        raise FileError(f"{path}: a .csv file; energy tables are YAML: {IMPORT.format(path=path)}")
    if is_reference(document):
        raise FileError(f"{path}: an energy reference table of Accelergy; {IMPORT.format(path=path)}")
    if is_zigzag(document):
        raise FileError(f"{path}: {ZIGZAG}")


def read_foreign(path: Path, unit: str | None, meanings: Mapping[str, str]) -> Rows:
    """The rows of a file of one of the three kinds.

    Parameters
    ----------
    path : Path
        The file.
    unit : {"pJ", "fJ", "nJ"}, optional
        Of the energies of a .csv file whose header names none.
    meanings : mapping of str to str
        Of an ERT, which does not say it: ``COMPONENT ACTION`` to operation and format, ``COMPONENT`` to ``sram`` with
        capacity [bytes] and word length [bits], or ``dram`` with word length.

    Raises
    ------
    FileError
        When it is of another kind, or a row says nothing that a table can.
    """
    refuse_other_kind(path)
    if path.suffix.lower() != ".csv":
        return _of_reference(path, meanings)
    try:
        with io.TextIOWrapper(open_plain(path)[0], encoding="utf-8-sig", newline="") as file:
            rows = [[each.strip() for each in row] for row in csv.reader(file) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(rows) < 2:
        raise FileError(f"{path}: no rows; expected a header that names the columns, and a row for each energy")
    named = [dict(zip_longest(rows[0], row, fillvalue="")) for row in rows[1:]]
    return _of_cacti(path, named) if CACTI["read"] in rows[0] else _of_operations(path, named, unit)


def _number(path: Path, row: Mapping[str, str], number: int, column: str) -> float:
    try:
        value = float(row[column])
    except (KeyError, ValueError):
        found = repr(row[column]) if column in row else "missing"
        raise FileError(f"{path}: row {number} after the header: {column}: {found}; expected a number") from None
    if not math.isfinite(value):
        raise FileError(f"{path}: row {number} after the header: {column}: {value}; expected a finite number")
    return value


def _of_cacti(path: Path, named: list[dict[str, str]]) -> Rows:
    """Reads, writes and leakage of memories by capacity and word length, as CACTI prints them."""
    source = {
        "authors": "R. Balasubramonian, A. B. Kahng, N. Muralimanohar, A. Shafiee, V. Srinivas",
        "title": "CACTI 7: new tools for interconnect exploration in innovative off-chip memories",
        "venue": "ACM Transactions on Architecture and Code Optimization 14(2)",
        "year": 2017,
        "doi": "10.1145/3085572",
    }
    found = Rows("nJ", "simulated", source)
    for number, row in enumerate(named, 1):
        at = {what: _number(path, row, number, column) for what, column in CACTI.items()}
        if at["associativity"] > 1:
            raise FileError(
                f"{path}: row {number} after the header: a cache, of {at['associativity']:g} ways; run a ram"
            )
        if found.node not in (None, at["node"]):
            raise FileError(f"{path}: rows of {found.node:g} and {at['node']:g} nm; write a file for each")
        found.node = at["node"]
        size = {"capacity": int(at["capacity"]), "word_length": int(at["word_length"])}
        found.memories.append(("sram", {**size, "read": at["read"], "write": at["write"]}))
        if at["leakage"]:
            found.leakage.append({**size, "power": float(f"{at['leakage'] * at['banks']:.12g}")})
    return found


def _of_operations(path: Path, named: list[dict[str, str]], unit: str | None) -> Rows:
    """Rows of operation, format and energy."""
    energies = [each for each in named[0] if each.split(" ")[0] == "energy"]
    if len(energies) != 1 or not {"operation", "format"} <= named[0].keys():
        listed = ", ".join(named[0]) or "none"
        raise FileError(f"{path}: columns {listed}; expected operation, format and energy [pJ], or CACTI's out.csv")
    stated = energies[0].removeprefix("energy").strip(" []") or unit
    if stated not in UNITS_PER_JOULE:
        told = f"energies in {stated}" if stated else "energies without a unit"
        raise FileError(f"{path}: {told}; name the column energy [pJ] (or fJ, nJ), or give --unit")
    year = date.fromtimestamp(path.stat().st_mtime).year
    source = {"authors": "not stated", "title": path.name, "venue": "a file of one's own", "year": year}
    found = Rows(stated, "remembered", source)
    for number, row in enumerate(named, 1):
        formats = [each.strip() for each in row["format"].split(" x ")] if row.get("format") else None
        entry = {"operation": row["operation"], "energy": _number(path, row, number, energies[0])}
        found.operations.append({**entry, **({"format": formats} if formats else {})})
    return found


def _of_reference(path: Path, meanings: Mapping[str, str]) -> Rows:
    """Rows of an ERT, by what its components and their actions were said to be."""

    def model_of(document: Any) -> type[_ReferenceFile]:
        if is_zigzag(document):
            raise FileError(f"{path}: {ZIGZAG}")
        if not is_reference(document):
            raise FileError(
                f"{path}: no energies of another tool; expected Accelergy's ERT, CACTI's out.csv or a .csv file"
            )
        return _ReferenceFile

    components = load_by(path, model_of).ERT.tables
    source = {
        "authors": "Y. N. Wu, J. S. Emer, V. Sze",
        "title": "Accelergy: an architecture-level energy estimation methodology for accelerator designs",
        "venue": "IEEE/ACM International Conference on Computer-Aided Design (ICCAD)",
        "year": 2019,
    }
    found, used = Rows("pJ", "simulated", source), set[str]()
    for component in components:
        energies = {action.name: action.energy for action in component.actions}
        if component.name in meanings:
            used.add(component.name)
            found.memories.append(_memory(path, component.name, meanings[component.name], energies))
        for action, energy in energies.items():
            if (name := f"{component.name} {action}") in meanings:
                used.add(name)
                operation, *formats = meanings[name].replace(" x ", " ").split()
                entry = {"operation": operation, "energy": energy}
                found.operations.append({**entry, **({"format": formats} if formats else {})})
    if not used or used != set(meanings):
        known = ", ".join(f"{each.name} {action.name}" for each in components for action in each.actions)
        unknown = f"no row {min(set(meanings) - used)!r}" if meanings else "its rows do not say what they are"
        raise FileError(
            f"{path}: {unknown}; write --row 'COMPONENT ACTION=mac int8', --row 'COMPONENT=sram BYTES BITS' or --row "
            f"'COMPONENT=dram BITS'; rows are {known}"
        )
    return found


def _memory(path: Path, name: str, meaning: str, energies: Mapping[str, float]) -> tuple[str, dict[str, Any]]:
    kind, *sizes = meaning.split()
    names = {"sram": ("capacity", "word_length"), "dram": ("word_length",)}.get(kind, ())
    if len(sizes) != len(names) or not names or not all(each.isdecimal() for each in sizes):
        raise FileError(f"{path}: --row {name}={meaning}: write sram BYTES BITS or dram BITS")
    if not {"read", "write"} <= energies.keys():
        raise FileError(f"{path}: {name} has no actions read and write; write --row '{name} ACTION=...'")
    size = dict(zip(names, map(int, sizes), strict=True))
    return kind, {**size, "read": energies["read"], "write": energies["write"]}
