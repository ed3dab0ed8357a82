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
from hwsim.number_format import accumulator_width, width_of
from hwsim.signals import Signal

REAL_BITS = 32
"""Of a factor or an offset of real numbers. [bits]"""

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
    """A constant for the whole layer is wired in, like the half that rounds; one per channel is stored and added."""
    is_real, own = signal.format.is_real, np.ndim(layer.offset) > 0 and bool(np.any(layer.offset))
    ratio = "multiply" if is_real else layer.ratio(signal).kind
    bits, constant_bits, addition_bits = REAL_BITS, REAL_BITS, REAL_BITS
    if not is_real:
        bits, constant = layer.multiplier_bits, int(np.abs(layer.constant(signal)).max())
        product = signal.bound * int(layer.ratio(signal).multiplier.max())
        constant_bits, addition_bits = width_of(constant), accumulator_width(max(product, constant))
    multiplied = max(np.ndim(layer.scale), signal.step.ndim) > 0 and ratio == "multiply"
    return NeuronWork(
        layer.name,
        "quantize",
        signal.format,
        ratio,
        multiplier_bit_width=bits,
        addition_bit_width=addition_bits if own else 0,
        n_parameter=signal.shape[0] if multiplied or own else 0,
        parameter_bit_width=bits * multiplied + constant_bits * own,
    )


def _affine(layer: Affine, signal: Signal) -> NeuronWork:
    """Multipliers and offsets are stored where they are per channel, each in the bits that the largest needs."""
    bits, offset_bits, addition_bits = REAL_BITS, REAL_BITS, REAL_BITS
    multiplied, own = np.ndim(layer.scale) > 0, np.ndim(layer.offset) > 0
    if not signal.format.is_real:
        fixed, bits = layer.fixed(signal), layer.multiplier_bit_width
        product, offset = signal.bound * int(np.abs(fixed.multiplier).max()), int(np.abs(fixed.offset).max())
        offset_bits, addition_bits = width_of(offset), accumulator_width(max(product, offset))
        multiplied = fixed.multiplier.ndim > 0
    return NeuronWork(
        layer.name,
        "affine",
        signal.format,
        multiplier_bit_width=bits,
        addition_bit_width=addition_bits,
        n_parameter=signal.shape[0] if multiplied or own else 0,
        parameter_bit_width=bits * multiplied + offset_bits * own,
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
        if len(head.terms) == 2:
            yield NeuronWork(head.name, "merge", out.format)
    elif isinstance(head, AvgPool2d | GlobalAvgPool) and out.format.is_real and not absorbed:
        divisors = head.divisors(network.signals[stage.sources[0]])
        if np.any(divisors != 1):
            powers = np.all(np.frexp(divisors)[0] == 0.5)
            yield NeuronWork(head.name, "scale", out.format, "shift" if powers else "multiply")
