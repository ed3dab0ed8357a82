"""Solvers against every possible answer on small problems, and against each other on larger ones."""

import itertools

import numpy as np
import pytest

from hwsim import solvers
from hwsim.solvers import SolverError, weighted_error

KINDS = ("normal", "ties", "one sign", "with zeros", "tiny curvature", "one")
TERNARY = solvers.Levels((0, 1))


def problem(kind, seed, n=7):
    generator = np.random.default_rng(seed)
    n = 1 if kind == "one" else n
    weight, curvature = generator.normal(size=n), generator.exponential(size=n) + 1e-8
    if kind == "ties":
        weight, curvature = np.round(weight), np.ones(n)
    if kind == "one sign":
        weight = -np.abs(weight)
    if kind == "with zeros":
        weight[::2] = 0
    if kind == "tiny curvature":
        curvature[: n // 2] = 1e-8
    return weight, curvature


def least_error(weight, curvature, codes):
    """The least error of all sets of codes, each with its best scale, which is never negative."""
    code = np.array(list(itertools.product(codes, repeat=len(weight))), np.float64)
    square = code**2 @ curvature
    scale = np.where(square > 0, np.maximum(0, code @ (curvature * weight)) / np.where(square > 0, square, 1), 0)
    return 0.5 * np.min((weight - scale[:, None] * code) ** 2 @ curvature)


def least_error_of_two_scales(weight, curvature):
    """The least error of all patterns of signs and zeros, each with the best scale of either sign."""
    code = np.array(list(itertools.product((-1, 0, 1), repeat=len(weight))))
    error = np.full(len(code), np.sum(curvature * weight**2))
    for sign in (1, -1):
        chosen = code == sign
        product, square = chosen @ (curvature * sign * weight), chosen @ curvature
        error -= np.maximum(0, product) ** 2 / np.where(square > 0, square, 1)
    return 0.5 * error.min()


def assert_least(weight, curvature, solved, expected):
    error = weighted_error(weight, curvature, solved)
    assert error == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_exact_solvers_equal_brute_force(kind, seed):
    weight, curvature = problem(kind, seed)
    assert_least(weight, curvature, solvers.solve_lab(weight, curvature), least_error(weight, curvature, (-1, 1)))
    expected = least_error(weight, curvature, (-1, 0, 1))
    assert_least(weight, curvature, solvers.solve_lat_exact(weight, curvature), expected)
    expected = least_error_of_two_scales(weight, curvature)
    assert_least(weight, curvature, solvers.solve_lat_two_scales_exact(weight, curvature), expected)


@pytest.mark.parametrize("levels", [solvers.linear_levels(3), solvers.logarithmic_levels(3), solvers.linear_levels(2)])
@pytest.mark.parametrize("kind", KINDS)
def test_exact_solver_on_a_grid_equals_brute_force(kind, levels):
    weight, curvature = problem(kind, 11, n=5)
    codes = sorted({sign * level for level in levels.magnitude for sign in (-1, 1)})
    solved = solvers.solve_laq_exact(weight, curvature, levels)
    assert set(np.abs(solved.code)) <= set(levels.magnitude)
    assert_least(weight, curvature, solved, least_error(weight, curvature, codes))


def pairs(weight, curvature, previous):
    yield solvers.solve_lat_exact(weight, curvature), solvers.solve_lat(weight, curvature, previous)
    two = solvers.solve_lat_two_scales(weight, curvature, previous)
    yield solvers.solve_lat_two_scales_exact(weight, curvature), two
    for bit_width in (3, 4):
        for levels in (solvers.linear_levels(bit_width), solvers.logarithmic_levels(bit_width)):
            exact = solvers.solve_laq_exact(weight, curvature, levels)
            for rule in ("least-squares", "released"):
                yield exact, solvers.solve_laq(weight, curvature, levels, rule, previous)


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("given", [False, True])
def test_exact_never_loses_to_approximate(kind, given):
    for seed in range(8):
        weight, curvature = problem(kind, seed, n=60)
        previous = np.random.default_rng(seed).integers(-1, 2, weight.size) if given else None
        for exact, approximate in pairs(weight, curvature, previous):
            least, other = (weighted_error(weight, curvature, each) for each in (exact, approximate))
            assert least <= other * (1 + 1e-12) + 1e-15


def test_approximate_comes_close_on_large_problems():
    weight, curvature = problem("normal", 0, n=3000)
    zero = weighted_error(weight, curvature, np.zeros(3000))
    for exact, approximate in itertools.islice(pairs(weight, curvature, None), 2):
        gap = weighted_error(weight, curvature, approximate) - weighted_error(weight, curvature, exact)
        assert gap <= 1e-4 * zero
    assert 0.40 < np.mean(solvers.solve_lat_exact(weight, curvature).code == 0) < 0.52


@pytest.mark.parametrize("seed", range(5))
def test_equal_curvature_solves_the_problem_of_ternary_weight_networks(seed):
    weight, _ = problem("normal", seed)
    equal = solvers.solve_lat_exact(weight, np.full(weight.size, 0.37))
    best = min(
        float(np.sum((weight - scale * np.sign(weight) * (np.abs(weight) > threshold)) ** 2))
        for threshold in [0, *np.abs(weight)]
        if np.any(np.abs(weight) > threshold)
        for scale in [np.abs(weight)[np.abs(weight) > threshold].mean()]
    )
    assert 2 * weighted_error(weight, None, equal) == pytest.approx(best, rel=1e-12)
    assert equal.value == pytest.approx(solvers.solve_lat_exact(weight).value)
    assert weighted_error(weight, None, equal) <= weighted_error(weight, None, solvers.solve_twn(weight)) + 1e-12


def released_laq(weight, curvature, linear, bit_width, rounds):
    """The published code's loop, one operation per line, in levels from 0 to 1: codes follow the last scale."""
    k = 2 ** (bit_width - 1) - 1

    def best_reach(code):
        return np.sum(np.abs(code) * curvature * np.abs(weight)) / np.sum(np.abs(code) * curvature)

    def codes(reach):
        t = np.clip(weight / reach, -1, 1)
        if linear:
            return np.round(t * k) / k
        lifted = np.maximum(2.0 ** np.round(np.log2(np.abs(t)) - 0.0849625), 2.0 ** (1 - k))
        return np.where(np.abs(t) < 2.0**-k, 0, np.sign(t) * lifted)

    reach = best_reach(np.abs(weight) > 0.7 * np.abs(weight).mean())
    code = codes(reach)
    for _ in range(rounds):
        before, reach = reach, best_reach(code)
        code = codes(reach)
        if abs(reach - before) < 1e-6:
            break
    return reach * code


@pytest.mark.parametrize("bit_width", [3, 4])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("rounds", [1, 2, 10])
def test_released_rule_does_what_the_published_code_does(linear, bit_width, rounds):
    levels = (solvers.linear_levels if linear else solvers.logarithmic_levels)(bit_width)
    for seed in range(20):
        weight, curvature = problem("normal", seed, n=200)
        solved = solvers.solve_laq(weight, curvature, levels, "released", max_iterations=rounds)
        expected = released_laq(weight, curvature, linear, bit_width, rounds)
        np.testing.assert_allclose(solved.value, expected, rtol=1e-12)


def test_least_squares_rule_is_far_better_than_the_released_one():
    weight, curvature = problem("normal", 1, n=20_000)
    zero = weighted_error(weight, curvature, np.zeros_like(weight))
    # of the error that no weights at all would make; alternation may stop short of the least, by 3 % on many levels
    for levels, share in ((solvers.linear_levels(3), 0.0475), (solvers.logarithmic_levels(4), 0.0376)):
        released, least, exact = (
            weighted_error(weight, curvature, each) / zero
            for each in (
                solvers.solve_laq(weight, curvature, levels, "released"),
                solvers.solve_laq(weight, curvature, levels),
                solvers.solve_laq_exact(weight, curvature, levels),
            )
        )
        assert 0.10 < released < 0.13
        assert exact == pytest.approx(share, rel=0.01)
        assert exact <= least <= 1.03 * exact


@pytest.mark.plain
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(dtype):
    generator = np.random.default_rng(5)
    weight, curvature = generator.normal(size=(4, 3, 2)).astype(dtype), generator.random((4, 3, 2)).astype(dtype) + 0.1
    flat = solvers.solve_lat_exact(weight.ravel(), curvature.ravel())
    solved = solvers.solve_lat_exact(weight, curvature)
    assert solved.code.shape == weight.shape
    assert solved.code.dtype == np.int8
    np.testing.assert_array_equal(solved.code.ravel(), flat.code)
    two = solvers.solve_lat_two_scales(weight, curvature)
    assert two.code.shape == weight.shape
    assert weighted_error(weight, curvature, two) <= weighted_error(weight, curvature, solved) * 1.01


def test_all_weights_zero():
    weight = np.zeros((2, 3))
    for solved in (solvers.solve_lat(weight), solvers.solve_lat_exact(weight), solvers.solve_laq(weight)):
        assert solved.scale == 0
        assert not solved.code.any()
    two = solvers.solve_lat_two_scales_exact(weight)
    assert (two.positive, two.negative, two.code.any()) == (0, 0, False)


def test_a_side_without_weights_has_scale_zero():
    solved = solvers.solve_lat_two_scales([1.0, 2.0, 3.0])
    assert solved.negative == 0
    assert solved.positive > 0
    assert np.all(solved.code >= 0)


def test_a_side_of_small_weights_is_not_lost():
    """Zeros count as positive to begin with; those that are large and negative put the scale out of the reach."""
    weight, previous = [0.01, -0.3, -1.0], [0, 0, -1]
    for before in (None, previous):
        solved = solvers.solve_lat_two_scales(weight, previous=before)
        assert solved.code.tolist() == [1, 0, -1]
        assert solved.positive == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("weight", "curvature", "expected"),
    [
        ([1.0, np.nan], None, "weights are not finite"),
        ([1.0, -np.inf], None, "weights are not finite"),
        ([1.0, 2.0], [1.0, 0.0], "curvatures from 0 to 1"),
        ([1.0, 2.0], [1.0, np.inf], "curvatures from 1 to inf"),
        ([1.0, 2.0], [1.0], "of shape"),
        ([], None, "of shape"),
    ],
)
def test_what_cannot_be_solved(weight, curvature, expected):
    for solve in (solvers.solve_lab, solvers.solve_lat, solvers.solve_lat_two_scales_exact, solvers.solve_laq_exact):
        with pytest.raises(SolverError, match=expected):
            solve(weight, curvature)


