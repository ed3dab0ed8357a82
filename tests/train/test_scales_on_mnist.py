"""Sigma-delta networks on Temporal-MNIST: points of error and additions that have to be reached."""

from dataclasses import replace

import numpy as np
import pytest

import hwsim
from hwsim.convert import sigma_delta
from hwsim.convert.coding import Coding
from hwsim.train.scales import RECIPES, Settings, learn

pytestmark = [pytest.mark.torch, pytest.mark.data, pytest.mark.slow]

N_LEARN = 10_000
POINTS = {1.5e-5: (0.3, 36_000), 1.2e-4: (0.8, 20_000)}
"""Error above the original's at most [points], and additions per frame at most, by lambda."""


@pytest.fixture(scope="module")
def network():
    return hwsim.load_network("mnist-mlp")


@pytest.fixture(scope="module")
def train():
    return hwsim.load_dataset("mnist", "train", order="temporal", frames=N_LEARN)


@pytest.fixture(scope="module")
def test():
    return hwsim.load_dataset("mnist", order="temporal")


@pytest.fixture(scope="module")
def learned(network, train):
    settings = Settings(1.0, **(RECIPES["temporal"] | {"epochs": 4}))
    return {lam: tuple(learn(network, train, replace(settings, lam=lam)).codings.values()) for lam in POINTS}


@pytest.mark.parametrize("lam", POINTS)
def test_error_and_additions(network, train, test, learned, lam):
    original = hwsim.simulate(network, test)
    counts = hwsim.count(original.activity, "mac-array")
    assert counts.total("synapse", "multiplication") == 198_800 * len(test)
    run = hwsim.simulate(sigma_delta.convert(network, train, learned[lam], headroom=1), test, "delta")
    counts = hwsim.count(run.activity, "sigma-delta-adder")
    assert counts.total("synapse", "multiplication") == 0
    points, additions = POINTS[lam]
    assert 100 * (original.accuracy - run.accuracy) <= points
    assert counts.total("synapse", "addition") / len(test) <= additions


def test_integers_lose_at_most_a_tenth_of_a_point(network, train, test, learned):
    codings = [(Coding(scale),) * 3 for scale in (1.0, 2.0, 4.0)] + list(learned.values())
    for each in codings:
        real, integer = (
            hwsim.simulate(sigma_delta.convert(network, train, each, bits, headroom=1), test, "sparse").predictions
            for bits in (None, 8)
        )
        right = [np.mean(found == test.labels) for found in (real, integer)]
        assert 100 * abs(right[0] - right[1]) <= 0.1 + 1e-9
        assert np.any(real != integer)  # two networks, not one
