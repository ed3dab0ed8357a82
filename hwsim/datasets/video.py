"""Video as a stream of frames. Needs PyAV: the extra `video`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.datasets.dataset import Dataset
from hwsim.datasets.resizing import Size, covering, height_and_width
from hwsim.errors import DataError
from hwsim.files.memory import expect_memory
from hwsim.files.plain_file import open_plain

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer

Pixels: TypeAlias = npt.NDArray[np.uint8]

NOTHING_ELSE = {"protocol_whitelist": "none"}
"""What FFmpeg may open: a play list cannot lead it to other files, or into the network."""


def load_video(
    path: str | Path,
    size: Size | None = None,
    colour: bool = True,
    frames: int | slice | None = None,
    step: float = 1 / 255,
) -> Dataset:
    """Decode a video file into one stream of frames, without labels.

    A frame is scaled so that it just covers `size`, with its proportions kept (for a square, its shorter side then
    has that length), and what sticks out is cut off evenly on both sides. Scaling is bilinear, averaging over what
    becomes one pixel. Pixels are taken to be square, and upright as stored.

    Parameters
    ----------
    path : str or Path
        A video file of any kind that FFmpeg decodes; its first video stream is read.
    size : int or (int, int), optional
        Height and width of a frame; as in the file unless given. [pixels]
    colour : bool
        (3, height, width) red, green and blue; else (1, height, width) luma.
    frames : int or slice, optional
        Only the first so many frames, or those of a slice, counted in order from 0; all of them unless given.
    step : float
        Real value of one code. Codes are uint8, 0 to 255.

    Raises
    ------
    DataError
        When PyAV is not installed, there is no such file, it holds no video or no such frame, or a size or number of
        frames is no positive number.
    """
    path = Path(path)
    wanted = None if size is None else height_and_width(size)
    chosen = _slice(frames)
    decoded: list[Pixels] = []
    for frame in islice(_decode(path, wanted, colour), chosen.start, chosen.stop, chosen.step):
        decoded.append(frame)
        expect_memory(
            frame.size * (len(decoded) + 1), f"{path}: {len(decoded)} frames", "give --frames, or --size", DataError
        )
    if not decoded:
        raise DataError(f"{path}: no frame, or none of those asked for ({chosen.start or 0} to {chosen.stop or 'end'})")
    inputs = np.empty((len(decoded), *decoded[0].shape), np.uint8)
    for k in reversed(range(len(decoded))):
        inputs[k] = decoded.pop()  # one after the other, so that no two copies of everything are held
    return Dataset(inputs, step, name=path.name, order="file")


def _slice(frames: int | slice | None) -> slice:
    chosen = frames if isinstance(frames, slice) else slice(frames)
    bounds = (chosen.start, chosen.stop, chosen.step)
    whole = all(each is None or (isinstance(each, int) and each >= 0) for each in bounds)
    if not whole or chosen.stop == 0 or chosen.step == 0 or isinstance(frames, bool):
        raise DataError(f"frames {frames!r}; expected a number from 1, or a slice of numbers that are not negative")
    return chosen


def _decode(path: Path, size: tuple[int, int] | None, colour: bool) -> Iterator[Pixels]:
    """Frames one by one, scaled and cropped. (3 or 1, height, width)"""
    file, _ = open_plain(
        path, DataError
    )  # first, for PyAV would not help; it is given no path, which FFmpeg might take for a URL
    try:
        import av
    except ModuleNotFoundError:
        file.close()
        raise DataError("videos need PyAV; pip install 'hwsim[video]'") from None
    try:
        with file, av.open(file, "r", options=NOTHING_ELSE, metadata_errors="replace") as container:
            if not container.streams.video:
                raise DataError(f"{path}: there is no video in it; expected a video file")
            yield from _frames(container, size, colour)
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{path}: cannot be read as a video ({reason})") from None


def _frames(container: "InputContainer", size: tuple[int, int] | None, colour: bool) -> Iterator[Pixels]:
    container.streams.video[0].thread_type = "AUTO"
    for frame in container.decode(video=0):
        size = size or (frame.height, frame.width)  # later frames become like the first
        yield _pixels(frame, size, colour)


def _pixels(frame: "VideoFrame", size: tuple[int, int], colour: bool) -> Pixels:
    from av.video.reformatter import Interpolation

    height, width = size
    covering_height, covering_width = covering((frame.height, frame.width), size)
    image = frame.to_ndarray(
        format="rgb24" if colour else "gray",
        height=covering_height,
        width=covering_width,
        # the same bits on every computer
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
    )
    top, left = (covering_height - height) // 2, (covering_width - width) // 2
    cropped = image[top : top + height, left : left + width].reshape(height, width, -1)
    return np.ascontiguousarray(cropped.transpose(2, 0, 1), np.uint8)
