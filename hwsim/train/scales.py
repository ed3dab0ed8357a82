"""The scales of a rounding network, learned: error to the original network plus lambda times computation.

O'Connor & Welling, Sigma Delta Quantized Networks, ICLR 2017, section 4, with the details of the authors' published
code; and past it: scales for what a sigma-delta network pays, per unit, with gains and offsets. No labels are needed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from hwsim.convert import batch_norm
from hwsim.convert.coding import Coding, write_codings
from hwsim.convert.places import convertible
from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.train import TrainingError
from hwsim.train.closed_form import closed_form
from hwsim.train.graph import Graph, Tensor
from hwsim.train.repeatable import seeded
from hwsim.train.rounded import Parameters, noise, secant, straight_through
from hwsim.train.scale_loss import Round, objective
from hwsim.train.scale_settings import RECIPES as RECIPES
from hwsim.train.scale_settings import Estimator
from hwsim.train.scale_settings import Settings as Settings

Progress: TypeAlias = Callable[[float, str], None]
"""Told what part is done, and in words how far it has come."""

TARGET_BATCH = 500
"""Frames at a time, where the original network is run. [frames]"""


@dataclass(frozen=True)
class Learned:
    """What was learned."""

    network: Network  # the original
    codings: dict[str, Coding]  # by the layer with weights that reads
    error: float  # of the last epoch, mean
    computation: float  # of the last epoch, mean [additions per frame, or per batch where the computation is a sum]


def learn(network: Network, data: Dataset, settings: Settings, progress: Progress = lambda done, text: None) -> Learned:
    """Learn the scales of a network's signals, from frames without labels; weights and biases stay.

    Parameters
    ----------
    network : Network
        As for `hwsim.convert.sigma_delta.convert`.
    data : Dataset
        Frames, in an order in which neighbours are those of time, if the cost is temporal.
    settings : Settings
        How.
    progress : function
        Told after every batch.

    Returns
    -------
    Learned
        The codings that `hwsim.convert.sigma_delta.convert` takes, in the order of the layers.

    Raises
    ------
    TrainingError, NetworkError
        When the loss is no longer finite, or there are too few frames; for networks that cannot be converted.
    """
    with seeded(settings.seed):
        graph = Graph(convertible(batch_norm.convert(network, name=network.name)))
        frames = torch.from_numpy(data.values())
        if len(frames) < settings.batch_size:
            raise TrainingError(f"data set {data.name}: {len(frames)} frames; a batch takes {settings.batch_size}")
        target = outputs_of(graph, frames)
        parameters = Parameters(graph, _start(graph, frames, settings), settings.per_unit, settings.gains_and_offsets)
        error, computation = _fit(parameters, frames, target, settings, progress)
        names = [layer.name for layer in graph.readers]
        codings = dict(zip(names, parameters.codings(), strict=True))
    return Learned(network, codings, error, computation)


def save(learned: Learned, data: Dataset, settings: Settings, path: str | Path) -> None:
    """Write what was learned as a file that ``hwsim convert sigma-delta --scales`` takes."""
    about = {"data_set": f"{data.name} {data.split}, {data.order} order", "frames": len(data)} | asdict(settings)
    about |= {"error": learned.error, "computation": learned.computation}
    write_codings(path, (learned.network.name, learned.network.digest), learned.codings, about)


@torch.no_grad()
def outputs_of(graph: Graph, frames: Tensor) -> Tensor:
    """Outputs of the original network. (n_frame, n_out)"""
    size = max(signal.size for signal in graph.network.signals.values())
    n = max(1, min(TARGET_BATCH, 2**24 // size))
    return torch.cat([graph.run(frames[begin : begin + n]) for begin in range(0, len(frames), n)])


def _start(graph: Graph, frames: Tensor, settings: Settings) -> Sequence[Coding]:
    if settings.start == "one":
        return [Coding(1.0) for _ in graph.readers]
    # the batch's sum counts lambda as often as there are frames in it
    lam = settings.lam * (settings.batch_size if settings.normalization == "released" else 1)
    return closed_form(graph, frames, lam, settings.cost, settings.loss, settings.temperature, settings.per_unit)


def _fit(
    parameters: Parameters, frames: Tensor, target: Tensor, settings: Settings, progress: Progress
) -> tuple[float, float]:
    """Learn in place; the last epoch's mean error and computation."""
    optimizer: torch.optim.Optimizer
    if settings.optimizer == "sgd":
        optimizer = torch.optim.SGD(parameters.learned, settings.learning_rate)
    else:
        optimizer = torch.optim.Adam(parameters.learned, settings.learning_rate, betas=(0.9, 0.99))
    n_batch = len(frames) // settings.batch_size
    n_step, total, step = settings.epochs * n_batch, np.zeros(2), 0
    for epoch in range(settings.epochs):
        total[:] = 0
        for begin in _batches(n_batch, settings):
            if settings.optimizer == "adam":  # the second half cools down
                rate = settings.learning_rate * min(1.0, 2 * (1 - step / n_step))
                optimizer.param_groups[0]["lr"] = rate
            batch = slice(begin, begin + settings.batch_size)
            total += _step(parameters, frames[batch], target[batch], optimizer, settings)
            step += 1
            progress(step / n_step, f"lambda {settings.lam:.3g}, epoch {epoch + 1} of {settings.epochs}")
    return float(total[0] / n_batch), float(total[1] / n_batch)


def _batches(n_batch: int, settings: Settings) -> Iterator[int]:
    """First frames of the batches, in order or shuffled."""
    order = torch.randperm(n_batch).tolist() if settings.shuffled else range(n_batch)
    return (number * settings.batch_size for number in order)


def _step(
    parameters: Parameters, frames: Tensor, target: Tensor, optimizer: torch.optim.Optimizer, settings: Settings
) -> tuple[float, float]:
    optimizer.zero_grad()
    found = objective(
        parameters,
        frames,
        target,
        rounding_of(settings.estimator),
        settings.cost,
        settings.loss,
        settings.normalization,
        settings.temperature,
    )
    torch.autograd.backward(found.total(settings.lam))
    optimizer.step()
    parameters.clip()
    error, computation = found.error.item(), found.computation.item()
    if not (np.isfinite(error) and all(torch.isfinite(value).all() for value in parameters.learned)):
        raise TrainingError(
            f"lambda {settings.lam:g}: the loss is not finite any more; give a learning rate below "
            f"{settings.learning_rate:g}, or a smaller lambda"
        )
    return error, computation


def rounding_of(estimator: Estimator) -> Round:
    """The function that rounds and passes derivatives back."""
    known: dict[Estimator, Round] = {"straight-through": straight_through, "secant": secant, "noise": noise}
    return known[estimator]
