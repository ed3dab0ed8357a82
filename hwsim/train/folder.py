"""From a method's name to model folders: train, export, measure, and state how it was made."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rich.console
import rich.progress
import torch
from torch import nn

from hwsim.convert.model_folder import command_options
from hwsim.datasets import Dataset, load_dataset
from hwsim.datasets.source import stated
from hwsim.files.whole import write_whole
from hwsim.network.graph import Network
from hwsim.network_file import ARRAYS, DESCRIPTION, save_network
from hwsim.simulation.simulator import simulate
from hwsim.train import TrainingError, out_folder
from hwsim.train.curve import write_curve
from hwsim.train.evaluation import predict
from hwsim.train.export import export
from hwsim.train.loop import Best, Progress, Training
from hwsim.train.methods import Variant
from hwsim.train.model import Frames, Preparation, build
from hwsim.train.out_folder import CHECKPOINT
from hwsim.train.quantizer import using
from hwsim.train.repeatable import seeded
from hwsim.train.settings import Settings

CURVE = "training.html"
README = "README.md"

WEIGHTS = {
    "quantized": "quantized weights",
    "latent": "latent float (fp32) weights, as published; the network that multiplies less is the quantized one",
}


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    settings: Settings
    model: nn.Sequential
    preparation: Preparation
    progress: Progress

    def load(self, variant: Variant) -> Best:
        """Go back to the best epoch of a variant, for which it is evaluated."""
        best = self.progress.best[variant]
        self.model.load_state_dict(best.model)
        return best

    def network(self, variant: Variant, data: Dataset, name: str) -> Network:
        """The network of a variant's best epoch, for data of one shape and step."""
        best = self.load(variant)
        about = _about(self.settings, variant, best)
        return Network(name, data.shape, export(self.model, variant, self.preparation, data), about=about)

    def predictions(self, variant: Variant, data: Dataset) -> np.ndarray[Any, Any]:
        """The class that the model of a variant's best epoch names, by frame."""
        self.load(variant)
        with using(self.model, variant):
            frames = Frames.of(data, self.settings).prepared(self.preparation)
            return np.asarray(predict(self.model, frames.inputs).numpy())


def train(data: Dataset, settings: Settings, checkpoint: Path | None = None) -> Trained:
    """Train a network.

    One thread, and one generator for weights, draws and the order of frames: the same settings on the same computer
    and version of torch give the same network, whether or not the run was interrupted. The last frames of the data
    are kept for validation, as the papers do.

    Parameters
    ----------
    data : Dataset
        (n_frame, *shape) training frames with labels.
    settings : Settings
        Made for these data.
    checkpoint : Path, optional
        Written after every epoch and every minute. Where it exists, training goes on from it.

    Raises
    ------
    TrainingError
        When the checkpoint is of another run, or the loss is not finite; the last checkpoint is kept then.
    FileError
        When a checkpoint cannot be written.
    """
    with _memory_errors(), seeded(settings.seed):
        frames, kept = Frames.of(data, settings), len(data) - settings.validation_frames
        preparation = Preparation.of(frames.inputs[:kept], settings)
        frames = frames.prepared(preparation)
        model = build(settings)
        training = Training(model, frames.part(slice(0, kept)), frames.part(slice(kept, None)), settings, checkpoint)
        return Trained(settings, model, preparation, _with_progress(training))


@contextmanager
def _memory_errors() -> Iterator[None]:
    """MemoryError, where torch raises a RuntimeError for want of memory."""
    try:
        yield
    except RuntimeError as error:
        if "allocate" in str(error) or "size calculation overflowed" in str(error):
            raise MemoryError from None
        raise


def _with_progress(training: Training) -> Progress:
    """Run with a bar on a terminal, and nothing when piped."""
    console = rich.console.Console(stderr=True)
    epochs = training.settings.epochs
    with rich.progress.Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=epochs, completed=training.progress.epoch)

        def report(progress: Progress) -> None:
            errors = [best.errors for best in progress.best.values()]
            found = f", best validation error {100 * min(errors) / len(training.validation):.2f} %" if errors else ""
            loss = progress.history[-1]["loss"]
            bar.update(task, completed=progress.epoch, description=f"training, loss {loss:.4f}{found}")

        return training.run(report)


