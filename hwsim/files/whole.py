"""The one way to write a file: whole, or not at all, and on the disk before it is said to be there.

What is written lies beside its place, under a name that nobody can guess, until it is moved there. A process that is
killed leaves that file behind, hidden (``.NAME.xxxxxxxx.partial``); nothing reads it, and it may be deleted.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from hwsim.errors import FileError

MOST_OF_NAME = 40
"""Characters of a file's name that are in that of the file beside it, which may not become too long. [characters]"""


def before(step: Literal["write", "fsync", "rename"], size: int = 0) -> None:
    """Do nothing; tests put here what ends the process, or fills the disk, before a step (a write of `size` bytes)."""


class _File(io.FileIO):
    """A file that tells of every write."""

    def write(self, content: Any) -> int:
        before("write", len(content))
        return super().write(content)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file so that no reader sees half of it, and a full disk leaves what was there.

    Parameters
    ----------
    path : str or Path
        The file; it is replaced if it exists, and what it links to stays linked.
    content : str or bytes
        Text is written as UTF-8.

    Raises
    ------
    FileError
        When it cannot be written.
    """
    try:
        with whole(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def whole(path: str | Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place when all is written; an OSError when it cannot."""
    path = Path(path).resolve()  # a link stays one
    if path.exists() and not path.is_file():  # a pipe, say, cannot be replaced
        with path.open("wb") as file:
            yield file
        return
    # opened exclusively, so that it is no link that somebody laid
    name = f".{path.name.lstrip('.')[:MOST_OF_NAME]}."
    descriptor, name = tempfile.mkstemp(prefix=name, suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with io.BufferedWriter(_File(descriptor, "wb")) as file:
            yield file
            file.flush()
            before("fsync")
            os.fsync(descriptor)
        partial.chmod(_mode())
        move(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def move(source: Path, path: Path) -> None:
    """Move a file to a place in the same folder, in place of what is there; an OSError when it cannot."""
    before("rename")
    source.replace(path)
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no way to say that a folder is to be on the disk
        return
    before("fsync")
    with contextlib.suppress(OSError):  # nor have some file systems; what was moved is in its place in any case
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _mode() -> int:
    """That of any new file; mkstemp makes files for their owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
