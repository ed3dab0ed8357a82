"""The sweeps of greedy path-following quantization against the plain recursion, written here from the definition."""

import numpy as np
import pytest

from hwsim.kernels.gpfq import HARD, NO_LEVEL, NO_SPARSITY, SOFT, align, sweep_gram, sweep_rows

pytestmark = pytest.mark.plain

TERNARY = np.array([-1.0, 0.0, 1.0])
EVEN = np.array([-3.0, -1.0, 1.0, 3.0]) / 4
UNEVEN = np.array([-2.0, -0.5, 0.0, 0.25, 1.5, 1.75])


def residual_recursion(weight, analog, quantized, level):
    """Indices of levels: at every step that whose residual is shortest, the first of equals; -1 on dead columns."""
    index = np.zeros(weight.shape, int)
    for k in range(weight.shape[1]):
        u = np.zeros(len(analog))
        for t in range(len(weight)):
            column = quantized[:, t]
            wanted = u + weight[t, k] * analog[:, t]
            length = column @ column
            if np.sqrt(length) < 1e-16:
                index[t, k] = NO_LEVEL
                u = wanted
                continue
            index[t, k] = np.argmin(np.abs(level - column @ wanted / length))
            u = wanted - level[index[t, k]] * column
    return index


def by_gram(weight, analog, quantized, level, parts=None, sparsity=NO_SPARSITY, threshold=0.0, chance=None):
    index = np.full(weight.shape, 99, np.int16)
    chance = np.empty((0, 0)) if chance is None else chance
    cross, own = np.ascontiguousarray(quantized.T @ analog), np.ascontiguousarray(quantized.T @ quantized)
    for first, last in parts or [(0, weight.shape[1])]:
        sweep_gram(weight, cross, own, level, sparsity, threshold, chance, first, last, index)
    return index


def by_rows(weight, analog, quantized, level, parts=None, sparsity=NO_SPARSITY, threshold=0.0, chance=None):
    index = np.full(weight.shape, 99, np.int16)
    chance = np.empty((0, 0)) if chance is None else chance
    columns = [np.ascontiguousarray(each.T) for each in (analog, quantized)]
    for first, last in parts or [(0, weight.shape[1])]:
        sweep_rows(weight, *columns, level, sparsity, threshold, chance, first, last, index)
    return index


def drawn(seed, m, n_in, n_out, dead=()):
    """Data of a layer whose earlier layers have been quantized, so that the two differ."""
    generator = np.random.default_rng(seed)
    analog = generator.normal(size=(m, n_in))
    quantized = analog + 0.3 * generator.normal(size=(m, n_in))
    quantized[:, list(dead)] = 0
    return generator.uniform(-1, 1, (n_in, n_out)), analog, quantized


@pytest.mark.parametrize("level", [TERNARY, EVEN, UNEVEN], ids=["ternary", "even", "uneven"])
@pytest.mark.parametrize(("m", "n_in", "n_out"), [(50, 17, 9), (6, 40, 5), (1, 7, 3), (30, 1, 4), (9, 4, 40)])
@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_equals_the_residual_recursion(sweep, m, n_in, n_out, level):
    for seed in range(3):
        data = drawn(seed, m, n_in, n_out)
        assert np.array_equal(sweep(*data, level), residual_recursion(*data, level))


@pytest.mark.parametrize("level", [TERNARY, EVEN], ids=["ternary", "even"])
@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_dead_columns_become_zero_and_their_weights_are_carried_on(sweep, level):
    for dead in [(0,), (3, 4), (0, 1, 11), tuple(range(12))]:
        data = drawn(7, 20, 12, 6, dead)
        index = sweep(*data, level)
        assert np.array_equal(index, residual_recursion(*data, level))
        assert np.all(index[list(dead)] == NO_LEVEL)
        alive = [t for t in range(12) if t not in dead]
        assert np.all(index[alive] >= 0)


