"""Frames of one's own, as an .npz file."""

from pathlib import Path

import numpy as np

from hwsim.datasets.dataset import Dataset
from hwsim.errors import DataError
from hwsim.files.strict_npz import ArrayFile


def read_npz(path: Path, step: float | None = None) -> Dataset:
    """Read ``inputs`` (n, ...), and what is there of ``labels`` (n,), ``stream_start`` (n_stream + 1,) and ``step``.

    Integer inputs are codes of a step: that given, else the file's, else 1; truth values become uint8. Floating point
    is made float32: real values, which have no step. No pickle is ever loaded.

    Raises
    ------
    FileError, DataError
        When it is no such file; when what it holds is no data set, or two steps are given.
    """
    with ArrayFile(path) as arrays:
        inputs = arrays.take("inputs", 2, "u", "i", "f", "b")
        labels = arrays.take("labels", None, "i", "u") if arrays.has("labels") else None
        start = arrays.take("stream_start", None, "i", "u") if arrays.has("stream_start") else None
        stated = float(arrays.take("step", ((),), "f", "i", "u")) if arrays.has("step") else None
        arrays.expect_no_more()
    if step is not None and stated is not None and step != stated:
        raise DataError(f"{path}: it states step {stated:g}, and {step:g} is given; leave step out")
    if inputs.dtype.kind == "b":
        inputs = inputs.astype(np.uint8)
    elif inputs.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which Dataset refuses
            inputs = inputs.astype(np.float32, copy=False)
    return Dataset(
        inputs,
        next((each for each in (step, stated) if each is not None), 1.0),
        np.zeros(0, np.int64) if start is None else start.astype(np.int64),
        None if labels is None else labels.astype(np.int64),
        name=path.name,
        order="file",
    )
