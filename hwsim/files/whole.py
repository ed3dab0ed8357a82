"""The one way to write a file: whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hwsim.errors import FileError


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
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        partial.chmod(_mode())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _mode() -> int:
    """That of any new file; mkstemp makes files for their owner alone."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
