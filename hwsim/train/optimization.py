"""What torch makes of a recipe: its loss, its optimizer and its schedule."""

import torch
from torch import nn

from hwsim.train.recipe import Loss, Recipe


def optimizer_of(recipe: Recipe, model: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Plain SGD, or Adam."""
    if recipe.last_learning_rate is not None:
        return torch.optim.SGD(model.parameters(), lr=learning_rate)
    return torch.optim.Adam(model.parameters(), lr=learning_rate, foreach=True)


def schedule_of(recipe: Recipe, optimizer: torch.optim.Optimizer, epochs: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The schedule, a step of it an epoch, stretched to the number of epochs."""
    if recipe.last_learning_rate is not None:
        # relative to the rate that was asked for
        ratio = recipe.last_learning_rate / recipe.learning_rate
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, ratio ** (1 / epochs))
    milestones = [max(1, round(share * epochs)) for share in recipe.steps]
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, recipe.factor)


def squared_hinge(output: torch.Tensor, label: torch.Tensor, over_outputs: Loss) -> torch.Tensor:
    """max(0, 1 - t y)^2 with t = 1 for the labelled class and -1 for the others; the mean over frames.

    Parameters
    ----------
    output : Tensor (n_frame, n_class)
    label : Tensor (n_frame,) int64
    over_outputs : {"sum", "mean"}
        Lin et al. take the sum over outputs, Hou & Kwok the mean.
    """
    target = 2 * nn.functional.one_hot(label, output.shape[1]).to(output) - 1
    error = (1 - target * output).clamp(min=0).square()
    return error.sum(1).mean() if over_outputs == "sum" else error.mean()
