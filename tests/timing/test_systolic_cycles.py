"""What systolic arrays take for layers of networks: SCALE-Sim's cycles, and the elements that pass the port."""

import numpy as np
import pytest
from with_a_clock import INT8

import hwsim
from hwsim.machine import Machine

# As docs/validation.md has them: cycles with the first one counted; codes and weights read, outputs and sums written
CASES = {
    ("AlexNet conv1", "weight"): (112284, 3294225, 34848, 3484800),
    ("AlexNet conv1", "output"): (121125, 3294225, 3310560, 290400),
    ("AlexNet conv1", "input"): (216600, 1098075, 3310560, 3484800),
    ("GEMM 256, 128, 256", "weight"): (11200, 262144, 32768, 262144),
    ("GEMM 256, 128, 256", "output"): (10176, 262144, 262144, 32768),
    ("GEMM 256, 128, 256", "input"): (14208, 65536, 262144, 262144),
    ("convolution 2 to 4", "weight"): (360, 576, 72, 576),
    ("convolution 2 to 4", "output"): (320, 576, 576, 64),
    ("convolution 2 to 4", "input"): (576, 288, 576, 576),
    ("GEMM 3, 6, 4", "weight"): (42, 36, 24, 36),
    ("GEMM 3, 6, 4", "output"): (36, 36, 48, 18),
    ("GEMM 3, 6, 4", "input"): (40, 12, 48, 36),
}
SIDES = {"AlexNet conv1": 32, "GEMM 256, 128, 256": 32, "convolution 2 to 4": 2, "GEMM 3, 6, 4": 2}
FAN_IN = {"AlexNet conv1": 363, "GEMM 256, 128, 256": 256, "convolution 2 to 4": 18, "GEMM 3, 6, 4": 4}
OUTPUTS = {"AlexNet conv1": 290400, "GEMM 256, 128, 256": 32768, "convolution 2 to 4": 64, "GEMM 3, 6, 4": 18}


def array_machine(systolic, side, batch=1, port=8):
    """An array beside one buffer whose words are codes."""
    return Machine.model_validate(
        {
            "schema": 1,
            "name": "own",
            "description": "mine",
            "execution": "dense",
            "event_arithmetic": "multiply",
            "batch": batch,
            "array": {"systolic": systolic, "rows": side, "columns": side},
            "levels": [
                {
                    "name": "buffer",
                    "kind": "sram",
                    "capacity": 2**30,
                    "word_length": 8,
                    "holds": ["weights", "codes", "sums"],
                },
                {"name": "cells", "kind": "registers", "holds": ["sums"]},
            ],
            "timing": {
                "clock": 1e9,
                "neuron_lanes": 1,
                "encode_lanes": 1,
                "levels": {"buffer": {"bits": port}},
            },
        }
    )


def work_of(case):
    """A network of one layer, and frames: a product of M rows is a batch of M frames."""
    if case == "AlexNet conv1":
        shape, layer = (3, 227, 227), hwsim.Conv2d("layer", terms=ones(96, 3, 11, 11), stride=4, accumulator=32)
    elif case == "convolution 2 to 4":
        shape, layer = (2, 6, 6), hwsim.Conv2d("layer", terms=ones(4, 2, 3, 3), accumulator=32)
    else:
        m, n, k = map(int, case.removeprefix("GEMM ").split(", "))
        layer = hwsim.Dense("layer", terms=ones(k, n), accumulator=32)
        return hwsim.Network("product", (k,), (layer,), input_format=INT8), np.ones((m, k), np.int8)
    return hwsim.Network("convolution", shape, (layer,), input_format=INT8), np.ones((1, *shape), np.int8)


def ones(*shape):
    return (hwsim.Weight(np.ones(shape, int), INT8),)


def layer_of(network, frames, own):
    timing = hwsim.schedule(hwsim.simulate(network, frames, machines=[own]).activity, own)
    (found,) = (layer for layer in timing.layers if layer.name == "layer")
    return timing, found


@pytest.mark.parametrize(("case", "systolic"), CASES, ids=", ".join)
def test_cycles_and_elements_are_those_of_scale_sim(case, systolic):
    cycles, codes, weights, written = CASES[case, systolic]
    network, frames = work_of(case)
    timing, layer = layer_of(network, frames, array_machine(systolic, SIDES[case], batch=len(frames)))
    assert timing.n_inference == len(frames)
    assert layer.resources["array"].tolist() == [cycles]
    # a port of a code passes a code or a weight in a cycle, and a quarter of a sum or an output of 32 bits; sums that
    # are not yet outputs come back
    read_back = written - OUTPUTS[case]
    assert layer.resources["buffer"].tolist() == [codes + weights + 4 * (written + read_back)]
    assert layer.operations.tolist() == [OUTPUTS[case] * FAN_IN[case]]


@pytest.mark.parametrize("systolic", ["weight", "output", "input"])
def test_a_wide_port_leaves_the_array_to_bind(systolic):
    network, frames = work_of("GEMM 256, 128, 256")
    narrow, wide = (array_machine(systolic, 32, batch=256, port=port) for port in (8, 2**20))
    timing, layer = layer_of(network, frames, narrow)
    assert layer.bound_by == timing.bound_by == "buffer"
    assert layer.total.tolist() == layer.resources["buffer"].tolist()
    # neurons, one in a cycle, are 32,768
    _, layer = layer_of(network, frames, wide)
    assert layer.bound_by == "neuron"
    assert layer.resources["array"].tolist() == [CASES["GEMM 256, 128, 256", systolic][0]]
    assert layer.total.tolist() == [256 * 128]


def test_each_batch_takes_its_own_folds():
    # 5 frames in batches of 2, 2 and 1 of Dense 6 to 4 on 2 x 2 cells, weight stationary: 3 x 2 folds of
    # 2 + 2 + 2 + M - 2 cycles, M the frames of a batch
    network = hwsim.Network(
        "product", (6,), (hwsim.Dense("layer", terms=ones(6, 4), accumulator=32),), input_format=INT8
    )
    timing, layer = layer_of(network, np.ones((5, 6), np.int8), array_machine("weight", 2, batch=2, port=2**20))
    assert timing.n_frame.tolist() == [2, 2, 1]
    assert layer.resources["array"].tolist() == [6 * 6, 6 * 6, 6 * 5]
    assert layer.total.tolist() == [36, 36, 30]
