"""A quantizer behind a tensor: the layers that make codes of it, exactly wherever that can be."""

from dataclasses import replace
from typing import Literal

import numpy as np

from hwsim.layers import (
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Flatten,
    GlobalAvgPool,
    HardTanh,
    MaxPool2d,
    Quantize,
    Rearrange,
    ReLU,
    Sign,
    Synaptic,
)
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import Chain, evaluate, factor_of
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import WIDEST, absorbed

LAYER_ROUNDINGS: dict[str, Literal["half_even", "floor"]] = {
    "ROUND": "half_even",
    "HALF_EVEN": "half_even",
    "FLOOR": "floor",
}
"""Roundings that a Quantize has, by QONNX's names."""

KEEPING_SIGN = (AvgPool2d, Concat, Flatten, GlobalAvgPool, MaxPool2d, Rearrange)
"""Layers whose results are what they read, or sums of as many as their bound is larger."""

FEW_LEVELS = 4
"""Up to so many bits, thresholds stand for a ratio of steps that is no power of two. [bits]"""


def _rounding(quantizer: Quantizer) -> Literal["half_even", "half_up", "floor"] | None:
    """A Quantize's rounding; QONNX's HALF_UP rounds away from zero, which is up where no code is negative."""
    if quantizer.rounding == "HALF_UP" and not quantizer.signed:
        return "half_up"
    if quantizer.rounding in ("ROUND", "HALF_EVEN") and quantizer.zero_point % 2 and not quantizer.rounds_first:
        return None  # even around zero is odd around the zero point
    return LAYER_ROUNDINGS.get(quantizer.rounding)


def reach(builder: Builder, tensor: Tensor) -> tuple[float, float]:
    """The smallest and the largest value of codes and what waits behind them, as far as the layers before tell."""
    signal = builder.signal(tensor)
    n_channel = signal.shape[0]
    ends = np.broadcast_to(np.asarray(_code_reach(builder, tensor.layer), np.float64), (n_channel, 2))
    value = evaluate(tensor.chain, ends * np.broadcast_to(signal.step, n_channel)[:, None])
    return float(value.min()), float(value.max())


def _code_reach(builder: Builder, name: str) -> tuple[int, int]:
    """Of a layer's codes, less their zero point: of pooled ones as many times those of what is pooled as are added."""
    layer, signal = builder.layers.get(name), builder.signals[name]
    lowest = max(-signal.bound, signal.format.lowest - signal.zero_point)
    highest = min(signal.bound, signal.format.highest - signal.zero_point)
    if isinstance(layer, Add) and not layer.signs and all(_code_reach(builder, each)[0] >= 0 for each in layer.inputs):
        return 0, highest
    if not isinstance(layer, KEEPING_SIGN):
        return (0 if isinstance(layer, ReLU) else lowest), highest
    bound = max(builder.signals[each].bound for each in layer.inputs)
    ends = [_code_reach(builder, each) for each in layer.inputs]
    least, most = (min(low for low, _ in ends), max(high for _, high in ends))
    times = signal.bound // bound if bound else 1
    return max(lowest, least * times), min(highest, most * times)


def quantized(builder: Builder, tensor: Tensor, quantizer: Quantizer, name: str) -> Tensor:
    """Codes of a tensor, and what they wait for: their factor."""
    real = builder.is_real(tensor)
    if real and isinstance(builder.layers.get(tensor.layer), Synaptic):
        tensor = builder.make(tensor)  # into its weights
    scale = _scale(builder, tensor, quantizer)
    if quantizer.is_bipolar:
        return _bipolar(builder, tensor, quantizer, scale, name)
    if not scale.ndim and _wants_thresholds(builder, tensor, quantizer, scale):
        result = absorbed(builder, tensor, quantizer, scale, name)
        if result is not None:
            return result
    if real:
        tensor = builder.make(tensor)
    if _rounding(quantizer) is None:
        raise Refused(f"rounding {quantizer.rounding} of {'real numbers' if real else 'so many levels'}")
    factor, relu = _rest(tensor.chain)
    if factor is None:
        tensor, factor = builder.make(tensor), 1.0
    elif relu is not None:
        tensor = replace(tensor, layer=builder.add(relu, tensor.layer))
    return _codes(builder, tensor, quantizer, scale, factor, name)


