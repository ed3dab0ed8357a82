"""From a network to a model folder."""

from pathlib import Path

import numpy as np
import pydantic
import yaml

from hwsim.errors import FileError, NetworkError
from hwsim.files.strict_npz import Array
from hwsim.files.whole import whole
from hwsim.network.graph import Network
from hwsim.network_file.schema import ARRAYS, DESCRIPTION, describe, description_model


def save_network(network: Network, folder: str | Path) -> None:
    """Write a network as a model folder, which is made if need be; files of the same names are replaced.

    Each file is written beside its place and moved there when complete. Reading the folder gives an equal network
    (the same digest), and the same network gives the same bytes.

    Raises
    ------
    NetworkError
        When `network.about` holds what YAML cannot say, or a layer is of a type that has no place in a file.
    FileError
        When the folder cannot be written.
    """
    folder = Path(folder)
    shape, arrays = network.input_shape, dict[str, Array]()
    description = {
        "schema": 1,
        "name": network.name,
        "about": network.about,
        "input": {"shape": list(shape), "format": network.input_format.name, "step": float(network.input_step)},
        "layers": [
            describe(layer, previous, arrays)
            for previous, layer in zip(network.signals, network.layers, strict=False)  # signals: the input first
        ],
    }
    try:
        description_model().model_validate(description)
        text = yaml.dump(description, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    except (pydantic.ValidationError, yaml.YAMLError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, pydantic.ValidationError) else "about"
        raise NetworkError(
            f"network {network.name}: {where}: cannot be written; use text, numbers, lists and mappings"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole(folder / ARRAYS) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        with whole(folder / DESCRIPTION) as file:
            file.write(text.encode())
    except OSError as error:
        raise FileError(f"{folder}: cannot be written ({error.strerror})") from None


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes short lists on one line."""


def _represent_list(dumper: _Dumper, value: list[object]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=len(str(value)) < 90)


_Dumper.add_representer(list, _represent_list)
