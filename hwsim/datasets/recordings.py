"""Frames of one's own in the files that other tools write: an .npy array, a .csv table, a .wav recording."""

import csv
import io
import warnings
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset, as_dataset
from hwsim.errors import DataError
from hwsim.files.plain_file import open_plain

LABEL = "label"
"""The column of a .csv file that holds the class of each frame."""

CODES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32)
"""What the numbers of a .csv file may be, where they are codes; the narrowest is taken."""


def read_npy(path: Path, step: float | None = None) -> Dataset:
    """Read an array (n, ...): frames without labels, its numbers taken as `read_npz` takes them.

    Raises
    ------
    DataError
        When it is no such file, is cut short, holds a pickle, or what it holds is no data set.
    """
    open_plain(path, DataError)[0].close()
    try:
        inputs = np.lib.format.open_memmap(path, mode="r")  # so that no memory is asked for that the file cannot fill
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: no array, or cut short ({reason}); expected what numpy.save writes") from None
    data = as_dataset(np.array(inputs), path.name)
    return replace(data, step=data.step if step is None else step, order="file")


def read_csv(path: Path, step: float | None = None) -> Dataset:
    """Read a table: a header that names the columns, and a frame (n_column,) in each row after it.

    Numbers are real values (float32). With a step they are codes, whole numbers, in the narrowest format of 8, 16 or 32
    bits that holds them all. A column ``label`` holds the class of each frame.

    Raises
    ------
    DataError
        When there is no such file, no header, no row, or something that is no number.
    """
    names, table = _table(path)
    is_label = np.array([name == LABEL for name in names])
    if is_label.sum() > 1:
        raise DataError(f"{path}: line 1: {is_label.sum()} columns are named {LABEL}; keep one")
    labels = _whole(path, LABEL, table[:, is_label][:, 0]).astype(np.int64) if is_label.any() else None
    inputs = table[:, ~is_label]
    if step is None:
        return Dataset(_as_float32(inputs), labels=labels, name=path.name, order="file")
    codes = _whole(path, "codes", inputs)
    fitting = [each for each in CODES if np.iinfo(each).min <= codes.min() and codes.max() <= np.iinfo(each).max]
    if not fitting:
        raise DataError(f"{path}: codes {codes.min():g} ... {codes.max():g}; expected 32 bits at most: leave step out")
    return Dataset(codes.astype(fitting[0]), step, labels=labels, name=path.name, order="file")


def read_wav(path: Path, step: float | None = None) -> Dataset:
    """Read a recording as one frame (n_channel, n_sample): codes of the file's width, of step 1 / 2^(bits - 1).

    Samples are whole numbers (PCM) of 8, 16, 24 or 32 bits; codes of 8 bits, which lie around 128 in the file, are
    int8, those of 24 bits int32.

    Raises
    ------
    DataError
        When there is no such file, or it is no such recording.
    """
    plain, _ = open_plain(path, DataError)
    try:
        with plain as file, wave.open(file) as recording:
            n_channel, n_byte = recording.getnchannels(), recording.getsampwidth()
            content = recording.readframes(recording.getnframes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (wave.Error, EOFError) as error:
        reason = str(error) or "it ends too soon"
        raise DataError(f"{path}: no recording ({reason}); expected PCM samples of 8, 16, 24 or 32 bits") from None
    samples = _samples(np.frombuffer(content, np.uint8), n_byte)
    if not samples.size or samples.size % n_channel:
        raise DataError(f"{path}: {samples.size} samples for {n_channel} channels; expected one of each or more")
    codes = samples.reshape(-1, n_channel).T[None]
    return Dataset(codes, 0.5 ** (8 * n_byte - 1) if step is None else step, name=path.name, order="file")


def _samples(content: npt.NDArray[np.uint8], n_byte: int) -> npt.NDArray[Any]:
    """Little-endian samples of so many bytes, as codes around zero. (n,)"""
    content = content[: len(content) // n_byte * n_byte]
    if n_byte == 1:
        return (content.astype(np.int16) - 128).astype(np.int8)
    if n_byte == 3:
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = content.reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.int32) >> 8
    return content.view(f"<i{n_byte}").astype(f"i{n_byte}")


def _table(path: Path) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The names in the header, and the numbers under them. (n_row, n_column)"""
    plain, _ = open_plain(path, DataError)
    try:
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file), [])]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a file without rows, which is refused below
                table = np.loadtxt(file, delimiter=",", ndmin=2, comments=None)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, csv.Error) as error:  # what is no UTF-8 among them
        reason = str(error).split(";")[0].splitlines()[0]
        raise DataError(f"{path}: {reason} (rows counted after the header); expected numbers and commas") from None
    if all(map(_is_number, names)):
        raise DataError(f"{path}: line 1 names no columns; write a header, such as x0,x1,{LABEL}")
    if not table.size:
        raise DataError(f"{path}: no rows; expected a frame in each line after the header")
    if table.shape[1] != len(names):
        raise DataError(f"{path}: {table.shape[1]} numbers in a row under {len(names)} names; give each column a name")
    return names, table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which Dataset refuses
        return values.astype(np.float32)


def _whole(path: Path, what: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    wrong = ~(np.abs(values) < 2**53) | (values % 1 != 0)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise DataError(f"{path}: {what} {values[wrong][0]:g} in row {row} after the header; expected whole numbers")
    return values