@pytest.mark.parametrize("weight", [[np.inf, -np.inf], ["a"], [1j], [[1.0], [1.0, 2.0]]])
def test_what_is_no_weight(weight):
    for solve in (solvers.solve_lab, solvers.solve_lat, solvers.solve_lat_two_scales_exact, solvers.solve_laq_exact):
        with pytest.raises(SolverError):
            solve(weight)


@pytest.mark.parametrize("previous", [[1, 1], [1, 0, np.nan]])
def test_previous_codes_that_do_not_fit(previous):
    for solve in (solvers.solve_lat, solvers.solve_lat_two_scales, solvers.solve_laq):
        with pytest.raises(SolverError, match="previous codes for 3 weights; expected a finite one for each"):
            solve([0.5, -0.2, 0.1], previous=previous)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rule": "Released"}, "expected least-squares or released"),
        ({"max_iterations": 0}, "0 rounds; expected"),
        ({"levels": solvers.Levels((0, 200))}, "whole numbers that rise from 0"),
        ({"levels": solvers.Levels((1, 2))}, "whole numbers that rise from 0"),
        ({"levels": solvers.Levels((0, 3, 1))}, "whole numbers that rise from 0"),
        ({"levels": solvers.Levels((0,))}, "whole numbers that rise from 0"),
    ],
)
def test_options_that_are_none(options, expected):
    with pytest.raises(SolverError, match=expected):
        solvers.solve_laq([0.5, -0.2, 0.1], **options)


