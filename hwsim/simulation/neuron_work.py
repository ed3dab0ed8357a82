"""What each neuron does once when it is updated, as a network declares it."""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hwsim.activity import NeuronWork, WorkKind
from hwsim.network.graph import Network, Stage
from hwsim.network.layers import (
    ELU,
    Affine,
    AvgPool2d,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    Layer,
    LeakyReLU,
    MultiThreshold,
    Quantize,
    Rearrange,
    ReLU,
    Sigmoid,
    Sign,
    Synaptic,
    Tanh,
)
from hwsim.network.number_format import accumulator_width, integer, width_of
from hwsim.network.signals import Signal

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
    # scales per channel of a real layer that wait to be multiplied by what follows; those of codes are in the step
    waiting = _n_scale(stage.head) if start.format.is_real else 0
    for layer in stage.body:
        n_step = max(signal.n_step, waiting)
        if type(layer) in SIMPLE:
            work.append(NeuronWork(layer.name, SIMPLE[type(layer)], signal.format))
        elif isinstance(layer, HardTanh):
            # a ReLU right before it is the same as a lower limit
            is_compared = isinstance(before, ReLU) and np.isfinite(layer.lowest)
            work.append(NeuronWork(layer.name, "clip", signal.format, n_comparison=layer.n_limit - int(is_compared)))
        elif isinstance(layer, MultiThreshold):
            work.append(_multi_threshold(layer, signal, n_step))
        elif isinstance(layer, Quantize):
            work.append(_quantize(layer, signal, n_step))
        elif isinstance(layer, Affine):
            work.append(_affine(layer, signal, n_step))
        if not isinstance(layer, ReLU | LeakyReLU | HardTanh | Flatten | Rearrange):
            waiting = 0
        signal, before = layer.signal(signal), layer
    return tuple(work)


def _multi_threshold(layer: MultiThreshold, signal: Signal, n_step: int) -> NeuronWork:
    n_row = int(np.shape(layer.thresholds)[0])
    largest = 0 if signal.format.is_real else int(np.abs(layer.levels(signal)).max())
    # one that no number reaches is stored as one beyond the format, in its bits
    bits = signal.format.bit_width if signal.format.is_real else min(width_of(largest), signal.format.bit_width)
    return NeuronWork(
        layer.name,
        "threshold",
        signal.format,
        n_comparison=layer.n_threshold,
        n_parameter=n_row if n_row > 1 else n_step,
        parameter_bit_width=layer.n_threshold * bits,
    )


def _quantize(layer: Quantize, signal: Signal, n_step: int) -> NeuronWork:
    """A constant for the whole layer is wired in, like the half that rounds; one per channel is stored and added."""
    is_real, own = signal.format.is_real, np.ndim(layer.offset) > 0 and bool(np.any(layer.offset))
    ratio = "multiply" if is_real else layer.ratio(signal).kind
    bits = constant_bits = addition_bits = signal.format.bit_width  # of real numbers
    if not is_real:
        bits, constant = layer.multiplier_bits, int(np.abs(layer.constant(signal)).max())
        product = signal.bound * int(layer.ratio(signal).multiplier.max())
        constant_bits, addition_bits = width_of(constant), accumulator_width(max(product, constant))
    n_factor = _n_factor(layer.scale, signal, n_step) if ratio == "multiply" else 0
    return NeuronWork(
        layer.name,
        "quantize",
        signal.format,
        ratio,
        multiplier_bit_width=bits,
        addition_bit_width=addition_bits if own else 0,
        n_parameter=max(n_factor, signal.shape[0] * own),
        parameter_bit_width=bits * (n_factor > 0) + constant_bits * own,
    )


def _affine(layer: Affine, signal: Signal, n_step: int) -> NeuronWork:
    """Multipliers and offsets are stored where they are per channel, each in the bits that the largest needs."""
    bits = offset_bits = addition_bits = signal.format.bit_width  # of real numbers
    n_factor, n_offset = _n_factor(layer.scale, signal, n_step), signal.shape[0] * np.ndim(layer.offset)
    if not signal.format.is_real:
        fixed, bits = layer.fixed(signal), layer.multiplier_bit_width
        product, offset = signal.bound * int(np.abs(fixed.multiplier).max()), int(np.abs(fixed.offset).max())
        offset_bits, addition_bits = width_of(offset), accumulator_width(max(product, offset))
    return NeuronWork(
        layer.name,
        "affine",
        signal.format,
        multiplier_bit_width=bits,
        addition_bit_width=addition_bits,
        n_parameter=max(n_factor, n_offset),
        # what is one number for the whole layer is wired
        parameter_bit_width=bits * (n_factor > 0) + offset_bits * (n_offset > 0),
    )


def _merge(head: Synaptic, is_real: bool, out: Signal) -> NeuronWork:
    n_scale = head.n_channel * max(np.ndim(term.scale) for term in head.terms)
    bits = out.format.bit_width if is_real else width_of(int(head.merge.multiplier.max()))
    return NeuronWork(head.name, "merge", out.format, n_parameter=n_scale, parameter_bit_width=bits)


def _n_factor(own: npt.ArrayLike, signal: Signal, n_step: int) -> int:
    """Multipliers stored: of the layer's own factors, or for each step that they make up for; 0 where there is one."""
    return signal.shape[0] if np.ndim(own) else n_step


def _n_scale(head: Layer | None) -> int:
    """Scales that the weights of the first term have per channel; 0 where all share one."""
    return head.n_channel * np.ndim(head.terms[0].scale) if isinstance(head, Synaptic) else 0


def _zero_points(head: Synaptic, read: Signal, out: Signal) -> Iterator[NeuronWork]:
    """The sum of what was read, times the zero point of the weights, is taken off."""
    for k, term in enumerate(head.terms):
        if term.is_offset:
            sums = out.format if head.is_real(read) else integer(head.accumulator_widths(read)[k])
            yield NeuronWork(
                head.name,
                "zero-point",
                sums,
                multiplier_bit_width=sums.bit_width if sums.is_real else term.format.bit_width,
                n_parameter=head.n_channel if np.ndim(term.zero_point) else 0,
                parameter_bit_width=term.format.bit_width,
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
            bits = out.format.bit_width
            yield NeuronWork(head.name, "scale", out.format, n_parameter=_n_scale(head), parameter_bit_width=bits)
        yield from _zero_points(head, read, out)
        if len(head.terms) == 2:
            yield _merge(head, head.is_real(read), out)
    elif isinstance(head, AvgPool2d | GlobalAvgPool) and out.format.is_real and not absorbed:
        divisors = head.divisors(network.signals[stage.sources[0]])
        if np.any(divisors != 1):
            powers = np.all(np.frexp(divisors)[0] == 0.5)
            yield NeuronWork(head.name, "scale", out.format, "shift" if powers else "multiply")
