"""What a model folder is while it is being replaced: how a writer and its readers keep out of each other's way.

The description names the digest of its arrays. Those of a new network lie beside the old ones, under a name with their
digest, until the description has been moved into place: with this one step the folder holds the new network. Then they
take the place of the old ones. Whoever reads the description reads the arrays that it names, from whichever of the two
places; nothing else in the folder is touched.

No two folders are exchanged, which not every system can do in one step. Where a file cannot be replaced while somebody
reads it, as on Windows, the writer may be refused at that moment, and the folder is the old one or the new one still.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from hwsim.errors import FileError
from hwsim.files.strict_npz import Array, ArrayFile, Kind
from hwsim.network_file.schema import ARRAYS, DESCRIPTION

WAITING = ".weights-"
"""How the names of arrays begin that wait to take their place."""


def arrays_digest(arrays: Mapping[str, Array]) -> str:
    """``sha256:`` and the digest of arrays with their names, shapes and dtypes, however a file packs them."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"


def waiting_arrays(folder: Path, digest: str) -> Path:
    """Where arrays wait until the description that names them is in its place."""
    return folder / f"{WAITING}{digest.removeprefix('sha256:')}.npz"


def check_free_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that holds a network already, unless it may be replaced; and what is no folder.

    Raises
    ------
    FileError
        Where it is refused.
    """
    above = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not above.is_dir():
        which = "" if above == folder.absolute() else f"{above} "
        raise FileError(f"{folder}: {which}is a file; write the name of a folder")
    if not force and any((folder / name).exists() for name in (DESCRIPTION, ARRAYS)):
        raise FileError(f"{folder}: a network is there; write elsewhere, or give --force (force=True) to replace it")


class NamedArrays(ArrayFile):
    """The arrays that a description of a folder names, which are found to be these when all are taken."""

    def __init__(self, folder: Path, digest: str | None) -> None:
        waiting = None if digest is None else waiting_arrays(folder, digest)
        super().__init__(waiting if waiting is not None and waiting.exists() else folder / ARRAYS)
        self.named, self.taken = digest, dict[str, Array]()

    def take(self, name: str, shapes: tuple[tuple[int, ...], ...] | int | None, *kinds: Kind) -> Array:
        """Read one array, and remember it."""
        self.taken[name] = super().take(name, shapes, *kinds)
        return self.taken[name]

    def expect_no_more(self) -> None:
        """Refuse arrays that nothing asked for, and such as are not those that the description names.

        Raises
        ------
        FileError
            When there are any.
        """
        super().expect_no_more()
        if self.named is not None and arrays_digest(self.taken) != self.named:
            raise FileError(
                f"{self.path}: other arrays than {DESCRIPTION} was written with; take both from one place, or, where "
                f"you changed them, take the line `arrays:` out of {DESCRIPTION}"
            )


def state(folder: Path) -> list[Any]:
    """What changes whenever a writer has put something into its place."""
    return [_identity(folder / name) for name in (DESCRIPTION, ARRAYS)]


def _identity(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def save_arrays(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write arrays as npz; the same ones make the same bytes."""
    np.savez_compressed(file, allow_pickle=False, **arrays)
