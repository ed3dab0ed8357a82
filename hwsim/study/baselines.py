"""What rows are compared with: the baselines that were named, or the usual ones.

The usual ones are the network of real numbers on the flat array, and a strong one such as a product would ship: the
network of 8-bit integers on an accelerator with buffers. Where nobody brought such a network, one is made.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from hwsim.convert.int8 import convert
from hwsim.datasets import Dataset, Source, dataset_names, has_splits, load_dataset
from hwsim.errors import HwsimError, NetworkError
from hwsim.machine import load_machine
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.network.number_format import integer
from hwsim.study.run_book import MachineLike, Named, NetworkLike, Pair, RunBook

FLAT: MachineLike = "mac-array"
STRONG: MachineLike = "edge-npu"

Data: TypeAlias = Dataset | Source | str
Baselines: TypeAlias = Pair | Iterable[Pair]


def pairs_of(baseline: Any) -> list[Pair]:
    """Baselines as a list: one pair is a list of one.

    Raises
    ------
    NetworkError
        When it is neither a pair nor a list of pairs.
    """
    is_one = isinstance(baseline, str) or not isinstance(baseline, Iterable)
    written = [baseline] if is_one else list(baseline)
    pairs = written if written and all(isinstance(each, tuple | list) for each in written) else [written]
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(part, NetworkLike | MachineLike) for part in pair):
            raise NetworkError(
                f"baseline {pair!r}; write (network, machine), such as ('mnist-mlp', 'mac-array'), or a list of such"
            )
    return [tuple(pair) for pair in pairs]


def usual_baselines(
    book: RunBook, rows: Sequence[Named], calibration: Callable[[], Dataset]
) -> tuple[list[Named], tuple[str, ...]]:
    """The baselines of a comparison that names none, and what must be said of them.

    Parameters
    ----------
    book : RunBook
        Where the rows' networks are looked up, and where the baselines' are entered.
    rows : sequence of (network, machine)
        Those that are compared, by their names.
    calibration : callable
        Gives the frames that a network is converted on, if one has to be.

    Raises
    ------
    NetworkError
        When no network of real numbers is compared.
    """
    networks = [book.networks[name] for name in dict.fromkeys(network for network, _ in rows)]
    real = next(filter(_is_real, networks), None)
    if real is None:
        raise NetworkError(
            "none of the networks compared has weights of real numbers, which the first baseline usually has; name a "
            "baseline: network and machine"
        )
    first = book.pair((real, FLAT))
    strong = load_machine(STRONG)
    try:
        network, notes = _of_integers(networks, real, calibration)
        second = book.pair((network, strong))
        refusal = book.refusal(network.name, strong)
    except HwsimError as error:
        refusal = str(error)
    if refusal:
        return [first], (f"No baseline of 8-bit integers on {strong.name}: {refusal}.",)
    return [first, second], notes


def calibration_data(data: Data, frames: Dataset) -> Dataset:
    """What a network is converted on: the training split of the data, where there is one of such frames, else `frames`.

    Parameters
    ----------
    data : Dataset, Source or name
        What was named; of a Dataset its own name counts, where that is one of a data set.
    frames : Dataset
        What is compared on.
    """
    if isinstance(data, Dataset):
        if data.name not in dataset_names():
            return frames
        data = data.name
    if not has_splits(data):
        return frames
    try:
        train = load_dataset(data, "train")
    except HwsimError:  # no training split of this one
        return frames
    return train if (train.shape, train.step) == (frames.shape, frames.step) else frames


def _of_integers(
    networks: Sequence[Network], real: Network, calibration: Callable[[], Dataset]
) -> tuple[Network, tuple[str, ...]]:
    """The network of 8-bit integers among those compared, one made from the first baseline's first; else one made."""
    found = sorted(filter(_is_int8, networks), key=lambda network: network.about.get("made_from") != real.name)
    if found:
        return found[0], ()
    frames = calibration()
    made = convert(real, frames)
    on = " ".join(filter(None, [f"{len(frames):,}", frames.split, "frames of", frames.name]))
    return made, (f"{made.name} was made from {real.name} for a baseline: 8-bit integers, calibrated on {on}.",)


def _is_real(network: Network) -> bool:
    """Whether all its weights are real numbers."""
    return all(term.format.is_real for layer in _synaptic(network) for term in layer.terms)


def _is_int8(network: Network) -> bool:
    """Whether all its weights are integers of 8 bits, and so is what they meet, with a sign or without."""
    either = integer(8), integer(8, signed=False)
    return all(
        [term.format for term in layer.terms] == [either[0]] and network.signals[layer.inputs[0]].format in either
        for layer in _synaptic(network)
    )


def _synaptic(network: Network) -> list[Synaptic]:
    return [layer for layer in network.layers if isinstance(layer, Synaptic)]