def _codes(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, factor: float, name: str) -> Tensor:
    """A Quantize, whose codes are in units of the factor that waits."""
    layer = Quantize(
        name,
        scale=factor / scale,
        bit_width=quantizer.bit_width,
        signed=quantizer.signed,
        narrow_range=quantizer.narrow and quantizer.signed,
        zero_point=quantizer.zero_point,
        rounding=_rounding(quantizer) or "half_even",
    )
    read = builder.signal(tensor)
    if not read.format.is_real and layer.ratio(read).kind == "multiply":
        widest = next((n for n in (32, 24, 16) if read.bound < 2 ** (62 - n)), 16)
        layer = replace(layer, multiplier_bit_width=widest)
        builder.remarks.append(
            f"{name}: steps in a ratio that is no power of two, as a multiplier of {widest} bits: next to a tie a "
            "code may be the neighbouring one"
        )
    made = builder.add(layer, tensor.layer)
    if quantizer.narrow and not quantizer.signed:
        # the highest code is not used either; half a code more is the same limit
        limit = (quantizer.highest - quantizer.zero_point + 0.5) * float(np.max(scale)) / factor
        if scale.ndim:
            raise Refused("a narrow range of unsigned codes with a scale per channel")
        made = builder.add(HardTanh(f"{name}_limit", lowest=-np.inf, highest=limit), made)
    chain: Chain = () if factor == 1 else (Affine(f"{name}_factor", scale=factor),)
    return replace(tensor, layer=made, chain=chain, is_alone=True)


def _rest(chain: Chain) -> tuple[float | None, ReLU | None]:
    """The factor of a chain that is only that, and a ReLU before or after it; else None."""
    relus = [each for each in chain if isinstance(each, ReLU)]
    factor = factor_of(tuple(each for each in chain if not isinstance(each, ReLU)))
    return factor, relus[0] if relus and factor is not None else None


def _wants_thresholds(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array) -> bool:
    """Whether thresholds are what is exact, and cheap enough."""
    if quantizer.bit_width > WIDEST:
        return False
    if builder.is_real(tensor):
        # a few comparisons cost less than scale and offset
        return _rounding(quantizer) is None or (bool(tensor.chain) and quantizer.bit_width <= FEW_LEVELS)
    factor, _ = _rest(tensor.chain)
    if factor is None or _rounding(quantizer) is None:
        return True
    mantissa, _ = np.frexp(np.asarray(builder.signal(tensor).step * factor / scale))
    return quantizer.bit_width <= FEW_LEVELS and bool(np.any(mantissa != 0.5))


def _scale(builder: Builder, tensor: Tensor, quantizer: Quantizer) -> Array:
    """The quantizer's scale as one number, or one per channel of the tensor's layer."""
    shape = builder.spread(tensor, quantizer.scale)
    varies = [axis for axis, n in enumerate(shape) if n > 1]
    flat = quantizer.scale.ravel()
    if np.all(flat == flat[0]):
        return np.asarray(flat[0])
    if len(varies) != 1 or tensor.places[varies[0]] != 0:
        raise Refused(f"its scale of shape {quantizer.scale.shape} differs otherwise than by channel")
    return flat


def _bipolar(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array, name: str) -> Tensor:
    """-1 and 1, times a factor that waits."""
    if scale.ndim:
        raise Refused("codes of -1 and 1 with a scale per channel")
    if not builder.is_real(tensor) and factor_of(tensor.chain) is None:
        result = absorbed(builder, tensor, quantizer, scale, name)
        if result is not None:
            return result
    if builder.is_real(tensor) or factor_of(tensor.chain) is None:
        tensor = builder.make(tensor)
    made = builder.add(Sign(name), tensor.layer)
    chain: Chain = () if scale == 1 else (Affine(f"{name}_factor", scale=scale),)
    return replace(tensor, layer=made, chain=chain, is_alone=True)
