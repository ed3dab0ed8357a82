"""MNIST, and Fashion-MNIST, whose files have the same names and layout: gzipped idx."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.files import find_or_download
from hwsim.errors import DataError
from hwsim.files.memory import expect_memory
from hwsim.files.plain_file import MOST_OF_A_BYTE, open_plain


def read_mnist(name: str, split: str, folder: Path | None) -> Dataset:
    """MNIST (LeCun et al. 1998), and Fashion-MNIST (Xiao et al. 2017), whose files have the same names and layout."""
    prefix = "t10k" if split == "test" else "train"
    images = _read_idx(find_or_download(name, f"{prefix}-images-idx3-ubyte.gz", folder), 3)
    labels = _read_idx(find_or_download(name, f"{prefix}-labels-idx1-ubyte.gz", folder), 1)
    return Dataset(images[:, None], 1 / 255, labels=labels.astype(np.int64), name=name, split=split, order="file")


def _read_idx(path: Path, n_axis: int) -> npt.NDArray[np.uint8]:
    """Read a gzipped idx file of bytes: 0, 0, 8, the number of axes, their lengths (big-endian uint32), the data."""
    header = 4 + 4 * n_axis
    file, size = open_plain(path, DataError)
    try:
        with file, gzip.GzipFile(fileobj=file) as idx:
            start = idx.read(header)
            if len(start) < header or start[:4] != bytes([0, 0, 8, n_axis]):
                raise DataError(f"{path}: begins with {start[:4].hex()}; expected idx bytes, 000008{n_axis:02x}")
            shape = [int(length) for length in np.frombuffer(start, ">u4", n_axis, 4)]
            wanted = math.prod(shape)
            most = min(wanted + 1, MOST_OF_A_BYTE * size)  # a header may promise more than the file can hold
            expect_memory(most, f"{path}: {shape}", "take a smaller data set", DataError)
            content = idx.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a gzip file ({error}); fetch it again") from error
    if len(content) != wanted:
        found = f"more than {wanted}" if len(content) > wanted else len(content)
        raise DataError(f"{path}: {found} bytes after its header of {header}; expected {shape}; fetch it again")
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)