def train_to_folder(
    method: str,
    data: str,
    layers: str,
    out: str | Path,
    epochs: int | None = None,
    seed: int = 0,
    *,
    frames: int | None = None,
    test_frames: int | None = None,
    force: bool = False,
    **options: Any,
) -> list[Network]:
    """Do what ``hwsim train METHOD --data DATA --layers LAYERS --epochs N --seed S --out FOLDER`` does.

    Trains on the training split, takes the epoch of fewest validation errors, measures it on the test split and
    writes a model folder, whose last part becomes the network's name, with a README and the training curve. Methods
    that are published with latent weights get a second folder beside it, ``FOLDER-latent``. While training lasts, the
    folder holds a checkpoint from which the same call goes on.

    Parameters
    ----------
    method, data, layers : str
        Names of a method and a data set; layers as `hwsim.train.architecture.parse` reads them.
    out : str or Path
        Folder to write.
    epochs, seed : int
        As many epochs as the paper has unless given.
    frames, test_frames : int, optional
        Train, or measure the accuracy, on the first so many frames only.
    force : bool
        Replace the networks, READMEs and curve that are there. What this very run left, it replaces in any case.
    **options
        Further fields of `Settings`, or of the method; None stands for its default.

    Returns
    -------
    list of Network
        What was written, the quantized network first.

    Raises
    ------
    HwsimError
        As `load_dataset`, `Settings.of`, `train` and `save_network` do.
    """
    out, given = out_folder.named(out), {name: value for name, value in options.items() if value is not None}
    Settings.check_words(method, layers, given)  # before data are loaded
    train_split = load_dataset(data, split="train", frames=frames)
    settings = Settings.of(method, train_split, layers, epochs, seed, **given)
    test = load_dataset(data, split="test", frames=test_frames)  # whatever is wrong is found before the work
    if test.shape != train_split.shape:
        raise TrainingError(f"data set {data}: frames of {train_split.shape} to train on, of {test.shape} to test on")
    words = [f"hwsim train {method} --data {stated(data)} --layers {layers} --epochs {settings.epochs} --seed {seed}"]
    limits = {"frames": frames, "test_frames": test_frames}
    words += command_options(given | {name: n for name, n in limits.items() if n is not None})
    command = " ".join([*words, "--out", out.name])
    files = (DESCRIPTION, ARRAYS, README, CURVE)
    with out_folder.held(out_folder.folders_of(settings.chosen, out), files, force):
        trained = train(train_split, settings, out / CHECKPOINT)
        written = [_written(trained, variant, test, out, command) for variant in settings.chosen.variants]
        write_curve(trained.progress.history, f"{out.name}: {method}, {settings.layers}", out / CURVE)
        (out / CHECKPOINT).unlink(missing_ok=True)
    return written


def _written(trained: Trained, variant: Variant, test: Dataset, out: Path, command: str) -> Network:
    folder = out_folder.folder_of(variant, out)
    network = _measured(trained, variant, test, folder.name, command)
    save_network(network, folder, force=True)
    write_whole(folder / README, readme(network))
    return network


def _about(settings: Settings, variant: Variant, best: Best) -> dict[str, object]:
    method, recipe = settings.chosen, settings.recipe
    # a float network has no other weights
    weights = WEIGHTS[variant] if method.quantizer is not None else "float (fp32) weights"
    stated: dict[str, object] = {"method": method.sentence, "training_method": method.name, "weights": weights}
    stated |= {"recipe": f"{recipe.name}: {recipe.source}", "data_set": settings.data_set, "layers": settings.layers}
    stated |= {"epochs": settings.epochs, "seed": settings.seed, "batch_size": settings.batch_size}
    stated |= {"learning_rate": settings.learning_rate, "options": settings.options}
    stated |= {"validation_frames": settings.validation_frames, "validation_errors": best.errors}
    return stated | {"best_epoch": best.epoch, "trained_with": f"torch {torch.__version__}"}


def _measured(trained: Trained, variant: Variant, test: Dataset, name: str, command: str) -> Network:
    """A variant's network with its command, its accuracy in the simulator, and how far torch agrees."""
    network = trained.network(variant, test, name)
    about: dict[str, object] = {**network.about, "command": command}
    found = simulate(network, test, execution="sparse").outputs.argmax(axis=1)
    if test.labels is not None:
        correct = int(np.sum(found == test.labels))
        percent = round(100 * correct / len(test), 2)
        whole = f"{test.name} {test.split}".strip()
        about["accuracy"] = {"data_set": whole, "frames": len(test), "correct": correct, "percent": percent}
    about["predictions_unlike_torch"] = int(np.sum(found != trained.predictions(variant, test)))
    return replace(network, about=about)


def what_it_is(network: Network) -> str:
    """A trained network in a sentence or two, as its folder states it."""
    about: Any = network.about
    method = f"{about['method'][:1].upper()}{about['method'][1:]}"
    return f"{method}, {about['layers']}, trained on {about['data_set']}. Weights: {about['weights']}."


def readme(network: Network) -> str:
    """The README of a trained network: what it is, how it was made, what was measured."""
    about: Any = network.about
    accuracy, what = about.get("accuracy"), what_it_is(network)
    options = [f"{name.replace('_', ' ')} {value}" for name, value in about["options"].items() if value is not None]
    how = (
        f"Recipe {about['recipe']}: batches of {about['batch_size']}, learning rate {about['learning_rate']:g}"
        f"{''.join(', ' + each for each in options)}. Batch norm after every layer, squared hinge loss. "
        f"Made with {about['epochs']} epochs, seed {about['seed']}; what is kept is epoch {about['best_epoch']}, which "
        f"had the fewest errors ({about['validation_errors']:,}) on {about['validation_frames']:,} frames kept for "
        "validation."
    )
    parts = [what, how, "Made by", f"    {about['command']}"]
    if accuracy:
        measured = f"{accuracy['correct']:,} of {accuracy['frames']:,} images"
        parts.append(
            f"Test accuracy {accuracy['percent']:.2f} %: {measured}, in the simulator; torch's prediction differs on "
            f"{about['predictions_unlike_torch']:,} of them."
        )
    folded = [part if part.startswith("    ") else textwrap.fill(part, 110) for part in parts]
    return "\n\n".join([f"# {network.name}", *folded]) + "\n"
