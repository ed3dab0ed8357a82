"""Data by name, or by path: .npz files, folders of images, video files.

A data set is added by one function that returns a `Dataset`, and its line in ``_READERS``.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hwsim.datasets.cifar import read_cifar_10
from hwsim.datasets.dataset import Dataset
from hwsim.datasets.digits import read_digits
from hwsim.datasets.image_folder import read_image_folder
from hwsim.datasets.imagenet_sample import read_imagenet_sample
from hwsim.datasets.mnist import read_mnist
from hwsim.datasets.npz import read_npz
from hwsim.datasets.order import temporal_order
from hwsim.datasets.preprocessing import Preprocessing
from hwsim.datasets.source import Source
from hwsim.datasets.video import load_video
from hwsim.errors import DataError, UnknownNameError

_READERS: dict[str, Callable[[str, str, Path | None], Dataset]] = {
    "cifar-10": read_cifar_10,
    "digits": read_digits,
    "fashion-mnist": read_mnist,
    "imagenet-sample": read_imagenet_sample,
    "mnist": read_mnist,
}

URL = re.compile(r"\w[\w+.-]+://")

SPLITS = ("train", "test")


def dataset_names() -> list[str]:
    """Names of the data sets that `load_dataset` knows."""
    return sorted(_READERS)


def has_splits(data: str | Source) -> bool:
    """Whether data have a training and a test split: those of a name do, and a folder that holds both."""
    name = data.name if isinstance(data, Source) else str(data)
    return name in _READERS or all(_part(Path(name), split) is not None for split in SPLITS)


def load_dataset(
    name: str | Path | Source,
    split: str = "test",
    order: str = "file",
    folder: str | Path | None = None,
    *,
    frames: int | None = None,
    step: float | None = None,
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """Load data by name, or from files of one's own by path.

    ==================  ==================  ==================================  =============  =======================
    name                frames              codes                               train, test    from
    ==================  ==================  ==================================  =============  =======================
    ``digits``          (1, 8, 8)           uint8, 0 ... 16 of step 1/16        898, 899       scikit-learn
    ``mnist``           (1, 28, 28)         uint8 of step 1/255                 60,000 10,000  HWSIM_DATA, or a download
    ``fashion-mnist``   (1, 28, 28)         uint8 of step 1/255                 60,000 10,000  HWSIM_DATA, or a download
    ``cifar-10``        (3, 32, 32) RGB     uint8 of step 1/255                 50,000 10,000  HWSIM_DATA
    ``imagenet-sample`` (3, 227, 227) RGB   uint8 of step 1                     only test      HWSIM_DATA, with Pillow
    path of an .npz     its ``inputs``      its own of step 1, or float32       see below      see `read_npz`
    path of a folder    (3 or 1, H, W)      uint8 of step 1/255                 see below      see `read_image_folder`
    path of a video     (3 or 1, H, W)      uint8 of step 1/255                 neither        see `load_video`
    ==================  ==================  ==================================  =============  =======================

    The environment variable HWSIM_DATA names a folder that holds ``mnist/`` and ``fashion-mnist/`` (the official idx
    files, .gz), ``cifar-10/`` (the official binary files) and ``squeezenet/imagenet_sample_227/`` (JPEG files named by
    class and synset). A download goes into the system's cache, once, and is checked (MD5).

    A folder that holds ``train.npz`` and ``test.npz``, or the folders ``train`` and ``test`` (of images), has these
    splits; other files of one's own have none.

    Parameters
    ----------
    name : str, Path or Source
        One of `dataset_names`, or a path; a Source brings its step and preprocessing along.
    split, order : str
        ``"test"`` or ``"train"``; ``"file"``, or ``"temporal"``, the order of Temporal-MNIST (`temporal_order`), labels
        along, found before anything is preprocessed. A video, and an .npz of several streams, have one order only.
    folder : path, optional
        Folder to use in place of HWSIM_DATA; nothing is downloaded then.
    frames : int, optional
        Only the first so many frames, in that order.
    step : float, optional
        Real value of one code, of data that state none: .npz files, images and videos.
    preprocessing : Preprocessing, optional
        What is done to the frames.

    Raises
    ------
    UnknownNameError, DataError, FileError
        For an unknown name; for an unknown split or order, and a file that is damaged or cannot be had.
    """
    source = name if isinstance(name, Source) else Source(str(name))
    given = source.step if step is None else step
    wanted = source.preprocessing if preprocessing is None else preprocessing
    _check_choice(source.name, "split", split, "test", "train")
    _check_choice(source.name, "order", order, "file", "temporal")
    _check_number(source.name, frames)
    if URL.match(source.name):
        raise DataError(f"{source.name}: is a URL, and hwsim fetches no data but by name; fetch the file, and give it")
    if source.name in _READERS:
        data = _by_name(source.name, split, None if folder is None else Path(folder), wanted, given)
    elif _is_path(source.name):
        # in file order no more is decoded than asked for
        data = _own_files(source.name, split, order, frames if order == "file" else None, wanted, given)
    else:
        raise UnknownNameError("data set", source.name, _READERS)
    if order == "temporal":
        data = replace(data[temporal_order(data.inputs)], order="temporal")
    return wanted.apply(data if frames is None else data[:frames])


def _by_name(name: str, split: str, folder: Path | None, wanted: Preprocessing, step: float | None) -> Dataset:
    if step is not None:
        raise DataError(f"data set {name!r}: its codes have a step of their own; leave step out")
    _check_layout(name, wanted)
    return _READERS[name](name, split, folder)


def _own_files(
    name: str, split: str, order: str, frames: int | None, wanted: Preprocessing, step: float | None
) -> Dataset:
    """What a path leads to; a split of a folder that has splits is named after the folder."""
    path = _with_split(name, split)
    data = _by_path(path, order, frames, wanted, step)
    return data if path == Path(name) else replace(data, name=Path(name).name, split=split)


def _by_path(path: Path, order: str, frames: int | None, wanted: Preprocessing, step: float | None) -> Dataset:
    """An .npz, a folder of images or a video; the latter two of the size and colours wanted."""
    if path.suffix == ".npz":
        data = read_npz(path, step)
        if order != "file" and len(data.stream_start) > 2:
            raise DataError(f"{path}: its {len(data.stream_start) - 1} streams have one order; leave out order")
        return data
    _check_layout(str(path), wanted)
    if path.is_dir():
        return read_image_folder(path, wanted.size, wanted.grey, frames, step)
    if order != "file":
        raise DataError(f"{path}: a video has one order; leave out order")
    return load_video(path, wanted.size, not wanted.grey, frames, 1 / 255 if step is None else step)


def _check_layout(name: str, wanted: Preprocessing) -> None:
    if wanted.source_layout != "NCHW":
        raise DataError(f"{name}: source_layout {wanted.source_layout} is for .npz files only; leave it out")


def _is_path(name: str) -> bool:
    path = Path(name)
    return bool(path.suffix) or len(path.parts) > 1 or "/" in name or path.exists()


def _with_split(name: str, split: str) -> Path:
    """The file or folder of a split, where there are splits."""
    path = Path(name)
    if has_splits(name):
        return _part(path, split) or path
    if split != "test":
        raise DataError(
            f"{name}: no splits, so no {split!r}; leave split out, or name a folder that holds train.npz and test.npz, "
            "or folders of images train and test"
        )
    return path


def _part(folder: Path, split: str) -> Path | None:
    """Where a folder keeps one split."""
    if (file := folder / f"{split}.npz").is_file():
        return file
    return folder / split if (folder / split).is_dir() else None


def _check_choice(name: str, what: str, value: str, first: str, second: str) -> None:
    if value not in (first, second):
        raise DataError(f"data set {name!r}: no {what} {value!r}; write {first!r} or {second!r}")


def _check_number(name: str, frames: object) -> None:
    if frames is not None and (isinstance(frames, bool) or not isinstance(frames, int) or frames < 1):
        raise DataError(f"data set {name!r}: frames {frames!r}; expected a number from 1")
