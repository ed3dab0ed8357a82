"""What each neuron does once when it is updated, as a network declares it."""

import numpy as np

from hwsim.activity import NeuronWork
from hwsim.layers import Affine, Dense, Quantize, ReLU
from hwsim.network import Network, Stage
from hwsim.plan import is_real
from hwsim.signals import Signal


def neuron_work(network: Network, stage: Stage, start: Signal) -> tuple[NeuronWork, ...]:
    """The work of a stage's neurons, in order.

    Parameters
    ----------
    network : Network
        The network.
    stage : Stage
        One of its stages.
    start : Signal
        What the element-wise layers begin with: frames as they arrive, or the head's accumulators.
    """
    work: list[NeuronWork] = []
    signal = start
    if stage.head is not None:
        work += _head_work(stage.head, network.signals[stage.source], signal, stage)
    for layer in stage.body:
        if isinstance(layer, ReLU):
            work.append(NeuronWork(layer.name, "relu", signal.format))
        elif isinstance(layer, Quantize):
            ratio = "multiply" if signal.format.is_real else layer.ratio(signal).kind
            per_channel = max(np.ndim(layer.scale), signal.step.ndim) > 0 and ratio == "multiply"
            bits = 32 if signal.format.is_real else layer.multiplier_bit_width
            work.append(
                NeuronWork(
                    layer.name, "quantize", signal.format, ratio, bits, signal.shape[0] if per_channel else 0, bits
                )
            )
        elif isinstance(layer, Affine):
            bits = 32 if signal.format.is_real else layer.multiplier_bit_width
            offset = signal.format.bit_width
            per_channel = max(np.ndim(layer.scale), np.ndim(layer.offset), signal.step.ndim) > 0
            work.append(
                NeuronWork(
                    layer.name,
                    "affine",
                    signal.format,
                    "multiply",
                    bits,
                    signal.shape[0] if per_channel else 0,
                    bits + offset,
                )
            )
        signal = layer.signal(signal)
    return tuple(work)


def _head_work(head: Dense, read: Signal, out: Signal, stage: Stage) -> list[NeuronWork]:
    """Scaling and merging of accumulators, where nothing after it absorbs it.

    The accumulators of integer layers are codes whose step is known and carried along, so scaling them is free;
    real ones must be multiplied unless a Quantize or Affine does so anyway.
    """
    work = []
    absorbed = any(isinstance(layer, Quantize | Affine) for layer in stage.body)
    if is_real(head, read) and not absorbed and np.any(np.asarray(head.terms[0].scale) != 1):
        work.append(NeuronWork(head.name, "scale", out.format))
    if len(head.terms) == 2:
        work.append(NeuronWork(head.name, "merge", out.format))
    return work
