"""Opening what a path names only if it is a plain file: no folder, device, pipe or socket, which might never end."""

import os
import stat
from pathlib import Path
from typing import IO

from hwsim.errors import FileError, HwsimError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}
"""What else a path may name, by the bits of its mode."""

MOST_OF_A_BYTE = 1032
"""Bytes that one compressed byte can stand for at most (deflate: 258 bytes in two bits). [bytes]"""

REMEDY = "give a file that exists and is readable"


def open_plain(path: Path, error: type[HwsimError] = FileError, *, follow: bool = True) -> tuple[IO[bytes], int]:
    """A file, open for reading, and its size; a symbolic link is opened only if `follow`. [bytes]

    Raises
    ------
    HwsimError
        Of the kind given, when there is none, or it is no plain file: such a one is not even opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    try:
        found = os.stat(path, follow_symlinks=follow)  # opening a device may do things to it
        descriptor = os.open(path, flags) if stat.S_ISREG(found.st_mode) else None
    except (OSError, ValueError) as problem:  # a zero byte in the name is a ValueError
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path}: cannot be read ({reason}); {REMEDY}") from None
    if descriptor is not None:
        found = os.fstat(descriptor)  # somebody may have put another there in between
        if stat.S_ISREG(found.st_mode):
            return os.fdopen(descriptor, "rb"), found.st_size
        os.close(descriptor)
    kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
    raise error(f"{path}: is {kind}, no plain file; give a file")
