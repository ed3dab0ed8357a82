"""Networks of a layer or two, and frames that suit them."""

import numpy as np

import hwsim
from hwsim import Dense, Network, Weight
from hwsim.network.number_format import FP32, integer

EXECUTIONS = ["dense", "sparse", "delta"]
INT8 = integer(8)
REALS = np.concatenate([np.linspace(-9, 9, 181), [-200, -95, 30, 200, 1e-30]]).astype(np.float32)


def run_all(network, frames):
    """The outputs under dense, which the two other executions equal to the bit. (n_frame, n_out)"""
    dense, sparse, delta = (hwsim.simulate(network, frames, execution) for execution in EXECUTIONS)
    assert np.array_equal(dense.outputs, sparse.outputs)
    assert np.array_equal(dense.outputs, delta.outputs)
    return dense.outputs


def on_reals(*layers, frames=REALS[None], shape=None):
    return run_all(Network("reals", shape or frames.shape[1:], layers), frames)


def on_codes(codes, *layers, step=1.0, format=INT8):
    codes = np.asarray(codes)
    data = hwsim.Dataset(inputs=codes, step=step, stream_start=np.array([0, len(codes)]), name="codes", split="test")
    return run_all(Network("codes", codes.shape[1:], layers, format, step), data)


def work_of(*layers, format=FP32, execution="dense", n=3):
    """Operations of the neurons behind one Dense, by (operation, *format), in one frame."""
    code = np.eye(n, dtype=np.float32 if format.is_real else np.int64)
    first = Dense("dense", terms=(Weight(code, format),))
    network = Network("counted", (n,), (first, *layers), format)
    frames = np.ones((1, n), np.float32 if format.is_real else np.int64)
    counts = hwsim.count(hwsim.simulate(network, frames, execution).activity)
    total = {}
    for key, number in counts.entries.items():
        if key.layer == "dense" and key.phase == "neuron" and number.sum():
            total[key.operation.kind, *key.operation.format] = int(number.sum())
    return total
