"""The frames that a network takes, of the data that it is given."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hwsim.datasets import Dataset, Source, as_dataset, load_dataset
from hwsim.errors import NetworkError
from hwsim.network.graph import Network
from hwsim.network.number_format import NumberFormat


def input_frames(network: Network, data: Dataset | Source | str | Path | npt.ArrayLike) -> Dataset:
    """Data as a network takes them.

    Parameters
    ----------
    network : Network
        That they are for.
    data : Dataset, name, path, Source or array
        Of any numbers. Frames (C, L) are also those of a network that takes (C, 1, L).

    Raises
    ------
    NetworkError
        When the network does not take such frames.
    DataError
        When the data are no data.
    """
    given = load_dataset(data) if isinstance(data, str | Path | Source) else as_dataset(data)
    dataset = _as_codes(network, _of_one_row(network, given))
    _check_shape(network, dataset)
    if not network.input_format.is_real:
        _check_codes(network, dataset)
    return dataset


def arriving_format(network: Network, data: Dataset) -> NumberFormat:
    """Format of frames as they arrive: a real network reads codes of any as the values they stand for."""
    takes_any = network.input_format.is_real and not data.format.is_real
    return data.format if takes_any else network.input_format


def _as_codes(network: Network, data: Dataset) -> Dataset:
    """Real frames as the codes that a network takes, where every number is one; any others as they are."""
    wanted, step = network.input_format, network.input_step
    if wanted.is_real or not data.format.is_real:
        return data
    code = data.inputs / np.float64(step)
    if np.any(code % 1) or code.min() < wanted.lowest or code.max() > wanted.highest:
        return data
    return replace(data, inputs=code.astype(np.int64), step=step)


def _of_one_row(network: Network, data: Dataset) -> Dataset:
    """Frames (C, L) as images of one row, where the network takes such; any others as they are."""
    wanted = network.input_shape
    if len(wanted) != 3 or wanted[1] != 1 or data.shape != (wanted[0], wanted[2]):
        return data
    return replace(data, inputs=data.inputs[:, :, None])


def _check_shape(network: Network, data: Dataset) -> None:
    if data.shape != network.input_shape:
        raise NetworkError(
            f"network {network.name} takes frames of shape {network.input_shape}, but {data.name} has frames of shape "
            f"{data.shape}; reshape the data to (frames, {', '.join(map(str, network.input_shape))}), or "
            "preprocess them (size, grey, source layout, layout)"
        )


def _check_codes(network: Network, data: Dataset) -> None:
    wanted = network.input_format
    if data.format.is_real or data.step != network.input_step:
        factor = network.input_step / data.step
        scaled = "" if data.format.is_real else f" (--data-scale {factor:g} makes them)"
        raise NetworkError(
            f"network {network.name} takes {wanted} codes of step {network.input_step:g}, but {data.name} has "
            f"{data.format} of step {data.step:g}; begin the network with a Quantize, or give it such codes{scaled}"
        )
    lowest, highest = int(data.inputs.min()), int(data.inputs.max())
    if lowest < wanted.lowest or highest > wanted.highest:
        raise NetworkError(
            f"network {network.name} takes {wanted} codes, {wanted.lowest} ... {wanted.highest}, but {data.name} "
            f"reaches {lowest} ... {highest}"
        )
    if wanted.kind == "binary" and not data.inputs.all():
        raise NetworkError(f"network {network.name} takes codes of -1 and 1, but {data.name} has zeros")
