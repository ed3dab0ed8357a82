"""What each neuron does once when it is updated, as a network declares it."""

import itertools
from collections.abc import Iterator

import numpy as np

from hwsim.activity import NeuronWork, WorkKind
from hwsim.layers import (
    ELU,
    Affine,
    AvgPool2d,
    GlobalAvgPool,
    HardTanh,
    Layer,
    LeakyReLU,
    MultiThreshold,
    Quantize,
    ReLU,
    Sigmoid,
    Sign,
    Synaptic,
    Tanh,
)
from hwsim.network import Network, Stage
from hwsim.number_format import integer
from hwsim.signals import Signal

SIMPLE: dict[type[Layer], WorkKind] = {
    ReLU: "relu",
    LeakyReLU: "leaky-relu",
    Sign: "sign",
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    ELU: "elu",
}
"""What is the same work whatever the layer's parameters."""


def neuron_work(network: Network, stage: Stage, start: Signal) -> tuple[NeuronWork, ...]:
    """The work of a stage's neurons, in order.

    Parameters
    ----------
    network : Network
        The network.
    stage : Stage
        One of its stages.
    start : Signal
        What the element-wise layers begin with: frames as they arrive, or what the head makes.
    """
    work = list(_head_work(network, stage, start))
    signal, before = start, None
    for layer in stage.body:
        if type(layer) in SIMPLE:
            work.append(NeuronWork(layer.name, SIMPLE[type(layer)], signal.format))
        elif isinstance(layer, HardTanh):
            # a ReLU right before it is the same as a lower limit
            is_compared = isinstance(before, ReLU) and np.isfinite(layer.lowest)
            work.append(NeuronWork(layer.name, "clip", signal.format, n_comparison=layer.n_limit - int(is_compared)))
        elif isinstance(layer, MultiThreshold):
            work.append(_multi_threshold(layer, signal))
        elif isinstance(layer, Quantize):
            work.append(_quantize(layer, signal))
        elif isinstance(layer, Affine):
            work.append(_affine(layer, signal))
        signal, before = layer.signal(signal), layer
    return tuple(work)


def _multi_threshold(layer: MultiThreshold, signal: Signal) -> NeuronWork:
    return NeuronWork(
        layer.name,
        "threshold",
        signal.format,
        n_comparison=layer.n_threshold,
        n_parameter=signal.shape[0] if layer.is_per_channel(signal) else 0,
        parameter_bit_width=layer.n_threshold * signal.format.bit_width,
    )


def _quantize(layer: Quantize, signal: Signal) -> NeuronWork:
    ratio = "multiply" if signal.format.is_real else layer.ratio(signal).kind
    per_channel = max(np.ndim(layer.scale), signal.step.ndim) > 0 and ratio == "multiply"
    bits = signal.format.bit_width if signal.format.is_real else layer.multiplier_bit_width
    return NeuronWork(
        layer.name,
        "quantize",
        signal.format,
        ratio,
        multiplier_bit_width=bits,
        n_parameter=signal.shape[0] if per_channel else 0,
        parameter_bit_width=bits,
    )


def _affine(layer: Affine, signal: Signal) -> NeuronWork:
    bits = signal.format.bit_width if signal.format.is_real else layer.multiplier_bit_width
    per_channel = max(np.ndim(layer.scale), np.ndim(layer.offset), signal.step.ndim) > 0
    return NeuronWork(
        layer.name,
        "affine",
        signal.format,
        multiplier_bit_width=bits,
        n_parameter=signal.shape[0] if per_channel else 0,
        parameter_bit_width=bits + signal.format.bit_width,
    )


def _head_work(network: Network, stage: Stage, out: Signal) -> Iterator[NeuronWork]:
    """Scaling and merging of accumulators, where nothing after it absorbs it.

    The accumulators of integer layers are codes whose step is known and carried along, so scaling them is free;
    real ones must be multiplied unless a Quantize, an Affine, a Sign or thresholds make that needless. None behind a
    Sigmoid, Tanh or ELU does, which bend what they read.
    """
    head: Layer | None = stage.head
    straight = itertools.takewhile(lambda layer: not isinstance(layer, Sigmoid | Tanh | ELU), stage.body)
    absorbed = any(isinstance(layer, Quantize | Affine | Sign | MultiThreshold) for layer in straight)
    if isinstance(head, Synaptic):
        read = network.signals[stage.sources[0]]
        if head.is_real(read) and not absorbed and np.any(np.asarray(head.terms[0].scale) != 1):
            yield NeuronWork(head.name, "scale", out.format)
        for k, term in enumerate(head.terms):
            if term.is_offset:  # the sum of what was read, times the zero point, is taken off
                sums = out.format if head.is_real(read) else integer(head.accumulator_widths(read)[k])
                bits = sums.bit_width if sums.is_real else term.format.bit_width
                n_stored = head.n_channel if np.ndim(term.zero_point) else 0
                yield NeuronWork(
                    head.name,
                    "zero-point",
                    sums,
                    multiplier_bit_width=bits,
                    n_parameter=n_stored,
                    parameter_bit_width=term.format.bit_width,
                )
        if len(head.terms) == 2:
            yield NeuronWork(head.name, "merge", out.format)
    elif isinstance(head, AvgPool2d | GlobalAvgPool) and out.format.is_real and not absorbed:
        divisors = head.divisors(network.signals[stage.sources[0]])
        if np.any(divisors != 1):
            powers = np.all(np.frexp(divisors)[0] == 0.5)
            yield NeuronWork(head.name, "scale", out.format, "shift" if powers else "multiply")
