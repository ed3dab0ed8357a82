"""What scale, offset and rounding constants of integers cost and store, worked out by hand."""

import numpy as np
import pytest

from hwsim.counting.accounting import count
from hwsim.datasets import Dataset
from hwsim.network.graph import Network
from hwsim.network.layers import Affine, Dense, Quantize, Weight
from hwsim.network.number_format import NumberFormat
from hwsim.simulation.simulator import simulate

INT8, INT4 = NumberFormat("integer", 8), NumberFormat("integer", 4)


def counted(*layers):
    """Operations of the neurons, and words of weights read, of one frame of eight inputs to three neurons."""
    dense = Dense("dense", terms=(Weight(np.ones((8, 3), np.int64), INT4),))
    network = Network("by hand", (8,), (dense, *layers), input_format=INT8)
    run = simulate(network, Dataset(np.ones((1, 8), np.int64), name="ones"), "dense")
    counts = count(run.activity, "mac-array").entries
    neuron = {str(key.operation): int(n.sum()) for key, n in counts.items() if key.phase == "neuron"}
    (work,) = run.activity.layers[-1].work
    words = sum(int(n.sum()) for key, n in counts.items() if key.operation.memory == "weights")
    return neuron, work, words


def test_offsets_of_an_affine_take_the_bits_that_they_need():
    """Scale 1: multipliers of 2**14, step 2**-14. The offsets are up to 59 x 2**14 = 966,656 of these: 21 bits."""
    affine = Affine("affine", scale=1.0, offset=[1.0, -59.0, 2.0])
    neuron, work, _ = counted(affine)
    # 8 x 128 = 1024 fits 16 bits; its products with 2**14 need 26 bits, which are 32
    assert neuron == {"multiplication int16 x int16": 3, "addition int32": 3}
    assert (work.n_parameter, work.parameter_bit_width) == (3, 21)  # the one scale is wired in


def test_an_offset_wider_than_the_product_widens_the_addition():
    """2**19 x 2**14 needs 35 bits, which are 64."""
    neuron, work, _ = counted(Affine("affine", scale=1.0, offset=[1.0, -(2.0**19), 2.0]))
    assert neuron == {"multiplication int16 x int16": 3, "addition int64": 3}
    assert work.parameter_bit_width == 35


def test_multipliers_and_offsets_by_channel_are_both_stored():
    _, work, _ = counted(Affine("affine", scale=[1.0, 0.5, 0.75], offset=[1.0, -59.0, 2.0]))
    assert (work.n_parameter, work.parameter_bit_width) == (3, 16 + 21)


def test_a_constant_per_channel_is_stored_and_added():
    """Ratio 3/4: multiplier 3/4 x 2**15, and the offset 5.25 x 2**15 with the half are 188,416: 19 bits."""
    quantize = Quantize("out", scale=0.75, offset=[0.5, -0.25, 5.25], multiplier_bit_width=16)
    neuron, work, words = counted(quantize)
    # 1024 x 3/4 x 2**15 needs 26 bits
    assert neuron == {"multiplication int16 x int16": 3, "addition int32": 3, "constant_shift int16": 3}
    assert (work.n_parameter, work.parameter_bit_width) == (3, 19)
    _, _, without = counted(Quantize("out", scale=0.75, multiplier_bit_width=16))
    assert words - without == 1  # 3 x 19 bits in words of 64


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_one_constant_for_all_channels_is_wired_in(offset):
    neuron, work, _ = counted(Quantize("out", scale=0.75, offset=offset, multiplier_bit_width=12))
    assert neuron == {"multiplication int16 x int12": 3, "constant_shift int16": 3}
    assert work.n_parameter == 0


def test_a_constant_beside_a_shift():
    """Ratio 1/4: two bits below the shift's two, in which -0.75 x 16 + 8 and 5.3 x 16 + 8 = 92.8 (8 bits) are kept."""
    neuron, work, _ = counted(Quantize("out", scale=0.25, offset=[0.0, -0.75, 5.3]))
    assert neuron == {"addition int16": 3, "constant_shift int16": 3}  # 1024 x 4 needs 14 bits
    assert (work.n_parameter, work.parameter_bit_width) == (3, 8)


def test_the_sum_of_an_affine_is_as_wide_as_its_widest_channel_needs():
    # signed multipliers of 8 bits make 64ths: 128 x 64 in one channel, 128 x 16 + 400 x 64 in the other; one channel's
    # product never meets the other's offset, so that 16 bits hold either
    affine = Affine("affine", scale=[1.0, 0.25], offset=[0.0, 400.0], multiplier_bit_width=8)
    made = Network("two channels", (2,), (affine,), input_format=INT8).output
    assert made.bound == max(128 * 64, 128 * 16 + 400 * 64) == 27_648
    assert made.format.bit_width == 16
