"""The one way hwsim reads npz files: every array asked for by name, shape and dtype, and no pickle ever loaded."""

import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import FileError

Array: TypeAlias = npt.NDArray[np.generic]
Kind: TypeAlias = Literal["f4", "f8", "i"]

_KIND_NAMES: dict[str, str] = {"f4": "float32", "f8": "float64", "i": "signed integers"}


class ArrayFile:
    """An npz file of which every array is taken exactly once, its header checked before its data are read.

    Raises
    ------
    FileError
        When there is no such file, or it is no npz file or cut short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise FileError(f"{path}: cannot be read ({error.strerror})") from None
        except zipfile.BadZipFile:
            raise FileError(f"{path}: not an npz file, or cut short; expected what numpy.savez writes") from None
        self._left = [name.removesuffix(".npy") for name in self._archive.namelist()]

    def __enter__(self) -> "ArrayFile":
        """The file itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        """Close the file."""
        self._archive.close()

    def take(self, name: str, shapes: tuple[tuple[int, ...], ...] | None, *kinds: Kind) -> Array:
        """Read one array.

        Parameters
        ----------
        name : str
            Its name in the file.
        shapes : tuple of shapes, or None
            The shapes it may have; None: any vector.
        kinds : "f4", "f8" or "i"
            The dtypes it may have: float32, float64, any signed integer.

        Raises
        ------
        FileError
            When it is missing, written twice, damaged, a pickle, or of another shape or dtype.
        """
        shape = "a vector" if shapes is None else "shape " + " or ".join(map(str, shapes))
        expected = f"expected {shape}, {' or '.join(_KIND_NAMES[kind] for kind in kinds)}"
        if self._left.count(name) != 1:
            problem = "written twice" if name in self._left else "missing"
            raise FileError(f"{self.path}: {name}: {problem}; {expected}")
        self._left.remove(name)
        try:
            with self._archive.open(f"{name}.npy") as member:
                problem = _problem(*_header(member), shapes, kinds)
            if not problem:
                with self._archive.open(f"{name}.npy") as member:
                    return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
        except (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise FileError(f"{self.path}: {name}: damaged, or no array ({reason}); {expected}") from None
        raise FileError(f"{self.path}: {name}: {problem}; {expected}")

    def expect_no_more(self) -> None:
        """Refuse arrays that nothing asked for.

        Raises
        ------
        FileError
            When there are any.
        """
        if self._left:
            raise FileError(f"{self.path}: {self._left[0]}: unknown array; remove it ({len(self._left)} in all)")


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return shape, dtype


def _problem(
    shape: tuple[int, ...], dtype: np.dtype[Any], shapes: tuple[tuple[int, ...], ...] | None, kinds: tuple[Kind, ...]
) -> str:
    """What is wrong with an array's header; empty when nothing is."""
    if dtype.hasobject:
        return "a pickle, which is never loaded"
    if not (len(shape) == 1 if shapes is None else shape in shapes):
        return f"shape {shape}"
    if not dtype.isnative or not {dtype.kind, dtype.str[1:]} & set(kinds):
        return f"dtype {dtype}"
    return ""
