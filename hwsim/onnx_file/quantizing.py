"""A quantizer behind a tensor: the layers that make codes of it, exactly wherever that can be."""

from dataclasses import replace
from typing import Literal

import numpy as np

from hwsim.network.canonical.curves import evaluate
from hwsim.network.code_boundaries import fewest_bits
from hwsim.network.layers import Add, Affine, HardTanh, MultiThreshold, Quantize, ReLU, Sign, Synaptic
from hwsim.onnx_file.builder import Builder
from hwsim.onnx_file.chain import Chain, factor_of
from hwsim.onnx_file.coded import Quantizer
from hwsim.onnx_file.graph import Array
from hwsim.onnx_file.refusal import Refused
from hwsim.onnx_file.requantizing import Requantized, is_straight, is_sum, one_or_all, requantized
from hwsim.onnx_file.tensor import Tensor
from hwsim.onnx_file.thresholds import WIDEST, absorbed

LAYER_ROUNDINGS: dict[str, Literal["half_even", "floor"]] = {
    "ROUND": "half_even",
    "HALF_EVEN": "half_even",
    "FLOOR": "floor",
}
"""Roundings that a Quantize has, by QONNX's names."""

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
    if layer is None or not layer.keeps_sign:
        return (0 if isinstance(layer, ReLU) else lowest), highest
    bound = max(builder.signals[each].bound for each in layer.inputs)
    ends = [_code_reach(builder, each) for each in layer.inputs]
    least, most = (min(low for low, _ in ends), max(high for _, high in ends))
    times = signal.bound // bound if bound else 1
    return max(lowest, least * times), min(highest, most * times)


def quantized(builder: Builder, tensor: Tensor, quantizer: Quantizer, name: str) -> Tensor:
    """Codes of a tensor, and what they wait for: their factor; probabilities at the graph's end as they are."""
    if tensor.layer in builder.probabilities:
        builder.remarks.append(f"{name} is left out: outputs are the numbers that it rounds to codes")
        return tensor
    real = builder.is_real(tensor)
    if real and isinstance(builder.layers.get(tensor.layer), Synaptic):
        tensor = builder.make(tensor)  # into its weights
    scale = _scale(builder, tensor, quantizer)
    if quantizer.is_bipolar:
        return _bipolar(builder, tensor, quantizer, scale, name)
    if not scale.ndim and _wants_thresholds(builder, tensor, quantizer, scale):
        result = absorbed(builder, tensor, quantizer, scale, name)
        if result is not None:
            if not real:
                why = _why_thresholds(tensor, quantizer)
                builder.remarks.append(f"{name}: {why}: thresholds of accumulators, which are exact")
            return result
    if _rounding(quantizer) is None:
        raise Refused(f"rounding {quantizer.rounding} of {'real numbers' if real else 'so many levels'}")
    rest = None if real else requantized(builder, tensor)
    if rest is None:
        rest = Requantized(builder.make(tensor))
    return _codes(builder, rest, quantizer, scale, name)


def around(builder: Builder, tensor: Tensor, zero_point: int, name: str) -> Tensor:
    """Codes as they are, which stand for what they are more than their zero point."""
    read, offset = builder.signal(tensor).format, -float(zero_point)
    layer = Quantize(name, bit_width=read.bit_width, signed=read.signed, zero_point=zero_point, offset=offset)
    return replace(tensor, layer=builder.add(layer, tensor.layer))


def _codes(builder: Builder, rest: Requantized, quantizer: Quantizer, scale: Array, name: str) -> Tensor:
    """A Quantize, whose codes are in units of the factor that waits."""
    tensor, factor, read = rest.tensor, rest.factor, builder.signal(rest.tensor)
    layer = Quantize(
        name,
        scale=factor / scale,
        bit_width=quantizer.bit_width,
        signed=quantizer.signed,
        narrow_range=quantizer.narrow and quantizer.signed,
        zero_point=quantizer.zero_point,
        rounding=_rounding(quantizer) or "half_even",
        offset=one_or_all(np.asarray(rest.offset / scale)),
    )
    if not read.format.is_real:
        layer = _requantizing(builder, layer, tensor)
    made = builder.add(layer, tensor.layer)
    made = _clipped(builder, made, rest.after, quantizer, scale, factor)
    chain: Chain = () if factor == 1 else (Affine(f"{name}_factor", scale=factor),)
    return replace(tensor, layer=made, chain=chain, is_alone=True)


