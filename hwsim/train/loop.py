"""The training loop: steps, evaluations, checkpoints, and going on from one as if nothing had happened."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler, TensorDataset

from hwsim.solvers import SolverError
from hwsim.train import TrainingError, checkpoint, interruption
from hwsim.train.evaluation import count_errors
from hwsim.train.methods import Variant
from hwsim.train.model import Frames
from hwsim.train.optimization import optimizer_of, schedule_of, squared_hinge
from hwsim.train.quantizer import quantizers
from hwsim.train.settings import Settings

KEPT = ("model", "optimizer", "schedule", "generator", "progress", "checksums")
"""What a checkpoint holds, besides settings; checksums are of the frames."""
CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written after every epoch, and within one after so long. [s]"""


@dataclass
class Best:
    """The weights of the epoch of fewest validation errors, the latest of equals."""

    epoch: int
    errors: int
    model: dict[str, Any]


@dataclass
class Progress:
    """How far a run is."""

    epoch: int = 0  # done
    step: int = 0  # done, of the epoch under way
    order: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  # of its frames
    loss: float = 0.0  # summed over its frames so far
    history: list[dict[str, float]] = field(default_factory=list)  # an entry for every epoch
    best: dict[Variant, Best] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return vars(self) | {"best": {variant: vars(best) for variant, best in self.best.items()}}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Progress":
        """From plain values."""
        return cls(**(state | {"best": {variant: Best(**best) for variant, best in state["best"].items()}}))


class _Batches(Sampler[torch.Tensor]):
    """The frames of each step that is left of an epoch; a last frame alone is left out, since batch norm needs two."""

    def __init__(self, order: torch.Tensor, batch_size: int, first: int) -> None:
        parts = [part for part in torch.split(order, min(batch_size, len(order))) if len(part) > 1]
        self.parts = parts[first:]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.parts)


