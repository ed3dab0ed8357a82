"""What a command leaves: files first, each whatever becomes of the others, then what is printed."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from hwsim.errors import HwsimError


def check_reports(*reports: tuple[Path | None, "re.Pattern[bytes]"]) -> None:
    """Before the work, refuse places where no report can be written: paths, and what reports there begin with."""
    from hwsim.files.existing import check_apart, check_report

    check_apart(path for path, _ in reports)
    for path, head in reports:
        if path is not None:
            check_report(path, head)


def leave(files: Sequence[tuple[Path | None, Callable[[Path], str | None]]], text: Callable[[], str]) -> None:
    """Write all files that are asked for, then print a text and which files were written.

    Parameters
    ----------
    files : sequence of (Path or None, callable)
        What writes each file, and may tell more of it; None where it is not asked for.
    text : callable
        What is printed first.

    Raises
    ------
    HwsimError, KeyboardInterrupt
        When all else is done: what kept files from being written.
    """
    kept: list[BaseException] = []
    written: list[str] = []
    for path, write in files:
        if path is None:
            continue
        try:
            told = write(path)
            written.append(f"wrote {path}: {told}" if told else f"wrote {path}")
        except (HwsimError, MemoryError, KeyboardInterrupt) as error:
            kept.append(error)
    typer.echo("\n".join([text(), *written]))
    if kept:
        said = HwsimError("; ".join(map(str, kept)))
        raise next((each for each in kept if not isinstance(each, HwsimError)), said)
