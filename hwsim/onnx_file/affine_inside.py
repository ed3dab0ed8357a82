"""Scales and offsets behind a synaptic layer, taken into its weights and biases."""

from dataclasses import replace

import numpy as np

from hwsim.network.layers import Affine, Synaptic, Weight, unless_zero
from hwsim.network.layers.weight import per_channel
from hwsim.network.signals import Signal
from hwsim.onnx_file.graph import Array


def with_affine_inside(layer: Synaptic, affine: Affine, signal: Signal) -> Synaptic | None:
    """The layer that makes what an Affine makes of its sums, but for roundings of float32; None where there is none."""
    return _of_real_numbers(layer, affine) if signal.format.is_real else _of_codes(layer, affine, signal.step)


def _of_real_numbers(layer: Synaptic, affine: Affine) -> Synaptic | None:
    """Real arithmetic: weights, or their scales, times the factor, rounded to float32 once."""
    scale, offset = (np.broadcast_to(each, (layer.n_channel,)) for each in (affine.scale, affine.offset))
    term = layer.terms[0]
    bias = unless_zero(np.asarray(layer.start * scale + offset, np.float64))
    if term.format.is_real:
        along = scale if term.code.ndim == 2 else scale[:, None, None, None]
        with np.errstate(over="ignore"):  # which Weight refuses
            weight = Weight((term.value * along).astype(np.float32), term.format)
        return replace(layer, terms=(weight,), bias=bias)
    terms = tuple(_scaled(each, np.asarray(affine.scale, np.float64)) for each in layer.terms)
    return None if None in terms else replace(layer, terms=terms, bias=bias)  # type: ignore[arg-type]


def _scaled(term: Weight, scale: Array) -> Weight | None:
    """Coded weights times a factor, which where it is negative turns their codes; None where they cannot be turned."""
    if np.any(scale == 0):
        return None
    sign = np.where(scale < 0, -1, 1)
    code = term.code * per_channel(sign, term.code.ndim)
    if not term.is_offset and (code.max() > term.format.highest or code.min() < term.format.lowest):
        return None
    return replace(term.turned(sign), scale=np.asarray(term.scale * np.abs(scale)))


def _of_codes(layer: Synaptic, affine: Affine, step: Array) -> Synaptic | None:
    """Integer arithmetic: positive factors into the scales of the weights, offsets that are whole numbers of codes."""
    scale = np.asarray(affine.scale, np.float64)
    if np.any(scale <= 0):
        return None
    # biases are codes of the first term's sums, of which those of two terms may be parts
    step = step if len(layer.terms) == 1 else step * 2.0 ** int(layer.merge.shift.max())
    whole = whole_codes(np.asarray(affine.offset, np.float64), np.asarray(step * scale))
    if whole is None:
        return None
    terms = tuple(replace(term, scale=np.asarray(term.scale) * scale) for term in layer.terms)
    return replace(layer, terms=terms, bias=unless_zero(np.asarray(layer.start + whole, np.int64)))


def whole_codes(value: Array, step: Array) -> Array | None:
    """Values as codes of a step, if they are whole numbers of it but for float32's rounding; else None."""
    exact = np.asarray(value / step)
    code = np.rint(exact)
    if np.any(np.abs(exact - code) > np.abs(exact) * 2.0**-22) or np.any(np.abs(code) >= 2.0**62):
        return None
    return code.astype(np.int64)


def is_between_codes(lowest: float, highest: float, signal: Signal) -> bool:
    """Whether one of two limits is no code's value."""
    limits = [each for each in (lowest, highest) if np.isfinite(each)]
    return not signal.format.is_real and any(whole_codes(np.asarray(each), signal.step) is None for each in limits)


def whole_factor_bits(affine: Affine, signal: Signal) -> int:
    """Bits of multipliers that are the factors themselves, of whole numbers that stay such; 0 of any others. [bits]"""
    whole = all(np.all(np.asarray(each) % 1 == 0) for each in (signal.step, affine.scale, affine.offset))
    largest = float(np.abs(affine.scale).max() * np.max(signal.step))
    return int(largest).bit_length() + 1 if whole and largest < 2**31 else 0
