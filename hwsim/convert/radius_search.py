"""Which radius and how many levels: quantize with each, choose on frames kept for that, report on others.

Lybrand & Saab (JMLR 22 (156), 2021) cross-validate the radius; the authors' code reads the best one off the test set.
Here calibration, validation and test frames are three sets; what the test set would have chosen is stated beside.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.convert import gpfq, msq
from hwsim.convert.alphabet import Unit
from hwsim.convert.layer_inputs import LayerInputs
from hwsim.datasets import Dataset
from hwsim.errors import DataError
from hwsim.network.graph import Network
from hwsim.network.layers import Synaptic
from hwsim.simulation.simulator import simulate
from hwsim.simulation.threads import cores, team

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
    measured = {"validation": validation} | ({} if test is None else {"test": test})
    for data in measured.values():
        _check_labels(data)
    inputs = LayerInputs(network, calibration, joint, patch_fraction, seed)
    inputs.prepare()
    pairs = list(product(levels, radius))
    n_thread = max(1, min(threads or cores(), len(pairs)))
    inputs.threads = None if n_thread == 1 else 1  # conversions side by side need no threads inside
    trying = _Trying(inputs, validation, test, options | {"unit": unit})
    trials = _side_by_side(trying, pairs, n_thread, progress)
    assert trying.network is not None
    return Search(
        trials=trials,
        network=replace(trying.network, name=f"{network.name}-gpfq"),
        source=network,
        frames={name: len(data) for name, data in ({"calibration": calibration} | measured).items()},
        float_validation=_accuracy(network, validation, None),
        float_test=None if test is None else _accuracy(network, test, None),
    )


def _check_labels(data: Dataset) -> None:
    if data.labels is None:
        raise DataError(
            f"data set {f'{data.name} {data.split}'.strip()}: no labels, so that no accuracy can be measured"
        )


class _Trying:
    """What all trials share, and the best network so far; the others are not kept."""

    def __init__(self, inputs: LayerInputs, validation: Dataset, test: Dataset | None, options: dict[str, Any]) -> None:
        self.inputs, self.validation, self.test, self.options = inputs, validation, test, options
        self.network: Network | None = None
        self._rank: tuple[float, int, float] | None = None
        self._lock = threading.Lock()

    def both(self, levels: int, radius: float) -> list[Trial]:
        """Convert by GPFQ and by MSQ, and measure."""
        source, threads, unit = self.inputs.network, self.inputs.threads, self.options["unit"]
        start = time.perf_counter()
        greedy = gpfq.convert(source, self.inputs, levels, radius, threads=threads, **self.options)
        middle = time.perf_counter()
        plain = msq.convert(source, None, levels, radius, unit=unit)
        seconds = middle - start, time.perf_counter() - middle
        trial = self._measured("GPFQ", levels, radius, greedy, seconds[0])
        with self._lock:
            if self._rank is None or trial.rank > self._rank:
                self._rank, self.network = trial.rank, greedy
        return [trial, self._measured("MSQ", levels, radius, plain, seconds[1])]

    def _measured(self, method: str, levels: int, radius: float, network: Network, seconds: float) -> Trial:
        codes = [layer.terms[0].code for layer in network.layers if isinstance(layer, Synaptic)]
        zeros = sum(int(np.sum(code == 0)) for code in codes) / sum(code.size for code in codes)
        validation = _accuracy(network, self.validation, self.inputs.threads)
        test = None if self.test is None else _accuracy(network, self.test, self.inputs.threads)
        return Trial(method, levels, radius, validation, test, zeros, seconds)


def _side_by_side(
    trying: _Trying, pairs: list[tuple[int, float]], n_thread: int, progress: Callable[[int, int], None]
) -> tuple[Trial, ...]:
    """Try every pair of levels and radius, in threads; the trials in the order of the pairs."""
    trials: dict[tuple[int, float], list[Trial]] = {}
    with team(n_thread) as pool:
        running = {pool.submit(trying.both, *pair): pair for pair in pairs}
        for done, each in enumerate(as_completed(running), 1):
            trials[running[each]] = each.result()
            progress(done, len(pairs))
    return tuple(trial for pair in pairs for trial in trials[pair])


def _accuracy(network: Network, data: Dataset, threads: int | None) -> float:
    run = simulate(network, data, "sparse", threads=threads)
    outputs = run.outputs.reshape(len(data), -1)
    return float(np.mean(outputs.argmax(axis=1) == data.labels))
