"""A float multilayer perceptron: linear layers and ReLU, cross entropy, AdamW with a one-cycle learning rate.

Thin on purpose: modules, optimizer, schedule and data loading are torch's. The result is a `Network`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rich.console
import rich.progress
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from hwsim.convert.model_folder import command_options, save_measured
from hwsim.datasets import Dataset, load_dataset
from hwsim.datasets.source import stated
from hwsim.network.graph import Network
from hwsim.network.layers import Dense, Flatten, Layer, ReLU, Weight, unless_zero
from hwsim.network_file import ARRAYS, DESCRIPTION
from hwsim.train import TrainingError, checkpoint, out_folder
from hwsim.train.repeatable import seeded

METHOD = "float multilayer perceptron with ReLU, trained with AdamW, a one-cycle learning rate and cross entropy"

Tensors: TypeAlias = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class _Settings:
    """All that decides a training run, besides the data."""

    data_set: str
    layers: tuple[int, ...]
    epochs: int
    seed: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    validation_frames: int

    def state(self) -> dict[str, Any]:
        """As plain numbers and words, for checkpoints and files."""
        return asdict(self)


def train(
    data: Dataset,
    layers: Sequence[int] = (784, 200, 200, 10),
    epochs: int = 20,
    seed: int = 0,
    *,
    batch_size: int = 100,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.01,
    validation_fraction: float = 1 / 12,
    name: str | None = None,
    path: Path | None = None,
) -> Network:
    """Train a float multilayer perceptron and return it as a network that reads real values.

    One thread, and one generator for the weights, the split and the order of the frames: the same settings on the
    same computer and version of torch give the same network.

    Parameters
    ----------
    data : Dataset
        (n_frame, *shape) training frames with labels; the network reads ``data.values()``, float32.
    layers : sequence of int
        Numbers of units, the input first. [units]
    epochs, seed, batch_size : int
        Passes over the data, seed of all randomness, frames per step.
    learning_rate, weight_decay : float
        Peak of the one-cycle schedule (Smith & Topin 2018), and AdamW's decay (Loshchilov & Hutter 2019).
    validation_fraction : float
        Share of the frames, drawn at random, that is only used to report an accuracy; nothing is selected by it.
    name : str, optional
        Name of the network; ``<data set>-mlp`` when not given.
    path : Path, optional
        Checkpoint, written after every epoch. Where it exists, training goes on from it and ends as if never
        interrupted.

    Returns
    -------
    Network
        Flatten, then Dense (fp32) and ReLU in turn, without ReLU at the end; `about` states how it was made.

    Raises
    ------
    TrainingError
        When settings and data do not fit together, the checkpoint is of another run, or the loss is not finite.
    """
    n_validation = round(validation_fraction * len(data))
    settings = _Settings(
        f"{data.name} {data.split}", tuple(layers), epochs, seed, batch_size, learning_rate, weight_decay, n_validation
    )
    _check(settings, data)
    with seeded(seed):
        model = _model(settings.layers)
        frames, validation = _split(data, n_validation)
        loss = _fit(model, frames, settings, path)
        correct = _count_correct(model, validation)
    about: dict[str, object] = {"method": METHOD}
    about |= {key: list(value) if isinstance(value, tuple) else value for key, value in settings.state().items()}
    about |= {"training_loss": loss, "validation_correct": correct, "trained_with": f"torch {torch.__version__}"}
    return Network(name or f"{data.name}-mlp", data.shape, _export(model), about=about)


def train_to_folder(
    data: str, layers: Sequence[int], epochs: int, seed: int, out: str | Path, *, force: bool = False, **options: Any
) -> tuple[Network, Dataset]:
    """Do what ``hwsim train mlp --data DATA --layers 784-200-200-10 --epochs N --seed S --out FOLDER`` does.

    Trains on the training split, measures the accuracy on the test split and writes a model folder, whose last part
    becomes the network's name. While training lasts, the folder holds a checkpoint from which the same call goes on.

    Parameters
    ----------
    data : str
        Name of a data set.
    layers, epochs, seed
        As for `train`.
    out : str or Path
        Folder to write.
    force : bool
        Replace the network that is there. What this very run left, it replaces in any case.
    **options
        Further parameters of `train`, such as ``batch_size=32``; ``--batch-size 32`` on the command line.

    Returns
    -------
    Network, Dataset
        What was written, and the test data it was measured on.

    Raises
    ------
    HwsimError
        As `load_dataset`, `train` and `save_network` do.
    """
    out, frames, test = out_folder.named(out), load_dataset(data, split="train"), load_dataset(data, split="test")
    path, units = out / out_folder.CHECKPOINT, "-".join(map(str, layers))
    command = ["hwsim train mlp --data", stated(data), "--layers", units, f"--epochs {epochs} --seed {seed}"]
    with out_folder.held([out], (DESCRIPTION, ARRAYS), force):
        network = train(frames, layers, epochs, seed, name=out.name, path=path, **options)
        network = save_measured(
            network, test, " ".join([*command, *command_options(options), "--out"]), out, force=True
        )
        path.unlink(missing_ok=True)
    return network, test


def _check(settings: _Settings, data: Dataset) -> None:
    n_frame, size = len(data), int(np.prod(data.shape))
    if data.labels is None:
        raise TrainingError(f"data set {data.name}: no labels; training needs one for every frame")
    if len(settings.layers) < 2 or min(settings.layers) < 1:
        raise TrainingError(f"layers {settings.layers}: expected at least two positive numbers, such as 784-200-10")
    if settings.layers[0] != size:
        raise TrainingError(f"layers start with {settings.layers[0]} inputs, but a frame has {size}: write {size}")
    if (classes := int(np.max(data.labels)) + 1) > settings.layers[-1]:
        raise TrainingError(f"layers end with {settings.layers[-1]} units, but there are {classes} classes")
    if min(settings.epochs, settings.batch_size) < 1 or not 0 <= settings.validation_frames < n_frame:
        raise TrainingError(
            f"{settings.epochs} epochs, batches of {settings.batch_size}, {settings.validation_frames} of {n_frame} "
            "frames for validation: expected at least one epoch, one frame a batch, and frames left to train on"
        )
    if not (np.isfinite(settings.learning_rate) and settings.learning_rate > 0):
        raise TrainingError(f"learning rate {settings.learning_rate}: expected a positive number")
    if not (np.isfinite(settings.weight_decay) and settings.weight_decay >= 0):
        raise TrainingError(f"weight decay {settings.weight_decay}: expected a number from 0")


def _model(layers: tuple[int, ...]) -> nn.Sequential:
    modules: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in pairwise(layers):
        modules += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def _split(data: Dataset, n_validation: int) -> tuple[Tensors, Tensors]:
    inputs, labels = torch.from_numpy(data.values()), torch.from_numpy(np.asarray(data.labels, np.int64))
    order = torch.randperm(len(inputs))
    kept, held = order[n_validation:], order[:n_validation]
    return (inputs[kept], labels[kept]), (inputs[held], labels[held])


def _fit(model: nn.Sequential, frames: Tensors, settings: _Settings, path: Path | None) -> float:
    """Train in place; the mean loss of the last epoch."""
    dataset = TensorDataset(*frames)
    sampler = BatchSampler(RandomSampler(dataset), settings.batch_size, drop_last=False)
    # batch_size=None: the sampler names whole batches, which a TensorDataset indexes in one go
    loader = DataLoader(dataset, sampler=sampler, batch_size=None)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=len(sampler)
    )
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule}
    done, loss = _resume(parts, settings, path)
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=settings.epochs, completed=done)
        for epoch in range(done, settings.epochs):
            loss = _epoch(model, loader, optimizer, schedule)
            if not np.isfinite(loss):
                raise TrainingError(
                    f"loss is {loss} in epoch {epoch + 1} of {settings.epochs}; "
                    f"give a learning rate below {settings.learning_rate}"
                )
            _keep(parts, settings, path, epoch + 1, loss)
            progress.update(task, advance=1, description=f"training, loss {loss:.4f}")
    return loss


def _epoch(
    model: nn.Sequential,
    loader: DataLoader[tuple[torch.Tensor, ...]],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """One pass over the data; its mean loss."""
    total, n_frame = 0.0, 0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        total, n_frame = total + loss.item() * len(labels), n_frame + len(labels)
    return total / n_frame


def _keep(parts: dict[str, Any], settings: _Settings, path: Path | None, epoch: int, loss: float) -> None:
    if path is not None:
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"generator": torch.get_rng_state(), "epoch": epoch, "loss": loss}
        checkpoint.write(path, settings, state)


def _resume(parts: dict[str, Any], settings: _Settings, path: Path | None) -> tuple[int, float]:
    """Go back to the checkpoint, if there is one: epochs done and the last loss."""
    state = None if path is None else checkpoint.read(path, settings, (*parts, "generator", "epoch", "loss"))
    if state is None:
        return 0, float("nan")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["generator"])
    return int(state["epoch"]), float(state["loss"])


@torch.no_grad()
def _count_correct(model: nn.Sequential, frames: Tensors) -> int:
    inputs, labels = frames
    return int((model(inputs).argmax(1) == labels).sum()) if len(labels) else 0


def _export(model: nn.Sequential) -> tuple[Layer, ...]:
    layers: list[Layer] = [Flatten("flatten")]
    for module in model:
        number = (len(layers) + 1) // 2
        if isinstance(module, nn.Linear):
            # torch keeps (n_out, n_in)
            weight = Weight(np.ascontiguousarray(module.weight.detach().numpy().T))
            bias = unless_zero(module.bias.detach().numpy().copy())
            layers.append(Dense(f"dense{number}", terms=(weight,), bias=bias))
        elif isinstance(module, nn.ReLU):
            layers.append(ReLU(f"relu{number}"))
    return tuple(layers)
