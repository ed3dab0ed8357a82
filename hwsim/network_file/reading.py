"""From a model folder to a network."""

from pathlib import Path
from typing import Any

from hwsim.errors import FileError, NetworkError
from hwsim.files.catalogue import network_path
from hwsim.files.plugins import load_plugins
from hwsim.files.strict_npz import ArrayFile
from hwsim.files.strict_yaml import load_by
from hwsim.network.canonical import canonical
from hwsim.network.graph import Network
from hwsim.network.layers import Layer
from hwsim.network.layers.layer import layer_types
from hwsim.network.number_format import NumberFormat
from hwsim.network_file.folder import NamedArrays, state
from hwsim.network_file.schema import ARRAYS, DESCRIPTION, Description, description_model, layer_of

MOST_LOOKS = 20
"""A folder that is being written to while it is read is read again, at most so often."""


def load_network(network: Network | str | Path, keep_real: bool = False) -> Network:
    """Read a network, in its canonical form.

    Parameters
    ----------
    network : Network, str or Path
        The name of a network that ships with hwsim, the path of a model folder or of an ONNX or QONNX file
        (``.onnx``), or a Network, which is returned.
    keep_real : bool, optional
        Of an ONNX file: whether weights stay real numbers where it declares no format for them, although their values
        are those of binary or ternary codes and a scale. A model folder declares formats, which hold in any case.

    Raises
    ------
    UnknownNameError
        When there is neither such a network nor such a folder or file.
    FileError
        When a file is missing, cut short, or not what it should be: a pickle, an array that is missing, unknown,
        or of the wrong shape or dtype, an unknown key or layer type.
    HwsimError
        When a folder has a layer type that is unknown, and a module that may define it cannot be imported.
    NetworkError
        When the files are well formed, but what they describe is no network: weights that are not finite or
        outside their format, layers that do not fit together, operators that no layer stands for.
    """
    if isinstance(network, Network):
        return network
    if Path(network).suffix == ".onnx":
        from hwsim.onnx_file import read_onnx  # which is heavy

        return read_onnx(network, keep_real=keep_real)
    folder = network_path(network)
    if not folder.is_dir():
        raise FileError(f"{folder}: a file; expected a model folder with {DESCRIPTION} and {ARRAYS}")
    for _ in range(MOST_LOOKS):
        before = state(folder)
        try:
            found, is_whole = _read(folder)
        except (FileError, NetworkError):
            if state(folder) == before:
                raise
        else:
            if is_whole or state(folder) == before:
                return found
    raise FileError(f"{folder}: is written again and again; load it when that has ended")


def _read(folder: Path) -> tuple[Network, bool]:
    """The network in a folder, and whether its description names its arrays; else a writer may have come in between."""
    path = folder / DESCRIPTION
    description: Any = load_by(path, _schema_of)
    with NamedArrays(folder, description.arrays) as arrays:
        layers = tuple(_layer(each, arrays, path) for each in description.layers)
        arrays.expect_no_more()
    read = description.input
    try:
        about: dict[str, object] = dict(description.about)
        format = NumberFormat.parse(read.format)
        network = canonical(Network(description.name, tuple(read.shape), layers, format, read.step, about))
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from None
    return network, description.arrays is not None


def _schema_of(document: Any) -> type[Description]:
    """The schema of a folder; modules of own layers are loaded where it has a type that nobody has registered."""
    layers = document.get("layers") if isinstance(document, dict) else None
    types = [each.get("type") for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
    if not {each for each in types if isinstance(each, str)} <= layer_types().keys():
        load_plugins()
    return description_model()


def _layer(description: Any, arrays: ArrayFile, path: Path) -> Layer:
    try:
        return layer_of(description, arrays)
    except NetworkError as error:
        name = f"layer {description.name}: "
        raise NetworkError(f"{path}: {name}{str(error).removeprefix(name)}") from None
