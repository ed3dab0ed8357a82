"""What scales are learned by: how far a rounding network is from the original, and what it computes."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch.nn import functional

from hwsim.train.graph import Graph, Tensor
from hwsim.train.rounded import Parameters, Rounder
from hwsim.train.scale_settings import Cost, Loss, Normalization

Round: TypeAlias = Callable[[Rounder, Tensor, Cost], tuple[Tensor, Tensor]]


class Objective(NamedTuple):
    """Error and computation of a batch, apart."""

    error: Tensor
    computation: Tensor

    def total(self, lam: float) -> Tensor:
        """Error + lambda x computation (O'Connor & Welling 2017, eq. 6)."""
        return self.error + lam * self.computation


def objective(
    parameters: Parameters,
    frames: Tensor,
    target: Tensor,
    rounding: Round,
    cost: Cost,
    loss: Loss,
    normalization: Normalization,
    temperature: float = 1.0,
) -> Objective:
    """The scale loss on a batch: D(f_round(x), f_true(x)) + lambda x sum of |s_l| d_(l+1) (section 4.2).

    Parameters
    ----------
    parameters : Parameters
        The codings.
    frames : (n_frame, *input_shape)
        Neighbours in time, if the cost is temporal.
    target : (n_frame, n_out)
        Outputs of the original network, before a Softmax at its end.
    rounding : function
        One of `hwsim.train.rounded`'s estimators.
    cost : {"rounding", "temporal"}
        Events are codes (the paper's), or changes of codes from frame to frame.
    loss : {"kl", "l2"}
        See `distance`.
    normalization : {"released", "per-sample"}
        The error is a mean over the batch. The computation is a sum over it, as in the authors' published code, so
        that lambda counts as often as the batch has frames; or a mean, too, as eq. 6 reads.
    temperature : float
        See `distance`.

    Returns
    -------
    Objective
        Computation in additions: per frame, or of the whole batch.
    """
    graph = parameters.graph
    computation = torch.zeros((), dtype=graph.dtype)

    def read(k: int, x: Tensor) -> Tensor:
        nonlocal computation
        decoded, events = rounding(parameters.of(k), x, cost)
        if len(events):
            # a mean over what there are of frames, or of changes from one to the next
            computation = computation + (events * graph.fan_out(k)).sum() / len(events)
        return decoded

    error = distance(graph, graph.run(frames, read), target, loss, temperature)
    return Objective(error, computation * (len(frames) if normalization == "released" else 1))


def distance(graph: Graph, outputs: Tensor, target: Tensor, loss: Loss, temperature: float = 1.0) -> Tensor:
    """How far outputs are from the original's, mean over frames.

    ``kl`` is the divergence of the classes' probabilities at a temperature, times its square: the rounding network's
    from the original's, as the authors' code has it, sum of p_round (log p_round - log p_true). ``l2`` is the sum of
    squared differences; of probabilities, where the network ends in a Softmax.
    """
    if loss == "l2":
        if graph.ends_in_softmax:
            outputs, target = outputs.softmax(1), target.softmax(1)
        return (outputs - target).square().sum(1).mean()
    ours, original = ((each / temperature).log_softmax(1) for each in (outputs, target))
    return functional.kl_div(original, ours, reduction="batchmean", log_target=True) * temperature**2
