"""What a data set is: frames of codes with a step, in streams, with labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hwsim.errors import DataError, harmless
from hwsim.network.number_format import FP32, NumberFormat, integer
from hwsim.network.signals import IntArray, is_ordinary

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
    class_names: tuple[str, ...] = ()  # of the labels, where they are known

    def __post_init__(self) -> None:
        """Check every part, and bring the arrays into the one form that kernels take."""
        self._set("name", harmless(self.name))
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
            self._check_classes(self.labels)

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
        if not is_ordinary(step):
            raise self._error(f"step {step}; expected 2^-100 to 2^100 (7.9e-31 to 1.3e+30)")
        if step != 1 and self.format.is_real:
            raise self._error(f"step {step} with {self.inputs.dtype} inputs; real values have step 1")
        self._set("step", float(step))

    def _check_classes(self, labels: IntArray) -> None:
        n_class, lowest, highest = len(self.class_names), int(labels.min()), int(labels.max())
        if n_class and not 0 <= lowest <= highest < n_class:
            raise self._error(f"labels {lowest} ... {highest} of {n_class} classes; expected 0 to {n_class - 1}")

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
        name = f"{self.name} {self.split}".strip()
        return f"<Dataset {name}: {what}, {len(self.stream_start) - 1} stream(s), {self.order} order>"


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
