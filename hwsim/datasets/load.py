"""Data sets by name, and video files by path.

A data set is added by one function that returns a `Dataset`, and its line in ``_READERS``.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hwsim.datasets.cifar import read_cifar_10
from hwsim.datasets.dataset import Dataset
from hwsim.datasets.digits import read_digits
from hwsim.datasets.imagenet_sample import read_imagenet_sample
from hwsim.datasets.mnist import read_mnist
from hwsim.datasets.order import temporal_order
from hwsim.datasets.video import Size, load_video
from hwsim.errors import DataError, UnknownNameError

_READERS: dict[str, Callable[[str, str, Path | None], Dataset]] = {
    "cifar-10": read_cifar_10,
    "digits": read_digits,
    "fashion-mnist": read_mnist,
    "imagenet-sample": read_imagenet_sample,
    "mnist": read_mnist,
}


def dataset_names() -> list[str]:
    """Names of the data sets that `load_dataset` knows."""
    return sorted(_READERS)


def load_dataset(
    name: str,
    split: str = "test",
    order: str = "file",
    folder: str | Path | None = None,
    *,
    frames: int | None = None,
    size: Size | None = None,
    colour: bool | None = None,
    step: float | None = None,
) -> Dataset:
    """Load a data set by name, or a video file by path.

    ==================  ==================  ==================================  =============  =======================
    name                frames              codes                               train, test    from
    ==================  ==================  ==================================  =============  =======================
    ``digits``          (1, 8, 8)           uint8, 0 ... 16 of step 1/16        898, 899       scikit-learn
    ``mnist``           (1, 28, 28)         uint8 of step 1/255                 60,000 10,000  HWSIM_DATA, or a download
    ``fashion-mnist``   (1, 28, 28)         uint8 of step 1/255                 60,000 10,000  HWSIM_DATA, or a download
    ``cifar-10``        (3, 32, 32) RGB     uint8 of step 1/255                 50,000 10,000  HWSIM_DATA
    ``imagenet-sample`` (3, 227, 227) RGB   uint8 of step 1                     only test      HWSIM_DATA, with Pillow
    a path              see `load_video`    uint8 of step 1/255                 neither        the file, with PyAV
    ==================  ==================  ==================================  =============  =======================

    The environment variable HWSIM_DATA names a folder that holds ``mnist/`` and ``fashion-mnist/`` (the official idx
    files, .gz), ``cifar-10/`` (the official binary files) and ``squeezenet/imagenet_sample_227/`` (JPEG files named by
    class and synset). A download goes into the system's cache, once, and is checked (MD5).

    Parameters
    ----------
    name, split, order : str
        One of `dataset_names`, or the path of a video file; ``"test"`` or ``"train"``; ``"file"``, or ``"temporal"``,
        the order of Temporal-MNIST (`temporal_order`), labels along. A video has neither split nor another order.
    folder : path, optional
        Folder to use in place of HWSIM_DATA; nothing is downloaded then.
    frames : int, optional
        Only the first so many frames, in that order.
    size, colour, step : optional
        Of a video: see `load_video`.

    Raises
    ------
    UnknownNameError, DataError
        For an unknown name; for an unknown split or order, and a file that is damaged or cannot be had.
    """
    for what, value, known in (("split", split, ("test", "train")), ("order", order, ("file", "temporal"))):
        if value not in known:
            raise DataError(f"data set {name!r}: no {what} {value!r}; write {known[0]!r} or {known[1]!r}")
    if name not in _READERS and _is_path(name):
        if (split, order) != ("test", "file"):
            raise DataError(f"{name}: a video has one order and no splits; leave out order and split")
        return load_video(name, size, colour is not False, frames, 1 / 255 if step is None else step)
    if name not in _READERS:
        raise UnknownNameError("data set", name, _READERS)
    if any(each is not None for each in (size, colour, step)):
        raise DataError(f"data set {name!r}: size, colour and step are chosen for video files only; leave them out")
    data = _READERS[name](name, split, None if folder is None else Path(folder))
    if order == "temporal":
        data = replace(data[temporal_order(data.inputs)], order="temporal")
    return data if frames is None else _first(data, frames)


def _is_path(name: str) -> bool:
    path = Path(name)
    return bool(path.suffix) or len(path.parts) > 1 or path.is_file()


def _first(data: Dataset, frames: object) -> Dataset:
    if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
        raise DataError(f"data set {data.name!r}: frames {frames!r}; expected a number from 1")
    return data[:frames]
