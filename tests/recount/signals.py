"""What each layer makes, before anything runs: formats, steps and bounds of signals, and fixed-point parameters."""

from dataclasses import dataclass

import numpy as np

from .number_formats import Format, bits_for, wide


@dataclass(frozen=True)
class Signal:
    shape: tuple
    format: Format
    step: object  # real value of one code: a number, or one per channel
    bound: int = 0  # largest magnitude of a code less its zero point

    @property
    def n(self):
        return int(np.prod(self.shape))


def along(parameter, shape):
    """A number, or one per channel, laid out to meet frames of a shape."""
    parameter = np.asarray(parameter)
    return parameter if parameter.ndim == 0 else parameter.reshape(-1, *(1,) * (len(shape) - 1))


def multiplier(ratio, bits):
    """A ratio as (multiplier, shift): the nearest signed multiplier of so many bits."""
    shift = 0
    while shift < 62 and round(ratio * 2 ** (shift + 1)) < 2 ** (bits - 1):
        shift += 1
    return round(ratio * 2**shift), shift


@dataclass(frozen=True)
class Requantization:
    kind: str  # none, shift, multiply
    multipliers: np.ndarray
    shifts: np.ndarray


def requantization(layer, read):
    """How a Quantize turns codes of one step into codes of another."""
    ratios = np.atleast_1d(np.asarray(read.step, np.float64) * layer.number("scale"))
    mantissas, exponents = np.frexp(ratios)
    if np.all(mantissas == 0.5):
        kind, exponents = "none" if np.all(ratios == 1) else "shift", exponents.astype(np.int64) - 1
        return Requantization(kind, 2 ** np.maximum(exponents, 0), np.maximum(-exponents, 0))
    pairs = [multiplier(ratio, layer.settings["multiplier_bit_width"]) for ratio in ratios]
    return Requantization("multiply", np.array([m for m, _ in pairs]), np.array([s for _, s in pairs]))


@dataclass(frozen=True)
class FixedAffine:
    multipliers: np.ndarray
    offsets: np.ndarray
    shift: int


def fixed_affine(layer, read):
    """Scale and offset of an Affine on integers: whole numbers of one step, a power of two."""
    scales = np.atleast_1d(np.asarray(read.step, np.float64) * layer.number("scale"))
    offsets = np.atleast_1d(layer.number("offset"))
    limit = 2 ** (layer.settings["multiplier_bit_width"] - 1)
    shift = -62
    while shift < 62 and np.max(np.abs(np.round(scales * 2.0 ** (shift + 1)))) < limit:
        shift += 1
    rounded = (np.round(np.ldexp(values, shift)).astype(np.int64) for values in (scales, offsets))
    return FixedAffine(*rounded, shift)


def affine_signal(layer, read):
    if read.format.is_real:
        return Signal(read.shape, read.format, read.step)
    fixed = fixed_affine(layer, read)
    bound = int(np.max(np.abs(fixed.multipliers) * read.bound + np.abs(fixed.offsets)))
    return Signal(read.shape, wide(bound), 2.0**-fixed.shift, bound)


def affine_widths(layer, read):
    """Of an Affine on integers: format of its addition, and bits that one channel stores."""
    fixed = fixed_affine(layer, read)
    product = int(np.max(np.abs(fixed.multipliers))) * read.bound
    largest = int(np.max(np.abs(fixed.offsets)))
    varies = "scale" in layer.arrays or np.ndim(read.step) > 0
    stored = layer.settings["multiplier_bit_width"] if varies else 0
    stored += bits_for(largest) if "offset" in layer.arrays else 0
    return wide(max(product, largest)), stored


def quantize_format(layer):
    settings = layer.settings
    return Format("integer", settings["bit_width"], settings["signed"], settings["narrow_range"])


def quantize_signal(layer, read):
    form, zero = quantize_format(layer), layer.settings["zero_point"]
    bound = max(abs(form.lowest - zero), abs(form.highest - zero))
    return Signal(read.shape, form, 1 / layer.number("scale"), bound)


def is_integer_layer(layer, read):
    return not read.format.is_real and all(not form.is_real for _, _, form in layer.terms())


def term_bounds(layer, read):
    """Largest magnitude that each term's accumulator can reach: the worst neuron's."""
    bounds = []
    for i, (codes, _, _) in enumerate(layer.terms()):
        axes = 0 if layer.type == "dense" else (1, 2, 3)
        sums = np.abs(codes.astype(np.int64)).sum(axis=axes) * read.bound
        if i == 0 and layer.bias is not None:
            sums = sums + np.abs(layer.bias.astype(np.int64))
        bounds.append(int(sums.max()))
    return bounds


def accumulators(layer, read):
    """Formats of the accumulators, one per term."""
    if not is_integer_layer(layer, read):
        return [Format("real", 32)] * len(layer.terms())
    if layer.settings.get("accumulator"):
        return [Format("integer", int(layer.settings["accumulator"]))] * len(layer.terms())
    return [wide(bound) for bound in term_bounds(layer, read)]
