"""What exists is not overwritten: files only where that was asked for, reports only where hwsim wrote them."""

import re
from collections.abc import Iterable
from pathlib import Path

from hwsim.errors import FileError
from hwsim.files.whole import write_whole

LONGEST_HEAD = 4096
"""So much of a file tells who wrote it. [bytes]"""


def check_free(path: Path, force: bool) -> None:
    """Refuse a file that exists, unless it may be replaced.

    Raises
    ------
    FileError
        Where it is refused.
    """
    if path.exists() and not force:
        raise FileError(f"{path}: is there; write elsewhere, or give --force to replace it")


def write_report(path: str | Path, content: str, head: re.Pattern[bytes]) -> None:
    """Write a report, in place of one that hwsim wrote, but of nothing else.

    Parameters
    ----------
    path : str or Path
        The file.
    content : str
        What to write; `head` matches it.
    head : pattern
        What the reports of this kind begin with, and no other file does.

    Raises
    ------
    FileError
        When the file is another, or cannot be written.
    """
    check_report(Path(path), head)
    write_whole(path, content)


def check_report(path: Path, head: re.Pattern[bytes]) -> None:
    """Refuse a place where no report can be written, or where there is something that is none.

    Raises
    ------
    FileError
        Where it is refused.
    """
    if path.is_dir():
        raise FileError(f"{path}: is a folder; write the name of a file")
    if not path.absolute().parent.is_dir():
        raise FileError(f"{path}: there is no folder {path.parent}; make it, or write elsewhere")
    if not path.is_file():  # or a device, of which nothing can be lost
        return
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST_HEAD)
    except OSError as error:
        raise FileError(f"{path}: is there, and cannot be read ({error.strerror}); write elsewhere") from None
    if found and not head.match(found):
        raise FileError(f"{path}: is there, and is no report of hwsim's; write elsewhere, or move it away")


def check_apart(paths: Iterable[Path | None]) -> None:
    """Refuse two reports that would be one file.

    Raises
    ------
    FileError
        Where two of the paths lead to one place.
    """
    seen: dict[Path, Path] = {}
    for path in paths:
        if path is None or (path.exists() and not path.is_file()):  # a device takes any number
            continue
        place = path.resolve()
        if place in seen:
            raise FileError(f"{path}: is named for two reports ({seen[place]}); give each a file of its own")
        seen[place] = path
