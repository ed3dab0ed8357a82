"""The one way hwsim reads npz files: every array asked for by name, shape and dtype, and no pickle ever loaded."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.errors import FileError
from hwsim.files.memory import expect_memory
from hwsim.files.plain_file import MOST_OF_A_BYTE, open_plain

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

LONGEST_HEADER = 2**14
"""Of an array; numpy's own are shorter. [bytes]"""

DAMAGED = (
    *(EOFError, KeyError, ValueError, TypeError, OverflowError, RuntimeError, MemoryError, SyntaxError),
    *(struct.error, tokenize.TokenError, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile),
)
"""What zipfile and numpy's readers of headers raise at bytes that are wrong."""


class ArrayFile:
    """An npz file of which every array is taken exactly once, its header checked before its data are read.

    Raises
    ------
    FileError
        When there is no such file, or it is no npz file or cut short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._size = open_plain(path)
        try:
            self._archive = zipfile.ZipFile(self._file)
        except (OSError, *DAMAGED):
            self._file.close()
            raise FileError(f"{path}: not an npz file, or cut short; expected what numpy.savez writes") from None
        self._left = [name.removesuffix(".npy") for name in self._archive.namelist()]

    def __enter__(self) -> "ArrayFile":
        """The file itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        """Close the file."""
        self._archive.close()
        self._file.close()

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
            shape_found, dtype, room = self._header(f"{name}.npy")
            problem = _problem(shape_found, dtype, shapes, kinds)
            needed = math.prod(shape_found) * dtype.itemsize
            if not problem and needed > room:
                problem = f"shape {shape_found} of {dtype} needs more than the {room:,} bytes there are"
            if not problem:
                remedy = "give fewer frames, or a smaller network"
                expect_memory(needed, f"{self.path}: {name} of shape {shape_found}", remedy, FileError)
                with self._archive.open(f"{name}.npy") as member:
                    return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
        except FileError:
            raise
        except (OSError, *DAMAGED) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise FileError(f"{self.path}: {name}: damaged, or no array ({reason}); {expected}") from None
        raise FileError(f"{self.path}: {name}: {problem}; {expected}")

    def _header(self, member: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
        """Shape and dtype of an array, and how many bytes can follow. [bytes]"""
        stated = self._archive.getinfo(member)
        with self._archive.open(stated) as file:
            start = io.BytesIO(file.read(LONGEST_HEADER))  # a header may claim any length
        version = np.lib.format.read_magic(start)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(start)
        # what an archive says of its members is not to be believed, either
        room = min(stated.file_size, MOST_OF_A_BYTE * min(stated.compress_size, self._size))
        return shape, dtype, room - start.tell()

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
