"""What a file of another tool is, by what stands at its beginning, and what makes of it one that hwsim reads."""

import shlex
import zipfile
from pathlib import Path
from typing import NamedTuple

from hwsim.errors import FileError, HwsimError

LONGEST_START = 64
"""Of a file, by which its kind is told. [bytes]"""

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
NOT_YET = "it is not read yet; export the network as ONNX"
FROM_LITE = "python -m tf2onnx.convert --tflite {file} --output {made}"
FROM_KERAS = (
    "python -c \"import keras, sys; keras.saving.load_model(sys.argv[1]).export(sys.argv[2], format='onnx')\" "
    "{file} {made}"
)
FROM_PROGRAM = (
    'python -c "import sys, torch; torch.onnx.export(torch.export.load(sys.argv[1]), f=sys.argv[2])" {file} {made}'
)
PICKLE = "weights or a model of PyTorch, as a pickle, which is never loaded"
FIRST_OF_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""What torch.save began with before PyTorch 1.6."""


class OtherKind(NamedTuple):
    """A kind of file that hwsim does not read."""

    what: str  # with its article
    remedy: str  # what to do with one: the command that converts it, or what hwsim reads in its place

    def __str__(self) -> str:
        """Both, as an error says them."""
        return f"{self.what}; {self.remedy}"


def refuse_other_kind(path: str | Path, error: type[HwsimError] = FileError) -> None:
    """Raise an error that says what a file is, where another tool wrote it; nothing for any other, or none.

    Raises
    ------
    HwsimError
        Of the class given: in one line what the file is, and the command that converts it.
    """
    found = other_kind(Path(path))
    if found is not None:
        raise error(f"{path}: {found}")


def other_kind(path: Path) -> OtherKind | None:
    """The kind of a file of another tool; None where it is none of those that are known, or cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            start = file.read(LONGEST_START)
    except (OSError, ValueError):  # a zero byte in the name
        return None
    if start[4:8] == b"TFL3":
        return _converted("a TensorFlow Lite model", FROM_LITE, path)
    if start.startswith(HDF5):
        return _hdf5(path)
    if start.startswith(ZIP):
        return _archive(path)
    return _of_torch(PICKLE) if start.startswith(FIRST_OF_TORCH) else None


def _converted(what: str, command: str, path: Path) -> OtherKind:
    file, made = (shlex.quote(str(each)) for each in (path, path.with_suffix(".onnx")))
    return OtherKind(what, f"convert it: {command.format(file=file, made=made)}")


def _hdf5(path: Path) -> OtherKind:
    if path.suffix == ".nir":
        return OtherKind("a NIR graph (neuromorphic intermediate representation)", NOT_YET)
    if path.suffix == ".net":
        return OtherKind("a network of Lava", NOT_YET)
    return _converted("an HDF5 file, as Keras writes models", FROM_KERAS, path)


def _archive(path: Path) -> OtherKind | None:
    """Of a zip file: what is in it tells; an .npz is none of these."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return None
    if "model.weights.h5" in names:
        return _converted("a Keras model", FROM_KERAS, path)
    parts = {name.split("/", 1)[-1] for name in names}
    if any(part.startswith("code/") for part in parts):
        return _of_torch("a TorchScript model")
    if any(part.startswith("models/") and part.endswith(".json") for part in parts):
        return _converted("an exported program of PyTorch", FROM_PROGRAM, path)
    return _of_torch(PICKLE) if "data.pkl" in parts else None


def _of_torch(what: str) -> OtherKind:
    """Of files whose model needs an example, or its class, to be converted."""
    return OtherKind(what, "convert it in Python: torch.onnx.export(model, (example,), 'model.onnx')")
