"""Counting a training step of a perceptron, layer by layer and pass by pass."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from hwsim.counting.counts import Counts, Key
from hwsim.errors import HwsimError, UnknownNameError
from hwsim.training_cost import batch_norm, paper
from hwsim.training_cost.paper import Entries, Pass
from hwsim.training_cost.weights import LSQ, WeightWork, lsq_gradient, methods
from hwsim.training_cost.work import INTEGER_ADDITION, RANDOM, RECIPROCAL, ROOT, Work, times, work

Accounting: TypeAlias = Literal["paper", "complete"]

PASSES: tuple[Pass, ...] = ("forward", "backward", "update")
METHODS = tuple(methods(drawn=True))
"""Names, as in `hwsim train`."""
MOST_SHIFT = 126
"""Of powers of two as fp32 has them, 2^-126 to 2^127, on both sides of one."""

ADAM = work(multiplications=6, additions=6) + ROOT + RECIPROCAL
"""Of a parameter: two moving means, the root of one, their quotient, the learning rate, the subtraction."""


class TrainingCostError(HwsimError, ValueError):
    """A training step that cannot be counted."""


class Layer(NamedTuple):
    """A dense layer in a step."""

    number: int  # from 1
    n_in: int
    n_out: int
    batch: int
    is_last: bool
    batch_norm: bool

    @property
    def name(self) -> str:
        """As in trained networks."""
        return f"dense{self.number}"

    @property
    def n_weight(self) -> int:
        """Weights."""
        return self.n_in * self.n_out

    @property
    def read(self) -> int:
        """Numbers read in a step."""
        return self.batch * self.n_in

    @property
    def left(self) -> int:
        """Numbers left in a step."""
        return self.batch * self.n_out

    @property
    def products(self) -> int:
        """Meetings of a number and a weight in one pass."""
        return self.batch * self.n_weight


def count_training(
    layers: Sequence[int],
    method: str = "full-precision",
    batch: int = 200,
    batch_norm: bool = False,
    accounting: Accounting | None = None,
    *,
    deterministic: bool = False,
    max_shift: int | None = None,
    rounds: int = 10,
) -> Counts:
    """Count the operations of one training step: a minibatch's forward pass, backward pass and update.

    Numbers are fp32. Weights' own work and their products with inputs and errors are booked as phase `synapse`, all
    else as `neuron`; groups of the result are the passes, and its frames are those of the minibatch, so that
    ``price(...).total`` is the energy of a step, ``.per_inference`` that of a training frame, ``.by_group`` that of
    the passes. Every synapse counts, whether or not its weight is zero.

    Parameters
    ----------
    layers : sequence of int
        Units, inputs first: (784, 1024, 1024, 1024, 10).
    method : str
        One of `METHODS`.
    batch : int
        Frames of a minibatch.
    batch_norm : bool
        Whether every layer is followed by batch norm, in place of a bias.
    accounting : {"paper", "complete"}, optional
        The paper's way of counting (Lin et al., ICLR 2016), which speaks of full-precision and ...-connect methods
        and is theirs unless said, or every operation of a step, as docs/training.md lists them.
    deterministic : bool
        ...-connect: weights are the nearest levels, not drawn.
    max_shift : int, optional
        ...-qbp: inputs of the weight gradient are first clipped to so many places either way.
    rounds : int
        Loss-aware methods by alternation: rounds in every step, 10 at most in the published code.

    Raises
    ------
    UnknownNameError, TrainingCostError
        For an unknown method or accounting; for numbers that make no step.
    """
    known = accountings(method)
    chosen = known[0] if accounting is None else accounting
    weights = methods(not deterministic)[method]
    _check(layers, method, batch, weights, chosen, rounds)
    _check_options(method, weights, deterministic, max_shift)
    rounds = int(rounds)
    entries: dict[Key, list[int]] = {}
    for number, (n_in, n_out) in enumerate(pairwise(map(int, layers)), 1):
        layer = Layer(number, n_in, n_out, int(batch), number == len(layers) - 1, batch_norm)
        for step, phase, done in _entries(layer, weights, chosen, rounds, max_shift):
            for operation, times_done in done.items():
                if times_done:
                    key = Key(layer.name, phase, operation)
                    entries.setdefault(key, [0] * len(PASSES))[PASSES.index(step)] += times_done
    if sum(map(sum, entries.values())) >= 2**63:
        raise TrainingCostError(f"layers {tuple(layers)}, batch of {batch}: more operations than 64 bits can count")
    return Counts(
        entries={key: np.array(times_done, np.int64) for key, times_done in entries.items()},
        groups=PASSES,
        n_frame=np.array([batch, 0, 0]),  # every frame goes through all passes; they are to be counted once
        network=f"{'-'.join(map(str, layers))}, {method}{', batch norm' if batch_norm else ''}",
        data=f"a minibatch of {batch}",
        execution="training",
        machine=f"{chosen} accounting",
        notes=_notes(chosen),
    )


def accountings(method: str) -> tuple[Accounting, ...]:
    """Ways of counting that speak of a method, the paper's first; UnknownNameError where there is no such method."""
    if method not in METHODS:
        raise UnknownNameError("training method", str(method), METHODS)
    return ("paper", "complete") if methods(drawn=True)[method].in_paper else ("complete",)


