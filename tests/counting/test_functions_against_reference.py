"""Functions of numbers, counted as the scalar reference performs them: lists that it indexes, lines that it finds."""

import dataclasses

import numpy as np
import pytest
import reference
from against_reference import assert_same_counts, both
from hypothesis import given
from hypothesis import strategies as st
from number_of_examples import examples

import hwsim
from hwsim import (
    ELU,
    Affine,
    Conv2d,
    Dense,
    Divide,
    Flatten,
    GlobalAvgPool,
    Multiply,
    Network,
    Quantize,
    ReLU,
    Sigmoid,
    Tanh,
    Weight,
)
from hwsim.machine import PiecewiseLinear
from hwsim.network.number_format import FP32, integer

INT8 = integer(8)


def dense(n, format=INT8, name="dense"):
    dtype = np.float32 if format.is_real else np.int64
    return Dense(name, terms=(Weight(np.eye(n, dtype=dtype), format),))


@st.composite
def networks_with_functions(draw):
    """A curve behind codes of any width, sums or real numbers, with whatever may stand between it and other codes."""
    n = draw(st.integers(1, 4))
    scale = st.sampled_from((0.25, 0.3, 2.0, 7.0))

    def by_channel():
        return np.array(draw(st.lists(scale, min_size=n, max_size=n))) if draw(st.booleans()) else draw(scale)

    def codes(name, widths):
        signed, zero_point = draw(st.booleans()), draw(st.sampled_from((0, 0, 1)))
        width = draw(st.sampled_from(widths))
        zero_point *= width > 1
        return Quantize(name, scale=by_channel(), bit_width=width, signed=signed, zero_point=zero_point)

    format = draw(st.sampled_from((INT8, INT8, FP32)))
    layers = [dense(n, format)]
    if draw(st.integers(0, 3)):
        layers.append(codes("code", (1, 3, 8, 12, 13)))
    layers.append(draw(st.sampled_from((Sigmoid("curve"), Tanh("curve"), ELU("curve", alpha=1.5, scale=0.5)))))
    layers += [
        layer for layer in (ReLU("relu"), Affine("affine", scale=by_channel(), offset=0.5)) if draw(st.booleans())
    ]
    if draw(st.integers(0, 3)):
        layers.append(codes("next", (1, 4, 8)))
        if draw(st.booleans()):
            layers += [Tanh("again"), codes("after", (5, 13))]
        if draw(st.booleans()) and not np.ndim(layers[-1].scale):
            layers += [Dense("last", terms=(Weight(np.eye(n, dtype=np.int64), integer(4)),)), Sigmoid("end")]
    elif draw(st.booleans()):
        number = layers[-1].name  # by a divisor that is never zero
        layers += [Sigmoid("divisor"), Divide("quotient", (number, "divisor")), dense(n, FP32, "behind")]
    return Network("functions", (n,), tuple(layers), format)


def said(way):
    """What a machine's file says of it."""
    return PiecewiseLinear(piecewise_linear=way) if isinstance(way, int) else None if way == "by width" else way


WAYS = ["by width", "by width", "by width", 5, "unit"]


@examples(800)
@given(
    data=st.data(), way=st.sampled_from(WAYS), preset=st.sampled_from(["mac-array", "zero-skipping-mac", "delta-mac"])
)
def test_functions_count_as_the_reference_performs(data, way, preset):
    network = data.draw(networks_with_functions())
    codes = st.lists(st.integers(-128, 127), min_size=network.input_shape[0], max_size=network.input_shape[0])
    frames = np.array(data.draw(st.lists(codes, min_size=1, max_size=3)), np.int64)
    frames = frames.astype(np.float32) / 8 if network.input_format.is_real else frames
    package, scalar = both(preset, 32, 2)
    package = package.model_copy(update={"functions": said(way)})
    assert_same_counts(network, frames, package, dataclasses.replace(scalar, functions=way))


def gated():
    """A convolution's channels times a gate for each, in codes throughout: squeeze and excitation, and swish."""
    generator = np.random.default_rng(3)

    def weight(*shape):
        return (Weight(generator.integers(-7, 8, shape), integer(4)),)

    return Network(
        "gated",
        (2, 4, 4),
        (
            Conv2d("conv", terms=weight(3, 2, 3, 3), padding=((1, 1), (1, 1))),
            Quantize("codes", scale=0.1),
            Sigmoid("swish gate", ("codes",)),
            Quantize("swish codes", scale=200.0, signed=False),
            Multiply("swish", ("codes", "swish codes")),
            Quantize("swished", scale=0.5),
            GlobalAvgPool("squeezed", ("swished",)),
            Quantize("means", scale=1.0),
            Flatten("flat"),
            Dense("narrow", terms=weight(3, 2)),
            Quantize("narrow codes", scale=0.1),
            Dense("wide", terms=weight(2, 3)),
            Quantize("wide codes", scale=0.1),
            Sigmoid("gate"),
            Quantize("gates", scale=255.0, signed=False),
            Multiply("excited", ("swished", "gates")),
            Quantize("excited codes", scale=1.0),
            Conv2d("last", terms=weight(2, 3, 1, 1)),
        ),
        INT8,
    )


@pytest.mark.parametrize("preset", ["mac-array", "zero-skipping-mac", "delta-mac"])
def test_gates_in_codes_are_looked_up_and_have_an_energy(preset):
    network, frames = gated(), np.random.default_rng(4).integers(-9, 10, (2, 2, 4, 4))
    frames[1, 0] = frames[0, 0]
    assert_same_counts(network, frames, *both(preset, 64, 4))
    execution = hwsim.load_machine(preset).execution
    counts = hwsim.count(hwsim.simulate(network, frames, execution, per_frame=True).activity, preset)
    assert [(table.capacity, table.word_length) for table in counts.tables] == [(256, 8), (256, 8)]
    reads = [number for key, number in counts.entries.items() if key.operation.memory == "functions"]
    first = [each[0] for each in reads]
    assert sorted(first) == [3, 3 * 16]  # a gate for each channel; one for each pixel of each
    priced = hwsim.price(counts, "default_45nm")  # as words of 32 bits
    own = [line for line in priced.lines if line.key.operation.memory == "functions"]
    assert sum(line.energy.sum() for line in own) == pytest.approx(sum(map(sum, reads)) * 0.67157e-12)
    assert {line.key.phase for line in own} == {"neuron"}


def test_the_reference_knows_no_shortcut():
    """Its lists are indexed by codes of both signs, and its lines are found among any number of them."""
    layers = (dense(3), Quantize("code", scale=2.0), Sigmoid("curve"), Quantize("next", scale=100.0))
    network, frame = Network("functions", (3,), layers, INT8), np.array([[1, -2, 3]])
    found = reference.run(network, frame, reference.Machine(functions=3))
    looked_up = reference.run(network, frame, reference.Machine())
    assert found.outputs == looked_up.outputs == [[73, 12, 95]]  # 100 / (1 + exp(-1, 2 and -3))
