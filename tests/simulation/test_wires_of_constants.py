"""Layers that are led nothing but constants."""

import numpy as np
import pytest

import hwsim
from hwsim.errors import NetworkError


def test_a_layer_that_reads_constants_alone_is_refused():
    layers = (
        hwsim.Pad2d("pad", padding=((0, 1), (0, 0))),
        hwsim.Slice("rest", start=2, axis=1),
        hwsim.GlobalAvgPool("mean"),
    )
    network = hwsim.Network("zeros", (1, 2, 2), layers)
    with pytest.raises(NetworkError, match="layer mean: reads constants alone"):
        hwsim.simulate(network, np.ones((1, 1, 2, 2), np.float32))
