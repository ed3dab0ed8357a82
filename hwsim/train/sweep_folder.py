"""The folder of a sweep: ``sweep.yaml`` says what is swept, ``sweep.csv`` has a row for every lambda that is done.

Both are written whole. A copy of them may have been cut short all the same, and half a row is never taken for one.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hwsim.errors import FileError
from hwsim.files.whole import write_whole
from hwsim.train import TrainingError

ROWS, SETTINGS = "sweep.csv", "sweep.yaml"
LAMBDA, SCALES = "lambda", "scales"
"""Columns that every row has: what the computation weighed, and the name of a file, or `NO_FILE`."""
NO_FILE = "1"
"""In the place of a file's name: scales of 1."""


def claim(folder: Path, stated: Mapping[str, Any]) -> None:
    """Say in a folder what is swept.

    Raises
    ------
    TrainingError
        When it is the folder of another sweep.
    FileError
        When what stands there cannot be read, or nothing can be written.
    """
    path = folder / SETTINGS
    if not path.exists():
        write_whole(path, yaml.safe_dump(dict(stated), sort_keys=False))
    try:
        text = path.read_text("utf-8")
        found = yaml.safe_load(text) if text.endswith("\n") else None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, yaml.YAMLError):
        found = None
    if not isinstance(found, Mapping):
        raise FileError(
            f"{path}: empty, cut short or damaged; if the folder is of this sweep, delete the file, and the sweep goes "
            "on; else name another folder"
        )
    if found != stated:
        other = [name for name in stated if found.get(name) != stated[name]]
        raise TrainingError(f"{path}: of another sweep ({', '.join(other)}); name another folder, or delete this one")


def read_rows(folder: Path) -> pd.DataFrame:
    """The rows that are done; a last line without an end is none.

    Raises
    ------
    FileError
        When there is a line that is no row.
    """
    path = folder / ROWS
    if not path.exists():
        return pd.DataFrame()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = file.read().splitlines(keepends=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise FileError(f"{path}: no table of a sweep (not UTF-8); delete it to start afresh") from None
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    if len(lines) < 2:
        return pd.DataFrame()
    head, *rows = csv.reader(lines)
    if not {LAMBDA, SCALES} <= set(head):
        raise FileError(f"{path}: no table of a sweep ({LAMBDA} or {SCALES} is missing); delete it to start afresh")
    for number, row in enumerate(rows, 2):
        if not _is_row(row, head):
            raise FileError(
                f"{path}:{number}: half a row, or a damaged one; delete the line, and its lambda is learned again"
            )
    return pd.read_csv(io.StringIO("".join(lines)), dtype={SCALES: str})


def _is_row(row: list[str], head: list[str]) -> bool:
    """Whether each column is there, and a number, but for the name of a file."""
    try:
        numbers = {name: float(text) for name, text in zip(head, row, strict=True) if name != SCALES}
    except ValueError:
        return False
    return numbers[LAMBDA] >= 0 and bool(row[head.index(SCALES)])


def add_row(folder: Path, rows: pd.DataFrame, row: Mapping[str, object]) -> pd.DataFrame:
    """The rows and one more, which are written.

    Raises
    ------
    FileError
        When they cannot be.
    """
    added = pd.DataFrame([row])
    rows = added if rows.empty else pd.concat([rows, added], ignore_index=True)
    write_whole(folder / ROWS, rows.to_csv(index=False, lineterminator="\n"))
    return rows
