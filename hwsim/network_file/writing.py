"""From a network to a model folder."""

from pathlib import Path

import pydantic
import yaml

from hwsim.errors import FileError, NetworkError
from hwsim.files.alone import alone
from hwsim.files.strict_npz import Array
from hwsim.files.strict_yaml import check_readable
from hwsim.files.whole import move, whole
from hwsim.network.graph import Network
from hwsim.network_file.folder import WAITING, arrays_digest, check_free_folder, save_arrays, waiting_arrays
from hwsim.network_file.schema import ARRAYS, DESCRIPTION, MOST_LAYERS, describe, description_model

LONGEST_WAIT = 60.0
"""For another process that writes to the folder. [s]"""


def save_network(network: Network, folder: str | Path, force: bool = False) -> None:
    """Write a network as a model folder, which is made if need be.

    Whoever reads the folder meanwhile, and whoever finds it after the process was killed, reads the network that was
    there or the new one. Reading the folder gives an equal network (the same digest), and the same network gives the
    same bytes. Other files in the folder stay.

    Parameters
    ----------
    network : Network
        What to write.
    folder : str or Path
        Where to. While another process writes there, this one waits.
    force : bool
        Replace the network that is there.

    Raises
    ------
    NetworkError
        When `network.about` holds what YAML cannot say, or a layer is of a type that has no place in a file.
    FileError
        When the folder holds a network that may not be replaced, or cannot be written.
    """
    folder = Path(folder)
    text, arrays, digest = _content(network, folder)
    check_free_folder(folder, force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder, LONGEST_WAIT):
            check_free_folder(folder, force)  # again: the process that was waited for may have written a network
            _replace(folder, text, arrays, digest)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from None


def _content(network: Network, folder: Path) -> tuple[str, dict[str, Array], str]:
    """The description, which can be read, the arrays, and their digest."""
    shape, arrays = network.input_shape, dict[str, Array]()
    layers = [
        describe(layer, previous, arrays)
        for previous, layer in zip(network.signals, network.layers, strict=False)  # signals: the input first
    ]
    digest = arrays_digest(arrays)
    description = {
        "schema": 1,
        "name": network.name,
        "about": network.about,
        "input": {"shape": list(shape), "format": network.input_format.name, "step": float(network.input_step)},
        "arrays": digest,
        "layers": layers,
    }
    if len(layers) > MOST_LAYERS:
        raise NetworkError(f"network {network.name}: {len(layers):,} layers; a model folder holds {MOST_LAYERS:,}")
    try:
        description_model().model_validate(description)
        text = yaml.dump(description, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    except (pydantic.ValidationError, yaml.YAMLError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, pydantic.ValidationError) else "about"
        raise NetworkError(
            f"network {network.name}: {where}: cannot be written; use text, numbers, lists and mappings"
        ) from None
    check_readable(folder / DESCRIPTION, text, description)
    return text, arrays, digest


def _replace(folder: Path, text: str, arrays: dict[str, Array], digest: str) -> None:
    """Put a network in the place of what a folder holds; `hwsim.network_file.folder` says why in this order."""
    waiting = waiting_arrays(folder, digest)
    with whole(waiting) as file:
        save_arrays(file, arrays)
    with whole(folder / DESCRIPTION) as file:
        file.write(text.encode())
    move(waiting, folder / ARRAYS)
    for left in (
        *folder.glob(f"{WAITING}*"),
        *folder.glob(f".{DESCRIPTION}.*.partial"),
    ):  # by processes that were killed
        left.unlink(missing_ok=True)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes short lists on one line."""


def _represent_list(dumper: _Dumper, value: list[object]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=len(str(value)) < 90)


_Dumper.add_representer(list, _represent_list)
