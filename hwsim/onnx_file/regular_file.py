"""Opening what a path names only if it is a plain file: no folder, device or pipe, which might never end."""

import os
import stat
from pathlib import Path
from typing import IO

from hwsim.errors import FileError


def open_regular(path: Path, follow: bool = True) -> tuple[IO[bytes], int]:
    """A file, open for reading, and its size; a symbolic link is opened only if `follow`. [bytes]

    Raises
    ------
    FileError
        When there is none, or it is no plain file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        if not stat.S_ISREG(os.stat(path, follow_symlinks=follow).st_mode):  # opening a device may do things to it
            raise FileError(f"{path}: no plain file; expected one")
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    file = os.fdopen(descriptor, "rb")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise FileError(f"{path}: no plain file; expected one")
    return file, found.st_size