class Training:
    """One run.

    Parameters
    ----------
    model : Module
        Trained in place.
    frames, validation : Frames
        Prepared.
    settings : Settings
        Of the run.
    path : Path, optional
        Checkpoint; where it exists, the run goes on from it.
    """

    def __init__(
        self, model: nn.Module, frames: Frames, validation: Frames, settings: Settings, path: Path | None
    ) -> None:
        self.model, self.frames, self.validation, self.settings, self.path = model, frames, validation, settings, path
        self.optimizer = optimizer_of(settings.recipe, model, settings.learning_rate)
        self.schedule = schedule_of(settings.recipe, self.optimizer, settings.epochs)
        self.checksums = [part.checksum() for part in (frames, validation)]
        self.progress = Progress()
        self.written = time.monotonic()
        self._resume()

    def run(self, report: Callable[[Progress], None]) -> Progress:
        """Train to the end, telling of every epoch.

        An interrupt (Ctrl-C, SIGTERM) waits for the step or the evaluation under way and its checkpoint, then it is a
        KeyboardInterrupt.

        Raises
        ------
        TrainingError
            When the loss, or a weight, is not finite any more; the last checkpoint is kept.
        FileError
            When a checkpoint cannot be written.
        """
        with interruption.waiting() as interrupted:
            while self.progress.epoch < self.settings.epochs:
                self._epoch(interrupted)
                self._finish_epoch()
                report(self.progress)
                if interrupted():
                    raise KeyboardInterrupt
        return self.progress

    def _epoch(self, interrupted: Callable[[], bool]) -> None:
        progress, size = self.progress, self.settings.batch_size
        if progress.step == 0:
            progress.order, progress.loss = torch.randperm(len(self.frames)), 0.0
        batches = _Batches(progress.order, size, progress.step)
        dataset = TensorDataset(self.frames.inputs, self.frames.labels)
        # batch_size=None: the sampler names whole batches; a generator of its own leaves the run's alone
        loader = DataLoader(dataset, sampler=batches, batch_size=None, generator=torch.Generator())
        self.model.train()
        for inputs, labels in loader:
            due = interrupted() or time.monotonic() - self.written > CHECKPOINT_SECONDS
            if due and self.path is not None and progress.step > 0:
                self._check_finite()
                self._keep()
            if interrupted():
                raise KeyboardInterrupt
            progress.loss += self._step(inputs, labels) * len(labels)
            progress.step += 1

    def _step(self, inputs: torch.Tensor, labels: torch.Tensor) -> float:
        """One minibatch; its loss."""
        self.optimizer.zero_grad()
        try:
            loss = squared_hinge(self.model(inputs), labels, self.settings.recipe.loss)
        except SolverError as error:  # of weights or curvature that are not finite
            raise self._not_finite(str(error)) from None
        value = loss.item()
        if not np.isfinite(value):
            raise self._not_finite(f"the loss is {value}")
        torch.autograd.backward(loss)
        self.optimizer.step()
        for _, quantizer, latent in quantizers(self.model):
            quantizer.after_step(latent)
        return value

    def _finish_epoch(self) -> None:
        progress, settings = self.progress, self.settings
        entry: dict[str, float] = {
            "epoch": progress.epoch + 1,
            "loss": progress.loss / len(self.frames),
            "learning_rate": float(self.schedule.get_last_lr()[0]),
        }
        self.schedule.step()
        self._check_finite()
        progress.epoch, progress.step = progress.epoch + 1, 0
        if progress.epoch % settings.recipe.evaluate_every == 0 or progress.epoch == settings.epochs:
            self._evaluate(entry)
        progress.history.append(entry)
        self._keep()

    def _evaluate(self, entry: dict[str, float]) -> None:
        progress, recipe = self.progress, self.settings.recipe
        over = self.frames if recipe.restate_batch_norm else None
        for variant in self.settings.chosen.variants:
            errors = count_errors(self.model, variant, self.validation, over)
            entry[f"{variant}_error"] = errors / len(self.validation)
            if variant not in progress.best or errors <= progress.best[variant].errors:
                state = copy.deepcopy(self.model.state_dict())
                progress.best[variant] = Best(progress.epoch, errors, state)

    def _check_finite(self) -> None:
        """Between two steps."""
        for name, each in self.model.state_dict().items():
            if not bool(torch.isfinite(each).all()):
                raise self._not_finite(f"{name} is not finite", since=0)

    def _not_finite(self, what: str, since: int = 1) -> TrainingError:
        """What was found in the step under way, or (since=0) after the last one."""
        progress, step = self.progress, self.progress.step + since
        kept = f"; the last good checkpoint is {self.path}" if self.path is not None and self.path.exists() else ""
        instead = f"give a learning rate below {self.settings.learning_rate:g}"
        if progress.epoch == 0:
            instead += ", or scale the data, such as by --data-scale 1/255"
        if (progress.epoch, step) == (0, 1) and since:  # before any weight has changed
            instead = "the data are too large: scale them, such as by --data-scale 1/255"
        when = f"{'at' if since else 'after'} step {step} of epoch {progress.epoch + 1} of {self.settings.epochs}"
        return TrainingError(f"{what} {when}{kept}; {instead}")

    def _keep(self) -> None:
        """Write a checkpoint."""
        if self.path is None:
            return
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": torch.get_rng_state(),
            "progress": self.progress.state(),
            "checksums": self.checksums,
        }
        checkpoint.write(self.path, self.settings, state)
        self.written = time.monotonic()

    def _resume(self) -> None:
        state = None if self.path is None else checkpoint.read(self.path, self.settings, KEPT)
        if state is not None:
            if state["checksums"] != self.checksums:
                raise TrainingError(
                    f"{self.path}: of a run with other frames or labels; delete it to start afresh, or name another"
                )
            for name in ("model", "optimizer", "schedule"):
                getattr(self, name).load_state_dict(state[name])
            torch.set_rng_state(state["generator"])
            self.progress = Progress.of(state["progress"])
