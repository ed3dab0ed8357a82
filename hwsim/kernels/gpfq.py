"""Greedy path-following quantization of neurons side by side, from Gram matrices or from rows of data.

Neurons are independent of each other, and each adds up in one fixed order: its codes are the same alone and among
others, whatever thread it runs in. Both kernels serve neurons `first` ... `last - 1`, so that threads share a layer.
"""

import numpy as np

from hwsim.kernels.compile import kernel

NO_SPARSITY, SOFT, HARD = 0, 1, 2
"""What is done to small arguments: nothing, all drawn towards zero by the threshold, or set to zero below it."""

DEAD = 1e-32
"""Below this squared length a column of data says nothing, and its weights become zero."""

NO_LEVEL = -1
"""Index of a weight on a dead column: zero, whether or not that is a level."""


@kernel
def sweep_gram(
    weight: np.ndarray,
    cross: np.ndarray,
    own: np.ndarray,
    level: np.ndarray,
    sparsity: int,
    threshold: float,
    chance: np.ndarray,
    first: int,
    last: int,
    index: np.ndarray,
) -> None:
    """Quantize neurons weight by weight; of the data only products of columns are needed.

    a_t = (sum over j <= t of G_tj w_j - sum over j < t of H_tj q_j) / H_tt, and q_t is the level nearest to a_t.

    Parameters
    ----------
    weight : (n_in, n_out) float64
        Real weights.
    cross, own : (n_in, n_in) float64
        G, columns of the quantized network's data times those of the float network's, and H, times their own.
    level : (n_level,) float64
        The alphabet, rising.
    sparsity, threshold : int, float
        NO_SPARSITY, SOFT or HARD, and from where on. [units of weight]
    chance : (n_in, n_out) or (0, 0) float64
        Uniform numbers in [0, 1) by which to round at random; none to round to the nearest level.
    first, last : int
        Neurons to quantize.
    index : (n_in, n_out) int16
        Which level each weight became, or NO_LEVEL; written.
    """
    n_in, n = weight.shape[0], last - first
    w, q, a = np.empty((n_in, n)), np.zeros((n_in, n)), np.empty(n)
    w[:] = weight[:, first:last]
    for t in range(n_in):
        if not own[t, t] >= DEAD:
            index[t, first:last] = NO_LEVEL
            continue
        g, h = cross[t], own[t]
        a[:] = 0.0
        whole = t - t % 4
        for j in range(0, whole, 4):
            w0, w1, w2, w3 = w[j], w[j + 1], w[j + 2], w[j + 3]
            q0, q1, q2, q3 = q[j], q[j + 1], q[j + 2], q[j + 3]
            for k in range(n):
                a[k] = (
                    a[k] + (g[j] * w0[k] - h[j] * q0[k]) + (g[j + 1] * w1[k] - h[j + 1] * q1[k])
                    + (g[j + 2] * w2[k] - h[j + 2] * q2[k]) + (g[j + 3] * w3[k] - h[j + 3] * q3[k])
                )  # fmt: skip
        for j in range(whole, t):
            for k in range(n):
                a[k] = a[k] + (g[j] * w[j, k] - h[j] * q[j, k])
        for k in range(n):
            argument = (a[k] + g[t] * w[t, k]) / h[t]
            i = _choose(argument, level, sparsity, threshold, chance, t, first + k)
            index[t, first + k] = i
            q[t, k] = level[i]


@kernel
def sweep_rows(
    weight: np.ndarray,
    analog: np.ndarray,
    quantized: np.ndarray,
    level: np.ndarray,
    sparsity: int,
    threshold: float,
    chance: np.ndarray,
    first: int,
    last: int,
    index: np.ndarray,
) -> None:
    """Quantize neurons weight by weight, with their residual over the data at hand: for fewer rows than columns.

    u_t = u_(t-1) + w_t X_t - q_t X~_t, and q_t is the level nearest to <X~_t, u_(t-1) + w_t X_t> / |X~_t|^2.

    Parameters are those of `sweep_gram`, but for:

    Parameters
    ----------
    analog, quantized : (n_in, n_row) float64
        Columns of data X of the float network and X~ of the quantized one, each contiguous.
    """
    (n_in, n_row), n = analog.shape, last - first
    residual, a = np.zeros((n_row, n)), np.empty(n)
    w, q = np.empty((n_in, n)), np.zeros(n)
    w[:] = weight[:, first:last]
    for t in range(n_in):
        own, cross = 0.0, 0.0
        x, y = analog[t], quantized[t]
        for i in range(n_row):
            own += y[i] * y[i]
            cross += y[i] * x[i]
        a[:] = 0.0
        if t > 0:
            # the step before and this one's product, in one pass over the residual
            before, x_before, y_before = w[t - 1], analog[t - 1], quantized[t - 1]
            for i in range(n_row):
                u = residual[i]
                x_i, y_i, now = x_before[i], y_before[i], y[i]
                for k in range(n):
                    u_k = u[k] + (before[k] * x_i - q[k] * y_i)
                    u[k] = u_k
                    a[k] += now * u_k
        if not own >= DEAD:
            index[t, first:last] = NO_LEVEL
            q[:] = 0.0
            continue
        for k in range(n):
            argument = (a[k] + cross * w[t, k]) / own
            i = _choose(argument, level, sparsity, threshold, chance, t, first + k)
            index[t, first + k] = i
            q[k] = level[i]


@kernel
def align(
    weight: np.ndarray, cross: np.ndarray, own: np.ndarray, n_pass: int, first: int, last: int, aligned: np.ndarray
) -> None:
    """Real weights for the quantized network's data that do what the given ones do for the float network's.

    Sweeps over the columns of X~ w~ = X w in the least-squares sense: the first as in `sweep_gram`, without
    rounding, the others each a Gauss-Seidel sweep on H w~ = G w. Parameters are those of `sweep_gram`; `aligned`
    (n_in, n_out) float64 is written.
    """
    n_in = weight.shape[0]
    for k in range(first, last):
        for t in range(n_in):
            aligned[t, k] = 0.0
        for sweep in range(n_pass):
            for t in range(n_in):
                if not own[t, t] >= DEAD:
                    continue
                reach = t + 1 if sweep == 0 else n_in
                total = 0.0
                for j in range(reach):
                    total += cross[t, j] * weight[j, k] - own[t, j] * aligned[j, k]
                aligned[t, k] += total / own[t, t]


@kernel
def _choose(
    argument: float, level: np.ndarray, sparsity: int, threshold: float, chance: np.ndarray, t: int, k: int
) -> int:
    """Index of a level for a number; a tie takes the lower one."""
    if sparsity == SOFT:
        shrunk = abs(argument) - threshold
        argument = 0.0 if shrunk <= 0 else (shrunk if argument > 0 else -shrunk)
    last = level.shape[0] - 1
    i = 0
    if chance.shape[0] > 0:
        while i < last and argument >= level[i + 1]:
            i += 1
        if i < last and chance[t, k] < (argument - level[i]) / (level[i + 1] - level[i]):
            i += 1
    else:
        while i < last and argument - level[i] > level[i + 1] - argument:
            i += 1
    if sparsity == HARD and abs(argument) <= threshold:
        i = 0
        while i < last and level[i] < 0:
            i += 1
    return i
