"""What each method does to a layer's weights in a step: making the weights that are used, and their gradients."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hwsim.training_cost.work import QUOTIENT, RECIPROCAL, ROOT, TANH, Work, times, work

Preparation: TypeAlias = Callable[[int, int], Work]
"""(weights of a layer, rounds of alternation) -> work of a step."""

CURVATURE = ROOT + work(additions=1)
"""Of a weight: the root of the moving mean of its squared gradient, and 1e-8."""
CURVATURE_UPDATE = work(multiplications=1, additions=2)
"""Of a weight: the moving mean, whose square Adam has made already."""


@dataclass(frozen=True)
class WeightWork:
    """Of a method."""

    product: Literal["multiply", "add", "shift"] = "multiply"  # what an input does when it meets a weight
    n_scale: int = 0  # scales that sums are multiplied by
    optimizer: Literal["sgd", "adam"] = "adam"
    is_clipped: bool = True  # latent weights, after a step
    quantized_gradient: bool = False  # quantized back-propagation
    in_paper: bool = False  # whether the paper's way of counting speaks of it
    prepare: Preparation = lambda n, rounds: Work()
    gradient: Preparation = lambda n, rounds: Work()  # what else the gradient of the weights takes
    parameters: int = 0  # learned, beside the weights
    activations: bool = False  # whether they are quantized with a learned step


def _each(once: Work) -> Preparation:
    """The same for every weight."""
    return lambda n, rounds: times(n, once)


def _connect(kind: str, drawn: bool, gradient: bool) -> WeightWork:
    once = work(random_numbers=1, comparisons=1) if drawn else work(comparisons=int(kind == "ternary"))
    return WeightWork("add", 0, "sgd", quantized_gradient=gradient, in_paper=True, prepare=_each(once))


def _bwn(n: int, rounds: int) -> Work:
    """The mean magnitude."""
    return work(additions=n, multiplications=1)


def _lab(n: int, rounds: int) -> Work:
    """Curvatures; sums of d |w| and of d; their quotient."""
    return times(n, CURVATURE + work(multiplications=1, additions=2)) + QUOTIENT


def _lat(n: int, rounds: int, n_side: int = 1) -> Work:
    """Curvatures and d |w|; two sums and a quotient to begin with, and after the comparisons of every round."""
    sums = work(additions=2 * n) + times(n_side, QUOTIENT)
    each_round = work(comparisons=n) + sums + times(n_side, work(additions=1, comparisons=1))
    return times(n, CURVATURE + work(multiplications=1)) + sums + times(rounds, each_round)


def _lat_exact(n: int, rounds: int, n_side: int = 1) -> Work:
    """A merge sort; prefix sums; P^2 D' > P'^2 D for every k; a quotient; the codes."""
    sort = work(comparisons=n * max(0, math.ceil(math.log2(n))))
    best = work(multiplications=3 * n, additions=2 * n, comparisons=n)
    return times(n, CURVATURE + work(multiplications=1)) + sort + best + times(n_side, QUOTIENT) + work(comparisons=n)


def _laq(by_shifts: bool) -> Preparation:
    """Curvatures and d |w|; the scale of the last step's codes; in a round, codes by division, and their scale."""
    if by_shifts:  # the exponent, one more if the mantissa is above 3/2; the products of codes are shifts
        nearest, summed = work(multiplications=1, comparisons=3, shifts=1), work(shifts=3, additions=2)
    else:
        nearest, summed = work(multiplications=1, additions=1, comparisons=1), work(multiplications=3, additions=2)

    def prepare(n: int, rounds: int) -> Work:
        begin = times(n, CURVATURE + work(multiplications=1) + summed) + QUOTIENT
        settle = RECIPROCAL + QUOTIENT + work(additions=1, comparisons=1)
        return begin + times(rounds, times(n, nearest + summed) + settle)

    return prepare


def _twn(n: int, rounds: int) -> Work:
    """The mean magnitude, the threshold, the mean of what is above it."""
    return work(additions=3 * n, comparisons=n, multiplications=1) + QUOTIENT


def _ttq(n: int, rounds: int) -> Work:
    """The largest magnitude, the threshold, a comparison with it."""
    return work(comparisons=2 * n, multiplications=1)


def _dorefa(n: int, rounds: int) -> Work:
    """Tanh, its largest magnitude, scaled and rounded, made odd."""
    return times(n, TANH + work(comparisons=1, multiplications=1, additions=2)) + RECIPROCAL + work(multiplications=1)


LSQ = work(multiplications=1, additions=1, comparisons=2)
"""Divided by the step, clipped at both ends, rounded (half a code is added)."""


def lsq_gradient(n: int, rounds: int = 0) -> Work:
    """Of a step's gradient: every rounding error times the number's gradient, summed and scaled."""
    return work(multiplications=n + 1, additions=2 * n)


def methods(drawn: bool) -> dict[str, WeightWork]:
    """Every method's work, by its name in `hwsim train`; drawn: whether connect weights are."""
    return {
        "full-precision": WeightWork("multiply", 0, "sgd", is_clipped=False, in_paper=True),
        "binary-connect": _connect("binary", drawn, False),
        "ternary-connect": _connect("ternary", drawn, False),
        "binary-connect-qbp": _connect("binary", drawn, True),
        "ternary-connect-qbp": _connect("ternary", drawn, True),
        "lab": WeightWork("add", 1, prepare=_lab, gradient=_each(CURVATURE_UPDATE)),
        "lat": WeightWork("add", 1, prepare=_lat, gradient=_each(CURVATURE_UPDATE)),
        "lat-exact": WeightWork("add", 1, prepare=_lat_exact, gradient=_each(CURVATURE_UPDATE)),
        "lat-two-scales": WeightWork(
            "add", 2, prepare=lambda n, rounds: _lat(n, rounds, 2), gradient=_each(CURVATURE_UPDATE)
        ),
        "lat-two-scales-exact": WeightWork(
            "add", 2, prepare=lambda n, rounds: _lat_exact(n, rounds, 2), gradient=_each(CURVATURE_UPDATE)
        ),
        "laq-linear": WeightWork("multiply", 1, prepare=_laq(False), gradient=_each(CURVATURE_UPDATE)),
        "laq-log": WeightWork("shift", 1, prepare=_laq(True), gradient=_each(CURVATURE_UPDATE)),
        "bwn": WeightWork("add", 1, prepare=_bwn),
        "twn": WeightWork("add", 1, prepare=_twn),
        # a weight's gradient times its scale, and in the sum of its scale's
        "ttq": WeightWork("add", 2, prepare=_ttq, gradient=_each(work(multiplications=1, additions=1)), parameters=2),
        # times 1 - tanh^2, over the largest
        "dorefa": WeightWork(
            "multiply", 1, is_clipped=False, prepare=_dorefa, gradient=_each(work(multiplications=3, additions=1))
        ),
        "lsq": WeightWork(
            "multiply",
            1,
            is_clipped=False,
            prepare=lambda n, rounds: times(n, LSQ) + RECIPROCAL,
            gradient=lsq_gradient,
            parameters=1,
            activations=True,
        ),
    }
