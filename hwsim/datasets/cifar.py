"""CIFAR-10, in its official binary layout."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.files import find
from hwsim.errors import DataError
from hwsim.files.plain_file import open_plain

SHAPE = (3, 32, 32)
"""Of an image: the red, the green and the blue plane."""

N_RECORD = 10_000
"""Images in each file."""

FILES = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}


def read_cifar_10(name: str, split: str, folder: Path | None) -> Dataset:
    """CIFAR-10 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009)."""
    paths = [find(name, f"{name}/{file}", folder) for file in FILES[split]]
    inputs = np.empty((len(paths) * N_RECORD, *SHAPE), np.uint8)
    labels = np.empty(len(inputs), np.int64)
    for k, path in enumerate(paths):
        part = slice(k * N_RECORD, (k + 1) * N_RECORD)
        records = _read_records(path)
        labels[part] = records[:, 0]
        inputs[part] = records[:, 1:].reshape(-1, *SHAPE)
    return Dataset(inputs, 1 / 255, labels=labels, name=name, split=split, order="file")


def _read_records(path: Path) -> npt.NDArray[np.uint8]:
    """One file: a byte for the class, 0 to 9, and 3,072 for the image, 10,000 times. (10,000, 3,073)"""
    length = 1 + int(np.prod(SHAPE))
    file, size = open_plain(path, DataError)
    with file:
        if size != N_RECORD * length:
            raise DataError(
                f"{path}: {size:,} bytes; expected {N_RECORD * length:,}, {N_RECORD:,} records of {length:,}; "
                "fetch it again, the binary version"
            )
        records = np.frombuffer(file.read(size), np.uint8).reshape(-1, length)
    if (largest := int(records[:, 0].max())) > 9:
        record = int(records[:, 0].argmax())
        raise DataError(f"{path}: record {record} begins with class {largest}; expected 0 to 9; fetch the file again")
    return records
