"""Networks of Dense layers, and a machine with a clock on which nothing but what a test is about takes long."""

import itertools

import numpy as np

import hwsim
from hwsim.machine import Machine
from hwsim.network.number_format import integer

INT8 = integer(8)
MEMORY = {"name": "memory", "kind": "sram", "capacity": 2**20, "word_length": 8}
WIDE = 2**20  # a port that moves whatever there is in one cycle [bits]


def machine(timing=None, **changes):
    """One lane, memories with wide ports, events one code each; `timing` and other keys in place of its own."""
    lanes = changes.pop("lanes", {"channels": 1})
    document = {
        "schema": 1,
        "name": "own",
        "description": "mine",
        "execution": "sparse",
        "event_arithmetic": "multiply",
        "lanes": {"dense": lanes, "convolution": lanes},
        "levels": [
            MEMORY | {"holds": ["weights", "codes", "state"]},
            {"name": "accumulators", "kind": "registers", "holds": ["sums"]},
        ],
        "timing": {
            "clock": 1e9,
            "neuron_lanes": 1,
            "encode_lanes": 1,
            "levels": {"memory": {"bits": WIDE}},
        }
        | (timing or {}),
    }
    return Machine.model_validate(document | changes)


def chain(*sizes):
    """Dense layers of so many neurons, with zeros and ones between them, in which no layer is ever silent."""
    generator = np.random.default_rng(0)
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1):
        code = generator.integers(-3, 4, (n_in, n_out))
        bias = np.where(np.arange(n_out) == 0, 4 * n_in, 0)  # beyond all sums, so that the first neuron always sends
        layers.append(hwsim.Dense(f"layer{k}", terms=(hwsim.Weight(code, INT8),), bias=bias, accumulator=32))
        # of two bits with a sign, and never below 0
        layers += [hwsim.ReLU(f"relu{k}"), hwsim.Quantize(f"spikes{k}", scale=1.0, bit_width=2)]
    return hwsim.Network("chain", (sizes[0],), tuple(layers[:-2]), input_format=INT8)


def spikes(n_frame, n_in, generator, share=0.4):
    """Frames of zeros and ones, none without a one."""
    frames = (generator.random((n_frame, n_in)) < share).astype(np.int8)
    frames[:, 0] = 1
    return frames


def timed(network, frames, own):
    """How long frames take."""
    return hwsim.schedule(hwsim.simulate(network, frames, machines=[own]).activity, own)
