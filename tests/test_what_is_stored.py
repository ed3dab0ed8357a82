"""What is stored, once: each kind of number on a Dense, a Conv2d and a depthwise layer, by hand.

Three output channels each; the two convolutions have one tap and 2 x 3 positions, so that what is counted by neuron
instead of by channel shows up sixfold. Words have one bit.
"""

import numpy as np
import pytest

import hwsim
from hwsim.memory_contents import weight_bits
from hwsim.number_format import integer

pytestmark = pytest.mark.plain

INT8 = integer(8)
SHAPES = {"dense": (2,), "convolution": (2, 2, 3), "depthwise": (3, 2, 3)}
KINDS = tuple(SHAPES)
NEURONS = {"dense": 3, "convolution": 18, "depthwise": 18}
# rows of one tap each, delivered once to all positions: 2 of 3 weights, of the depthwise layer 3 of 1
ROWS = {"dense": 2 * 3 * 8, "convolution": 2 * 3 * 8, "depthwise": 3 * 8}
CHANNELS = np.array([0.3, 0.7, 0.9])  # three numbers of which none is a power of two


def layer(kind, name="layer", scales=(1.0,), format=INT8, **options):
    """A layer of ones with as many terms as scales."""
    shape = {"dense": (2, 3), "convolution": (3, 2, 1, 1), "depthwise": (3, 1, 1, 1)}[kind]
    code = np.ones(shape, np.float32 if format.is_real else np.int64)
    terms = tuple(hwsim.Weight(code, format, scale) for scale in scales)
    if kind == "dense":
        return hwsim.Dense(name, terms=terms, **options)
    return hwsim.Conv2d(name, terms=terms, groups=3 if kind == "depthwise" else 1, **options)


def network(kind, *layers, format=INT8):
    return hwsim.Network("by hand", SHAPES[kind], layers, input_format=format)


def frames(kind):
    """Two frames of a stream; every number is at work in the first, every one has changed in the second."""
    frame = np.ones(SHAPES[kind], np.int8)
    return np.stack([frame, 2 * frame])


def counted(net, data, machine, **changes):
    machine = hwsim.load_machine(machine).model_copy(update={"word_length": 1, **changes})
    activity = hwsim.simulate(net, data, machine.execution).activity
    return activity, machine, hwsim.count(activity, machine)


def words(counts, memory, way="read", layer=None):
    """In the first frame and in the second."""
    found = [
        number
        for key, number in counts.entries.items()
        if (key.operation.memory, key.operation.kind) == (memory, f"sram_{way}") and layer in (None, key.layer)
    ]
    return np.sum(found, axis=0).tolist() if found else [0, 0]


BIAS = np.array([1, 2, 3])
THRESHOLDS = np.array([[1, 2], [3, 4], [5, 6]])


def stored(kind, what):
    """A network that stores numbers of a kind beside its weights, and how many bits of each kind of weight row."""
    if what == "no bias":
        return network(kind, layer(kind, accumulator=32))
    if what == "bias":
        return network(kind, layer(kind, bias=BIAS, accumulator=32))
    if what == "bias of zeros":
        return network(kind, layer(kind, bias=0 * BIAS, accumulator=32))
    if what == "bias, two terms":
        return network(kind, layer(kind, scales=(1.0, 2.0), bias=BIAS, accumulator=32))
    if what == "bias, real":
        real = layer(kind, format=hwsim.NumberFormat("real", 32), bias=BIAS.astype(np.float32))
        return network(kind, real, format=hwsim.NumberFormat("real", 32))
    plain = layer(kind)
    per_channel = layer(kind, scales=(CHANNELS,))
    behind = {
        "multiplier": (per_channel, hwsim.Quantize("codes")),
        "multiplier of the layer": (plain, hwsim.Quantize("codes", scale=0.3)),
        "shift": (plain, hwsim.Quantize("codes", scale=[0.5, 0.25, 0.125])),
        "threshold": (plain, hwsim.MultiThreshold("codes", thresholds=THRESHOLDS)),
        "threshold of the layer": (plain, hwsim.MultiThreshold("codes", thresholds=THRESHOLDS[:1])),
        "table": (plain, hwsim.Tanh("curve")),
    }
    return network(kind, *behind[what])


# What is stored beside the rows of weights, by hand [bits]
STORED = {
    "no bias": 0,
    "bias": 3 * 32,
    "bias of zeros": 3 * 32,  # it is declared, and nobody looks at the values
    "bias, two terms": 3 * 32,  # the second term's accumulators start from nothing
    "bias, real": 3 * 32,
    "multiplier": 3 * 16,
    "multiplier of the layer": 0,  # one number is wired in
    "shift": 0,  # so are shifts
    "threshold": 3 * 2 * 4,  # up to 6, with a sign
    "threshold of the layer": 0,
    "table": 0,  # a curve is a unit of its own
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", STORED)
@pytest.mark.parametrize("preset", ["mac-array", "rounding-adder", "sigma-delta-adder", "neuromorphic-core"])
def test_what_is_stored_beside_the_weights_is_stored_by_channel_and_read_once(kind, what, preset):
    net = stored(kind, what)
    activity, machine, counts = counted(net, frames(kind), preset)
    rows = ROWS[kind] * (2 if what == "bias, two terms" else 4 if what == "bias, real" else 1)
    assert sum(weight_bits(each, machine) for each in activity.layers) == rows + STORED[what]
    once = what.startswith("bias") and machine.execution == "delta"  # at a stream's first frame
    assert words(counts, "weights") == [rows + STORED[what], rows + (0 if once else STORED[what])]
