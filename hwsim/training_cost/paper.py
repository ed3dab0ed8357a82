"""A training step as Lin et al. 2016 count it."""

from typing import Literal, TypeAlias

from hwsim.counting.counts import Phase
from hwsim.training_cost.weights import WeightWork
from hwsim.training_cost.work import RANDOM, Work, work

Pass: TypeAlias = Literal["forward", "backward", "update"]
Entries: TypeAlias = list[tuple[Pass, Phase, Work]]

BATCH_NORM: dict[Pass, tuple[int, int]] = {"forward": (3, 2), "backward": (6, 6), "update": (0, 1)}
"""Multiplications for each number, and for each unit of a minibatch: 9 (B + 1) of a unit in all.

The paper gives totals only. These are what its equations (Ioffe & Szegedy 2015) take when each product in them is
carried out as written: squares, normalized values and gamma forward; dgamma, dy gamma, three of the variance's and the
mean's derivatives and the one with the deviation backward; and for a unit two means forward, the powers and factors
before the sums backward, and gamma's learning rate.
"""


def entries(
    read: int, left: int, products: int, n_weight: int, n_out: int, batch_norm: bool, weights: WeightWork
) -> Entries:
    """Work of one layer, by pass and phase.

    Parameters
    ----------
    read, left, products : int
        Numbers read, numbers left and meetings of a number with a weight, in a step.
    n_weight, n_out : int
        Weights and units.
    batch_norm : bool
        Whether it follows.
    weights : WeightWork
        The method's.
    """
    real = weights.product == "multiply"
    met = work(multiplications=products * real, additions=products)
    gradient = work(shifts=products, additions=products, random_numbers=read)
    if not weights.quantized_gradient:
        gradient = work(multiplications=products, additions=products)

    def extra(name: Pass, more: int) -> Work:
        each, unit = BATCH_NORM[name] if batch_norm else (0, 0)
        return work(multiplications=each * left + unit * n_out + more)

    return [
        ("forward", "synapse", met + work(random_numbers=weights.prepare(n_weight, 0)[RANDOM])),
        ("forward", "neuron", extra("forward", 0)),
        # errors of the data are propagated too, though nobody wants them
        ("backward", "synapse", met + gradient),
        # the errors times the activation's derivative, for the gradient and once more on their way down
        ("backward", "neuron", extra("backward", 2 * left)),
        ("update", "neuron", extra("update", left)),  # times the learning rate
    ]
