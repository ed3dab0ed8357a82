"""The error-computation curve: scales learned for one lambda after the other, converted, measured, one row each.

A folder holds a file of scales for every lambda and a table, to which a row is added when a lambda is done, so that an
interrupted sweep goes on where it stopped (`sweep_folder`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hwsim.activity.rules import COLUMN
from hwsim.convert import sigma_delta
from hwsim.convert.coding import Coding, read_codings
from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.errors import FileError
from hwsim.files.alone import alone
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.simulation.simulator import simulate
from hwsim.train import out_folder, sweep_folder
from hwsim.train.scales import Settings, learn, save

Told = Callable[[float, str], None]


def sweep(
    network: Network,
    train: Dataset,
    test: Dataset,
    lams: Sequence[float],
    settings: Settings,
    folder: str | Path,
    weight_bit_width: int = 8,
    progress: Told = lambda done, text: None,
) -> pd.DataFrame:
    """Learn scales for every lambda on training frames, and measure the integer networks on test frames.

    Parameters
    ----------
    network : Network
        The original.
    train, test : Dataset
        Frames to learn on and to convert with; frames to measure on, with labels or without.
    lams : sequence of float
        Weights of the computation; those that a row is there for already are not learned again.
    settings : Settings
        How scales are learned; its own ``lam`` is not used.
    folder : str or Path
        Where the files are.
    weight_bit_width : int
        Of the integer networks. [bits]
    progress : function
        Told what part is done, and of what.

    Returns
    -------
    DataFrame
        A row for each lambda, and first one for scales of 1 ("unoptimized"): error [%], or frames that the original
        classifies otherwise [%] (``changed``); additions per frame as a rounding and as a sigma-delta network; scales.

    Raises
    ------
    TrainingError, FileError
        When the folder holds another sweep, or one that is under way; as `learn` does.
    """
    folder = Path(folder)
    out_folder.make(folder)
    with alone(folder):
        stated: dict[str, Any] = {"network": network.name, "network_digest": network.digest}
        stated |= {"train": _name(train), "test": _name(test), "weight_bit_width": weight_bit_width}
        sweep_folder.claim(folder, stated | {name: value for name, value in asdict(settings).items() if name != "lam"})
        return _sweep(network, train, test, lams, settings, folder, weight_bit_width, progress)


def _sweep(
    network: Network,
    train: Dataset,
    test: Dataset,
    lams: Sequence[float],
    settings: Settings,
    folder: Path,
    weight_bit_width: int,
    progress: Told,
) -> pd.DataFrame:
    """The rows of a folder that is claimed, and those that it lacks."""
    names = [layer.name for layer in network.layers if isinstance(layer, Synaptic)]
    rows = sweep_folder.read_rows(folder)
    original = simulate(network, test, execution="sparse").predictions
    todo = [float(lam) for lam in (0.0, *lams) if not _is_done(lam, rows, folder, names, network.digest)]
    for lam in todo if len(rows) else ():
        rows = rows[~_is_at(rows, lam)]
    for number, lam in enumerate(todo):
        begin = time.perf_counter()
        file = folder / f"scales-{lam:.3e}.yaml"
        if lam == 0:
            codings = (Coding(1.0),) * len(names)
        else:
            chosen = replace(settings, lam=lam)
            learned = learn(network, train, chosen, lambda done, text: progress((number + done) / len(todo), text))  # noqa: B023
            save(learned, train, chosen, file)
            codings = read_codings(file, names, network.digest)
        integer = sigma_delta.convert(network, train, codings, weight_bit_width, headroom=1)
        row = {"lambda": lam, "seed": settings.seed, "scales": file.name if lam else sweep_folder.NO_FILE}
        row |= measure(integer, test, original)
        row |= {f"scale of {name}": float(np.mean(each.scale)) for name, each in zip(names, codings, strict=True)}
        row["seconds"] = round(time.perf_counter() - begin, 1)
        rows = sweep_folder.add_row(folder, rows, row)
    return rows.sort_values("lambda", ignore_index=True)


def additions_at(
    rows: pd.DataFrame,
    error: float,
    additions: str = "additions per frame, sigma-delta",
    column: str = "error [%]",
) -> float:
    """How many additions an error takes, interpolated on a curve of errors that fall with the logarithm of additions.

    Errors of one curve that rise are pooled (isotonic regression), because each has the noise of its test frames. Rows
    that compute nothing are left out. NaN where the curve does not reach the error, or is below it everywhere.
    """
    from sklearn.isotonic import IsotonicRegression

    rows = rows[rows[additions] > 0].sort_values(additions)
    if rows.empty:
        return float("nan")
    many = np.log(rows[additions].to_numpy(np.float64))
    fitted = IsotonicRegression(increasing=False).fit_transform(many, rows[column].to_numpy(np.float64))
    if not fitted.min() <= error <= fitted.max():
        return float("nan")
    return float(np.exp(np.interp(-error, -fitted, many)))


def measure(network: Network, test: Dataset, original: np.typing.NDArray[np.int64]) -> dict[str, float]:
    """What a rounding network gets wrong, and its additions per frame in the synapses, in either execution."""
    run = simulate(network, test, "delta")
    sparse = simulate(network, test, "sparse")
    additions = {
        machine: count(each.activity, machine).total("synapse", "addition") / len(test)
        for machine, each in (("rounding-adder", sparse), ("sigma-delta-adder", run))
    }
    error = {} if run.accuracy is None else {"error [%]": round(100 * (1 - run.accuracy), 4)}
    return error | {
        "changed [%]": round(100 * float(np.mean(run.predictions != original)), 4),
        "additions per frame, rounding": round(additions["rounding-adder"], 1),
        "additions per frame, sigma-delta": round(additions["sigma-delta-adder"], 1),
        "codes saturated": run.n_saturated,
        COLUMN: run.rules,
    }


def _name(data: Dataset) -> str:
    return f"{data.name} {data.split}, {len(data)} frames in {data.order} order"


def _is_done(lam: float, rows: pd.DataFrame, folder: Path, names: Sequence[str], digest: str) -> bool:
    """Whether there is a row for a lambda, and its file of scales is whole."""
    try:
        return any(
            name == sweep_folder.NO_FILE or bool(read_codings(folder / name, names, digest))
            for name in (() if rows.empty else rows[sweep_folder.SCALES][_is_at(rows, lam)])
        )
    except FileError:
        return False


def _is_at(rows: pd.DataFrame, lam: float) -> np.typing.NDArray[np.bool_]:
    """Which rows are of a lambda."""
    return np.isclose(rows[sweep_folder.LAMBDA], lam, rtol=1e-9, atol=0)
