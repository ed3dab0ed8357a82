"""The error-computation curve: scales learned for one lambda after the other, converted, measured, one row each.

A folder holds ``sweep.yaml`` (what is swept), a file of scales for every lambda, and ``sweep.csv``, to which a row is
added when a lambda is done, so that an interrupted sweep goes on where it stopped.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from hwsim.activity.rules import COLUMN
from hwsim.convert import sigma_delta
from hwsim.convert.coding import Coding, read_codings
from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.errors import FileError
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.simulation.simulator import simulate
from hwsim.train import TrainingError
from hwsim.train.scales import Settings, learn, save

ROWS, SETTINGS = "sweep.csv", "sweep.yaml"

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
        When the folder holds another sweep; as `learn` does.
    """
    folder = Path(folder)
    _claim(folder, network, train, test, settings, weight_bit_width)
    rows = _rows(folder)
    original = simulate(network, test, execution="sparse").predictions
    names = [layer.name for layer in network.layers if isinstance(layer, Synaptic)]
    todo = [float(lam) for lam in (0.0, *lams) if not _has(rows, lam)]
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
        row = {"lambda": lam, "seed": settings.seed, "scales": file.name if lam else "1"}
        row |= measure(integer, test, original)
        row |= {f"scale of {name}": float(np.mean(each.scale)) for name, each in zip(names, codings, strict=True)}
        row["seconds"] = round(time.perf_counter() - begin, 1)
        rows = _add(folder, rows, row)
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


def _claim(
    folder: Path, network: Network, train: Dataset, test: Dataset, settings: Settings, weight_bit_width: int
) -> None:
    """Say in the folder what is swept; refuse one of another sweep."""
    stated: dict[str, Any] = {"network": network.name, "network_digest": network.digest}
    stated |= {"train": _name(train), "test": _name(test), "weight_bit_width": weight_bit_width}
    stated |= {name: value for name, value in asdict(settings).items() if name != "lam"}
    path = folder / SETTINGS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(yaml.safe_dump(stated, sort_keys=False), "utf-8")
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise FileError(f"{path}: cannot be read or written ({error})") from None
    if found != stated:
        other = [name for name in stated if not isinstance(found, Mapping) or found.get(name) != stated[name]]
        raise TrainingError(f"{path}: of another sweep ({', '.join(other)}); name another folder, or delete this one")


def _name(data: Dataset) -> str:
    return f"{data.name} {data.split}, {len(data)} frames in {data.order} order"


def _rows(folder: Path) -> pd.DataFrame:
    path = folder / ROWS
    try:
        return pd.read_csv(path) if path.exists() else pd.DataFrame()
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: no table of a sweep ({error}); delete it to start afresh") from None


def _has(rows: pd.DataFrame, lam: float) -> bool:
    return len(rows) > 0 and bool(np.any(np.isclose(rows["lambda"], lam, rtol=1e-9, atol=0)))


def _add(folder: Path, rows: pd.DataFrame, row: dict[str, object]) -> pd.DataFrame:
    """Add a row to the table, which is replaced whole or not at all."""
    rows = pd.concat([rows, pd.DataFrame([row])], ignore_index=True)
    partial = folder / f".{ROWS}.partial"
    try:
        rows.to_csv(partial, index=False)
        partial.replace(folder / ROWS)
    except OSError as error:
        raise FileError(f"{folder / ROWS}: cannot be written ({error.strerror or error})") from None
    return rows
