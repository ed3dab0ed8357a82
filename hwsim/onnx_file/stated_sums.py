"""Sums as wide as the file states them, where a channel that never changes would widen them.

A channel whose weights are all but dead may carry a bias at the end of int32: its sums lie beyond every code of the
quantizer behind them, whatever the input. Such a bias is moved towards zero until its sums fit, which changes no code.
"""

from dataclasses import replace

import numpy as np

from hwsim.network.canonical.curves import along, evaluate
from hwsim.network.layers import ElementWise, Layer, MaxPool2d, MultiThreshold, Quantize, Synaptic
from hwsim.network.signals import FloatArray, IntArray, Signal
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused


def stated_sums(builder: Builder) -> None:
    """Move biases of layers whose sums would be wider than the file states.

    Raises
    ------
    Refused
        When a sum may reach beyond the stated width and come back as another code.
    """
    for name, width in builder.stated.items():
        layer, signal = builder.layers.get(name), builder.signals.get(name)
        if not isinstance(layer, Synaptic) or signal is None or signal.format.is_real or len(layer.terms) > 1:
            continue
        if signal.format.bit_width > width:
            builder.change(_narrowed(builder, layer, width))


def _narrowed(builder: Builder, layer: Synaptic, width: int) -> Synaptic:
    (source,), (term,) = layer.inputs, layer.terms
    bound = builder.signals[source].bound
    start = layer.start
    reach = np.abs(term.code, dtype=np.int64).sum(axis=0 if term.code.ndim == 2 else (1, 2, 3)) * bound
    most = 2 ** (width - 1) - 1 - reach
    bias = np.clip(start, -most, most)
    signal, behind = builder.signals[layer.name], _behind(builder, layer.name)
    ends = np.stack([start - reach, start + reach, bias - reach, bias + reach], axis=1)
    changed = bias != start
    if np.any(most < 0) or behind is None or not np.all(_is_one_code(behind, signal, ends) | ~changed):
        raise Refused(
            f"layer {layer.name}: sums reach {signal.bound:,}, beyond the int{width} of its bias; "
            "quantize it again with biases that leave room for the sums"
        )
    builder.remarks.append(
        f"{layer.name}: biases of {np.count_nonzero(changed)} channels moved within int{width}, behind which their "
        "codes never change"
    )
    return replace(layer, bias=bias)


def _behind(builder: Builder, name: str) -> list[Layer] | None:
    """The element-wise layers behind a layer up to the first that makes codes; None where there are others."""
    chain: list[Layer] = []
    while True:
        readers = [layer for layer in builder.layers.values() if name in layer.inputs]
        if len(readers) != 1:
            return None
        chain.append(readers[0])
        if isinstance(readers[0], Quantize | MultiThreshold):
            return chain
        name = readers[0].name


def _is_one_code(behind: list[Layer], signal: Signal, ends: IntArray) -> Array:
    """Whether all four sums of each channel lead to one and the same code at the end of its range. (C,)"""
    *between, last = (each for each in behind if not isinstance(each, MaxPool2d))  # the largest of what is one code
    single = tuple(each for each in between if isinstance(each, ElementWise))
    step = np.broadcast_to(signal.step, len(ends))[:, None]
    try:
        value: FloatArray = evaluate(single, ends * step)
    except NotImplementedError:  # a layer that is no function of one number
        value = np.zeros((len(ends), 0))
    if len(single) < len(between) or not value.size:
        return np.zeros(len(ends), np.bool_)
    if isinstance(last, MultiThreshold):
        thresholds = np.asarray(last.thresholds, np.float64)[:, None, :]
        level = (value[:, :, None] >= thresholds).sum(axis=2)
        return np.asarray(np.all(level == level[:, :1], axis=1))
    assert isinstance(last, Quantize)
    code = value * along(last.scale, value) + along(last.offset, value) + last.zero_point
    # by more than a code, so that no rounding matters
    return np.asarray(np.all(code > last.format.highest + 1, axis=1) | np.all(code < last.format.lowest - 1, axis=1))
