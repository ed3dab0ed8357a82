"""Data sets: frames of codes with a step, in streams, with labels.

A data set is added by one function that returns a `Dataset`, and its line in ``_LOADERS``.
"""

import gzip
import logging
import math
import os
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.errors import DataError, UnknownNameError
from hwsim.number_format import FP32, NumberFormat, integer
from hwsim.signals import IntArray

_CODES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Frames, each an array of one shape, in one or more streams; state resets where a stream begins.

    ``len(data)`` is the number of frames. ``data[:100]``, or any slice, leaves each frame in its stream;
    ``data[[3, 1, 2]]`` makes one stream of the listed frames, in that order; ``data[7]`` is a data set of one frame.
    A DataError is raised for parts that are of a wrong kind, do not fit together, or hold no frame, NaN or infinity.
    """

    inputs: npt.NDArray[Any]  # (n_frame, *shape): integer codes, or float32 real values
    step: float = 1.0  # real value of one code; 1 for real values
    # (n_stream + 1,) stream k is frames stream_start[k]:stream_start[k + 1]; all frames are one stream when left out
    stream_start: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    labels: IntArray | None = None  # (n_frame,) class of each frame
    name: str = "array"
    split: str = ""
    order: str = "given"  # "file", "temporal", or "given" for an array or a list of frames

    def __post_init__(self) -> None:
        """Check every part, and bring the arrays into the one form that kernels take."""
        inputs = np.asarray(self.inputs)
        self._check_inputs(inputs)
        # native, contiguous and writable, so that a kernel is compiled for one kind of array only
        self._set("inputs", np.require(inputs, inputs.dtype.newbyteorder("="), ["C", "A", "W"]))
        self._check_step()
        start = self._vector("stream_start", self.stream_start)
        start = start if len(start) else np.array([0, len(inputs)])
        if len(start) < 2 or start[0] != 0 or start[-1] != len(inputs) or np.any(np.diff(start) <= 0):
            raise self._error(f"stream_start {start.tolist()[:9]}...; expected numbers rising from 0 to {len(inputs)}")
        self._set("stream_start", start)
        if self.labels is not None:
            self._set("labels", self._vector("labels", self.labels))
            if len(self.labels) != len(inputs):
                raise self._error(f"{len(self.labels)} labels for {len(inputs)} frames; give one per frame")

    def _set(self, field: str, value: object) -> None:
        object.__setattr__(self, field, value)

    def _error(self, message: str) -> DataError:
        return DataError(f"data set {self.name!r}: {message}")

    def _check_inputs(self, inputs: npt.NDArray[Any]) -> None:
        if inputs.dtype.name not in (*_CODES, "float32"):
            raise self._error(f"inputs are {inputs.dtype}; expected float32 or one of {', '.join(_CODES)}")
        if inputs.ndim < 2 or inputs.size == 0:
            raise self._error(f"inputs of shape {inputs.shape}; expected one frame or more, as (n_frame, ...)")
        finite = np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1) if inputs.dtype.kind == "f" else np.True_
        if not finite.all():
            raise self._error(f"NaN or infinity in frame {finite.argmin()} of the inputs; expected finite numbers")

    def _check_step(self) -> None:
        step = np.asarray(self.step)
        if step.ndim or step.dtype.kind not in "iuf" or not (np.isfinite(step) and step > 0):
            raise self._error(f"step {self.step!r}; expected one positive finite number")
        if step != 1 and self.format.is_real:
            raise self._error(f"step {step} with {self.inputs.dtype} inputs; real values have step 1")
        self._set("step", float(step))

    def _vector(self, what: str, given: npt.ArrayLike) -> IntArray:
        value = np.asarray(given)
        if value.ndim != 1 or value.dtype.kind not in "iu":
            raise self._error(f"{what} of {value.dtype} and shape {value.shape}; expected a vector of integers")
        return value.astype(np.int64)

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self.inputs)

    def __getitem__(self, selection: "int | slice | Sequence[int] | npt.NDArray[Any]") -> "Dataset":
        """Some of the frames; IndexError for one that does not exist, DataError for none at all."""
        frame = np.atleast_1d(np.arange(len(self))[selection])
        if frame.ndim != 1:
            raise IndexError("select frames by a number, a slice, a list of numbers or a mask")
        sliced = isinstance(selection, slice)
        chosen = selection if sliced else frame  # a slice of an array is a view of it, a list of frames a copy
        stream = np.searchsorted(self.stream_start, frame, side="right") if sliced else np.zeros(len(frame))
        start = np.concatenate([[0], np.flatnonzero(np.diff(stream)) + 1, [len(frame)]])  # where the stream changes
        labels = None if self.labels is None else self.labels[chosen]
        order = self.order if sliced or len(frame) == 1 else "given"
        return replace(self, inputs=self.inputs[chosen], stream_start=start, labels=labels, order=order)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        return self.inputs.shape[1:]

    @property
    def format(self) -> NumberFormat:
        """Number format of the inputs, by their dtype: ``uint8`` for uint8 and so on, ``fp32`` for float32."""
        kind, bit_width = self.inputs.dtype.kind, 8 * self.inputs.itemsize
        return FP32 if kind == "f" else integer(bit_width, signed=kind == "i")

    def values(self) -> npt.NDArray[np.float32]:
        """Real values, codes x step, each the float32 nearest to the product in float64. (n_frame, *shape)"""
        value = np.empty(self.inputs.shape, np.float32)
        np.multiply(self.inputs, self.step, out=value, dtype=np.float64, casting="same_kind")
        return value

    def __repr__(self) -> str:
        """Name, split, size, format, step, streams and order."""
        what = f"{len(self)} frames of {self.shape} {self.format}, step {self.step:.6g}"
        return f"<Dataset {self.name} {self.split}: {what}, {len(self.stream_start) - 1} stream(s), {self.order} order>"


def as_dataset(array: "Dataset | npt.ArrayLike", name: str = "array") -> Dataset:
    """An array (n_frame, *shape) in place of a data set: one stream of frames, without labels.

    Its values are codes of step 1 if its dtype is integer or bool (which becomes uint8), else real values (made
    float32). A Dataset is returned as it is; a DataError is raised for anything that makes none.
    """
    if isinstance(array, Dataset):
        return array
    try:
        inputs = np.asarray(array)
    except ValueError as error:
        raise DataError(f"data set {name!r}: {error}") from error
    if inputs.dtype.kind == "b":
        inputs = inputs.astype(np.uint8)
    elif inputs.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which Dataset refuses
            inputs = inputs.astype(np.float32, copy=False)
    return Dataset(inputs, name=name)


def dataset_names() -> list[str]:
    """Names of the data sets that `load_dataset` knows."""
    return sorted(_LOADERS)


def load_dataset(name: str, split: str = "test", order: str = "file", folder: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    ``digits`` comes with scikit-learn: 1797 images (1, 8, 8), uint8 codes 0 ... 16 of step 1/16, the first 898 of
    them ``train``. ``mnist`` and ``fashion-mnist`` have 60,000 images (1, 28, 28) for ``train`` and 10,000 for
    ``test``, uint8 codes of step 1/255; their idx files (.gz) are taken from a folder of that name in the folder that
    the environment variable HWSIM_DATA names, else downloaded once into the system's cache and checked (MD5).

    Parameters
    ----------
    name, split, order : str
        One of `dataset_names`; ``"test"`` or ``"train"``; ``"file"``, or ``"temporal"``, the order of Temporal-MNIST
        (`temporal_order`), labels along.
    folder : path, optional
        Folder to use in place of HWSIM_DATA; nothing is downloaded then.

    Raises
    ------
    UnknownNameError, DataError
        For an unknown name; for an unknown split or order, and a file that is damaged or cannot be had.
    """
    if name not in _LOADERS:
        raise UnknownNameError("data set", name, _LOADERS)
    for what, value, known in (("split", split, ("test", "train")), ("order", order, ("file", "temporal"))):
        if value not in known:
            raise DataError(f"data set {name!r}: no {what} {value!r}; write {known[0]!r} or {known[1]!r}")
    data = _LOADERS[name](name, split, None if folder is None else Path(folder))
    return data if order == "file" else replace(data[temporal_order(data.inputs)], order="temporal")


