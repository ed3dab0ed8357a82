"""All that decides a training run, checked against the data before anything is trained."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwsim.datasets import Dataset
from hwsim.errors import NetworkError
from hwsim.train import TrainingError
from hwsim.train.architecture import Architecture, parse
from hwsim.train.methods import METHODS, Method, Options, method_of
from hwsim.train.recipe import RECIPES, Recipe

MOST_EPOCHS = 10**9
SEEDS = 2**64
"""As many as torch's generator has."""


@dataclass(frozen=True)
class Settings:
    """Of a run, besides the frames themselves."""

    method: str
    data_set: str
    layers: str
    epochs: int
    seed: int
    batch_size: int
    learning_rate: float
    validation_frames: int
    options: Options

    @classmethod
    def of(
        cls,
        method: str,
        data: Dataset,
        layers: str,
        epochs: int | None = None,
        seed: int = 0,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_frames: int | None = None,
        **options: Any,
    ) -> "Settings":
        """Fill in what the method's paper says, and check that everything fits together.

        Raises
        ------
        UnknownNameError, TrainingError
            Where it does not.
        """
        chosen, architecture = method_of(method), _architecture(layers)
        given = _options(chosen, options)
        recipe = _recipe(chosen, architecture, given)
        settings = cls(
            method,
            f"{data.name} {data.split}".strip(),
            architecture.text,
            recipe.epochs if epochs is None else epochs,
            seed,
            recipe.batch_size if batch_size is None else batch_size,
            recipe.learning_rate if learning_rate is None else learning_rate,
            _held(data, architecture) if validation_frames is None else validation_frames,
            given,
        )
        settings._check(data)
        return settings

    @staticmethod
    def check_words(method: str, layers: str, options: Options) -> None:
        """Check what needs no data: that there are such a method and such layers, and the method has the options."""
        own = {name: value for name, value in options.items() if name not in Settings.__dataclass_fields__}
        _options(method_of(method), own)
        _architecture(layers)

    @property
    def chosen(self) -> Method:
        """The method."""
        return METHODS[self.method]

    @property
    def architecture(self) -> Architecture:
        """The layers."""
        return parse(self.layers)

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return _recipe(self.chosen, self.architecture, self.options)

    def state(self) -> dict[str, Any]:
        """As plain numbers and words, for checkpoints and files."""
        return asdict(self)

    def _check(self, data: Dataset) -> None:
        if data.labels is None:
            raise TrainingError(f"data set {data.name}: no labels; training needs one for every frame")
        _check_shape(self.architecture, data)
        if not (np.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise TrainingError(f"learning rate {self.learning_rate}: expected a positive number")
        if not 0 <= self.seed < SEEDS:
            raise TrainingError(f"seed {self.seed}: expected 0 to {SEEDS - 1}")
        if self.epochs > MOST_EPOCHS:
            raise TrainingError(f"{self.epochs} epochs: expected at most {MOST_EPOCHS:,}")
        left = len(data) - self.validation_frames
        # batch norm needs two frames
        if min(self.epochs, self.batch_size - 1) < 1 or self.validation_frames < 1 or left < 2:
            raise TrainingError(
                f"{self.epochs} epochs, batches of {self.batch_size}, {self.validation_frames} of {len(data)} frames "
                "for validation: expected at least one epoch, two frames a batch, one for validation, two to train on"
            )
        if self.chosen.quantized_activations and data.format.name != "uint8":
            raise TrainingError(
                f"method {self.method} makes networks of integers, which read codes of 8 bits; data set {data.name} "
                f"holds {data.format}: choose another method"
            )


def _architecture(layers: str) -> Architecture:
    try:
        return parse(layers)
    except NetworkError as error:  # a kernel that fits nowhere
        raise TrainingError(f"layers {layers!r}: {error}") from None


def _recipe(method: Method, architecture: Architecture, options: Options) -> Recipe:
    return RECIPES[options.get("recipe", method.recipe), architecture.is_convolutional]


def _options(method: Method, options: Options) -> Options:
    return method.given({name: value for name, value in options.items() if value is not None})


def _held(data: Dataset, architecture: Architecture) -> int:
    """Frames that the papers keep for validation: 10,000 of MNIST's 60,000, 5,000 of CIFAR-10's 50,000."""
    return len(data) // (10 if architecture.is_convolutional else 6)


def _check_shape(architecture: Architecture, data: Dataset) -> None:
    shape = architecture.input_shape
    if shape not in (data.shape, (int(np.prod(data.shape)),)):
        size = int(np.prod(data.shape))
        written = "x".join(map(str, data.shape))
        raise TrainingError(
            f"layers {architecture.text} read {'x'.join(map(str, shape))}, but a frame of {data.name} has {written}: "
            f"begin with {size} (dense layers) or {written} (convolutions)"
        )
    assert data.labels is not None
    least, classes, outputs = int(data.labels.min()), int(data.labels.max()) + 1, architecture.units[-1].n_out
    if least < 0:
        frame = int(np.argmin(data.labels))
        raise TrainingError(
            f"data set {data.name}: label {least} of frame {frame}; expected 0 to {outputs - 1}, a class for every unit"
        )
    if classes > outputs:
        raise TrainingError(f"layers {architecture.text} end with {outputs} units, but there are {classes} classes")
