"""Greedy path-following quantization of one weight matrix, from what calibration knows of the data it meets.

Lybrand & Saab, A Greedy Algorithm for Quantizing Neural Networks, JMLR 22 (156), 2021. For a neuron w, data X of the
float network and X~ of the one whose earlier layers are quantized already (columns: inputs of the layer),

    q_t = the level nearest to <X~_t, u_(t-1) + w_t X_t> / |X~_t|^2,    u_t = u_(t-1) + w_t X_t - q_t X~_t,

so that u ends as X w - X~ q. It takes <X~_t, X_j> and <X~_t, X~_j> only: with G = X~'X and H = X~'X~, which add up
over batches, rows of data need not be kept. Where there are fewer rows than columns, keeping them costs less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from hwsim.convert.alphabet import Alphabet
from hwsim.errors import NetworkError
from hwsim.kernels.gpfq import HARD, NO_SPARSITY, SOFT, align, sweep_gram, sweep_rows
from hwsim.network.signals import FloatArray
from hwsim.simulation.threads import cores, go_on, in_threads

Index: TypeAlias = npt.NDArray[np.int16]

NEURONS = 32
"""Neurons that a thread quantizes side by side: few enough for their weights or residuals to stay in the cache."""

FEWEST_NEURONS = 4
"""And no fewer, however much work each is."""

WORK = 2**33
"""Multiply-accumulates between two looks whether the result is still wanted; they take less than a second."""


class Gram(NamedTuple):
    """Products of columns of data, and their sums."""

    cross: FloatArray  # (n_in, n_in) G = X~'X
    own: FloatArray  # (n_in, n_in) H = X~'X~
    analog_sum: FloatArray  # (n_in,) of the rows of X
    quantized_sum: FloatArray  # (n_in,) of the rows of X~
    n_row: int


class Rows(NamedTuple):
    """Data themselves, a contiguous row per column of X and of X~."""

    analog: FloatArray  # (n_in, n_row)
    quantized: FloatArray  # (n_in, n_row); the same array where the data are the same


Moments: TypeAlias = Gram | Rows


@dataclass(frozen=True)
class Rule:
    """How an argument becomes a level, besides to the nearest.

    Thresholds make weights sparse (Zhang, Zhou & Saab 2023): soft draws every argument towards zero, hard drops what
    is below it. Rounding at random, up with a probability that makes it right in the mean, is that of SPFQ (Zhang &
    Saab, arXiv:2309.10975), as are more passes of alignment before quantizing (one is GPFQ).
    """

    sparsity: Literal["none", "soft", "hard"] = "none"
    threshold: float = 0.0  # [units of weight, or of what a radius is a multiple of: see where it is given]
    rounding: Literal["nearest", "stochastic"] = "nearest"
    alignment: int = 1  # passes
    seed: int = 0  # of stochastic rounding

    def __post_init__(self) -> None:
        """Check the choices."""
        if self.sparsity not in ("none", "soft", "hard"):
            raise NetworkError(f"sparsity {self.sparsity!r}; write none, soft or hard")
        if self.rounding not in ("nearest", "stochastic"):
            raise NetworkError(f"rounding {self.rounding!r}; write nearest or stochastic")
        if self.alignment < 1:
            raise NetworkError(f"alignment of {self.alignment} passes; write a whole number from 1")
        if not 0 <= self.threshold < np.inf or (self.sparsity != "none") != (self.threshold > 0):
            raise NetworkError(
                f"sparsity {self.sparsity} with threshold {self.threshold}; a threshold above 0 goes with soft or hard"
            )

        if self.seed < 0:
            raise NetworkError(f"seed {self.seed}; write a whole number from 0")

    @property
    def kernel_sparsity(self) -> int:
        """The kernel's word for the threshold."""
        return {"none": NO_SPARSITY, "soft": SOFT, "hard": HARD}[self.sparsity]


PAPER = Rule()
"""To the nearest level, as in the paper."""


def gram_of(analog: FloatArray, quantized: FloatArray) -> Gram:
    """Products of columns of (m, n_in) data; of the same data twice they are computed once."""
    own = _products(quantized, quantized)
    cross = own if analog is quantized else _products(quantized, analog)
    return Gram(cross, own, analog.sum(axis=0), quantized.sum(axis=0), len(quantized))