@pytest.mark.parametrize("level", [TERNARY, EVEN], ids=["ternary", "even"])
@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_ties_take_the_lower_level(sweep, level):
    """Whole data and weights in eighths: every sum is exact, whatever its order, and many arguments are ties."""
    n_tie = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        columns = generator.permuted(
            np.repeat(np.eye(8), 2, axis=1), axis=0
        )  # of length 1, so that quotients are exact
        analog = columns * generator.choice([-1, 1], 16)
        weight = generator.integers(-8, 9, (16, 12)) / 8
        data = (weight, analog, columns)
        index = sweep(*data, level)
        assert np.array_equal(index, residual_recursion(*data, level))
        middle = (level[1:] + level[:-1]) / 2
        arguments = (columns.T @ analog)[0, 0] * weight[0]
        n_tie += np.isin(arguments, middle).sum()
    assert n_tie > 5


@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_a_neuron_alone_and_among_others(sweep):
    weight, analog, quantized = drawn(1, 25, 30, 37)
    together = sweep(weight, analog, quantized, UNEVEN)
    for parts in ([(k, k + 1) for k in range(37)], [(0, 5), (5, 36), (36, 37)], [(20, 37), (0, 20)]):
        assert np.array_equal(sweep(weight, analog, quantized, UNEVEN, parts), together)
    alone = [sweep(np.ascontiguousarray(weight[:, k : k + 1]), analog, quantized, UNEVEN) for k in range(37)]
    assert np.array_equal(np.concatenate(alone, axis=1), together)


@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_identical_columns_are_first_order_sigma_delta(sweep):
    """With X_t = X~_t the same for all t, u is a multiple of it and stays within half a step."""
    weight = np.random.default_rng(5).uniform(-1, 1, (200, 3))
    data = np.ones((4, 200))
    index = sweep(weight, data, data, TERNARY)
    running = np.cumsum(weight - TERNARY[index], axis=0)
    assert np.abs(running).max() <= 0.5 + 1e-12


def test_thresholds():
    """One column, so that the argument is the weight itself."""
    level = np.array([-2.0, -1, 0, 1, 2])
    weight = np.array([[-1.7, -1.2, -0.79, -0.6, 0.2, 0.7, 0.9, 1.4, 5.0]])
    data = np.ones((3, 1))
    soft = level[by_gram(weight, data, data, level, sparsity=SOFT, threshold=0.3)]
    assert soft.tolist() == [[-1, -1, 0, 0, 0, 0, 1, 1, 2]]
    hard = level[by_rows(weight, data, data, level, sparsity=HARD, threshold=0.75)]
    assert hard.tolist() == [[-2, -1, -1, 0, 0, 0, 1, 1, 2]]


@pytest.mark.parametrize("sweep", [by_gram, by_rows])
def test_rounding_at_random_is_right_in_the_mean(sweep):
    level = np.array([-1.0, 0.0, 2.0])
    weight = np.tile([[-3.0, -1.0, -0.25, 0.5, 2.0, 2.5]], (1, 4000))
    data = np.ones((2, 1))
    chance = np.random.default_rng(0).random(weight.shape)
    index = sweep(weight, data, data, level, chance=chance)
    mean = level[index].reshape(4000, 6).mean(axis=0)
    np.testing.assert_allclose(mean, [-1, -1, -0.25, 0.5, 2, 2], atol=0.06)
    assert level[index].reshape(4000, 6)[:, [0, 1, 4, 5]].std(axis=0).tolist() == [0, 0, 0, 0]


def test_alignment_comes_to_least_squares():
    weight, analog, quantized = drawn(3, 60, 8, 5)
    cross, own = quantized.T @ analog, quantized.T @ quantized
    errors = []
    for n_pass in (1, 2, 5, 200):
        aligned = np.full(weight.shape, np.nan)
        align(weight, cross, own, n_pass, 0, 3, aligned)
        align(weight, cross, own, n_pass, 3, 5, aligned)
        errors.append(np.linalg.norm(analog @ weight - quantized @ aligned))
    best = np.linalg.lstsq(quantized, analog @ weight, rcond=None)[0]
    np.testing.assert_allclose(aligned, best, atol=1e-8)
    assert sorted(errors, reverse=True) == errors


def test_one_pass_of_alignment_before_quantizing_changes_nothing():
    """Order 1 of SPFQ is GPFQ."""
    weight, analog, quantized = drawn(4, 60, 20, 10)
    aligned = np.zeros_like(weight)
    align(weight, quantized.T @ analog, quantized.T @ quantized, 1, 0, 10, aligned)
    ours = by_gram(aligned, quantized, quantized, UNEVEN)
    assert np.array_equal(ours, by_gram(weight, analog, quantized, UNEVEN))