def _check(layers: Any, method: str, batch: Any, weights: WeightWork, accounting: str, rounds: Any) -> None:
    if accounting not in ("paper", "complete"):
        raise UnknownNameError("accounting", accounting, ("paper", "complete"))
    if not isinstance(layers, Sequence | np.ndarray) or len(layers) < 2 or not all(map(_is_positive, layers)):
        raise TrainingCostError(f"layers {layers}: expected two positive numbers or more, such as 784-200-10")
    if not (_is_positive(batch) and _is_positive(rounds)):
        raise TrainingCostError(f"batch of {batch}, {rounds} rounds: expected whole numbers from 1")
    if accounting == "paper" and not weights.in_paper:
        raise TrainingCostError(f"method {method}: the paper's accounting does not speak of it; write complete")


def _check_options(method: str, weights: WeightWork, deterministic: bool, max_shift: int | None) -> None:
    """TrainingCostError for an option that the method does not have, as `hwsim train` refuses it, or no shift."""
    options = {
        "deterministic": (bool(deterministic), "connect" in method),
        "max-shift": (max_shift is not None, weights.quantized_gradient),
    }
    for name, (is_given, has) in options.items():
        if is_given and not has:
            raise TrainingCostError(f"method {method} has no option {name}")
    if max_shift is not None and not (_is_positive(max_shift) and max_shift <= MOST_SHIFT):
        raise TrainingCostError(f"shifts by at most {max_shift}: expected a whole number from 1 to {MOST_SHIFT}")


def _is_positive(number: object) -> bool:
    """Whether it is a whole number from 1."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(number, kinds) and not isinstance(number, bool) and bool(number >= 1 and number % 1 == 0)


def _notes(accounting: Accounting) -> tuple[str, ...]:
    scope = "arithmetic of one training step; memory words are not counted"
    if accounting == "complete":
        return (scope,)
    return (
        f"{scope}; multiplications as Lin et al. 2016 count them, with the additions, shifts and random numbers of the "
        "same products; square roots, comparisons and all other additions are not in it",
    )


def _entries(layer: Layer, weights: WeightWork, accounting: Accounting, rounds: int, max_shift: int | None) -> Entries:
    if accounting == "paper":
        counted = (layer.read, layer.left, layer.products, layer.n_weight, layer.n_out)
        return paper.entries(*counted, layer.batch_norm, weights)
    return [
        *_forward(layer, weights, rounds),
        *_backward(layer, weights, max_shift),
        *_update(layer, weights, rounds),
    ]


def _product(weights: WeightWork) -> Work:
    """A number meets a weight."""
    kinds = {
        "multiply": work(multiplications=1, additions=1),
        "add": work(additions=1),
        "shift": work(shifts=1, additions=1),
    }
    return kinds[weights.product]


def _scaled(weights: WeightWork) -> Work:
    """A sum, or two, times the scales of its weights."""
    return work(multiplications=weights.n_scale, additions=max(0, weights.n_scale - 1))


def _forward(layer: Layer, weights: WeightWork, rounds: int) -> Entries:
    done = times(layer.left, _scaled(weights))
    if layer.batch_norm:
        done += times(layer.left, batch_norm.FORWARD) + times(layer.n_out, batch_norm.FORWARD_UNIT)
    elif weights.n_scale:  # sums that are scaled cannot start from the bias
        done += work(additions=layer.left)
    # the error of an output: 1 - t y where that is above zero; of a hidden unit, its ReLU
    done += times(layer.left, work(additions=1, comparisons=1) if layer.is_last else work(comparisons=1))
    if weights.activations and not layer.is_last:
        # ReLU has clipped at zero; codes times the step are what the next layer reads
        done += times(layer.left, LSQ - work(comparisons=1) + work(multiplications=1)) + RECIPROCAL
    return [
        ("forward", "synapse", weights.prepare(layer.n_weight, rounds) + times(layer.products, _product(weights))),
        ("forward", "neuron", done),
    ]


def _backward(layer: Layer, weights: WeightWork, max_shift: int | None) -> Entries:
    done = work(multiplications=layer.left) if layer.is_last else Work()  # the loss's derivative, over the batch
    if weights.activations and not layer.is_last:
        done += lsq_gradient(layer.left)
    if layer.batch_norm:
        done += times(layer.left, batch_norm.BACKWARD) + times(layer.n_out, batch_norm.BACKWARD_UNIT)
    else:
        done += work(additions=layer.left)  # of the biases
    products = times(layer.products, work(multiplications=1, additions=1))
    if weights.quantized_gradient:
        products = times(layer.products, work(shifts=1, additions=1))
        limits = work(comparisons=0 if max_shift is None else 2)
        done += times(layer.read, Work({RANDOM: 1, INTEGER_ADDITION: 1}) + limits)
    if layer.number > 1:  # nobody wants the error of the data
        products += times(layer.products, _product(weights))
        done += times(layer.read, _scaled(weights))
    return [("backward", "synapse", products), ("backward", "neuron", done)]


def _update(layer: Layer, weights: WeightWork, rounds: int) -> Entries:
    n_bias = layer.n_out * (2 if layer.batch_norm else 1)
    done = weights.gradient(layer.n_weight, rounds) + work(comparisons=2 * layer.n_weight * weights.is_clipped)
    if weights.optimizer == "sgd":
        # errors are multiplied by the learning rate before they meet the inputs, not gradients after; so biases are
        rated = work(multiplications=layer.left + (n_bias if layer.batch_norm else 0), additions=n_bias)
        return [("update", "synapse", done + work(additions=layer.n_weight)), ("update", "neuron", rated)]
    n_learned = weights.parameters + (weights.activations and not layer.is_last)
    done += times(layer.n_weight + n_learned, ADAM)
    return [("update", "synapse", done), ("update", "neuron", times(n_bias, ADAM))]
