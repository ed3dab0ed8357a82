"""What layers say that their neurons do, each in its place, and what becomes of it in counts."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import hwsim
from hwsim import Affine, AvgPool2d, Conv2d, Dense, HardTanh, Network, Quantize, ReLU, Sigmoid, Weight
from hwsim.activity import NeuronWork
from hwsim.network.layers import ElementWise, Flatten
from hwsim.network.number_format import BF16, FP32, integer
from hwsim.network.operation import Operation
from hwsim.network.signals import real_signal
from hwsim.simulation.neuron_work import neuron_work

INT8 = integer(8)
TERNARY = hwsim.NumberFormat("ternary", 2)
MULTIPLICATION, ADDITION = Operation("multiplication", ("fp32", "fp32")), Operation("addition", ("fp32",))
COMPARISON, SHIFT = Operation("comparison", ("fp32",)), Operation("constant_shift", ("fp32",))


@dataclass(frozen=True, eq=False)
class Cubic(ElementWise):
    """The cube of a real number, at most `highest`: a layer that the package does not know."""

    highest: float = 8.0

    def signal(self, *source):
        return real_signal(*source)

    def work(self, read, place):
        multiplication = Operation.of("multiplication", read.format, read.format)
        comparison = Operation.of("comparison", read.format)
        return (NeuronWork(self.name, ((multiplication, 2), (comparison, 1)), place.n_scale, read.format.bit_width),)


@dataclass(frozen=True, eq=False)
class Shuffle(ElementWise):
    """One that says nothing of work."""

    def signal(self, *source):
        return source[0]


def scaled(scale=(0.5, 0.25, 3.0)):
    """Real numbers that meet ternary codes, whose scales are one per channel."""
    return Dense("dense", terms=(Weight(np.eye(4, 3, dtype=int), TERNARY, scale=np.asarray(scale)),))


def work_of(*layers, shape=(4,), format=FP32):
    """The work of the stage of a network's first layer with neurons."""
    network = Network("n", shape, layers, format)
    stage = next(stage for stage in network.stages if stage.head)
    reads = [network.signals[name] for name in stage.sources]
    return neuron_work(stage, reads, network.signals[stage.head.name])


def test_own_layers_say_what_they_do():
    (work,) = work_of(Dense("dense", terms=(Weight(np.eye(4)),)), Cubic("cube"))
    assert work == NeuronWork("cube", ((MULTIPLICATION, 2), (COMPARISON, 1)), 0, 32)
    (work,) = work_of(Dense("dense", terms=(Weight(np.eye(4), BF16),)), Cubic("cube"), format=BF16)
    assert work.operations[0] == (Operation("multiplication", ("bf16", "bf16")), 2)


def test_a_layer_that_says_nothing_has_no_work():
    assert work_of(Dense("dense", terms=(Weight(np.eye(4)),)), Shuffle("shuffle"), Flatten("flatten")) == ()


@pytest.mark.parametrize("execution", ["dense", "sparse", "delta"])
def test_own_work_comes_out_in_counts(execution):
    dense = Dense("dense", terms=(Weight(np.eye(4)),))
    run = hwsim.simulate(Network("n", (4,), (dense, ReLU("relu"))), np.ones((5, 4), np.float32), execution)
    *before, layer = run.activity.layers
    cubing = replace(layer, work=work_of(dense, Cubic("cube")))
    counts = hwsim.count(replace(run.activity, layers=(*before, cubing)))
    n_update = int(layer.touched.sum())
    neuron = {key.operation: int(n.sum()) for key, n in counts.entries.items() if key.phase == "neuron"}
    assert neuron == {MULTIPLICATION: 2 * n_update, COMPARISON: n_update}


def test_scales_are_multiplied_before_an_own_layer_bends():
    """A Quantize behind it makes up for no factor of what it reads, and stores no multipliers."""
    scaling, cube, quantize = work_of(scaled(), Cubic("cube"), Quantize("out"))
    assert scaling == NeuronWork("dense", ((MULTIPLICATION, 1),), 3, 32)
    assert (cube.layer, cube.n_parameter) == ("cube", 3)
    assert quantize == NeuronWork("out", ((MULTIPLICATION, 1), (SHIFT, 1)))


@pytest.mark.parametrize("between", [(), (ReLU("relu"),), (HardTanh("clip"), Flatten("flatten"))])
@pytest.mark.parametrize("last", [Quantize("out"), Affine("out")])
def test_scales_wait_for_what_makes_up_for_them(between, last):
    *others, work = work_of(scaled(), *between, last)
    assert work.layer == "out"
    assert "dense" not in {each.layer for each in others}
    assert (work.n_parameter, work.parameter_bit_width) == (3, 32)


def test_scales_that_nothing_makes_up_for_are_multiplied():
    assert [each.layer for each in work_of(scaled(), ReLU("relu"))] == ["dense", "relu"]
    assert [each.layer for each in work_of(scaled(), Sigmoid("sigmoid"), Quantize("out"))] == [
        "dense",
        "sigmoid",
        "out",
    ]


@pytest.mark.parametrize(
    ("before", "limits", "n_comparison"),
    [
        ((), (0.0, 6.0), 2),
        ((ReLU("relu"),), (0.0, 6.0), 1),
        ((ReLU("relu"), Flatten("flatten")), (0.0, 6.0), 2),
        ((ReLU("relu"),), (-np.inf, 6.0), 1),
        ((ReLU("relu"),), (0.0, np.inf), 0),
    ],
)
def test_a_relu_right_before_has_compared_with_the_lower_limit(before, limits, n_comparison):
    *_, work = work_of(Dense("dense", terms=(Weight(np.eye(4)),)), *before, HardTanh("clip", (), *limits))
    assert work == NeuronWork("clip", ((COMPARISON, n_comparison),))


def test_codes_that_are_only_clipped_are_worked_on_without_operations():
    dense = Dense("dense", terms=(Weight(np.eye(4, dtype=int), INT8),))
    assert work_of(dense, Quantize("out", bit_width=4), format=INT8) == (NeuronWork("out"),)


@pytest.mark.parametrize(("kernel", "operation"), [(2, SHIFT), (3, MULTIPLICATION)])
def test_real_means_are_divided_unless_a_quantizer_does(kernel, operation):
    pool = AvgPool2d("pool", kernel=kernel)
    assert work_of(pool, shape=(2, 6, 6)) == (NeuronWork("pool", ((operation, 1),)),)
    assert [each.layer for each in work_of(pool, Quantize("out"), shape=(2, 6, 6))] == ["out"]
    assert work_of(pool, shape=(2, 6, 6), format=INT8) == ()


def test_two_accumulators_are_freed_of_zero_points_and_merged():
    """8 x 128 x 1 fits 16 bits; times 2**14 or so 32 do."""
    code = np.ones((2, 8, 1, 1), int)
    terms = Weight(code, INT8, scale=1.0), Weight(code, INT8, scale=[0.3, 0.7], zero_point=np.array([3, 4]))
    zero_point, merge = work_of(Conv2d("conv", terms=terms), shape=(8, 1, 1), format=INT8)
    sums = ("int16",)
    expected = (Operation("multiplication", ("int16", "int8")), 1), (Operation("addition", sums), 1)
    assert zero_point == NeuronWork("conv", expected, 2, 8)
    (multiplication, _), (addition, _) = merge.operations
    assert multiplication == Operation("multiplication", (*addition.format, "int16"))
    # one multiplier per channel, the largest 0.7 x 2**15 = 22,938: 16 bits with its sign
    assert (addition.kind, merge.n_parameter, merge.parameter_bit_width) == ("addition", 2, 16)
