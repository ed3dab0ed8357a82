"""Scales in closed form, from one look at the data.

Rounding at k codes per unit adds noise of variance 1 / (12 k^2) to a signal. With G the mean squared sensitivity of the
error to a signal's units, summed, and A its additions per frame at one code per unit, error + lambda x computation is
G / (12 k^2) + lambda A k, and least at k = (G / (6 lambda A))^(1/3). Not in the paper, which leaves scales to gradient
descent; it breaks where k is so small that most units round to zero, and serves as a place to begin.
"""

from collections.abc import Sequence

import torch

from hwsim.convert.coding import Coding
from hwsim.convert.scales import SignalSets
from hwsim.train.graph import Graph, Tensor
from hwsim.train.rounded import magnitude
from hwsim.train.scale_settings import Cost, Loss

N_FRAME = 2000
"""How many frames are looked at, from several places of the data. [frames]"""

RUN = 50
"""Neighbouring frames that are looked at together. [frames]"""

SPREAD = 2.0
"""A unit's scale is at most so many times its layer's, or its layer's so many times it."""

LOWEST, HIGHEST = 1 / 4096, 4096.0
"""Scales stay within. [codes per unit]"""


def closed_form(
    graph: Graph, frames: Tensor, lam: float, cost: Cost, loss: Loss, temperature: float, per_unit: bool
) -> Sequence[Coding]:
    """Scales that are best if rounding were noise.

    Parameters
    ----------
    graph : Graph
        The network.
    frames : (n_frame, *input_shape)
        Real values.
    lam : float
        Error that an addition per frame is worth.
    cost : {"rounding", "temporal"}
        What additions are counted for: a signal's codes, or their changes.
    loss, temperature
        As for `hwsim.train.scale_loss.distance`.
    per_unit : bool
        A scale for each unit where units may be rounded apart.

    Returns
    -------
    sequence of Coding
        For each layer with weights.
    """
    sets = SignalSets(graph.network)
    sensitivity: dict[int, Tensor] = {}
    additions: dict[int, Tensor] = {}
    n_run = max(1, min(N_FRAME, len(frames)) // RUN)
    for begin in torch.linspace(0, max(0, len(frames) - RUN), n_run).long().tolist():
        signals, gradients = _look(graph, frames[begin : begin + RUN], loss, temperature)
        for k, number in enumerate(sets.of_readers):
            n_unit = sets.n_unit(number)
            events = magnitude(signals[k], cost) * graph.fan_out(k)
            for known, value in ((sensitivity, gradients[k].square()), (additions, events)):
                known[number] = known.get(number, 0) + _by_unit(value.mean(0), n_unit)
    return tuple(
        _best(sensitivity[number] / n_run, additions[number] / n_run, lam, per_unit) for number in sets.of_readers
    )


def _look(graph: Graph, frames: Tensor, loss: Loss, temperature: float) -> tuple[list[Tensor], list[Tensor]]:
    """What each layer with weights reads, and the derivative of a random direction of the error by it."""
    signals: dict[int, Tensor] = {}

    def read(k: int, x: Tensor) -> Tensor:
        signals[k] = x if x.requires_grad else x.detach().requires_grad_()
        return signals[k]

    outputs = graph.run(frames, read)
    if loss == "l2":
        outputs = outputs.softmax(1) if graph.ends_in_softmax else outputs
        direction = torch.randn_like(outputs)
    else:
        # near the original, the divergence is half the quadratic form of the classes' covariance, which a class drawn
        # from them, less the mean, has
        share = (outputs.detach() / temperature).softmax(1)
        drawn = torch.multinomial(share, 1)
        direction = (torch.zeros_like(share).scatter_(1, drawn, 1.0) - share) / 2**0.5
    read_signals = [signals[k] for k in range(len(graph.readers))]
    gradients = torch.autograd.grad((outputs * direction).sum(), read_signals)
    return [signal.detach() for signal in read_signals], list(gradients)


def _by_unit(value: Tensor, n_unit: int) -> Tensor:
    """Sums over what makes up a unit. (n_unit,)"""
    return value.reshape(n_unit, -1).sum(1)


def _best(sensitivity: Tensor, additions: Tensor, lam: float, per_unit: bool) -> Coding:
    layer = _scale(sensitivity.sum(), additions.sum(), lam)
    if not per_unit:
        return Coding(layer.item())
    unit = _scale(sensitivity, additions, lam)
    return Coding(unit.clamp(layer / SPREAD, layer * SPREAD).double().numpy())


def _scale(sensitivity: Tensor, additions: Tensor, lam: float) -> Tensor:
    ratio = sensitivity / (6 * lam * additions)
    # what is never active costs nothing at any scale, and what does not matter needs none
    return torch.nan_to_num(ratio, nan=1.0, posinf=HIGHEST**3).pow(1 / 3).clamp(LOWEST, HIGHEST)
