"""One process at a time: folders that are locked while something is written to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwsim.errors import FileError

LOCK = ".hwsim.lock"
"""In a folder that was locked. It stays, empty: whoever waits for a lock waits for this very file."""


@contextmanager
def alone(folder: Path, seconds: float = 0.0) -> Iterator[None]:
    """Let nobody else write into a folder; the lock ends with the process, however that ends.

    Who holds a folder's lock may take it again, in the same thread.

    Parameters
    ----------
    folder : Path
        A folder that exists.
    seconds : float
        How long to wait for another to be done. [s]

    Raises
    ------
    FileError
        When another holds it all the while, or the folder cannot be written to, or its file system has no locks.
    """
    import filelock  # which most commands would load in vain

    lock = filelock.FileLock(folder.resolve() / LOCK, is_singleton=True)
    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        raise FileError(f"{folder}: another process writes there; wait for it, or name another folder") from None
    except (OSError, NotImplementedError) as error:  # the latter by a file system without locks
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{folder}: cannot be locked ({reason}); name a folder that can be written to") from None
    try:
        yield
    finally:
        lock.release()
