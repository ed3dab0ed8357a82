"""The folders that a run writes to: named, made and locked before the work, not after it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hwsim.errors import FileError
from hwsim.train import TrainingError
from hwsim.train.methods import Method, Variant

try:
    import fcntl
except ImportError:  # where there is no such thing as POSIX
    fcntl = None  # type: ignore[assignment]


def named(folder: str | Path) -> Path:
    """A folder's path, with a name at its end: of ``.`` and ``..`` the one they stand for."""
    folder = Path(folder)
    if folder.name in ("", ".."):
        folder = folder.resolve()
    if not folder.name:
        raise FileError(f"{folder}: has no name, which the network needs; write --out my-network")
    return folder


def folder_of(variant: Variant, out: Path) -> Path:
    """Where a variant's network goes."""
    return out if variant == "quantized" else out.with_name(f"{out.name}-latent")


def make(out: Path, method: Method) -> None:
    """Make a run's folder, and see whether all that a method writes can be written.

    Raises
    ------
    FileError
        Where it cannot.
    """
    for beside in (folder_of(variant, out) for variant in method.variants):
        if beside.exists() and not beside.is_dir():
            raise FileError(f"{beside}: is a file; move it, or write to another folder than {out}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{out}: cannot be made ({error.strerror})") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise FileError(f"{out}: cannot be written to; name another folder, or change its permissions")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no two runs write into one folder at once; the lock ends with the process, however that ends.

    Raises
    ------
    TrainingError
        When another run holds it.
    """
    if fcntl is None:
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems without locks
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"{folder}: another run writes there; wait for it, or name another folder"
                ) from None
        yield
    finally:
        os.close(place)
