"""Compiled kernels kept between processes: a file for each, in the folder that numba would use, its digest before it.

Numba's own files say nothing of what they should hold, and a damaged one ends a process or worse. Here a file whose
digest does not fit what it holds is set aside, and its kernel compiled anew. Its name is made of all that the
compiled kernel depends on, so that another version, an edited kernel or another processor finds no file, and several
processes need no index to agree on.
"""

import contextlib
import functools
import hashlib
import logging
import pickle
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

SLOWER = "every process compiles them anew, which takes it up to a minute longer"


class KernelCache:
    """What a dispatcher of numba's asks for a kernel that was compiled before, and gives one that it has compiled.

    Raises
    ------
    RuntimeError
        When there is no folder that can be written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._numba = FunctionCache(function)  # type: ignore[no-untyped-call]

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._numba.cache_path)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """A kernel compiled for the types of its arguments; None where there is none, or a damaged one."""
        context.refresh()
        content = self._read(self._key(signature, context.codegen()))
        return None if content is None else self._numba._impl.rebuild(context, pickle.loads(content))

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel, if it can be kept."""
        if self._numba._impl.check_cachable(compiled):
            content: bytes = dumps(self._numba._impl.reduce(compiled))  # type: ignore[no-untyped-call]
            self._write(self._key(signature, compiled.codegen), content)

    def _key(self, signature: Any, codegen: Any) -> bytes:
        """All that a compiled kernel depends on."""
        index = self._numba._index_key(signature, codegen)  # type: ignore[no-untyped-call]
        return repr((numba.__version__, _digest_of_sources(), index)).encode()

    def _path(self, key: bytes) -> Path:
        name = f"{self._numba._impl.filename_base}.{hashlib.sha256(key).hexdigest()[:16]}.kernel"
        return Path(self.cache_path, name)

    def _read(self, key: bytes) -> bytes | None:
        path = self._path(key)
        try:
            whole = path.read_bytes()
        except OSError:
            return None
        digest, content = whole[:32], whole[32:]
        if hashlib.sha256(key + content).digest() == digest:
            return content
        with contextlib.suppress(OSError):  # where another process has done so, or nobody can
            path.replace(path.with_suffix(".damaged"))
        say_once(f"{path.parent}: damaged compiled kernels; set aside as *.damaged, and compiled anew")
        return None

    def _write(self, key: bytes, content: bytes) -> None:
        path = self._path(key)
        partial = path.with_suffix(f".{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(hashlib.sha256(key + content).digest() + content)
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            say_once(f"{path.parent}: compiled kernels cannot be kept ({error.strerror}); {SLOWER}")


@functools.cache
def say_once(what: str) -> None:
    """Tell the user one thing about compiled kernels, on a line of stderr unless logging is set up otherwise."""
    logging.getLogger("hwsim").warning("hwsim: %s", what)


@functools.cache
def _digest_of_sources() -> str:
    """Of all kernels: one may be compiled into another, of another file."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