def test_error_of_too_few_quantized_weights():
    with pytest.raises(SolverError, match="1 quantized weights for 3 real ones"):
        weighted_error([0.5, -0.2, 0.1], None, [1.0])


@pytest.mark.plain
@pytest.mark.parametrize(("weights", "curvatures"), [(-560, 0), (-1030, 0), (540, 0), (1023, 0), (0, -990), (0, 1000)])
def test_exact_solvers_know_no_unit(weights, curvatures):
    """Powers of two as units of weights and curvatures leave the codes, even where their squares leave float64."""
    weight, curvature = np.array([0.9375, -0.5, 0.25, -0.125, 0.0625]), np.array([0.0625, 0.5, 1.0, 0.25, 0.125])
    far = np.ldexp(weight, weights), np.ldexp(curvature, curvatures)
    for solve in (solvers.solve_lab, solvers.solve_lat_exact, solvers.solve_laq_exact):
        near, solved = solve(weight, curvature), solve(*far)
        np.testing.assert_array_equal(solved.code, near.code)
        assert solved.scale == pytest.approx(np.ldexp(near.scale, weights), rel=1e-9, abs=0)
    near, solved = solvers.solve_lat_two_scales_exact(weight, curvature), solvers.solve_lat_two_scales_exact(*far)
    np.testing.assert_array_equal(solved.code, near.code)


def test_levels():
    assert solvers.linear_levels(3).magnitude == (0, 1, 2, 3)
    assert solvers.logarithmic_levels(4).magnitude == (0, 1, 2, 4, 8, 16, 32, 64)
    assert solvers.linear_levels(2) == solvers.logarithmic_levels(2) == TERNARY
    for make, bit_width in ((solvers.linear_levels, 9), (solvers.logarithmic_levels, 5), (solvers.linear_levels, 1)):
        with pytest.raises(SolverError, match=f"levels of {bit_width} bits; write 2 to"):
            make(bit_width)