def temporal_order(inputs: npt.ArrayLike, buffer_size: int = 1000) -> IntArray:
    """The order of Temporal-MNIST for independent images; ``data[temporal_order(data.inputs)]`` applies it.

    Each image is followed by the one nearest to it (L1 distance of the codes, the lowest slot among equals) in a
    buffer of the next ones of the file (O'Connor & Welling 2017, App. D: 1000). Distances are exact for integer codes,
    summed in float64 for real values. Returns the frames, each once, in their new order: (n_frame,) int64. A
    DataError is raised for inputs that make no data set and for a buffer without room.
    """
    from hwsim.kernels.temporal_order import find_temporal_order

    if buffer_size < 1:
        raise DataError(f"temporal order: a buffer of {buffer_size} images; expected 1 or more")
    image = as_dataset(inputs).inputs
    arithmetic = np.float64 if image.dtype.kind == "f" else np.int64
    wide = image if image.dtype.kind == "u" else image.astype(arithmetic)  # see the kernel
    order = np.empty(len(image), np.int64)
    find_temporal_order(wide.reshape(len(image), -1), arithmetic(0), np.empty(buffer_size, np.int64), order)
    return order


def _load_digits(name: str, split: str, folder: Path | None) -> Dataset:
    """The digits that come with scikit-learn (UCI, Alpaydin & Kaynak 1998), split by order."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    data = Dataset(digits.images[:, None].astype(np.uint8), 1 / 16, labels=digits.target, name=name, split=split)
    return replace(data[:898] if split == "train" else data[898:], order="file")


def _load_idx(name: str, split: str, folder: Path | None) -> Dataset:
    """MNIST (LeCun et al. 1998), and Fashion-MNIST (Xiao et al. 2017), whose files have the same names and layout."""
    prefix = "t10k" if split == "test" else "train"
    images = _read_idx(_find_file(name, f"{prefix}-images-idx3-ubyte.gz", folder), 3)
    labels = _read_idx(_find_file(name, f"{prefix}-labels-idx1-ubyte.gz", folder), 1)
    return Dataset(images[:, None], 1 / 255, labels=labels.astype(np.int64), name=name, split=split, order="file")


def _find_file(name: str, file: str, folder: Path | None) -> Path:
    """Path of a data set's file: in the given folder, else in HWSIM_DATA, else downloaded into the cache."""
    stated = folder or os.environ.get("HWSIM_DATA")
    path = Path(stated or "") / name / file
    if stated and path.is_file():
        return path
    if folder is not None:
        raise DataError(f"data set {name!r}: no file {path}; name a folder that holds {name}/{file}")
    try:
        return _download(name, file)
    except OSError as error:
        looked = f"no file {path}" if stated else "HWSIM_DATA is not set"
        remedy = f"set HWSIM_DATA to a folder that holds {name}/{file}"
        raise DataError(f"data set {name!r}: {looked}, and {file} cannot be downloaded ({error}); {remedy}") from error


