"""Where the files of data sets are: in a given folder, in HWSIM_DATA, or downloaded into a cache and checked."""

import logging
import os
import sys
from pathlib import Path

from hwsim.errors import DataError


def find_or_download(name: str, file: str, folder: Path | None) -> Path:
    """Path of a data set's file: in the given folder, else in HWSIM_DATA, else downloaded into the cache."""
    place = f"{name}/{file}"
    stated, path = _stated(place, folder)
    if stated and path.is_file():
        return path
    if folder is not None:
        raise DataError(f"data set {name!r}: no file {path}; name a folder that holds {place}")
    try:
        return _download(name, file)
    except OSError as error:
        looked = f"no file {path}" if stated else "HWSIM_DATA is not set"
        remedy = f"set HWSIM_DATA to a folder that holds {place}"
        raise DataError(f"data set {name!r}: {looked}, and {file} cannot be downloaded ({error}); {remedy}") from error


def find(name: str, place: str, folder: Path | None) -> Path:
    """Path of a file or folder of a data set that is never downloaded: in the given folder, else in HWSIM_DATA."""
    stated, path = _stated(place, folder)
    if stated and path.exists():
        return path
    found = f"there is no {path}" if stated else "HWSIM_DATA is not set"
    remedy = "name" if folder is not None else "set HWSIM_DATA to"
    raise DataError(f"data set {name!r}: {found}; it is not downloaded: {remedy} a folder that holds {place}")


def _stated(place: str, folder: Path | None) -> tuple[bool, Path]:
    """Whether anybody said where data are, and where something would be there."""
    stated = folder or os.environ.get("HWSIM_DATA")
    return bool(stated), Path(stated or "") / place


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
