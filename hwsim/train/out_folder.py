"""The folders that a run writes to: named, made, locked and found to be free before the work, not after it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hwsim.errors import FileError
from hwsim.files.alone import alone
from hwsim.train.methods import Method, Variant

CHECKPOINT = "checkpoint.pt"
"""What a run keeps in its folder while it lasts."""


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
def held(folders: list[Path], files: Sequence[str], force: bool) -> Iterator[None]:
    """Let nobody else write into the folders of a run, the first of which holds its checkpoint.

    Parameters
    ----------
    folders : list of Path
        They are made if need be.
    files : sequence of str
        Names of what the run will write into each.
    force : bool
        Replace them where they are there. What a run wrote whose checkpoint is there still, it may replace itself.

    Raises
    ------
    FileError
        When a folder cannot be written to, another run writes there, or there are such files that may not be replaced.
    """
    with ExitStack() as locks:
        for folder in folders:
            make(folder)
            locks.enter_context(alone(folder))
        goes_on = (folders[0] / CHECKPOINT).exists()
        there = [folder / name for folder in folders for name in files if (folder / name).exists()]
        if there and not (force or goes_on):
            raise FileError(
                f"{there[0]}: is there, and no checkpoint to go on from; name another folder, or give --force "
                "(force=True) to replace it"
            )
        yield
