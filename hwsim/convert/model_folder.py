"""From names to a model folder: convert a network, measure it on test data, write it with the command that made it."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.datasets import Dataset, load_dataset
from hwsim.errors import UnknownNameError
from hwsim.network import Network
from hwsim.network_file import load_network, save_network
from hwsim.simulator import simulate

METHODS = ("int8", "rounding")
"""The modules with a ``convert``."""


def convert_to_folder(
    method: str, network: str | Path, data: str, out: str | Path, **options: Any
) -> tuple[Network, Dataset]:
    """Do what ``hwsim convert METHOD NETWORK --data DATA --out FOLDER`` does.

    The network is calibrated on the training split of the data set and its accuracy measured on the test split.

    Parameters
    ----------
    method : {"int8", "rounding"}
        A module of this package.
    network : str or Path
        Name or folder of the network to convert.
    data : str
        Name of a data set.
    out : str or Path
        Folder to write; its last part becomes the network's name.
    **options
        Parameters of the method's ``convert``, such as ``scale=2.0``; ``--scale 2.0`` on the command line.

    Returns
    -------
    Network, Dataset
        What was written, and the test data it was measured on.

    Raises
    ------
    HwsimError
        As `load_network`, `load_dataset`, the method's ``convert`` and `save_network` do.
    """
    if method not in METHODS:
        raise UnknownNameError("conversion", method, METHODS)
    source, test = load_network(network), load_dataset(data, split="test")
    convert = importlib.import_module(f"hwsim.convert.{method}").convert
    converted = convert(source, load_dataset(data, split="train"), name=Path(out).name, **options)
    command = ["hwsim convert", method, source.name, "--data", data, *command_options(options), "--out"]
    return save_measured(converted, test, " ".join(command), out), test


def command_options(options: dict[str, Any]) -> list[str]:
    """Options as they are written on the command line: ``--no-`` before what is off, commas in a list."""
    words = []
    for name, value in options.items():
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{dashed}" if value else f"--no-{dashed}")
        else:
            words.append(f"--{dashed} {','.join(map(str, np.atleast_1d(value).tolist()))}")
    return words


def save_measured(network: Network, test: Dataset, command: str, folder: str | Path) -> Network:
    """Add to what a network states the command that made it and its accuracy on test data; write its folder.

    Parameters
    ----------
    network : Network
        With one output per class.
    test : Dataset
        Frames with labels; the largest output names the class, the first of equals.
    command : str
        The command line, without the folder, which is given by its last part only.
    folder : str or Path
        Where to write.
    """
    about: dict[str, object] = {**network.about, "command": f"{command} {Path(folder).name}"}
    if test.labels is not None:
        correct = int(np.sum(simulate(network, test, execution="sparse").outputs.argmax(axis=1) == test.labels))
        about["accuracy"] = {
            "data_set": f"{test.name} {test.split}",
            "frames": len(test),
            "correct": correct,
            "percent": round(100 * correct / len(test), 2),
        }
    network = replace(network, about=about)
    save_network(network, folder)
    return network