def _requantizing(builder: Builder, layer: Quantize, tensor: Tensor) -> Quantize:
    """The layer with its multiplier's width; what it does, and why, is noted."""
    read = builder.signal(tensor)
    reasons = [] if layer.ratio(read).kind != "multiply" else ["steps in a ratio that is no power of two"]
    means, remark = "a shift", "every code is the nearest"
    if reasons and not is_sum(builder, tensor):
        bits, is_nearest = fewest_bits(layer, read)
        layer = replace(layer, multiplier_bit_width=bits)
        means = f"a multiplier of {bits} bits and a shift"
        remark = remark if is_nearest else "next to a tie a code may be the neighbouring one"
    elif reasons:
        means = "multipliers before the sum and a shift"
        remark = "as many bits as make every sum the nearest code, 32 at most"
    if np.any(layer.offset):
        reasons.append("an offset that is no whole number of accumulator steps")
        means += " and a stored constant" + " per channel" * np.ndim(layer.offset)
    if reasons:
        builder.remarks.append(f"{layer.name}: {', and '.join(reasons)}: requantized by {means}; {remark}")
    return layer


def _clipped(builder: Builder, made: str, after: Chain, quantizer: Quantizer, scale: Array, factor: float) -> str:
    """Clips behind scale and offset, as limits of the codes: rounding keeps the order of numbers."""
    levels = quantizer.lowest - quantizer.zero_point, quantizer.highest - quantizer.zero_point
    lowest, highest = levels[0], levels[1] + (quantizer.narrow and not quantizer.signed)
    step = np.asarray(np.max(scale), np.float32)
    for clip in after:
        limits = (0.0, np.inf) if isinstance(clip, ReLU) else (clip.lowest, clip.highest)  # type: ignore[attr-defined]
        low, high = (int(quantizer.level(np.asarray(each, np.float32), step)) for each in limits)
        levels = max(levels[0], low), min(levels[1], high)
    if levels == (lowest, highest):
        return made
    if levels == (0, highest):
        return builder.add(ReLU(f"{builder.layers[made].name}_relu"), made)
    if scale.ndim:
        raise Refused("limits within the range of codes that have a scale per channel")
    # half a code more is the same limit
    ends = [(level + more) * float(scale) / factor for level, more in zip(levels, (-0.5, 0.5), strict=True)]
    ends = [ends[0] if levels[0] > lowest else -np.inf, ends[1] if levels[1] < highest else np.inf]
    return builder.add(HardTanh(f"{builder.layers[made].name}_limit", lowest=ends[0], highest=ends[1]), made)


def _is_shift(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array) -> bool:
    """Whether a quantizer of what waits for nothing is but a shift."""
    if quantizer.is_bipolar or tensor.chain or _rounding(quantizer) is None:
        return False
    step = 1.0 if builder.is_real(tensor) else builder.signal(tensor).step
    return bool(np.all(np.frexp(np.asarray(step / scale))[0] == 0.5))


def _wants_thresholds(builder: Builder, tensor: Tensor, quantizer: Quantizer, scale: Array) -> bool:
    """Whether thresholds are all that is exact, cheap enough, or asked for."""
    if quantizer.bit_width > WIDEST:
        return False
    if quantizer.bit_width == 1 and not _is_shift(builder, tensor, quantizer, scale):
        return True
    if builder.is_real(tensor):
        # a few comparisons cost less than scale and offset
        return _rounding(quantizer) is None or (bool(tensor.chain) and quantizer.bit_width <= FEW_LEVELS)
    if _rounding(quantizer) is None or not is_straight(tensor.chain):
        return True
    if builder.signal(tensor).zero_point:
        return False
    if quantizer.bit_width > FEW_LEVELS and not builder.thresholds:
        return False
    factor = factor_of(tuple(each for each in tensor.chain if not isinstance(each, ReLU)))
    if factor is None:
        return True
    mantissa, _ = np.frexp(np.asarray(builder.signal(tensor).step * factor / scale))
    return bool(np.any(mantissa != 0.5)) and not is_sum(builder, tensor)


def _why_thresholds(tensor: Tensor, quantizer: Quantizer) -> str:
    if _rounding(quantizer) is None:
        return f"rounding {quantizer.rounding}, which no shift has"
    if not is_straight(tensor.chain):
        return "more than scale, offset and limits before a quantizer"
    return f"codes of {quantizer.bit_width} bits" + (", and asked for" if quantizer.bit_width > FEW_LEVELS else "")


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
    """-a and a: binary codes."""
    if scale.ndim:
        raise Refused("codes of -1 and 1 with a scale per channel")
    if not builder.is_real(tensor) and factor_of(tensor.chain) is None:
        result = absorbed(builder, tensor, quantizer, scale, name)
        if result is not None:
            return result
    if builder.is_real(tensor) or factor_of(tensor.chain) is None:
        tensor = builder.make(tensor)
    is_sign = scale == 1
    layer = Sign(name) if is_sign else MultiThreshold(name, (), np.zeros((1, 1)), float(2 * scale), -float(scale))
    return replace(tensor, layer=builder.add(layer, tensor.layer), chain=(), is_alone=True)
