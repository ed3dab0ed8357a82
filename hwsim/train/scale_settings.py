"""All that decides how scales are learned: settings, their options on the command line, and recipes."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from hwsim.convert.declared import Option
from hwsim.train import TrainingError

Cost: TypeAlias = Literal["rounding", "temporal"]
Loss: TypeAlias = Literal["kl", "l2"]
Normalization: TypeAlias = Literal["released", "per-sample"]
Estimator: TypeAlias = Literal["straight-through", "secant", "noise"]
Start: TypeAlias = Literal["one", "closed-form"]
Optimizer: TypeAlias = Literal["sgd", "adam"]

OPTIONS = (
    Option("recipe", "paper (O'Connor & Welling 2017), paper-adam (sooner) or temporal.", default="paper"),
    Option("order", "Of the frames: file or temporal; unless given, by the cost."),
    Option("cost", "rounding: codes; temporal: their changes.", choices=get_args(Cost)),
    Option("loss", "Distance to the original's outputs: kl or l2.", choices=get_args(Loss)),
    Option("temperature", "kl: of the probabilities.", float),
    Option(
        "normalization",
        "Computation of a batch (released) or a frame (per-sample).",
        choices=get_args(Normalization),
    ),
    Option("estimator", "Of rounding's derivative: straight-through, secant or noise.", choices=get_args(Estimator)),
    Option("per_unit", "A scale for every unit, not every layer.", bool),
    Option("gains_and_offsets", "Learn gains and offsets, too.", bool),
    Option("start", "Scales to begin with: one or closed-form.", choices=get_args(Start)),
    Option("optimizer", "sgd or adam.", choices=get_args(Optimizer)),
    Option("learning_rate", kind=float),
    Option("batch_size", "Frames.", int, least=1),
    Option("epochs", "0: the scales to begin with.", int, least=0),
    Option("seed", kind=int, least=0),
)
"""What the commands that learn scales are told, beside lambda: a recipe, the order of frames, and settings."""


@dataclass(frozen=True)
class Settings:
    """All that decides learned scales, besides network and data. The defaults are the paper's for MNIST.

    Raises
    ------
    TrainingError
        For numbers out of range and names that are none.
    """

    lam: float  # weight of the computation [error per addition]
    cost: Cost = "rounding"  # what is to be small: codes, or (temporal) their changes from frame to frame
    loss: Loss = "kl"  # how far outputs are from the original's
    temperature: float = 1.0  # kl: of the probabilities; higher ones look at more than the likeliest class
    normalization: Normalization = "released"  # of the computation: a batch's sum, or per-sample: a frame's
    estimator: Estimator = "straight-through"  # what stands for the derivative of rounding
    per_unit: bool = False  # a scale for every unit instead of every layer
    gains_and_offsets: bool = False  # learn where codes are put back, and where rounding changes over, too
    start: Start = "one"  # scales to begin with
    optimizer: Optimizer = "sgd"
    learning_rate: float = 1e-3
    batch_size: int = 10  # [frames]
    epochs: int = 30  # 0: the scales to begin with
    shuffled: bool = False  # batches in random order; the frames within stay neighbours
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers and names."""
        for option in OPTIONS:
            if option.choices and (value := getattr(self, option.name)) not in option.choices:
                raise TrainingError(f"{option.name} {value!r}; write {' or '.join(option.choices)}")
        for name in ("lam", "temperature", "learning_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise TrainingError(f"{name} {value}: expected a positive finite number")
        if self.batch_size < 1 + (self.cost == "temporal") or self.epochs < 0:
            least = "two frames a batch, so that there are changes" if self.cost == "temporal" else "one frame a batch"
            raise TrainingError(
                f"batches of {self.batch_size} frames, {self.epochs} epochs: expected at least {least}, and no fewer "
                "than 0 epochs"
            )
        if self.gains_and_offsets and self.estimator != "secant":
            raise TrainingError(f"gains and offsets with estimator {self.estimator}; write secant, or leave them out")


RECIPES: dict[str, dict[str, object]] = {
    "paper": {},
    # the same loss in fewer and larger steps; lambda is ten times the paper's, which adds up a batch of ten frames
    "paper-adam": {
        "normalization": "per-sample",
        "optimizer": "adam",
        "learning_rate": 0.02,
        "batch_size": 250,
        "epochs": 5,
        "shuffled": True,
    },
    "temporal": {
        "cost": "temporal",
        "temperature": 4.0,
        "normalization": "per-sample",
        "estimator": "secant",
        "per_unit": True,
        "gains_and_offsets": True,
        "start": "closed-form",
        "optimizer": "adam",
        "learning_rate": 0.01,
        "batch_size": 250,
        "epochs": 4,
        "shuffled": True,
    },
}
"""Settings by name: the paper's, the same learned in less time, and ours for what a sigma-delta network pays."""
