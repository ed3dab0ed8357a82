"""From names to a model folder: convert a network, measure it on test data, write it with the command that made it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.convert.declared import check_names
from hwsim.convert.methods import method_of
from hwsim.datasets import Dataset, Source, has_splits, load_dataset
from hwsim.datasets.source import stated, without_folder
from hwsim.errors import DataError, HwsimError
from hwsim.network.graph import Network
from hwsim.network_file import check_free_folder, load_network, save_network
from hwsim.simulation.simulator import simulate


def convert_to_folder(
    method: str,
    network: str | Path,
    data: str | Source | None,
    out: str | Path,
    *,
    split: str | None = None,
    frames: int | None = None,
    force: bool = False,
    **options: Any,
) -> tuple[Network, Dataset | None]:
    """Do what ``hwsim convert METHOD NETWORK --data DATA --out FOLDER`` does.

    The network is calibrated on the training split of the data set and its accuracy measured on the test split; of data
    without splits, both on all frames.

    Parameters
    ----------
    method : str
        Name of a conversion; `hwsim.convert.methods.METHODS` has them.
    network : str or Path
        Name or folder of the network to convert.
    data : str or Source, optional
        Name of a data set, or path. What needs no calibration can do without one; no accuracy is stated then.
    out : str or Path
        Folder to write; its last part becomes the network's name.
    split : {"train", "test"}, optional
        Split to calibrate on; train where there is one unless given.
    frames : int, optional
        Only the first so many frames of it.
    force : bool
        Replace the network that is there.
    **options
        Options of the method, such as ``scale=2.0``; ``--scale 2.0`` on the command line.

    Returns
    -------
    Network, Dataset or None
        What was written, and the test data it was measured on.

    Raises
    ------
    HwsimError
        As `load_network`, `load_dataset`, the conversion and `save_network` do.
    """
    chosen = method_of(method)
    check_free_folder(Path(out), force)  # before the work, not after it
    check_names(f"conversion {method}", chosen.options, options, HwsimError)
    source, name = load_network(network), Path(out).name
    command = ["hwsim convert", method, source.name, *([f"--data {stated(data)}"] if data else [])]
    test = load_dataset(data, split="test") if data else None
    if not chosen.needs_data:
        converted = chosen.convert(source, name=name, **options)
    elif data is None:
        raise DataError(f"conversion {method}: no data to calibrate on; name a data set")
    else:
        given = {"split": None if split == "train" else split, "frames": frames}
        command += command_options({what: each for what, each in given.items() if each is not None})
        calibration = load_dataset(data, split or ("train" if has_splits(data) else "test"), frames=frames)
        converted = chosen.convert(source, calibration, name=name, **options)
    return save_measured(converted, test, " ".join([*command, *command_options(options), "--out"]), out, force), test


def command_options(options: dict[str, Any]) -> list[str]:
    """Options as they are written on the command line: ``--no-`` before what is off, commas in a list."""
    words = []
    for name, value in options.items():
        dashed = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{dashed}" if value else f"--no-{dashed}")
        else:
            words.append(f"--{dashed} {','.join(without_folder(str(each)) for each in np.atleast_1d(value).tolist())}")
    return words


def save_measured(
    network: Network, test: Dataset | None, command: str, folder: str | Path, force: bool = False
) -> Network:
    """Add to what a network states the command that made it and its accuracy on test data; write its folder.

    Parameters
    ----------
    network : Network
        With one output per class.
    test : Dataset, optional
        Frames; if they have labels, the largest output names the class, the first of equals.
    command : str
        The command line, without the folder, which is given by its last part only.
    folder : str or Path
        Where to write.
    force : bool
        Replace the network that is there.
    """
    about: dict[str, object] = {**network.about, "command": f"{command} {Path(folder).name}"}
    if test is not None and test.labels is not None:
        correct = int(np.sum(simulate(network, test, execution="sparse").outputs.argmax(axis=1) == test.labels))
        about["accuracy"] = {
            "data_set": f"{test.name} {test.split}",
            "frames": len(test),
            "correct": correct,
            "percent": round(100 * correct / len(test), 2),
        }
    network = replace(network, about=about)
    save_network(network, folder, force)
    return network
