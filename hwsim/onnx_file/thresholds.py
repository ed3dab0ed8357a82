"""Element-wise layers and the quantizer after them, as thresholds of the integers before them: exact."""

from dataclasses import replace

import numpy as np

from hwsim.layers import MultiThreshold, Synaptic
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import Chain, evaluate
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor
from hwsim.signals import IntArray, Signal

WIDEST = 8
"""Codes of more bits are not made by thresholds, of which there would be too many. [bits]"""


def absorbed(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, name: str) -> Tensor | None:
    """A chain behind integers and a quantizer as one MultiThreshold; None where they cannot be.

    A channel in which the chain falls is turned: the weights before it change their signs.
    """
    signal = builder.signal(tensor)
    if signal.zero_point:
        return None
    n_channel = signal.shape[0]
    reach = np.full(n_channel, signal.bound, np.int64)
    ends = [_level(tensor.chain, quantizer, scale, signal, code)[:, 0] for code in (-reach[:, None], reach[:, None])]
    sign = np.where(ends[0] > ends[1], -1, 1)
    if np.any(sign < 0):
        if not _turned(builder, tensor, sign):
            return None
        signal = builder.signal(tensor)
    code = _thresholds(tensor.chain, quantizer, scale, signal, sign)
    # a comparison with half a code below is the same, and no rounding can touch it
    threshold = (code - 0.5) * np.broadcast_to(signal.step, n_channel)[:, None]
    if np.array_equal(threshold, np.broadcast_to(threshold[:1], threshold.shape)):
        threshold = threshold[:1]
    lowest, rise = quantizer.lowest - quantizer.zero_point, 2 if quantizer.is_bipolar else 1
    layer = MultiThreshold(name, thresholds=threshold, scale=float(rise * scale), offset=float(lowest * scale))
    made = builder.add(layer, tensor.layer)
    return replace(tensor, layer=made, chain=(), is_alone=True)


def _level(chain: Chain, quantizer: Quantizer, scale: Array, signal: Signal, code: IntArray) -> IntArray:
    """Levels that codes lead to; ties are those of the float32 that the graph computes in. (C, n) in and out"""
    step = np.broadcast_to(signal.step, len(code))[:, None]
    value = evaluate(chain, code * step).astype(np.float32)
    return np.asarray(quantizer.level(value, scale.astype(np.float32)))


def _thresholds(chain: Chain, quantizer: Quantizer, scale: Array, signal: Signal, sign: IntArray) -> IntArray:
    """The smallest code of every channel that reaches each level above the lowest, by bisection. (C, T)"""
    rise = 2 if quantizer.is_bipolar else 1
    wanted = np.arange(quantizer.lowest + rise, quantizer.highest + 1, rise) - quantizer.zero_point
    shape = (signal.shape[0], len(wanted))
    below = np.full(shape, -signal.bound - 1, np.int64)  # what no code is: every level is reached above it
    reached = np.full(shape, signal.bound + 1, np.int64)
    while np.any(reached - below > 1):
        middle = (below + reached) // 2
        inside = reached - below > 1
        enough = _level(chain, quantizer, scale, signal, sign[:, None] * middle) >= wanted
        reached = np.where(inside & enough, middle, reached)
        below = np.where(inside & ~enough, middle, below)
    return reached


def _turned(builder: Builder, tensor: Tensor, sign: IntArray) -> bool:
    """Change the signs of the weights and biases of some channels; whether that can be done."""
    layer = builder.layers.get(tensor.layer)
    if not tensor.is_alone or not isinstance(layer, Synaptic) or len(layer.terms) != 1:
        return False
    assert layer.bias is not None
    (term,) = layer.terms
    along = sign if term.code.ndim == 2 else sign[:, None, None, None]
    code, format = term.code * along, term.format
    if format.kind == "integer" and (code.max() > format.highest or code.min() < format.lowest):
        format = replace(format, bit_width=format.bit_width + 1, signed=True, narrow_range=False)
        builder.remarks.append(f"{layer.name}: weights of one bit more, since channels are turned")
    try:
        turned = replace(term, code=code, format=format)
    except ValueError as error:
        raise Refused(str(error)) from None
    builder.change(replace(layer, terms=(turned,), bias=np.asarray(layer.bias, np.int64) * sign))
    return True
