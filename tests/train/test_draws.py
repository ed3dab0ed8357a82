"""Draws: unbiased, and nothing but what they may be.

Each mean of n draws is compared with 5 of its standard deviations: of a right sampler, one comparison in 1.7 million
fails, and with the 40 comparisons here one run in 40,000 would (seeds are fixed, so that none does twice).
"""

import numpy as np
import pytest
import torch

from hwsim.train.back_propagation import power_of_two
from hwsim.train.binary_connect import sample_binary, sample_ternary

pytestmark = pytest.mark.torch

N = 200_000
DEVIATIONS = 5


def assert_unbiased(sample, expected):
    values = sample.double()
    error = abs(float(values.mean()) - expected)
    assert error <= DEVIATIONS * float(values.std()) / N**0.5 + 1e-12


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("value", [-1.0, -0.73, -0.01, 0.0, 0.2, 0.999, 1.0])
@pytest.mark.parametrize("reach", [1.0, 0.0288])
def test_connect_samplers(value, reach):
    latent = torch.full((N,), value * reach)
    binary = sample_binary(latent, reach, generator(1))
    assert_unbiased(binary, float(latent[0]))
    assert set(binary.unique().tolist()) <= {-torch.tensor(reach).item(), torch.tensor(reach).item()}
    ternary = sample_ternary(latent, reach, generator(2))
    assert_unbiased(ternary, float(latent[0]))
    assert torch.all((ternary == 0) | (ternary.sign() == np.sign(value)))
    assert float(ternary.abs().max()) in (0.0, torch.tensor(reach).item())


def test_latent_weights_beyond_the_reach_count_as_its_ends():
    latent = torch.tensor([-3.0, 3.0]).repeat(1000)
    for sample in (sample_binary, sample_ternary):
        assert torch.equal(sample(latent, 1.0, generator(0)), latent.sign())


@pytest.mark.parametrize("value", [0.37, -0.37, 1.0, 1.5, -3.999, 1e-3, 7e4, 2.0**-20, 1.99])
def test_power_of_two(value):
    x = torch.full((N,), value)
    drawn = power_of_two(x, generator=generator(3))
    assert_unbiased(drawn, float(x[0]))
    lower = 2.0 ** np.floor(np.log2(abs(float(x[0]))))
    allowed = {np.sign(value) * lower, np.sign(value) * 2 * lower}
    assert set(drawn.unique().tolist()) <= allowed
    if abs(value) == lower:
        assert torch.equal(drawn, x)


@pytest.mark.parametrize("value", [0.07, -0.5, 12.3])
def test_power_of_two_is_unbiased_within_its_limits(value):
    assert_unbiased(power_of_two(torch.full((N,), value), 4, generator=generator(4)), value)


def test_power_of_two_beyond_its_limits():
    x = torch.tensor([0.01, -0.01, 16.0, 17.0, -1000.0])
    for seed in range(20):
        drawn = power_of_two(x, 4, generator=generator(seed))
        assert drawn.tolist() == [2**-4, -(2**-4), 16, 16, -16]


def test_zero():
    zero = torch.tensor([0.0, -0.0])
    for shift in (None, 4):
        assert torch.equal(power_of_two(zero, shift), torch.zeros(2))
    assert power_of_two(zero, 4, "released").tolist() == [-(2**-4)] * 2
    assert torch.equal(power_of_two(zero, None, "released"), torch.zeros(2))


def test_torchs_own_generator_serves_where_none_is_given():
    torch.manual_seed(5)
    first = power_of_two(torch.full((100,), 0.7))
    torch.manual_seed(5)
    assert torch.equal(power_of_two(torch.full((100,), 0.7)), first)