def _products(first: FloatArray, second: FloatArray) -> FloatArray:
    """Products of columns; many at a time, but no more than keep a thread busy for a moment."""
    n = max(1, WORK // first.size)
    if n >= second.shape[1]:
        return np.asarray(first.T @ second)
    result = np.empty((first.shape[1], second.shape[1]))
    for begin in range(0, second.shape[1], n):
        go_on()
        result[:, begin : begin + n] = first.T @ second[:, begin : begin + n]
    return result


def moments_of(analog: FloatArray, quantized: FloatArray) -> Moments:
    """What quantizing needs of (m, n_in) data: products, or the data where there are fewer rows than columns."""
    if len(analog) >= analog.shape[1]:
        return gram_of(analog, quantized)
    columns = np.ascontiguousarray(analog.T)
    return Rows(columns, columns if analog is quantized else np.ascontiguousarray(quantized.T))


def quantize(
    weight: FloatArray,
    moments: Moments,
    level: FloatArray,
    rule: Rule = PAPER,
    threads: int | None = None,
    part: int = 0,
) -> Index:
    """Which level each weight becomes; -1 on dead columns.

    Parameters
    ----------
    weight : (n_in, n_out) float64
        Real weights, a neuron per column.
    moments : Gram or Rows
        Of the data.
    level : (n_level,) float64
        The alphabet, rising.
    rule : Rule
        Its threshold is in units of weight.
    threads : int, optional
        Threads that share the neurons; all cores unless said. Changes no result.
    part : int
        Which of a layer's matrices it is: each is rounded at random by numbers of its own.
    """
    chance = np.empty((0, 0))
    if rule.rounding == "stochastic":
        chance = np.random.default_rng([rule.seed, part]).random(weight.shape)
    weight = np.ascontiguousarray(weight, np.float64)
    if rule.alignment > 1:
        moments = moments if isinstance(moments, Gram) else gram_of(moments.analog.T, moments.quantized.T)
        weight = _aligned(weight, moments, rule.alignment, threads)
        moments = moments._replace(cross=moments.own)
    index = np.empty(weight.shape, np.int16)
    data = moments[:2]
    sweep = sweep_gram if isinstance(moments, Gram) else sweep_rows

    def share(first: int, last: int) -> None:
        sweep(weight, *data, level, rule.kernel_sparsity, rule.threshold, chance, first, last, index)

    _in_threads(share, weight.shape, threads)
    return index


def _aligned(weight: FloatArray, gram: Gram, n_pass: int, threads: int | None) -> FloatArray:
    aligned = np.empty_like(weight)
    cross, own = np.ascontiguousarray(gram.cross), np.ascontiguousarray(gram.own)
    _in_threads(lambda first, last: align(weight, cross, own, n_pass, first, last, aligned), weight.shape, threads)
    return aligned


def _in_threads(share: Callable[[int, int], None], shape: tuple[int, ...], threads: int | None) -> None:
    """Let threads do share(first, last) of the neurons of (n_in, n_out) weights."""
    n_in, n_neuron = shape
    n = max(FEWEST_NEURONS, min(NEURONS, WORK // n_in**2))

    def do(first: int) -> None:
        go_on()
        share(first, min(first + n, n_neuron))

    starts = range(0, n_neuron, n)
    n_thread = min(threads or cores(), len(starts))
    if n_thread < 2:
        for first in starts:
            do(first)
    else:
        in_threads(do, starts, n_thread)


def output_shift(weight: FloatArray, alphabet: Alphabet, index: Index, moments: Moments) -> FloatArray:
    """Mean of X w - X~ q over the data: what a bias takes in to be right in the mean. (n_out,)"""
    quantized = np.where(index < 0, 0.0, alphabet.level[index])
    if isinstance(moments, Gram):
        means = moments.analog_sum / moments.n_row, moments.quantized_sum / moments.n_row
    else:
        means = moments.analog.mean(axis=1), moments.quantized.mean(axis=1)
    return np.asarray(means[0] @ weight - means[1] @ quantized)
