"""Which radius and how many levels: quantize with each, choose on frames kept for that, report on others.

Lybrand & Saab (JMLR 22 (156), 2021) cross-validate the radius; the authors' code reads the best one off the test set.
Here calibration, validation and test frames are three sets; what the test set would have chosen is stated beside.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.convert import gpfq, msq
from hwsim.convert.alphabet import Unit
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.datasets import Dataset
from hwsim.errors import DataError
from hwsim.layers import Synaptic
from hwsim.network import Network
from hwsim.simulator import simulate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Trial:
    """One conversion, and how well it does."""

    method: str  # "GPFQ" or "MSQ"
    levels: int
    radius: float  # [units of the layers' weights]
    validation: float  # accuracy, fraction of frames
    test: float | None
    zeros: float  # fraction of weights
    seconds: float  # to convert

    @property
    def rank(self) -> tuple[float, int, float]:
        """Larger is better: accuracy on the validation frames, then fewer levels, then a smaller radius."""
        return self.validation, -self.levels, -self.radius


@dataclass(frozen=True, eq=False)
class Search:
    """All trials of a search, in the order levels, radius, method."""

    trials: tuple[Trial, ...]
    network: Network  # the best by GPFQ on the validation frames
    source: Network
    frames: dict[str, int]  # of each set
    float_validation: float
    float_test: float | None

    def best(self, method: str = "GPFQ") -> Trial:
        """The best trial of a method on the validation frames."""
        return max(self.of(method), key=lambda trial: trial.rank)

    def best_on_test(self, method: str = "GPFQ") -> Trial:
        """The trial that the test frames themselves would choose: what the authors' code reports."""
        return max(self.of(method), key=lambda trial: (trial.test or 0.0, *trial.rank))

    def of(self, method: str) -> list[Trial]:
        """The trials of a method."""
        return [trial for trial in self.trials if trial.method == method]

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per trial, units in the column names."""
        import pandas as pd

        frame = pd.DataFrame([asdict(trial) for trial in self.trials])
        names = {
            "radius": "radius [units of weight]",
            "validation": "validation accuracy",
            "test": "test accuracy",
            "zeros": "zero weights [fraction]",
            "seconds": "conversion [s]",
        }
        return frame.rename(columns=names)


def search(
    network: Network,
    calibration: Dataset,
    validation: Dataset,
    test: Dataset | None = None,
    levels: Sequence[int] = (3,),
    radius: Sequence[float] = tuple(range(1, 11)),
    *,
    unit: Unit = "median",
    joint: bool = False,
    patch_fraction: float = 1.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> Search:
    """Quantize a network with every pair of levels and radius, by GPFQ and MSQ, and measure each.

    Parameters
    ----------
    network : Network
        Real, with an output per class.
    calibration, validation : Dataset
        Frames to quantize with, and frames with labels to choose by.
    test : Dataset, optional
        Frames with labels to report on.
    levels, radius : sequences
        What to try; every pair.
    unit, joint, patch_fraction, seed
        As for `hwsim.convert.gpfq.convert`.
    threads : int, optional
        Conversions side by side; all cores unless said. Changes no result.
    progress : callable
        Told how many of all trials are done.
    **options
        Further parameters of `hwsim.convert.gpfq.convert`, such as ``bias_correction="last"``.

    Raises
    ------
    DataError
        When frames to choose by have no labels.
    NetworkError
        As `hwsim.convert.gpfq.convert` does.
    """
    for data in (validation, *([test] if test is not None else [])):
        if data.labels is None:
            raise DataError(f"data set {data.name} {data.split}: no labels, so that no accuracy can be measured")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    inputs = LayerInputs(network, calibration, joint, patch_fraction, seed)
    inputs.prepare()
    pairs = list(product(levels, radius))
    threads = max(1, min(threads or cores, len(pairs)))
    inner = None if threads == 1 else 1
    inputs.threads = inner
    keeper = _Keeper()

    def of_pair(pair: tuple[int, float]) -> list[Trial]:
        greedy = _timed(lambda: gpfq.convert(network, inputs, *pair, unit=unit, threads=inner, **options))
        plain = _timed(lambda: msq.convert(network, None, *pair, unit=unit))
        both = zip(("GPFQ", "MSQ"), (greedy, plain), strict=True)
        measured = [_measure(method, pair, converted, validation, test, inner) for method, converted in both]
        keeper.offer(measured[0], greedy[0])
        return measured

    trials: dict[tuple[int, float], list[Trial]] = {}
    with ThreadPoolExecutor(threads) as pool:
        running = {pool.submit(of_pair, pair): pair for pair in pairs}
        for done, each in enumerate(as_completed(running), 1):
            trials[running[each]] = each.result()
            progress(done, len(pairs))
    assert keeper.network is not None
    frames = {"calibration": len(calibration), "validation": len(validation)}
    return Search(
        trials=tuple(trial for pair in pairs for trial in trials[pair]),
        network=replace(keeper.network, name=f"{network.name}-gpfq"),
        source=network,
        frames=frames | ({} if test is None else {"test": len(test)}),
        float_validation=_accuracy(network, validation, None),
        float_test=None if test is None else _accuracy(network, test, None),
    )


class _Keeper:
    """The best network so far, whichever thread has it; the others are not kept."""

    def __init__(self) -> None:
        self.network: Network | None = None
        self._rank: tuple[float, int, float] | None = None
        self._lock = threading.Lock()

    def offer(self, trial: Trial, network: Network) -> None:
        """Keep a network if it is better than what is kept."""
        with self._lock:
            if self._rank is None or trial.rank > self._rank:
                self._rank, self.network = trial.rank, network


def _timed(convert: Callable[[], Network]) -> tuple[Network, float]:
    start = time.perf_counter()
    network = convert()
    return network, time.perf_counter() - start


def _measure(
    method: str,
    pair: tuple[int, float],
    converted: tuple[Network, float],
    validation: Dataset,
    test: Dataset | None,
    threads: int | None,
) -> Trial:
    network, seconds = converted
    codes = [layer.terms[0].code for layer in network.layers if isinstance(layer, Synaptic)]
    return Trial(
        method=method,
        levels=pair[0],
        radius=pair[1],
        validation=_accuracy(network, validation, threads),
        test=None if test is None else _accuracy(network, test, threads),
        zeros=sum(int(np.sum(code == 0)) for code in codes) / sum(code.size for code in codes),
        seconds=seconds,
    )


def _accuracy(network: Network, data: Dataset, threads: int | None) -> float:
    run = simulate(network, data, "sparse", threads=threads)
    outputs = run.outputs.reshape(len(data), -1)
    return float(np.mean(outputs.argmax(axis=1) == data.labels))
