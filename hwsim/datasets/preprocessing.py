"""What is done to frames before a network sees them: layout, grey, size, and the arithmetic that makes real values."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.resizing import Size, height_and_width, resized
from hwsim.errors import DataError

BLOCK = 2**22
"""Numbers that are worked on at a time."""

LUMA = (19595, 38470, 7471)
"""Red, green and blue in a code of luma, of 65,536 parts: ITU-R BT.601, as Pillow rounds it."""


@dataclass(frozen=True)
class Preprocessing:
    """What is done to every frame, in this order; nothing unless said.

    `source_layout`, `grey`, `size` and `layout` move and mix pixels: integer codes stay codes, and their step stays.
    `scale`, `mean` and `standard_deviation` make real values (float32), of a code or value x of step s in channel c::

        (x * s * scale - mean[c]) / standard_deviation[c]

    in float64, rounded to float32 once. A DataError is raised for a parameter that is none.
    """

    # of the arrays of an .npz file: (n, C, H, W), (n, H, W, C) or, without an axis of channels, (n, H, W)
    source_layout: Literal["NCHW", "NHWC", "NHW"] = "NCHW"
    grey: bool = False  # luma in place of red, green and blue
    size: Size | None = None  # height and width: scaled to cover them, proportions kept, and cropped evenly [pixels]
    scale: float | None = None  # what values are multiplied by
    mean: float | tuple[float, ...] | None = None  # subtracted, after scale: one number, or one per channel
    standard_deviation: float | tuple[float, ...] | None = None  # divided by: one number, or one per channel
    layout: Literal["NCHW", "NHWC"] = "NCHW"  # of the frames that the network reads: (C, H, W) or (H, W, C)
    independent: bool | None = None  # True: each frame its own stream; False: one stream; None: as the data have it

    def __post_init__(self) -> None:
        """Bring the parameters into their one form and check them."""
        _check_word("source_layout", self.source_layout, ("NCHW", "NHWC", "NHW"))
        _check_word("layout", self.layout, ("NCHW", "NHWC"))
        for what, allowed in (("grey", (True, False)), ("independent", (True, False, None))):
            if not any(getattr(self, what) is each for each in allowed):
                raise DataError(f"{what} {getattr(self, what)!r}; expected true or false")
        if self.size is not None:
            object.__setattr__(self, "size", height_and_width(self.size))
        if self.scale is not None:
            object.__setattr__(self, "scale", _numbers("scale", self.scale, 1)[0])
        for what in ("mean", "standard_deviation"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, _numbers(what, getattr(self, what)))
        for what in ("scale", "standard_deviation"):
            if getattr(self, what) is not None and np.any(np.asarray(getattr(self, what)) <= 0):
                raise DataError(f"{what} {getattr(self, what)}; expected numbers above 0")

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Preprocessing":
        """Make one of names and values, as a file has them; DataError for a name that is none."""
        names = [field.name for field in fields(cls)]
        for name in written:
            if name not in names:
                close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
                known = f"did you mean {close[0]}?" if close else f"write one of {', '.join(names)}"
                raise DataError(f"{name}: unknown key; {known}")
        return cls(**written)

    def changed(self) -> dict[str, Any]:
        """The parameters that differ from their defaults, by name."""
        plain = Preprocessing()
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name)}

    @property
    def makes_real(self) -> bool:
        """Whether frames become real values."""
        return any(each is not None for each in (self.scale, self.mean, self.standard_deviation))

    def apply(self, data: Dataset) -> Dataset:
        """The data set with every frame preprocessed; labels stay, and streams unless `independent` says otherwise.

        Raises
        ------
        DataError
            When the frames have no such axes or channels.
        """
        if self == Preprocessing():
            return data
        n_block = max(1, BLOCK // data.inputs[0].size)
        try:
            first = self.frames(data.inputs[:1], data.step)
            inputs = np.empty((len(data), *first.shape[1:]), first.dtype)
            for begin in range(0, len(data), n_block):  # in blocks: a step between holds float64
                block = slice(begin, begin + n_block)
                inputs[block] = self.frames(data.inputs[block], data.step)
        except DataError as error:
            raise DataError(f"data set {data.name!r}: {error}") from None
        step = 1.0 if self.makes_real else data.step
        start = {None: data.stream_start, True: np.arange(len(data) + 1), False: np.array([0, len(data)])}
        return replace(data, inputs=inputs, step=step, stream_start=start[self.independent])

    def frames(self, frames: npt.NDArray[Any], step: float = 1.0) -> npt.NDArray[Any]:
        """Frames (n, ...) preprocessed: codes of the dtype given, or float32 real values."""
        frames = _channels_first(frames, self.source_layout)
        if self.grey:
            frames = _grey(frames)
        if self.size is not None:
            _check_images("size", frames)
            frames = resized(frames, height_and_width(self.size))
        if self.makes_real:
            frames = self._values(frames, step)
        if self.layout == "NHWC":
            _check_images("layout NHWC", frames)
            frames = frames.transpose(0, 2, 3, 1)
        return frames

    def _values(self, frames: npt.NDArray[Any], step: float) -> npt.NDArray[np.float32]:
        n_channel = frames.shape[1]
        mean, deviation = (
            _per_channel("mean", 0.0 if self.mean is None else self.mean, n_channel),
            _per_channel("standard_deviation", self.standard_deviation or 1.0, n_channel),
        )
        shape = (1, -1, *(1 for _ in frames.shape[2:]))
        value = frames * (step * (1.0 if self.scale is None else self.scale))
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, which Dataset refuses
            real = (value - mean.reshape(shape)) / deviation.reshape(shape)
            return np.asarray(real, np.float32)


def _check_word(what: str, word: object, known: tuple[str, ...]) -> None:
    if word not in known:
        raise DataError(f"{what} {word!r}; write {', '.join(known[:-1])} or {known[-1]}")


def _numbers(what: str, given: object, most: int | None = None) -> tuple[float, ...]:
    """One finite number or several, as a tuple; DataError for anything else."""
    try:
        array = np.atleast_1d(np.asarray(given))
    except ValueError:
        array = np.asarray(None)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or not array.size or not np.all(np.isfinite(array)):
        raise DataError(f"{what} {given!r}; expected one finite number, or one per channel")
    if most is not None and array.size > most:
        raise DataError(f"{what} {given!r}; expected one finite number")
    return tuple(map(float, array.tolist()))


def _channels_first(frames: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    if layout == "NCHW":
        return frames
    wanted = len(layout)
    if frames.ndim != wanted:
        raise DataError(
            f"frames of shape {frames.shape[1:]} are not laid out as {layout}, which has {wanted - 1} axes; "
            "leave source_layout out, or write another"
        )
    return frames.transpose(0, 3, 1, 2) if layout == "NHWC" else frames[:, None]


def _check_images(what: str, frames: npt.NDArray[Any]) -> None:
    if frames.ndim != 4:
        raise DataError(f"{what} is for images, but frames have shape {frames.shape[1:]}; leave it out")


def _grey(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Luma of red, green and blue; frames of one channel as they are. (n, 1, H, W)"""
    _check_images("grey", frames)
    if frames.shape[1] == 1:
        return frames
    if frames.shape[1] != 3:
        raise DataError(f"grey is for red, green and blue, but frames have {frames.shape[1]} channels; leave it out")
    if frames.dtype.kind == "f":
        luma = np.tensordot(np.array(LUMA) / 2**16, frames.astype(np.float64), axes=(0, 1))
        return np.asarray(luma[:, None], frames.dtype)
    if frames.itemsize == 8 and np.abs(frames).max() >= 2**46:
        raise DataError("grey of codes beyond 2**46 would overflow; scale them first")
    whole = frames.astype(np.int64)
    parts = whole[:, 0] * LUMA[0] + whole[:, 1] * LUMA[1] + whole[:, 2] * LUMA[2]
    return np.asarray((parts + 2**15) >> 16, frames.dtype)[:, None]


def _per_channel(what: str, given: float | tuple[float, ...], n_channel: int) -> npt.NDArray[np.float64]:
    numbers = np.atleast_1d(np.asarray(given, np.float64))
    if len(numbers) not in (1, n_channel):
        raise DataError(f"{what} has {len(numbers)} numbers for frames of {n_channel} channels; give one, or one each")
    return numbers