def _download(name: str, file: str) -> Path:
    """Fetch a file into the cache, unless it is there, and check it; OSError names every failure in a few words."""
    import pooch

    log, failures = pooch.get_logger(), []
    announcement = logging.Filter("" if sys.stderr.isatty() else "nobody")  # pooch tells people, not pipes
    log.addFilter(announcement)
    try:
        cache = Path(pooch.os_cache("hwsim")) / name
        for mirror in _MIRRORS[name]:
            try:
                return Path(pooch.retrieve(mirror + file, f"md5:{_MD5[f'{name}/{file}']}", file, cache))
            except (OSError, ValueError) as error:  # those of requests are OSErrors
                reason = type(error).__name__ if isinstance(error, OSError) else "another MD5 than expected"
                failures.append(f"{mirror.split('/')[2]}: {reason}")
    finally:
        log.removeFilter(announcement)
    raise OSError("; ".join(failures))


def _read_idx(path: Path, n_axis: int) -> npt.NDArray[np.uint8]:
    """Read a gzipped idx file of bytes: 0, 0, 8, the number of axes, their lengths (big-endian uint32), the data."""
    try:
        content = bytearray(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a gzip file ({error}); fetch it again") from error
    header = 4 + 4 * n_axis
    if len(content) < header or content[:4] != bytes([0, 0, 8, n_axis]):
        raise DataError(f"{path}: begins with {bytes(content[:4]).hex()}; expected idx bytes, 000008{n_axis:02x}")
    shape = [int(length) for length in np.frombuffer(content, ">u4", n_axis, 4)]
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: {len(content) - header} bytes after its header of {header}; expected {shape}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


_LOADERS: dict[str, Callable[[str, str, Path | None], Dataset]] = {
    "digits": _load_digits,
    "fashion-mnist": _load_idx,
    "mnist": _load_idx,
}

_MIRRORS = {
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
}

_MD5 = {  # as in torchvision; those of Fashion-MNIST also in the README of zalandoresearch/fashion-mnist
    "mnist/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "mnist/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "mnist/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "mnist/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "fashion-mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "fashion-mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "fashion-mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
