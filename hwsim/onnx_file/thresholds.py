"""Element-wise layers and the quantizer after them, as thresholds of the numbers before them: exact."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hwsim.network.canonical.bisection import LARGEST, bisected, number
from hwsim.network.canonical.curves import evaluate
from hwsim.network.layers import Affine, MultiThreshold, Synaptic, unless_zero
from hwsim.network.layers.weight import per_channel
from hwsim.network.signals import FloatArray, IntArray, Signal
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import Chain, is_rising
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor

WIDEST = 8
"""Codes of more bits are not made by thresholds, of which there would be too many. [bits]"""


def absorbed(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, name: str) -> Tensor | None:
    """A chain and the quantizer behind it as one MultiThreshold; None where they cannot be.

    A channel of integers in which the chain falls is turned: the weights before it change their signs.
    """
    signal = builder.signal(tensor)
    if signal.format.is_real:
        return _of_real_numbers(builder, tensor, quantizer, scale, name)
    n_channel = signal.shape[0]
    reach = np.full(n_channel, signal.bound, np.int64)
    ends = [_level(tensor.chain, quantizer, scale, signal, code)[:, 0] for code in (-reach[:, None], reach[:, None])]
    sign = np.where(ends[0] > ends[1], -1, 1)
    if np.any(sign < 0):
        if not turned(builder, tensor, sign):
            return None
        signal = builder.signal(tensor)
    code = _thresholds(tensor.chain, quantizer, scale, signal, sign)
    # a comparison with half a code below is the same, and no rounding can touch it
    threshold = (code - 0.5) * np.broadcast_to(signal.step, n_channel)[:, None]
    return _made(builder, tensor, quantizer, scale, threshold, name)


def _of_real_numbers(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, name: str) -> Tensor | None:
    """The smallest float32 that reaches each level, by bisection over all of them in order."""
    if any(not isinstance(each, Affine) or np.any(np.asarray(each.scale) <= 0) for each in tensor.chain):
        return None

    def enough(place: IntArray) -> npt.NDArray[np.bool_]:
        with np.errstate(over="ignore"):  # beyond float32 lies the highest level
            value = evaluate(tensor.chain, number(place)).astype(np.float32)
        return np.asarray(quantizer.level(value, scale.astype(np.float32)) >= _levels(quantizer))

    place = bisected(enough, (builder.signal(tensor).shape[0], len(_levels(quantizer))), LARGEST)
    # between two float32 numbers, so that a code whose value rounds to the upper one reaches it too
    return _made(builder, tensor, quantizer, scale, (number(place - 1) + number(place)) / 2, name)


def _levels(quantizer: Quantizer) -> IntArray:
    """The levels above the lowest."""
    rise = 2 if quantizer.is_bipolar else 1
    return np.arange(quantizer.lowest + rise, quantizer.highest + 1, rise) - quantizer.zero_point


def _made(
    builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, threshold: FloatArray, name: str
) -> Tensor:
    """The layer, with one row of thresholds where channels have the same."""
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
    """The smallest code of every channel that reaches each level above the lowest. (C, T)"""

    def enough(code: IntArray) -> npt.NDArray[np.bool_]:
        return np.asarray(_level(chain, quantizer, scale, signal, sign[:, None] * code) >= _levels(quantizer))

    return bisected(enough, (signal.shape[0], len(_levels(quantizer))), signal.bound)


def rising(builder: Builder, tensor: Tensor) -> Tensor | None:
    """The tensor with a chain that rises in every channel, those in which it falls being turned; None where it cannot.

    A largest number may be taken before such a chain, which goes on waiting.
    """
    if is_rising(tensor.chain):
        return tensor
    first, *rest = tensor.chain
    if builder.is_real(tensor) or not isinstance(first, Affine) or not is_rising(tuple(rest)):
        return None
    scale = np.asarray(first.scale)
    sign = np.broadcast_to(np.where(scale < 0, -1, 1), builder.signal(tensor).shape[:1])
    if np.any(scale == 0) or not turned(builder, tensor, sign):
        return None
    return replace(tensor, chain=(replace(first, scale=np.abs(scale)), *rest))


def turned(builder: Builder, tensor: Tensor, sign: IntArray) -> bool:
    """Change the signs of the weights and biases of some channels; whether that can be done."""
    layer = builder.layers.get(tensor.layer)
    if not tensor.is_alone or not isinstance(layer, Synaptic) or len(layer.terms) != 1:
        return False
    (term,) = layer.terms
    code, format = term.code * per_channel(sign, term.code.ndim), term.format
    beyond = code.max() > format.highest or code.min() < format.lowest
    if format.kind == "integer" and not term.is_offset and beyond:
        format = replace(format, bit_width=format.bit_width + 1, signed=True, narrow_range=False)
        builder.remarks.append(f"{layer.name}: weights of one bit more, since channels are turned")
    try:
        turned = replace(term, format=format).turned(sign)
    except ValueError as error:
        raise Refused(str(error)) from None
    builder.change(replace(layer, terms=(turned,), bias=unless_zero(np.asarray(layer.start, np.int64) * sign)))
    return True
