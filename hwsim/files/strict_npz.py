"""The one way hwsim reads npz files: every array asked for by name, shape and dtype, and no pickle ever loaded."""

import math
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import FileError

Array: TypeAlias = npt.NDArray[np.generic]
Kind: TypeAlias = Literal["f4", "f8", "f", "i", "u", "b"]

_KIND_NAMES: dict[str, str] = {
    "f4": "float32",
    "f8": "float64",
    "f": "floating point",
    "i": "signed integers",
    "u": "unsigned integers",
    "b": "truth values",
}


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

    def has(self, name: str) -> bool:
        """Whether an array of that name is there, and not taken yet."""
        return name in self._left

    def take(self, name: str, shapes: tuple[tuple[int, ...], ...] | int | None, *kinds: Kind) -> Array:
        """Read one array.

        Parameters
        ----------
        name : str
            Its name in the file.
        shapes : tuple of shapes, int or None
            The shapes it may have; a number: any of so many axes or more; None: any vector.
        kinds : "f4", "f8", "f", "i", "u" or "b"
            The dtypes it may have: float32, float64, any floating point, signed integer, unsigned integer, bool.

        Raises
        ------
        FileError
            When it is missing, written twice, damaged, a pickle, of another shape or dtype, or has fewer bytes than
            its shape needs (so that no memory is asked for that the file cannot fill).
        """
        shape = _expected(shapes)
        expected = f"expected {shape}, {' or '.join(_KIND_NAMES[kind] for kind in kinds)}"
        if self._left.count(name) != 1:
            problem = "written twice" if name in self._left else "missing"
            raise FileError(f"{self.path}: {name}: {problem}; {expected}")
        self._left.remove(name)
        try:
            with self._archive.open(f"{name}.npy") as member:
                shape_found, dtype = _header(member)
                problem = _problem(shape_found, dtype, shapes, kinds)
                room = self._archive.getinfo(f"{name}.npy").file_size - member.tell()
                if not problem and math.prod(shape_found) * dtype.itemsize > room:
                    problem = f"shape {shape_found} of {dtype} needs more than the {room:,} bytes there are"
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


def _expected(shapes: tuple[tuple[int, ...], ...] | int | None) -> str:
    if isinstance(shapes, int):
        return f"{shapes} axes or more"
    return "a vector" if shapes is None else "shape " + " or ".join(map(str, shapes))


def _fits(shape: tuple[int, ...], shapes: tuple[tuple[int, ...], ...] | int | None) -> bool:
    if isinstance(shapes, int):
        return len(shape) >= shapes
    return len(shape) == 1 if shapes is None else shape in shapes


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return shape, dtype


def _problem(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    shapes: tuple[tuple[int, ...], ...] | int | None,
    kinds: tuple[Kind, ...],
) -> str:
    """What is wrong with an array's header; empty when nothing is."""
    if dtype.hasobject:
        return "a pickle, which is never loaded"
    if not _fits(shape, shapes):
        return f"shape {shape}"
    if not dtype.isnative or not {dtype.kind, dtype.str[1:]} & set(kinds):
        return f"dtype {dtype}"
    return ""
