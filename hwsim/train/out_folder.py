"""The folders that a run writes to: named, made and locked before the work, not after it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


def folders_of(method: Method, out: Path) -> list[Path]:
    """All that a method writes to."""
    return [folder_of(variant, out) for variant in method.variants]


def make(folder: Path) -> None:
    """Make a folder, and see whether it can be written to.

    Raises
    ------
    FileError
        Where it cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder}: is a file; move it, or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be made ({error.strerror})") from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise FileError(f"{folder}: cannot be written to; name another folder, or change its permissions")


@contextmanager
def alone(folders: list[Path]) -> Iterator[None]:
    """Let no two runs write into a folder at once; locks end with the process, however that ends.

    Raises
    ------
    TrainingError
        When another run holds one.
    """
    if fcntl is None:
        yield
        return
    with ExitStack() as held:
        for folder in folders:
            place = os.open(folder, os.O_RDONLY)
            held.callback(os.close, place)
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"{folder}: another run writes there; wait for it, or name another folder"
                ) from None
            except OSError:  # a file system without locks
                continue
        yield
