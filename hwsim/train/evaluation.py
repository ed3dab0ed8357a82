"""How good a model is on frames, with its latent or its quantized weights."""

import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset

from hwsim.train.methods import Variant
from hwsim.train.model import Frames
from hwsim.train.quantizer import using

BATCH = 500
"""Frames evaluated at a time."""


def restate_batch_norm(model: nn.Module, frames: Frames) -> None:
    """Means and variances of batch norm anew, over all frames, with the weights in use."""
    loader = DataLoader(TensorDataset(frames.inputs), batch_size=BATCH, drop_last=len(frames) > BATCH)
    update_bn(loader, model)


@torch.no_grad()
def predict(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The class of each frame, the largest output, the first of equals. (n_frame,)"""
    was_training = model.training
    model.eval()
    found = torch.cat([model(block).argmax(1) for block in torch.split(inputs, BATCH)])
    model.train(was_training)
    return found


def count_errors(model: nn.Module, variant: Variant, frames: Frames, restated_over: Frames | None = None) -> int:
    """Frames named wrongly.

    Parameters
    ----------
    model : Module
        Left in training mode, with the statistics of batch norm that were used.
    variant : {"quantized", "latent"}
        Weights to use.
    frames : Frames
        Prepared.
    restated_over : Frames, optional
        Frames over which batch norm's means and variances are taken before, where they are.
    """
    model.train()
    with using(model, variant):
        if restated_over is not None:
            restate_batch_norm(model, restated_over)
        return int((predict(model, frames.inputs) != frames.labels).sum())
