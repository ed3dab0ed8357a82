"""Tensors whose data lie in a file beside the graph: brought in, from the graph's own folder only."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from hwsim.errors import FileError
from hwsim.files.plain_file import open_plain
from hwsim.onnx_file.stored_tensor import shown, size_of


def bring_in(tensors: Iterable[Any], folder: Path, most: int) -> None:
    """Read what lies beside a graph into its tensors, up to so many bytes in all.

    A place is a plain path below the folder, without ``..``, of a regular file; no part of it is a symbolic link.

    Raises
    ------
    FileError
        When a place is another, or has fewer bytes than the tensor needs.
    """
    import onnx

    total = 0
    for tensor in tensors:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            if tensor.external_data:
                raise FileError(f"tensor {shown(tensor.name)}: says where its data lie, but not that they do")
            continue
        needed = size_of(tensor)
        total += needed
        if total > most:
            raise FileError(f"tensor {shown(tensor.name)}: data beside the file exceed {most:,} bytes in all")
        try:
            tensor.raw_data = _read(tensor, folder, needed)
        except FileError as error:
            raise FileError(f"tensor {shown(tensor.name)}: {error}") from None
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT


def _read(tensor: Any, folder: Path, needed: int) -> bytes:
    stated = {each.key: each.value for each in tensor.external_data}
    begin, length = _whole(stated, "offset", 0), _whole(stated, "length", needed)
    if length != needed:
        raise FileError(f"{length:,} bytes beside the file, but its shape needs {needed:,}")
    path = _place(stated.get("location", ""), folder)
    file, size = open_plain(path, follow=False)
    with file:
        if begin + needed > size:
            raise FileError(f"{path} has {size:,} bytes; bytes {begin:,} to {begin + needed:,} are asked for")
        file.seek(begin)
        return file.read(needed)


def _whole(stated: dict[str, str], key: str, unless: int) -> int:
    text = stated.get(key, str(unless))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise FileError(f"{key} {shown(text)} of its data; expected a whole number of bytes")
    return int(text)


def _place(location: str, folder: Path) -> Path:
    """Where data lie, if that is within the folder."""
    parts = PurePosixPath(location).parts
    plain = parts and "\0" not in location and "\\" not in location
    if not plain or ".." in parts or PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive:
        raise FileError(f"its data lie at {shown(location)}; expected a plain path within the folder of the file")
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise FileError(
                f"its data lie at {shown(location)}, which is or goes through a symbolic link; expected a file"
            )
    return path
