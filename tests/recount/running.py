"""Running a network in plain numpy: the codes that each stage leaves, for every frame.

Integers are exact, so that one run serves every execution. Real sums are taken in float32, one event after another in
the order of the inputs; under delta they are kept from frame to frame, and so is what rounding makes of them.
"""

import numpy as np

from .signals import along, fixed_affine, is_integer_layer, quantize_format, requantization
from .windows import windows


def run(found, frames, execution):
    """By stage: its codes less their zero points, or real values. (frames, *shape)"""
    values = {"input": _arriving(found[0], frames)}
    for stage in found[1:]:
        reads = [values[name] for name in stage.sources]
        made = _synaptic(stage, reads[0], frames, execution) if stage.is_synaptic else _joined(stage, reads)
        values[stage.name] = _fused(stage, made)
    return values


def _arriving(stage, frames):
    codes = frames.codes
    if stage.made.format.is_real:
        values = (codes.astype(np.float64) * frames.step).astype(np.float32)
    else:
        values = codes.astype(np.int64)
    return _fused(stage, values)


def _fused(stage, values):
    for layer, read, made in stage.steps:
        if layer.type == "flatten":
            values = values.reshape(len(values), -1)
        elif layer.type == "relu":
            values = np.maximum(values, 0)
        elif layer.type == "sign":
            values = np.where(values >= 0, 1, -1)
        elif layer.type == "affine":
            values = _affine(layer, read, values)
        elif layer.type == "quantize":
            values = _quantize(layer, read, made, values)
    return values


def _affine(layer, read, values):
    if read.format.is_real:
        scale, offset = (along(layer.number(key).astype(np.float32), read.shape) for key in ("scale", "offset"))
        return values * scale + offset
    fixed = fixed_affine(layer, read)
    return values * along(fixed.multipliers, read.shape) + along(fixed.offsets, read.shape)


def _quantize(layer, read, made, values):
    form, zero = quantize_format(layer), layer.settings["zero_point"]
    if read.format.is_real:
        codes = np.floor(values.astype(np.float64) * along(layer.number("scale"), read.shape) + 0.5).astype(np.int64)
    else:
        ratio = requantization(layer, read)
        shifts = along(ratio.shifts, read.shape)
        half = np.where(shifts > 0, 1 << np.maximum(shifts - 1, 0), 0)
        codes = (values * along(ratio.multipliers, read.shape) + half) >> shifts
    return np.clip(codes, form.lowest - zero, form.highest - zero)


def _synaptic(stage, read, frames, execution):
    layer, signal = stage.producer, stage.reads[0]
    bias = np.zeros(1) if layer.bias is None else layer.bias
    bias = along(bias, stage.made.shape)
    if is_integer_layer(layer, signal):
        (codes, _, _), *_ = layer.terms()
        return _integer_sums(layer, codes, read, stage.made.shape) + bias.astype(np.int64)
    sums, read = [], read.astype(np.float32)
    for i, (codes, _, _) in enumerate(layer.terms()):
        start = np.zeros(stage.made.shape) + (bias if i == 0 else 0)
        start = (start / along(layer.terms()[0][1] * signal.step, start.shape)).astype(np.float32)
        weights = codes.astype(np.float32)
        if execution == "delta":
            sums.append(_kept_sums(layer, weights, read, start, frames))
        else:
            total = np.repeat(start[None], len(read), axis=0)
            _deliver(layer, weights, read, total)
            sums.append(total)
    return _scaled(layer, signal.step, sums)


def _scaled(layer, step, sums):
    """Real sums times the scales of weights and codes."""
    scales = [along((scale * step).astype(np.float32), sums[0].shape[1:]) for _, scale, _ in layer.terms()]
    total = sums[0] * scales[0]
    return total if len(sums) == 1 else total + sums[1] * scales[1]


def _kept_sums(layer, weights, read, start, frames):
    """Real accumulators under delta: they receive differences, and start anew where a stream begins."""
    total = np.empty((len(read), *start.shape), np.float32)
    for i, first in enumerate(frames.is_first):
        sums, last = (start, np.zeros_like(read[0])) if first else (total[i - 1], read[i - 1])
        total[i] = sums
        _deliver(layer, weights, (read[i] - last)[None], total[i : i + 1])
    return total


def _deliver(layer, weights, events, total):
    """Add real events to sums, in place, one input after another."""
    if layer.type == "dense":
        for i in range(events.shape[1]):
            if events[:, i].any():
                total += events[:, i, None] * weights[i]
        return
    taps = windows(layer, events.shape[2:]).taps
    made_per_group = weights.shape[0] // layer.settings["groups"]
    for tap in taps:  # pixel by pixel, and the channels of a pixel one after another
        for channel in range(events.shape[1]):
            group, place = divmod(channel, weights.shape[1])
            out = slice(group * made_per_group, (group + 1) * made_per_group)
            column = weights[out, place, *tap.place]
            met = events[:, channel, None, *tap.read]
            total[:, out, *tap.made] += met * column[:, None, None]


def _integer_sums(layer, codes, read, shape):
    """Exact in float64: sums of codes stay far below 2**53."""
    weights = codes.astype(np.float64)
    if layer.type == "dense":
        return np.rint(read.astype(np.float64) @ weights).astype(np.int64)
    total = np.zeros((len(read), *shape), np.int64)
    groups = layer.settings["groups"]
    made, met = weights.shape[0] // groups, weights.shape[1]
    for tap in windows(layer, read.shape[2:]).taps:
        for group in range(groups):
            out, into = slice(group * made, (group + 1) * made), slice(group * met, (group + 1) * met)
            column = weights[out, :, *tap.place]
            total[:, out, *tap.made] += np.einsum(
                "oc,fcyx->foyx", column, read[:, into, *tap.read].astype(np.float64), optimize=True
            ).astype(np.int64)
    return total


def _joined(stage, reads):
    layer, read = stage.producer, reads[0]
    if layer.type == "add":
        signs = layer.settings.get("signs") or (1,) * len(reads)
        return sum(sign * values for sign, values in zip(signs, reads, strict=True))
    slides = windows(layer, read.shape[2:])
    if layer.type == "maxpool2d":
        lowest = -np.inf if stage.made.format.is_real else np.iinfo(np.int64).min
        made, join = np.full((len(read), *stage.made.shape), lowest, read.dtype), np.maximum
    else:
        made, join = np.zeros((len(read), *stage.made.shape), read.dtype), np.add
    for tap in slides.taps:
        made[:, :, *tap.made] = join(made[:, :, *tap.made], read[:, :, *tap.read])
    return made
